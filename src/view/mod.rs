//! The file system as the user sees it: the files of the image, a sidecar beside each executable,
//! facts as xattrs, and `/.imgfs`. Every operation returns a `Result` and needs no mount, so all of
//! it can be tested without the kernel; the FUSE adapter only translates.

mod attr;
mod control;
mod directory;
pub mod facts;
mod ino;
pub mod json;
mod requests;
pub mod sidecar;
mod xattr;

use std::borrow::Cow;
use std::io;
use std::sync::{Arc, OnceLock};

pub use facts::{Fact, Subject, Value};
pub use requests::{Counter, Requests};
pub use sidecar::Sidecars;

use crate::blob::{CacheStats, SpanSlice};
use crate::findings::Findings;
use crate::layer::Mtime;
use crate::open::{FileBytes, OpenImage};
use crate::tree::{self, DentryId, Kind, NodeId, Tree};
use ino::Ino;

/// What to do about an index that cannot be read.
const DAMAGED: &str = "the index of this image in the cache is damaged; unmount and mount again, which \
    makes it anew";

/// Why an operation failed; each has its errno.
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
    /// EINVAL: a link was wanted, or a regular file.
    #[error("wrong type of file")]
    WrongType,
    /// ENODATA.
    #[error("no such attribute")]
    NoAttribute,
    /// EIO, with the cause for the log.
    #[error("{path}: {error}")]
    Io {
        /// The file, for people.
        path: String,
        /// What went wrong.
        #[source]
        error: io::Error,
    },
}

/// What a file is.
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

/// What stat(2) tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attr {
    /// Inode number.
    pub ino: u64,
    /// Type.
    pub kind: FileType,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u16,
    /// Names that lead to it.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Length in bytes.
    pub size: u64,
    /// Stored bytes in units of 512.
    pub blocks: u64,
    /// Time of last modification.
    pub mtime: Mtime,
}

/// A directory entry as readdir(3) gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// Inode number.
    pub ino: u64,
    /// Type.
    pub kind: FileType,
    /// Name.
    pub name: Cow<'a, [u8]>,
}

/// What statfs(2) tells. Nothing is free: it is read-only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Length of all files together, each rounded up to blocks of [`Stats::BLOCK`] bytes.
    pub blocks: u64,
    /// Inodes.
    pub files: u64,
}

impl Stats {
    /// Size of a block, in bytes.
    pub const BLOCK: u32 = tree::BLOCK;
}

/// The view of an opened image.
pub struct ImageFs {
    image: Arc<OpenImage>,
    sidecars: Sidecars,
    /// For each node, whether `/.imgfs/arch` has a directory for it. Found out when somebody enters
    /// it, since every link of the image has to be followed for that.
    has_texts: OnceLock<Vec<bool>>,
    /// `/.imgfs/findings.tsv`.
    findings_text: OnceLock<Vec<u8>>,
    requests: Requests,
}

/// The part of a text that was asked for.
fn cut(text: &[u8], offset: u64, len: usize) -> FileBytes {
    let from = usize::try_from(offset)
        .unwrap_or(usize::MAX)
        .min(text.len());
    let to = from.saturating_add(len).min(text.len());
    FileBytes::Owned(text.get(from..to).unwrap_or_default().to_vec())
}

impl ImageFs {
    /// The view of an image.
    pub fn new(image: Arc<OpenImage>, sidecars: Sidecars) -> Self {
        Self {
            image,
            sidecars,
            has_texts: OnceLock::new(),
            findings_text: OnceLock::new(),
            requests: Requests::default(),
        }
    }

    fn tree(&self) -> &Tree {
        &self.image.tree
    }

    // What the other files of this room share.

    /// What an operation answers, if the index can be believed: where it is damaged, it reads as if
    /// something were not there, so this is asked last. Every public operation goes through here.
    fn sound<T>(&self, answer: impl FnOnce() -> Result<T, ViewError>) -> Result<T, ViewError> {
        let answer = answer();
        if let Err(ViewError::Io { .. }) = answer {
            self.image.forget_damaged();
        }
        if self.tree().is_damaged() {
            self.image.forget_damaged();
            return Err(ViewError::Io {
                path: self.image.name.clone(),
                error: io::Error::new(io::ErrorKind::InvalidData, DAMAGED),
            });
        }
        answer
    }

    /// The name of an entry's sidecar, if it has one.
    fn sidecar_name(&self, id: DentryId) -> Option<Vec<u8>> {
        self.tree().executable(id)?;
        sidecar::name(self.tree().dentry(id)?.name)
    }

    fn has_texts(&self, id: NodeId) -> bool {
        let has_texts = self.has_texts.get_or_init(|| self.find_texts());
        has_texts.get(id.0 as usize).copied().unwrap_or(false)
    }

    /// Which directories have an executable in them or below.
    fn find_texts(&self) -> Vec<bool> {
        let tree = self.tree();
        let mut has_texts = vec![false; tree.nodes().len()];
        for id in tree.dentries() {
            let mut dir = match tree.executable(id) {
                Some(_) => tree.dentry(id).map(|dentry| dentry.parent),
                None => None,
            };
            while let Some(at) = dir
                && let Some(has) = has_texts.get_mut(at.0 as usize)
                && !*has
            {
                *has = true;
                dir = (at != Tree::ROOT).then(|| tree.parent(at));
            }
        }
        has_texts
    }

    fn ino(&self, number: u64) -> Result<Ino, ViewError> {
        Ino::of(number).ok_or(ViewError::NotFound)
    }

    // Contents.

    /// The regular file of that number; `None` for a text of ours.
    fn regular(&self, ino: u64) -> Result<Option<NodeId>, ViewError> {
        match self.ino(ino)? {
            Ino::Node(id) => match self.tree().node(id).ok_or(ViewError::NotFound)?.kind {
                Kind::Regular => Ok(Some(id)),
                Kind::Directory => Err(ViewError::IsDirectory),
                _ => Err(ViewError::WrongType),
            },
            Ino::Sidecar(_) | Ino::ArchText(_) | Ino::Findings => Ok(None),
            Ino::Control | Ino::ArchDirectory(_) => Err(ViewError::IsDirectory),
        }
    }

    /// Reads a file. Returns less than `len` bytes only at its end.
    ///
    /// # Errors
    /// `IsDirectory`, or `Io` if the image cannot be read or has changed.
    pub fn read(&self, ino: u64, offset: u64, len: usize) -> Result<FileBytes, ViewError> {
        self.sound(|| self.read_at(ino, offset, len))
    }

    fn read_at(&self, ino: u64, offset: u64, len: usize) -> Result<FileBytes, ViewError> {
        match (self.regular(ino)?, self.ino(ino)?) {
            (Some(id), _) => {
                let read = self.image.bytes(id, offset, len);
                read.map_err(|error| ViewError::Io {
                    path: crate::layer::printable(&self.path_of(id)),
                    error,
                })
            }
            (None, Ino::Sidecar(id) | Ino::ArchText(id)) => {
                Ok(cut(&self.sidecar_text(id)?, offset, len))
            }
            (None, Ino::Findings) => Ok(cut(self.findings_text()?, offset, len)),
            (None, _) => Err(ViewError::WrongType),
        }
    }

    /// What [`ImageFs::read`] would return, if it can be had at once; `None` where something must be
    /// decoded for it, or somebody waited for.
    ///
    /// # Errors
    /// As [`ImageFs::read`].
    pub fn read_at_hand(
        &self,
        ino: u64,
        offset: u64,
        len: usize,
    ) -> Result<Option<FileBytes>, ViewError> {
        self.sound(|| match self.regular(ino)? {
            Some(id) => Ok(self.image.bytes_at_hand(id, offset, len)),
            // A text tells a verdict, which may have to be waited for.
            None if !self.is_ready() => Ok(None),
            None => self.read_at(ino, offset, len).map(Some),
        })
    }

    /// What else of a file was decoded with its byte at `offset`: where in the file, and the bytes.
    pub fn around(&self, ino: u64, offset: u64) -> Option<(u64, SpanSlice)> {
        let around = self.sound(|| {
            let id = self.regular(ino)?;
            Ok(id.and_then(|id| self.image.around(id, offset)))
        });
        around.ok().flatten()
    }

    /// What was asked of the process, counted by who serves the mount.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// What the cache of decoded spans holds and has done.
    pub fn cache_stats(&self) -> CacheStats {
        self.image.cache_stats()
    }

    fn path_of(&self, id: NodeId) -> Vec<u8> {
        let name = self.tree().node(id).and_then(|node| node.name);
        name.map_or_else(|| b"/".to_vec(), |name| self.tree().path(name))
    }

    fn sidecar_text(&self, id: DentryId) -> Result<Vec<u8>, ViewError> {
        let tree = self.tree();
        let found = tree.executable(id).ok_or(ViewError::NotFound)?;
        let node = tree.dentry(found).ok_or(ViewError::NotFound)?.node;
        let facts = self.facts_at(node, &tree.path(found))?;
        Ok(sidecar::text(&facts))
    }

    /// The facts of a node: all of them for an executable, its layer for other files and
    /// directories, none for the rest.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn facts(&self, ino: u64) -> Result<Vec<Fact>, ViewError> {
        self.sound(|| self.facts_of(ino))
    }

    fn facts_of(&self, ino: u64) -> Result<Vec<Fact>, ViewError> {
        match self.ino(ino)? {
            Ino::Node(id) => self.facts_at(id, &self.path_of(id)),
            _ => Ok(Vec::new()),
        }
    }

    fn facts_at(&self, id: NodeId, path: &[u8]) -> Result<Vec<Fact>, ViewError> {
        let Some(node) = self.tree().node(id) else {
            return Ok(Vec::new());
        };
        if !matches!(node.kind, Kind::Regular | Kind::Directory) {
            return Ok(Vec::new());
        }
        let Some(layer) = self.image.layers.get(node.layer as usize) else {
            return Ok(Vec::new());
        };
        let binary = match node.executable {
            true => self.image.binary(id).map_err(|error| ViewError::Io {
                path: crate::layer::printable(path),
                error,
            })?,
            false => None,
        };
        let mut facts = match &binary {
            Some(binary) => {
                let subject = Subject {
                    path,
                    size: node.size,
                    mode: node.mode.into(),
                    uid: node.uid,
                    gid: node.gid,
                };
                facts::of_binary(subject, binary)
            }
            None => Vec::new(),
        };
        facts.extend(facts::of_layer(node.layer, layer));
        if binary.is_some() {
            // What cannot be told is no reason to say nothing of the file itself.
            facts::add_findings(&mut facts, self.image.findings().ok(), id);
        }
        Ok(facts)
    }

    /// Whether all that is asked is answered at once, but for reads of files that must be decoded.
    /// Before that, what tells of an executable waits for its verdict.
    pub fn is_ready(&self) -> bool {
        self.image.has_findings()
    }

    /// What will not run, and why.
    fn found(&self) -> Result<&Findings, ViewError> {
        self.image.findings().map_err(|error| ViewError::Io {
            path: self.image.name.clone(),
            error,
        })
    }
}
