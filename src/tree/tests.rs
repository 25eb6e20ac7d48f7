//! Layers made by hand, merged, and read back.

use super::*;
use crate::cache::{CacheDir, CacheKey, CacheKind};
use crate::inspect::Format;
use crate::layer::{Data as LayerData, EntryKind, LayerEntry, Mtime};

fn entry(path: &str, kind: EntryKind) -> LayerEntry {
    LayerEntry {
        path: path.as_bytes().into(),
        kind,
        mode: 0o644,
        uid: 1,
        gid: 2,
        mtime: Mtime { sec: 3, nsec: 4 },
        size: 0,
        xattrs: Vec::new(),
        data: LayerData::None,
        format: None,
    }
}

fn file(path: &str) -> LayerEntry {
    entry(path, EntryKind::Regular)
}

fn link(path: &str, target: &str) -> LayerEntry {
    entry(path, EntryKind::Symlink(target.as_bytes().into()))
}

fn merge(layers: Vec<Vec<LayerEntry>>) -> Tree {
    let mut merger = Merger::new();
    for entries in layers {
        merger.apply(Vec::new(), &entries).unwrap();
    }
    let key = CacheKey::tree(std::iter::empty());
    let written = merger
        .finish(CacheDir::none().create(CacheKind::Tree).unwrap(), &key)
        .unwrap();
    Tree::open(&written.file).unwrap()
}

fn paths(tree: &Tree) -> Vec<String> {
    let paths = tree.dentries().map(|id| tree.path(id));
    paths.map(|p| String::from_utf8(p).unwrap()).collect()
}

#[test]
fn an_empty_image_has_a_root() {
    let tree = merge(Vec::new());
    let root = tree.node(Tree::ROOT).unwrap();
    assert_eq!(
        (root.kind, root.mode, root.nlink),
        (NodeKind::Directory, 0o755, 2)
    );
    assert_eq!(tree.nodes().len(), 1);
    assert!(tree.children(Tree::ROOT).len() == 0 && !tree.is_damaged());
    assert!(tree.node(NodeId(1)).is_none() && tree.dentry(DentryId(0)).is_none());
    assert!(!tree.is_damaged(), "a missing number is not damage");
}

#[test]
fn what_is_replaced_is_not_written() {
    let tree = merge(vec![
        vec![file("a/one"), link("a/two", "one"), file("b")],
        vec![file("a/one"), file("a/.wh.two"), file("c/.wh..wh..opq")],
        vec![file("b/in")],
    ]);
    assert_eq!(paths(&tree), ["/a", "/b", "/a/one", "/b/in"]);
    assert_eq!(tree.nodes().len(), 5);
    assert!(tree.targets.is_empty());
    let (_, one) = tree.lookup(NodeId(1), b"one").unwrap();
    let node = tree.node(one.node).unwrap();
    assert_eq!((node.layer, node.entry, node.uid), (1, Some(0), 1));
}

#[test]
fn all_of_a_record_comes_back() {
    let mut sparse = file("s");
    sparse.size = 100;
    let extent = |offset, len, at| Extent { offset, len, at };
    let extents = [extent(0, 10, 512), extent(50, 5, 522), extent(90, 10, 527)];
    sparse.data = LayerData::Sparse(extents.into());
    let mut with = file("x");
    with.mode = 0o4711;
    with.size = 5000;
    with.data = LayerData::Whole(1 << 40);
    for (name, value) in [("user.a", &b"\0\xff"[..]), ("user.b", b"")] {
        with.xattrs.push(crate::layer::Xattr {
            name: name.as_bytes().into(),
            value: value.into(),
        });
    }
    let device = entry("dev", EntryKind::CharDevice(8, 0xf_ffff));
    let tree = merge(vec![vec![sparse, with, device, link("l", "../s")]]);
    let node = |name: &str| {
        let (_, dentry) = tree.lookup(Tree::ROOT, name.as_bytes()).unwrap();
        (dentry.node, tree.node(dentry.node).unwrap())
    };
    let (_, s) = node("s");
    let Data::Sparse(found) = tree.data(&s) else {
        panic!("{s:?}");
    };
    assert_eq!(found.from(0).collect::<Vec<_>>(), extents);
    assert_eq!(found.from(9).count(), 3);
    assert_eq!(found.from(10).next(), Some(extents[1]));
    assert_eq!(found.from(100).next(), None);
    assert_eq!((s.size, tree.stored_size(&s)), (100, 25));
    let (_, x) = node("x");
    assert!(matches!(tree.data(&x), Data::Whole(at) if at == 1 << 40));
    assert_eq!((x.mode, x.mtime), (0o4711, Mtime { sec: 3, nsec: 4 }));
    let xattrs = tree.xattrs(&x);
    assert_eq!((xattrs.len(), xattrs[0].name), (2, &b"user.a"[..]));
    assert_eq!(
        (xattrs[0].value, xattrs[1].value),
        (&b"\0\xff"[..], &b""[..])
    );
    assert_eq!(node("dev").1.device, (8, 0xf_ffff));
    assert_eq!(tree.target(node("l").0), Some(&b"../s"[..]));
    assert_eq!(tree.blocks(), 3);
    assert!(!tree.is_damaged());
}

/// A file that the tree regards as an executable.
fn executable(path: &str) -> LayerEntry {
    let mut entry = file(path);
    entry.format = Some(Format::Elf);
    entry
}

#[test]
fn links_are_followed_once_and_for_all() {
    let tree = merge(vec![vec![
        executable("usr/bin/tool"),
        link("bin", "usr/bin"),
        link("tool", "/bin/tool"),
        link("out", "../../../bin/../bin/tool"),
        link("circle", "circle"),
        link("none", "no/such"),
        link("dir", "usr/bin"),
        file("text"),
    ]]);
    let of = |name: &str| tree.lookup(Tree::ROOT, name.as_bytes()).unwrap();
    let (bin, _) = tree.resolve(Tree::ROOT, b"bin/tool").unwrap();
    for name in ["tool", "out"] {
        assert_eq!(of(name).1.executable, Executable::At(bin.unwrap()));
        assert_eq!(tree.executable(of(name).0), bin);
    }
    for name in ["circle", "none", "dir", "text", "usr", "bin"] {
        assert_eq!(of(name).1.executable, Executable::No, "{name}");
    }
}

/// Each of the last links takes as many steps as a path may have. They are not followed ahead of time,
/// and later resolution gives the same results.
#[test]
fn what_links_cost_in_all_is_bounded() {
    let mut entries = vec![executable("x"), link("first", "x")];
    let long = format!("{}x", "./".repeat(2000));
    for i in 0..2000 {
        entries.push(link(&format!("l{i:04}"), &long));
    }
    let tree = merge(vec![entries]);
    let of = |name: &str| tree.lookup(Tree::ROOT, name.as_bytes()).unwrap();
    assert_eq!(of("l1999").1.executable, Executable::Unknown);
    assert_eq!(tree.executable(of("l1999").0), Some(of("x").0));
    assert!(matches!(of("first").1.executable, Executable::At(_)));
}

#[test]
fn too_many_entries_are_refused() {
    let mut merger = Merger::new();
    let mut long = file("f");
    long.path = vec![b'a'; 1 << 20].into();
    let many = vec![long; 64];
    let mut taken = 0;
    let error = loop {
        match merger.apply(Vec::new(), &many) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
    };
    // Each entry is reported with its path: 64 MiB per layer.
    assert!((30..=32).contains(&taken), "{taken}");
    assert!(matches!(error, TreeError::TooMuch));
}

#[test]
fn a_link_cannot_make_what_no_file_system_holds() {
    let long = "n".repeat(256);
    let tree = merge(vec![vec![link("l", &long)], vec![file("l/f")]]);
    assert_eq!(paths(&tree), ["/l"]);
    assert_eq!(tree.problems()[0].kind.id(), "name-too-long");
}
