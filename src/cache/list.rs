//! Listing the cache directory, and evicting files from it.

use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::dir::CacheDir;
use super::fault::Fault;
use super::file::CacheFile;
use super::format::MAKER;
use super::key::{CacheKind, is_name_of, shown_name};
use super::user_file::{discard, open_file};
use super::writer::UNFINISHED;
use crate::private::about;

/// No file takes this long to write: after this time its writer is gone.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A cache file.
#[derive(Clone, Debug)]
pub struct ListedFile {
    /// What the file contains.
    pub kind: CacheKind,
    /// Its name: a layer's digest, else a hash.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// The time of last use.
    pub used: SystemTime,
}

/// A directory entry among the cache files that is not a cache file.
#[derive(Clone, Debug)]
pub struct Stray {
    /// Its path.
    pub path: PathBuf,
    /// The space that removing it frees, in bytes.
    pub size: u64,
    /// Whether it is a file that is being written, or that a killed writer left behind. Anything
    /// else (a pipe, a link, a directory) does not belong in the cache.
    pub is_unfinished: bool,
    changed: SystemTime,
}

/// Whether a cache file can be used.
#[derive(Debug)]
pub enum FileState {
    /// All its checksums match.
    Sound,
    /// All its checksums match, but another version of the program made it. This version would make
    /// it again.
    Stale,
    /// It cannot be used, for this reason. The next mount would make it again.
    Bad(io::Error),
    /// It was removed after it was listed, for instance because another process evicted it.
    Gone,
}

/// The result of a removal.
#[derive(Debug, Default)]
pub struct Removed {
    /// The number of files removed.
    pub files: usize,
    /// The number of bytes removed. The space of a file that a mount still uses is freed when the
    /// mount ends.
    pub bytes: u64,
    /// The number of files that were kept because they were used too recently.
    pub kept: usize,
    /// The errors for files that could not be removed. Each names its path.
    pub failed: Vec<io::Error>,
}

enum DirEntryKind {
    File(ListedFile),
    Stray(Stray),
}

impl CacheDir {
    /// Lists all cache files, most recently used first.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn list(&self) -> io::Result<Vec<ListedFile>> {
        let found = self.walk()?.into_iter();
        let mut files: Vec<_> = found
            .filter_map(|found| match found {
                DirEntryKind::File(file) => Some(file),
                DirEntryKind::Stray(_) => None,
            })
            .collect();
        files.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.path.cmp(&b.path)));
        Ok(files)
    }

    /// Lists all directory entries that are not cache files.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn strays(&self) -> io::Result<Vec<Stray>> {
        let found = self.walk()?.into_iter();
        let mut strays: Vec<_> = found
            .filter_map(|found| match found {
                DirEntryKind::File(_) => None,
                DirEntryKind::Stray(stray) => Some(stray),
            })
            .collect();
        strays.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(strays)
    }

    fn walk(&self) -> io::Result<Vec<DirEntryKind>> {
        let mut found = Vec::new();
        let Some(root) = self.path() else {
            return Ok(found);
        };
        for kind in CacheKind::ALL {
            let dir = root.join(kind.name());
            let entries = match fs::read_dir(&dir) {
                // The whole cache has been deleted.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(about(&dir))?,
            };
            for entry in entries {
                let entry = entry.map_err(about(&dir))?;
                // The file may already be gone, because other processes also evict files.
                if let Ok(meta) = entry.metadata() {
                    found.push(classify(kind, &entry, &meta));
                }
            }
        }
        Ok(found)
    }

    /// Removes the least recently used files until the rest is within the limit. Also removes the
    /// unfinished files of dead writers. A file in use can be removed: a process that has mapped it
    /// keeps it.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn evict(&self) -> io::Result<()> {
        for stray in self.strays()? {
            if stray.is_abandoned() {
                let _ = fs::remove_file(&stray.path);
            }
        }
        let mut total = 0_u64;
        for file in self.list()? {
            // A file larger than the limit does not evict others.
            let alone = file.size > self.limit();
            if !alone {
                total = total.saturating_add(file.size);
            }
            if alone || total > self.limit() {
                tracing::info!("{}: removed to free space", file.path.display());
                let _ = fs::remove_file(&file.path);
            }
        }
        Ok(())
    }

    /// Removes all files and returns the number of bytes that they took.
    ///
    /// # Errors
    /// If a file cannot be removed.
    pub fn clear(&self) -> io::Result<u64> {
        let removed = self.remove_unused(Duration::ZERO)?;
        match removed.failed.into_iter().next() {
            Some(error) => Err(error),
            None => Ok(removed.bytes),
        }
    }

    /// Removes the files that were not used for `time`. If `time` is zero, also removes all strays;
    /// a mount that is writing a file at that moment then continues without keeping it.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn remove_unused(&self, time: Duration) -> io::Result<Removed> {
        let mut removed = Removed::default();
        for file in self.list()? {
            if !time.is_zero() && age(file.used) < time {
                removed.kept += 1;
            } else if removed.note(&file.path, file.size) {
                removed.files += 1;
            }
        }
        for stray in self.strays()? {
            if time.is_zero() || stray.is_abandoned() {
                removed.note(&stray.path, stray.size);
            }
        }
        Ok(removed)
    }
}

fn classify(kind: CacheKind, entry: &DirEntry, meta: &Metadata) -> DirEntryKind {
    let changed = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let path = entry.path();
    let is_file = meta.is_file();
    match entry.file_name().into_string() {
        Ok(name) if is_file && !name.starts_with(UNFINISHED) => DirEntryKind::File(ListedFile {
            kind,
            name: shown_name(kind, &name),
            path,
            size: meta.len(),
            used: changed,
        }),
        name => DirEntryKind::Stray(Stray {
            path,
            // Removing a directory frees no space worth counting.
            size: if is_file { meta.len() } else { 0 },
            is_unfinished: is_file && name.is_ok(),
            changed,
        }),
    }
}

/// The time since `time`; zero if it is in the future, which clock changes can cause.
fn age(time: SystemTime) -> Duration {
    time.elapsed().unwrap_or_default()
}

impl Stray {
    fn is_abandoned(&self) -> bool {
        // A time far in the future does not come from an active writer either: the clock was wrong
        // when the file was written.
        let ahead = self.changed.duration_since(SystemTime::now());
        self.is_unfinished && age(self.changed).max(ahead.unwrap_or_default()) > ABANDONED
    }

    /// Removes it. A directory is only removed if it is empty.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        discard(&self.path)
    }
}

impl Removed {
    /// Removes a file and records the result. Returns whether this call removed it.
    fn note(&mut self, path: &std::path::Path, size: u64) -> bool {
        match discard(path) {
            Ok(()) => {
                self.bytes += size;
                return true;
            }
            // Another process removed it first.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.failed.push(about(path)(error)),
        }
        false
    }
}

impl ListedFile {
    /// Reads and checks the whole file. Does not update its time of last use.
    pub fn verify(&self) -> FileState {
        match self.check() {
            Ok(()) => FileState::Sound,
            Err(Fault::Stale) => FileState::Stale,
            Err(fault) if fault.is_missing() => FileState::Gone,
            Err(fault) => FileState::Bad(fault.into()),
        }
    }

    fn check(&self) -> Result<(), Fault> {
        let file = CacheFile::of_any(&open_file(&self.path)?)?;
        let header = file.header()?;
        let name = self.path.file_name().and_then(|name| name.to_str());
        let named = name.is_some_and(|name| is_name_of(self.kind, name, &header.key));
        if header.kind != self.kind.number() || !named {
            return Err(Fault::Damaged("it has the name of another file"));
        }
        if !file.verify() {
            return Err(Fault::Damaged("its bytes do not match their checksums"));
        }
        if header.maker != MAKER {
            return Err(Fault::Stale);
        }
        Ok(())
    }

    /// Removes the file.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        discard(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::super::CacheKey;
    use super::*;
    use std::os::unix::fs::symlink;

    fn write(dir: &CacheDir, name: &str, len: usize, age: u64) {
        let key = CacheKey::layer(name);
        let mut writer = dir.create(CacheKind::Layer).unwrap();
        writer.section(1).unwrap();
        writer.append(&vec![7; len]).unwrap();
        writer.finish(&key).unwrap().publish().unwrap();
        let file = fs::File::open(dir.file_path(&key).unwrap()).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age))
            .unwrap();
    }

    fn names(dir: &CacheDir) -> Vec<String> {
        dir.list().unwrap().into_iter().map(|f| f.name).collect()
    }

    #[test]
    fn the_least_recently_used_go_first() {
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        write(&dir, "x:a", 1000, 30);
        write(&dir, "x:b", 1000, 20);
        write(&dir, "x:c", 1000, 10);
        // Loading a file makes it the most recently used.
        let held = dir.load(&CacheKey::layer("x:a")).unwrap();
        dir.clone().with_limit(2500).evict().unwrap();
        assert_eq!(names(&dir), ["x:a", "x:c"]);
        write(&dir, "x:huge", 5000, 0);
        dir.clone().with_limit(2500).evict().unwrap();
        assert_eq!(names(&dir), ["x:a", "x:c"], "it evicts no other file");
        dir.clone().with_limit(0).evict().unwrap();
        assert!(names(&dir).is_empty());
        assert!(
            held.verify(),
            "a removed file stays readable through its mapping"
        );
    }

    #[test]
    fn verify_tells_sound_from_bad_and_clear_leaves_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        write(&dir, "x:a", 100_000, 1);
        let listed = dir.list().unwrap().remove(0);
        assert!(matches!(listed.verify(), FileState::Sound));
        let good = fs::read(&listed.path).unwrap();
        let mut bytes = good.clone();
        bytes[90_000] ^= 1;
        fs::write(&listed.path, &bytes).unwrap();
        assert!(matches!(listed.verify(), FileState::Bad(_)));
        let other = ListedFile {
            path: listed.path.with_file_name("x-b"),
            ..listed.clone()
        };
        assert!(matches!(other.verify(), FileState::Gone));
        fs::write(&other.path, &good).unwrap();
        assert!(
            matches!(other.verify(), FileState::Bad(_)),
            "the file belongs to another layer"
        );
        assert_eq!(dir.clear().unwrap(), 2 * listed.size);
        assert!(dir.list().unwrap().is_empty());
    }

    #[test]
    fn what_another_version_made_is_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        write(&dir, "x:a", 1000, 1);
        let path = dir.file_path(&CacheKey::layer("x:a")).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[72] ^= 1;
        let crc = crc32fast::hash(&bytes[..124]);
        bytes[124..128].copy_from_slice(&crc.to_le_bytes());
        fs::write(&path, &bytes).unwrap();
        assert!(matches!(dir.list().unwrap()[0].verify(), FileState::Stale));
        assert!(dir.load(&CacheKey::layer("x:a")).is_none());
        assert!(path.exists());
    }

    #[test]
    fn what_was_used_since_is_kept() {
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        write(&dir, "x:old", 1000, 100);
        write(&dir, "x:new", 1000, 10);
        let removed = dir.remove_unused(Duration::from_secs(50)).unwrap();
        assert_eq!((removed.files, removed.kept), (1, 1));
        assert_eq!(names(&dir), ["x:new"]);
        // A time in the future, as after the clock was wrong.
        let path = dir.file_path(&CacheKey::layer("x:new")).unwrap();
        let file = fs::File::open(path).unwrap();
        let ahead = SystemTime::now() + 3 * ABANDONED;
        file.set_modified(ahead).unwrap();
        let kept = dir.remove_unused(Duration::from_secs(1)).unwrap().kept;
        assert_eq!(kept, 1);
        assert!(dir.clear().unwrap() > 1000);
    }

    #[test]
    fn what_writers_left_goes_after_a_day_and_with_all_else() {
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        let layers = dir.path().unwrap().join("layer");
        let left = |name: &str, changed: SystemTime| {
            let path = layers.join(name);
            fs::write(&path, "part").unwrap();
            let file = fs::File::open(&path).unwrap();
            file.set_modified(changed).unwrap();
            path
        };
        let now = SystemTime::now();
        let fresh = left(".new-a", now);
        let old = left(".new-b", now - 2 * ABANDONED);
        let ahead = left(".new-c", now + 2 * ABANDONED);
        dir.clone().with_limit(u64::MAX).evict().unwrap();
        assert!(fresh.exists() && !old.exists() && !ahead.exists());
        assert!(names(&dir).is_empty());
        assert_eq!(dir.clear().unwrap(), 4);
        assert!(!fresh.exists());
    }

    /// A directory, a link and a pipe are not cache files. They are neither followed nor opened in
    /// a way that blocks.
    #[test]
    fn what_is_no_file_stands_in_nobodys_way() {
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        let victim = temp.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let key = CacheKey::layer("x:a");
        let path = dir.file_path(&key).unwrap();
        let pipe = || {
            use rustix::fs::{CWD, FileType, Mode, mknodat};
            mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        };
        let plants: [&dyn Fn(); 4] = [
            &|| fs::create_dir(&path).unwrap(),
            &|| symlink(&victim, &path).unwrap(),
            &|| symlink("/nowhere", &path).unwrap(),
            &pipe,
        ];
        for plant in plants {
            plant();
            assert_eq!(
                (dir.list().unwrap().len(), dir.strays().unwrap().len()),
                (0, 1)
            );
            assert!(dir.load(&key).is_none());
            assert!(dir.strays().unwrap().is_empty(), "it is removed");
            plant();
            dir.clear().unwrap();
            assert!(dir.strays().unwrap().is_empty(), "it is removed");
        }
        // A new file replaces a link or a pipe by rename and is not written into it.
        for plant in &plants[1..] {
            plant();
            write(&dir, "x:a", 10, 0);
            assert!(dir.load(&key).is_some());
            dir.remove(&key);
        }
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        // A directory that is not empty is never removed.
        fs::create_dir(&path).unwrap();
        fs::write(path.join("x"), "").unwrap();
        assert!(dir.load(&key).is_none());
        assert!(dir.clear().unwrap_err().to_string().contains("x-a"));
        assert!(path.join("x").exists());
    }
}
