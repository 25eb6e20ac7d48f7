//! Hard links into `.wh..wh.plnk`, which images of Docker 1.12 and older have from aufs. The oracle is
//! buildah, whose code for unpacking layers (containers/storage, `UnpackLayer`) is that of moby. umoci
//! does not treat the directory specially: it unpacks it like any other, and the links are names of the
//! files in it.

use std::os::unix::fs::{MetadataExt, symlink};
use std::process::Command;

use crate::merge_support::{Tree, layout, mount_layout, same, tree_of, umoci};
use crate::support::{Layer, Mounted, data, run};
use imgfs::internals::view::{ImageFs, Sidecars};
use tempfile::TempDir;

/// Returns the tree that buildah unpacks from a layout.
fn buildah(layout: &TempDir) -> Tree {
    let work = tempfile::tempdir().unwrap();
    let buildah = |args: &[&str]| {
        let storage = ["--storage-driver", "vfs", "--root"];
        let mut command = Command::new("buildah");
        command.args(storage).arg(work.path().join("storage"));
        command.arg("--runroot").arg(work.path().join("run"));
        let output = run(command.args(args).current_dir(work.path()));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    // buildah uses the path as a name, which must have no capital letters.
    symlink(layout.path(), work.path().join("layout")).unwrap();
    let container = buildah(&["from", "oci:layout:test"]);
    let root = buildah(&["mount", &container]);
    let mut tree = tree_of(root.as_ref());
    buildah(&["umount", &container]);
    // buildah creates the parent of an entry before it skips the entry.
    tree.retain(|path, attributes| {
        let left = path.starts_with(b".wh..wh.plnk");
        assert!(!left || attributes["type"] == "directory");
        !left
    });
    tree
}

fn as_buildah(layers: Vec<Layer>) -> Mounted {
    let layout = layout(layers);
    let mounted = mount_layout(&layout);
    same("buildah", &buildah(&layout), &mounted);
    mounted
}

fn problems(mounted: &Mounted) -> Vec<String> {
    let problems = mounted.image.problems.iter();
    problems.map(ToString::to_string).collect()
}

/// Returns a layer with a file that has two names, as stored by aufs.
fn layer() -> Layer {
    Layer::new()
        .dir("./")
        .dir(".wh..wh.plnk")
        .pax(&[("SCHILY.xattr.user.a", b"1")])
        .file_mode(".wh..wh.plnk/101.2345", "shared", 0o4750)
        .file(".wh..wh.aufs", "")
        .dir(".wh..wh.orph")
        .dir("bin")
        .hardlink("bin/one", ".wh..wh.plnk/101.2345")
        .hardlink("bin/two", ".wh..wh.plnk/101.2345")
}

#[test]
fn a_hard_link_into_plnk_gets_its_content_and_attributes() {
    let m = as_buildah(vec![layer()]);
    assert_eq!(m.names(""), ["bin"]);
    for name in ["bin/one", "bin/two"] {
        let meta = std::fs::symlink_metadata(m.join(name)).unwrap();
        assert_eq!(m.text(name), "shared");
        assert_eq!((meta.mode() & 0o7777, meta.nlink()), (0o4750, 1));
        assert_eq!(meta.mtime(), 1_000_000_000);
        let value = xattr::get(m.join(name), "user.a").unwrap();
        assert_eq!(value.as_deref(), Some(&b"1"[..]));
    }
    assert!(problems(&m).is_empty(), "{:?}", problems(&m));
}

/// umoci shows the directory too, and the links are names of the file in it. The bytes are the same.
#[test]
fn umoci_gives_a_link_into_plnk_the_same_bytes() {
    let layout = layout(vec![layer()]);
    let (theirs, ours) = (umoci(&layout), tree_of(mount_layout(&layout).path()));
    for name in [&b"bin/one"[..], b"bin/two"] {
        assert_eq!(theirs[name]["content"], ours[name]["content"]);
        assert_eq!(theirs[name]["same file as"], "./.wh..wh.plnk/101.2345");
    }
}

/// As in moby, each link is a separate file.
#[test]
fn two_links_to_one_file_in_plnk_are_two_files() {
    let m = as_buildah(vec![layer()]);
    let ino = |name: &str| std::fs::metadata(m.join(name)).unwrap().ino();
    assert_ne!(ino("bin/one"), ino("bin/two"));
    // A link to such a file outside the directory is an ordinary one.
    let m = as_buildah(vec![
        Layer::new()
            .dir("./")
            .file(".wh..wh.plnk/1.1", "shared")
            .hardlink("bin/one", ".wh..wh.plnk/1.1")
            .hardlink("bin/three", "bin/one"),
    ]);
    let meta = |name: &str| std::fs::metadata(m.join(name)).unwrap();
    assert_eq!(meta("bin/one").ino(), meta("bin/three").ino());
    assert_eq!(meta("bin/three").nlink(), 2);
}

#[test]
fn a_link_into_plnk_replaces_what_lower_layers_have() {
    let lower = Layer::new()
        .file("bin/one", "old")
        .dir("bin/two")
        .file("bin/two/x", "x")
        .file("bin/three", "three");
    let m = as_buildah(vec![lower, layer()]);
    assert_eq!(m.names("bin"), ["one", "three", "two"]);
    assert_eq!(m.text("bin/two"), "shared");
}

/// Only the last component of a path is used. If two files have the same name, links after the second
/// file refer to the second one.
#[test]
fn which_file_of_plnk_a_link_means() {
    let m = as_buildah(vec![
        Layer::new()
            .dir("./")
            .file("./.wh..wh.plnk/a/1.1", "first")
            .hardlink("before", ".wh..wh.plnk/1.1")
            .file(".wh..wh.plnk/b/1.1", "second")
            .hardlink("after", "./.wh..wh.plnk/x/../1.1"),
    ]);
    assert_eq!(
        (m.text("before"), m.text("after")),
        ("first".into(), "second".into())
    );
    assert!(problems(&m).is_empty(), "{:?}", problems(&m));
}

/// A layer does not see the directory of another layer, and only files can be linked to, as in moby.
/// moby rejects such an image; imgfs only leaves out the link.
#[test]
fn a_link_to_what_plnk_does_not_have_is_reported() {
    let upper = Layer::new()
        .hardlink("early", ".wh..wh.plnk/2.2")
        .file(".wh..wh.plnk/2.2", "late")
        .symlink(".wh..wh.plnk/3.3", "/bin/one")
        .hardlink("lower", ".wh..wh.plnk/101.2345")
        .hardlink("symlink", ".wh..wh.plnk/3.3")
        .hardlink("directory", ".wh..wh.plnk")
        .hardlink("deeper", "bin/.wh..wh.plnk/2.2");
    let m = mount_layout(&layout(vec![layer(), upper]));
    assert_eq!(m.names(""), ["bin"]);
    let found = problems(&m);
    assert_eq!(found.len(), 5, "{found:?}");
    let dangling = found
        .iter()
        .filter(|p| p.contains("dangling-hard-link: layer 1"));
    assert_eq!(dangling.count(), 5, "{found:?}");
}

/// The facts of an executable also apply to each link to it.
#[test]
fn the_facts_of_an_executable_in_plnk() {
    let program = data("gcc-musl-static");
    let layers = vec![
        Layer::new()
            .file_mode(".wh..wh.plnk/7.7", &program, 0o755)
            .file_mode(".wh..wh.plnk/8.8", "#!/bin/one\n", 0o755)
            .hardlink("bin/one", ".wh..wh.plnk/7.7")
            .hardlink("bin/script", ".wh..wh.plnk/8.8"),
    ];
    let m = mount_layout(&layout(layers));
    assert_eq!(m.read("bin/one"), program);
    let get = |path: &str, name: &str| {
        let value = xattr::get(m.join(path), name).unwrap();
        value.map(|value| String::from_utf8(value).unwrap())
    };
    assert_eq!(get("bin/one", "user.imgfs.format").as_deref(), Some("elf"));
    let interpreter = get("bin/script", "user.imgfs.interpreter");
    assert_eq!(interpreter.as_deref(), Some("/bin/one"));
}

/// The output names a hidden link by the path of the link.
#[test]
fn a_link_into_plnk_can_be_hidden() {
    let layers = vec![layer(), Layer::new().whiteout("bin/one")];
    let m = as_buildah(layers);
    assert_eq!(m.names("bin"), ["two"]);
    let view = ImageFs::new(m.image.clone(), Sidecars::Off);
    let names = view.hidden().unwrap().into_iter();
    let hidden: Vec<_> = names.map(|n| (n.path, n.layer, n.by)).collect();
    assert_eq!(hidden, [(b"/bin/one".to_vec(), 0, 1)]);
}

/// The view of a single layer shows its files as shipped.
#[test]
fn a_layer_alone_shows_plnk() {
    let m = mount_layout(&layout(vec![layer()]));
    let root = ".imgfs/layers/0";
    assert_eq!(
        m.names(root),
        [".wh..wh.aufs", ".wh..wh.orph", ".wh..wh.plnk", "bin"]
    );
    assert_eq!(m.text(&format!("{root}/bin/two")), "shared");
}
