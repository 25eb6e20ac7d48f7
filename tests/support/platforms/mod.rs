//! An image for three platforms that share their base layer, as BuildKit pushes one: an index with an
//! attestation among its manifests.
#![allow(dead_code)] // Each test program uses only a part of this module.

pub mod walk;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{
    Layer, OciImage, TAR_GZIP, data, gzip, sha256, text, write_blob, write_index,
};

/// The directories of a mount of all platforms, in the order of the index.
pub const NAMES: [&str; 3] = ["linux_amd64", "linux_arm64", "linux_arm_v7"];
/// Their names for `--platform`.
pub const PLATFORMS: [&str; 3] = ["linux/amd64", "linux/arm64", "linux/arm/v7"];
/// Length of the file `usr/share/big` of the base layer: several spans.
pub const BIG: usize = 6_000_000;

/// The number of files in `usr/share/many` of the base layer: more names than one reply to the kernel holds.
pub const MANY: usize = 400;

/// Returns the base layer: more names than one reply to the kernel holds, and one file of each kind.
pub fn base() -> Vec<u8> {
    let mut layer = Layer::new()
        .dir_mode(".", 0o755)
        .dir("etc")
        .file("etc/motd", "hello\n")
        .file_mode("etc/shadow", "secret\n", 0o600)
        .file("etc/issue", "to be removed\n")
        .dir("usr")
        .dir("usr/bin")
        .file_mode("usr/bin/script", "#!/bin/sh\necho ran\n", 0o755)
        .file_mode("usr/bin/setuid", "#!/usr/bin/perl\n", 0o4755)
        .dir("usr/share")
        .file("usr/share/big", text(1, BIG))
        .hardlink("usr/share/same", "usr/share/big")
        .symlink("usr/share/link", "../bin/script")
        .symlink("usr/share/absolute", "/usr/bin/script")
        .pax(&[("SCHILY.xattr.user.note", b"all\0bytes")])
        .file("usr/share/noted", "it has an attribute\n")
        .fifo("usr/share/fifo")
        .device("usr/share/null", 1, 3)
        .dir("usr/share/many");
    for n in 0..MANY {
        layer = layer.file(&format!("usr/share/many/a-rather-long-name-{n:04}"), "");
    }
    layer.tar()
}

/// Returns the layer of one platform: its programs, a file that names it, and a whiteout.
pub fn top(who: &str, program: &str, other: &str) -> Vec<u8> {
    Layer::new()
        .dir("usr")
        .dir("usr/bin")
        .file_mode("usr/bin/app", data(program), 0o755)
        .hardlink("usr/bin/app2", "usr/bin/app")
        .file_mode("usr/bin/other", data(other), 0o755)
        .file("who", who)
        .whiteout("etc/issue")
        .tar()
}

/// The program of each platform. A platform cannot run the program before its own in this list, but
/// may run the one after it: arm64 runs programs for arm.
const PROGRAMS: [&str; 3] = ["gcc-glibc-pie", "app-arm64", "zig-arm-linux-gnueabihf-dyn"];

/// Returns the image of the platform with that number.
pub fn image(number: usize) -> OciImage {
    let tops = top(NAMES[number], PROGRAMS[number], PROGRAMS[(number + 2) % 3]);
    OciImage {
        arch: ["amd64", "arm64", "arm"][number],
        ..OciImage::gzip(&[base(), tops])
    }
}

/// Writes its blobs and returns its descriptor for the index.
pub fn entry(dir: &Path, number: usize) -> Value {
    let image = image(number);
    let mut config = image.config();
    config["config"] = json!({"Entrypoint": ["/usr/bin/app"]});
    let variant = [None, None, Some("v7")][number];
    if let Some(variant) = variant {
        config["variant"] = variant.into();
    }
    let mut descriptor = image.write_with(dir, &config);
    descriptor["platform"] = json!({"os": "linux", "architecture": image.arch});
    if let Some(variant) = variant {
        descriptor["platform"]["variant"] = variant.into();
    }
    descriptor
}

/// Returns the attestation that BuildKit adds for each image (moby/buildkit, docs/attestations).
pub fn attestation(dir: &Path, of: &Value) -> Value {
    let statement = b"{}";
    let image = OciImage {
        os: "unknown",
        arch: "unknown",
        layers: vec![(
            statement.to_vec(),
            "application/vnd.in-toto+json",
            sha256(statement),
        )],
    };
    let mut descriptor = image.write(dir);
    descriptor["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": of["digest"],
    });
    descriptor["platform"] = json!({"os": "unknown", "architecture": "unknown"});
    descriptor
}

/// Writes the whole layout: the three platforms and an attestation of the first.
pub fn write(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    let mut entries: Vec<Value> = (0..3).map(|n| entry(dir, n)).collect();
    let attestation = attestation(dir, &entries[0]);
    entries.insert(1, attestation);
    write_index(dir, &entries);
}

/// Returns the lengths of the base layer and of a platform's own layer, as stored.
pub fn stored(number: usize) -> [u64; 2] {
    let image = image(number);
    [0, 1].map(|layer: usize| image.layers[layer].0.len() as u64)
}

/// Returns the path of a blob.
pub fn blob(dir: &Path, bytes: &[u8]) -> std::path::PathBuf {
    dir.join("blobs/sha256").join(&sha256(bytes)[7..])
}

/// Overwrites the blob of a platform's own layer in place; its length does not change.
pub fn damage(dir: &Path, number: usize) {
    let bytes = &image(number).layers[1].0;
    fs::write(blob(dir, bytes), vec![0x5a; bytes.len()]).unwrap();
}

/// Writes a small image; returns its descriptor with the given platform, which may be false.
pub fn claimed(dir: &Path, who: &str, platform: Value) -> Value {
    let tar = Layer::new().file("who", who).tar();
    let layers = vec![(gzip(&tar), TAR_GZIP, sha256(&tar))];
    let image = OciImage {
        os: "linux",
        arch: "amd64",
        layers,
    };
    let mut descriptor = image.write(dir);
    descriptor["platform"] = platform;
    descriptor
}

/// Writes an index as a separate blob.
pub fn nested(dir: &Path, manifests: &[Value]) -> Value {
    let index =
        json!({"schemaVersion": 2, "mediaType": crate::support::INDEX, "manifests": manifests});
    let mut descriptor = write_blob(dir, index.to_string().as_bytes());
    descriptor["mediaType"] = crate::support::INDEX.into();
    descriptor
}
