//! Everything visible in a tree, including `/.imgfs`, as lines that can be compared with those of
//! another mount of the same image.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use crate::support::sha256;

/// Returns a line for each name below `root`, in an order that depends on names alone.
pub fn walk(root: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut first_names = HashMap::new();
    look(root, ".", &mut first_names, &mut lines);
    below(root, ".", &mut first_names, &mut lines);
    // It is not listed.
    look(root, ".imgfs", &mut first_names, &mut lines);
    below(root, ".imgfs", &mut first_names, &mut lines);
    lines
}

fn below(root: &Path, dir: &str, first_names: &mut HashMap<u64, String>, lines: &mut Vec<String>) {
    let entries = fs::read_dir(root.join(dir)).unwrap();
    let mut entries: Vec<_> = entries
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let kind = entry.file_type().unwrap();
            (name, kind)
        })
        .collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, kind) in entries {
        let path = format!("{dir}/{name}");
        let there = fs::symlink_metadata(root.join(&path)).unwrap().file_type();
        assert_eq!(kind, there, "{path}: what the listing says");
        look(root, &path, first_names, lines);
        if kind.is_dir() {
            below(root, &path, first_names, lines);
        }
    }
}

fn look(root: &Path, path: &str, first_names: &mut HashMap<u64, String>, lines: &mut Vec<String>) {
    let full = root.join(path);
    let meta = fs::symlink_metadata(&full).unwrap();
    if path == "./.imgfs/status" || path == ".imgfs/status" {
        // Its text differs each time.
        lines.push(format!("{path} {:o} {}", meta.mode(), meta.nlink()));
        return;
    }
    let first = first_names
        .entry(meta.ino())
        .or_insert_with(|| path.to_owned());
    let mut line = format!(
        "{path} mode={:o} nlink={} uid={} gid={} size={} blocks={} mtime={}.{} rdev={} same={first}",
        meta.mode(),
        meta.nlink(),
        meta.uid(),
        meta.gid(),
        meta.size(),
        meta.blocks(),
        meta.mtime(),
        meta.mtime_nsec(),
        meta.rdev(),
    );
    let kind = meta.file_type();
    if kind.is_symlink() {
        let target = fs::read_link(&full).unwrap();
        line.push_str(&format!(
            " -> {}",
            target.as_os_str().as_bytes().escape_ascii()
        ));
    } else if kind.is_file() {
        let bytes = fs::read(&full).unwrap();
        assert_eq!(bytes.len() as u64, meta.size(), "{path}");
        line.push_str(&format!(" {}", sha256(&bytes)));
    }
    if !(kind.is_symlink() || kind.is_fifo() || kind.is_char_device()) {
        let mut names: Vec<_> = xattr::list(&full).unwrap().collect();
        names.sort();
        for name in names {
            let value = xattr::get(&full, &name).unwrap().unwrap();
            let name = name.to_str().unwrap();
            line.push_str(&format!(" {name}={:?}", value.escape_ascii().to_string()));
        }
    }
    lines.push(line);
}
