//! An image with every type and attribute of file, and a real mount of it to compare commands with.
#![allow(dead_code)] // Each test program uses only a part of this module.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use imgfs::internals::view::Sidecars;

use crate::support::program::images::docker_archive;
use crate::support::program::{Place, output, stderr};
use crate::support::{Layer, Mounted, OciImage, data, mount, run};

/// The image, and a mount of it without sidecars.
pub struct Various {
    pub place: Place,
    pub image: PathBuf,
    pub mounted: Mounted,
}

/// Returns a layer packed by GNU tar with everything that PAX supports (`tests/support/everything.sh` has a
/// comment on each function).
fn everything(place: &Place) -> Vec<u8> {
    let script = [
        include_str!("../../support/everything.sh"),
        "plain; special; large; prefix; pax\n",
        "exec tar --format=posix --xattrs --xattrs-include=* --numeric-owner -cf- .\n",
    ];
    let dir = place.join("everything");
    fs::create_dir(&dir).unwrap();
    let mut bash = Command::new("bash");
    run(bash.args(["-ec", &script.concat()]).current_dir(&dir)).stdout
}

/// Returns further layers: names that begin or end oddly, patterns as names, files that are removed
/// again, and executables for several machines.
fn upper() -> [Layer; 2] {
    let mut layer = Layer::new();
    for name in [
        "-dash", "*", "?", "[a]", "a*b", ".hidden", "..x", "A", "a", "a.b", "a.b.c", "~",
    ] {
        layer = layer.file(&format!("odd/{name}"), name);
    }
    for (name, size) in [("0", 0), ("1", 1), ("511", 511), ("512", 512), ("513", 513)] {
        layer = layer.file(&format!("size/{name}"), vec![b'x'; size]);
    }
    for (name, size) in [
        ("1k", 1024),
        ("1k1", 1025),
        ("1M", 1 << 20),
        ("1M1", (1 << 20) + 1),
    ] {
        layer = layer.file(&format!("size/{name}"), vec![b'x'; size]);
    }
    for mode in [
        0, 0o1, 0o10, 0o100, 0o111, 0o222, 0o444, 0o640, 0o711, 0o755, 0o775, 0o1755, 0o2755,
        0o4711,
    ] {
        layer = layer.file_mode(&format!("mode/{mode:o}"), "m", mode);
        layer = layer.dir_mode(&format!("mode/d{mode:o}"), mode);
    }
    let layer = layer
        .dir("deep/a/b/c/d/e")
        .file("deep/a/b/c/d/e/f", "deep")
        .file("deep/a-b", "between")
        .file("deep/a.b", "between")
        .symlink("deep/link", "a/b")
        .symlink("dangling", "nowhere/at all")
        .symlink("to-dir", "deep/a")
        .symlink("outside", "../../../deep/a/b")
        .symlink("loop", "loop")
        .file("conf.d/x.y/in", "in")
        .dir("gone")
        .file("gone/file", "gone");
    let top = Layer::new()
        .whiteout("gone/file")
        .file("odd/a", "later")
        .file_mode("bin/arm64", data("app-arm64"), 0o755)
        .file_mode("bin/pie", data("gcc-glibc-pie"), 0o755)
        .file_mode("bin/musl", data("gcc-musl-static"), 0o755)
        .file_mode("bin/needs", data("gcc-glibc-needs-libanswer"), 0o4755)
        .file_mode("bin/script", "#!/bin/sh\n", 0o755)
        .file_mode("lib/lib.so", data("gcc-lib-glibc.so"), 0o644)
        .file_mode("lib/lib.a", data("gcc-lib.a"), 0o644)
        .file_mode("lib/app.exe", data("zig-x86-windows.exe"), 0o644)
        .hardlink("bin/arm64-too", "bin/arm64")
        .symlink("bin/sh", "script");
    [layer, top]
}

impl Various {
    pub fn new() -> Self {
        let place = Place::new();
        let mut layers = vec![everything(&place)];
        layers.extend(upper().map(Layer::tar));
        let archive = docker_archive(&OciImage::plain(&layers), &["various:1"]);
        let image = place.file("various.tar", archive);
        let mounted = mount(image.to_str().unwrap(), Sidecars::Off);
        Self {
            place,
            image,
            mounted,
        }
    }

    /// Returns `imgfs COMMAND IMAGE ARGS`.
    pub fn command(&self, command: &str, args: &[&str]) -> Command {
        let mut imgfs = self.place.imgfs();
        imgfs.arg(command).arg(&self.image).args(args);
        imgfs
    }

    /// Runs it, asserts that it succeeds, and returns its output.
    #[track_caller]
    pub fn bytes(&self, command: &str, args: &[&str]) -> Vec<u8> {
        let output = self.output(command, args);
        assert_eq!(stderr(&output), "", "{command} {args:?}");
        assert_eq!(output.status.code(), Some(0), "{command} {args:?}");
        output.stdout
    }

    #[track_caller]
    pub fn text(&self, command: &str, args: &[&str]) -> String {
        String::from_utf8(self.bytes(command, args)).unwrap()
    }

    pub fn output(&self, command: &str, args: &[&str]) -> Output {
        output(&mut self.command(command, args))
    }

    /// Runs a program of this host in the mount, in the locale C and in UTC.
    pub fn host(&self, program: &str, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.mounted.path());
        run(command.env("LC_ALL", "C").env("TZ", "UTC")).stdout
    }
}

/// Splits a text into parts that each end with `end`.
pub fn split(bytes: &[u8], end: u8) -> Vec<Vec<u8>> {
    let mut parts: Vec<_> = bytes.split(|&b| b == end).map(<[u8]>::to_vec).collect();
    assert_eq!(
        parts.pop().as_deref(),
        Some(&b""[..]),
        "the last one has no end"
    );
    parts
}
