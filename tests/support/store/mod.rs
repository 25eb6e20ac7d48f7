//! Shared by the tests of the store: a store in a place, and the results of other tools for it.
#![allow(dead_code)] // Each test program uses only a part of this module.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::program::{Place, output, stderr};
use crate::support::sha256;
use serde_json::Value;

/// Returns the store's directory.
pub fn store(place: &Place) -> PathBuf {
    place.join("data/imgfs")
}

/// Returns the path that a blob must have.
pub fn blob(place: &Place, digest: &str) -> PathBuf {
    store(place)
        .join("blobs")
        .join(digest.replacen(':', "/", 1))
}

/// Returns the digests of all blobs, in order.
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

/// Asserts that every blob matches its name.
#[track_caller]
pub fn assert_blobs_are_right(place: &Place) {
    for digest in blobs(place) {
        let bytes = fs::read(blob(place, &digest)).unwrap();
        assert_eq!(sha256(&bytes), digest);
    }
}

/// Runs a command that must succeed; returns its output.
#[track_caller]
pub fn says(command: &mut Command) -> String {
    let output = output(command);
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs `imgfs ARGS…`, which must succeed; returns its output.
#[track_caller]
pub fn imgfs<S: AsRef<OsStr>>(place: &Place, args: impl IntoIterator<Item = S>) -> String {
    says(place.imgfs().args(args))
}

/// Runs `imgfs ARGS…`, and returns its result.
pub fn run<S: AsRef<OsStr>>(place: &Place, args: impl IntoIterator<Item = S>) -> Output {
    output(place.imgfs().args(args))
}

/// Returns the output of `imgfs images --json`, a value for each image.
#[track_caller]
pub fn images(place: &Place) -> Vec<Value> {
    let text = imgfs(place, ["images", "--json"]);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns the names in the store.
#[track_caller]
pub fn names(place: &Place) -> Vec<String> {
    let images = images(place);
    let names = images.iter().map(|i| i["name"].as_str().unwrap_or("-"));
    names.map(str::to_owned).collect()
}

/// Returns `oci:STORE:NAME`, as skopeo writes it.
pub fn oci(place: &Place, name: &str) -> String {
    format!("oci:{}:{name}", store(place).display())
}

/// Returns the digest of the manifest or index that skopeo finds.
#[track_caller]
pub fn skopeo_digest(place: &Place, image: &str) -> String {
    let raw = output(place.command("skopeo").args(["inspect", "--raw", image]));
    assert!(raw.status.success(), "{image}: {}", stderr(&raw));
    sha256(&raw.stdout)
}

/// Returns the blobs that a manifest names, its config first.
pub fn named_by(manifest: &Path) -> Vec<String> {
    let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
    let layers = manifest["layers"].as_array().unwrap().iter();
    std::iter::once(&manifest["config"])
        .chain(layers)
        .map(|d| d["digest"].as_str().unwrap().to_owned())
        .collect()
}
