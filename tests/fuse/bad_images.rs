//! The real program refuses images that cannot be mounted, in one or two lines that name the cause and a
//! solution; nothing is mounted and no process stays. This file: images that were built wrong, or that
//! lack a part. Expectations: issue 2 and the OCI image-spec (manifest.md, descriptor.md).

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::program::images::{docker_archive, layout, sample, tar_layout};
use crate::support::program::{Place, refused, refused_plainly, str};
use crate::support::{Layer, OciImage, TAR, TAR_GZIP, gzip, oci_dir, sha256, write_blob};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::{Value, json};

fn blob_path(dir: &Path, digest: &str) -> PathBuf {
    dir.join("blobs").join(digest.replace(':', "/"))
}

/// A missing blob is named by its digest, or by its path in a docker-archive.
#[test]
fn missing_blobs() {
    let place = Place::new();
    let image = sample();
    let dir = layout(&place, |dir| vec![image.write(dir)]);
    let documents = [
        sha256(image.config().to_string().as_bytes()),
        image.layers[1].2.clone(),
    ];
    let index: Value = serde_json::from_slice(&fs::read(dir.join("index.json")).unwrap()).unwrap();
    let manifest = index["manifests"][0]["digest"].as_str().unwrap().to_owned();
    for digest in documents.into_iter().chain([manifest]) {
        let (path, aside) = (blob_path(&dir, &digest), place.join("aside"));
        fs::rename(&path, &aside).unwrap();
        refused(&place, &[], &dir, &[str(&dir), &digest, "missing"]);
        let archive = place.file("oci.tar", tar_layout(&dir));
        refused(&place, &[], &archive, &[str(&archive), &digest, "missing"]);
        fs::rename(&aside, &path).unwrap();
    }
    for name in ["config.json", "1/layer.tar"] {
        let whole = docker_archive(&image, &[]);
        let mut archive = tar::Archive::new(&*whole);
        let mut kept = tar::Builder::new(Vec::new());
        for entry in archive.entries().unwrap().map(Result::unwrap) {
            if entry.path().unwrap() != Path::new(name) {
                kept.append(&entry.header().clone(), entry).unwrap();
            }
        }
        let path = place.file("docker.tar", kept.into_inner().unwrap());
        refused(&place, &[], &path, &[str(&path), name, "missing"]);
    }
    // A symlink among the members that leads nowhere, or in a cycle.
    for target in ["../2/layer.tar", "layer.tar"] {
        let manifest = json!([{"Config": "c", "RepoTags": [], "Layers": ["0/layer.tar"]}]);
        let config = OciImage::plain(&[Layer::new().tar()]).config().to_string();
        let archive = Layer::new().file("manifest.json", manifest.to_string());
        let archive = archive.file("c", config).symlink("0/layer.tar", target);
        let path = place.file("link.tar", archive.tar());
        refused(&place, &[], &path, &[str(&path), "0/layer.tar", "missing"]);
    }
}

/// Returns an image with a layer of these stored bytes and the right digest: the layer was built wrong.
fn built_wrong(bytes: Vec<u8>, media_type: &'static str) -> OciImage {
    let mut image = OciImage::plain(&[Layer::new().file("f", "f").tar(), Vec::new()]);
    image.layers[1] = (bytes, media_type, sha256(b"whatever"));
    image
}

/// Layers that are not tar archives are named by their digest.
#[test]
fn layers_that_are_none() {
    let tar = Layer::new().file("f", "some text ".repeat(5000)).tar();
    let packed = gzip(&tar);
    let text = "This is a text and no tar archive.\n".repeat(100);
    let xz = [b"\xfd7zXZ\0\0\x04".as_slice(), &[7; 100]].concat();
    for (bytes, media_type, words) in [
        (packed[..packed.len() / 2].to_vec(), TAR_GZIP, "cut off"),
        (packed[..packed.len() - 4].to_vec(), TAR_GZIP, "cut off"),
        (tar[..3000].to_vec(), TAR, "ends inside f"),
        (gzip(&tar[..3000]), TAR_GZIP, "ends inside f"),
        (text.clone().into_bytes(), TAR, "no tar header"),
        (gzip(text.as_bytes()), TAR_GZIP, "no tar header"),
        (xz, TAR, "xz"),
        (b"BZh91AY&SY".repeat(10), TAR, "bzip2"),
    ] {
        let place = Place::new();
        let image = built_wrong(bytes, media_type);
        let digest = sha256(&image.layers[1].0);
        let dir = layout(&place, |dir| vec![image.write(dir)]);
        refused(&place, &[], &dir, &[str(&dir), "layer 1", &digest, words]);
    }
}

/// Rewrites a document of a layout and the documents that refer to it by digest; returns its new digest.
fn rewrite(dir: &Path, which: &str, change: impl Fn(&mut Value) -> Option<Vec<u8>>) -> String {
    let read =
        |path: PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
    let blob = |d: &Value| read(blob_path(dir, d["digest"].as_str().unwrap()));
    let mut index = read(dir.join("index.json"));
    let mut manifest = blob(&index["manifests"][0]);
    let mut config = blob(&manifest["config"]);
    let put = |descriptor: &mut Value, bytes: &[u8]| {
        let written = write_blob(dir, bytes);
        descriptor["digest"] = written["digest"].clone();
        descriptor["size"] = written["size"].clone();
        written["digest"].as_str().unwrap().to_owned()
    };
    let mut digest = String::new();
    if which == "config" {
        let bytes = change(&mut config).unwrap_or_else(|| config.to_string().into_bytes());
        digest = put(&mut manifest["config"], &bytes);
    }
    let changed = (which == "manifest")
        .then(|| change(&mut manifest))
        .flatten();
    let bytes = changed.unwrap_or_else(|| manifest.to_string().into_bytes());
    let of_manifest = put(&mut index["manifests"][0], &bytes);
    if which == "manifest" {
        digest = of_manifest;
    }
    let changed = (which == "index").then(|| change(&mut index)).flatten();
    let bytes = changed.unwrap_or_else(|| index.to_string().into_bytes());
    fs::write(dir.join("index.json"), bytes).unwrap();
    digest
}

/// A document with broken JSON, or of another kind, is named: `index.json`, or the digest of the
/// document.
#[test]
fn broken_documents() {
    let place = Place::new();
    for which in ["index", "manifest", "config"] {
        for broken in [
            "",
            "{",
            "null",
            "[]",
            "{}",
            "not json",
            "\0\0",
            r#"{"schemaVersion":"two"}"#,
        ] {
            let dir = oci_dir(&sample());
            let digest = rewrite(dir.path(), which, |_| Some(broken.into()));
            let name = if which == "index" {
                "index.json"
            } else {
                &digest
            };
            refused(&place, &[], dir.path(), &[str(dir.path()), name]);
        }
    }
    for (manifest, config, named) in [
        ("[", "{}", "manifest.json"),
        ("{}", "{}", "manifest.json"),
        ("[]", "{}", "manifest.json"),
        (r#"[{"Config":1}]"#, "{}", "manifest.json"),
        (r#"[{"Config":"c","Layers":[]}]"#, "}", "c "),
        (r#"[{"Config":"c","Layers":[]}]"#, "{}", "c "),
    ] {
        let archive = Layer::new()
            .file("manifest.json", manifest)
            .file("c", config)
            .tar();
        let path = place.file("saved.tar", archive);
        refused(&place, &[], &path, &[str(&path), named]);
    }
}

/// Invalid descriptors: digests that are malformed or would lead out of the image, sizes that do not
/// fit, layers without diff_ids.
#[test]
fn wrong_descriptors() {
    let place = Place::new();
    for (digest, word) in [
        ("sha256:../../../../etc/passwd", "../../../../etc/passwd"),
        (
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            "md5:d41d8cd98f00b204e9800998ecf8427e",
        ),
        ("no-digest", "digest"),
    ] {
        let dir = oci_dir(&sample());
        let bad = |m: &mut Value| {
            m["layers"][1]["digest"] = digest.into();
            None
        };
        rewrite(dir.path(), "manifest", bad);
        refused(&place, &[], dir.path(), &[str(dir.path()), word]);
    }
    let image = sample();
    let (digest, size) = (&image.layers[1].2, image.layers[1].0.len());
    let dir = oci_dir(&image);
    rewrite(dir.path(), "manifest", |m| {
        m["layers"][1]["size"] = (size + 1).into();
        None
    });
    let sizes = [size.to_string(), (size + 1).to_string()];
    refused(
        &place,
        &[],
        dir.path(),
        &[str(dir.path()), digest, &sizes[0], &sizes[1]],
    );

    let mut image = sample();
    image.layers.truncate(1);
    let config = image.config().to_string();
    let manifest = json!([{"Config": "c", "RepoTags": [], "Layers": ["a", "b"]}]).to_string();
    let archive = Layer::new()
        .file("manifest.json", manifest)
        .file("c", config);
    let path = place.file("saved.tar", archive.file("a", "").file("b", "").tar());
    refused(&place, &[], &path, &[str(&path), "2 layers", "1 diff_ids"]);
}

/// An artifact (image-spec, manifest.md, "Guidelines for Artifact Usage") is not an image.
#[test]
fn an_artifact_is_no_image() {
    let place = Place::new();
    for media_type in [
        "application/vnd.cncf.helm.config.v1+json",
        "application/vnd.oci.empty.v1+json",
    ] {
        let dir = oci_dir(&sample());
        rewrite(dir.path(), "manifest", |m| {
            m["config"]["mediaType"] = media_type.into();
            None
        });
        refused_plainly(
            &place,
            &[],
            dir.path(),
            &[str(dir.path()), media_type, "artifact"],
        );
    }
}

/// An executable may end in a hole of any length, which an archive of a few KB can claim. It takes
/// neither space nor time, and the file is still recognised.
#[test]
fn holes_take_no_room() {
    let elf = include_bytes!("../data/inspect/gcc-musl-static");
    let mut stored = format!("1\n0\n{}\n", elf.len()).into_bytes();
    stored.resize(512, 0);
    stored.extend_from_slice(elf);
    let size = 8_u64 << 40;
    let layer = Layer::new()
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"app"),
            ("GNU.sparse.realsize", size.to_string().as_bytes()),
        ])
        .file_mode("app", stored, 0o755);
    let place = Place::new();
    let image = OciImage::plain(&[layer.tar()]);
    let path = place.file("image.tar", docker_archive(&image, &[]));
    let spool = place.join("spool");
    fs::create_dir(&spool).unwrap();
    mount("none", &spool, "tmpfs", MountFlags::empty(), c"size=4m").unwrap();
    let mut command = place.mount_command(&[], &path);
    let output = command.env("TMPDIR", &spool).output().unwrap();
    unmount(&spool, UnmountFlags::DETACH).unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(place.mnt().join("app.arch")).unwrap();
    for line in ["LINKAGE=static", "LIBC=musl", "SIZE=8796093022208"] {
        assert!(text.lines().any(|l| l == line), "{line}: {text}");
    }
    let meta = fs::metadata(place.mnt().join("app")).unwrap();
    assert_eq!(meta.len(), size);
}
