//! `/.imgfs`: a directory that is not listed in the root, like `.zfs`, but can always be entered. It
//! shows what the merged tree does not:
//!
//! | name | contents |
//! |---|---|
//! | `arch/` | the sidecar texts of the whole image, where nothing can shadow them |
//! | `binaries.tsv` | a line for each executable, a column for each key |
//! | `findings.tsv` | what will not run, and why |
//! | `hidden/N/` | the files that layer N added and a later layer removed |
//! | `image/` | the documents as shipped, and the history as lines |
//! | `layers/N/` | layer N alone, as shipped |
//! | `status` | the state of the cache, counts of requests and errors |

mod arch;
mod documents;
mod status;
mod table;

use super::ino::{Ino, MAX_LAYERS, Which};
use super::{Attr, DirEntry, FileType, ImageFs, ViewError};
use crate::tree::Tree;

pub(super) use status::Statuses;
pub(super) use table::Table;

/// The name of the directory in the root.
pub const CONTROL: &[u8] = b".imgfs";

/// A file or directory in `/.imgfs` that does not mirror a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `/.imgfs` itself.
    Top,
    Binaries,
    Findings,
    /// The directory with one subdirectory for each layer.
    Layers,
    /// The directory of the image's documents.
    Image,
    Config,
    History,
    Index,
    Manifest,
}

impl Place {
    const ALL: [Self; 9] = [
        Self::Top,
        Self::Binaries,
        Self::Findings,
        Self::Layers,
        Self::Image,
        Self::Config,
        Self::History,
        Self::Index,
        Self::Manifest,
    ];

    pub(super) fn ino(self) -> Ino {
        let number = Self::ALL.iter().position(|place| *place == self);
        Ino::Control(number.unwrap_or_default() as u32)
    }

    pub(super) fn of(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    fn is_directory(self) -> bool {
        matches!(self, Self::Top | Self::Layers | Self::Image)
    }
}

/// A name in one of the directories of this module.
type Listed = (Vec<u8>, Ino, FileType);

fn directory(name: &str, ino: Ino) -> Listed {
    (name.into(), ino, FileType::Directory)
}

fn file(name: &str, place: Place) -> Listed {
    (name.into(), place.ino(), FileType::Regular)
}

impl ImageFs {
    fn control_names(&self, place: Place) -> Result<Vec<Listed>, ViewError> {
        Ok(match place {
            Place::Top => vec![
                directory("arch", Ino::ArchDirectory(Tree::ROOT)),
                file("binaries.tsv", Place::Binaries),
                file("findings.tsv", Place::Findings),
                directory("hidden", Ino::Node(Which::Hidden, Tree::ROOT)),
                directory("image", Place::Image.ino()),
                directory("layers", Place::Layers.ino()),
                (b"status".to_vec(), Ino::Status(0), FileType::Regular),
            ],
            Place::Layers => (0..self.layer_count())
                .map(|n| directory(&n.to_string(), Ino::Node(Which::Layer(n), Tree::ROOT)))
                .collect(),
            Place::Image => {
                let all = [
                    file("config.json", Place::Config),
                    file("history.txt", Place::History),
                    file("index.json", Place::Index),
                    file("manifest.json", Place::Manifest),
                ];
                let has_index = self.image.documents.index.is_some();
                let there = |listed: &Listed| has_index || listed.1 != Place::Index.ino();
                all.into_iter().filter(there).collect()
            }
            _ => return Err(ViewError::NotDirectory),
        })
    }

    fn layer_count(&self) -> u32 {
        u32::try_from(self.image.layers.len())
            .unwrap_or(u32::MAX)
            .min(MAX_LAYERS)
    }

    pub(super) fn control_lookup(
        &self,
        place: Place,
        name: &[u8],
    ) -> Result<Option<Ino>, ViewError> {
        if place == Place::Top && name == b"status" {
            return Ok(Some(self.new_status()));
        }
        let names = self.control_names(place)?;
        let found = names.into_iter().find(|listed| listed.0 == name);
        Ok(found.map(|(_, ino, _)| ino))
    }

    pub(super) fn control_list(&self, place: Place) -> Result<Vec<DirEntry<'static>>, ViewError> {
        let names = self.control_names(place)?.into_iter();
        Ok(names
            .map(|(name, ino, kind)| DirEntry {
                ino: ino.number(),
                kind,
                name: name.into(),
            })
            .collect())
    }

    /// The parent of a directory.
    pub(super) fn control_parent(&self, place: Place) -> Ino {
        match place {
            Place::Top => Ino::Node(Which::Merged, Tree::ROOT),
            _ => Place::Top.ino(),
        }
    }

    pub(super) fn control_attr(&self, place: Place) -> Result<Attr, ViewError> {
        if place.is_directory() {
            return self.virtual_directory(place.ino(), Tree::ROOT);
        }
        self.text_attr(place.ino(), self.control_size(place)?)
    }

    fn control_size(&self, place: Place) -> Result<u64, ViewError> {
        match place {
            Place::Binaries => Ok(self.binaries()?.size()),
            _ => Ok(self.document(place)?.len() as u64),
        }
    }

    /// Reads a file of this module.
    pub(super) fn control_read(
        &self,
        place: Place,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, ViewError> {
        match place {
            Place::Binaries => self.read_binaries(offset, len),
            _ if place.is_directory() => Err(ViewError::IsDirectory),
            _ => Ok(super::cut(&self.document(place)?, offset, len)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lead_back() {
        for place in Place::ALL {
            let Ino::Control(number) = place.ino() else {
                panic!("{place:?}");
            };
            assert_eq!(Place::of(number), Some(place));
        }
        assert_eq!(Place::of(Place::ALL.len() as u32), None);
        assert_eq!(Place::Top.ino(), Ino::Control(0));
    }
}
