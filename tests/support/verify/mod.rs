//! Shared by the tests of `imgfs verify`: an index for two platforms with an attestation, damages of it,
//! and the program's results.
#![allow(dead_code)] // Each test program uses only a part of this module.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::program::images::{annotated, layout, named, tar_layout};
use crate::support::program::{Place, output, stderr};
use crate::support::{
    INDEX, Layer, MANIFEST, OciImage, TAR_GZIP, TAR_ZSTD, gzip, sha256, write_blob,
};
use serde_json::{Value, json};

pub fn verify(place: &Place, args: &[&str], image: impl AsRef<Path>) -> Output {
    output(place.imgfs().arg("verify").args(args).arg(image.as_ref()))
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
pub fn assert_code(output: &Output, code: i32) {
    let (out, err) = (stdout(output), stderr(output));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
}

/// Returns every line of the output as JSON; asserts that the exit code agrees with them.
#[track_caller]
pub fn checks(place: &Place, image: impl AsRef<Path>) -> Vec<Value> {
    let output = verify(place, &["--json"], image);
    assert_eq!(stderr(&output), "");
    let text = stdout(&output);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}")))
        .collect();
    let bad = lines.iter().any(|line| line["status"] == "bad");
    assert_code(&output, i32::from(bad));
    lines
}

/// Returns `KIND [NUMBER] PROBLEM` for each bad check.
pub fn bad(checks: &[Value]) -> Vec<String> {
    let bad = checks.iter().filter(|c| c["status"] == "bad");
    let line = |c: &Value| {
        let number = c["number"].as_u64().map(|n| format!(" {n}"));
        let (kind, problem) = (c["kind"].as_str().unwrap(), c["problem"].as_str().unwrap());
        format!("{kind}{} {problem}", number.unwrap_or_default())
    };
    bad.map(line).collect()
}

/// Returns the only line with this problem.
#[track_caller]
pub fn problem<'a>(checks: &'a [Value], id: &str) -> &'a Value {
    let mut found = checks.iter().filter(|c| c["problem"] == id);
    let first = found.next().unwrap_or_else(|| panic!("{id}: {checks:#?}"));
    assert!(found.next().is_none(), "{id} twice: {checks:#?}");
    first
}

/// Returns the names of the checks with this status.
pub fn names<'a>(checks: &'a [Value], status: &str) -> Vec<&'a str> {
    let checks = checks.iter().filter(|c| c["status"] == status);
    checks.map(|c| c["name"].as_str().unwrap()).collect()
}

pub fn blob_path(dir: &Path, digest: &str) -> PathBuf {
    dir.join("blobs/sha256").join(&digest[7..])
}

/// Returns an image of three layers, each compressed in another way; `who` distinguishes it from others.
/// The lowest layer is the same for all.
pub fn image(arch: &'static str, who: &str) -> OciImage {
    let noise: Vec<u8> = (0..200_000u32)
        .flat_map(|n| n.wrapping_mul(n).to_le_bytes())
        .collect();
    let base = Layer::new().dir("etc").file("etc/noise", noise).tar();
    let middle = Layer::new().file("etc/who", who).tar();
    let top = Layer::new().file("etc/top", format!("{who} on top")).tar();
    let mut image = OciImage::plain(&[base.clone(), middle.clone(), top.clone()]);
    image.arch = arch;
    image.layers[0] = (gzip(&base), TAR_GZIP, sha256(&base));
    let zstd = zstd::encode_all(middle.as_slice(), 3).unwrap();
    image.layers[1] = (zstd, TAR_ZSTD, sha256(&middle));
    image
}

/// Changes documents while they are written: `config`, `manifest`, and `entry` of the index.
pub type Tweak<'a> = &'a dyn Fn(&str, &mut Value);

pub fn write_image(dir: &Path, image: &OciImage, tweak: Tweak<'_>) -> Value {
    let mut config = image.config();
    tweak("config", &mut config);
    let mut config = write_blob(dir, config.to_string().as_bytes());
    config["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
    let layer = |(bytes, media_type, _): &(Vec<u8>, &str, String)| {
        let mut layer = write_blob(dir, bytes);
        layer["mediaType"] = (*media_type).into();
        layer
    };
    let layers: Vec<Value> = image.layers.iter().map(layer).collect();
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
    });
    tweak("manifest", &mut manifest);
    let mut entry = write_blob(dir, manifest.to_string().as_bytes());
    entry["mediaType"] = MANIFEST.into();
    entry["platform"] = json!({"os": image.os, "architecture": image.arch});
    tweak("entry", &mut entry);
    entry
}

/// Returns an attestation about an image, as BuildKit writes it (attestation-storage.md).
pub fn attestation(dir: &Path, about: &Value) -> Value {
    let mut statement = write_blob(dir, br#"{"_type":"https://in-toto.io/Statement/v0.1"}"#);
    statement["mediaType"] = "application/vnd.in-toto+json".into();
    let config = json!({
        "os": "unknown", "architecture": "unknown", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [statement["digest"]]},
    });
    let mut config = write_blob(dir, config.to_string().as_bytes());
    config["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [statement],
    });
    let mut entry = write_blob(dir, manifest.to_string().as_bytes());
    entry["mediaType"] = MANIFEST.into();
    entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    entry = annotated(entry, "vnd.docker.reference.type", "attestation-manifest");
    annotated(
        entry,
        "vnd.docker.reference.digest",
        about["digest"].as_str().unwrap(),
    )
}

/// Writes an index of two platforms and an attestation, like `docker buildx`. The first image is
/// tweaked.
pub fn index_of_two(place: &Place, tweak: Tweak<'_>) -> PathBuf {
    layout(place, |dir| {
        let first = write_image(dir, &image("amd64", "first"), tweak);
        let second = write_image(dir, &image("arm64", "second"), &|_, _| ());
        let about = attestation(dir, &first);
        let index = json!({
            "schemaVersion": 2, "mediaType": INDEX, "manifests": [first, second, about],
        });
        let mut nested = write_blob(dir, index.to_string().as_bytes());
        nested["mediaType"] = INDEX.into();
        vec![named(nested, "app")]
    })
}

pub fn sound(_: &str, _: &mut Value) {}

/// Returns hash, length and times of everything below a path.
pub fn state(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut pending = vec![path.to_owned()];
    while let Some(path) = pending.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let hash = match meta.is_file() {
            true => sha256(&fs::read(&path).unwrap()),
            false => String::new(),
        };
        let times = (
            meta.mtime(),
            meta.mtime_nsec(),
            meta.ctime(),
            meta.ctime_nsec(),
        );
        found.push(format!(
            "{} {} {times:?} {hash}",
            path.display(),
            meta.len()
        ));
        if meta.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            pending.extend(entries.map(|e| e.unwrap().path()));
        }
    }
    found.sort();
    found
}

/// Returns the first word that a shell command prints.
pub fn oracle(script: &str, path: &Path) -> String {
    let mut shell = Command::new("sh");
    let output = crate::support::run(shell.args(["-c", script, "sh"]).arg(path));
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().next().unwrap().to_owned()
}

/// Tests a damage and the resulting reports.
pub fn damaged(tweak: Tweak<'_>, damage: impl FnOnce(&Path), expected: &[&str]) -> Vec<Value> {
    let place = Place::new();
    let dir = index_of_two(&place, tweak);
    damage(&dir);
    let found = checks(&place, &dir);
    assert_eq!(bad(&found), expected, "{found:#?}");
    let archive = place.file("app.tar", tar_layout(&dir));
    assert_eq!(checks(&place, &archive), found);
    // Undamaged objects are still reported as good, in particular the other image.
    let second = found.iter().filter(|c| c["platform"] == "linux/arm64");
    let own = second.filter(|c| c["number"] != 0);
    assert!(own.clone().all(|c| c["status"] == "ok") && own.count() == 4);
    found
}

/// Returns the digest of a layer of the first image.
pub fn layer(number: usize) -> String {
    sha256(&image("amd64", "first").layers[number].0)
}

pub fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}
