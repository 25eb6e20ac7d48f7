//! Shared by the tests of `imgfs diff`: running it, and the result of `diff -r` for two trees.
#![allow(dead_code)] // Each test program uses only a part of this module.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::program::images::named;
use crate::support::program::{Place, output, stderr, str};
use crate::support::{OciImage, write_index};
use serde_json::Value;

/// Writes an OCI layout of one image.
pub fn layout(place: &Place, name: &str, image: &OciImage) -> PathBuf {
    layout_with(place, name, image, &image.config())
}

pub fn layout_with(place: &Place, name: &str, image: &OciImage, config: &Value) -> PathBuf {
    let dir = place.join(name);
    let descriptor = image.write_with(&dir, config);
    write_index(&dir, &[named(descriptor, "test")]);
    dir
}

pub fn diff(place: &Place, args: &[&str], images: [&Path; 2]) -> Output {
    output(place.imgfs().arg("diff").args(args).args(images))
}

/// Returns the output; panics unless the program exits with this code and an empty standard error.
#[track_caller]
pub fn prints(output: &Output, code: i32) -> String {
    assert_eq!(stderr(output), "");
    assert_eq!(output.status.code(), Some(code));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Returns the paths that `diff -r` names, and everything below a path that exists on one side only or
/// is a directory on one side only, escaped as by imgfs.
pub fn diff_r(a: &Path, b: &Path) -> BTreeSet<String> {
    let mut command = Command::new("diff");
    command.args(["-r", "-q", "--no-dereference"]).args([a, b]);
    let found = output(command.env("LC_ALL", "C"));
    assert!(
        matches!(found.status.code(), Some(0 | 1)),
        "{}",
        stderr(&found)
    );
    let roots = [a, b].map(|root| str(root).to_owned());
    let mut paths = BTreeSet::new();
    for line in found.stdout.split(|&byte| byte == b'\n') {
        // Bytes as characters, so that any byte sequence can be cut.
        let line: String = line.iter().copied().map(char::from).collect();
        if let Some(rest) = line.strip_prefix("Only in ") {
            let (dir, name) = rest.split_once(": ").unwrap();
            paths.insert(format!("{dir}/{name}"));
        } else if let Some(rest) = line.strip_prefix("File ") {
            // diff cannot compare pipes, and says so.
            if !(line.ends_with("is a fifo") && line.contains("is a fifo while")) {
                paths.insert(rest.split_once(" is a ").unwrap().0.to_owned());
            }
        } else if !line.is_empty() {
            assert!(line.ends_with(" differ"), "{line}");
            let rest = line.strip_prefix("Files ").unwrap_or_else(|| {
                let rest = line.strip_prefix("Symbolic links ");
                rest.unwrap_or_else(|| panic!("{line}"))
            });
            paths.insert(rest.split_once(" and ").unwrap().0.to_owned());
        }
    }
    let mut all = BTreeSet::new();
    for path in paths {
        let root = roots.iter().find(|root| path.starts_with(root.as_str()));
        let path = path[root.unwrap().len()..]
            .trim_start_matches('/')
            .to_owned();
        let bytes: Vec<u8> = path.chars().map(|c| u8::try_from(c).unwrap()).collect();
        let name = Path::new(OsStr::from_bytes(&bytes));
        for root in [a, b] {
            below(root, name, &mut all);
        }
    }
    all
}

/// Adds a path and everything below it, if it exists.
fn below(root: &Path, path: &Path, all: &mut BTreeSet<String>) {
    let Ok(meta) = root.join(path).symlink_metadata() else {
        return;
    };
    let bytes = path.as_os_str().as_bytes();
    all.insert(format!("/{}", imgfs::internals::layer::printable(bytes)));
    if meta.is_dir() {
        for entry in root.join(path).read_dir().unwrap() {
            below(root, &path.join(entry.unwrap().file_name()), all);
        }
    }
}

/// Returns the paths that `imgfs diff --content` names.
#[track_caller]
pub fn content(place: &Place, images: [&Path; 2]) -> BTreeSet<String> {
    let found = diff(place, &["--content"], images);
    let text = String::from_utf8(found.stdout.clone()).unwrap();
    assert_eq!(
        found.status.code(),
        Some(i32::from(!text.is_empty())),
        "{}",
        stderr(&found)
    );
    let path = |line: &str| {
        assert!("+-t~".contains(&line[..1]), "{line}");
        line[2..].split('\t').next().unwrap().to_owned()
    };
    text.lines().map(path).collect()
}
