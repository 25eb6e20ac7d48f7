//! The files of an image, either in a directory or in an archive.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::archive::{Archive, clean};
use super::caches::Caches;
use super::error::ImageError;
use super::reference::{Reference, Transport};
use crate::blob::{Digest, FileSource, ReadAt, read_all};
use crate::oci::MAX_DOCUMENT;
use crate::store::{Lock, Store};

/// The files of an image.
pub(crate) enum Files {
    Directory(PathBuf),
    /// The store, which is a directory too. Its blobs are locked while they are open.
    Store(Store),
    Archive(Archive),
}

impl Files {
    /// Opens the directory or archive that a reference points to.
    pub(crate) fn open(reference: &Reference, caches: &Caches<'_>) -> Result<Self, ImageError> {
        let mut files = Self::open_damaged(reference, caches)?;
        match files.take_damage() {
            Some(damage) => Err(damage),
            None => Ok(files),
        }
    }

    /// Like [`Files::open`], but succeeds for an archive that is cut off, with the members before the
    /// damage.
    pub(crate) fn open_damaged(
        reference: &Reference,
        caches: &Caches<'_>,
    ) -> Result<Self, ImageError> {
        let io = |error| ImageError::Io {
            image: reference.to_string(),
            error,
        };
        if reference.transport == Transport::Stdin {
            let archive = Archive::from_stream(reference, io::stdin().lock(), caches)?;
            return Ok(Self::Archive(archive));
        }
        let path = &reference.path;
        if reference.transport == Transport::Store {
            let store = Store::existing(path)?;
            return store.map(Self::Store).ok_or_else(|| not_stored(reference));
        }
        if reference.transport == Transport::Docker {
            return Err(not_stored(reference));
        }
        let kind = std::fs::metadata(path).map_err(io)?;
        if kind.is_dir() {
            if matches!(
                reference.transport,
                Transport::DockerArchive | Transport::OciArchive
            ) {
                return Err(ImageError::NotAnImage {
                    image: reference.to_string(),
                    detail: "it is a directory, not an archive; write oci:DIR".to_owned(),
                });
            }
            return Ok(Self::Directory(path.clone()));
        }
        if reference.transport == Transport::Oci {
            return Err(ImageError::NotAnImage {
                image: reference.to_string(),
                detail: "it is not a directory; write oci-archive:PATH".to_owned(),
            });
        }
        let file = File::open(path).map_err(io)?;
        let archive = if kind.is_file() {
            let source = FileSource::new(file).map_err(io)?;
            Archive::open(reference, Arc::new(source), caches)?
        } else {
            // A pipe, for instance from `<(docker save app)`.
            Archive::from_stream(reference, file, caches)?
        };
        Ok(Self::Archive(archive))
    }

    /// Takes the error that explains why the part after the members of an archive cannot be read.
    pub(crate) fn take_damage(&mut self) -> Option<ImageError> {
        match self {
            Self::Directory(_) | Self::Store(_) => None,
            Self::Archive(archive) => archive.take_damage(),
        }
    }

    /// Returns the paths that occur more than once in an archive.
    pub(crate) fn twice(&self) -> Vec<&str> {
        match self {
            Self::Directory(_) | Self::Store(_) => Vec::new(),
            Self::Archive(archive) => archive.twice().iter().map(String::as_str).collect(),
        }
    }

    /// Adds a note to `ambiguities` if a path occurs more than once in an archive: docker uses the last
    /// member, podman and skopeo the first.
    pub(crate) fn note_duplicate(&self, path: &str, ambiguities: &mut Vec<String>) {
        if let Self::Archive(archive) = self
            && clean(path).is_some_and(|path| archive.twice().contains(&path))
        {
            ambiguities.push(format!(
                "{path} is in the archive more than once; the last one was read"
            ));
        }
    }

    /// Keeps other processes from removing anything from the store until the returned lock is dropped.
    pub(crate) fn hold(&self) -> Result<Option<Lock>, ImageError> {
        match self {
            Self::Store(store) => Ok(Some(store.hold()?)),
            Self::Directory(_) | Self::Archive(_) => Ok(None),
        }
    }

    /// Returns whether there is a file with this path.
    pub(crate) fn contains(&self, path: &str) -> bool {
        match self {
            Self::Directory(dir) => dir.join(path).is_file(),
            Self::Store(store) => store.path().join(path).is_file(),
            Self::Archive(archive) => archive.get(path).is_some(),
        }
    }

    /// Opens the file with this path, if there is one. Paths come from documents and are not trusted.
    pub(crate) fn get(
        &self,
        reference: &Reference,
        path: &str,
    ) -> Result<Option<Arc<dyn ReadAt>>, ImageError> {
        let dir = match self {
            Self::Archive(archive) => return Ok(archive.get(path)),
            Self::Directory(dir) => dir,
            Self::Store(store) => store.path(),
        };
        if !is_inside(Path::new(path)) {
            return Ok(None);
        }
        let path_in_dir = dir.join(path);
        let open = || {
            // Opening a named pipe would block.
            if !std::fs::metadata(&path_in_dir)?.is_file() {
                return Err(io::ErrorKind::NotFound.into());
            }
            FileSource::new(File::open(&path_in_dir)?)
        };
        match open() {
            Ok(source) => Ok(Some(Arc::new(source))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ImageError::Io {
                image: format!("{reference}: {path}"),
                error,
            }),
        }
    }

    /// Reads a document.
    pub(crate) fn document(
        &self,
        reference: &Reference,
        path: &str,
    ) -> Result<Vec<u8>, ImageError> {
        let source = self
            .get(reference, path)?
            .ok_or_else(|| ImageError::MissingBlob {
                image: reference.to_string(),
                blob: path.to_owned(),
            })?;
        read_all(&*source, MAX_DOCUMENT).map_err(|error| ImageError::Io {
            image: format!("{reference}: {path}"),
            error,
        })
    }

    /// Opens the blob with this digest (OCI image-layout.md, "Blobs").
    pub(crate) fn blob(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Arc<dyn ReadAt>, ImageError> {
        let blob = match self {
            Self::Store(store) => locked(reference, store, digest)?,
            Self::Directory(_) | Self::Archive(_) => self.get(reference, &blob_path(digest))?,
        };
        blob.ok_or_else(|| ImageError::MissingBlob {
            image: reference.to_string(),
            blob: digest.to_string(),
        })
    }

    /// Reads the document with this digest, and checks the digest.
    pub(crate) fn verified(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<Vec<u8>, ImageError> {
        self.blob(reference, digest)?;
        let bytes = self.document(reference, &blob_path(digest))?;
        if !digest.matches(&bytes) {
            return Err(ImageError::Document {
                image: reference.to_string(),
                document: format!("blob {digest}"),
                detail: "does not match its digest".to_owned(),
            });
        }
        Ok(bytes)
    }
}

/// Opens a blob of the store and holds a lease on it, so that it is not removed while it is open.
fn locked(
    reference: &Reference,
    store: &Store,
    digest: &Digest,
) -> Result<Option<Arc<dyn ReadAt>>, ImageError> {
    let Some(lease) = store.blob(digest)? else {
        return Ok(None);
    };
    let source = FileSource::new(lease.into_file()).map_err(|error| ImageError::Io {
        image: format!("{reference}: {digest}"),
        error,
    })?;
    Ok(Some(Arc::new(source)))
}

fn not_stored(reference: &Reference) -> ImageError {
    ImageError::NotStored {
        name: reference.name.clone().unwrap_or_default(),
    }
}

/// Returns the path of the blob with this digest.
pub(crate) fn blob_path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

pub(crate) fn is_inside(path: &Path) -> bool {
    use std::path::Component;
    let mut components = path.components();
    components.all(|c| matches!(c, Component::Normal(_) | Component::CurDir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_documents_stay_inside() {
        assert!(is_inside(Path::new("blobs/sha256/abc")));
        assert!(!is_inside(Path::new("../../etc/passwd")));
        assert!(!is_inside(Path::new("/etc/passwd")));
    }
}
