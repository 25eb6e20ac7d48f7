//! Translates FUSE requests to calls of the view, and results to replies. A panic in a call becomes
//! EIO, because a dead thread would leave the mount hanging.
//!
//! One thread takes all requests and answers those that need only data in memory, which are nearly all.
//! With several such threads, each request would wake another thread on another processor. This thread
//! never waits. A read that must decode data goes to the [`Workers`], which reply when the data is
//! ready. So do requests that may have to wait for a verdict, until the verdicts are available.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use fuser::{
    Errno, FileHandle, Filesystem, FopenFlags, Generation, INodeNo, KernelConfig, LockOwner,
    OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyXattr, Request,
};

use super::attr::{file_attr, file_type, negative_entry, placeholder_attr};
use super::capabilities::{Granted, negotiate};
use super::errno::errno;
use super::page_store::PageStore;
use crate::view::{Counter, MAX_NAME, Stats, View, ViewError, reads_file_bytes};
use crate::workers::Workers;

/// An image never changes while it is mounted, so the kernel may cache its data without limit.
const FOREVER: Duration = Duration::from_secs(u32::MAX as u64);

pub(super) struct Adapter<V> {
    view: Arc<V>,
    granted: Granted,
    pages: Arc<PageStore>,
    readers: Workers,
}

impl<V: View> Adapter<V> {
    /// Creates an adapter with the given number of `readers`, the threads that wait for decoding.
    ///
    /// # Errors
    /// Returns an error if the system cannot create the threads.
    pub(super) fn new(view: Arc<V>, pages: Arc<PageStore>, readers: usize) -> io::Result<Self> {
        Ok(Self {
            view,
            granted: Granted::default(),
            pages,
            readers: Workers::start("reader", readers)?,
        })
    }

    /// Answers a request for an inode: on this thread if nothing has to be waited for, otherwise on a
    /// reader thread.
    fn answer(&self, ino: INodeNo, run: impl FnOnce(&V) + Send + 'static) {
        self.answer_or_wait(self.view.may_block(ino.0), run);
    }

    fn answer_or_wait(&self, long: bool, run: impl FnOnce(&V) + Send + 'static) {
        if !long {
            run(&self.view);
        } else {
            let view = self.view.clone();
            self.readers.push(move || run(&view));
        }
    }
}

/// Runs and counts one operation of the view.
fn run_counted<V: View, T>(
    view: &V,
    operation: Counter,
    ino: INodeNo,
    run: impl FnOnce(&V) -> Result<T, ViewError>,
) -> Result<T, Errno> {
    view.requests().count(operation);
    run_catching(view, operation, ino, run)
}

/// Runs one operation of the view. Logs an I/O error or a panic. Returns an errno for any error.
fn run_catching<V: View, T>(
    view: &V,
    operation: Counter,
    ino: INodeNo,
    run: impl FnOnce(&V) -> Result<T, ViewError>,
) -> Result<T, Errno> {
    let operation = operation.name();
    match catch_unwind(AssertUnwindSafe(|| run(view))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            if let ViewError::Io { .. } = error {
                tracing::error!("{operation}: {error}");
            }
            Err(errno(&error))
        }
        Err(_) => {
            // The panic hook has printed the location.
            tracing::error!("{operation} of inode {ino:?} panicked; please report this");
            Err(Errno::EIO)
        }
    }
}

/// Sends the result of a read.
fn read_reply(view: &impl View, read: Result<&[u8], Errno>, reply: ReplyData) {
    match read {
        Ok(bytes) => {
            view.requests().add(Counter::ReadBytes, bytes.len() as u64);
            reply.data(bytes);
        }
        Err(error) => reply.error(error),
    }
}

impl<V: View> Filesystem for Adapter<V> {
    fn init(&mut self, _: &Request, config: &mut KernelConfig) -> io::Result<()> {
        self.granted = negotiate(config);
        Ok(())
    }

    fn destroy(&mut self) {
        let (requests, cache) = (self.view.requests(), self.view.cache_stats());
        tracing::info!(
            "requests: {}; spans: hits={} decoded={} prefetched={}",
            requests.line(),
            cache.hits,
            cache.decoded,
            cache.prefetched
        );
    }

    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let name = name.to_owned();
        self.answer(parent, move |view| {
            let found = run_counted(view, Counter::Lookup, parent, |v| {
                v.lookup(parent.0, name.as_bytes())
            });
            match found {
                Ok(attr) => {
                    let ttl = time_to_live(view, attr.ino);
                    reply.entry(&ttl, &file_attr(&attr), Generation(0));
                }
                // Inode 0 with a time to live: the kernel caches that the name does not exist.
                Err(Errno::ENOENT) => reply.entry(&FOREVER, &negative_entry(), Generation(0)),
                Err(error) => reply.error(error),
            }
        });
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        self.answer(ino, move |view| {
            match run_counted(view, Counter::Getattr, ino, |v| v.getattr(ino.0)) {
                Ok(attr) => reply.attr(&time_to_live(view, ino.0), &file_attr(&attr)),
                Err(error) => reply.error(error),
            }
        });
    }

    fn readlink(&self, _: &Request, ino: INodeNo, reply: ReplyData) {
        self.answer(ino, move |view| {
            let target = run_counted(view, Counter::Readlink, ino, |v| {
                v.readlink(ino.0).map(<[u8]>::to_vec)
            });
            match target {
                Ok(target) => reply.data(&target),
                Err(error) => reply.error(error),
            }
        });
    }

    fn forget(&self, _: &Request, _: INodeNo, _: u64) {
        self.view.requests().count(Counter::Forget);
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.view.requests().count(Counter::Open);
        if self.granted.no_open {
            // After this reply, the kernel opens all files without a request.
            reply.error(Errno::ENOSYS);
        } else {
            reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
        }
    }

    fn opendir(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        self.view.requests().count(Counter::Opendir);
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
        let len = size as usize;
        let at_hand = |v: &V| v.try_read(ino.0, offset, len);
        let at_hand = run_counted(&*self.view, Counter::Read, ino, at_hand);
        let Some(read) = at_hand.transpose() else {
            let (view, pages) = (self.view.clone(), self.pages.clone());
            view.requests().count(Counter::ReadWaits);
            self.readers.push(move || {
                let read = |v: &V| v.read(ino.0, offset, len);
                let read = run_catching(&*view, Counter::Read, ino, read);
                read_reply(&*view, read.as_deref().map_err(|e| *e), reply);
                if read.is_ok() {
                    pages.after_read(&view, ino, offset, size);
                }
            });
            return;
        };
        read_reply(&*self.view, read.as_deref().map_err(|e| *e), reply);
    }

    fn readdir(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        self.answer(ino, move |view| {
            let listed = run_counted(view, Counter::Readdir, ino, |v| {
                v.list(ino.0, offset, &mut |next, entry| {
                    let name = OsStr::from_bytes(&entry.name);
                    !reply.add(INodeNo(entry.ino), next, file_type(entry.kind), name)
                })
            });
            match listed {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(error),
            }
        });
    }

    fn readdirplus(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        self.answer(ino, move |view| {
            let listed = run_counted(view, Counter::Readdirplus, ino, |v| {
                v.list_with_attrs(ino.0, offset, &mut |next, entry, attr| {
                    let name = OsStr::from_bytes(&entry.name);
                    let ino = INodeNo(entry.ino);
                    let (attr, ttl) = match attr {
                        Ok(attr) => (file_attr(&attr), time_to_live(v, entry.ino)),
                        // An entry whose facts cannot be read must not hide the others. It is listed
                        // with attributes that expire at once. A later access sends a request, which
                        // fails.
                        Err(error) => {
                            tracing::error!("readdirplus: {error}");
                            (placeholder_attr(ino, entry.kind), Duration::ZERO)
                        }
                    };
                    !reply.add(ino, next, name, &ttl, &attr, Generation(0))
                })
            });
            match listed {
                Ok(()) => reply.ok(),
                Err(error) => reply.error(error),
            }
        });
    }

    fn statfs(&self, _: &Request, ino: INodeNo, reply: ReplyStatfs) {
        match run_counted(&*self.view, Counter::Statfs, ino, |v| Ok(v.statfs())) {
            Ok(s) => reply.statfs(
                s.blocks,
                0,
                0,
                s.files,
                0,
                Stats::BLOCK,
                MAX_NAME,
                Stats::BLOCK,
            ),
            Err(error) => reply.error(error),
        }
    }

    fn getxattr(&self, _: &Request, ino: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let name = name.to_owned();
        let long = self.view.may_block(ino.0) || reads_file_bytes(name.as_bytes());
        self.answer_or_wait(long, move |view| {
            let value = run_counted(view, Counter::Getxattr, ino, |v| {
                v.getxattr(ino.0, name.as_bytes())
            });
            xattr_reply(value, size, reply);
        });
    }

    fn listxattr(&self, _: &Request, ino: INodeNo, size: u32, reply: ReplyXattr) {
        self.answer(ino, move |view| {
            let names = run_counted(view, Counter::Listxattr, ino, |v| v.listxattr(ino.0));
            xattr_reply(names, size, reply);
        });
    }
}

/// How long the kernel may cache the attributes and name of an inode.
fn time_to_live(view: &impl View, ino: u64) -> Duration {
    match view.is_volatile(ino) {
        true => Duration::ZERO,
        false => FOREVER,
    }
}

/// Sends the value of an extended attribute. Size 0 requests only the length of the value.
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
