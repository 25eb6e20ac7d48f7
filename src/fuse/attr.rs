//! Converts the attributes of the view to those of FUSE.

use std::time::{Duration, SystemTime};

use fuser::{FileAttr, FileType, INodeNo};

use crate::layer::Mtime;
use crate::view::{self, Attr, Stats};

pub(super) fn file_type(kind: view::FileType) -> FileType {
    match kind {
        view::FileType::Regular => FileType::RegularFile,
        view::FileType::Directory => FileType::Directory,
        view::FileType::Symlink => FileType::Symlink,
        view::FileType::CharDevice => FileType::CharDevice,
        view::FileType::BlockDevice => FileType::BlockDevice,
        view::FileType::Fifo => FileType::NamedPipe,
    }
}

pub(super) fn file_attr(attr: &Attr) -> FileAttr {
    let time = system_time(attr.mtime);
    FileAttr {
        ino: INodeNo(attr.ino),
        size: attr.size,
        blocks: attr.blocks,
        atime: time,
        mtime: time,
        ctime: time,
        crtime: time,
        kind: file_type(attr.kind),
        perm: attr.mode,
        nlink: attr.nlink,
        uid: attr.uid,
        gid: attr.gid,
        rdev: device(attr.device),
        blksize: Stats::BLOCK,
        flags: 0,
    }
}

/// A device number as the kernel packs it into 32 bits (Linux, kdev_t.h, `new_encode_dev`).
fn device((major, minor): (u32, u32)) -> u32 {
    (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xf_ff00) << 12)
}

fn system_time(time: Mtime) -> SystemTime {
    let whole = Duration::from_secs(time.sec.unsigned_abs());
    let base = if time.sec < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)
    };
    let exact = base.and_then(|t| t.checked_add(Duration::from_nanos(u64::from(time.nsec))));
    exact.unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The attributes in a lookup reply for a name that does not exist.
pub(super) fn negative_entry() -> FileAttr {
    placeholder_attr(INodeNo(0), view::FileType::Regular)
}

/// Placeholder attributes for an inode whose attributes cannot be read.
pub(super) fn placeholder_attr(ino: INodeNo, kind: view::FileType) -> FileAttr {
    FileAttr {
        ino,
        size: 0,
        blocks: 0,
        atime: SystemTime::UNIX_EPOCH,
        mtime: SystemTime::UNIX_EPOCH,
        ctime: SystemTime::UNIX_EPOCH,
        crtime: SystemTime::UNIX_EPOCH,
        kind: file_type(kind),
        perm: 0,
        nlink: 0,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 0,
        flags: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_keep_their_fraction() {
        let time = system_time(Mtime {
            sec: -2,
            nsec: 750_000_000,
        });
        let before = SystemTime::UNIX_EPOCH.duration_since(time).unwrap();
        assert_eq!(before, Duration::from_millis(1250));
    }

    #[test]
    fn device_numbers_as_the_kernel_packs_them() {
        // The values of makedev(3) for /dev/null and for a large minor number.
        assert_eq!(device((1, 3)), 0x103);
        assert_eq!(device((8, 0x1234)), 0x0120_0834);
    }
}
