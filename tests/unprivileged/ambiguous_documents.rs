//! The finding `ambiguous-archive` for documents: JSON that Go and other readers interpret differently,
//! and archives with two files of the same name. The output of ordinary tools is never ambiguous.

use std::path::{Path, PathBuf};

use crate::support::program::images::{docker_archive, image_of, tar_layout};
use crate::support::program::{Place, output, stderr};
use crate::support::{Layer, MANIFEST, OciImage, gzip, write_blob, write_index};
use serde_json::{Value, json};

/// Returns the details of all findings `ambiguous-archive`.
#[track_caller]
fn ambiguities(place: &Place, image: &Path) -> Vec<String> {
    let done = output(place.imgfs().args(["check", "--format", "json"]).arg(image));
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let text = String::from_utf8(done.stdout).unwrap();
    let report: Value = serde_json::from_str(&text).unwrap();
    let mut details = Vec::new();
    let mut pending = vec![&report];
    while let Some(value) = pending.pop() {
        if value["id"] == "ambiguous-archive" {
            assert_eq!(value["level"], "warn", "{value}");
            details.push(value["detail"].as_str().unwrap().to_owned());
        }
        pending.extend(value.as_array().into_iter().flatten());
        pending.extend(value.as_object().into_iter().flat_map(|o| o.values()));
    }
    details
}

/// Writes a layout whose manifest and config were modified as text.
fn changed(
    place: &Place,
    manifest: impl Fn(&str) -> String,
    config: impl Fn(&str) -> String,
) -> PathBuf {
    let dir = place.join("layout");
    let image = image_of("amd64", "me");
    let document = config(&image.config().to_string());
    let mut parts = write_blob(&dir, document.as_bytes());
    parts["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
    let mut layer = write_blob(&dir, &image.layers[0].0);
    layer["mediaType"] = image.layers[0].1.into();
    let document = json!({"schemaVersion": 2, "config": parts, "layers": [layer]});
    let mut entry = write_blob(&dir, manifest(&document.to_string()).as_bytes());
    entry["mediaType"] = MANIFEST.into();
    write_index(&dir, &[entry]);
    dir
}

#[test]
fn a_manifest_with_two_lists_of_layers_is_ambiguous() {
    let place = Place::new();
    let twice = |text: &str| format!(r#"{{"layers":[],{}"#, &text[1..]);
    let dir = changed(&place, twice, str::to_owned);
    let found = ambiguities(&place, &dir);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("manifest sha256:") && found[0].contains("layers: "),
        "{found:?}"
    );
}

#[test]
fn a_config_with_a_name_in_another_case_is_ambiguous() {
    let place = Place::new();
    let folded = |text: &str| text.replace(r#""architecture""#, r#""Architecture""#);
    let dir = changed(&place, str::to_owned, folded);
    let found = ambiguities(&place, &dir);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("config sha256:") && found[0].contains(r#""Architecture""#),
        "{found:?}"
    );
}

#[test]
fn an_index_with_a_name_twice_is_ambiguous() {
    let place = Place::new();
    let dir = changed(&place, str::to_owned, str::to_owned);
    let index = std::fs::read_to_string(dir.join("index.json")).unwrap();
    let twice = format!(r#"{{"manifests":[],{}"#, &index[1..]);
    std::fs::write(dir.join("index.json"), twice).unwrap();
    let found = ambiguities(&place, &dir);
    assert!(found[0].starts_with("index.json: manifests"), "{found:?}");
}

#[test]
fn an_archive_with_two_manifests_is_ambiguous_on_every_mount() {
    let place = Place::new();
    let mut archive = docker_archive(&image_of("amd64", "me"), &["app:1"]);
    let other =
        json!([{"Config": "config.json", "RepoTags": ["app:1"], "Layers": ["0/layer.tar"]}]);
    archive.truncate(archive.len() - 1024);
    archive.extend(Layer::new().file("manifest.json", other.to_string()).tar());
    let plain = place.file("plain.tar", &archive);
    let compressed = place.file("image.tar.gz", gzip(&archive));
    for image in [&plain, &compressed, &compressed] {
        let found = ambiguities(&place, image);
        let twice = "manifest.json is in the archive more than once; the last one was read";
        assert_eq!(found, [twice], "{}", image.display());
    }
}

#[test]
fn ordinary_documents_are_not_ambiguous() {
    let place = Place::new();
    // Unknown members, nulls, and a name twice with the same value.
    let more = |text: &str| {
        format!(
            r#"{{"schemaVersion":2,"annotations":null,"more":{{"a":1,"a":2}},{}"#,
            &text[1..]
        )
    };
    let history = |text: &str| text.replace(r#""config":{}"#, r#""config":null"#);
    let dir = changed(&place, more, history);
    assert_eq!(ambiguities(&place, &dir), [""; 0]);
    let image = OciImage::gzip(&[Layer::new().file("a", "a").tar()]);
    let archive = place.file("docker.tar", docker_archive(&image, &["app:1"]));
    assert_eq!(ambiguities(&place, &archive), [""; 0]);
    let archive = place.file("oci.tar", tar_layout(&dir));
    assert_eq!(ambiguities(&place, &archive), [""; 0]);
}
