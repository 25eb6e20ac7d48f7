//! Selects the files to be written: a whole tree, or the files at and below some paths.

use super::error::{ExportError, read};
use crate::query::{ResolvedPath, Walk, resolve, trail};
use crate::view::{Attr, ImageFs, ViewError};

/// The maximum length of a path without its NUL (Linux, limits.h, `PATH_MAX`). Longer paths cannot be
/// unpacked.
pub(crate) const MAX_PATH: usize = 4095;

/// The maximum depth of a walk. Below it, every path is too long.
const MAX_DEPTH: usize = MAX_PATH / 2 + 1;

/// A callback that gets a path and the attributes of the file there.
type Visitor<'a> = dyn FnMut(&[u8], Attr) -> Result<(), ExportError> + 'a;

/// Why nothing can be selected.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// The image has no layer with that number.
    #[error("{image} has {}", there(*layers))]
    NoLayer {
        /// The image.
        image: String,
        /// The number of layers that it has.
        layers: usize,
    },
    /// The image cannot be read.
    #[error(transparent)]
    View(#[from] ViewError),
}

fn there(layers: usize) -> String {
    match layers {
        0 => "no layers".to_owned(),
        1 => "layer 0 only".to_owned(),
        n => format!("layers 0 to {}", n - 1),
    }
}

/// The files of an image to be written.
#[derive(Clone, Debug)]
pub struct Selection {
    root: Attr,
    is_layer: bool,
    /// The requested paths, each with the names and attributes of its components. `None` selects all.
    picks: Option<Vec<ResolvedPath>>,
}

impl Selection {
    /// Selects the merged tree.
    ///
    /// # Errors
    /// Returns `Io` if the image cannot be read.
    pub fn merged(view: &ImageFs) -> Result<Self, ViewError> {
        Ok(Self {
            root: resolve(view, b"/", false)?,
            is_layer: false,
            picks: None,
        })
    }

    /// Selects one layer alone, with its whiteouts under their tar names.
    ///
    /// # Errors
    /// Returns `NoLayer`, or `View` if the image cannot be read.
    pub fn layer(view: &ImageFs, number: usize) -> Result<Self, SelectError> {
        let image = view.image();
        if number >= image.layers.len() {
            return Err(SelectError::NoLayer {
                image: image.name.clone(),
                layers: image.layers.len(),
            });
        }
        let path = format!("/.imgfs/layers/{number}");
        Ok(Self {
            root: resolve(view, path.as_bytes(), false)?,
            is_layer: true,
            picks: None,
        })
    }

    /// Restricts the selection to the picked paths and adds this path to them. Picking a path includes
    /// everything below it and the directories above it. Symbolic links in the middle of the path are
    /// followed inside the tree; a link at its end is not.
    ///
    /// # Errors
    /// Returns `NotFound` or `NotDirectory`, also for files that imgfs adds to the image. The path is
    /// not picked then.
    pub fn pick(&mut self, view: &ImageFs, path: &[u8]) -> Result<(), ViewError> {
        let picks = self.picks.get_or_insert_default();
        let way = trail(view, self.root, path, false)?;
        for (_, attr) in &way {
            view.stored(attr.ino)?;
        }
        picks.push(way);
        Ok(())
    }

    pub(super) fn root(&self) -> Attr {
        self.root
    }

    pub(super) fn is_layer(&self) -> bool {
        self.is_layer
    }

    /// Whether the whole merged tree is selected.
    pub(super) fn is_all(&self) -> bool {
        !self.is_layer && self.picks.is_none()
    }

    /// Calls `each` once for each selected file, with its path.
    pub(super) fn visit(&self, view: &ImageFs, each: &mut Visitor<'_>) -> Result<(), ExportError> {
        let Some(picks) = &self.picks else {
            return below(view, b"/", self.root, each);
        };
        let names = |way: &ResolvedPath| -> Vec<Vec<u8>> {
            way.iter().map(|(name, _)| name.clone()).collect()
        };
        let mut picks: Vec<_> = picks.iter().map(|way| (names(way), way)).collect();
        picks.sort_by(|a, b| a.0.cmp(&b.0));
        let mut last: Option<Vec<Vec<u8>>> = None;
        for (names, way) in picks {
            // Paths below a picked path follow it directly in this order. They are already included.
            if last.as_ref().is_some_and(|last| names.starts_with(last)) {
                continue;
            }
            let known = match &last {
                Some(last) => last.iter().zip(&names).take_while(|(a, b)| a == b).count() + 1,
                None => 0,
            };
            let mut path = b"/".to_vec();
            let mut attr = self.root;
            for (depth, (name, next)) in way.iter().enumerate() {
                if depth >= known {
                    each(&path, attr)?;
                }
                if depth > 0 {
                    path.push(b'/');
                }
                path.extend_from_slice(name);
                attr = *next;
            }
            below(view, &path, attr, each)?;
            last = Some(names);
        }
        Ok(())
    }
}

/// Calls `each` for the file at a path and all files below it.
fn below(
    view: &ImageFs,
    path: &[u8],
    attr: Attr,
    each: &mut Visitor<'_>,
) -> Result<(), ExportError> {
    let walk = Walk::new(view, path, attr).by_directory();
    for found in walk.max_depth(MAX_DEPTH) {
        let found = found.map_err(|(path, error)| read(&path, error))?;
        each(&found.path, found.attr)?;
    }
    Ok(())
}
