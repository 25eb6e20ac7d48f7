//! The interface of a mounted file system. The view of one image and the view of several images
//! implement it; the FUSE adapter uses nothing else of them.

use super::{
    Attr, CacheStats, DirEntry, FileBytes, ImageFs, Requests, SpanSlice, Stats, ViewError,
};

/// A file system that can be mounted. Each method works like the method of [`ImageFs`] with that name.
#[allow(missing_docs)] // Documented there.
pub trait View: Send + Sync + 'static {
    /// # Errors
    /// Returns `NotFound`, `NotDirectory` if `parent` is not a directory, or `NameTooLong`.
    fn lookup(&self, parent: u64, name: &[u8]) -> Result<Attr, ViewError>;
    /// # Errors
    /// Returns `NotFound` if there is no such inode.
    fn getattr(&self, ino: u64) -> Result<Attr, ViewError>;
    /// # Errors
    /// Returns `WrongType` for inodes that are not symbolic links.
    fn readlink(&self, ino: u64) -> Result<&[u8], ViewError>;
    /// # Errors
    /// Returns `NotFound` or `NotDirectory`.
    fn list(
        &self,
        dir: u64,
        offset: u64,
        emit: &mut dyn FnMut(u64, DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError>;
    /// # Errors
    /// Returns `IsDirectory`, or `Io` if the image cannot be read or has changed.
    fn read(&self, ino: u64, offset: u64, len: usize) -> Result<FileBytes, ViewError>;
    /// # Errors
    /// As for [`View::read`].
    fn try_read(&self, ino: u64, offset: u64, len: usize) -> Result<Option<FileBytes>, ViewError>;
    fn decoded_around(&self, ino: u64, offset: u64) -> Option<(u64, SpanSlice)>;
    /// # Errors
    /// Returns `NotFound` if there is no such inode.
    fn listxattr(&self, ino: u64) -> Result<Vec<u8>, ViewError>;
    /// # Errors
    /// Returns `NoAttribute`, `NoNamespace`, `OnlyNamespace`, or `NotFound`.
    fn getxattr(&self, ino: u64, name: &[u8]) -> Result<Vec<u8>, ViewError>;
    fn statfs(&self) -> Stats;
    fn may_block(&self, ino: u64) -> bool;
    fn is_volatile(&self, ino: u64) -> bool;
    fn requests(&self) -> &Requests;
    fn cache_stats(&self) -> CacheStats;
}

impl View for ImageFs {
    fn lookup(&self, parent: u64, name: &[u8]) -> Result<Attr, ViewError> {
        Self::lookup(self, parent, name)
    }

    fn getattr(&self, ino: u64) -> Result<Attr, ViewError> {
        Self::getattr(self, ino)
    }

    fn readlink(&self, ino: u64) -> Result<&[u8], ViewError> {
        Self::readlink(self, ino)
    }

    fn list(
        &self,
        dir: u64,
        offset: u64,
        emit: &mut dyn FnMut(u64, DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError> {
        Self::list(self, dir, offset, emit)
    }

    fn read(&self, ino: u64, offset: u64, len: usize) -> Result<FileBytes, ViewError> {
        Self::read(self, ino, offset, len)
    }

    fn try_read(&self, ino: u64, offset: u64, len: usize) -> Result<Option<FileBytes>, ViewError> {
        Self::try_read(self, ino, offset, len)
    }

    fn decoded_around(&self, ino: u64, offset: u64) -> Option<(u64, SpanSlice)> {
        Self::decoded_around(self, ino, offset)
    }

    fn listxattr(&self, ino: u64) -> Result<Vec<u8>, ViewError> {
        Self::listxattr(self, ino)
    }

    fn getxattr(&self, ino: u64, name: &[u8]) -> Result<Vec<u8>, ViewError> {
        Self::getxattr(self, ino, name)
    }

    fn statfs(&self) -> Stats {
        Self::statfs(self)
    }

    fn may_block(&self, ino: u64) -> bool {
        Self::may_block(self, ino)
    }

    fn is_volatile(&self, ino: u64) -> bool {
        Self::is_volatile(self, ino)
    }

    fn requests(&self) -> &Requests {
        Self::requests(self)
    }

    fn cache_stats(&self) -> CacheStats {
        Self::cache_stats(self)
    }
}
