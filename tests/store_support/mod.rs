//! What the tests of the store share: a store in a place, and what others say of it.
#![allow(dead_code)] // Each test program uses its own part of this.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::common::sha256;
use crate::program::{Place, output, stderr};
use serde_json::Value;

/// The store's directory.
pub fn store(place: &Place) -> PathBuf {
    place.join("data/imgfs")
}

/// Where a blob of it has to be.
pub fn blob(place: &Place, digest: &str) -> PathBuf {
    store(place)
        .join("blobs")
        .join(digest.replacen(':', "/", 1))
}

/// The digests of all blobs, in order.
pub fn blobs(place: &Place) -> Vec<String> {
    let entries = match fs::read_dir(store(place).join("blobs/sha256")) {
        Ok(entries) => entries,
        Err(_) => return Vec::new(),
    };
    let mut names: Vec<String> = entries
        .map(|e| format!("sha256:{}", e.unwrap().file_name().into_string().unwrap()))
        .collect();
    names.sort();
    names
}

/// Every blob is what its name says.
#[track_caller]
pub fn assert_blobs_are_right(place: &Place) {
    for digest in blobs(place) {
        let bytes = fs::read(blob(place, &digest)).unwrap();
        assert_eq!(sha256(&bytes), digest);
    }
}

/// Runs a command that must succeed; what it prints.
#[track_caller]
pub fn says(command: &mut Command) -> String {
    let output = output(command);
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// `imgfs ARGS…`, which must succeed; what it prints.
#[track_caller]
pub fn imgfs<S: AsRef<OsStr>>(place: &Place, args: impl IntoIterator<Item = S>) -> String {
    says(place.imgfs().args(args))
}

/// `imgfs ARGS…`, whatever comes of it.
pub fn run<S: AsRef<OsStr>>(place: &Place, args: impl IntoIterator<Item = S>) -> Output {
    output(place.imgfs().args(args))
}

/// `imgfs images --json`, a value for each.
#[track_caller]
pub fn images(place: &Place) -> Vec<Value> {
    let text = imgfs(place, ["images", "--json"]);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The names in the store.
#[track_caller]
pub fn names(place: &Place) -> Vec<String> {
    let images = images(place);
    let names = images.iter().map(|i| i["name"].as_str().unwrap_or("-"));
    names.map(str::to_owned).collect()
}

/// `oci:STORE:NAME`, as skopeo writes it.
pub fn oci(place: &Place, name: &str) -> String {
    format!("oci:{}:{name}", store(place).display())
}

/// The digest of the manifest or index that skopeo finds.
#[track_caller]
pub fn skopeo_digest(place: &Place, image: &str) -> String {
    let raw = output(place.command("skopeo").args(["inspect", "--raw", image]));
    assert!(raw.status.success(), "{image}: {}", stderr(&raw));
    sha256(&raw.stdout)
}

/// The blobs that a manifest names, its config first.
pub fn named_by(manifest: &Path) -> Vec<String> {
    let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    let layers = manifest["layers"].as_array().unwrap().iter();
    std::iter::once(&manifest["config"])
        .chain(layers)
        .map(|d| d["digest"].as_str().unwrap().to_owned())
        .collect()
}
