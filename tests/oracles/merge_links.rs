//! Symbolic links of lower layers in the path of an entry or a marker. The oracles are umoci, which
//! applies entries in stream order (as containerd does), and the kernel's overlayfs, in which entries
//! have no order.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::merge_support::{layout, mount_layout, same, tree_of, umoci};
use crate::support::{Layer, Mounted, run};
use imgfs::internals::view::{ImageFs, RemovalKind, Sidecars};

/// Returns a layer with a directory and a link to it.
fn lower() -> Layer {
    Layer::new()
        .dir("t")
        .file("t/a", "a")
        .dir("t/sub")
        .file("t/sub/x", "x")
        .dir("u")
        .file("u/x", "x of u")
        .symlink("t/other", "/u")
        .symlink("link", "/t")
}

/// Mounts layers, and checks that umoci unpacks the same tree.
fn as_umoci(layers: Vec<Layer>) -> Mounted {
    let layout = layout(layers);
    let mounted = mount_layout(&layout);
    same("umoci", &umoci(&layout), &mounted);
    mounted
}

/// Returns the files that layers hide: path, layer that hides it, and how.
fn hidden(mounted: &Mounted) -> Vec<(String, u32, RemovalKind)> {
    let view = ImageFs::new(mounted.image.clone(), Sidecars::Off);
    let names = view.hidden().unwrap().into_iter();
    names
        .map(|n| (String::from_utf8(n.path).unwrap(), n.by, n.how))
        .collect()
}

#[test]
fn an_opaque_directory_in_place_of_a_link_leaves_the_target_of_the_link_alone() {
    let m = as_umoci(vec![
        lower(),
        Layer::new()
            .dir("link")
            .opaque("link")
            .file("link/new", "n"),
    ]);
    assert_eq!(m.names("link"), ["new"]);
    assert_eq!(m.names("t"), ["a", "other", "sub"]);
    let replaced = ("/link".to_owned(), 1, RemovalKind::Replaced);
    assert_eq!(hidden(&m), [replaced]);
}

/// For overlayfs, an attribute marks an opaque directory, and a device 0:0 is a whiteout. Its entries
/// have no order.
#[test]
fn overlayfs_leaves_the_target_of_a_replaced_link_alone() {
    let work = tempfile::tempdir().unwrap();
    let dir = |name: &str| work.path().join(name);
    for name in ["lower/t", "upper/link", "upper/t", "merged"] {
        fs::create_dir_all(dir(name)).unwrap();
    }
    for (file, text) in [
        ("lower/t/a", "a"),
        ("lower/t/b", "b"),
        ("upper/link/n", "n"),
    ] {
        fs::write(dir(file), text).unwrap();
    }
    std::os::unix::fs::symlink("/t", dir("lower/link")).unwrap();
    xattr::set(dir("upper/link"), "trusted.overlay.opaque", b"y").unwrap();
    run(Command::new("mknod")
        .arg(dir("upper/t/b"))
        .args(["c", "0", "0"]));
    let options = format!("lowerdir={0}/upper:{0}/lower", work.path().display());
    run(Command::new("mount")
        .args(["-t", "overlay", "overlay", "-o", &options])
        .arg(dir("merged")));
    let theirs = tree_of(&dir("merged"));
    run(Command::new("umount").arg(dir("merged")));

    let base = Layer::new()
        .dir("t")
        .file("t/a", "a")
        .file("t/b", "b")
        .symlink("link", "/t");
    let upper = Layer::new()
        .opaque("link")
        .whiteout("t/b")
        .dir("link")
        .file("link/n", "n");
    let m = mount_layout(&layout(vec![base, upper]));
    same("overlayfs", &theirs, &m);
}

#[test]
fn a_marker_means_the_new_directory_wherever_it_stands_in_the_stream() {
    for upper in [
        Layer::new().opaque("link").dir("link"),
        Layer::new().whiteout("link/a").dir("link"),
        Layer::new().dir("link").whiteout("link/a"),
        Layer::new().opaque("link").dir("./link/"),
        Layer::new().opaque("link").whiteout("link").dir("link"),
    ] {
        let m = mount_layout(&layout(vec![lower(), upper]));
        assert_eq!(m.names("link"), Vec::<String>::new());
        assert_eq!(m.names("t"), ["a", "other", "sub"]);
    }
}

/// Only the upper one of two directories has an entry.
#[test]
fn a_marker_deeper_below_a_directory_in_place_of_a_link() {
    let m = as_umoci(vec![
        lower(),
        Layer::new().dir("link").whiteout("link/sub/x"),
    ]);
    assert_eq!(m.names("t/sub"), ["x"]);
    assert_eq!(m.names("link"), Vec::<String>::new());
}

/// `link` has no entry, so it is followed; its directory `sub` is a directory in the lower layer too.
#[test]
fn a_marker_in_a_directory_below_a_link_that_stays() {
    let m = as_umoci(vec![
        lower(),
        Layer::new().dir("link/sub").whiteout("link/sub/x"),
    ]);
    assert_eq!(m.names("t/sub"), Vec::<String>::new());
    assert_eq!(m.names("t"), ["a", "other", "sub"]);
}

/// `link` stays, but the link `t/other` below it is replaced: under that path, or under its own path.
#[test]
fn a_replaced_link_below_a_link_that_stays() {
    for dir in ["link/other", "t/other"] {
        for marked in ["link/other", "t/other"] {
            let m = as_umoci(vec![lower(), Layer::new().dir(dir).opaque(marked)]);
            assert_eq!(m.names("t/other"), Vec::<String>::new(), "{dir} {marked}");
            assert_eq!(m.names("u"), ["x"], "{dir} {marked}");
        }
    }
}

/// Without an entry for the directory, a marker follows the link, as a file does.
#[test]
fn a_marker_without_an_entry_for_its_directory_follows_the_link() {
    let m = as_umoci(vec![
        lower(),
        Layer::new().whiteout("link/a").file("link/b", "b"),
    ]);
    assert_eq!(m.names("t"), ["b", "other", "sub"]);
    let m = as_umoci(vec![lower(), Layer::new().opaque("link")]);
    assert_eq!(m.names("t"), Vec::<String>::new());
}

/// If the lower layer has a directory, a directory entry of the layer itself changes nothing.
#[test]
fn a_marker_in_a_directory_over_a_directory_hides_what_lower_layers_have() {
    let m = as_umoci(vec![lower(), Layer::new().dir("t").whiteout("t/a")]);
    assert_eq!(m.names("t"), ["other", "sub"]);
}

/// The next layer sees a directory, not the link.
#[test]
fn a_later_layer_knows_nothing_of_the_replaced_link() {
    let m = as_umoci(vec![
        lower(),
        Layer::new().dir("link").file("link/new", "n"),
        Layer::new().whiteout("link/new").opaque("link"),
    ]);
    assert_eq!(m.names("link"), Vec::<String>::new());
    assert_eq!(m.names("t"), ["a", "other", "sub"]);
}

/// Links through missing names or files, each back to `etc`.
const BACK: [(&str, &str); 7] = [
    ("one", "nothere/../etc"),
    ("two", "/nothere/deep/../../etc"),
    ("up", "nothere/../../../etc"),
    ("file", "a-file/../etc"),
    ("below", "a-file/deep/../../etc"),
    ("dangling", "gone/x/../../etc"),
    ("dots", "./nothere/./.././etc"),
];

fn with_links() -> Layer {
    let base = Layer::new()
        .dir("etc")
        .file("etc/passwd", "p")
        .file("etc/shadow", "s")
        .file("a-file", "f")
        .symlink("gone", "/no");
    let links = BACK.iter();
    links.fold(base, |layer, (name, target)| layer.symlink(name, target))
}

fn top(mounted: &Mounted) -> Vec<String> {
    mounted.names("")
}

#[test]
fn a_parent_link_through_a_missing_name_makes_nothing_of_it() {
    for (link, _) in BACK {
        let upper = Layer::new().file(&format!("{link}/new"), "n");
        let m = as_umoci(vec![with_links(), upper]);
        assert_eq!(m.names("etc"), ["new", "passwd", "shadow"], "{link}");
        assert!(!m.exists("nothere") && !m.exists("no"), "{link}");
        assert_eq!(m.text("a-file"), "f", "{link}");
        assert!(m.image.problems.is_empty(), "{:?}", m.image.problems);
    }
    // The kernel does not follow such a link: only merging is lenient.
    let m = mount_layout(&layout(vec![with_links()]));
    assert!(fs::metadata(m.join("one")).is_err());
    assert_eq!(fs::read_link(m.join("one")).unwrap(), Path::new(BACK[0].1));
}

#[test]
fn a_whiteout_through_a_missing_name_finds_what_it_hides() {
    for (link, _) in BACK {
        let upper = Layer::new().whiteout(&format!("{link}/shadow"));
        let m = as_umoci(vec![with_links(), upper]);
        assert_eq!(m.names("etc"), ["passwd"], "{link}");
        let m = as_umoci(vec![with_links(), Layer::new().opaque(link)]);
        assert_eq!(m.names("etc"), Vec::<String>::new(), "{link}");
    }
}

#[test]
fn a_hard_link_through_a_missing_name_finds_its_target() {
    for (link, _) in BACK {
        let upper = Layer::new().hardlink("copy", &format!("{link}/shadow"));
        let m = as_umoci(vec![with_links(), upper]);
        assert_eq!(m.text("copy"), "s", "{link}");
        assert!(m.image.problems.is_empty(), "{:?}", m.image.problems);
    }
}

/// Missing names that `..` does not remove are created, and no others.
#[test]
fn what_is_missing_at_the_end_of_a_parent_link_is_made() {
    let base = Layer::new().symlink("link", "nothere/sub/../x");
    let m = as_umoci(vec![base, Layer::new().file("link/f", "f")]);
    assert_eq!(top(&m), ["link", "nothere"]);
    assert_eq!(m.names("nothere"), ["x"]);
    assert_eq!(m.text("nothere/x/f"), "f");
}

/// A file that must become a directory is replaced only if the path ends below it.
#[test]
fn a_file_on_the_way_of_a_parent_link_is_replaced_if_the_path_ends_below_it() {
    let base = Layer::new()
        .file("a-file", "f")
        .symlink("link", "a-file/x/..");
    let m = mount_layout(&layout(vec![base, Layer::new().file("link/f", "g")]));
    assert_eq!(m.text("a-file/f"), "g");
    let kinds: Vec<_> = m.image.problems.iter().map(|p| p.kind.id()).collect();
    assert_eq!(kinds, ["parent-not-directory"]);
}
