//! Files mapped into memory.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Maps a file of the cache, read-only.
///
/// Reading a mapped file that was cut short after it was mapped ends the process (SIGBUS). Files of
/// the cache never are: they are written under another name and only ever renamed or removed, and
/// the directory belongs to the user alone.
pub(super) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes are only read, and whoever holds the map checks them against their checksums
    // before use and never again assumes more than that they are bytes. Nobody writes to a file once
    // it has been mapped: `Writer` maps it when it is whole, and `CacheDir` opens only files that
    // belong to this user and that nobody else may write.
    unsafe { Mmap::map(file) }
}
