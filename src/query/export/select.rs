//! What is to be written: a whole tree, or what is below some paths of it.

use super::{ExportError, read};
use crate::query::{Trail, Walk, resolve, trail};
use crate::view::{Attr, ImageFs, ViewError};

/// Deeper than this every path is too long.
const MAX_DEPTH: usize = super::MAX_PATH / 2 + 1;

/// Takes a path and what it leads to.
type Each<'a> = dyn FnMut(&[u8], Attr) -> Result<(), ExportError> + 'a;

/// Why there is nothing to select from.
#[derive(Debug, thiserror::Error)]
pub enum SelectError {
    /// The image has no layer of that number.
    #[error("{image} has {}", there(*layers))]
    NoLayer {
        /// The image.
        image: String,
        /// How many layers it has.
        layers: usize,
    },
    /// It cannot be read.
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

/// What is to be written of an image.
#[derive(Clone, Debug)]
pub struct Selection {
    root: Attr,
    is_layer: bool,
    /// The paths that are asked for, each as the names and attributes on the way to it; all if there
    /// is none.
    picks: Option<Vec<Trail>>,
}

impl Selection {
    /// The merged tree.
    ///
    /// # Errors
    /// `Io`, if the image cannot be read.
    pub fn merged(view: &ImageFs) -> Result<Self, ViewError> {
        Ok(Self {
            root: resolve(view, b"/", false)?,
            is_layer: false,
            picks: None,
        })
    }

    /// One layer alone, its whiteouts under their tar names.
    ///
    /// # Errors
    /// `NoLayer`, or `View` if the image cannot be read.
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

    /// Only what is at this path and below it, beside what else was picked, and the directories above
    /// it. Links on the way are followed inside the tree, one at its end is not.
    ///
    /// # Errors
    /// `NotFound` or `NotDirectory`, also for what is not of the image but added by imgfs. Nothing is
    /// picked then.
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

    /// Whether it is the whole merged tree.
    pub(super) fn is_all(&self) -> bool {
        !self.is_layer && self.picks.is_none()
    }

    /// Passes all that is selected, each thing once, with its path.
    pub(super) fn visit(&self, view: &ImageFs, each: &mut Each<'_>) -> Result<(), ExportError> {
        let Some(picks) = &self.picks else {
            return below(view, b"/", self.root, each);
        };
        let names =
            |way: &Trail| -> Vec<Vec<u8>> { way.iter().map(|(name, _)| name.clone()).collect() };
        let mut picks: Vec<_> = picks.iter().map(|way| (names(way), way)).collect();
        picks.sort_by(|a, b| a.0.cmp(&b.0));
        let mut last: Option<Vec<Vec<u8>>> = None;
        for (names, way) in picks {
            // What is below a path that was picked stands right behind it.
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

/// Passes what is at a path and below it.
fn below(view: &ImageFs, path: &[u8], attr: Attr, each: &mut Each<'_>) -> Result<(), ExportError> {
    let walk = Walk::new(view, path, attr).by_directory();
    for found in walk.max_depth(MAX_DEPTH) {
        let found = found.map_err(|(path, error)| read(&path, error))?;
        each(&found.path, found.attr)?;
    }
    Ok(())
}
