//! Commands that need no mount do not need FUSE either, can read an archive from a pipe, and do not
//! change the image.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::program::{Place, output, str};
use crate::support::{Layer, OciImage, data, oci_dir, sha256, tar_of};

fn image(motd: &str) -> OciImage {
    let below = Layer::new()
        .dir("etc")
        .file("etc/motd", motd)
        .file("etc/gone", "gone\n")
        .file_mode("usr/bin/app", data("gcc-musl-static"), 0o755);
    OciImage::gzip(&[below.tar(), Layer::new().whiteout("etc/gone").tar()])
}

/// Every command with its arguments; `A` and `B` are placeholders for two images.
const COMMANDS: [&[&str]; 14] = [
    &["ls", "-l", "A"],
    &["ls", "-R", "--json", "--digests", "A"],
    &["stat", "A", "/usr/bin/app"],
    &[
        "cat",
        "A",
        "/etc/motd",
        "/usr/bin/app.arch",
        "/.imgfs/binaries.tsv",
    ],
    &["find", "A", "-name", "*", "-type", "f"],
    &["find", "A", "--where", "GOARCH=amd64"],
    &["history", "A"],
    &["hidden", "A"],
    &["diff", "A", "B"],
    &["export", "A"],
    &["export", "A", "--layer", "1"],
    &["export", "A", "--format", "mtree", "--digests"],
    &["verify", "A"],
    &["check", "A"],
];

/// Returns a command for the program without `/dev/fuse`.
fn without_device(place: &Place) -> Command {
    let mut command = place.command("unshare");
    let script = "mount --bind \"$EMPTY\" /dev/fuse && exec \"$@\"";
    command.args(["--mount", "sh", "-c", script, "sh"]);
    command.arg(env!("CARGO_BIN_EXE_imgfs"));
    command.env("EMPTY", place.file("empty", ""));
    command
}

/// Runs a command with or without `/dev/fuse`.
fn asked(place: &Place, words: &[&str], a: &Path, b: &Path, hidden: bool) -> Output {
    let mut command = match hidden {
        true => without_device(place),
        false => place.imgfs(),
    };
    for word in words {
        match *word {
            "A" => command.arg(a),
            "B" => command.arg(b),
            word => command.arg(word),
        };
    }
    output(command.current_dir(place.join("state")))
}

/// Returns all visible state of the files below a directory: bytes, modes, times except the access time.
fn state(dir: &Path) -> BTreeMap<PathBuf, (String, u32, i64, i64, i64, i64)> {
    let mut found = BTreeMap::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(path) = pending.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let mut bytes = Vec::new();
        if meta.is_dir() {
            pending.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else {
            bytes = fs::read(&path).unwrap();
        }
        let (m, c) = (
            (meta.mtime(), meta.mtime_nsec()),
            (meta.ctime(), meta.ctime_nsec()),
        );
        found.insert(path, (sha256(&bytes), meta.mode(), m.0, m.1, c.0, c.1));
    }
    found
}

#[test]
fn without_a_device_they_say_the_same_and_the_image_stays_as_it_is() {
    let place = Place::new();
    let (a, b) = (oci_dir(&image("hello\n")), oci_dir(&image("welcome\n")));
    let before = (state(a.path()), state(b.path()));
    for words in COMMANDS {
        let with = asked(&place, words, a.path(), b.path(), false);
        let without = asked(&place, words, a.path(), b.path(), true);
        assert_eq!(
            with.status.code(),
            without.status.code(),
            "{words:?} {without:?}"
        );
        assert!(with.stdout == without.stdout, "{words:?}");
        assert!(!with.stdout.is_empty(), "{words:?} says nothing: {with:?}");
        let expected = if words[0] == "diff" { 1 } else { 0 };
        assert_eq!(with.status.code(), Some(expected), "{words:?} {with:?}");
    }
    // A mount needs the device, and says so.
    let mut mount = without_device(&place);
    let refused = output(mount.args(["mount", str(a.path()), str(&place.mnt())]));
    assert!(!refused.status.success());
    assert_eq!((state(a.path()), state(b.path())), before);
}

#[test]
fn an_archive_comes_through_a_pipe() {
    let place = Place::new();
    let dir = oci_dir(&image("hello\n"));
    let archive = place.file("image.tar", tar_of(dir.path()));
    for words in [
        ["ls", "-R", "-"],
        ["hidden", "--json", "-"],
        ["history", "--json", "-"],
    ] {
        let mut command = place.imgfs();
        command
            .args(words)
            .stdin(Stdio::from(fs::File::open(&archive).unwrap()));
        let piped = output(&mut command);
        let mut named = words;
        named[2] = str(&archive);
        let direct = output(place.imgfs().args(named));
        assert!(piped.status.success(), "{piped:?}");
        assert!(
            piped.stdout == direct.stdout && !piped.stdout.is_empty(),
            "{words:?}"
        );
    }
}

/// A reader that has enough closes the pipe: that is not an error, and nothing hangs.
#[test]
fn a_closed_pipe_ends_them_quietly() {
    let place = Place::new();
    let many = (0..5000).fold(Layer::new(), |layer, n| {
        layer.file(&format!("dir/{n:05}"), "x")
    });
    let dir = oci_dir(&OciImage::plain(&[
        many.tar(),
        Layer::new().whiteout("dir").tar(),
    ]));
    let script = "\"$IMGFS\" \"$@\" | head -c 1 >/dev/null; exit 0";
    for words in [
        &["ls", "-R"][..],
        &["find"],
        &["hidden"],
        &["hidden", "--json"],
        &["export"],
    ] {
        let mut shell = place.command("bash");
        shell.args(["-o", "pipefail", "-c", script, "sh"]);
        shell.env("IMGFS", env!("CARGO_BIN_EXE_imgfs"));
        let image = if words == ["ls", "-R"] || words == ["find"] || words == ["export"] {
            let whole = (0..5000).fold(Layer::new(), |l, n| l.file(&format!("dir/{n:05}"), "x"));
            let whole = oci_dir(&OciImage::plain(&[whole.tar()]));
            let path = place.join(words[0]);
            fs::rename(whole.keep(), &path).unwrap();
            path
        } else {
            dir.path().to_owned()
        };
        let ended = output(shell.args(&words[..1]).arg(&image).args(&words[1..]));
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(said.is_empty(), "{words:?}: {said}");
    }
}
