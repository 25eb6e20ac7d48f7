//! The images that the tests of the program mount, in several packings.
#![allow(dead_code)] // Each test program uses only a part of this module.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::Place;
use crate::support::{self, Layer, OciImage, oci_dir, write_index};

/// Returns a small image: texts, a script, a file that only root may read.
pub fn sample() -> OciImage {
    let script = "#!/bin/sh\necho ran\n";
    let lower = Layer::new().dir("etc").file("etc/motd", "hello\n");
    let upper = Layer::new()
        .file_mode("etc/shadow", "secret\n", 0o600)
        .dir("bin")
        .file_mode("bin/run", script, 0o755);
    OciImage::plain(&[lower.tar(), upper.tar()])
}

/// Returns an archive as early versions of `docker save` wrote it (moby, image/spec/v1.2.md):
/// `manifest.json`, a config, and layers by path, stored as they are in the image.
pub fn docker_archive(image: &OciImage, tags: &[&str]) -> Vec<u8> {
    let names: Vec<_> = (0..image.layers.len())
        .map(|n| format!("{n}/layer.tar"))
        .collect();
    let manifest = json!([
        {"Config": "config.json", "RepoTags": tags, "Layers": names}
    ]);
    let mut tar = Layer::new()
        .file("manifest.json", manifest.to_string())
        .file("config.json", image.config().to_string());
    for (name, (bytes, _, _)) in names.iter().zip(&image.layers) {
        tar = tar.file(name, bytes);
    }
    tar.tar()
}

/// Returns the files of an OCI layout in one tar, as skopeo writes it: the documents first.
pub fn oci_archive(image: &OciImage) -> Vec<u8> {
    tar_layout(oci_dir(image).path())
}

/// Packs a layout, the largest blobs last.
pub fn tar_layout(dir: &Path) -> Vec<u8> {
    let mut tar = Layer::new();
    for name in ["oci-layout", "index.json", "manifest.json"] {
        if let Ok(bytes) = fs::read(dir.join(name)) {
            tar = tar.file(name, bytes);
        }
    }
    for algorithm in fs::read_dir(dir.join("blobs")).unwrap() {
        let blobs = fs::read_dir(algorithm.unwrap().path()).unwrap();
        let mut blobs: Vec<_> = blobs.map(|e| e.unwrap().path()).collect();
        blobs.sort_by_key(|path| fs::metadata(path).unwrap().len());
        for path in blobs {
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap();
            tar = tar.file(name, fs::read(&path).unwrap());
        }
    }
    tar.tar()
}

/// Writes an OCI layout whose only layer contains a file of that many GiB of zeros: a megabyte each on
/// disk, and slow to read.
pub fn slow_image(place: &Place, gib: usize) -> PathBuf {
    let mut header = tar::Header::new_gnu();
    header.set_path("zeros").unwrap();
    header.set_mode(0o644);
    header.set_size((gib as u64) << 30);
    header.set_cksum();
    let mut layer = support::gzip(header.as_bytes());
    let zeros = support::gzip(&vec![0; 64 << 20]);
    for _ in 0..gib * 16 {
        layer.extend(&zeros);
    }
    layer.extend(support::gzip(&[0; 1024]));
    let mut image = OciImage::plain(&[Vec::new()]);
    image.layers = vec![(layer, support::TAR_GZIP, support::sha256(b"not looked at"))];
    let dir = place.join("slow");
    let descriptor = image.write(&dir);
    write_index(&dir, &[descriptor]);
    dir
}

/// Returns an image whose file `who` has this content.
pub fn image_of(arch: &'static str, who: &str) -> OciImage {
    let os = "linux";
    OciImage {
        os,
        arch,
        ..OciImage::plain(&[Layer::new().file("who", who).tar()])
    }
}

/// Returns a reference in the syntax of containers-transports(5).
pub fn reference(transport: &str, path: &Path, name: &str) -> String {
    format!("{transport}:{}{name}", path.display())
}

/// Writes a layout with these entries of `index.json`.
pub fn layout(place: &Place, make: impl FnOnce(&Path) -> Vec<Value>) -> PathBuf {
    let dir = place.join("layout");
    fs::create_dir_all(&dir).unwrap();
    let entries = make(&dir);
    write_index(&dir, &entries);
    dir
}

pub fn annotated(mut descriptor: Value, key: &str, value: &str) -> Value {
    descriptor["annotations"][key] = value.into();
    descriptor
}

pub fn named(descriptor: Value, name: &str) -> Value {
    annotated(descriptor, "org.opencontainers.image.ref.name", name)
}

pub fn on_platform(mut descriptor: Value, arch: &str, variant: Option<&str>) -> Value {
    descriptor["platform"] = json!({"os": "linux", "architecture": arch});
    if let Some(variant) = variant {
        descriptor["platform"]["variant"] = variant.into();
    }
    descriptor
}
