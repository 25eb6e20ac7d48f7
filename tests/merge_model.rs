//! Merging against a model: random stacks of layers over a tiny alphabet, applied to a naive map
//! from paths to contents, and compared with a real mount of the same layers: once by readdir from
//! the root, once by lookup of every path there could be. What layers hide of each other is compared
//! too.
//!
//! The model knows nothing of nodes or of the order of whiteouts: per layer it first deletes from
//! the map by string prefix what the layer's whiteouts name, then adds. It has no symbolic links;
//! tests/merge_cases.rs has those.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use common::{Layer, mount_layers};
use imgfs::view::{HiddenName, ImageFs, Sidecars};
use proptest::prelude::*;

/// One entry of a layer. Paths are built of the names a, b, c, at most three deep.
#[derive(Clone, Debug)]
enum Op {
    File(String, u8),
    Dir(String, u32),
    Link(String, String),
    Whiteout(String),
    Opaque(String),
}

/// What the model has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    Dir(u32),
    /// Content, and a number shared by all names of one file.
    File(u8, usize),
}

type Model = BTreeMap<String, Thing>;

/// Paths whose names a layer took away, there again or not.
type Taken = BTreeSet<String>;

const IMPLIED: u32 = 0o755;

/// Takes away what matches.
fn take(model: &mut Model, taken: &mut Taken, gone: impl Fn(&str) -> bool) {
    taken.extend(model.keys().filter(|path| gone(path)).cloned());
    model.retain(|path, _| !gone(path));
}

fn remove(model: &mut Model, taken: &mut Taken, path: &str) {
    let below = format!("{path}/");
    take(model, taken, |p| p == path || p.starts_with(&below));
}

/// Makes the parents of a path directories.
fn parents(model: &mut Model, taken: &mut Taken, path: &str) {
    for (end, _) in path.match_indices('/') {
        let parent = &path[..end];
        if !matches!(model.get(parent), Some(Thing::Dir(_))) {
            remove(model, taken, parent);
            model.insert(parent.to_owned(), Thing::Dir(IMPLIED));
        }
    }
}

/// Applies a layer; returns what it took away.
fn apply(model: &mut Model, layer: &[Op], files: &mut usize) -> Taken {
    let mut taken = Taken::new();
    let before = model.clone();
    for op in layer {
        match op {
            Op::Whiteout(path) => remove(model, &mut taken, path),
            Op::Opaque(dir) => {
                let below = if dir.is_empty() {
                    String::new()
                } else {
                    format!("{dir}/")
                };
                take(model, &mut taken, |p| p.starts_with(&below));
            }
            _ => {}
        }
    }
    let lower = model.clone();
    // Paths at which this layer has put something that is not a directory, there still or not: what
    // lower layers had there and below is gone.
    let mut replaced = BTreeSet::new();
    for op in layer {
        match op {
            Op::File(path, content) => {
                parents(model, &mut taken, path);
                remove(model, &mut taken, path);
                replaced.insert(path.as_str());
                *files += 1;
                model.insert(path.clone(), Thing::File(*content, *files));
            }
            Op::Dir(path, mode) => {
                parents(model, &mut taken, path);
                if let Some(Thing::File(..)) = model.get(path) {
                    remove(model, &mut taken, path);
                }
                model.insert(path.clone(), Thing::Dir(*mode));
            }
            Op::Link(path, target) => {
                // A target that a whiteout of this layer took away may still be linked to, unless
                // something of this layer stood at its place or at that of a parent.
                let hidden = !lower.contains_key(target)
                    && !overlaid(model, &lower, target)
                    && !prefixes(target).any(|path| replaced.contains(path));
                let found = match model.get(target) {
                    Some(thing) => Some(thing.clone()),
                    None if hidden => before.get(target).cloned(),
                    None => None,
                };
                // A link to nothing leaves no trace.
                if let Some(file @ Thing::File(..)) = found
                    && model.get(path) != Some(&file)
                {
                    parents(model, &mut taken, path);
                    remove(model, &mut taken, path);
                    replaced.insert(path.as_str());
                    model.insert(path.clone(), file);
                }
            }
            Op::Whiteout(_) | Op::Opaque(_) => {}
        }
    }
    taken
}

/// For each path, the layer that brought its name.
type Brought = BTreeMap<String, u32>;

/// Names that a layer brought, and the layer that took them away.
type Hidden = BTreeSet<(u32, String, u32)>;

/// What is known of names once a layer was applied.
fn remember(model: &Model, taken: &Taken, layer: u32, brought: &mut Brought, hidden: &mut Hidden) {
    for path in taken {
        if let Some(by) = brought.remove(path) {
            hidden.insert((by, path.clone(), layer));
        }
    }
    for path in model.keys() {
        brought.entry(path.clone()).or_insert(layer);
    }
}

/// The parents of a path from the root, and the path itself.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(end, _)| end);
    ends.chain([path.len()]).map(|end| &path[..end])
}

/// Whether this layer has put something at a path or above it that lower layers did not have.
fn overlaid(model: &Model, lower: &Model, path: &str) -> bool {
    let other = |p: &str| match (model.get(p), lower.get(p)) {
        // A directory over a directory keeps what is in it.
        (Some(Thing::Dir(_)), Some(Thing::Dir(_))) | (None, _) => false,
        (here, there) => here != there,
    };
    prefixes(path).any(other)
}

fn names() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["a", "b", "c"], 1..4).prop_map(|names| names.join("/"))
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (names(), any::<u8>()).prop_map(|(p, c)| Op::File(p, c)),
        3 => (names(), prop_oneof![Just(0o700), Just(0o1777)]).prop_map(|(p, m)| Op::Dir(p, m)),
        2 => (names(), names()).prop_map(|(p, t)| Op::Link(p, t)),
        3 => names().prop_map(Op::Whiteout),
        1 => prop_oneof![2 => names(), 1 => Just(String::new())].prop_map(Op::Opaque),
    ]
}

fn layer(ops: &[Op]) -> Layer {
    ops.iter().fold(Layer::new(), |layer, op| match op {
        Op::File(path, content) => layer.file(path, [*content]),
        Op::Dir(path, mode) => layer.dir_mode(path, *mode),
        Op::Link(path, target) => layer.hardlink(path, target),
        Op::Whiteout(path) => layer.whiteout(path),
        Op::Opaque(dir) => layer.opaque(dir),
    })
}

/// Walks a mount by readdir.
fn walk(root: &Path, dir: &str, seen: &mut BTreeMap<String, (u32, Option<u8>, u64)>) {
    for entry in fs::read_dir(root.join(dir)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = if dir.is_empty() {
            name
        } else {
            format!("{dir}/{name}")
        };
        let meta = fs::symlink_metadata(root.join(&path)).unwrap();
        if meta.is_dir() {
            seen.insert(path.clone(), (meta.mode() & 0o7777, None, 0));
            walk(root, &path, seen);
        } else {
            let content = fs::read(root.join(&path)).unwrap();
            seen.insert(path, (0, Some(content[0]), meta.ino()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400, failure_persistence: None, ..ProptestConfig::default()
    })]
    #[test]
    fn a_mount_shows_what_the_model_has(
        stack in proptest::collection::vec(proptest::collection::vec(op(), 0..12), 1..5)
    ) {
        let mut model = Model::new();
        let mut files = 0;
        let (mut brought, mut hidden) = (Brought::new(), Hidden::new());
        for (layer, ops) in (0..).zip(&stack) {
            let taken = apply(&mut model, ops, &mut files);
            remember(&model, &taken, layer, &mut brought, &mut hidden);
        }
        let mounted = mount_layers(stack.iter().map(|ops| layer(ops)).collect());

        let mut seen = BTreeMap::new();
        walk(mounted.path(), "", &mut seen);
        let paths: Vec<_> = seen.keys().collect();
        prop_assert_eq!(paths, model.keys().collect::<Vec<_>>());
        let mut inodes: BTreeMap<usize, u64> = BTreeMap::new();
        for (path, thing) in &model {
            let (mode, content, ino) = seen[path];
            match thing {
                Thing::Dir(want) => prop_assert_eq!((mode, content), (*want, None), "{}", path),
                Thing::File(want, id) => {
                    prop_assert_eq!(content, Some(*want), "{}", path);
                    // All names of one file have one inode.
                    let known = *inodes.entry(*id).or_insert(ino);
                    prop_assert_eq!(known, ino, "{}", path);
                    let links = model.values().filter(|t| **t == Thing::File(*want, *id)).count();
                    let meta = fs::metadata(mounted.join(path)).unwrap();
                    prop_assert_eq!(meta.nlink(), links as u64, "{}", path);
                }
            }
        }
        let distinct: BTreeSet<_> = inodes.values().collect();
        prop_assert_eq!(distinct.len(), inodes.len(), "different files have different inodes");

        let name = |n: HiddenName| (n.layer, String::from_utf8(n.path).unwrap(), n.by);
        let view = ImageFs::new(mounted.image.clone(), Sidecars::Off);
        let found: Hidden = view.hidden().unwrap().into_iter().map(name).collect();
        let expected: Hidden =
            hidden.iter().map(|(layer, path, by)| (*layer, format!("/{path}"), *by)).collect();
        prop_assert_eq!(found, expected);

        // By lookup, in a mount whose directories were never listed.
        let fresh = mount_layers(stack.iter().map(|ops| layer(ops)).collect());
        let alphabet = ["a", "b", "c"];
        let mut all: Vec<String> = alphabet.iter().map(|&n| n.to_owned()).collect();
        for depth in [0, 3] {
            for i in depth..all.len() {
                for name in alphabet {
                    all.push(format!("{}/{name}", all[i]));
                }
            }
        }
        for path in &all {
            let found = fs::symlink_metadata(fresh.join(path)).ok().map(|m| m.is_dir());
            let want = model.get(path).map(|t| matches!(t, Thing::Dir(_)));
            prop_assert_eq!(found, want, "{}", path);
        }
    }
}
