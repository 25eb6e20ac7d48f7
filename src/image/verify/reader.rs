//! Access to the files of an image for verification: if a file cannot be read, the reason is reported as
//! a problem, and all requested files are recorded.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::report::{CheckProblem, ProblemId};
use crate::blob::{Digest, FileSource, Hasher, ReadAt, examine, read_all};
use crate::image::archive::{Archive, clean};
use crate::image::files::{Files, is_inside};
use crate::oci::MAX_DOCUMENT;

/// The maximum number of files that are listed.
const MAX_FILES: usize = 100_000;

/// The maximum number of descriptors, diff_ids and layer names of all documents together, which are held
/// in memory. The images with the most references in registries have some hundreds.
const MAX_REFERENCES: usize = 300_000;

/// The files of an image.
pub(super) struct Reader<'a> {
    files: &'a Files,
    /// Paths of referenced files.
    used: BTreeSet<Vec<u8>>,
    left: usize,
    /// Whether some references were not followed.
    pub cut: bool,
    /// Whether `json` and `VERSION` next to a layer belong to it, as in archives of old Docker versions.
    pub legacy: bool,
}

/// The result of reading a document.
pub(super) struct ReadFile {
    /// Its length, if it exists.
    pub size: Option<u64>,
    /// Its digest, if it can be read.
    pub digest: Option<Digest>,
    /// Its bytes, or the problem with it.
    pub bytes: Result<Vec<u8>, CheckProblem>,
}

/// A file that nothing refers to.
pub(super) struct Stray {
    pub path: Vec<u8>,
    pub size: Option<u64>,
    /// The kind of file, if it is not a regular file.
    pub what: Option<&'static str>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(files: &'a Files) -> Self {
        Self {
            files,
            used: BTreeSet::new(),
            left: MAX_REFERENCES,
            cut: false,
            legacy: false,
        }
    }

    /// Counts references against the limit, and returns a problem if it is exceeded.
    pub(super) fn spend(&mut self, references: usize) -> Result<(), CheckProblem> {
        match self.left.checked_sub(references) {
            Some(left) => self.left = left,
            None => {
                let detail = format!("more than {MAX_REFERENCES} references are not followed");
                return Err(self.limit_exceeded(&detail));
            }
        }
        Ok(())
    }

    /// Records that some references are not followed, and returns the problem.
    pub(super) fn limit_exceeded(&mut self, detail: &str) -> CheckProblem {
        self.cut = true;
        CheckProblem::because(ProblemId::TooMuch, detail)
    }

    /// Returns whether the image is in the store.
    pub(super) fn is_store(&self) -> bool {
        matches!(self.files, Files::Store(_))
    }

    pub(super) fn contains(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    /// Marks a file as referenced.
    pub(super) fn mark_used(&mut self, path: &str) {
        self.used.extend(clean(path).map(String::into_bytes));
        // The target of a link is referenced too.
        self.used.extend(self.real(path));
    }

    fn real(&self, path: &str) -> Option<Vec<u8>> {
        match self.files {
            Files::Archive(archive) => archive.real(path).map(|p| p.as_bytes().to_vec()),
            Files::Directory(dir) => real(dir, path),
            Files::Store(store) => real(store.path(), path),
        }
    }

    /// Marks a file as referenced and opens it. `missing` is the kind of problem if it does not exist.
    pub(super) fn find(
        &mut self,
        path: &str,
        missing: ProblemId,
    ) -> Result<Arc<dyn ReadAt>, CheckProblem> {
        self.mark_used(path);
        open_file(self.files, path).map_err(|absent| absent.problem(missing))
    }

    /// Reads a document. Its digest is computed with the algorithm of `named`, or SHA-256.
    pub(super) fn document(
        &mut self,
        path: &str,
        named: Option<&Digest>,
        missing: ProblemId,
    ) -> ReadFile {
        let source = match self.find(path, missing) {
            Ok(source) => source,
            Err(problem) => {
                return ReadFile {
                    size: None,
                    digest: None,
                    bytes: Err(problem),
                };
            }
        };
        let size = source.size();
        let unreadable = |error: &dyn std::fmt::Display| {
            CheckProblem::because(ProblemId::Unreadable, error.to_string())
        };
        let (digest, bytes) = if size > MAX_DOCUMENT {
            let detail = format!("it has {size} bytes, which is too many for a document");
            let examined = examine(source, named, &[], &mut |_| ());
            match examined {
                Ok(found) => {
                    let problem = CheckProblem::because(ProblemId::BadDocument, detail);
                    (Some(found.digest), Err(problem))
                }
                Err(error) => (None, Err(unreadable(&error))),
            }
        } else {
            match read_all(&*source, MAX_DOCUMENT) {
                Ok(bytes) => {
                    let mut hasher = named.map_or_else(Hasher::sha256, Hasher::like);
                    hasher.update(&bytes);
                    (Some(hasher.finish()), Ok(bytes))
                }
                Err(error) => (None, Err(unreadable(&error))),
            }
        };
        ReadFile {
            size: Some(size),
            digest,
            bytes,
        }
    }

    /// Returns the unreferenced files in the order of their paths, and whether the list is complete.
    pub(super) fn strays(&self) -> (Vec<Stray>, bool) {
        let (mut files, all) = match self.files {
            Files::Archive(archive) => (members(archive), true),
            Files::Directory(dir) => walk(dir),
            Files::Store(store) => walk(store.path()),
        };
        files.retain(|file| !self.is_used(file));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        (files, all)
    }

    fn is_used(&self, file: &Stray) -> bool {
        if self.used.contains(&file.path) {
            return true;
        }
        let link = file.size.is_none();
        let path = std::str::from_utf8(&file.path).unwrap_or_default();
        // A link to a referenced file, as in archives of old Docker versions.
        if link
            && self
                .real(path)
                .is_some_and(|real| self.used.contains(&real))
        {
            return true;
        }
        let dir = path.strip_suffix("/json");
        if let Some(dir) = dir.or_else(|| path.strip_suffix("/VERSION"))
            && self.legacy
            && let Some(layer) = self.real(&format!("{dir}/layer.tar"))
        {
            return self.used.contains(&layer);
        }
        // A link to a directory that contains referenced files.
        let below = [&*file.path, b"/"].concat();
        let next = self.used.range(below.clone()..).next();
        link && next.is_some_and(|next| next.starts_with(&below))
    }
}

/// Resolves a path in a directory, and returns it relative to the directory.
fn real(dir: &Path, path: &str) -> Option<Vec<u8>> {
    let real = fs::canonicalize(dir.join(path)).ok()?;
    let real = real.strip_prefix(fs::canonicalize(dir).ok()?).ok()?;
    Some(real.as_os_str().as_bytes().to_vec())
}

/// Why there is no readable file at a path.
pub(super) enum Absent {
    Missing,
    NotAFile(String),
    Unreadable(io::Error),
}

impl Absent {
    pub(super) fn problem(self, missing: ProblemId) -> CheckProblem {
        match self {
            Self::Missing => CheckProblem::because(missing, "it does not exist"),
            Self::NotAFile(what) => CheckProblem::because(ProblemId::NotAFile, what),
            Self::Unreadable(error) => {
                CheckProblem::because(ProblemId::Unreadable, error.to_string())
            }
        }
    }
}

/// Opens a file of an image. Files outside the image are not opened, even if a link points to them.
pub(super) fn open_file(files: &Files, path: &str) -> Result<Arc<dyn ReadAt>, Absent> {
    let dir = match files {
        Files::Archive(archive) => return archive.get(path).ok_or(Absent::Missing),
        Files::Directory(dir) => dir,
        Files::Store(store) => store.path(),
    };
    let outside = || Absent::NotAFile("it points outside the image".to_owned());
    if !is_inside(Path::new(path)) {
        return Err(outside());
    }
    let absent = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Absent::Missing,
        _ => Absent::Unreadable(error),
    };
    let full = dir.join(path);
    let is_link = fs::symlink_metadata(&full).map_err(absent)?.is_symlink();
    let real = fs::canonicalize(&full).map_err(|error| match absent(error) {
        Absent::Missing if is_link => Absent::NotAFile("it is a dangling symbolic link".to_owned()),
        other => other,
    })?;
    if !real.starts_with(fs::canonicalize(dir).map_err(absent)?) {
        return Err(outside());
    }
    let kind = fs::metadata(&real).map_err(absent)?.file_type();
    // Opening a named pipe would block.
    if let Some(what) = special(kind) {
        return Err(Absent::NotAFile(format!("it is {what}")));
    }
    let file = File::open(&real).map_err(absent)?;
    let source = FileSource::new(file).map_err(absent)?;
    Ok(Arc::new(source))
}

/// Returns what kind of file this is, if it is not a regular file.
fn special(kind: fs::FileType) -> Option<&'static str> {
    match kind {
        _ if kind.is_file() => None,
        _ if kind.is_dir() => Some("a directory"),
        _ if kind.is_symlink() => Some("a symbolic link"),
        _ if kind.is_fifo() => Some("a pipe"),
        _ if kind.is_socket() => Some("a socket"),
        _ => Some("a device"),
    }
}

fn members(archive: &Archive) -> Vec<Stray> {
    let members = archive.members();
    let stray = |(path, size): (&str, Option<u64>)| Stray {
        path: path.as_bytes().to_vec(),
        size,
        what: size.is_none().then_some("a link"),
    };
    members.map(stray).collect()
}

/// Lists all files below a directory, without directories, and returns whether the list is complete.
/// Links are not followed.
fn walk(root: &Path) -> (Vec<Stray>, bool) {
    let mut found = Vec::new();
    let mut pending = vec![PathBuf::new()];
    let mut budget = MAX_FILES;
    while let Some(dir) = pending.pop() {
        let Ok(entries) = fs::read_dir(root.join(&dir)) else {
            found.push(Stray {
                path: dir.into_os_string().into_vec(),
                size: None,
                what: Some("a directory that cannot be read"),
            });
            continue;
        };
        for entry in entries.flatten() {
            if budget == 0 {
                return (found, false);
            }
            budget -= 1;
            let path = dir.join(entry.file_name());
            let Ok(meta) = entry.metadata() else {
                continue;
            };
            let what = special(meta.file_type());
            if meta.is_dir() {
                pending.push(path);
                continue;
            }
            found.push(Stray {
                path: path.into_os_string().into_vec(),
                size: what.is_none().then_some(meta.len()),
                what,
            });
        }
    }
    (found, true)
}
