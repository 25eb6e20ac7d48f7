//! An image for three platforms that have their base layer in common, as BuildKit pushes one: an index
//! with an attestation among its manifests.
#![allow(dead_code)] // Each test program uses its own part of this.

pub mod walk;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Layer, OciImage, TAR_GZIP, data, gzip, sha256, text, write_blob, write_index};

/// The directories of a mount of all, in the order of the index.
pub const NAMES: [&str; 3] = ["linux_amd64", "linux_arm64", "linux_arm_v7"];
/// What `--platform` calls each of them.
pub const PLATFORMS: [&str; 3] = ["linux/amd64", "linux/arm64", "linux/arm/v7"];
/// Length of the file `usr/share/big` of the base layer: several spans.
pub const BIG: usize = 6_000_000;

/// What all have: more names than one reply of the kernel holds, and one of each kind of file.
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
    for n in 0..400 {
        layer = layer.file(&format!("usr/share/many/a-rather-long-name-{n:04}"), "");
    }
    layer.tar()
}

/// What one of them adds: its programs, a file that says which it is, and a file less.
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

/// Which program each has. That of the one before it cannot run, where that after it may: arm64 runs
/// what was built for arm.
const PROGRAMS: [&str; 3] = ["gcc-glibc-pie", "app-arm64", "zig-arm-linux-gnueabihf-dyn"];

/// The image of the platform of that number.
pub fn image(number: usize) -> OciImage {
    let tops = top(NAMES[number], PROGRAMS[number], PROGRAMS[(number + 2) % 3]);
    OciImage {
        arch: ["amd64", "arm64", "arm"][number],
        ..OciImage::gzip(&[base(), tops])
    }
}

/// Its descriptor in the index, once its blobs are written.
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

/// What BuildKit adds for each image (moby/buildkit, docs/attestations).
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

/// The lengths of the base layer and of that of a platform, as stored.
pub fn stored(number: usize) -> [u64; 2] {
    let image = image(number);
    [0, 1].map(|layer: usize| image.layers[layer].0.len() as u64)
}

/// The file of a blob.
pub fn blob(dir: &Path, bytes: &[u8]) -> std::path::PathBuf {
    dir.join("blobs/sha256").join(&sha256(bytes)[7..])
}

/// Overwrites the blob of a platform's own layer where it lies: it is as long as it was.
pub fn damage(dir: &Path, number: usize) {
    let bytes = &image(number).layers[1].0;
    fs::write(blob(dir, bytes), vec![0x5a; bytes.len()]).unwrap();
}

/// A small image whose index says of it whatever is given.
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

/// An index as a blob of its own.
pub fn nested(dir: &Path, manifests: &[Value]) -> Value {
    let index =
        json!({"schemaVersion": 2, "mediaType": crate::common::INDEX, "manifests": manifests});
    let mut descriptor = write_blob(dir, index.to_string().as_bytes());
    descriptor["mediaType"] = crate::common::INDEX.into();
    descriptor
}
