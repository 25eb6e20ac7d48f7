//! Images that Docker, Podman and skopeo accept although they are unusual: without layers, without a
//! platform, next to signatures and charts, or in an archive of which one half is unusable. The fixtures
//! have the form of documents that BuildKit, cosign, Helm, oras and Docker write. skopeo confirms that
//! it accepts them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support;
use crate::support::program::images::{
    docker_archive, image_of, layout, named, on_platform, tar_layout,
};
use crate::support::program::{Place, assert_says, fail, output, str};
use crate::support::store::{images, imgfs, names, oci, run};
use crate::support::{INDEX, Layer, MANIFEST, OciImage, sha256, write_blob, write_index};
use serde_json::{Value, json};

const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Writes a manifest, and returns its descriptor.
fn manifest(dir: &Path, manifest: &Value) -> Value {
    let mut descriptor = write_blob(dir, manifest.to_string().as_bytes());
    descriptor["mediaType"] = MANIFEST.into();
    descriptor
}

/// Writes a blob with a media type, and returns its descriptor.
fn part(dir: &Path, media_type: &str, bytes: &[u8]) -> Value {
    let mut descriptor = write_blob(dir, bytes);
    descriptor["mediaType"] = media_type.into();
    descriptor
}

/// Writes an artifact: a config and one layer with these media types. Returns its descriptor.
fn artifact(dir: &Path, config: &str, layer: &str, more: &Value) -> Value {
    let mut document = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": part(dir, config, br#"{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}"#),
        "layers": [part(dir, layer, layer.as_bytes())],
    });
    for (key, value) in more.as_object().unwrap() {
        document[key] = value.clone();
    }
    manifest(dir, &document)
}

fn ls(place: &Place, image: &str) -> Output {
    output(place.imgfs().args(["ls", image]))
}

/// Runs `imgfs ls`, which must succeed, and returns its output.
#[track_caller]
fn listed(place: &Place, image: &str) -> String {
    let output = ls(place, image);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{image}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn skopeo_accepts(place: &Place, image: &str, to: &str) {
    let copy = output(place.command("skopeo").args(["copy", "-q", image, to]));
    let said = String::from_utf8_lossy(&copy.stderr).into_owned();
    assert!(copy.status.success(), "{image}: {said}");
}

/// Writes the image that BuildKit builds from `FROM scratch` alone, with `null` where Go has a nil
/// slice.
fn scratch(dir: &Path, layers: &Value, diff_ids: &Value, history: &Value) -> Value {
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history,
    });
    let config = part(dir, CONFIG, config.to_string().as_bytes());
    let document = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
    });
    manifest(dir, &document)
}

/// Returns an image without layers, in all formats.
fn images_without_layers(place: &Place) -> Vec<String> {
    let null = Value::Null;
    let mut all = Vec::new();
    for (n, (layers, diff_ids, history)) in [
        (&null, &null, &null),
        (&json!([]), &json!([]), &json!([])),
        (
            &json!([]),
            &null,
            &json!([{"created_by": "ENV A=b", "empty_layer": true}]),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let dir = place.join(&format!("scratch{n}"));
        let entry = scratch(&dir, layers, diff_ids, history);
        write_index(&dir, &[named(entry, "scratch:1")]);
        let archive = place.file(&format!("scratch{n}.tar"), tar_layout(&dir));
        // The archive that skopeo converts the image to is readable too.
        let docker = place.join(&format!("docker{n}.tar"));
        let from = format!("oci:{}:scratch:1", str(&dir));
        skopeo_accepts(
            place,
            &from,
            &format!("docker-archive:{}:scratch:1", str(&docker)),
        );
        all.extend([str(&dir), str(&archive), str(&docker)].map(str::to_owned));
    }
    let null = json!([{"Config": "config.json", "RepoTags": null, "Layers": null}]);
    let config = json!({"rootfs": {"type": "layers", "diff_ids": null}, "os": "linux", "architecture": "amd64"});
    let tar = Layer::new()
        .file("manifest.json", null.to_string())
        .file("config.json", config.to_string())
        .tar();
    all.push(str(&place.file("null.tar", &tar)).to_owned());
    all.push(str(&place.file("null.tar.gz", support::gzip(&tar))).to_owned());
    all
}

#[test]
fn an_image_without_layers_is_an_empty_tree_in_every_format() {
    let place = Place::new();
    for image in images_without_layers(&place) {
        assert_eq!(listed(&place, &image), "", "{image}");
        place.mount(&["--sidecars=off"], &image);
        let names = fs::read_dir(place.mnt()).unwrap();
        let names: Vec<_> = names.map(|e| e.unwrap().file_name()).collect();
        assert!(names.is_empty(), "{image}: {names:?}");
        place.umount();
        for args in [
            vec!["find", &image],
            vec!["history", &image],
            vec!["hidden", &image],
            vec!["check", &image],
            vec!["verify", &image],
            vec!["export", &image],
            vec!["diff", &image, &image],
        ] {
            let done = run(&place, &args);
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert_eq!(done.status.code(), Some(0), "{args:?}: {said}");
        }
    }
}

#[test]
fn an_image_without_layers_is_loaded_listed_mounted_and_saved() {
    let place = Place::new();
    let all = images_without_layers(&place);
    for image in &all {
        imgfs(&place, ["load", image, "--name", "empty:1"]);
        assert_eq!(listed(&place, "empty:1"), "", "{image}");
        assert_eq!(images(&place)[0]["layers"], 0, "{image}");
        place.mount(&[], "empty:1");
        place.umount();
        for format in ["oci-archive", "docker-archive"] {
            let saved = place.join("saved.tar");
            imgfs(
                &place,
                ["save", "--format", format, "-o", str(&saved), "empty:1"],
            );
            assert_eq!(listed(&place, str(&saved)), "", "{format}");
        }
        imgfs(&place, ["rm", "empty:1"]);
    }
    skopeo_accepts(
        &place,
        &format!("oci:{}:scratch:1", str(&place.join("scratch0"))),
        &format!("oci:{}:x", str(&place.join("copied"))),
    );
    assert_eq!(listed(&place, str(&place.join("copied"))), "");
}

#[test]
fn an_index_with_null_for_its_list_holds_no_image() {
    let place = Place::new();
    let dir = layout(&place, |_| Vec::new());
    for list in ["null", "[]"] {
        let index = format!(r#"{{"schemaVersion":2,"manifests":{list}}}"#);
        fs::write(dir.join("index.json"), index).unwrap();
        let said = fail(place.imgfs().args(["ls", str(&dir)]));
        assert_says(&said, &["refers to no manifest", "docker save"]);
        let said = fail(place.imgfs().args(["load", str(&dir)]));
        assert_says(&said, &["holds no image"]);
    }
}

/// Writes an archive in the format of Docker 25 and later: a layout and a `manifest.json` whose paths
/// are blobs.
fn docker_25(place: &Place, name: &str) -> PathBuf {
    let dir = place.join(name);
    let image = image_of("amd64", "me");
    let entry = image.write(&dir);
    write_index(&dir, &[named(entry, "app:1")]);
    let path = |bytes: &[u8]| format!("blobs/sha256/{}", &sha256(bytes)[7..]);
    let items = json!([{
        "Config": path(image.config().to_string().as_bytes()),
        "RepoTags": ["app:1"],
        "Layers": [path(&image.layers[0].0)],
    }]);
    fs::write(dir.join("manifest.json"), items.to_string()).unwrap();
    dir
}

#[test]
fn of_an_archive_of_both_kinds_the_usable_one_is_used_with_a_note() {
    let place = Place::new();
    let broken: [(&str, &str, &str); 4] = [
        (
            "index.json",
            "{",
            "manifest.json is used, because index.json cannot be",
        ),
        (
            "index.json",
            r#"{"schemaVersion":2,"manifests":[]}"#,
            "manifest.json is used",
        ),
        (
            "manifest.json",
            "[",
            "index.json is used, because manifest.json cannot be",
        ),
        ("manifest.json", r#"[{"Config":7}]"#, "index.json is used"),
    ];
    for (n, (document, bytes, note)) in broken.into_iter().enumerate() {
        let dir = docker_25(&place, &format!("both{n}"));
        fs::write(dir.join(document), bytes).unwrap();
        let archive = place.file(&format!("both{n}.tar"), tar_layout(&dir));
        let said = place.mount(&[], &archive);
        assert_eq!(place.text("who"), "me");
        assert_says(&said, &[note]);
        place.umount();
        imgfs(&place, ["load", str(&archive)]);
        assert_eq!(names(&place), ["app:1"], "{document}: {bytes}");
        imgfs(&place, ["rm", "app:1"]);
    }
    // A missing manifest of the layout is not fatal either.
    let dir = docker_25(&place, "gone");
    let index: Value = serde_json::from_slice(&fs::read(dir.join("index.json")).unwrap()).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    fs::remove_file(dir.join("blobs/sha256").join(&digest[7..])).unwrap();
    let archive = place.file("gone.tar", tar_layout(&dir));
    assert_says(&listed(&place, str(&archive)), &["who"]);
    // If both are unusable, the error of the layout is reported.
    for document in ["index.json", "manifest.json"] {
        fs::write(dir.join(document), "{").unwrap();
    }
    let archive = place.file("none.tar", tar_layout(&dir));
    let said = fail(place.imgfs().args(["ls", str(&archive)]));
    assert_says(&said, &["index.json", "cannot be parsed"]);
}

/// Returns artifacts that accompany an image: a signature and an attestation of cosign under their tags,
/// an SBOM and a referrer with a `subject`, an artifact of oras, a chart of Helm, and a blob that is not
/// a manifest.
fn companions(dir: &Path, image: &Value) -> Vec<Value> {
    let digest = image["digest"].as_str().unwrap();
    let tag = |suffix: &str| format!("{}.{suffix}", digest.replacen(':', "-", 1));
    let none = json!({});
    let subject = json!({"subject": image});
    let empty = "application/vnd.oci.empty.v1+json";
    let kind = |kind: &str| json!({"subject": image, "artifactType": kind});
    let signature = "application/vnd.dev.cosign.simplesigning.v1+json";
    let mut oras = artifact(
        dir,
        empty,
        "text/plain",
        &kind("application/vnd.example.note"),
    );
    oras["artifactType"] = "application/vnd.example.note".into();
    let helm = "application/vnd.cncf.helm.config.v1+json";
    let chart = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    vec![
        named(artifact(dir, CONFIG, signature, &none), &tag("sig")),
        named(
            artifact(dir, CONFIG, "application/vnd.dsse.envelope.v1+json", &none),
            &tag("att"),
        ),
        named(artifact(dir, CONFIG, "spdx+json", &subject), &tag("sbom")),
        oras,
        named(artifact(dir, helm, chart, &none), "chart:1.0"),
        part(dir, "application/xml", b"<a/>"),
    ]
}

#[test]
fn an_image_among_its_companions_is_chosen() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let image = named(image_of("amd64", "me").write(dir), "app:1");
        let mut entries = companions(dir, &image);
        entries.insert(3, image);
        entries
    });
    let archive = place.file("oci.tar", tar_layout(&dir));
    for image in [str(&dir), str(&archive)] {
        assert_says(&listed(&place, image), &["who"]);
        place.mount(&[], image);
        assert_eq!(place.text("who"), "me");
        place.umount();
        assert_eq!(run(&place, ["check", image]).status.code(), Some(0));
        place.mount(&["--platform=all"], image);
        assert_eq!(place.text("linux_amd64/who"), "me");
        place.umount();
    }
    // Without an image, the error names the artifacts in the layout.
    let dir = place.join("alone");
    let entries = companions(&dir, &image_of("amd64", "me").write(&dir));
    write_index(&dir, &entries);
    let said = fail(place.imgfs().args(["ls", str(&dir)]));
    assert_says(
        &said,
        &[
            "no image",
            "chart:1.0 is an artifact (application/vnd.cncf.helm",
        ],
    );
    let said = fail(
        place
            .imgfs()
            .args(["ls", &format!("oci:{}:chart:1.0", str(&dir))]),
    );
    assert_says(
        &said,
        &["artifact", "application/vnd.cncf.helm.config.v1+json"],
    );
}

#[test]
fn load_takes_every_image_and_names_what_it_skips() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let one = named(image_of("amd64", "one").write(dir), "one:1");
        let two = named(image_of("arm64", "two").write(dir), "two:1");
        let mut entries = companions(dir, &one);
        entries.insert(0, one);
        entries.push(two);
        entries
    });
    let done = run(&place, ["load", str(&dir)]);
    assert_eq!(done.status.code(), Some(0));
    assert_eq!(names(&place), ["one:1", "two:1"]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(said.lines().count(), 6, "{said}");
    assert_says(
        &said,
        &[
            "simplesigning",
            "dsse.envelope",
            "spdx",
            "skipped chart:1.0: it is an artifact (application/vnd.cncf.helm.config.v1+json)",
            "vnd.example.note",
            "application/xml",
        ],
    );
    // The list of choices has one entry per line, and no artifacts.
    let said = fail(place.imgfs().args(["ls", str(&dir)]));
    let choices: Vec<&str> = said.lines().filter(|l| l.starts_with("  ")).collect();
    let choice = |name: &str| format!("  oci:{}:{name}", str(&dir));
    assert_eq!(choices, [choice("one:1"), choice("two:1")]);
}

#[test]
fn load_goes_on_after_an_image_that_cannot_be_read() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let entry = |who: &str| named(image_of("amd64", who).write(dir), who);
        let (first, broken, last) = (entry("first:1"), entry("broken:1"), entry("last:1"));
        let digest = broken["digest"].as_str().unwrap();
        fs::write(dir.join("blobs/sha256").join(&digest[7..]), "{}").unwrap();
        vec![first, broken, last]
    });
    let done = run(&place, ["load", str(&dir)]);
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(names(&place), ["first:1", "last:1"]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_says(&said, &["does not match its digest"]);
    assert_eq!(said.lines().count(), 1, "{said}");
    // The same for a docker-archive: the config of its first image is missing.
    let place = Place::new();
    let items = json!([
        {"Config": "none.json", "RepoTags": ["broken:1"], "Layers": []},
        {"Config": "config.json", "RepoTags": ["last:1"], "Layers": ["0/layer.tar"]},
    ]);
    let mut image = docker_archive(&image_of("amd64", "last"), &["x:1"]);
    // If a file occurs twice, the last one is used.
    image.truncate(image.len() - 1024);
    image.extend(Layer::new().file("manifest.json", items.to_string()).tar());
    let archive = place.file("docker.tar", image);
    let done = run(&place, ["load", str(&archive)]);
    assert_eq!(done.status.code(), Some(1));
    assert_eq!(names(&place), ["last:1"]);
    assert_says(&String::from_utf8(done.stderr).unwrap(), &["none.json"]);
}

#[test]
fn load_refuses_an_image_that_no_mount_could_show() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let mut image = OciImage::plain(&[b"not a tar archive, whatever it is called".to_vec()]);
        image
            .layers
            .insert(0, (Layer::new().tar(), support::TAR, sha256(b"")));
        vec![named(image.write(dir), "app:1")]
    });
    let said = fail(place.imgfs().args(["load", str(&dir)]));
    assert_says(&said, &["layer 1 cannot be read"]);
    assert!(names(&place).is_empty());
}

/// Media types of layers that are not tar archives, and their first bytes.
const FORMATS: [(&str, &str); 3] = [
    ("application/vnd.stacker.image.layer.squashfs+zstd", "hsqs"),
    (
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "\u{1}\u{2}",
    ),
    ("application/vnd.oci.image.layer.nydus.blob.v1", "nydus"),
];

#[test]
fn a_layer_that_is_not_a_tar_is_named_by_its_media_type() {
    for (media_type, bytes) in FORMATS {
        let place = Place::new();
        let dir = layout(&place, |dir| {
            let mut image = OciImage::plain(&[Layer::new().file("a", "a").tar()]);
            image
                .layers
                .push((bytes.into(), media_type, sha256(bytes.as_bytes())));
            vec![named(image.write(dir), "app:1")]
        });
        let said = fail(place.imgfs().args(["ls", str(&dir)]));
        assert_says(&said, &["layer 1 is", media_type, "does not read"]);
        assert!(!said.contains("damaged"), "{said}");
        let said = fail(place.imgfs().args(["load", str(&dir)]));
        assert_says(&said, &["app:1", "does not read", media_type]);
        // All digests are correct, but the content cannot be shown.
        let done = run(&place, ["verify", str(&dir)]);
        assert_eq!(done.status.code(), Some(1));
        let said = String::from_utf8(done.stdout).unwrap();
        assert_says(&said, &["unknown-layer-format", media_type]);
    }
    // A missing foreign layer is also named.
    let place = Place::new();
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let dir = layout(&place, |dir| {
        let mut entry = json!({"mediaType": foreign, "size": 9, "urls": ["https://example.com/a"]});
        entry["digest"] = sha256(b"elsewhere").into();
        vec![scratch(
            dir,
            &json!([entry]),
            &json!([sha256(b"")]),
            &Value::Null,
        )]
    });
    let said = fail(place.imgfs().args(["ls", str(&dir)]));
    assert_says(&said, &["layer 0", foreign, "not in the image"]);
}

#[test]
fn a_digest_that_names_one_manifest_needs_no_platform() {
    let place = Place::new();
    let mut digests = Vec::new();
    let dir = layout(&place, |dir| {
        let arches = ["s390x", "riscv64", "arm64"];
        let entries: Vec<Value> = arches
            .iter()
            .map(|arch| on_platform(image_of(arch, arch).write(dir), arch, None))
            .collect();
        digests.extend(
            entries
                .iter()
                .map(|e| e["digest"].as_str().unwrap().to_owned()),
        );
        let index = |more: &str| {
            let index = json!({
                "schemaVersion": 2, "mediaType": INDEX, "manifests": entries,
                "annotations": {"more": more},
            });
            part(dir, INDEX, index.to_string().as_bytes())
        };
        // Both indexes list the same manifests.
        vec![named(index("a"), "a:1"), named(index("b"), "b:1")]
    });
    for (digest, arch) in digests.iter().zip(["s390x", "riscv64", "arm64"]) {
        let image = format!("oci:{}:{digest}", str(&dir));
        place.mount(&[], &image);
        assert_eq!(place.text("who"), arch);
        place.umount();
        imgfs(&place, ["load", &image, "--name", arch]);
        assert_eq!(listed(&place, arch).lines().count(), 1);
    }
    // An image for another platform is not used instead of the requested one.
    let image = format!("oci:{}:{}", str(&dir), digests[0]);
    let said = fail(place.imgfs().args(["ls", "--platform=linux/arm64", &image]));
    assert_says(&said, &["linux/arm64", "linux/s390x"]);
}

#[test]
fn two_names_of_one_manifest_are_one_image() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let entry = image_of("amd64", "me").write(dir);
        vec![named(entry.clone(), "app:1"), named(entry, "app:latest")]
    });
    assert_says(&listed(&place, str(&dir)), &["who"]);
    imgfs(&place, ["load", str(&dir)]);
    assert_eq!(names(&place), ["app:1", "app:latest"]);
}

#[test]
fn images_shows_no_zero_time_and_no_empty_platform() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let tar = Layer::new().file("a", "a").tar();
        let image = OciImage::plain(&[tar]);
        let mut config = image.config();
        config["created"] = "0001-01-01T00:00:00Z".into();
        config["os"] = "".into();
        config["architecture"] = "".into();
        config["history"][0]["created"] = "0001-01-01T00:00:00Z".into();
        vec![named(image.write_with(dir, &config), "old:1")]
    });
    skopeo_accepts(
        &place,
        &format!("oci:{}:old:1", str(&dir)),
        &format!("oci:{}:x", str(&place.join("copied"))),
    );
    imgfs(&place, ["load", str(&dir)]);
    let table = imgfs(&place, ["images"]);
    assert!(!table.contains("0001") && !table.contains(" /"), "{table}");
    let row = &images(&place)[0];
    assert_eq!(
        (&row["platforms"], &row["created"]),
        (&json!([]), &Value::Null)
    );
    assert_eq!(listed(&place, "old:1"), "a\n");
    assert!(!imgfs(&place, ["history", "old:1"]).contains("0001"));
    // An image without a declared platform is compatible with any platform.
    imgfs(&place, ["ls", "--platform=linux/arm64", "old:1"]);
}

#[test]
fn an_image_with_a_bad_config_is_one_note() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        vec![named(image_of("amd64", "me").write(dir), "good:1")]
    });
    imgfs(&place, ["load", str(&dir)]);
    let config = place.join("bad");
    let image = image_of("amd64", "bad");
    let mut bad = image.config();
    bad["rootfs"]["diff_ids"] = json!(["sha256:12"]);
    write_index(&config, &[named(image.write_with(&config, &bad), "bad:1")]);
    // skopeo copies it into the store without checking the content of the config.
    skopeo_accepts(
        &place,
        &format!("oci:{}:bad:1", str(&config)),
        &oci(&place, "bad:1"),
    );
    let done = run(&place, ["images"]);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_says(&said, &["bad:1", "bad diff_id"]);
    let table = String::from_utf8(done.stdout).unwrap();
    assert_says(&table, &["good:1", "linux/amd64", "bad:1", "broken"]);
}
