//! The same layers unpacked by other programs.
#![allow(dead_code)] // No test needs all of it.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

pub use crate::support::tree::Tree;
use crate::support::tree::{differences, walk};
use crate::support::{Layer, Mounted, OciImage, mount, run, write_index};
use imgfs::internals::view::Sidecars;

/// Writes an OCI layout of one image, which other programs find as `test`.
pub fn layout(layers: Vec<Layer>) -> TempDir {
    let tars: Vec<_> = layers.into_iter().map(Layer::tar).collect();
    let dir = tempfile::tempdir().unwrap();
    let mut manifest = OciImage::plain(&tars).write(dir.path());
    manifest["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": "test"});
    write_index(dir.path(), &[manifest]);
    dir
}

/// Mounts the image of a layout.
pub fn mount_layout(layout: &TempDir) -> Mounted {
    mount(layout.path().to_str().unwrap(), Sidecars::Off)
}

/// Returns the tree that umoci unpacks from a layout.
pub fn umoci(layout: &TempDir) -> Tree {
    let out = tempfile::tempdir().unwrap();
    let to = out.path().join("rootfs");
    let image = format!("{}:test", layout.path().display());
    run(Command::new("umoci")
        .args(["raw", "unpack", "--image", &image])
        .arg(&to));
    tree_of(&to)
}

/// Returns a directory's tree without times: unpackers give parents without an entry the current time.
pub fn tree_of(root: &Path) -> Tree {
    let mut tree = walk(root);
    for attributes in tree.values_mut() {
        attributes.remove("mtime");
    }
    tree
}

/// Panics unless a mount shows a tree.
pub fn same(who: &str, theirs: &Tree, mounted: &Mounted) {
    let found = differences(theirs, &tree_of(mounted.path()));
    assert_eq!(found, Vec::<String>::new(), "{who} | imgfs");
}
