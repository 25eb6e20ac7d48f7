//! Every kind of image that DESIGN 4.1 names, with every packing and compression of layers, mounted by
//! the real program and read. The images are made by hand according to the OCI image-spec, moby's
//! image/spec/v1.2.md and RFC 1952 and 8878; images made by skopeo are tested as well.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support;
use crate::support::program::images::{
    annotated, docker_archive, image_of, layout, named, on_platform, reference, sample, tar_layout,
};
use crate::support::program::{Place, assert_says, fail, start, succeed};
use crate::support::{
    Layer, MANIFEST, OciImage, TAR, TAR_GZIP, TAR_XZ, TAR_ZSTD, gzip, tar_of, write_blob, xz,
};
use serde_json::{Value, json};
use sha2::Digest;

/// Mounts an image and reads from both layers of the sample; returns the program's output.
#[track_caller]
fn shows_sample(place: &Place, image: impl AsRef<Path>) -> String {
    let said = place.mount(&[], image.as_ref());
    assert_eq!(
        place.text("etc/motd"),
        "hello\n",
        "{}",
        image.as_ref().display()
    );
    assert_eq!(place.text("etc/shadow"), "secret\n");
    place.umount();
    said
}

/// `docker save` before version 25: a directory for each layer, `repositories`, and a layer that two
/// images share is stored once, with a symlink `../OTHER/layer.tar` in its other places. Several images
/// are chosen by name, with or without the parts of a name that docker leaves out, or by `@NUMBER`.
#[test]
fn docker_archive_of_old() {
    let place = Place::new();
    let base = Layer::new().file("base", "shared\n").tar();
    let images = ["one", "two"]
        .map(|who| OciImage::plain(&[base.clone(), Layer::new().file("who", who).tar()]));
    let item = |n: usize| {
        let layers = [format!("{n}a/layer.tar"), format!("{n}b/layer.tar")];
        let tag = ["docker.io/library/app:1", "localhost:5000/app:latest"][n];
        json!({"Config": format!("{n}.json"), "RepoTags": [tag], "Layers": layers})
    };
    let archive = Layer::new()
        .dir("0a/")
        .file("0a/VERSION", "1.0")
        .file("0a/json", "{}")
        .file("0a/layer.tar", &base)
        .file("0b/layer.tar", &images[0].layers[1].0)
        .file("0.json", images[0].config().to_string())
        .symlink("1a/layer.tar", "../0a/layer.tar")
        .file("1b/layer.tar", &images[1].layers[1].0)
        .file("1.json", images[1].config().to_string())
        .file("manifest.json", json!([item(0), item(1)]).to_string())
        .file("repositories", r#"{"app":{"1":"0b"}}"#);
    let path = place.file("saved.tar", archive.tar());
    for (name, expected) in [
        (":docker.io/library/app:1", "one"),
        (":app:1", "one"),
        (":localhost:5000/app:latest", "two"),
        (":localhost:5000/app", "two"),
        (":@0", "one"),
        (":@1", "two"),
    ] {
        place.mount(&[], reference("docker-archive", &path, name));
        assert_eq!(place.text("who"), expected, "{name}");
        assert_eq!(place.text("base"), "shared\n");
        place.umount();
    }
}

/// A docker-archive of one image: detected, with its prefix, with a name.
#[test]
fn docker_archive_of_one_image() {
    let place = Place::new();
    let path = place.image();
    assert_eq!(shows_sample(&place, &path), "");
    shows_sample(&place, reference("docker-archive", &path, ""));
    shows_sample(&place, reference("docker-archive", &path, ":sample:1"));
}

/// `docker save` since version 25: an OCI layout and a `manifest.json` that names the same blobs. If the
/// manifest has no layers, `manifest.json` is used.
#[test]
fn docker_archive_since_25() {
    for empty in [false, true] {
        let place = Place::new();
        let mut image = sample();
        let blobs: Vec<_> = image.layers.iter().map(|l| l.0.clone()).collect();
        let dir = layout(&place, |dir| {
            let config = write_blob(dir, image.config().to_string().as_bytes());
            let path = |blob: &Value| {
                let digest = blob["digest"].as_str().unwrap();
                format!("blobs/sha256/{}", &digest[7..])
            };
            let layers: Vec<_> = blobs.iter().map(|b| path(&write_blob(dir, b))).collect();
            let manifest =
                json!([{"Config": path(&config), "RepoTags": ["app:1"], "Layers": layers}]);
            fs::write(dir.join("manifest.json"), manifest.to_string()).unwrap();
            if empty {
                image.layers.clear();
            }
            let descriptor = named(image.write(dir), "1");
            vec![annotated(
                descriptor,
                "io.containerd.image.name",
                "docker.io/library/app:1",
            )]
        });
        let path = place.file("saved.tar", tar_layout(&dir));
        assert_eq!(shows_sample(&place, &path), "", "empty: {empty}");
        // Opening all platforms chooses between the two in the same way.
        let mut check = place.imgfs();
        // The image has no shell for its script.
        check.args(["check", "--ignore", "missing-interpreter"]);
        let check = support::run(check.arg(&path));
        let said = String::from_utf8(check.stdout).unwrap();
        assert!(said.contains(" (linux/amd64): ok"), "{said}");
        shows_sample(&place, reference("docker-archive", &path, ""));
        shows_sample(&place, reference("docker-archive", &path, ":app:1"));
        if !empty {
            shows_sample(&place, reference("oci-archive", &path, ":app:1"));
        }
    }
}

/// An OCI layout as a directory and as an archive: detected, with its prefix, with a name (the
/// annotation org.opencontainers.image.ref.name). Member names may begin with `./`.
#[test]
fn oci_directory_and_archive() {
    let place = Place::new();
    let dir = layout(&place, |dir| vec![named(sample().write(dir), "v1")]);
    let archive = place.file("oci.tar", tar_layout(&dir));
    let dotted = place.file("dotted.tar", tar_of(&dir));
    for (transport, path) in [
        ("oci", &dir),
        ("oci-archive", &archive),
        ("oci-archive", &dotted),
    ] {
        assert_eq!(shows_sample(&place, path), "");
        shows_sample(&place, reference(transport, path, ""));
        shows_sample(&place, reference(transport, path, ":v1"));
    }
}

/// The archive as a whole may be compressed with gzip, zstd or xz, and be a file, standard input, or a named
/// pipe.
#[test]
fn whole_archives_compressed_and_piped() {
    let place = Place::new();
    let dir = layout(&place, |dir| vec![sample().write(dir)]);
    for archive in [docker_archive(&sample(), &[]), tar_layout(&dir)] {
        for (name, bytes) in [
            ("a.tar", archive.clone()),
            ("a.tar.gz", gzip(&archive)),
            ("a.tar.zst", zstd::encode_all(&*archive, 3).unwrap()),
            ("a.tar.xz", xz(&[], &archive)),
            (
                "b.tar.xz",
                xz(&["--block-size=1000", "-C", "sha256"], &archive),
            ),
        ] {
            let path = place.file(name, bytes);
            assert_eq!(shows_sample(&place, &path), "", "{name}");
            let mut piped = place.mount_command(&[], "-");
            let mut cat = start(Command::new("cat").arg(&path));
            assert_eq!(
                succeed(piped.stdin(cat.stdout.take().unwrap())),
                "",
                "{name}"
            );
            assert!(cat.wait().unwrap().success());
            assert_eq!(place.text("etc/motd"), "hello\n");
            place.umount();
            let mut script = place.command("bash");
            script.args([
                "-c",
                "\"$0\" mount <(cat \"$1\") \"$2\"",
                env!("CARGO_BIN_EXE_imgfs"),
            ]);
            assert_eq!(succeed(script.arg(&path).arg(place.mnt())), "", "{name}");
            assert_eq!(place.text("etc/shadow"), "secret\n");
            place.umount();
        }
    }
}

/// An archive and a layer compressed with bzip2 are refused by name, with a way to read them.
#[test]
fn bzip2_is_refused_by_name() {
    let place = Place::new();
    let mut bzip2 = Command::new("bzip2");
    let mut child = start(bzip2.arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()));
    let archive = docker_archive(&sample(), &[]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&archive).unwrap();
    drop(stdin);
    let stored = child.wait_with_output().unwrap().stdout;
    let path = place.file("a.tar.bz2", &stored);
    let said = fail(&mut place.mount_command(&[], &path));
    assert_says(
        &said,
        &[
            "a.tar.bz2",
            "compressed with bzip2",
            "bzip2 -dc FILE | imgfs mount - DIR",
        ],
    );
    let mut image = sample();
    image.layers[1].0 = stored;
    let dir = layout(&place, |dir| vec![image.write(dir)]);
    let said = fail(&mut place.mount_command(&[], &dir));
    assert_says(
        &said,
        &["layer 1", "compressed with bzip2", "gzip, zstd or xz"],
    );
}

/// Returns the ways in which a layer may be stored; each shows the same files.
fn stored(tar: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let (a, b) = tar.split_at(700);
    let zstd = |bytes| zstd::encode_all(bytes, 3).unwrap();
    // RFC 8878, 3.1.2: one of sixteen magic numbers, a length, and that many arbitrary bytes.
    let skippable = b"\x5a\x2a\x4d\x18\x05\0\0\0hello".to_vec();
    vec![
        (TAR, tar.to_vec()),
        (TAR_GZIP, gzip(tar)),
        // RFC 1952, 2.2: members one after another.
        (TAR_GZIP, [gzip(a), gzip(b""), gzip(b)].concat()),
        (TAR_ZSTD, zstd(tar)),
        (TAR_ZSTD, [zstd(a), zstd(b)].concat()),
        (
            TAR_ZSTD,
            [
                skippable.clone(),
                zstd(a),
                skippable.clone(),
                zstd(b),
                skippable,
            ]
            .concat(),
        ),
        (TAR_XZ, xz(&[], tar)),
        (
            TAR_XZ,
            [
                xz(&["-C", "none"], a),
                vec![0; 8],
                xz(&["--block-size=500"], b),
            ]
            .concat(),
        ),
    ]
}

/// Layers plain, gzip, zstd and xz, in one piece or several, in a layout and in a docker-archive.
#[test]
fn layers_compressed_in_every_way() {
    let place = Place::new();
    let tars: Vec<_> = sample().layers.into_iter().map(|l| l.0).collect();
    for (kind, _) in stored(&tars[0]).iter().enumerate() {
        let mut image = OciImage::plain(&tars);
        for layer in &mut image.layers {
            (layer.1, layer.0) = stored(&layer.0).swap_remove(kind);
        }
        let dir = layout(&place, |dir| vec![image.write(dir)]);
        assert_eq!(shows_sample(&place, &dir), "", "{kind}");
        let archive = place.file("saved.tar", docker_archive(&image, &[]));
        assert_eq!(shows_sample(&place, &archive), "", "{kind}");
    }
}

/// The bytes decide, not the media type; a wrong one gives only a warning.
#[test]
fn a_media_type_that_lies_is_a_warning() {
    let types = [TAR, TAR_GZIP, TAR_ZSTD, TAR_XZ];
    for (bytes, _) in types.iter().zip(0..) {
        for claim in types.iter().filter(|claim| *claim != bytes) {
            let place = Place::new();
            let mut image = sample();
            let mut kinds = stored(&image.layers[0].0);
            kinds.retain(|(kind, _)| kind == bytes);
            image.layers[0].0 = kinds.remove(0).1;
            image.layers[0].1 = claim;
            let dir = layout(&place, |dir| vec![image.write(dir)]);
            let said = shows_sample(&place, &dir);
            assert_says(&said, &["media-type-mismatch", "layer 0"]);
            assert_eq!(said.lines().count(), 1, "{said}");
        }
    }
}

/// Docker's media types (distribution, manifest-v2-2.md) mean the same.
#[test]
fn docker_media_types() {
    let place = Place::new();
    let docker = |name: &str| format!("application/vnd.docker.{name}");
    let dir = layout(&place, |dir| {
        let image = sample();
        let blob = |bytes: &[u8], media_type: String| {
            let mut descriptor = write_blob(dir, bytes);
            descriptor["mediaType"] = media_type.into();
            descriptor
        };
        let rootfs = || docker("image.rootfs.diff.tar.gzip");
        let layers: Vec<_> = image
            .layers
            .iter()
            .map(|l| blob(&gzip(&l.0), rootfs()))
            .collect();
        let config = image.config().to_string();
        let config = blob(config.as_bytes(), docker("container.image.v1+json"));
        let kind = docker("distribution.manifest.v2+json");
        let manifest =
            json!({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers});
        let manifest = on_platform(blob(manifest.to_string().as_bytes(), kind), "amd64", None);
        let other = on_platform(image_of("arm64", "").write(dir), "arm64", None);
        let kind = docker("distribution.manifest.list.v2+json");
        let list = json!({"schemaVersion": 2, "mediaType": kind, "manifests": [other, manifest]});
        vec![blob(list.to_string().as_bytes(), kind)]
    });
    assert_eq!(place.mount(&["--platform=linux/amd64"], &dir), "");
    assert_eq!(place.text("etc/shadow"), "secret\n");
}

/// Digests may be sha512 (descriptor.md, "Registered Algorithms").
#[test]
fn sha512_digests() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let blobs = dir.join("blobs/sha512");
        fs::create_dir_all(&blobs).unwrap();
        let blob = |bytes: &[u8], media_type: &str| {
            let hash = sha2::Sha512::digest(bytes);
            let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
            fs::write(blobs.join(&hex), bytes).unwrap();
            json!({"digest": format!("sha512:{hex}"), "size": bytes.len(), "mediaType": media_type})
        };
        let image = sample();
        let layers: Vec<_> = image.layers.iter().map(|l| blob(&l.0, TAR)).collect();
        let config = image.config().to_string();
        let config = blob(
            config.as_bytes(),
            "application/vnd.oci.image.config.v1+json",
        );
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
        vec![blob(manifest.to_string().as_bytes(), MANIFEST)]
    });
    assert_eq!(shows_sample(&place, &dir), "");
}

/// The history line that made a layer, skipping lines with `empty_layer` (config.md). If the history has
/// the wrong length, nothing is certain: a warning, and `unknown`.
#[test]
fn history_lines() {
    let line = |by: &str, empty: bool| json!({"created_by": by, "empty_layer": empty});
    let fits = json!([line("ENV A=b", true), line("ADD base", false), line("USER x", true),
        line("ENV C=d", true), {"created_by": "COPY app"}, line("CMD", true)]);
    let short = json!([line("ADD base", false), line("CMD", true)]);
    for (history, lines) in [
        (fits, [Some("ADD base"), Some("COPY app")]),
        (short, [None, None]),
    ] {
        let place = Place::new();
        let image = sample();
        let mut config = image.config();
        config["history"] = history;
        let manifest = json!([{"Config": "c", "RepoTags": null, "Layers": ["0.tar", "1.tar"]}]);
        let archive = Layer::new()
            .file("manifest.json", manifest.to_string())
            .file("c", config.to_string())
            .file("0.tar", &image.layers[0].0)
            .file("1.tar", &image.layers[1].0);
        let said = place.mount(&[], place.file("saved.tar", archive.tar()));
        for (file, line) in ["etc/motd", "etc/shadow"].iter().zip(lines) {
            let value = xattr::get(place.mnt().join(file), "user.imgfs.created.by").unwrap();
            let line = line.unwrap_or("unknown");
            assert_eq!(value.as_deref(), Some(line.as_bytes()), "{file}");
        }
        assert_eq!(said.contains("history"), lines[0].is_none(), "{said}");
        assert_eq!(
            said.lines().count(),
            usize::from(lines[0].is_none()),
            "{said}"
        );
    }
}

/// The images that skopeo makes of the same layers, in each of its formats.
#[test]
fn as_skopeo_writes_them() {
    let place = Place::new();
    let image = OciImage::gzip(&sample().layers.into_iter().map(|l| l.0).collect::<Vec<_>>());
    let dir = layout(&place, |dir| vec![named(image.write(dir), "v1")]);
    for (transport, name) in [
        ("docker-archive", ":app:1"),
        ("oci-archive", ":v2"),
        ("oci", ":v2"),
        ("oci", ""),
    ] {
        let to = place.join(&format!("{transport}{}", name.len()));
        let mut copy = Command::new("skopeo");
        copy.args(["--insecure-policy", "copy", "--quiet"]);
        copy.arg(reference("oci", &dir, ":v1"))
            .arg(reference(transport, &to, name));
        support::run(&mut copy);
        assert_eq!(shows_sample(&place, &to), "", "{transport}{name}");
        shows_sample(&place, reference(transport, &to, name));
    }
}
