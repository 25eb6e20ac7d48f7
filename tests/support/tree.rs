//! Compares two directory trees, attribute by attribute, using only lstat(2), readlink(2), the xattr
//! calls and read(2).

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use imgfs::internals::blob::Hasher;

/// The compared attributes of one file: names and values, readable in a report.
pub type Attributes = BTreeMap<String, String>;

/// All files below a directory by their path from it; the directory itself is `.`.
pub type Tree = BTreeMap<Vec<u8>, Attributes>;

/// Walks a tree. `user.imgfs.*` is left out: it is what imgfs adds to the files of an image.
pub fn walk(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut first_names = HashMap::new();
    visit(root, Path::new("."), &mut tree, &mut first_names);
    tree
}

fn visit(root: &Path, path: &Path, tree: &mut Tree, first: &mut HashMap<u64, PathBuf>) {
    let full = root.join(path);
    let fail = |what: &str, e| -> ! { panic!("{what} {}: {e}", full.display()) };
    let meta = fs::symlink_metadata(&full).unwrap_or_else(|e| fail("lstat", e));
    let mut attributes = Attributes::new();
    let mut set = |name: &str, value: String| attributes.insert(name.to_owned(), value);
    let kind = meta.file_type();
    set("type", type_name(kind).to_owned());
    set("mode", format!("{:04o}", meta.mode() & 0o7777));
    set("owner", format!("{}:{}", meta.uid(), meta.gid()));
    set(
        "mtime",
        format!("{}.{:09}", meta.mtime(), meta.mtime_nsec()),
    );
    if kind.is_char_device() || kind.is_block_device() {
        let device = meta.rdev();
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        set("device", format!("{major}:{minor}"));
    }
    if kind.is_symlink() {
        let target = fs::read_link(&full).unwrap_or_else(|e| fail("readlink", e));
        let target = target.as_os_str().as_bytes().escape_ascii().to_string();
        set("target", target);
    }
    if kind.is_file() {
        set("size", meta.len().to_string());
        set("content", digest(&full));
    }
    if !kind.is_dir() {
        set("nlink", meta.nlink().to_string());
        let name = first.entry(meta.ino()).or_insert_with(|| path.to_owned());
        set("same file as", name.display().to_string());
    }
    for name in xattr::list(&full).unwrap_or_else(|e| fail("listxattr", e)) {
        if name.as_bytes().starts_with(b"user.imgfs.") {
            continue;
        }
        let value = xattr::get(&full, &name).unwrap_or_else(|e| fail("getxattr", e));
        let value = value.unwrap_or_else(|| panic!("{}: no {name:?}", full.display()));
        set(
            &format!("xattr {}", name.as_bytes().escape_ascii()),
            format!("\"{}\"", value.escape_ascii()),
        );
    }
    let bytes = path.as_os_str().as_bytes();
    let bytes = bytes.strip_prefix(b"./").unwrap_or(bytes);
    tree.insert(bytes.to_vec(), attributes);
    if kind.is_dir() {
        let entries = fs::read_dir(&full).unwrap_or_else(|e| fail("readdir", e));
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        // Sorted, so that the first name of a file with several names is the same in both trees.
        names.sort();
        for name in names {
            visit(root, &path.join(name), tree, first);
        }
    }
}

fn type_name(kind: fs::FileType) -> &'static str {
    match kind {
        k if k.is_dir() => "directory",
        k if k.is_file() => "file",
        k if k.is_symlink() => "symlink",
        k if k.is_fifo() => "fifo",
        k if k.is_char_device() => "char device",
        k if k.is_block_device() => "block device",
        _ => "socket",
    }
}

fn digest(path: &Path) -> String {
    let fail = |e| -> ! { panic!("read {}: {e}", path.display()) };
    let mut file = File::open(path).unwrap_or_else(|e| fail(e));
    let mut hasher = Hasher::sha256();
    let mut buf = vec![0; 1 << 17];
    loop {
        match file.read(&mut buf).unwrap_or_else(|e| fail(e)) {
            0 => return hasher.finish().to_string(),
            n => hasher.update(&buf[..n]),
        }
    }
}

/// Returns every difference as a line `PATH: ATTRIBUTE A | B`, with `-` for a missing value.
pub fn differences(a: &Tree, b: &Tree) -> Vec<String> {
    let mut lines = Vec::new();
    let mut paths: Vec<_> = a.keys().chain(b.keys()).collect();
    paths.sort();
    paths.dedup();
    for path in paths {
        let name = path.escape_ascii();
        match (a.get(path), b.get(path)) {
            (Some(_), None) => lines.push(format!("{name}: there | -")),
            (None, _) => lines.push(format!("{name}: - | there")),
            (Some(a), Some(b)) => {
                let mut keys: Vec<_> = a.keys().chain(b.keys()).collect();
                keys.sort();
                keys.dedup();
                for key in keys {
                    let value = |of: &Attributes| of.get(key).map_or("-", |v| v).to_owned();
                    if a.get(key) != b.get(key) {
                        lines.push(format!("{name}: {key} {} | {}", value(a), value(b)));
                    }
                }
            }
        }
    }
    lines
}
