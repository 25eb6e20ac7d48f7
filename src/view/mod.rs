//! The file system as the user sees it: the files of the image, a sidecar next to each executable, facts
//! as xattrs, and `/.imgfs`. It shows one image ([`ImageFs`]) or several ([`Platforms`]).
//!
//! Every operation returns a `Result` and needs no mount, so all of it can be tested without the kernel.
//! The FUSE adapter only translates the results of a [`View`].

mod attr;
mod control;
mod digest;
mod directory;
pub(crate) mod facts;
mod file_facts;
mod file_findings;
mod hidden;
mod image_view;
mod ino;
mod interface;
pub(crate) mod json;
pub(crate) mod keys;
mod origin;
mod platforms;
mod requests;
pub(crate) mod sidecar;
mod xattr;

use std::borrow::Cow;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

pub use crate::tree::RemovalKind;
#[cfg(feature = "fuse")]
pub(crate) use digest::reads_file_bytes;
pub(crate) use facts::Fact;
pub use facts::{Subject, Value};
pub use hidden::HiddenName;
pub use interface::View;
pub use keys::KEYS;
pub(crate) use origin::StoredFile;
pub use platforms::{Platforms, names as platform_names};
pub use requests::Counter;
pub(crate) use requests::Requests;
pub use sidecar::Sidecars;

use crate::blob::{CacheStats, SpanSlice};
use crate::findings::Findings;
use crate::layer::Mtime;
use crate::open::{FileBytes, OpenImage};
use crate::tree::{self, DentryId, NodeId, NodeKind, Tree};
use control::{ControlFile, Statuses, Table};
use ino::{Ino, TreeId};

/// What to do about an index that cannot be read.
const DAMAGED: &str = "the index of this image in the cache is damaged; unmount and mount the image \
    again to rebuild it";

/// The length of the longest file name, in bytes (NAME_MAX, Linux, limits.h).
pub(crate) const MAX_NAME: u32 = 255;

/// Why an operation failed. Each variant corresponds to an errno.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// ENOENT.
    #[error("no such file")]
    NotFound,
    /// ENOTDIR.
    #[error("not a directory")]
    NotDirectory,
    /// EISDIR.
    #[error("is a directory")]
    IsDirectory,
    /// EINVAL: the operation requires a symbolic link or a regular file.
    #[error("wrong type of file")]
    WrongType,
    /// ENAMETOOLONG: a name of more than `MAX_NAME` bytes.
    #[error("name too long")]
    NameTooLong,
    /// ENODATA.
    #[error("no such attribute")]
    NoAttribute,
    /// EOPNOTSUPP: the name of an attribute in a namespace that does not exist.
    #[error("no such attribute namespace")]
    NoNamespace,
    /// EINVAL: the name of an attribute consists only of its namespace.
    #[error("an attribute namespace without a name")]
    OnlyNamespace,
    /// EIO. The cause is for the log.
    #[error("{path}: {error}")]
    Io {
        /// The file, for display.
        path: String,
        /// The cause.
        #[source]
        error: io::Error,
    },
}

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
}

impl FileType {
    /// The name of the type in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regular => "file",
            Self::Directory => "dir",
            Self::Symlink => "symlink",
            Self::CharDevice => "char",
            Self::BlockDevice => "block",
            Self::Fifo => "fifo",
        }
    }
}

/// The attributes of a file, as for stat(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr {
    /// Inode number.
    pub ino: u64,
    /// Type.
    pub kind: FileType,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u16,
    /// The number of names that lead to it.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Length in bytes.
    pub size: u64,
    /// The number of stored bytes, in units of 512.
    pub blocks: u64,
    /// Time of last modification.
    pub mtime: Mtime,
}

/// A directory entry, as for readdir(3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// Inode number.
    pub ino: u64,
    /// Type.
    pub kind: FileType,
    /// Name.
    pub name: Cow<'a, [u8]>,
}

/// The size of the file system, as for statfs(2). Nothing is free because it is read-only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The sum of all file lengths in blocks of [`Stats::BLOCK`] bytes, each length rounded up.
    pub blocks: u64,
    /// The number of inodes.
    pub files: u64,
}

impl Stats {
    /// The size of a block, in bytes.
    pub const BLOCK: u32 = tree::BLOCK;
}

/// The view of one opened image.
pub struct ImageFs {
    image: Arc<OpenImage>,
    sidecars: Sidecars,
    /// For each node, whether `/.imgfs/arch` has a directory for it. Computed when such a directory is
    /// first entered, because every symbolic link of the image must be followed.
    has_sidecars_below: OnceLock<Vec<bool>>,
    /// The text of `/.imgfs/findings.tsv`.
    findings_text: OnceLock<Vec<u8>>,
    /// The table behind `/.imgfs/binaries.tsv`, created when first needed.
    binaries: Mutex<Option<Arc<Table>>>,
    /// The texts of `/.imgfs/status`.
    statuses: Statuses,
    /// Request counts, shared by all images of a mount.
    requests: Arc<Requests>,
    /// The number of operations that failed because the image cannot be read.
    errors: AtomicU64,
}

/// The requested part of a text.
fn cut(text: &[u8], offset: u64, len: usize) -> Vec<u8> {
    let from = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(text.len());
    let to = from.saturating_add(len).min(text.len());
    text.get(from..to).unwrap_or_default().to_vec()
}

impl ImageFs {
    /// Creates the view of an image.
    pub fn new(image: Arc<OpenImage>, sidecars: Sidecars) -> Self {
        Self::counted(image, sidecars, Arc::default())
    }

    /// Like [`new`](Self::new), but with request counts shared with other images of the same mount.
    fn counted(image: Arc<OpenImage>, sidecars: Sidecars, requests: Arc<Requests>) -> Self {
        Self {
            image,
            sidecars,
            has_sidecars_below: OnceLock::new(),
            findings_text: OnceLock::new(),
            binaries: Mutex::default(),
            statuses: Statuses::default(),
            requests,
            errors: AtomicU64::new(0),
        }
    }

    /// The image.
    pub fn image(&self) -> &OpenImage {
        &self.image
    }

    /// The image, for another view of it.
    #[cfg(feature = "fuse")]
    pub(crate) fn shared(&self) -> Arc<OpenImage> {
        self.image.clone()
    }

    fn tree(&self) -> &Tree {
        &self.image.tree
    }

    /// One of the image's trees. All but the merged tree are created when first needed.
    fn tree_of(&self, which: TreeId) -> Result<&Tree, ViewError> {
        let damaged = |error| ViewError::Io {
            path: self.image.name.clone(),
            error,
        };
        match which {
            TreeId::Merged => Ok(&self.image.tree),
            TreeId::Hidden => self.image.hidden().map_err(damaged),
            TreeId::Layer(number) => {
                let tree = self.image.layer_alone(number).map_err(damaged)?;
                tree.ok_or(ViewError::NotFound)
            }
        }
    }

    // Shared by the other files of this module.

    /// Runs an operation, and returns an error instead of its result if the index is damaged. A damaged
    /// index reads as if parts were absent, so this is checked after the operation. Every public
    /// operation goes through this function.
    fn checked<T>(&self, answer: impl FnOnce() -> Result<T, ViewError>) -> Result<T, ViewError> {
        let answer = self.count_error(answer());
        if self.image.is_damaged() {
            self.image.forget_damaged();
            return Err(ViewError::Io {
                path: self.image.name.clone(),
                error: io::Error::new(io::ErrorKind::InvalidData, DAMAGED),
            });
        }
        answer
    }

    /// Counts an error if it is one of the image, and removes the cache files that are damaged.
    fn count_error<T>(&self, answer: Result<T, ViewError>) -> Result<T, ViewError> {
        if let Err(ViewError::Io { .. }) = answer {
            self.errors.fetch_add(1, Ordering::Relaxed);
            self.image.forget_damaged();
        }
        answer
    }

    /// The name of an entry's sidecar, if it has one.
    fn sidecar_name(&self, tree: &Tree, id: DentryId) -> Option<Vec<u8>> {
        tree.executable(id)?;
        sidecar::name(tree.dentry(id)?.name)
    }

    fn has_sidecars_below(&self, id: NodeId) -> bool {
        let has_sidecars_below = self
            .has_sidecars_below
            .get_or_init(|| self.find_sidecars_below());
        has_sidecars_below
            .get(id.0 as usize)
            .copied()
            .unwrap_or(false)
    }

    /// For each directory, whether it or a directory below it contains an executable.
    fn find_sidecars_below(&self) -> Vec<bool> {
        let tree = self.tree();
        let mut has_sidecars_below = vec![false; tree.nodes().len()];
        for id in tree.dentries() {
            let mut dir = match tree.executable(id) {
                Some(_) => tree.dentry(id).map(|dentry| dentry.parent),
                None => None,
            };
            while let Some(at) = dir
                && let Some(has) = has_sidecars_below.get_mut(at.0 as usize)
                && !*has
            {
                *has = true;
                dir = (at != Tree::ROOT).then(|| tree.parent(at));
            }
        }
        has_sidecars_below
    }

    fn ino(&self, number: u64) -> Result<Ino, ViewError> {
        Ino::of(number).ok_or(ViewError::NotFound)
    }

    // Contents.

    /// The regular file with that inode number and its tree. Returns `None` for a generated text.
    fn regular(&self, ino: u64) -> Result<Option<(&Tree, NodeId)>, ViewError> {
        match self.tree_node(ino)? {
            Some((tree, id, node)) => match node.kind {
                NodeKind::Regular => Ok(Some((tree, id))),
                NodeKind::Directory => Err(ViewError::IsDirectory),
                _ => Err(ViewError::WrongType),
            },
            None if matches!(self.ino(ino)?, Ino::ArchDirectory(_)) => Err(ViewError::IsDirectory),
            None => Ok(None),
        }
    }

    fn read_at(&self, ino: u64, offset: u64, len: usize) -> Result<FileBytes, ViewError> {
        if let Some((tree, id)) = self.regular(ino)? {
            let read = self.image.bytes(tree, id, offset, len);
            return read.map_err(|error| ViewError::Io {
                path: crate::layer::printable(&self.path_of(tree, id)),
                error,
            });
        }
        let text = match self.ino(ino)? {
            Ino::Sidecar(which, id) => cut(&self.sidecar_text(which, id)?, offset, len),
            Ino::ArchText(id) => cut(&self.sidecar_text(TreeId::Merged, id)?, offset, len),
            Ino::Status(serial) => cut(self.status(serial)?.as_bytes(), offset, len),
            Ino::Control(number) => self.control_read(self.control_file(number)?, offset, len)?,
            Ino::Node(..) | Ino::ArchDirectory(_) => return Err(ViewError::WrongType),
        };
        Ok(FileBytes::Owned(text))
    }

    fn control_file(&self, number: u32) -> Result<ControlFile, ViewError> {
        ControlFile::of(number).ok_or(ViewError::NotFound)
    }

    /// Returns whether every request is answered immediately, except reads that must decode data. Until
    /// then, requests for facts of an executable wait for its verdict.
    pub fn is_ready(&self) -> bool {
        self.image.has_findings()
    }

    /// The findings: what will not run, and why.
    fn found(&self) -> Result<&Findings, ViewError> {
        self.image.findings().map_err(|error| ViewError::Io {
            path: self.image.name.clone(),
            error,
        })
    }
}
