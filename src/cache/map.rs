//! Memory-mapped files.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;

use memmap2::Mmap;

/// Maps a cache file, read-only.
///
/// If a file is truncated after it was mapped, reading the mapping kills the process with SIGBUS.
/// Cache files are never truncated: they are written under a temporary name and after that only
/// renamed or removed, and only this user can write to the directory.
pub(super) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the bytes are only read. Users of the map verify them against their checksums first
    // and never assume more than that they are bytes. No file is written to once it has been
    // mapped: `Writer` maps a file when it is complete, and `CacheDir` opens only files that belong
    // to this user and that no other user can write to.
    unsafe { Mmap::map(file) }
}
