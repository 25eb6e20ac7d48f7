//! [`Hidden`]: a file that a later layer removes.

use std::fmt;
use std::path::Path;

use super::path::path;
use super::{Entry, Image, Layer, Result, error};
use crate::view::{HiddenName, RemovalKind, View};

/// A file that a layer has and a later layer removes or replaces.
///
/// It is not in the merged tree, but its bytes are still in the image, and anyone who has the image can
/// read them.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> imgfs::Result<()> {
/// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
/// let hidden = image.hidden()?;
/// let secret = &hidden[0];
/// assert_eq!(secret.path().to_str(), Some("/etc/secret"));
/// assert_eq!((secret.layer().number(), secret.hidden_by().number()), (0, 1));
/// assert_eq!(secret.entry()?.read()?, b"sesame\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Hidden {
    image: Image,
    name: HiddenName,
}

impl Hidden {
    pub(super) fn of(image: &Image, name: HiddenName) -> Self {
        let image = image.clone();
        Self { image, name }
    }

    /// The path in the image, with a leading slash.
    pub fn path(&self) -> &Path {
        path(&self.name.path)
    }

    /// The layer that has the file.
    pub fn layer(&self) -> Layer {
        Layer::of(&self.image, self.name.layer as usize)
    }

    /// The layer that removes or replaces it.
    pub fn hidden_by(&self) -> Layer {
        Layer::of(&self.image, self.name.by as usize)
    }

    /// How that layer removes it.
    pub fn how(&self) -> RemovalKind {
        self.name.how
    }

    /// Returns the file itself, which can be read like any other. Its path is that of the time when it
    /// was visible.
    ///
    /// # Errors
    /// Returns an error if the image cannot be read.
    pub fn entry(&self) -> Result<Entry> {
        let attr = self.image.view().getattr(self.name.ino);
        let attr = attr.map_err(|error| error::at(&self.name.path, error))?;
        Ok(Entry::of(&self.image, self.name.path.clone(), attr))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hidden")
            .field("path", &self.path())
            .field("layer", &self.name.layer)
            .field("hidden_by", &self.name.by)
            .field("how", &self.name.how)
            .finish_non_exhaustive()
    }
}
