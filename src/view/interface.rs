//! The interface of a mounted file system. The view of one image and the view of several images
//! implement it; the FUSE adapter uses nothing else of them.

use super::{Attr, CacheStats, DirEntry, FileBytes, Requests, SpanSlice, Stats, ViewError};

/// Gets the entries of [`View::list_with_attrs`].
pub(crate) type EmitWithAttr<'a> =
    dyn FnMut(u64, DirEntry<'_>, Result<Attr, ViewError>) -> bool + 'a;

/// A file system that can be mounted. Files are named by their inode numbers; the root is 1.
pub trait View: Send + Sync + 'static {
    /// Looks up a name in a directory.
    ///
    /// # Errors
    /// Returns `NotFound`, `NotDirectory` if `parent` is not a directory, or `NameTooLong`.
    fn lookup(&self, parent: u64, name: &[u8]) -> Result<Attr, ViewError>;

    /// Returns the attributes of an inode, as for stat(2).
    ///
    /// # Errors
    /// Returns `NotFound` if there is no such inode.
    fn getattr(&self, ino: u64) -> Result<Attr, ViewError>;

    /// Returns the target of a symbolic link.
    ///
    /// # Errors
    /// Returns `WrongType` for other inodes.
    fn readlink(&self, ino: u64) -> Result<&[u8], ViewError>;

    /// Lists a directory, including `.` and `..`, from position `offset` (0 is the start). `emit` gets
    /// each entry with the position after it, and returns false if there is no space for the entry.
    ///
    /// Entries must not be used if the result is an error.
    ///
    /// # Errors
    /// Returns `NotFound` or `NotDirectory`.
    fn list(
        &self,
        dir: u64,
        offset: u64,
        emit: &mut dyn FnMut(u64, DirEntry<'_>) -> bool,
    ) -> Result<(), ViewError>;

    /// Like [`View::list`], but `emit` also gets the attributes of each entry, or the reason why an
    /// entry has none. The integrity of the image is checked once for all entries.
    ///
    /// # Errors
    /// As for [`View::list`].
    fn list_with_attrs(
        &self,
        dir: u64,
        offset: u64,
        emit: &mut EmitWithAttr<'_>,
    ) -> Result<(), ViewError>;

    /// Reads from a file. Returns fewer than `len` bytes only at the end of the file.
    ///
    /// # Errors
    /// Returns `IsDirectory`, or `Io` if the image cannot be read or has changed.
    fn read(&self, ino: u64, offset: u64, len: usize) -> Result<FileBytes, ViewError>;

    /// Returns the result of [`View::read`] if it is available immediately. Returns `None` if data must
    /// be decoded first, or if the call would have to wait for another thread.
    ///
    /// # Errors
    /// As for [`View::read`].
    fn try_read(&self, ino: u64, offset: u64, len: usize) -> Result<Option<FileBytes>, ViewError>;

    /// Returns the part of a file that was decoded together with the byte at `offset`: the part's offset
    /// in the file, and its bytes.
    fn decoded_around(&self, ino: u64, offset: u64) -> Option<(u64, SpanSlice)>;

    /// Returns the names of all extended attributes. Each name is followed by a NUL.
    ///
    /// # Errors
    /// Returns `NotFound` if there is no such inode.
    fn listxattr(&self, ino: u64) -> Result<Vec<u8>, ViewError>;

    /// Returns the value of an extended attribute.
    ///
    /// # Errors
    /// Returns `NoAttribute`, `NoNamespace`, `OnlyNamespace`, or `NotFound`.
    fn getxattr(&self, ino: u64, name: &[u8]) -> Result<Vec<u8>, ViewError>;

    /// Returns the size of the file system, as for statfs(2).
    fn statfs(&self) -> Stats;

    /// Returns whether a request for an inode may take longer than a lookup. A thread that serves other
    /// requests should not wait for it.
    fn may_block(&self, ino: u64) -> bool;

    /// Returns whether the next lookup of this inode's name may lead to another inode.
    fn is_volatile(&self, ino: u64) -> bool;

    /// Counts of requests that reached the process. The code that serves the mount does the counting.
    fn requests(&self) -> &Requests;

    /// Statistics of the cache of decoded spans.
    fn cache_stats(&self) -> CacheStats;
}
