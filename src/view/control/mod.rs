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
pub(super) mod table;

use super::ino::{Ino, MAX_LAYERS, TreeId};
use super::{Attr, DirEntry, FileType, ImageFs, ViewError};
use crate::tree::Tree;

pub(super) use status::Statuses;
pub(super) use table::Table;

/// The name of the directory in the root.
pub(super) const CONTROL: &[u8] = b".imgfs";

/// A file or directory in `/.imgfs` that does not mirror a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ControlFile {
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

impl ControlFile {
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
type ControlEntry = (Vec<u8>, Ino, FileType);

fn directory(name: &str, ino: Ino) -> ControlEntry {
    (name.into(), ino, FileType::Directory)
}

fn file(name: &str, place: ControlFile) -> ControlEntry {
    (name.into(), place.ino(), FileType::Regular)
}

impl ImageFs {
    fn control_names(&self, place: ControlFile) -> Result<Vec<ControlEntry>, ViewError> {
        Ok(match place {
            ControlFile::Top => vec![
                directory("arch", Ino::ArchDirectory(Tree::ROOT)),
                file("binaries.tsv", ControlFile::Binaries),
                file("findings.tsv", ControlFile::Findings),
                directory("hidden", Ino::Node(TreeId::Hidden, Tree::ROOT)),
                directory("image", ControlFile::Image.ino()),
                directory("layers", ControlFile::Layers.ino()),
                (b"status".to_vec(), Ino::Status(0), FileType::Regular),
            ],
            ControlFile::Layers => (0..self.layer_count())
                .map(|n| directory(&n.to_string(), Ino::Node(TreeId::Layer(n), Tree::ROOT)))
                .collect(),
            ControlFile::Image => {
                let all = [
                    file("config.json", ControlFile::Config),
                    file("history.txt", ControlFile::History),
                    file("index.json", ControlFile::Index),
                    file("manifest.json", ControlFile::Manifest),
                ];
                let has_index = self.image.documents.index.is_some();
                let there =
                    |listed: &ControlEntry| has_index || listed.1 != ControlFile::Index.ino();
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
        place: ControlFile,
        name: &[u8],
    ) -> Result<Option<Ino>, ViewError> {
        if place == ControlFile::Top && name == b"status" {
            return Ok(Some(self.new_status()));
        }
        let names = self.control_names(place)?;
        let found = names.into_iter().find(|listed| listed.0 == name);
        Ok(found.map(|(_, ino, _)| ino))
    }

    pub(super) fn control_list(
        &self,
        place: ControlFile,
    ) -> Result<Vec<DirEntry<'static>>, ViewError> {
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
    pub(super) fn control_parent(&self, place: ControlFile) -> Ino {
        match place {
            ControlFile::Top => Ino::Node(TreeId::Merged, Tree::ROOT),
            _ => ControlFile::Top.ino(),
        }
    }

    pub(super) fn control_attr(&self, place: ControlFile) -> Result<Attr, ViewError> {
        if place.is_directory() {
            return self.virtual_directory(place.ino(), Tree::ROOT);
        }
        self.text_attr(place.ino(), self.control_size(place)?)
    }

    fn control_size(&self, place: ControlFile) -> Result<u64, ViewError> {
        match place {
            ControlFile::Binaries => Ok(self.binaries()?.size()),
            _ => Ok(self.document(place)?.len() as u64),
        }
    }

    /// Reads a file of this module.
    pub(super) fn control_read(
        &self,
        place: ControlFile,
        offset: u64,
        len: usize,
    ) -> Result<Vec<u8>, ViewError> {
        match place {
            ControlFile::Binaries => self.read_binaries(offset, len),
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
        for place in ControlFile::ALL {
            let Ino::Control(number) = place.ino() else {
                panic!("{place:?}");
            };
            assert_eq!(ControlFile::of(number), Some(place));
        }
        assert_eq!(ControlFile::of(ControlFile::ALL.len() as u32), None);
        assert_eq!(ControlFile::Top.ino(), Ino::Control(0));
    }
}
