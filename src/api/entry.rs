//! [`Entry`]: a file of an image.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use super::path::path;
use super::{Facts, File, Finding, Image, Layer, Metadata, Result, Walk, error};
use crate::query::{self, children, join};
use crate::view::{Attr, FileType, View, ViewError};

/// A file of an image: a regular file, a directory, a symbolic link, a device or a named pipe.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> imgfs::Result<()> {
/// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
/// let etc = image.entry("/etc")?;
/// for entry in etc.children()? {
///     let line = entry.layer().and_then(|layer| layer.created_by().map(str::to_owned));
///     println!("{} comes from {line:?}", entry.path().display());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Entry {
    image: Image,
    path: Vec<u8>,
    attr: Attr,
}

impl Entry {
    pub(super) fn of(image: &Image, path: Vec<u8>, attr: Attr) -> Self {
        let image = image.clone();
        Self { image, path, attr }
    }

    fn failed(&self, error: ViewError) -> super::Error {
        error::at(&self.path, error)
    }

    /// The path in the image, with a leading slash.
    pub fn path(&self) -> &Path {
        path(&self.path)
    }

    /// The last component of the path. Empty for the root directory.
    pub fn name(&self) -> &OsStr {
        self.path().file_name().unwrap_or_default()
    }

    /// The type of the file.
    pub fn file_type(&self) -> FileType {
        self.attr.kind
    }

    /// The attributes of the file, as for stat(2).
    pub fn metadata(&self) -> Metadata {
        Metadata::of(self.attr)
    }

    /// The layer that the file comes from. `None` for files in `/.imgfs`.
    pub fn layer(&self) -> Option<Layer> {
        let number = self.image.view().layer_of(self.attr.ino).ok()??;
        self.image.layers().into_iter().nth(number as usize)
    }

    /// Returns the target of a symbolic link, as written. `None` for other types.
    ///
    /// # Errors
    /// Returns an error if the image cannot be read.
    pub fn link_target(&self) -> Result<Option<PathBuf>> {
        if self.attr.kind != FileType::Symlink {
            return Ok(None);
        }
        let target = self.image.view().readlink(self.attr.ino);
        let target = target.map_err(|error| self.failed(error))?;
        Ok(Some(path(target).to_owned()))
    }

    /// Returns the extended attributes that the image has for the file, in the order of the layer's
    /// archive: names with their namespaces, such as `security.capability`, and values.
    ///
    /// # Errors
    /// Returns an error if the image cannot be read.
    pub fn xattrs(&self) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let shipped = self.image.view().shipped_xattrs(self.attr.ino);
        let shipped = shipped.map_err(|error| self.failed(error))?;
        let pair = |xattr: crate::tree::Xattr<'_>| (xattr.name.to_vec(), xattr.value.to_vec());
        Ok(shipped.into_iter().map(pair).collect())
    }

    /// Returns the files in a directory, sorted by the bytes of their names.
    ///
    /// # Errors
    /// Returns an error if it is not a directory, or if the image cannot be read.
    pub fn children(&self) -> Result<Vec<Self>> {
        let view = self.image.view();
        let list = children(view, self.attr.ino).map_err(|error| self.failed(error))?;
        let entry = |(name, ino, _): (Vec<u8>, u64, FileType)| {
            let path = join(&self.path, &name);
            let attr = view.getattr(ino).map_err(|e| error::at(&path, e))?;
            Ok(Self::of(&self.image, path, attr))
        };
        list.into_iter().map(entry).collect()
    }

    /// Returns an iterator over this file and all files below it, in the byte order of their paths.
    ///
    /// ```
    /// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
    /// # let _dir = doc::enter();
    /// # fn main() -> imgfs::Result<()> {
    /// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
    /// let etc = image.entry("/etc")?;
    /// let count = etc.walk().count();
    /// # assert_eq!(count, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn walk(&self) -> Walk<'_> {
        Walk::from(&self.image, &self.path, self.attr)
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// Returns an error if it is not a regular file.
    pub fn open(&self) -> Result<File> {
        match self.attr.kind {
            FileType::Regular => Ok(File::of(&self.image, self.attr)),
            FileType::Directory => Err(self.failed(ViewError::IsDirectory)),
            _ => Err(self.failed(ViewError::WrongType)),
        }
    }

    /// Reads a regular file. The length of a hostile image's file may exceed the memory; use
    /// [`open`](Self::open) if it may not be trusted.
    ///
    /// # Errors
    /// Returns an error if it is not a regular file, or if the image cannot be read.
    pub fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = std::io::Read::read_to_end(&mut self.open()?, &mut bytes);
        read.map_err(super::Error::from)?;
        Ok(bytes)
    }

    /// Returns the facts of an executable, library, object file, archive or script. `None` for other
    /// files. This does not read the file: its header was decoded when the layer was read.
    ///
    /// # Errors
    /// Returns an error if the image cannot be read.
    pub fn facts(&self) -> Result<Option<Facts>> {
        let view = self.image.view();
        let ino = self.attr.ino;
        let binary = view.binary(ino).map_err(|error| self.failed(error))?;
        let Some(binary) = binary else {
            return Ok(None);
        };
        let facts = view.plain_facts(ino).map_err(|error| self.failed(error))?;
        Ok(Some(Facts::of(binary, facts)))
    }

    /// Returns the findings about this file. They are computed on the first call for any file of the
    /// image.
    ///
    /// # Errors
    /// Returns an error if the image cannot be read.
    pub fn findings(&self) -> Result<Vec<Finding>> {
        let findings = self.image.view().findings_of(self.attr.ino);
        let findings = findings.map_err(|error| self.failed(error))?;
        Ok(findings.into_iter().cloned().map(Finding::of).collect())
    }

    /// Returns the SHA-256 of a regular file in hexadecimal. `None` for other types, and for files whose
    /// holes are too long to be hashed.
    ///
    /// # Errors
    /// Returns an error if the image cannot be read.
    pub fn sha256(&self) -> Result<Option<String>> {
        let digest = query::sha256(self.image.view(), self.attr.ino);
        digest.map_err(|error| self.failed(error))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("path", &self.path())
            .field("file_type", &self.attr.kind)
            .finish_non_exhaustive()
    }
}
