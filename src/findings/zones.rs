//! Time zones, found as Go programs find them.
//!
//! `time.LoadLocation` searches the directory or zip file that `ZONEINFO` names, then the directories
//! of the system, then `lib/time/zoneinfo.zip` of GOROOT (`time/zoneinfo.go`, `time/zoneinfo_read.go`).
//! An invalid `ZONEINFO` does not stop the search.

use std::io;

use super::attribution;
use super::certificates::{absent, set};
use super::finding::Level;
use crate::launch::image::{File, Image};
use crate::layer::printable;
use crate::tree::{NodeId, NodeKind};

/// The directories of `time/zoneinfo_unix.go`. The last one is searched since Go 1.22.
const DIRS: [&str; 4] = [
    "/usr/share/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/usr/lib/locale/TZ",
    "/etc/zoneinfo",
];

/// The usual locations of Go itself. A program contains the GOROOT that it was built with, unless it
/// was built with `-trimpath`.
const GOROOTS: [&str; 2] = ["/usr/local/go", "/usr/lib/go"];

/// The first bytes of a time zone file (tzfile(5)).
const ZONE: &[u8] = b"TZif";
/// The first bytes of a zip file.
const ZIP: &[u8] = b"PK\x03\x04";

/// Limits of the search in a zoneinfo directory: the number of names, the number of files that are
/// read, and the depth. Names of zones have up to three parts, and one more below `posix` and `right`.
const NAMES: usize = 4096;
const READS: usize = 64;
const DEPTH: usize = 4;

/// Returns the reason why Go programs of the image find no time zones, as a clause. `None` if they find
/// some.
///
/// # Errors
/// Returns an error if a file of the image cannot be read.
pub(super) fn lacking(image: &Image<'_>) -> io::Result<Option<String>> {
    let variable = set(image, "ZONEINFO");
    if let Some(path) = variable
        && is_source(image, path)?
    {
        return Ok(None);
    }
    let mut present = None;
    for dir in DIRS {
        if has_zones(image, dir)? {
            return Ok(None);
        }
        let there = image.resolve(dir.as_bytes()).is_some();
        present = present.or(there.then_some(dir));
    }
    let mut reason = match present {
        Some(dir) => format!("{dir} has no zones in it"),
        None => {
            let removed = attribution::of_path(image, Level::Warn, DIRS[0].as_bytes())?;
            format!("the image has no zoneinfo{removed}")
        }
    };
    if let Some(path) = variable {
        let there = image.resolve(&image.absolute(path.as_bytes())).is_some();
        let clause = match there {
            false => absent(image, "ZONEINFO", path)?,
            true => format!(
                "ZONEINFO names {}, which has no zones",
                printable(path.as_bytes())
            ),
        };
        reason = format!("{clause}, and {reason}");
    }
    Ok(Some(reason))
}

/// Returns true if a program finds the zones of the Go installation that it was built with, or of the
/// one that the config's GOROOT names.
///
/// # Errors
/// Returns an error if a file of the image cannot be read.
pub(super) fn in_goroot(image: &Image<'_>, file: &File) -> io::Result<bool> {
    let zip = |root: &str| {
        let path = format!("{root}/lib/time/zoneinfo.zip");
        image.regular(&image.absolute(path.as_bytes())).is_some()
    };
    if let Some(root) = set(image, "GOROOT") {
        return Ok(zip(root));
    }
    for root in GOROOTS.into_iter().filter(|root| zip(root)) {
        if image.evidence.contains(file.node, &[root.as_bytes()])? == [true] {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns true if a path leads to a zip file or to a directory with zones.
fn is_source(image: &Image<'_>, path: &str) -> io::Result<bool> {
    match image.regular(&image.absolute(path.as_bytes())) {
        Some(node) => starts_with(image, node, ZIP),
        None => has_zones(image, path),
    }
}

fn starts_with(image: &Image<'_>, node: NodeId, bytes: &[u8]) -> io::Result<bool> {
    let head = image.evidence.read(node, bytes.len() as u64)?;
    Ok(head == bytes)
}

/// Returns true if a directory holds a zone, at any depth up to [`DEPTH`].
fn has_zones(image: &Image<'_>, dir: &str) -> io::Result<bool> {
    let Some(dir) = image.resolve(&image.absolute(dir.as_bytes())) else {
        return Ok(false);
    };
    let (mut names, mut reads) = (0, 0);
    let mut pending = vec![(dir, 0)];
    while let Some((dir, depth)) = pending.pop() {
        for entry in image.tree.children(dir) {
            names += 1;
            let Some(dentry) = image.tree.dentry(entry) else {
                continue;
            };
            // Skip tables such as zone.tab and tzdata.zi. Names of zones contain no dots.
            if dentry.name.contains(&b'.') {
                continue;
            }
            let found = match image.tree.target(dentry.node) {
                Some(target) => image.tree.resolve(dir, target).map(|(_, node)| node),
                None => Some(dentry.node),
            };
            let Some(node) = found.and_then(|node| image.tree.node(node)) else {
                continue;
            };
            let found = found.unwrap_or(dentry.node);
            if node.kind == NodeKind::Directory
                && dentry.kind == NodeKind::Directory
                && depth < DEPTH
            {
                pending.push((found, depth + 1));
            } else if node.kind == NodeKind::Regular {
                reads += 1;
                if starts_with(image, found, ZONE)? {
                    return Ok(true);
                }
            }
            // Such a large directory is assumed to hold zones.
            if names > NAMES || reads > READS {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
