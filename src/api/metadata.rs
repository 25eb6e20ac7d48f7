//! [`Metadata`]: the attributes of a file.

use std::time::{Duration, SystemTime};

use crate::view::Attr;

/// The attributes of a file in an image, as for stat(2).
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> imgfs::Result<()> {
/// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
/// let metadata = image.entry("/etc/motd")?.metadata();
/// assert_eq!(metadata.len(), 9);
/// assert_eq!((metadata.uid(), metadata.gid()), (0, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata(Attr);

#[expect(
    clippy::len_without_is_empty,
    reason = "as in std::fs::Metadata, the length is that of a file"
)]
impl Metadata {
    pub(super) fn of(attr: Attr) -> Self {
        Self(attr)
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.0.size
    }

    /// The permission bits, with setuid, setgid and sticky.
    pub fn mode(&self) -> u32 {
        self.0.mode.into()
    }

    /// The owner.
    pub fn uid(&self) -> u32 {
        self.0.uid
    }

    /// The group.
    pub fn gid(&self) -> u32 {
        self.0.gid
    }

    /// The number of names that lead to the file.
    pub fn nlink(&self) -> u32 {
        self.0.nlink
    }

    /// The inode number. Two names with the same number lead to the same file.
    pub fn ino(&self) -> u64 {
        self.0.ino
    }

    /// The time of last modification. `None` if [`SystemTime`] cannot hold it.
    pub fn modified(&self) -> Option<SystemTime> {
        let time = self.0.mtime;
        let seconds = Duration::from_secs(time.sec.unsigned_abs());
        let whole = match time.sec < 0 {
            true => SystemTime::UNIX_EPOCH.checked_sub(seconds),
            false => SystemTime::UNIX_EPOCH.checked_add(seconds),
        };
        whole?.checked_add(Duration::from_nanos(time.nsec.into()))
    }

    /// The time of last modification, in seconds since 1970-01-01 UTC.
    pub fn mtime(&self) -> i64 {
        self.0.mtime.sec
    }

    /// The nanoseconds after [`mtime`](Self::mtime).
    pub fn mtime_nsec(&self) -> u32 {
        self.0.mtime.nsec
    }

    /// The major and minor number of a device. `(0, 0)` for other types.
    pub fn device(&self) -> (u32, u32) {
        self.0.device
    }
}
