//! Results of `imgfs verify` for damaged images: each damage is reported for the object that has it and
//! for nothing else; and malicious documents and layers give a clear error.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support;
use crate::support::program::images::{docker_archive, layout, on_platform, tar_layout};
use crate::support::program::{Place, output};
use crate::support::verify::*;
use crate::support::{
    INDEX, Layer, MANIFEST, OciImage, TAR, TAR_GZIP, TAR_ZSTD, gzip, sha256, write_blob,
};
use serde_json::{Value, json};

#[test]
fn one_flipped_byte() {
    // In the stored data of a plain tar only the digests detect it.
    let flipped = |dir: &Path| flip(&blob_path(dir, &layer(2)), 700);
    let expected = ["layer 2 digest-mismatch", "layer 2 diff-id-mismatch"];
    let found = damaged(&sound, flipped, &expected);
    let line = problem(&found, "digest-mismatch");
    assert_eq!(line["name"], layer(2));
    assert_eq!(line["expected"], layer(2));
    let mut bytes = image("amd64", "first").layers[2].0.clone();
    bytes[700] ^= 1;
    assert_eq!(line["found"], sha256(&bytes));
    assert_eq!(line["platform"], "linux/amd64");

    // In a zstd frame the decoder may detect it too, with varying errors.
    let place = Place::new();
    let dir = index_of_two(&place, &sound);
    flip(&blob_path(&dir, &layer(1)), 30);
    let found = checks(&place, &dir);
    assert_eq!(problem(&found, "digest-mismatch")["name"], layer(1));
    assert!(bad(&found).iter().all(|b| b.starts_with("layer 1 ")));

    // A shared layer is wrong in both images.
    let place = Place::new();
    let dir = index_of_two(&place, &sound);
    flip(&blob_path(&dir, &layer(0)), 5000);
    let found = checks(&place, &dir);
    let wrong = found.iter().filter(|c| c["problem"] == "digest-mismatch");
    let platforms: Vec<&Value> = wrong.map(|c| &c["platform"]).collect();
    assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
}

#[test]
fn a_config_of_another_image() {
    let tweak = |what: &str, value: &mut Value| {
        if what == "config" {
            *value = image("amd64", "another").config();
            // Its lowest layer also differs.
            value["rootfs"]["diff_ids"][0] = sha256(b"another base").into();
        }
    };
    let place = Place::new();
    let dir = index_of_two(&place, &tweak);
    let found = checks(&place, &dir);
    assert_eq!(
        bad(&found),
        [
            "config config-mismatch",
            "layer 0 diff-id-mismatch",
            "layer 1 diff-id-mismatch",
            "layer 2 diff-id-mismatch"
        ]
    );
    assert_eq!(
        problem(&found, "config-mismatch")["platform"],
        "linux/amd64"
    );

    // With fewer layers, and for another platform.
    let tweak = |what: &str, value: &mut Value| {
        if what == "config" {
            let mut other = image("s390x", "another");
            other.layers.truncate(2);
            *value = other.config();
        }
    };
    let place = Place::new();
    let found = checks(&place, index_of_two(&place, &tweak));
    assert_eq!(
        bad(&found),
        [
            "manifest platform-mismatch",
            "config layer-count-mismatch",
            "config history-mismatch",
            "layer 1 diff-id-mismatch"
        ]
    );
}

#[test]
fn a_wrong_diff_id() {
    let tweak = |what: &str, value: &mut Value| {
        if what == "config" {
            value["rootfs"]["diff_ids"][1] = sha256(b"something else").into();
        }
    };
    let found = damaged(&tweak, |_| (), &["layer 1 diff-id-mismatch"]);
    let line = problem(&found, "diff-id-mismatch");
    assert_eq!(line["name"], layer(1));
    assert_eq!(line["expected"], sha256(b"something else"));
    assert_eq!(line["found"], image("amd64", "first").layers[1].2);
}

#[test]
fn a_wrong_size() {
    let size = image("amd64", "first").layers[1].0.len();
    let tweak = |what: &str, value: &mut Value| {
        if what == "manifest" {
            value["layers"][1]["size"] = (size + 1).into();
        }
    };
    let found = damaged(&tweak, |_| (), &["layer 1 size-mismatch"]);
    let line = problem(&found, "size-mismatch");
    assert_eq!(line["name"], layer(1));
    assert_eq!(line["expected"], (size + 1).to_string());
    assert_eq!(line["found"], size.to_string());
    // No file is that long.
    let tweak = |what: &str, value: &mut Value| match what {
        "manifest" => value["config"]["size"] = i64::MAX.into(),
        "entry" => value["size"] = 0.into(),
        _ => (),
    };
    damaged(
        &tweak,
        |_| (),
        &["manifest size-mismatch", "config size-mismatch"],
    );
}

#[test]
fn a_missing_blob() {
    let remove = |dir: &Path| fs::remove_file(blob_path(dir, &layer(1))).unwrap();
    let found = damaged(&sound, remove, &["layer 1 missing-blob"]);
    assert_eq!(problem(&found, "missing-blob")["name"], layer(1));
    // Without its config a layer can only be checked against its own digest.
    let remove = |dir: &Path| {
        let config = image("amd64", "first").config().to_string();
        fs::remove_file(blob_path(dir, &sha256(config.as_bytes()))).unwrap();
    };
    let found = damaged(&sound, remove, &["config missing-blob"]);
    let layers = found.iter().filter(|c| c["kind"] == "layer");
    assert!(layers.clone().all(|c| c["status"] == "ok"));
    assert_eq!(layers.filter(|c| c["diff_id"].is_null()).count(), 3);
}

#[test]
fn an_index_entry_whose_platform_lies() {
    for (claimed, agrees) in [
        (json!({"os": "linux", "architecture": "s390x"}), false),
        (json!({"os": "windows", "architecture": "amd64"}), false),
        (
            json!({"os": "linux", "architecture": "amd64", "variant": "v2"}),
            true,
        ),
    ] {
        let tweak = |what: &str, value: &mut Value| {
            if what == "entry" {
                value["platform"] = claimed.clone();
            }
        };
        let expected: &[&str] = match agrees {
            true => &[],
            false => &["manifest platform-mismatch"],
        };
        let found = damaged(&tweak, |_| (), expected);
        if !agrees {
            let line = problem(&found, "platform-mismatch");
            assert_eq!(line["expected"], "linux/amd64");
            let (os, arch) = (&claimed["os"], &claimed["architecture"]);
            let claimed = format!("{}/{}", os.as_str().unwrap(), arch.as_str().unwrap());
            assert_eq!(line["found"], claimed);
        }
    }
    let variants = |what: &str, value: &mut Value| match what {
        "config" => value["variant"] = "v6".into(),
        "entry" => value["platform"]["variant"] = "v7".into(),
        _ => (),
    };
    damaged(&variants, |_| (), &["manifest platform-mismatch"]);
}

#[test]
fn what_documents_say_of_each_other() {
    let media_type = |what: &str, value: &mut Value| {
        if what == "manifest" {
            value["layers"][1]["mediaType"] = TAR_GZIP.into();
            value["layers"][2]["mediaType"] = TAR_ZSTD.into();
        }
    };
    let expected = ["layer 1 media-type-mismatch", "layer 2 media-type-mismatch"];
    let found = damaged(&media_type, |_| (), &expected);
    let line = found.iter().find(|c| c["number"] == 1).unwrap();
    assert_eq!(
        (&line["expected"], &line["found"]),
        (&"gzip".into(), &"zstd".into())
    );
    let own = |what: &str, value: &mut Value| {
        if what == "manifest" {
            value["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json".into();
        }
    };
    damaged(&own, |_| (), &["manifest media-type-mismatch"]);
    let history = |what: &str, value: &mut Value| {
        if what == "config" {
            value["history"][1]["empty_layer"] = true.into();
        }
    };
    damaged(&history, |_| (), &["config history-mismatch"]);
    let none = |what: &str, value: &mut Value| {
        if what == "config" {
            value.as_object_mut().unwrap().remove("history");
        }
    };
    damaged(&none, |_| (), &[]);
    let copy = |what: &str, value: &mut Value| {
        if what == "manifest" {
            value["config"]["data"] = "e30=".into();
        }
    };
    damaged(&copy, |_| (), &["config data-mismatch"]);
    let schema = |what: &str, value: &mut Value| {
        if what == "manifest" {
            value["schemaVersion"] = 1.into();
        }
    };
    damaged(&schema, |_| (), &["manifest bad-document"]);
}

#[test]
fn the_layout_itself() {
    let version = |dir: &Path| {
        fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    };
    damaged(&sound, version, &["layout bad-document"]);
    let missing = |dir: &Path| fs::remove_file(dir.join("oci-layout")).unwrap();
    damaged(&sound, missing, &["layout missing-file"]);

    let place = Place::new();
    let dir = index_of_two(&place, &sound);
    fs::remove_file(dir.join("index.json")).unwrap();
    let found = checks(&place, &dir);
    assert_eq!(bad(&found), ["index missing-file"]);
    fs::write(dir.join("index.json"), "{").unwrap();
    let found = checks(&place, &dir);
    assert_eq!(bad(&found), ["index bad-document"]);
    assert_eq!(names(&found, "unreferenced").len(), 13);
}

#[test]
fn an_archive_that_is_cut_off_is_looked_at_as_far_as_it_goes() {
    let place = Place::new();
    let dir = index_of_two(&place, &sound);
    let tar = tar_layout(&dir);
    // The largest blob comes last.
    let cut = place.file("cut.tar", &tar[..tar.len() - 5000]);
    let found = checks(&place, &cut);
    let found = bad(&found);
    assert_eq!(found[0], "archive damaged-archive");
    assert!(
        found[1..].iter().all(|b| b.starts_with("layer 0 ")),
        "{found:?}"
    );
    assert!(found.contains(&"layer 0 size-mismatch".to_owned()));
    assert!(found.contains(&"layer 0 undecodable".to_owned()));
    let gz = gzip(&tar);
    for damaged in [gz[..gz.len() - 100].to_vec(), {
        let mut gz = gz.clone();
        let middle = gz.len() / 2;
        gz[middle] ^= 4;
        gz
    }] {
        let found = checks(&place, place.file("cut.tar.gz", damaged));
        assert_eq!(bad(&found), ["archive damaged-archive"]);
    }
}

/// A reader that uses the first of two sees another image.
#[test]
fn a_file_that_is_there_twice() {
    let place = Place::new();
    let image = image("amd64", "first");
    let mut tar = docker_archive(&image, &["app:1"]);
    // Two zero blocks end the archive.
    tar.truncate(tar.len() - 1024);
    let more = Layer::new().file("./manifest.json", "[]").tar();
    tar.extend(more);
    let found = checks(&place, place.file("twice.tar", &tar));
    assert_eq!(bad(&found), ["file duplicate-file"]);
    assert_eq!(problem(&found, "duplicate-file")["name"], "manifest.json");
    let packed = checks(&place, place.file("twice.tar.gz", gzip(&tar)));
    assert_eq!(packed, found);
}

#[test]
fn what_is_there_instead_of_a_blob() {
    let replace = |make: &dyn Fn(&Path)| {
        let place = Place::new();
        let dir = index_of_two(&place, &sound);
        let path = blob_path(&dir, &layer(1));
        fs::rename(&path, place.join("outside")).unwrap();
        make(&path);
        let found = checks(&place, &dir);
        assert_eq!(names(&found, "unreferenced"), [""; 0]);
        bad(&found).join(", ")
    };
    let pipe = |path: &Path| {
        support::run(Command::new("mkfifo").arg(path));
    };
    assert_eq!(replace(&pipe), "layer 1 not-a-file");
    let is_dir = |path: &Path| fs::create_dir(path).unwrap();
    assert_eq!(replace(&is_dir), "layer 1 not-a-file");
    // The same bytes, but outside the image.
    let leads_out = |path: &Path| symlink("../../../outside", path).unwrap();
    assert_eq!(replace(&leads_out), "layer 1 not-a-file");
    let dangling = |path: &Path| symlink("nowhere", path).unwrap();
    assert_eq!(replace(&dangling), "layer 1 not-a-file");
    let circle = |path: &Path| symlink(path.file_name().unwrap(), path).unwrap();
    assert_eq!(replace(&circle), "layer 1 unreadable");
    let inside = |path: &Path| {
        let stored = path.with_file_name("stored");
        fs::copy(path.ancestors().nth(4).unwrap().join("outside"), &stored).unwrap();
        symlink("stored", path).unwrap();
    };
    assert_eq!(replace(&inside), "");
}

/// Writes another index in place of `index.json`.
fn of_entries(place: &Place, entries: &[Value]) -> PathBuf {
    layout(place, |_| entries.to_vec())
}

fn entry(media_type: &str, digest: &str, size: u64) -> Value {
    json!({"mediaType": media_type, "digest": digest, "size": size})
}

#[test]
fn documents_that_mean_harm() {
    // An index in a file that has the name of the blob that it refers to.
    let place = Place::new();
    let itself = sha256(b"no index hashes to what it holds");
    let dir = of_entries(&place, &[entry(INDEX, &itself, 1)]);
    let index = json!({"schemaVersion": 2, "manifests": [entry(INDEX, &itself, 1)]});
    fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
    fs::write(blob_path(&dir, &itself), index.to_string()).unwrap();
    let found = checks(&place, &dir);
    let each = ["index size-mismatch", "index digest-mismatch"];
    assert_eq!(bad(&found), each.repeat(2));

    // Many entries, for one manifest and for none.
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let one = write_image(dir, &image("amd64", "first"), &sound);
        let missing = |n: u32| entry(MANIFEST, &sha256(&n.to_le_bytes()), 1);
        let mut entries = vec![one; 10_000];
        entries.extend((0..10_000).map(missing));
        entries
    });
    let found = checks(&place, &dir);
    assert_eq!(found.len(), 2 + 20_000 + 4);
    let missing = bad(&found);
    assert!(missing.iter().all(|b| b == "manifest missing-blob"));
    assert_eq!(missing.len(), 10_000);

    // More entries than are followed.
    let place = Place::new();
    let entries = vec![entry("", "a:b", 0); 300_001];
    let found = checks(&place, of_entries(&place, &entries));
    assert_eq!(bad(&found), ["index too-much"]);

    // Nested indexes, deeper than in any real image.
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let mut inner = write_image(dir, &image("amd64", "first"), &sound);
        for _ in 0..50 {
            let index = json!({"schemaVersion": 2, "manifests": [inner]});
            inner = write_blob(dir, index.to_string().as_bytes());
            inner["mediaType"] = INDEX.into();
        }
        vec![inner]
    });
    assert_eq!(bad(&checks(&place, dir)), ["index too-much"]);

    // Malformed digests, and names that would lead out of the image if they were used as digests.
    let place = Place::new();
    let entries = [
        entry(MANIFEST, "md5:d41d8cd98f00b204e9800998ecf8427e", 0),
        entry(INDEX, &itself.to_uppercase().replace("SHA", "sha"), 0),
        entry("application/unheard-of", "multihash:Qm", 0),
    ];
    let found = checks(&place, of_entries(&place, &entries));
    assert!(
        bad(&found)
            .iter()
            .all(|b| b.ends_with("bad-digest") || b.ends_with("bad-document")),
        "{found:#?}"
    );
    let place = Place::new();
    let entries = [entry(MANIFEST, "sha256:../../../../etc/passwd", 0)];
    let found = checks(&place, of_entries(&place, &entries));
    assert!(!bad(&found).is_empty());

    // Documents that are not valid.
    for bytes in [
        b"".as_slice(),
        b"[]",
        b"\xff\xfe",
        &b"[".repeat(100_000),
        br#"{"schemaVersion":2,"config":{},"layers":[]}"#,
    ] {
        let place = Place::new();
        let dir = layout(&place, |dir| {
            let mut blob = write_blob(dir, bytes);
            blob["mediaType"] = MANIFEST.into();
            vec![blob]
        });
        assert_eq!(bad(&checks(&place, dir)), ["manifest bad-document"]);
    }
    // A document that is too long, and consists of a hole.
    let place = Place::new();
    let dir = of_entries(&place, &[entry(MANIFEST, &itself, 64 << 20)]);
    fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
    let hole = fs::File::create(blob_path(&dir, &itself)).unwrap();
    hole.set_len(64 << 20).unwrap();
    assert_eq!(
        bad(&checks(&place, dir)),
        ["manifest bad-document", "manifest digest-mismatch"]
    );
}

#[test]
fn layers_that_mean_harm() {
    // Truncated: the digest is right, since the image was built like this.
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let mut image = image("amd64", "first");
        let half = image.layers[0].0.len() / 2;
        image.layers[0].0.truncate(half);
        vec![write_image(dir, &image, &sound)]
    });
    let found = checks(&place, &dir);
    assert_eq!(bad(&found), ["layer 0 undecodable"]);
    let detail = problem(&found, "undecodable")["detail"].as_str().unwrap();
    assert!(detail.contains("cut off"), "{detail}");

    // A decompression bomb: 1 GiB of zeros in a few megabytes. It is read to its end, with little
    // memory.
    let place = Place::new();
    let zeros = gzip(&vec![0; 64 << 20]);
    let bomb = zeros.repeat(16);
    let diff_id = {
        let mut sum = Command::new("sh");
        sum.args(["-c", "head -c 1073741824 /dev/zero | sha256sum"]);
        let text = String::from_utf8(support::run(&mut sum).stdout).unwrap();
        format!("sha256:{}", &text[..64])
    };
    let mut image = OciImage::plain(&[]);
    image.layers = vec![(bomb, TAR_GZIP, diff_id)];
    let dir = layout(&place, |dir| vec![write_image(dir, &image, &sound)]);
    let mut limited = place.command("sh");
    limited.args(["-c", "ulimit -v 600000; exec \"$@\"", "sh"]);
    limited.arg(env!("CARGO_BIN_EXE_imgfs")).arg("verify");
    assert_code(&output(limited.arg(&dir)), 0);

    // Content that no image format allows.
    let place = Place::new();
    let mut image = OciImage::plain(&[b"BZh91AY&SY".to_vec()]);
    image.layers[0].1 = TAR;
    let dir = layout(&place, |dir| vec![write_image(dir, &image, &sound)]);
    let found = checks(&place, &dir);
    assert_eq!(
        bad(&found),
        ["layer 0 media-type-mismatch", "layer 0 undecodable"]
    );
}

#[test]
fn what_may_be_missing_and_what_is_no_image() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let foreign = |what: &str, value: &mut Value| {
            if what == "manifest" {
                value["layers"][2]["urls"] = json!(["https://example.com/layer"]);
                value["subject"] = entry(MANIFEST, &sha256(b"not here"), 8);
            }
        };
        let first = write_image(dir, &image("amd64", "first"), &foreign);
        // A signature as cosign stores it: its config is not that of an image.
        let mut payload = write_blob(dir, b"payload");
        payload["mediaType"] = "application/vnd.dev.cosign.simplesigning.v1+json".into();
        let mut empty = write_blob(dir, b"{}");
        empty["mediaType"] = "application/vnd.oci.empty.v1+json".into();
        let manifest = json!({
            "schemaVersion": 2, "config": empty, "layers": [payload], "subject": first,
        });
        let mut signature = write_blob(dir, manifest.to_string().as_bytes());
        signature["mediaType"] = MANIFEST.into();
        vec![on_platform(first, "amd64", None), signature]
    });
    fs::remove_file(blob_path(&dir, &layer(2))).unwrap();
    let found = checks(&place, &dir);
    assert_eq!(bad(&found), [""; 0], "{found:#?}");
    assert_eq!(names(&found, "absent").len(), 2, "{found:#?}");
    let payload = sha256(b"payload");
    let payload = found.iter().find(|c| c["name"] == *payload).unwrap();
    assert_eq!(
        (&payload["kind"], &payload["status"]),
        (&"blob".into(), &"ok".into())
    );
    // It is still checked.
    flip(&blob_path(&dir, payload["name"].as_str().unwrap()), 0);
    assert_eq!(bad(&checks(&place, &dir)), ["blob digest-mismatch"]);
}
