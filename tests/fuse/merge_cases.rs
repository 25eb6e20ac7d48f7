//! Merging, by hand: small stacks of layers, each with the files that the OCI image-spec (layer.md)
//! prescribes, read through a real mount. The deciding sentence is above each case; "spec" is layer.md,
//! "imgfs" is a rule of imgfs where the spec has none (docs/architecture/merge.md).

use std::os::unix::fs::MetadataExt;

use crate::support;
use crate::support::{Layer, mount_layers};
use imgfs::internals::layer::ProblemKind;

fn lower() -> Layer {
    Layer::new()
        .dir("d")
        .file("d/a", "lower a")
        .file("d/b", "lower b")
        .dir("d/sub")
        .file("d/sub/f", "lower f")
        .file("top", "lower top")
}

fn kinds(mounted: &support::Mounted) -> Vec<&'static str> {
    mounted.image.problems.iter().map(|p| p.kind.id()).collect()
}

/// spec: "One or more layers are applied on top of each other to create a complete filesystem."
#[test]
fn m01_later_layers_win() {
    let m = mount_layers(vec![lower(), Layer::new().file("d/a", "upper a")]);
    assert_eq!(m.text("d/a"), "upper a");
    assert_eq!(m.text("d/b"), "lower b");
}

/// spec: "Whiteout files MUST only apply to resources in lower/parent layers."
#[test]
fn m02_whiteout_hides_a_file() {
    let m = mount_layers(vec![lower(), Layer::new().whiteout("d/a")]);
    assert!(!m.exists("d/a"));
    assert_eq!(m.names("d"), ["b", "sub"]);
}

/// The same sentence: the additions of the same layer stay, if the whiteout comes first…
#[test]
fn m03_whiteout_then_file_of_the_same_layer() {
    let upper = Layer::new().whiteout("d/a").file("d/a", "again");
    assert_eq!(mount_layers(vec![lower(), upper]).text("d/a"), "again");
}

/// …and when it comes last (crane and podman 4.3 lose the file here).
#[test]
fn m04_file_then_whiteout_of_the_same_layer() {
    let upper = Layer::new().file("d/a", "again").whiteout("d/a");
    assert_eq!(mount_layers(vec![lower(), upper]).text("d/a"), "again");
}

/// spec: "Files that are present in the same layer as a whiteout file can only be hidden by
/// whiteout files in subsequent layers."
#[test]
fn m05_a_later_whiteout_hides_what_stood_beside_an_earlier_one() {
    let upper = Layer::new().whiteout("d/a").file("d/a", "again");
    let m = mount_layers(vec![lower(), upper, Layer::new().whiteout("d/a")]);
    assert!(!m.exists("d/a"));
}

/// spec: "Once a whiteout is applied, the whiteout itself MUST also be hidden."
#[test]
fn m06_whiteouts_are_not_files() {
    let m = mount_layers(vec![lower(), Layer::new().whiteout("d/a").opaque("d/sub")]);
    assert!(!m.exists("d/.wh.a") && !m.exists("d/sub/.wh..wh..opq"));
    assert_eq!(m.names("d"), ["b", "sub"]);
}

/// spec: "Deleted files or directories marked with a whiteout file": everything below it is removed too.
#[test]
fn m07_whiteout_of_a_directory() {
    let m = mount_layers(vec![lower(), Layer::new().whiteout("d")]);
    assert_eq!(m.names(""), ["top"]);
}

/// The same layer may replace it by a new directory, which is then empty.
#[test]
fn m08_whiteout_of_a_directory_and_a_new_one() {
    let upper = Layer::new().dir("d").file("d/new", "n").whiteout("d");
    assert_eq!(mount_layers(vec![lower(), upper]).names("d"), ["new"]);
}

/// spec: "An opaque whiteout entry is a file with the name `.wh..wh..opq` indicating that all
/// siblings are hidden in the lower layer." "…including sub-directories and all descendants."
#[test]
fn m09_opaque_hides_all_siblings() {
    let m = mount_layers(vec![lower(), Layer::new().dir("d").opaque("d")]);
    assert_eq!(m.names("d"), Vec::<String>::new());
    assert_eq!(m.names(""), ["d", "top"]);
}

/// spec: "`a/.wh..wh..opq` is applied first, before creating the new version of `a/b`, regardless of
/// the ordering in which the whiteout file was encountered": marker first…
#[test]
fn m10_opaque_then_siblings() {
    let upper = Layer::new()
        .opaque("d")
        .file("d/new", "n")
        .file("d/a", "new a");
    let m = mount_layers(vec![lower(), upper]);
    assert_eq!(m.names("d"), ["a", "new"]);
    assert_eq!(m.text("d/a"), "new a");
}

/// …and marker last (composefs-rs erases the siblings here).
#[test]
fn m11_siblings_then_opaque() {
    let upper = Layer::new().file("d/new", "n").opaque("d");
    assert_eq!(mount_layers(vec![lower(), upper]).names("d"), ["new"]);
}

/// The opaque directory keeps its own attributes: only siblings of the marker are hidden.
#[test]
fn m12_opaque_keeps_the_directory() {
    let base = Layer::new().dir_mode("d", 0o700).file("d/a", "a");
    let m = mount_layers(vec![base, Layer::new().opaque("d")]);
    assert_eq!(
        std::fs::metadata(m.join("d")).unwrap().mode() & 0o7777,
        0o700
    );
}

/// In the root it hides the whole lower image.
#[test]
fn m13_opaque_root() {
    let m = mount_layers(vec![lower(), Layer::new().opaque("").file("only", "o")]);
    assert_eq!(m.names(""), ["only"]);
}

/// It hides lower layers only: later layers can add to the directory.
#[test]
fn m14_layers_above_an_opaque_one() {
    let m = mount_layers(vec![
        lower(),
        Layer::new().opaque("d").file("d/mid", "m"),
        Layer::new().file("d/top", "t"),
    ]);
    assert_eq!(m.names("d"), ["mid", "top"]);
}

/// imgfs: a whiteout of a missing file removes nothing and creates nothing, not even its directory.
#[test]
fn m15_whiteout_of_nothing() {
    let upper = Layer::new()
        .whiteout("d/none")
        .whiteout("no/such")
        .opaque("nor/this");
    let m = mount_layers(vec![lower(), upper]);
    assert_eq!(m.names(""), ["d", "top"]);
    assert!(kinds(&m).is_empty());
}

/// imgfs: other names under `.wh..wh.` are aufs bookkeeping, hidden with everything below them.
#[test]
fn m16_aufs_leftovers() {
    let upper = Layer::new()
        .file(".wh..wh.aufs", "")
        .dir(".wh..wh.plnk")
        .file(".wh..wh.plnk/12.34", "x")
        .dir(".wh..wh.orph");
    let m = mount_layers(vec![lower(), upper]);
    assert_eq!(m.names(""), ["d", "top"]);
    assert_eq!(m.names("d"), ["a", "b", "sub"]);
}

/// imgfs: `.wh.`, `.wh..` and `.wh...` name nothing, `.` and `..`: they are reported and have no effect.
#[test]
fn m17_whiteouts_of_dots() {
    let upper = Layer::new()
        .file("d/.wh.", "")
        .file("d/sub/.wh..", "")
        .file("d/sub/.wh...", "");
    let m = mount_layers(vec![lower(), upper]);
    assert_eq!(m.names("d"), ["a", "b", "sub"]);
    assert_eq!(m.names("d/sub"), ["f"]);
    assert_eq!(kinds(&m), ["bad-whiteout"; 3]);
}

/// imgfs: an entry below a whiteout's name is meaningless; it is reported, and nothing is created.
#[test]
fn m18_below_a_whiteout() {
    let m = mount_layers(vec![lower(), Layer::new().file(".wh.d/x", "x")]);
    assert_eq!(m.names(""), ["d", "top"]);
    assert_eq!(kinds(&m), ["bad-whiteout"]);
}

/// imgfs: a whiteout is recognised by its name, regardless of its type (umoci: "the spec doesn't
/// specify").
#[test]
fn m19_a_whiteout_that_is_a_directory() {
    let m = mount_layers(vec![lower(), Layer::new().dir(".wh.d/")]);
    assert_eq!(m.names(""), ["top"]);
}

/// spec: "A whiteout filename consists of the prefix `.wh.` plus the basename of the path to be
/// deleted", including a name that begins with a dot.
#[test]
fn m20_whiteout_of_a_dot_file() {
    let base = Layer::new().file(".hidden", "h").file("...", "dots");
    let m = mount_layers(vec![base, Layer::new().whiteout(".hidden")]);
    assert_eq!(m.names(""), ["..."]);
}

/// spec: "In all other cases [than two directories], …removing the file path…, recreating the file
/// path, based on the contents and attributes of the changeset entry": a directory over a file…
#[test]
fn m21_directory_over_file() {
    let m = mount_layers(vec![lower(), Layer::new().dir("top").file("top/in", "i")]);
    assert_eq!(m.names("top"), ["in"]);
}

/// …and a file over a directory, with its whole content.
#[test]
fn m22_file_over_directory() {
    let m = mount_layers(vec![lower(), Layer::new().file("d", "now a file")]);
    assert_eq!(m.text("d"), "now a file");
}

/// spec: "If the entry and the existing path are both directories, then the existing path's
/// attributes MUST be replaced by those of the entry in the changeset." Children stay.
#[test]
fn m23_directory_over_directory() {
    let m = mount_layers(vec![lower(), Layer::new().dir_mode("d", 0o1777)]);
    assert_eq!(
        std::fs::metadata(m.join("d")).unwrap().mode() & 0o7777,
        0o1777
    );
    assert_eq!(m.names("d"), ["a", "b", "sub"]);
}

/// spec: "recreating the file path, based on the contents and attributes of the changeset entry":
/// nothing of the old file remains.
#[test]
fn m24_file_over_file_takes_no_attribute_over() {
    let base = Layer::new()
        .pax(&[("SCHILY.xattr.user.old", b"1")])
        .file_mode("f", "old", 0o4755);
    let m = mount_layers(vec![base, Layer::new().file_mode("f", "new!", 0o600)]);
    let meta = std::fs::metadata(m.join("f")).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.len()), (0o600, 4));
    assert_eq!(xattr::get(m.join("f"), "user.old").unwrap(), None);
}

/// A symbolic link over a directory replaces it; the link is not followed.
#[test]
fn m25_symlink_over_directory() {
    let m = mount_layers(vec![lower(), Layer::new().symlink("d", "top")]);
    assert_eq!(
        std::fs::read_link(m.join("d")).unwrap().to_str(),
        Some("top")
    );
}

/// A directory entry over a symbolic link replaces the link (as umoci and Docker do).
#[test]
fn m26_directory_over_symlink() {
    let base = Layer::new()
        .dir("real")
        .file("real/f", "f")
        .symlink("link", "real");
    let m = mount_layers(vec![base, Layer::new().dir("link").file("link/g", "g")]);
    assert_eq!(m.names("link"), ["g"]);
    assert_eq!(m.names("real"), ["f"]);
}

/// imgfs: a parent that is a symbolic link in a lower layer is followed (usr-merged images).
#[test]
fn m27_parent_is_a_symlink() {
    let base = Layer::new()
        .dir("usr")
        .dir("usr/lib")
        .symlink("lib", "usr/lib");
    let m = mount_layers(vec![base, Layer::new().file("lib/x.so", "x")]);
    assert_eq!(m.text("usr/lib/x.so"), "x");
    assert!(
        std::fs::symlink_metadata(m.join("lib"))
            .unwrap()
            .is_symlink()
    );
}

/// imgfs: the same for a whiteout.
#[test]
fn m28_whiteout_through_a_symlink() {
    let base = Layer::new()
        .dir("usr")
        .file("usr/x", "x")
        .file("usr/y", "y")
        .symlink("lib", "/usr");
    let m = mount_layers(vec![base, Layer::new().whiteout("lib/x")]);
    assert_eq!(m.names("usr"), ["y"]);
}

/// imgfs: links are followed inside the root: absolute ones begin there, `..` stops there.
#[test]
fn m29_parent_symlinks_stay_inside() {
    let base = Layer::new()
        .symlink("abs", "/etc")
        .symlink("up", "../../../etc");
    let upper = Layer::new().file("abs/one", "1").file("up/two", "2");
    let m = mount_layers(vec![base, upper]);
    assert_eq!(m.names("etc"), ["one", "two"]);
    assert_eq!(m.text("etc/two"), "2");
}

/// imgfs: cycles of links are reported, and the entry is left out.
#[test]
fn m30_symlink_loop() {
    let base = Layer::new().symlink("a", "b").symlink("b", "a");
    let m = mount_layers(vec![base, Layer::new().file("a/f", "f").file("ok", "ok")]);
    assert_eq!(m.names(""), ["a", "b", "ok"]);
    assert_eq!(kinds(&m), ["symlink-loop"]);
}

/// imgfs: `..` cannot leave the root; the path is kept inside, and reported.
#[test]
fn m31_paths_are_clamped() {
    let m = mount_layers(vec![
        Layer::new()
            .file("../../etc/passwd", "root")
            .file("/abs", "a")
            .file("./x/../y", "y"),
    ]);
    assert_eq!(m.text("etc/passwd"), "root");
    assert_eq!(m.names(""), ["abs", "etc", "y"]);
    assert_eq!(kinds(&m), ["escaping-path"]);
}

/// imgfs: a missing parent is created, owned by root, mode 0755.
#[test]
fn m32_missing_parents() {
    let m = mount_layers(vec![Layer::new().file("a/b/c", "c")]);
    let meta = std::fs::metadata(m.join("a/b")).unwrap();
    assert_eq!(
        (meta.mode() & 0o7777, meta.uid(), meta.gid()),
        (0o755, 0, 0)
    );
    assert_eq!(m.text("a/b/c"), "c");
}

/// imgfs: a parent that is a file is replaced by a directory, and reported.
#[test]
fn m33_parent_is_a_file() {
    let m = mount_layers(vec![lower(), Layer::new().file("top/in", "i")]);
    assert_eq!(m.text("top/in"), "i");
    assert_eq!(kinds(&m), ["parent-not-directory"]);
}

/// spec: "Hardlinked files are on a same device … and have the same inode." Across layers too.
#[test]
fn m34_hard_links_share_an_inode() {
    let m = mount_layers(vec![lower(), Layer::new().hardlink("link", "d/a")]);
    let (a, link) = (m.join("d/a"), m.join("link"));
    let (a, link) = (
        std::fs::metadata(a).unwrap(),
        std::fs::metadata(link).unwrap(),
    );
    assert_eq!((a.ino(), a.nlink()), (link.ino(), 2));
    assert_eq!(m.text("link"), "lower a");
}

/// imgfs: they survive the removal of their target, also by the same layer that links to it…
#[test]
fn m35_hard_links_survive_removal() {
    let m = mount_layers(vec![
        lower(),
        Layer::new().hardlink("link", "d/a"),
        Layer::new().whiteout("d/a"),
    ]);
    assert_eq!(m.text("link"), "lower a");
    assert_eq!(std::fs::metadata(m.join("link")).unwrap().nlink(), 1);
    for upper in [
        Layer::new().hardlink("link", "d/a").whiteout("d/a"),
        Layer::new().whiteout("d").hardlink("link", "d/a"),
    ] {
        let m = mount_layers(vec![lower(), upper]);
        assert_eq!(m.text("link"), "lower a");
        assert!(!m.exists("d/a"));
    }
}

/// …and its replacement: the link keeps the old file.
#[test]
fn m36_hard_links_survive_replacement() {
    let m = mount_layers(vec![
        lower(),
        Layer::new().hardlink("link", "d/a"),
        Layer::new().file("d/a", "new"),
    ]);
    assert_eq!(
        (m.text("d/a"), m.text("link")),
        ("new".into(), "lower a".into())
    );
}

/// imgfs: a hard link through a symbolic link in its target's parents; to itself; to nothing.
#[test]
fn m37_odd_hard_links() {
    let base = lower().symlink("s", "d");
    let upper = Layer::new()
        .hardlink("via", "s/b")
        .hardlink("top", "top")
        .hardlink("gone", "no/such")
        .hardlink("dir", "d");
    let m = mount_layers(vec![base, upper]);
    assert_eq!(m.text("via"), "lower b");
    assert_eq!(m.text("top"), "lower top");
    assert_eq!(kinds(&m), ["dangling-hard-link"; 2]);
}

/// spec: layers "MUST NOT include duplicate entries for file paths". imgfs: if one does, the later
/// entry counts, and it is reported; directories may repeat.
#[test]
fn m38_duplicates() {
    let m = mount_layers(vec![
        Layer::new()
            .dir("d")
            .file("d/f", "one")
            .dir("d")
            .file("d/f", "two"),
    ]);
    assert_eq!(m.text("d/f"), "two");
    assert_eq!(kinds(&m), ["duplicate-entry"]);
}

/// imgfs: the root's own entry sets its attributes; a root that is not a directory is reported.
#[test]
fn m39_the_root() {
    let m = mount_layers(vec![lower(), Layer::new().dir_mode("./", 0o1755)]);
    assert_eq!(std::fs::metadata(m.path()).unwrap().mode() & 0o7777, 0o1755);
    assert_eq!(m.names(""), ["d", "top"]);
    let m = mount_layers(vec![lower(), Layer::new().file("/", "x")]);
    assert_eq!(kinds(&m), ["escaping-path"]);
}

/// imgfs: names are bytes.
#[test]
fn m40_names_are_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let m = mount_layers(vec![
        Layer::new()
            .pax(&[("path", b"d/\xff\xfe")])
            .file("x", "bytes"),
        Layer::new()
            .pax(&[("path", b"d/.wh.\xff\xfd")])
            .file("y", ""),
    ]);
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    assert_eq!(std::fs::read(m.join("d").join(name)).unwrap(), b"bytes");
}

/// imgfs: a name that no file system can hold is left out and reported; the image is not refused.
#[test]
fn m41_names_that_are_too_long() {
    let long = "n".repeat(256);
    let m = mount_layers(vec![Layer::new().file(&long, "x").file("ok", "ok")]);
    assert_eq!(m.names(""), ["ok"]);
    assert!(matches!(m.image.problems[0].kind, ProblemKind::NameTooLong));
}

/// imgfs: an entry of an unknown type is left out and reported.
#[test]
fn m42_unknown_types() {
    let m = mount_layers(vec![Layer::new().typed("vol", b'V', b"").file("ok", "ok")]);
    assert_eq!(m.names(""), ["ok"]);
    assert_eq!(kinds(&m), ["unknown-type"]);
}

/// imgfs: long chains of links without a cycle cost no more than a cycle: each of 20 links leads twice
/// through the next, a million steps in all.
#[test]
fn m43_links_that_double() {
    let mut base = Layer::new().dir("d");
    for i in 0..20 {
        let next = format!("l{}/../l{}", i + 1, i + 1);
        base = base.symlink(&format!("l{i}"), &next);
    }
    let base = base.symlink("l20", "d");
    let long = "x/../".repeat(2000);
    let m = mount_layers(vec![
        base.symlink("long", &long),
        Layer::new()
            .file("l0/f", "f")
            .file("long/g", "g")
            .file("d/h", "h"),
    ]);
    assert_eq!(m.names("d"), ["h"]);
    assert_eq!(kinds(&m), ["symlink-loop"; 2]);
}
