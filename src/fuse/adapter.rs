//! Requests in, replies out. Each request is one call of the view; a panic in it becomes EIO, since
//! a thread that dies would leave the mount hanging.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus,
    ReplyEntry, ReplyOpen, ReplyStatfs, ReplyXattr, Request,
};

use super::capabilities::{Granted, negotiate};
use super::errno::errno;
use crate::layer::Mtime;
use crate::view::{self, Attr, ImageFs, Stats, ViewError};

/// An image never changes while it is mounted: what the kernel knows stays true.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

pub(super) struct Adapter {
    view: Arc<ImageFs>,
    granted: Granted,
}

impl Adapter {
    pub(super) fn new(view: Arc<ImageFs>) -> Self {
        Self {
            view,
            granted: Granted::default(),
        }
    }

    /// Runs one operation of the view.
    fn ask<T>(
        &self,
        operation: &'static str,
        ino: INodeNo,
        run: impl FnOnce(&ImageFs) -> Result<T, ViewError>,
    ) -> Result<T, Errno> {
        match catch_unwind(AssertUnwindSafe(|| run(&self.view))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if let ViewError::Io { .. } = error {
                    tracing::error!("{operation}: {error}");
                }
                Err(errno(&error))
            }
            Err(_) => {
                // The panic hook has printed where.
                tracing::error!("{operation} of inode {ino:?} panicked; please report this");
                Err(Errno::EIO)
            }
        }
    }
}

impl Filesystem for Adapter {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        self.granted = negotiate(config);
        Ok(())
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.ask("lookup", parent, |v| v.lookup(parent.0, name.as_bytes()));
        match found {
            Ok(attr) => reply.entry(&FOREVER, &file_attr(&attr), Generation(0)),
            // Inode 0 with a time to live: the kernel remembers that there is nothing.
            Err(Errno::ENOENT) => reply.entry(&FOREVER, &nothing(), Generation(0)),
            Err(error) => reply.error(error),
        }
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.ask("getattr", ino, |v| v.getattr(ino.0)) {
            Ok(attr) => reply.attr(&FOREVER, &file_attr(&attr)),
            Err(error) => reply.error(error),
        }
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        match self.ask("readlink", ino, |v| v.readlink(ino.0).map(<[u8]>::to_vec)) {
            Ok(target) => reply.data(&target),
            Err(error) => reply.error(error),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        if self.granted.no_open {
            // Said once, this holds for all files: the kernel then asks no more.
            reply.error(Errno::ENOSYS);
        } else {
            reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
        }
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        if self.granted.no_opendir {
            reply.error(Errno::ENOSYS);
        } else {
            let flags = FopenFlags::FOPEN_KEEP_CACHE | FopenFlags::FOPEN_CACHE_DIR;
            reply.opened(FileHandle(0), flags);
        }
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.ask("read", ino, |v| v.read(ino.0, offset, size as usize)) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error),
        }
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let listed = self.ask("readdir", ino, |v| {
            v.list(ino.0, offset, &mut |next, entry| {
                let name = OsStr::from_bytes(&entry.name);
                !reply.add(INodeNo(entry.ino), next, file_type(entry.kind), name)
            })
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let listed = self.ask("readdirplus", ino, |v| {
            let mut failed = None;
            v.list(ino.0, offset, &mut |next, entry| {
                let name = OsStr::from_bytes(&entry.name);
                match v.getattr(entry.ino) {
                    Ok(attr) => {
                        let attr = file_attr(&attr);
                        let ino = INodeNo(entry.ino);
                        !reply.add(ino, next, name, &FOREVER, &attr, Generation(0))
                    }
                    Err(error) => {
                        failed = Some(error);
                        false
                    }
                }
            })?;
            failed.map_or(Ok(()), Err)
        });
        match listed {
            Ok(()) => reply.ok(),
            Err(error) => reply.error(error),
        }
    }

    fn statfs(&self, _: &Request, ino: INodeNo, reply: ReplyStatfs) {
        match self.ask("statfs", ino, |v| Ok(v.statfs())) {
            Ok(s) => reply.statfs(s.blocks, 0, 0, s.files, 0, Stats::BLOCK, 255, Stats::BLOCK),
            Err(error) => reply.error(error),
        }
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let value = self.ask("getxattr", ino, |v| v.getxattr(ino.0, name.as_bytes()));
        xattr_reply(value, size, reply);
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        let names = self.ask("listxattr", ino, |v| v.listxattr(ino.0));
        xattr_reply(names, size, reply);
    }
}

/// With size 0 the kernel asks how long the value is.
fn xattr_reply(value: Result<Vec<u8>, Errno>, size: u32, reply: ReplyXattr) {
    match value {
        Err(error) => reply.error(error),
        Ok(value) => match u32::try_from(value.len()) {
            Ok(len) if size == 0 => reply.size(len),
            Ok(len) if len <= size => reply.data(&value),
            _ => reply.error(Errno::ERANGE),
        },
    }
}

fn file_type(kind: view::FileType) -> FileType {
    match kind {
        view::FileType::Regular => FileType::RegularFile,
        view::FileType::Directory => FileType::Directory,
        view::FileType::Symlink => FileType::Symlink,
        view::FileType::CharDevice => FileType::CharDevice,
        view::FileType::BlockDevice => FileType::BlockDevice,
        view::FileType::Fifo => FileType::NamedPipe,
    }
}

fn file_attr(attr: &Attr) -> FileAttr {
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

fn nothing() -> FileAttr {
    FileAttr {
        ino: INodeNo(0),
        size: 0,
        blocks: 0,
        atime: SystemTime::UNIX_EPOCH,
        mtime: SystemTime::UNIX_EPOCH,
        ctime: SystemTime::UNIX_EPOCH,
        crtime: SystemTime::UNIX_EPOCH,
        kind: FileType::RegularFile,
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
        // From makedev(3) for /dev/null and a large minor.
        assert_eq!(device((1, 3)), 0x103);
        assert_eq!(device((8, 0x1234)), 0x0120_0834);
    }
}
