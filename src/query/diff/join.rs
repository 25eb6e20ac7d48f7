//! Joins the walks of two images: yields each path of either image once, with the files of both.

use std::cmp::Ordering;
use std::iter::{Flatten, Peekable};
use std::option;

use super::error::DiffError;
use crate::query::{Walk, clean, resolve};
use crate::view::{Attr, ImageFs, ViewError};

/// A path, and the attributes of the file that each image has there.
pub(super) struct Pair {
    pub path: Vec<u8>,
    pub old: Option<Attr>,
    pub new: Option<Attr>,
}

type MaybeWalk<'a> = Peekable<Flatten<option::IntoIter<Walk<'a>>>>;

/// The joined walks of two images.
pub(super) struct Join<'a> {
    images: (&'a ImageFs, &'a ImageFs),
    old: MaybeWalk<'a>,
    new: MaybeWalk<'a>,
}

impl<'a> Join<'a> {
    /// Starts walks of both images at a path. If one image lacks the path, its walk is empty.
    pub(super) fn new(old: &'a ImageFs, new: &'a ImageFs, path: &[u8]) -> Result<Self, DiffError> {
        let shown = clean(path);
        let begin = |view| {
            let found = find(view, path);
            found.map_err(|error| DiffError::read(view, &shown, &error))
        };
        let (from, to) = (begin(old)?, begin(new)?);
        if from.is_none() && to.is_none() {
            return Err(DiffError::Nowhere { path: shown });
        }
        let walk = |view, attr: Option<Attr>| {
            let walk = attr.map(|attr| Walk::new(view, &shown, attr));
            walk.into_iter().flatten().peekable()
        };
        Ok(Self {
            images: (old, new),
            old: walk(old, from),
            new: walk(new, to),
        })
    }
}

/// Looks up a path and follows symbolic links. Returns a dangling symbolic link itself.
fn find(view: &ImageFs, path: &[u8]) -> Result<Option<Attr>, ViewError> {
    for follow in [true, false] {
        match resolve(view, path, follow) {
            Ok(attr) => return Ok(Some(attr)),
            Err(ViewError::NotFound | ViewError::NotDirectory) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

impl Iterator for Join<'_> {
    type Item = Result<Pair, DiffError>;

    fn next(&mut self) -> Option<Self::Item> {
        let order = match (self.old.peek(), self.new.peek()) {
            (None, None) => return None,
            (Some(Err((path, error))), _) => {
                return Some(Err(DiffError::read(self.images.0, path, error)));
            }
            (_, Some(Err((path, error)))) => {
                return Some(Err(DiffError::read(self.images.1, path, error)));
            }
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(Ok(old)), Some(Ok(new))) => old.path.cmp(&new.path),
        };
        let old = self.old.next_if(|_| order.is_le()).and_then(Result::ok);
        let new = self.new.next_if(|_| order.is_ge()).and_then(Result::ok);
        let attrs = (old.as_ref().map(|f| f.attr), new.as_ref().map(|f| f.attr));
        let path = old.or(new)?.path;
        Some(Ok(Pair {
            path,
            old: attrs.0,
            new: attrs.1,
        }))
    }
}
