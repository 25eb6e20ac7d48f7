//! Images with Docker's documents (schema 2) in the store. imgfs shows the original, while skopeo, umoci
//! and podman find the same image under OCI media types.

use std::fs;
use std::process::Command;

use crate::support;
use crate::support::program::images::{image_of, layout, on_platform};
use crate::support::program::{Place, assert_says, output, stderr, str};
use crate::support::registry::Registry;
use crate::support::store::*;
use crate::support::{INDEX, oci_dir, sha256};
use serde_json::Value;

/// Returns the command `pull` with a registry on this machine and with the home directory of `place`.
fn pull(place: &Place, args: &[&str]) -> Command {
    let mut command = place.imgfs();
    fs::create_dir_all(place.join("home")).unwrap();
    command
        .arg("pull")
        .args(args)
        .env("HOME", place.join("home"));
    for name in ["REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "DOCKER_CONFIG"] {
        command.env_remove(name);
    }
    command
}

/// Pushes an image with Docker's media types; returns its name and the digest of its manifest.
fn docker_image(place: &Place, registry: &Registry) -> (String, String) {
    let dir = oci_dir(&image_of("amd64", "me"));
    let source = format!("oci:{}", str(dir.path()));
    registry.copy(&source, "app:1", &["--format", "v2s2"]);
    let name = format!("{}/app:1", registry.host());
    let image = format!("docker://{name}");
    let raw =
        output(
            place
                .command("skopeo")
                .args(["inspect", "--raw", "--tls-verify=false", &image]),
        );
    assert!(raw.status.success(), "{}", stderr(&raw));
    assert_says(
        &String::from_utf8_lossy(&raw.stdout),
        &["application/vnd.docker.distribution.manifest.v2+json"],
    );
    (name, sha256(&raw.stdout))
}

/// Checks that `skopeo`, `umoci` and `podman` can read an image of the store.
fn others_read(place: &Place, name: &str) {
    let image = oci(place, name);
    let manifest = says(place.command("skopeo").args(["inspect", "--raw", &image]));
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    let text = manifest.to_string();
    assert!(!text.contains("vnd.docker"), "{text}");
    says(
        place
            .command("umoci")
            .args(["stat", "--json", "--image", &image["oci:".len()..]]),
    );
    let unpacked = place.join("unpacked");
    says(
        place
            .command("umoci")
            .args(["unpack", "--image", &image["oci:".len()..]])
            .arg(&unpacked),
    );
    assert_eq!(
        fs::read_to_string(unpacked.join("rootfs/who")).unwrap(),
        "me"
    );
    fs::remove_dir_all(&unpacked).unwrap();
    // podman derives a name from the path, which must not contain capital letters. Its own store is in
    // the place, and does not use the kernel's overlayfs.
    let lower = tempfile::Builder::new()
        .prefix(&format!("imgfs-podman-{}", std::process::id()))
        .rand_bytes(0)
        .tempdir()
        .unwrap();
    let copy = lower.path().join("store");
    says(place.command("cp").arg("-a").arg(store(place)).arg(&copy));
    let image = format!("oci:{}:{name}", str(&copy));
    let podman = |args: &[&str]| {
        let mut command = place.command("podman");
        let root = place.join("podman");
        command.args(["--root", str(&root), "--runroot", str(&root)]);
        says(command.arg("--storage-driver=vfs").args(args))
    };
    let id = podman(&["pull", "-q", &image]);
    assert_eq!(id.trim().len(), 64, "{id}");
    assert_says(&podman(&["images", "-q", "--no-trunc"]), &[id.trim()]);
}

#[test]
fn a_pulled_image_of_docker_is_found_by_skopeo_umoci_and_podman() {
    let place = Place::new();
    let registry = Registry::plain();
    let (name, digest) = docker_image(&place, &registry);
    let said = says(&mut pull(&place, &[&name]));
    assert_eq!(said, format!("{name} {digest}\n"));
    // imgfs shows the registry's image, once.
    let listed = images(&place);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["digest"], digest.as_str());
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    assert_eq!(listed[0]["media_type"], docker);
    assert_blobs_are_right(&place);
    place.mount(&[], &name);
    assert_eq!(place.text("who"), "me");
    let shown = place.text(".imgfs/image/manifest.json");
    assert_eq!(sha256(shown.as_bytes()), digest);
    place.umount();
    let verified = imgfs(&place, ["verify", &name]);
    assert_says(&verified, &[&digest]);
    assert_eq!(
        verified.matches("manifest").count(),
        2,
        "both forms: {verified}"
    );
    others_read(&place, &name);
    // If it is pulled again, or under another name, it remains one image.
    says(&mut pull(&place, &[&name]));
    imgfs(&place, ["tag", &name, "other:1"]);
    assert_eq!(names(&place), [name.as_str(), "other:1"]);
    others_read(&place, "other:1");
    let before = blobs(&place);
    imgfs(&place, ["prune"]);
    assert_eq!(blobs(&place), before, "both forms belong to the image");
    for name in [&name, "other:1"] {
        imgfs(&place, ["rm", name]);
    }
    imgfs(&place, ["prune"]);
    assert_eq!(blobs(&place), Vec::<String>::new());
}

#[test]
fn a_manifest_list_of_docker_keeps_its_platforms_in_both_forms() {
    let place = Place::new();
    let registry = Registry::plain();
    let dir = layout(&place, |dir| {
        let image = |arch: &'static str| on_platform(image_of(arch, arch).write(dir), arch, None);
        let manifests = [image("amd64"), image("arm64")];
        let index =
            serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        let mut entry = support::write_blob(dir, index.to_string().as_bytes());
        entry["mediaType"] = INDEX.into();
        vec![entry]
    });
    let source = format!("oci:{}", str(&dir));
    registry.copy(&source, "app:2", &["--all", "--format", "v2s2"]);
    let name = format!("{}/app:2", registry.host());
    says(&mut pull(&place, &["--platform=all", &name]));
    let listed = images(&place);
    let list = "application/vnd.docker.distribution.manifest.list.v2+json";
    assert_eq!(listed[0]["media_type"], list);
    assert_eq!(
        listed[0]["platforms"],
        serde_json::json!(["linux/amd64", "linux/arm64"])
    );
    for arch in ["amd64", "arm64"] {
        place.mount(&[&format!("--platform=linux/{arch}")], &name);
        assert_eq!(place.text("who"), arch);
        place.umount();
        let copied = place.join(arch);
        let to = format!("oci:{}:x", str(&copied));
        let mut skopeo = place.command("skopeo");
        skopeo.args([
            "--override-arch",
            arch,
            "copy",
            "-q",
            &oci(&place, &name),
            &to,
        ]);
        says(&mut skopeo);
        place.mount(&[], &copied);
        assert_eq!(place.text("who"), arch);
        place.umount();
    }
    imgfs(&place, ["verify", &name]);
}

#[test]
fn a_saved_image_of_docker_is_read_by_others_and_loaded_again() {
    let place = Place::new();
    let registry = Registry::plain();
    let (name, _) = docker_image(&place, &registry);
    says(&mut pull(&place, &[&name]));
    let archive = place.join("saved.tar");
    imgfs(&place, ["save", "-o", str(&archive), &name]);
    let inspected = says(
        place
            .command("skopeo")
            .args(["inspect", &format!("oci-archive:{}", str(&archive))]),
    );
    assert_says(&inspected, &["amd64"]);
    let verified = imgfs(&place, ["verify", str(&archive)]);
    assert!(!verified.contains("nothing refers to it"), "{verified}");
    let other = Place::new();
    imgfs(&other, ["load", str(&archive)]);
    other.mount(&[], &name);
    assert_eq!(other.text("who"), "me");
    other.umount();
}
