//! The page size, and the free space for the cache.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use super::{Check, Host, LookError, Status};
use crate::cache::CacheDir;

/// The minimum free space, in bytes. With less, not even the index of one large image can be kept.
const LEAST: u64 = 256 << 20;

/// The free space at a directory that exists or can be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FreeSpace {
    /// The directory itself, or its nearest existing ancestor.
    pub dir: PathBuf,
    /// The number of bytes that this user may still write there.
    pub free: u64,
    /// Whether this user may write there.
    pub writable: bool,
}

impl FreeSpace {
    /// Determines the free space at `path`, which need not exist.
    ///
    /// # Errors
    /// If the path cannot be resolved or the file system does not report its free space.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let dir = path.ancestors().find(|dir| dir.exists());
        let dir = dir.ok_or(io::ErrorKind::NotFound)?.to_owned();
        let stat = statvfs(&dir)?;
        let writable = access(&dir, Access::WRITE_OK | Access::EXEC_OK).is_ok();
        Ok(Self {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            writable,
            dir,
        })
    }
}

/// Checks the page size. Programs for arm64, loong64, ppc64 and mips64 must be linked for it.
pub(super) fn page_size() -> Check {
    let size = rustix::param::page_size();
    let (kib, what) = (size >> 10, "page size");
    let check = match size {
        0..=4096 => Check::ok(what, format!("{kib} KiB: every program's segments fit")),
        _ => Check::new(
            what,
            Status::Note,
            format!(
                "{kib} KiB: programs whose segments are aligned to less (p_align in readelf -lW) \
                 do not start here"
            ),
        ),
    };
    check.detail("bytes", size.to_string())
}

/// Checks the cache directory and its free space.
pub(super) fn checks(host: &Host) -> Vec<Result<Check, LookError>> {
    const DIR: &str = "cache directory";
    let Some(path) = &host.cache else {
        return vec![Ok(Check::lacking(
            DIR,
            "unknown: neither XDG_CACHE_HOME nor HOME is an absolute path",
            "export IMGFS_CACHE_DIR=/var/cache/imgfs",
        ))];
    };
    let shown = path.display();
    let space = match FreeSpace::at(path) {
        Ok(space) => space,
        Err(error) => {
            let what = shown.to_string();
            return vec![Err(LookError { what, error })];
        }
    };
    let dir = match CacheDir::existing(path) {
        Err(error) => Check::lacking(
            DIR,
            error.to_string(),
            format!("chown -R \"$(id -u)\" {shown}; chmod -R go-w {shown}"),
        ),
        Ok(_) if !space.writable => Check::lacking(
            DIR,
            format!("you have no permission to write to {}", space.dir.display()),
            "export IMGFS_CACHE_DIR=\"$HOME/imgfs-cache\"",
        ),
        Ok(Some(_)) => Check::ok(DIR, shown.to_string()),
        Ok(None) => Check::ok(DIR, format!("{shown}, created when it is needed")),
    };
    let dir = dir.detail("path", path.to_string_lossy());
    vec![Ok(dir), Ok(space_check(&space, host.cache_limit))]
}

fn space_check(space: &FreeSpace, limit: u64) -> Check {
    const WHAT: &str = "cache space";
    let mib = |bytes: u64| bytes >> 20;
    let (dir, free) = (space.dir.display(), mib(space.free));
    let check = match space.free {
        0..LEAST => Check::lacking(
            WHAT,
            format!("{free} MiB free in {dir}: too little to keep anything"),
            "imgfs cache clear",
        ),
        _ if space.free < limit => Check::new(
            WHAT,
            Status::Note,
            format!(
                "{free} MiB free in {dir}, less than the {} MiB that the cache may take \
                 (imgfs mount --cache-limit)",
                mib(limit)
            ),
        ),
        _ => Check::ok(WHAT, format!("{free} MiB free in {dir}")),
    };
    check.detail("free", space.free.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn space_below_a_directory_that_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let space = FreeSpace::at(&dir.path().join("not/yet")).unwrap();
        assert_eq!(space.dir, dir.path());
        assert!(space.writable && space.free > 0);
    }

    #[test]
    fn too_little_and_less_than_the_limit() {
        let status = |free| {
            let space = FreeSpace {
                dir: "/c".into(),
                free,
                writable: true,
            };
            let check = space_check(&space, 4 << 30);
            assert_eq!(check.fix.is_some(), check.status == Status::Lacking);
            check.status
        };
        assert_eq!(status(LEAST - 1), Status::Lacking);
        assert_eq!(status(LEAST), Status::Note);
        assert_eq!(status(4 << 30), Status::Ok);
    }
}
