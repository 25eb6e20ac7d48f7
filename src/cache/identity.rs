//! Whether a file outside is still the one whose bytes were verified.
//!
//! A digest is of bytes; what can be told without reading them is only whether the file was written
//! to since: by its device and inode, its length, and the times of its last modification and last
//! change. The last cannot be set by touch(1) or anybody but the kernel. So an identity says that
//! nobody wrote to the file in the ordinary way, and no more; each span that is read from it is
//! checked against its checksum all the same.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// Clocks of file systems tick: a file may be written to twice in one tick and look the same. What
/// changed so recently is not trusted by its looks (FAT ticks every two seconds).
const TICK: Duration = Duration::from_secs(2);

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Device that holds it.
    pub dev: u64,
    /// Inode on the device.
    pub ino: u64,
    /// Length in bytes.
    pub size: u64,
    /// Last modification: seconds since the epoch, nanoseconds.
    pub mtime: (i64, i64),
    /// Last change of the inode, likewise.
    pub ctime: (i64, i64),
}

impl Identity {
    /// That of an open file, as it is now.
    ///
    /// # Errors
    /// If fstat(2) fails.
    pub fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Self {
            dev: meta.dev(),
            ino: meta.ino(),
            size: meta.size(),
            mtime: (meta.mtime(), meta.mtime_nsec()),
            ctime: (meta.ctime(), meta.ctime_nsec()),
        })
    }

    /// Whether the file has been left alone for long enough that a later write would show.
    pub fn is_settled(&self) -> bool {
        let (sec, nsec) = self.mtime.max(self.ctime);
        let since = |(sec, nsec): (i64, i64)| {
            let whole = Duration::from_secs(u64::try_from(sec).ok()?);
            let changed = whole + Duration::from_nanos(u64::try_from(nsec).ok()?);
            let now = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .ok()?;
            now.checked_sub(changed)
        };
        since((sec, nsec)).is_some_and(|age| age > TICK)
    }

    /// All of it in words, as a key.
    pub(super) fn text(&self) -> String {
        let Self {
            dev,
            ino,
            size,
            mtime,
            ctime,
        } = self;
        format!(
            "{dev} {ino} {size} {}.{:09} {}.{:09}",
            mtime.0, mtime.1, ctime.0, ctime.1
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_write_shows_and_a_fresh_file_is_not_trusted() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"one").unwrap();
        let before = Identity::of(&file).unwrap();
        assert!(!before.is_settled());
        assert_eq!(Identity::of(&file).unwrap(), before);
        file.write_all(b"two").unwrap();
        let after = Identity::of(&file).unwrap();
        assert_ne!(after, before);
        assert_ne!(after.text(), before.text());
        let old = Identity {
            mtime: (1, 0),
            ctime: (1, 0),
            ..before
        };
        assert!(old.is_settled());
        let back_dated = Identity {
            mtime: (1, 0),
            ..before
        };
        assert!(!back_dated.is_settled(), "its ctime is fresh");
    }
}
