//! [`File`]: reads a regular file of an image.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};

use super::Image;
use crate::view::{Attr, View, ViewError};

/// An open regular file of an image.
///
/// Only the parts of a layer that contain the requested bytes are decompressed. A seek costs nothing.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
/// use std::io::{Read, Seek, SeekFrom};
///
/// let mut file = image.open_file("/etc/motd")?;
/// let mut text = String::new();
/// file.seek(SeekFrom::End(-4))?;
/// file.read_to_string(&mut text)?;
/// assert_eq!(text, "me.\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct File {
    image: Image,
    ino: u64,
    len: u64,
    position: u64,
}

#[expect(
    clippy::len_without_is_empty,
    reason = "as in std::fs::Metadata, the length is that of a file"
)]
impl File {
    pub(super) fn of(image: &Image, attr: Attr) -> Self {
        Self {
            image: image.clone(),
            ino: attr.ino,
            len: attr.size,
            position: 0,
        }
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Reads at an offset, and leaves the position of [`Read`] and [`Seek`] alone. Returns the number
    /// of bytes read, which is less than `buf.len()` only at the end of the file.
    ///
    /// # Errors
    /// Returns an error if the image cannot be read, or has changed since it was opened.
    pub fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.image.view().read(self.ino, offset, buf.len());
        let bytes = bytes.map_err(|error| match error {
            ViewError::Io { path, error } => {
                io::Error::new(error.kind(), format!("{path}: {error}"))
            }
            error => io::Error::other(error),
        })?;
        let len = bytes.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..len), bytes.get(..len)) {
            to.copy_from_slice(from);
        }
        Ok(len)
    }
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.read_at(buf, self.position)?;
        self.position = self.position.saturating_add(read as u64);
        Ok(read)
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.len.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        // As std::fs::File does: lseek(2) fails with EINVAL.
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("len", &self.len)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}
