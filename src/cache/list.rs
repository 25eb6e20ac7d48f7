//! What is in the directory: for people, and to make room.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::dir::{CacheDir, Kind, open_file};
use super::file::CacheFile;

/// What the names of files that are not whole begin with.
pub(super) const ASIDE: &str = ".new-";

/// Nobody writes one file for so long: who began it is gone.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A file of the cache.
#[derive(Clone, Debug)]
pub struct Listed {
    /// What it is of.
    pub kind: Kind,
    /// Its name: a layer's digest, else a hash.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Room that it takes, in bytes.
    pub size: u64,
    /// When it was last used.
    pub used: SystemTime,
}

/// Whether a file of the cache can be used.
#[derive(Debug)]
pub enum State {
    /// All its checksums are right.
    Sound,
    /// It is not, and why. The next mount would make it again.
    Bad(io::Error),
}

impl CacheDir {
    /// All files, the one that was used last first.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn list(&self) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for (kind, dir) in self.dirs() {
            for entry in fs::read_dir(&dir)? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else {
                    continue;
                };
                // It may be gone already: others make room too.
                let Ok(meta) = entry.metadata() else {
                    continue;
                };
                if !name.starts_with(ASIDE) && meta.is_file() {
                    files.push(Listed {
                        kind,
                        name,
                        path: entry.path(),
                        size: meta.len(),
                        used: meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                    });
                }
            }
        }
        files.sort_by(|a, b| b.used.cmp(&a.used).then_with(|| a.path.cmp(&b.path)));
        Ok(files)
    }

    fn dirs(&self) -> impl Iterator<Item = (Kind, PathBuf)> {
        let root = self.path().map(Path::to_owned);
        Kind::ALL
            .into_iter()
            .filter_map(move |kind| Some((kind, root.as_ref()?.join(kind.name()))))
    }

    /// Removes the least recently used files until the rest takes at most `limit` bytes, and what
    /// writers that are gone have left. A file that is in use can be removed: whoever has mapped it
    /// keeps it.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub fn make_room(&self, limit: u64) -> io::Result<()> {
        for (_, dir) in self.dirs() {
            for entry in fs::read_dir(dir)?.flatten() {
                let aside = entry.file_name().to_string_lossy().starts_with(ASIDE);
                let changed = entry.metadata().and_then(|m| m.modified());
                let age = changed.ok().and_then(|time| time.elapsed().ok());
                if aside && age.is_some_and(|age| age > ABANDONED) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        let mut total = 0_u64;
        for file in self.list()? {
            total = total.saturating_add(file.size);
            if total > limit {
                tracing::info!("{}: removed to make room", file.path.display());
                let _ = fs::remove_file(&file.path);
            }
        }
        Ok(())
    }

    /// Removes all files and says how many bytes they took.
    ///
    /// # Errors
    /// If one cannot be removed.
    pub fn clear(&self) -> io::Result<u64> {
        let mut freed = 0;
        for file in self.list()? {
            match fs::remove_file(&file.path) {
                Ok(()) => freed += file.size,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(freed)
    }
}

impl Listed {
    /// Reads all of the file and checks it.
    pub fn verify(&self) -> State {
        let opened = open_file(&self.path).and_then(|file| CacheFile::of_any(&file));
        match opened {
            Ok(file) if file.verify() => State::Sound,
            Ok(_) => State::Bad(io::Error::new(
                io::ErrorKind::InvalidData,
                "its bytes do not match their checksums",
            )),
            Err(error) => State::Bad(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Key;
    use super::*;

    fn write(dir: &CacheDir, name: &str, len: usize, age: u64) {
        let key = Key::layer(name);
        let mut writer = dir.create(Kind::Layer).unwrap();
        writer.section(1).unwrap();
        writer.append(&vec![7; len]).unwrap();
        writer.finish(&key).unwrap().publish().unwrap();
        let file = fs::File::open(dir.file_path(&key).unwrap()).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age))
            .unwrap();
    }

    #[test]
    fn the_least_recently_used_go_first() {
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        write(&dir, "a", 1000, 30);
        write(&dir, "b", 1000, 20);
        write(&dir, "c", 1000, 10);
        // Being loaded makes it the most recent.
        let held = dir.load(&Key::layer("a")).unwrap();
        dir.make_room(2500).unwrap();
        let names = |dir: &CacheDir| -> Vec<String> {
            dir.list().unwrap().into_iter().map(|f| f.name).collect()
        };
        assert_eq!(names(&dir), ["a", "c"]);
        dir.make_room(0).unwrap();
        assert!(names(&dir).is_empty());
        assert!(held.verify(), "who has it open keeps it");
    }

    #[test]
    fn verify_tells_sound_from_bad_and_clear_leaves_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let dir = CacheDir::open(temp.path()).unwrap();
        write(&dir, "a", 100_000, 1);
        let listed = dir.list().unwrap();
        assert!(matches!(listed[0].verify(), State::Sound));
        let mut bytes = fs::read(&listed[0].path).unwrap();
        bytes[90_000] ^= 1;
        fs::write(&listed[0].path, bytes).unwrap();
        assert!(matches!(listed[0].verify(), State::Bad(_)));
        assert_eq!(dir.clear().unwrap(), listed[0].size);
        assert!(dir.list().unwrap().is_empty());
    }
}
