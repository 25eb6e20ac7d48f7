//! [`Layer`]: one of the layers that an image is made of.

use std::fmt;

use super::Image;
use crate::open::OpenLayer;

/// A layer of an image.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> imgfs::Result<()> {
/// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
/// for layer in image.layers() {
///     println!("{} {}", layer.number(), layer.created_by().unwrap_or("unknown"));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Layer {
    image: Image,
    number: usize,
}

impl Layer {
    pub(super) fn of(image: &Image, number: usize) -> Self {
        let image = image.clone();
        Self { image, number }
    }

    fn opened(&self) -> Option<&OpenLayer> {
        self.image.opened().layers.get(self.number)
    }

    /// The number of the layer in the image, from 0 for the lowest.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The digest of the layer's bytes as stored, such as `sha256:…`. In an archive that names its
    /// layers by path, this is the digest of the decompressed bytes.
    pub fn digest(&self) -> Option<String> {
        let digest = self.opened()?.digest.as_ref();
        digest.map(ToString::to_string)
    }

    /// The line of the image's history that says what made the layer.
    pub fn created_by(&self) -> Option<&str> {
        self.opened()?.created_by.as_deref()
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer")
            .field("number", &self.number)
            .field("digest", &self.digest())
            .finish_non_exhaustive()
    }
}
