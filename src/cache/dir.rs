//! The cache directory: where its files are, and which owner and permissions they must have.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::fault::Fault;
use super::file::CacheFile;
use super::key::{CacheKey, CacheKind};
use super::root::Root;
use super::user_file::{discard, open_file, temporary_file};
use super::writer::{Destination, UNFINISHED, Writer};
use crate::private::{self, about, check_dir};

/// Files of other layout versions are in sibling directories, and are not touched.
const LAYOUT: &str = "v1";

/// Tells backup programs that the directory can be recreated (bford.info/cachedir).
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This directory holds indexes of container images, made by imgfs. It can be deleted.\n";

/// The cache directory. Without one, files are unnamed and vanish when they are closed.
#[derive(Clone, Debug, Default)]
pub struct CacheDir {
    root: Option<Arc<Root>>,
    /// The limit on the total size of all files, in bytes.
    limit: Option<u64>,
}

impl CacheDir {
    /// Returns the default path: `$XDG_CACHE_HOME/imgfs`, else `$HOME/.cache/imgfs`. Relative paths
    /// are ignored, as the XDG Base Directory Specification requires.
    pub fn default_path() -> Option<PathBuf> {
        private::default_path("XDG_CACHE_HOME", ".cache")
    }

    /// Returns a cache without a directory: it finds nothing and keeps nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Opens a directory, and creates it if it does not exist.
    ///
    /// # Errors
    /// If it cannot be created, or if other users can write to it. The contents of an index are
    /// trusted, so no other user may be able to place one there. The error names the path.
    pub fn open(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path).map_err(about(path))?;
        let root = path.join(LAYOUT);
        private::make(&dirs(&path, &root))?;
        // Only for backup programs: a failure is ignored.
        let tag = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(path.join("CACHEDIR.TAG"));
        let _ = tag.and_then(|mut file| file.write_all(TAG.as_bytes()));
        Ok(Self::of(root))
    }

    /// Opens a directory if it exists. Creates nothing.
    ///
    /// # Errors
    /// If it cannot be examined, or if other users can write to it.
    pub fn existing(path: &Path) -> io::Result<Option<Self>> {
        let path = std::path::absolute(path).map_err(about(path))?;
        let root = path.join(LAYOUT);
        for dir in dirs(&path, &root) {
            match check_dir(&dir) {
                // A missing subdirectory means that there are no files of that kind.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    if dir == path || dir == root {
                        return Ok(None);
                    }
                }
                checked => checked?,
            }
        }
        Ok(Some(Self::of(root)))
    }

    fn of(path: PathBuf) -> Self {
        Self {
            root: Some(Arc::new(Root::new(path))),
            limit: None,
        }
    }

    /// Returns the same directory with a limit of `bytes` on the total size of all files.
    #[must_use]
    pub fn with_limit(self, bytes: u64) -> Self {
        Self {
            limit: Some(bytes),
            ..self
        }
    }

    /// The limit on the total size of all files, in bytes.
    pub(super) fn limit(&self) -> u64 {
        self.limit.unwrap_or(u64::MAX)
    }

    /// The directory that contains the files, if there is one.
    pub fn path(&self) -> Option<&Path> {
        self.root.as_ref().map(|root| root.path.as_path())
    }

    pub(super) fn file_path(&self, key: &CacheKey) -> Option<PathBuf> {
        Some(self.root.as_ref()?.file_path(key))
    }

    /// Returns the file with this key and marks it as used, or `None` if there is no usable one. Removes
    /// a file that is damaged or cannot be trusted.
    pub fn load(&self, key: &CacheKey) -> Option<Arc<CacheFile>> {
        let path = self.file_path(key)?;
        match load_file(&path, key) {
            Ok(file) => return Some(Arc::new(file)),
            Err(fault) if fault.is_missing() => {}
            Err(fault @ Fault::Stale) => {
                tracing::info!("{}: {fault}; it is rebuilt", path.display());
            }
            Err(fault) => {
                tracing::warn!("{}: {fault}; it is rebuilt", path.display());
                if fault.is_lasting() {
                    // If it cannot be removed, the next file is renamed over it.
                    let _ = discard(&path);
                }
            }
        }
        None
    }

    /// Removes the file with this key, because it was found to be damaged.
    pub fn remove(&self, key: &CacheKey) {
        if let Some(path) = self.file_path(key) {
            let _ = fs::remove_file(path);
        }
    }

    /// Starts a new file. If the directory is not writable, the file is unnamed.
    ///
    /// # Errors
    /// If no temporary file can be created either.
    pub fn create(&self, kind: CacheKind) -> io::Result<Writer> {
        if let Some(root) = &self.root {
            let dir = root.path.join(kind.name());
            match create_unfinished(root, &dir) {
                Ok((file, destination)) => return Ok(Writer::new(file, Some(destination), kind)),
                Err(error) => root.warn_not_cached(&about(&dir)(error)),
            }
        }
        Ok(Writer::new(temporary_file()?, None, kind))
    }
}

fn create_unfinished(root: &Arc<Root>, dir: &Path) -> io::Result<(File, Destination)> {
    let named = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempfile_in(dir)?;
    let (file, temporary) = named.into_parts();
    let root = root.clone();
    Ok((file, Destination { temporary, root }))
}

/// The directory, its layout directory, and the directory of each kind, outermost first.
fn dirs(path: &Path, root: &Path) -> Vec<PathBuf> {
    let mut dirs = vec![path.to_owned(), root.to_owned()];
    dirs.extend(CacheKind::ALL.iter().map(|kind| root.join(kind.name())));
    dirs
}

fn load_file(path: &Path, key: &CacheKey) -> Result<CacheFile, Fault> {
    let file = open_file(path)?;
    let opened = CacheFile::open(&file, key)?;
    // Sets the time of last use. If that fails, the file is merely evicted earlier.
    let _ = file.set_modified(SystemTime::now());
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn looking_makes_nothing_and_a_missing_kind_is_empty() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b");
        assert!(CacheDir::existing(&path).unwrap().is_none());
        assert!(!temp.path().join("a").exists());
        let dir = CacheDir::open(&path).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert!(path.join("CACHEDIR.TAG").exists());
        fs::remove_dir(dir.path().unwrap().join("tree")).unwrap();
        let dir = CacheDir::existing(&path).unwrap().unwrap();
        assert!(dir.list().unwrap().is_empty());
        dir.clone().with_limit(0).evict().unwrap();
        fs::remove_dir_all(path.join(LAYOUT)).unwrap();
        assert!(CacheDir::existing(&path).unwrap().is_none());
        assert!(
            dir.list().unwrap().is_empty(),
            "it was deleted in the meantime"
        );
    }

    /// The error names the directory at fault, and nothing is created in it.
    #[test]
    fn each_directory_must_be_this_users_alone() {
        let temp = tempfile::tempdir().unwrap();
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        set(temp.path(), 0o777);
        let said = CacheDir::open(temp.path()).unwrap_err().to_string();
        let name = temp.path().display().to_string();
        assert!(said.starts_with(&name) && said.contains("go-w"), "{said}");
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
        set(temp.path(), 0o700);
        for inner in ["v1", "v1/layer", "v1/seen"] {
            CacheDir::open(temp.path()).unwrap();
            let inner = temp.path().join(inner);
            set(&inner, 0o720);
            for said in [
                CacheDir::open(temp.path()).unwrap_err(),
                CacheDir::existing(temp.path()).unwrap_err(),
            ] {
                assert!(said.to_string().contains(inner.to_str().unwrap()), "{said}");
            }
            set(&inner, 0o700);
        }
    }

    #[test]
    fn a_tag_that_is_a_link_is_not_written_through() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("cache");
        fs::create_dir(&path).unwrap();
        let victim = temp.path().join("victim");
        symlink(&victim, path.join("CACHEDIR.TAG")).unwrap();
        CacheDir::open(&path).unwrap();
        assert!(!victim.exists());
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("file");
        fs::write(&path, "").unwrap();
        for error in [
            CacheDir::open(&path).unwrap_err(),
            CacheDir::existing(&path).unwrap_err(),
            CacheDir::open(&path.join("below")).unwrap_err(),
        ] {
            assert!(error.to_string().contains("/file"), "{error}");
        }
    }
}
