//! The directory: where a file of the cache is, and which files go when there are too many.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustix::fs::OFlags;
use rustix::process::geteuid;
use sha2::{Digest as _, Sha256};

use super::file::CacheFile;
use super::writer::{Place, Writer};
use super::{Identity, list};

/// Files of another layout stand beside it, and are left alone.
const LAYOUT: &str = "v1";

/// Says to backup programs that this can be made again (bford.info/cachedir).
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This directory holds indexes of container images, made by imgfs. It can be deleted.\n";

/// What a file of the cache is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// One layer's index.
    Layer,
    /// The tree that a row of layers merges to.
    Tree,
    /// The spans and members of a compressed archive.
    Archive,
    /// The digests of what lies in a file outside, as far as they were verified.
    Seen,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Layer, Self::Tree, Self::Archive, Self::Seen];

    /// The number in the header.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Layer => 1,
            Self::Tree => 2,
            Self::Archive => 3,
            Self::Seen => 4,
        }
    }

    /// The name of its directory.
    pub fn name(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::Tree => "tree",
            Self::Archive => "archive",
            Self::Seen => "seen",
        }
    }
}

/// What a file of the cache is kept under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    kind: Kind,
    text: String,
}

impl Key {
    /// A layer, by the verified digest of its blob.
    pub fn layer(digest: &str) -> Self {
        let text = digest.to_owned();
        Self {
            kind: Kind::Layer,
            text,
        }
    }

    /// A tree, by the digests of its layers' blobs, the lowest first.
    pub fn tree<'a>(digests: impl Iterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for digest in digests {
            text.push_str(digest);
            text.push('\n');
        }
        Self {
            kind: Kind::Tree,
            text,
        }
    }

    /// A compressed archive, by the identity of its file.
    pub fn archive(file: &Identity) -> Self {
        let text = file.text();
        Self {
            kind: Kind::Archive,
            text,
        }
    }

    /// What was verified in a file.
    pub fn seen(file: &Identity) -> Self {
        let text = file.text();
        Self {
            kind: Kind::Seen,
            text,
        }
    }

    /// Which kind of file it is the key of.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        // The version of the program is part of every key: what it tells of a binary may differ.
        for part in [env!("CARGO_PKG_VERSION"), "\n", &self.text] {
            hasher.update(part.as_bytes());
        }
        hasher.finalize().into()
    }

    /// The file's name. A layer's is its digest, for people.
    fn file_name(&self) -> String {
        match self.kind {
            Kind::Layer => self.text.replace([':', '/'], "-"),
            _ => self
                .hash()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        }
    }
}

/// The directory of the cache. Without one, files have no name and are gone when they are closed.
#[derive(Clone, Debug, Default)]
pub struct CacheDir {
    root: Option<PathBuf>,
}

impl CacheDir {
    /// Where it is unless the user says otherwise: `$XDG_CACHE_HOME/imgfs`, else
    /// `$HOME/.cache/imgfs` (XDG Base Directory Specification).
    pub fn default_path() -> Option<PathBuf> {
        let absolute = |name| {
            let path = PathBuf::from(std::env::var_os(name)?);
            path.is_absolute().then_some(path)
        };
        let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
        Some(base?.join("imgfs"))
    }

    /// No directory: nothing is found, and nothing is kept.
    pub fn none() -> Self {
        Self::default()
    }

    /// Opens a directory, and makes it if it is not there.
    ///
    /// # Errors
    /// If it cannot be made, or is not this user's alone to write: what stands in an index is
    /// believed, so nobody else may put one there.
    pub fn open(path: &Path) -> io::Result<Self> {
        let root = path.join(LAYOUT);
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        for kind in Kind::ALL {
            builder.create(root.join(kind.name()))?;
        }
        for dir in [path, &root] {
            check_owner(&fs::metadata(dir)?)?;
        }
        let tag = path.join("CACHEDIR.TAG");
        if !tag.exists() {
            fs::write(tag, TAG)?;
        }
        Ok(Self { root: Some(root) })
    }

    /// The directory that files are in.
    pub fn path(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    pub(super) fn file_path(&self, key: &Key) -> Option<PathBuf> {
        let dir = self.root.as_ref()?.join(key.kind.name());
        Some(dir.join(key.file_name()))
    }

    /// The file of that key, marked as used. One that cannot be trusted is removed.
    pub fn load(&self, key: &Key) -> Option<Arc<CacheFile>> {
        let path = self.file_path(key)?;
        let file = match open_file(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return self.refuse(&path, &error),
        };
        match CacheFile::open(&file, key) {
            Ok(opened) => {
                // The time of last use; that it cannot be set costs the file its turn, no more.
                let _ = file.set_modified(SystemTime::now());
                Some(Arc::new(opened))
            }
            Err(error) => self.refuse(&path, &error),
        }
    }

    fn refuse(&self, path: &Path, error: &io::Error) -> Option<Arc<CacheFile>> {
        tracing::warn!("{}: {error}; it is made again", path.display());
        let _ = fs::remove_file(path);
        None
    }

    /// Takes the file of a key away: it was found damaged.
    pub fn remove(&self, key: &Key) {
        if let Some(path) = self.file_path(key) {
            let _ = fs::remove_file(path);
        }
    }

    /// Begins a file. Where the directory cannot be written, it has no name.
    ///
    /// # Errors
    /// If there is no room for a temporary file either.
    pub fn create(&self, kind: Kind) -> io::Result<Writer> {
        if let Some(root) = &self.root {
            let dir = root.join(kind.name());
            match self.create_aside(&dir) {
                Ok((file, place)) => return Ok(Writer::new(file, Some(place), kind)),
                Err(error) => tracing::warn!("{}: {error}; nothing is kept", dir.display()),
            }
        }
        let dir = temporary_dir();
        let file = tempfile::tempfile_in(&dir).map_err(|e| {
            let hint = "set TMPDIR to a directory with room";
            io::Error::new(e.kind(), format!("{}: {e} ({hint})", dir.display()))
        })?;
        Ok(Writer::new(file, None, kind))
    }

    fn create_aside(&self, dir: &Path) -> io::Result<(File, Place)> {
        let named = tempfile::Builder::new()
            .prefix(list::ASIDE)
            .tempfile_in(dir)?;
        let (file, temporary) = named.into_parts();
        let dir = self.clone();
        Ok((file, Place { temporary, dir }))
    }
}

/// Opens a file that only this user can have written.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    // A link would lead to a file that may change; a pipe would make open(2) wait.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    check_owner(&meta)?;
    Ok(file)
}

fn check_owner(meta: &fs::Metadata) -> io::Result<()> {
    if meta.uid() != geteuid().as_raw() {
        return Err(io::Error::other("it belongs to another user"));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(io::Error::other("other users may write to it"));
    }
    Ok(())
}

/// Where temporary files go: `$TMPDIR`, else `/var/tmp`, which unlike `/tmp` is never memory.
pub fn temporary_dir() -> PathBuf {
    std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from)
}
