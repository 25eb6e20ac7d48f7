//! Reads the list of mounts from `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The file system type of an imgfs mount.
pub(super) const FS_TYPE: &str = "fuse.imgfs";

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MountPoint {
    /// Where it is mounted.
    pub path: PathBuf,
    /// The file system type, such as `fuse.imgfs`.
    pub kind: String,
    /// The mounted source.
    pub source: String,
}

impl MountPoint {
    /// Whether it is an imgfs mount.
    pub(super) fn is_imgfs(&self) -> bool {
        self.kind == FS_TYPE
    }
}

/// Returns the topmost mount at exactly this path.
///
/// # Errors
/// Returns an error if `/proc` cannot be read.
pub(super) fn mounted_at(path: &Path) -> io::Result<Option<MountPoint>> {
    let text = std::fs::read("/proc/self/mountinfo")?;
    let mut mounts = text.split(|&b| b == b'\n').rev().filter_map(parse);
    Ok(mounts.find(|m| m.path == path))
}

fn parse(line: &[u8]) -> Option<MountPoint> {
    let mut fields = line.split(|&b| b == b' ');
    let path = unescape(fields.nth(4)?);
    let mut fields = fields.skip_while(|f| *f != b"-").skip(1);
    let kind = String::from_utf8_lossy(fields.next()?).into_owned();
    let source = String::from_utf8_lossy(unescape(fields.next()?).as_bytes()).into_owned();
    Some(MountPoint {
        path: PathBuf::from(path),
        kind,
        source,
    })
}

/// Decodes a field, in which blanks, newlines and backslashes are written as three octal digits.
fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'\\'
            && let [
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                after @ ..,
            ] = tail
        {
            bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
            rest = after;
        } else {
            bytes.push(byte);
            rest = tail;
        }
    }
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_as_the_kernel_writes_it() {
        let line =
            br"36 35 0:45 / /mnt/with\040blank rw,nosuid shared:1 - fuse.imgfs a\134b.tar ro";
        let mount = parse(line).unwrap();
        assert_eq!(mount.path, Path::new("/mnt/with blank"));
        assert!(mount.is_imgfs());
        assert_eq!(mount.source, r"a\b.tar");
        assert_eq!(parse(b""), None);
    }
}
