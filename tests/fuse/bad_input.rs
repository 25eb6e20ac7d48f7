//! The real program refuses input that cannot be mounted, in one or two lines that name the cause and a
//! solution; nothing is mounted and no process stays. Expectations: issue 2, DESIGN 4.1. This file:
//! mistakes of the user, and features that the system lacks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::program::images::{
    image_of, layout, named, on_platform, reference, tar_layout,
};
use crate::support::program::{Place, assert_says, fail, refused, refused_plainly, str, succeed};
use crate::support::{Layer, gzip, write_index};
use serde_json::json;

/// A file that is missing or cannot be read: the message has the path and the system's error.
#[test]
fn files_that_cannot_be_read() {
    let place = Place::new();
    let missing = place.join("no such.tar");
    refused_plainly(&place, &[], &missing, &[str(&missing), "No such file"]);
    let below = place.image().join("x");
    refused_plainly(&place, &[], &below, &[str(&below), "Not a directory"]);

    let secret = place.image();
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    let program = env!("CARGO_BIN_EXE_imgfs");
    succeed(
        Command::new("install")
            .args(["-m755", program])
            .arg(place.join("imgfs")),
    );
    let mut command = place.command("setpriv");
    command.args(["--reuid=12345", "--regid=12345", "--clear-groups"]);
    command
        .arg(place.join("imgfs"))
        .arg("mount")
        .arg(&secret)
        .arg(place.mnt());
    assert_says(&fail(&mut command), &[str(&secret), "Permission denied"]);
    place.assert_gone();
}

/// Files that are not images at all, with and without a transport prefix.
#[test]
fn things_that_are_no_image() {
    let place = Place::new();
    let text = "Lorem ipsum dolor sit amet, consectetur adipiscing elit.\n".repeat(100);
    let dir = place.join("dir");
    fs::create_dir(&dir).unwrap();
    for path in [
        dir.clone(),
        place.file("short.txt", "hello\n"),
        place.file("long.txt", &text),
        place.file("text.gz", gzip(text.as_bytes())),
        place.file("empty", ""),
        place.file("zeros", [0; 10240]),
        place.file("other.tar", Layer::new().file("etc/motd", "hello").tar()),
    ] {
        refused(&place, &[], &path, &[str(&path), "not a container image"]);
    }
    for (transport, path, words) in [
        ("docker-archive", dir.clone(), "oci:DIR"),
        ("oci-archive", dir, "oci:DIR"),
        ("oci", place.image(), "oci-archive:PATH"),
        ("oci-archive", place.image(), "index.json"),
    ] {
        refused(
            &place,
            &[],
            reference(transport, &path, ""),
            &[str(&path), words],
        );
    }
}

/// Invalid mountpoints are refused before the image is read.
#[test]
fn mountpoints_that_are_none() {
    let place = Place::new();
    let file = place.file("file", "");
    let missing = place.join("no such dir");
    let made = format!("mkdir -p {}", missing.display());
    for (mountpoint, words) in [
        (&missing, &[made.as_str()][..]),
        (&file, &[str(&file), "not a directory"]),
    ] {
        let mut command = place.imgfs();
        command
            .arg("mount")
            .arg(place.join("nor such image"))
            .arg(mountpoint);
        assert_says(&fail(&mut command), words);
        place.assert_gone();
    }
    // A second mount: the first one stays, and the message names it.
    let image = place.image();
    place.mount(&[], &image);
    let said = fail(&mut place.mount_command(&[], "nor such image"));
    assert_says(&said, &[str(&place.mnt()), str(&image), "imgfs umount"]);
    assert_eq!(place.text("etc/motd"), "hello\n");
}

/// Without /dev/fuse the message says how to get it, also in a container.
#[test]
fn without_dev_fuse() {
    let place = Place::new();
    let script = "mount -t tmpfs none /dev && mknod /dev/null c 1 3 && exec \"$0\" mount \"$@\"";
    let mut command = place.command("unshare");
    command.args(["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_imgfs")]);
    let said = fail(command.arg(place.image()).arg(place.mnt()));
    assert_says(&said, &["/dev/fuse", "modprobe fuse", "--device /dev/fuse"]);
    place.assert_gone();
}

/// A platform that is missing: the error lists the existing ones. A malformed platform: the error
/// explains the syntax.
#[test]
fn platforms() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        let entry = |arch, variant| on_platform(image_of(arch, "").write(dir), arch, variant);
        vec![entry("s390x", None), entry("arm", Some("v7"))]
    });
    let there = [str(&dir), "linux/s390x", "linux/arm/v7"];
    refused(&place, &[], &dir, &there);
    for absent in ["linux/riscv64", "linux/arm/v6", "windows/s390x"] {
        refused(
            &place,
            &["--platform", absent],
            &dir,
            &[&there[..], &[absent]].concat(),
        );
    }
    let single = place.image();
    let words = [str(&single), "linux/arm64", "linux/amd64"];
    refused(&place, &["--platform", "linux/arm64"], &single, &words);
    for none in ["linux", "linux/", "/amd64", "linux//v7", "a/b/c/d", ""] {
        let said = refused_plainly(&place, &["--platform", none], &single, &["--platform"]);
        assert_says(&said, &[none, "OS/ARCH[/VARIANT]", "linux/arm64"]);
    }
}

/// Several images and no name, or an unknown name: the error lists references to choose from.
#[test]
fn names() {
    let place = Place::new();
    let dir = layout(&place, |dir| {
        ["one", "two"]
            .map(|who| named(image_of("amd64", who).write(dir), who))
            .into()
    });
    let item = |tag: &str| json!({"Config": "c", "RepoTags": [tag], "Layers": []});
    let manifest = json!([item("app:1"), item("app:2")]).to_string();
    let docker = Layer::new()
        .file("manifest.json", manifest)
        .file("c", "{}")
        .tar();
    for (transport, path, names) in [
        ("oci", dir.clone(), ["one", "two"]),
        (
            "oci-archive",
            place.file("oci.tar", tar_layout(&dir)),
            ["one", "two"],
        ),
        (
            "docker-archive",
            place.file("docker.tar", docker),
            ["app:1", "app:2"],
        ),
    ] {
        let choices = names.map(|name| reference(transport, &path, &format!(":{name}")));
        refused(&place, &[], &path, &[str(&path), &choices[0], &choices[1]]);
        let unknown = reference(transport, &path, ":three");
        refused(
            &place,
            &[],
            &unknown,
            &[str(&path), "three", names[0], names[1]],
        );
        refused(
            &place,
            &[],
            reference(transport, &path, ":@7"),
            &["@7", names[0], names[1]],
        );
    }
    write_index(&dir, &[]);
    refused(&place, &[], &dir, &[str(&dir), "no manifest"]);
}

/// Unsupported transports: the message gives an alternative that can be copied.
#[test]
fn transports() {
    let place = Place::new();
    for image in ["docker-daemon:app:1", "containers-storage:app", "dir:/x"] {
        refused(&place, &[], image, &[&format!("skopeo copy {image}")]);
    }
    refused_plainly(&place, &[], Path::new("docker:app"), &["docker://NAME"]);
    for image in ["", "oci:", "docker-archive:", "docker://"] {
        refused_plainly(
            &place,
            &[],
            Path::new(image),
            &["docker-archive:PATH", "oci:DIR"],
        );
    }
}

/// `-` with unusable input: closed, empty, or text.
#[test]
fn standard_input() {
    let place = Place::new();
    for from in ["<&-", "</dev/null", "<\"$3\""] {
        let script = format!("exec \"$0\" mount $1 - \"$2\" {from}");
        for option in ["", "-f"] {
            let mut command = place.command("sh");
            command.args(["-c", &script, env!("CARGO_BIN_EXE_imgfs"), option]);
            command
                .arg(place.mnt())
                .arg(place.file("text", "no tar\n".repeat(200)));
            assert_says(&fail(&mut command), &["standard input"]);
            place.assert_gone();
        }
    }
}
