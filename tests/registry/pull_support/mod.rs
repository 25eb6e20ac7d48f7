//! Shared by the tests of pulling: small images that have layers in common, pseudo-random numbers, and
//! invariants of a store that hold after any faults.
#![allow(dead_code)] // Each test program uses only a part of this module.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{self, Layer, OciImage, gzip, oci_dir, registry::Registry, sha256};

/// Pseudo-random numbers that are the same in each run (splitmix64, Steele and others 2014).
pub struct Random(u64);

impl Random {
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number from 0 up to, but not including, `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Returns true once in `times` calls on average.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// Returns bytes that do not compress, different for each seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut random = Random::of(seed);
    let mut bytes: Vec<u8> = (0..len.div_ceil(8))
        .flat_map(|_| random.next().to_le_bytes())
        .collect();
    bytes.truncate(len);
    bytes
}

/// Returns a layer with a text that identifies it, and noise.
pub fn layer(name: &str, len: usize) -> Vec<u8> {
    Layer::new()
        .file(&format!("{name}.txt"), format!("this is {name}\n"))
        .file(&format!("{name}.bin"), bin(name, len))
        .tar()
}

/// Returns the noise in a layer.
pub fn bin(name: &str, len: usize) -> Vec<u8> {
    let seed = name.bytes().fold(7, |n, b| n * 31 + u64::from(b));
    noise(seed, len)
}

/// Returns an image with these layers, each with that many bytes of noise. The first is gzipped.
pub fn image(layers: &[(&str, usize)]) -> OciImage {
    let tars: Vec<_> = layers.iter().map(|(name, len)| layer(name, *len)).collect();
    let mut image = OciImage::plain(&tars);
    image.layers[0].0 = gzip(&image.layers[0].0);
    image.layers[0].1 = support::TAR_GZIP;
    image
}

/// Pushes an image to a registry.
pub fn push(registry: &Registry, image: &OciImage, name: &str) {
    registry.push(oci_dir(image).path(), name);
}

/// Returns the digests of an image's layers.
pub fn layers_of(image: &OciImage) -> Vec<String> {
    image.layers.iter().map(|l| sha256(&l.0)).collect()
}

/// Asserts the invariants of a store: every blob matches its name, index.json is valid, and `imgfs`
/// shows exactly the names in it, each with a complete and correct image. A blob that has only partly
/// arrived is neither a blob nor an image. Returns the names.
#[track_caller]
pub fn assert_sound(store: &Path) -> Vec<String> {
    let mut blobs = BTreeSet::new();
    for entry in fs::read_dir(store.join("blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let digest = sha256(&fs::read(&path).unwrap());
        assert_eq!(
            digest,
            format!("sha256:{name}"),
            "a blob does not match its name"
        );
        blobs.insert(digest);
    }
    let index: Value = serde_json::from_slice(&fs::read(store.join("index.json")).unwrap())
        .expect("index.json is not valid");
    let entries = index["manifests"].as_array().unwrap();
    let mut names = Vec::new();
    for entry in entries {
        let name = &entry["annotations"]["org.opencontainers.image.ref.name"];
        names.push(name.as_str().expect("each image has a name").to_owned());
        // Everything that a manifest of one platform names exists, checked by file names alone.
        let digest = entry["digest"].as_str().unwrap();
        assert!(blobs.contains(digest), "{name}: {digest} is missing");
        let manifest = store.join("blobs").join(digest.replacen(':', "/", 1));
        let manifest: Value = serde_json::from_slice(&fs::read(manifest).unwrap()).unwrap();
        let layers = manifest["layers"].as_array().unwrap().iter();
        for part in layers.chain([&manifest["config"]]) {
            let digest = part["digest"].as_str().unwrap();
            assert!(blobs.contains(digest), "{name}: {digest} is missing");
        }
    }
    let shown = imgfs_of(store, &["images", "--quiet"]);
    let shown: Vec<&str> = shown.lines().collect();
    assert_eq!(shown, names);
    for name in &names {
        let said = imgfs_of(store, &["verify", name]);
        assert!(said.contains(&format!("{name}: ok")), "{said}");
    }
    names
}

/// Runs `imgfs ARGS… --store STORE`, which must succeed; returns its output.
#[track_caller]
pub fn imgfs_of(store: &Path, args: &[&str]) -> String {
    let mut command: Command = support::imgfs();
    command.args(args).arg("--store").arg(store);
    command.env_remove("IMGFS_LOG");
    let output = support::run(&mut command);
    String::from_utf8(output.stdout).unwrap()
}
