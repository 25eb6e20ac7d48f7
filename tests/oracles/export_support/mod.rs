//! Shared by the tests of `imgfs export`: an image with every type and attribute of file, exports of it,
//! the trees that tars unpack from them, and comparisons.
#![allow(dead_code)] // Each test program uses only a part of this module.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use imgfs::internals::view::Sidecars;
use tempfile::TempDir;

use crate::support::program::{Place, output, stderr, str};
use crate::support::rsync::rsync;
use crate::support::tree::{differences, walk};
use crate::support::{Layer, Mounted, OciImage, mount, oci_dir, run};

/// Runs a script, which stops at the first command that fails.
pub fn bash(dir: &Path, script: &str) {
    run(Command::new("bash").args(["-ec", script]).current_dir(dir));
}

/// Makes a directory with functions of `tests/support/everything.sh` and a script, and packs it as a layer.
pub fn packed(parts: &[&str], more: &str) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let script = include_str!("../../support/everything.sh");
    bash(
        dir.path(),
        &format!("{script}\n{}\n{more}", parts.join("\n")),
    );
    let pack = [
        "--format=posix",
        "--sparse",
        "--xattrs",
        "--xattrs-include=*",
    ];
    let pack = Command::new("tar")
        .args(pack)
        .args(["--numeric-owner", "-C", "src", "-cf-", "."])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert!(pack.status.success(), "{}", stderr(&pack));
    pack.stdout
}

/// Writes an image with every type and attribute of file, in two layers: the upper one removes, replaces
/// and links files of the lower one, and brings a directory without an entry.
pub fn everything() -> TempDir {
    let names = "echo s >suffix; mkdir suffix.d; echo 1 >suffix.d/1; mkdir a a.b; echo 2 >a/2
        mkdir a-b; echo 3 >a-b/3; touch -d @7 a a.b a-b suffix.d
        setfattr -n user.imgfs.goarch -v forged file; setfattr -n user.order -v 1 file
        setfattr -h -n trusted.link -v l link; setfattr -n trusted.fifo -v f fifo
        setfattr -n user.a%b -v percent dir; ln -s $'to\\xff\\n' strange-link
        ln fifo fifo-too; ln char char-too; ln link link-too";
    let lower = packed(&["plain", "special", "large", "prefix", "pax"], names);
    let upper = Layer::new()
        .hardlink("zz-hard", "file")
        .hardlink("aa-hard", "file")
        .whiteout("none")
        .file_mode("opt/tool/run", "#!/bin/sh\n", 0o755)
        .file("dir/sub/more", "more\n")
        .dir_mode("empty", 0o3711);
    oci_dir(&OciImage::gzip(&[lower, upper.tar()]))
}

pub fn export(place: &Place, image: &Path, args: &[&str]) -> Output {
    output(place.imgfs().arg("export").arg(image).args(args))
}

#[track_caller]
pub fn exported(place: &Place, image: &Path, args: &[&str]) -> Vec<u8> {
    let output = export(place, image, args);
    assert_eq!(stderr(&output), "");
    assert!(output.status.success());
    output.stdout
}

/// Unpacks an archive with a command that takes it as its last argument and must print nothing.
pub fn unpack(command: &[&str], tar: &[u8]) -> TempDir {
    let (dir, said) = unpack_saying(command, tar);
    assert_eq!(said, "", "{command:?}");
    dir
}

/// Like [`unpack`], and returns what the command prints.
pub fn unpack_saying(command: &[&str], tar: &[u8]) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("tar"), dir.path().join("out"));
    fs::write(&file, tar).unwrap();
    fs::create_dir(&out).unwrap();
    let output = Command::new(command[0])
        .args(&command[1..])
        .arg(&file)
        .current_dir(&out)
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    fs::remove_file(file).unwrap();
    (dir, stderr(&output))
}

/// The options of the documentation.
pub const GNU: &[&str] = &[
    "tar",
    "--xattrs",
    "--xattrs-include=*",
    "-p",
    "--numeric-owner",
    "--same-owner",
    // GNU tar finds times before 1970 and in the future implausible, but sets them.
    "--warning=no-timestamp",
    "-xf",
];

pub const BSD: &[&str] = &["bsdtar", "--xattrs", "--acls", "--numeric-owner", "-pxf"];

/// Returns the differences by both comparisons.
pub fn judge(a: &Path, b: &Path) -> Vec<String> {
    let mut lines = differences(&walk(a), &walk(b));
    lines.extend(rsync(a, b).iter().map(|l| format!("rsync > {l}")));
    lines.extend(rsync(b, a).iter().map(|l| format!("rsync < {l}")));
    lines
}

pub fn mounted(image: &Path) -> Mounted {
    mount(str(image), Sidecars::Off)
}

pub const NONE: [String; 0] = [];

/// Returns the attribute that the image ships under a name that imgfs itself uses, and that the mount
/// shows elsewhere.
pub fn forged(file: &Path) -> Option<Vec<u8>> {
    let value = xattr::get(file, "user.imgfs.goarch").unwrap();
    xattr::remove(file, "user.imgfs.goarch").unwrap();
    value
}

/// Returns the names in an archive, in its order.
pub fn names(tar: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| String::from_utf8(entry.unwrap().path_bytes().into_owned()).unwrap())
        .collect()
}
