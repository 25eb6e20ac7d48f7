//! [`Walk`]: all files below a directory.

use super::{Entry, Image, Result, error};
use crate::query;
use crate::view::Attr;

/// An iterator over files of an image, in the byte order of their paths. That is the order of
/// `LC_ALL=C sort`.
///
/// An error is about one path; the iterator continues after it. It does not follow symbolic links.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> imgfs::Result<()> {
/// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
/// let mut paths = Vec::new();
/// for entry in image.walk().max_depth(1) {
///     paths.push(entry?.path().to_owned());
/// }
/// # let paths: Vec<_> = paths.iter().map(|p| p.to_str().unwrap()).collect();
/// assert_eq!(paths, ["/", "/bin", "/etc", "/usr"]);
/// # Ok(())
/// # }
/// ```
pub struct Walk<'a> {
    image: &'a Image,
    inner: Inner<'a>,
}

/// The walk, or the error instead of it.
enum Inner<'a> {
    Walk(query::Walk<'a>),
    Failed(Option<super::Error>),
}

impl<'a> Walk<'a> {
    /// Walks the whole image.
    pub(super) fn all(image: &'a Image) -> Self {
        match query::locate(image.view(), b"/", false) {
            Ok(root) => Self::from(image, b"/", root.attr),
            Err(error) => Self {
                image,
                inner: Inner::Failed(Some(error::at(b"/", error))),
            },
        }
    }

    /// Walks a file and everything below it.
    pub(super) fn from(image: &'a Image, path: &[u8], attr: Attr) -> Self {
        let inner = Inner::Walk(query::Walk::new(image.view(), path, attr));
        Self { image, inner }
    }

    /// Limits the walk to `depth` levels below its start. With 0, only the start is visited.
    #[must_use]
    pub fn max_depth(mut self, depth: usize) -> Self {
        if let Inner::Walk(walk) = self.inner {
            self.inner = Inner::Walk(walk.max_depth(depth));
        }
        self
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        match &mut self.inner {
            Inner::Failed(error) => error.take().map(Err),
            Inner::Walk(walk) => Some(match walk.next()? {
                Ok(found) => Ok(Entry::of(self.image, found.path, found.attr)),
                Err((path, error)) => Err(error::at(&path, error)),
            }),
        }
    }
}
