//! `imgfs verify`, the program: intact images in every form, its output and its exit code. The expected
//! results come from sha256sum, zcat and skopeo, or from the way the image was made.

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support;
use crate::support::needs;
use crate::support::program::images::{docker_archive, layout, named, tar_layout};
use crate::support::program::{Place, assert_says, finish, output, start, stderr, str};
use crate::support::verify::*;
use crate::support::{Layer, TAR_GZIP, gzip, sha256, write_blob, xz};
use serde_json::{Value, json};

#[test]
fn an_index_with_an_attestation_is_sound_in_every_form() {
    if !needs::programs(&["xz"]) {
        return;
    }
    let place = Place::new();
    let dir = index_of_two(&place, &sound);
    let tar = tar_layout(&dir);
    let archive = place.file("app.tar", &tar);
    let gz = place.file("app.tar.gz", gzip(&tar));
    let zst = place.file("app.tar.zst", zstd::encode_all(tar.as_slice(), 1).unwrap());
    let xz = place.file("app.tar.xz", xz(&[], &tar));
    let before: Vec<_> = [&dir, &archive, &gz, &zst, &xz].map(|p| state(p)).into();
    let found = checks(&place, &dir);
    assert_eq!(bad(&found), [""; 0]);
    let kinds: Vec<String> = found
        .iter()
        .map(|c| format!("{}{}", c["kind"].as_str().unwrap(), c["number"]))
        .collect();
    let image = ["config", "layer0", "layer1", "layer2"];
    let mut expected = vec!["layout", "index", "index", "manifest"];
    expected.extend(image);
    expected.push("manifest");
    expected.extend(image);
    expected.extend(["attestation", "blob", "blob"]);
    let kinds: Vec<String> = kinds.iter().map(|k| k.replace("null", "")).collect();
    assert_eq!(kinds, expected);
    assert_eq!(found[4]["platform"], "linux/amd64");
    assert_eq!(found[10]["platform"], "linux/arm64");
    assert_eq!(found[4]["image"], "app");
    for archive in [&archive, &gz, &zst, &xz] {
        assert_eq!(checks(&place, archive), found, "{}", archive.display());
    }
    let words = format!("oci-archive:{}:app", str(&archive));
    assert_eq!(checks(&place, words), found);
    let mut piped = place.imgfs();
    piped.args(["verify", "--json", "-"]);
    piped.stdin(fs::File::open(&gz).unwrap());
    let piped = output(&mut piped);
    assert_code(&piped, 0);
    assert_eq!(stdout(&piped), stdout(&verify(&place, &["--json"], &dir)));
    let after: Vec<_> = [&dir, &archive, &gz, &zst, &xz].map(|p| state(p)).into();
    assert_eq!(before, after);
    // Nothing is stored in the cache either.
    assert_eq!(state(&place.join("cache")).len(), 1);
    assert_eq!(state(&place.join("state")).len(), 1);
}

#[test]
fn digests_are_those_of_sha256sum() {
    if !needs::programs(&["zstd"]) {
        return;
    }
    let place = Place::new();
    let dir = index_of_two(&place, &sound);
    let mut layers = 0;
    for check in checks(&place, &dir) {
        let name = check["name"].as_str().unwrap();
        let path = match name.strip_prefix("sha256:") {
            Some(_) => blob_path(&dir, name),
            None => dir.join(name),
        };
        let stored = oracle("sha256sum < \"$1\"", &path);
        assert_eq!(check["digest"], format!("sha256:{stored}"), "{check}");
        assert_eq!(check["size"], fs::metadata(&path).unwrap().len());
        if check["kind"] == "layer" {
            let cat = ["zcat", "zstd -dc", "cat"][check["number"].as_u64().unwrap() as usize];
            let raw = oracle(&format!("{cat} < \"$1\" | sha256sum"), &path);
            assert_eq!(check["diff_id"], format!("sha256:{raw}"), "{check}");
            layers += 1;
        }
    }
    assert_eq!(layers, 6);
}

/// skopeo's own archives, from the same layers.
#[test]
fn as_skopeo_writes_them() {
    if !needs::programs(&["skopeo"]) {
        return;
    }
    let place = Place::new();
    let mut image = image("amd64", "it");
    // Docker's manifests do not support zstd.
    image.layers[1].0 = gzip(&zstd::decode_all(image.layers[1].0.as_slice()).unwrap());
    image.layers[1].1 = TAR_GZIP;
    let dir = layout(&place, |dir| {
        vec![named(write_image(dir, &image, &sound), "it")]
    });
    for transport in ["oci", "oci-archive", "docker-archive"] {
        let target = format!("{transport}:{}:app:1", str(&place.join(transport)));
        let mut copy = Command::new("skopeo");
        copy.args([
            "copy",
            "--quiet",
            "--insecure-policy",
            "--override-os=linux",
        ]);
        copy.arg("--override-arch=amd64");
        support::run(copy.arg(format!("oci:{}:it", str(&dir))).arg(target));
        let found = checks(&place, place.join(transport));
        assert_eq!(bad(&found), [""; 0], "{transport}");
        assert_eq!(found.iter().filter(|c| c["kind"] == "layer").count(), 3);
        assert_eq!(
            names(&found, "unreferenced"),
            [""; 0],
            "{transport}: {found:#?}"
        );
    }
}

#[test]
fn what_nothing_refers_to_is_no_fault() {
    let place = Place::new();
    let dir = index_of_two(&place, &sound);
    let stray = write_blob(&dir, b"left over");
    fs::write(dir.join("README"), "hello").unwrap();
    fs::create_dir(dir.join("sub")).unwrap();
    fs::write(dir.join("sub/a\x1bb\n"), "").unwrap();
    symlink("/etc/passwd", dir.join("link")).unwrap();
    let found = checks(&place, &dir);
    let stray = format!("blobs/sha256/{}", &stray["digest"].as_str().unwrap()[7..]);
    assert_eq!(
        names(&found, "unreferenced"),
        ["README", &stray, "link", r"sub/a\x1bb\x0a"]
    );
    let text = stdout(&verify(&place, &[], &dir));
    let tail: Vec<&str> = text.lines().rev().take(2).collect();
    assert_eq!(
        tail,
        [
            &*format!("{}: ok (16 checked, 4 notes)", str(&dir)),
            "note\tfile\tsub/a\\x1bb\\x0a\t0\t-\tnothing refers to it"
        ]
    );
}

#[test]
fn text_in_a_pipe() {
    let place = Place::new();
    let dir = index_of_two(&place, &sound);
    fs::remove_file(blob_path(&dir, &layer(1))).unwrap();
    flip(&blob_path(&dir, &layer(2)), 700);
    let whole = verify(&place, &[], &dir);
    assert_code(&whole, 1);
    let text = stdout(&whole);
    let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split('\t').collect()).collect();
    assert_eq!(lines[0][..4], ["ok", "layout", "oci-layout", "30"]);
    let of_first = |what: &str| {
        let mut line = lines.iter().filter(|l| l.get(1) == Some(&what));
        line.next().unwrap().clone()
    };
    let base = image("amd64", "first").layers[0].0.len().to_string();
    assert_eq!(
        of_first("layer 0"),
        ["ok", "layer 0", &layer(0), &base, "app linux/amd64"]
    );
    assert_eq!(
        of_first("layer 1"),
        [
            "BAD",
            "layer 1",
            &layer(1),
            "-",
            "app linux/amd64",
            "missing-blob: it does not exist"
        ]
    );
    let mismatch = of_first("layer 2")[5].to_owned();
    let expected = format!("digest-mismatch: expected {}, found sha256:", layer(2));
    assert!(mismatch.starts_with(&expected), "{mismatch}");
    let last = text.lines().last().unwrap();
    assert_eq!(last, format!("{}: BAD (2 of 16 wrong)", str(&dir)));

    let quiet = stdout(&verify(&place, &["--quiet"], &dir));
    let only: Vec<&str> = text.lines().filter(|l| l.starts_with("BAD\t")).collect();
    assert_eq!(quiet.lines().collect::<Vec<_>>(), only);
    assert_eq!(only.len(), 3);
    let other = verify(&place, &["-q", "--platform=linux/arm64"], &dir);
    assert_code(&other, 0);
    assert_eq!(stdout(&other), "");
}

#[test]
fn a_platform_or_a_name_chooses() {
    let place = Place::new();
    let dir = index_of_two(&place, &sound);
    flip(&blob_path(&dir, &layer(2)), 700);
    let one = verify(&place, &["--json", "--platform=linux/arm64"], &dir);
    assert_code(&one, 0);
    let text = stdout(&one);
    assert_eq!(text.lines().count(), 8, "{text}");
    assert!(!text.contains("amd64") && !text.contains("unreferenced"));
    let other = verify(&place, &["--json", "--platform=linux/amd64"], &dir);
    assert_code(&other, 1);
    assert_says(&stdout(&other), &["attestation", "digest-mismatch"]);
    let none = verify(&place, &["--platform=linux/s390x"], &dir);
    assert_code(&none, 2);
    assert_says(
        &stderr(&none),
        &["linux/s390x", "\n  linux/amd64\n  linux/arm64"],
    );

    let place = Place::new();
    let dir = layout(&place, |dir| {
        let image = |arch, who| write_image(dir, &image(arch, who), &sound);
        let first = image("amd64", "first");
        vec![
            named(first.clone(), "one"),
            named(image("amd64", "second"), "two"),
            named(first, "again"),
        ]
    });
    flip(&blob_path(&dir, &layer(2)), 700);
    let of = |name: &str| verify(&place, &["--json"], format!("oci:{}:{name}", str(&dir)));
    assert_code(&of("two"), 0);
    for name in ["one", "again"] {
        assert_code(&of(name), 1);
        let lines = stdout(&of(name)).lines().count();
        assert_eq!(lines, 2 + 1 + 1 + 4, "{name}");
    }
    assert_code(&of("three"), 2);
    assert_says(
        &stderr(&of("three")),
        &["\"three\"", "\n  one\n  two\n  again"],
    );
    // Each entry is reported; content that several entries refer to is reported once.
    let all = checks(&place, &dir);
    let kind = |kind: &str| all.iter().filter(|c| c["kind"] == kind).count();
    assert_eq!((kind("manifest"), kind("config"), kind("index")), (3, 2, 1));
}

#[test]
fn it_could_not_look() {
    let place = Place::new();
    let missing = verify(&place, &[], place.join("missing"));
    assert_code(&missing, 2);
    assert_says(&stderr(&missing), &["missing", "No such file"]);
    let empty = verify(&place, &[], place.mnt());
    assert_code(&empty, 2);
    assert_says(&stderr(&empty), &["not a container image"]);
    let text = place.file("text", "hello, world\n".repeat(100));
    assert_code(&verify(&place, &[], text), 2);
    let dir = index_of_two(&place, &sound);
    let wrong = format!(
        "docker-archive:{}",
        str(&place.file("a.tar", tar_layout(&dir)))
    );
    assert_code(&verify(&place, &[], wrong), 2);
    assert_code(&verify(&place, &["--platform=nonsense"], dir), 2);
}

/// Writes an archive of docker 25: a layout, and a `manifest.json` that names the same blobs.
fn docker_25(place: &Place, hollow: bool) -> PathBuf {
    layout(place, |dir| {
        let image = image("amd64", "first");
        let tweak = |what: &str, value: &mut Value| {
            if what == "manifest" && hollow {
                value["layers"] = json!([]);
            }
        };
        let entry = write_image(dir, &image, &tweak);
        let path = |bytes: &[u8]| format!("blobs/sha256/{}", &sha256(bytes)[7..]);
        let layers: Vec<String> = image.layers.iter().map(|l| path(&l.0)).collect();
        let config = path(image.config().to_string().as_bytes());
        let manifest = json!([{"Config": config, "RepoTags": ["app:1"], "Layers": layers}]);
        fs::write(dir.join("manifest.json"), manifest.to_string()).unwrap();
        vec![entry]
    })
}

#[test]
fn an_archive_that_is_both_is_checked_both_ways() {
    for hollow in [false, true] {
        let place = Place::new();
        let dir = docker_25(&place, hollow);
        let archive = place.file("app.tar", tar_layout(&dir));
        let found = checks(&place, &archive);
        assert_eq!(bad(&found), [""; 0]);
        assert_eq!(names(&found, "unreferenced"), [""; 0]);
        let count = |kind: &str| found.iter().filter(|c| c["kind"] == kind).count();
        assert_eq!(count("config"), 2);
        assert_eq!(count("layer"), if hollow { 3 } else { 6 });
        flip(&blob_path(&dir, &layer(2)), 700);
        let archive = place.file("app.tar", tar_layout(&dir));
        let found = checks(&place, archive);
        let each = ["layer 2 digest-mismatch", "layer 2 diff-id-mismatch"];
        let expected = if hollow {
            each.to_vec()
        } else {
            each.repeat(2)
        };
        assert_eq!(bad(&found), expected);
    }
}

#[test]
fn a_docker_archive() {
    let place = Place::new();
    let image = image("amd64", "first");
    let sound = place.file("sound.tar", docker_archive(&image, &["app:1"]));
    let found = checks(&place, &sound);
    assert_eq!(bad(&found), [""; 0]);
    let layers: Vec<&Value> = found.iter().filter(|c| c["kind"] == "layer").collect();
    for (n, layer) in layers.iter().enumerate() {
        assert_eq!(layer["name"], format!("{n}/layer.tar"));
        assert_eq!(layer["diff_id"], image.layers[n].2);
        assert_eq!(layer["digest"], sha256(&image.layers[n].0));
    }
    assert_eq!(layers.len(), 3);

    let hex = |bytes: &[u8]| sha256(bytes)[7..].to_owned();
    let config = image.config().to_string();
    let right = format!("{}.json", hex(config.as_bytes()));
    let other = format!("{}.json", hex(b"another config"));
    let build = |name: &str, layers: &[&[u8]], config: &str| {
        let paths: Vec<String> = (0..3).map(|n| format!("{n}/layer.tar")).collect();
        let item = json!([{"Config": name, "RepoTags": null, "Layers": paths}]);
        let mut tar = Layer::new().file("manifest.json", item.to_string());
        tar = tar.file("repositories", "{}").file(name, config);
        for (path, bytes) in paths.iter().zip(layers) {
            let json = path.replace("layer.tar", "json");
            tar = tar.file(&json, "{}").file(path, bytes);
        }
        place.file("it.tar", tar.tar())
    };
    let layers: Vec<&[u8]> = image.layers.iter().map(|l| l.0.as_slice()).collect();
    let found = checks(&place, build(&right, &layers, &config));
    assert_eq!(
        (bad(&found), names(&found, "unreferenced")),
        (vec![], vec![])
    );
    let found = checks(&place, build(&other, &layers, &config));
    assert_eq!(bad(&found), ["config digest-mismatch"]);
    assert_eq!(problem(&found, "digest-mismatch")["name"], other);
    let found = checks(&place, build(&right, &layers[..2], &config));
    assert_eq!(bad(&found), ["layer 2 missing-blob"]);
    let swapped = [layers[0], layers[2], layers[1]];
    let found = checks(&place, build(&right, &swapped, &config));
    let each = ["layer 1 diff-id-mismatch", "layer 2 diff-id-mismatch"];
    assert_eq!(bad(&found), each);
    let mut flipped = layers[0].to_vec();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let found = checks(
        &place,
        build(&right, &[&flipped, layers[1], layers[2]], &config),
    );
    let found = bad(&found);
    assert!(
        found.len() == 1 && found[0].starts_with("layer 0 "),
        "{found:?}"
    );
    let mut one = image.config();
    one["rootfs"]["diff_ids"].as_array_mut().unwrap().pop();
    let found = checks(&place, build("config.json", &layers, &one.to_string()));
    assert_eq!(bad(&found), ["config layer-count-mismatch"]);
}

#[test]
fn who_stops_reading_is_no_error() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let one = write_image(dir, &image("amd64", "first"), &sound);
        vec![one; 20_000]
    });
    let mut command = place.imgfs();
    let mut child = start(command.arg("verify").arg(dir).stdout(Stdio::piped()));
    let mut first = [0; 3];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    assert_eq!(&first, b"ok\t");
    let output = finish(child);
    assert_code(&output, 0);
    assert_eq!(stderr(&output), "");
}
