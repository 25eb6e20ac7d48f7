//! Detects whether a file outside the cache is still the file whose bytes were verified.
//!
//! A digest covers bytes. Without reading the bytes, one can only detect whether the file was
//! written to since: by its device and inode, its length, and the times of its last modification
//! and last change. The change time cannot be set with touch(1); only the kernel sets it. So an
//! equal identity only means that the file was not modified by ordinary writes. Each span read from
//! the file is still checked against its checksum.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime};

/// File systems have clocks of limited resolution: two writes within one tick can leave the same
/// timestamps. A file that changed this recently is therefore not trusted by its timestamps (FAT
/// has a resolution of two seconds).
const TICK: Duration = Duration::from_secs(2);

/// The metadata that distinguishes one state of a file from another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The device that holds the file.
    pub dev: u64,
    /// The inode number on that device.
    pub ino: u64,
    /// The length in bytes.
    pub size: u64,
    /// The time of last modification: seconds since the epoch, nanoseconds.
    pub mtime: (i64, i64),
    /// The time of the last inode change, in the same form.
    pub ctime: (i64, i64),
}

impl Identity {
    /// Returns the current identity of an open file.
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

    /// Whether the last change is old enough that any later write would change the timestamps.
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

    /// Formats all fields as text, for use in a key.
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
