//! The facts that imgfs reads from a document, in the form that the Go program prints.

use std::collections::{BTreeMap, HashMap};

use oci_spec::image::{
    Descriptor, History, ImageConfiguration, ImageIndex, ImageManifest, MediaType,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::document::{Ambiguity, JsonError, read};

#[derive(Deserialize)]
struct Docker {
    config: Option<ContainerConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerConfig {
    healthcheck: Option<Healthcheck>,
    shell: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck {
    test: Option<Vec<String>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Archived {
    config: String,
    repo_tags: Vec<String>,
    layers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

type Facts = Result<(Value, Vec<Ambiguity>), JsonError>;

/// Reads a document of this kind and returns its facts.
pub(super) fn facts(kind: &str, bytes: &[u8]) -> Facts {
    match kind {
        "index" => of(bytes, of_index),
        "manifest" => of(bytes, of_manifest),
        "image" => of(bytes, of_image),
        "docker" => of(bytes, of_docker),
        "archive" => of(bytes, |archive: Vec<Archived>| json!(archive)),
        "marker" => of(bytes, |marker: Marker| json!(marker.image_layout_version)),
        "any" => of(bytes, |value| value),
        _ => panic!("{kind}"),
    }
}

fn of<T: for<'de> Deserialize<'de>>(bytes: &[u8], facts: impl Fn(T) -> Value) -> Facts {
    let document = read(bytes)?;
    Ok((facts(document.value), document.ambiguities))
}

fn text(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

fn media_type(media_type: &Option<MediaType>) -> &str {
    media_type.as_ref().map(AsRef::as_ref).unwrap_or_default()
}

fn list(list: &Option<Vec<String>>) -> &[String] {
    list.as_deref().unwrap_or_default()
}

fn sorted(list: &Option<Vec<String>>) -> Vec<String> {
    let mut list = list.clone().unwrap_or_default();
    list.sort();
    list
}

fn table(entries: &Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    entries.clone().unwrap_or_default().into_iter().collect()
}

fn of_descriptor(descriptor: &Descriptor) -> Value {
    let platform = descriptor.platform().as_ref().map(|platform| {
        json!({"architecture": platform.architecture().to_string(),
            "os": platform.os().to_string(), "variant": text(platform.variant())})
    });
    json!({"mediaType": descriptor.media_type().as_ref(), "digest": descriptor.digest().as_ref(),
        "size": descriptor.size(), "urls": list(descriptor.urls()),
        "annotations": table(descriptor.annotations()), "platform": platform,
        "artifactType": media_type(descriptor.artifact_type()), "data": text(descriptor.data())})
}

fn of_descriptors(descriptors: &[Descriptor]) -> Value {
    descriptors.iter().map(of_descriptor).collect()
}

fn of_index(index: ImageIndex) -> Value {
    json!({"schemaVersion": index.schema_version(), "mediaType": media_type(index.media_type()),
        "artifactType": media_type(index.artifact_type()),
        "manifests": of_descriptors(index.manifests()),
        "subject": index.subject().as_ref().map(of_descriptor),
        "annotations": table(index.annotations())})
}

fn of_manifest(manifest: ImageManifest) -> Value {
    json!({"schemaVersion": manifest.schema_version(),
        "mediaType": media_type(manifest.media_type()),
        "artifactType": media_type(manifest.artifact_type()),
        "config": of_descriptor(manifest.config()), "layers": of_descriptors(manifest.layers()),
        "subject": manifest.subject().as_ref().map(of_descriptor),
        "annotations": table(manifest.annotations())})
}

fn of_history(line: &History) -> Value {
    json!({"created": text(line.created()), "created_by": text(line.created_by()),
        "author": text(line.author()), "comment": text(line.comment()),
        "empty_layer": line.empty_layer().unwrap_or_default()})
}

fn of_image(image: ImageConfiguration) -> Value {
    let config = image.config().clone().unwrap_or_default();
    let history: Vec<_> = image.history().iter().flatten().map(of_history).collect();
    json!({"created": text(image.created()), "author": text(image.author()),
        "architecture": image.architecture().to_string(), "os": image.os().to_string(),
        "os.version": text(image.os_version()), "os.features": list(image.os_features()),
        "variant": text(image.variant()),
        "config": {"User": text(config.user()), "ExposedPorts": sorted(config.exposed_ports()),
            "Env": list(config.env()), "Entrypoint": list(config.entrypoint()),
            "Cmd": list(config.cmd()), "Volumes": sorted(config.volumes()),
            "WorkingDir": text(config.working_dir()), "Labels": table(config.labels()),
            "StopSignal": text(config.stop_signal())},
        "rootfs": {"type": image.rootfs().typ(), "diff_ids": image.rootfs().diff_ids()},
        "history": history})
}

fn of_docker(image: Docker) -> Value {
    let config = image.config.as_ref();
    let check = config.and_then(|config| config.healthcheck.as_ref());
    let test = check.map(|check| list(&check.test)).unwrap_or_default();
    let shell = config.map(|config| list(&config.shell)).unwrap_or_default();
    json!({"test": test, "shell": shell})
}
