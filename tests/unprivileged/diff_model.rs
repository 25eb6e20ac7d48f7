//! `imgfs diff --content` of random trees against `diff -r` of the same trees on disk, which this test
//! writes itself, without imgfs. The second image is stored as an independent layer, or as a layer of
//! changes on top of the first one's.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::diff::{content, diff_r, layout};
use crate::support::program::Place;
use crate::support::{Layer, OciImage};
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    Dir,
    File(&'static str),
    Link(&'static str),
}

/// Paths of the names a, b and a.b, whose order differs from the order of their directories.
type Tree = BTreeMap<String, Thing>;

fn remove(tree: &mut Tree, path: &str) {
    let below = format!("{path}/");
    tree.retain(|known, _| known != path && !known.starts_with(&below));
}

/// Puts a thing at a path; its parents become directories.
fn put(tree: &mut Tree, path: &str, thing: Thing) {
    for (end, _) in path.match_indices('/') {
        let above = &path[..end];
        if tree.get(above) != Some(&Thing::Dir) {
            remove(tree, above);
            tree.insert(above.to_owned(), Thing::Dir);
        }
    }
    if thing != Thing::Dir || tree.get(path) != Some(&Thing::Dir) {
        remove(tree, path);
    }
    tree.insert(path.to_owned(), thing);
}

fn write(tree: &Tree, root: &Path) {
    fs::create_dir(root).unwrap();
    for (path, thing) in tree {
        let path = root.join(path);
        match thing {
            Thing::Dir => fs::create_dir(path).unwrap(),
            Thing::File(bytes) => fs::write(path, bytes).unwrap(),
            Thing::Link(target) => symlink(target, path).unwrap(),
        }
    }
}

fn add(layer: Layer, path: &str, thing: &Thing) -> Layer {
    match thing {
        Thing::Dir => layer.dir(path),
        Thing::File(bytes) => layer.file(path, bytes),
        Thing::Link(target) => layer.symlink(path, target),
    }
}

fn whole(tree: &Tree) -> Vec<u8> {
    let layer = tree
        .iter()
        .fold(Layer::new(), |l, (path, thing)| add(l, path, thing));
    layer.tar()
}

/// Returns a layer that turns one tree into another.
fn changes(old: &Tree, new: &Tree) -> Vec<u8> {
    let mut layer = Layer::new();
    for path in old.keys().filter(|path| !new.contains_key(*path)) {
        layer = layer.whiteout(path);
    }
    for (path, thing) in new {
        if old.get(path) != Some(thing) {
            layer = add(layer, path, thing);
        }
    }
    layer.tar()
}

fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("a"), Just("b"), Just("a.b")];
    prop::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        2 => Just(Thing::Dir),
        4 => prop_oneof![Just(""), Just("one"), Just("two"), Just("three")].prop_map(Thing::File),
        2 => prop_oneof![Just("a"), Just("nowhere")].prop_map(Thing::Link),
    ]
}

fn things(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(String, Option<Thing>)>> {
    let thing = prop_oneof![3 => thing().prop_map(Some), 1 => Just(None)];
    prop::collection::vec((path(), thing), count)
}

fn apply(tree: &mut Tree, things: Vec<(String, Option<Thing>)>) {
    for (path, thing) in things {
        match thing {
            Some(thing) => put(tree, &path, thing),
            None => remove(tree, &path),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn the_same_paths_as_diff(first in things(0..16), then in things(0..8), on_top in any::<bool>()) {
        let mut old = Tree::new();
        apply(&mut old, first);
        let mut new = old.clone();
        apply(&mut new, then);

        let place = Place::new();
        let (a, b) = (place.join("tree-a"), place.join("tree-b"));
        write(&old, &a);
        write(&new, &b);
        let layers = match on_top {
            true => vec![whole(&old), changes(&old, &new)],
            false => vec![whole(&new)],
        };
        let one = layout(&place, "a", &OciImage::plain(&[whole(&old)]));
        let two = layout(&place, "b", &OciImage::gzip(&layers));
        let expected = diff_r(&a, &b);
        prop_assert_eq!(content(&place, [&one, &two]), expected.clone());
        prop_assert_eq!(content(&place, [&two, &one]), expected);
    }
}
