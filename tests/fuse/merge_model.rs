//! Merging against a model: random stacks of layers over a tiny alphabet, applied to a naive map from
//! paths to contents, and compared with a real mount of the same layers: once with readdir from the
//! root, once with lookup of every possible path. The files that layers hide are compared too.
//!
//! The model has no nodes and no order of whiteouts. For each layer, it first deletes the paths that the
//! layer's whiteouts name from the map, by string prefix, then adds entries. Symbolic links in paths are
//! followed as by filepath-securejoin, also on strings: a path is built name by name, and a link's
//! target is put before the remaining path.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::support::{Layer, mount_layers};
use imgfs::internals::view::{HiddenName, ImageFs, Sidecars};
use proptest::prelude::*;

/// One entry of a layer. Paths are built of the names a, b, c, at most three deep.
#[derive(Clone, Debug)]
enum Op {
    File(String, u8),
    Dir(String, u32),
    Link(String, String),
    Symlink(String, String),
    Whiteout(String),
    Opaque(String),
    /// A file in `.wh..wh.plnk`, and its name there.
    Plnk(&'static str, u8),
    /// A hard link to such a file.
    PlnkLink(String, &'static str),
}

/// The object that the model has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    Dir(u32),
    /// Content, and a number shared by all names of one file.
    File(u8, usize),
    /// Target, and a number as above.
    Symlink(String, usize),
}

type Model = BTreeMap<String, Thing>;

/// Paths whose names a layer removed, even if they exist again.
type Taken = BTreeSet<String>;

const IMPLIED: u32 = 0o755;

/// Removes the paths that match.
fn take(model: &mut Model, taken: &mut Taken, gone: impl Fn(&str) -> bool) {
    taken.extend(model.keys().filter(|path| gone(path)).cloned());
    model.retain(|path, _| !gone(path));
}

fn remove(model: &mut Model, taken: &mut Taken, path: &str) {
    let below = format!("{path}/");
    take(model, taken, |p| p == path || p.starts_with(&below));
}

/// Makes all parents of a path directories.
fn parents(model: &mut Model, taken: &mut Taken, path: &str) {
    for (end, _) in path.match_indices('/') {
        let parent = &path[..end];
        if !matches!(model.get(parent), Some(Thing::Dir(_))) {
            remove(model, taken, parent);
            model.insert(parent.to_owned(), Thing::Dir(IMPLIED));
        }
    }
}

/// More links than this on one path are a loop.
const MAX_LINKS: usize = 255;

/// Returns the path after following links in all its names; `None` for a loop. Missing names are not
/// followed.
fn follow(path: &str, there: impl Fn(&str) -> Option<Thing>) -> Option<String> {
    let (mut done, mut rest) = (Vec::<String>::new(), path.to_owned());
    let mut links = 0;
    while !rest.is_empty() {
        let (name, after) = rest.split_once('/').unwrap_or((&rest, ""));
        match name {
            "" | "." => {}
            ".." => {
                done.pop();
            }
            name => {
                done.push(name.to_owned());
                if let Some(Thing::Symlink(target, _)) = there(&done.join("/")) {
                    links += 1;
                    if links > MAX_LINKS {
                        return None;
                    }
                    done.pop();
                    if target.starts_with('/') {
                        done.clear();
                    }
                    rest = format!("{target}/{after}");
                    continue;
                }
            }
        }
        rest = after.to_owned();
    }
    Some(done.join("/"))
}

/// Like [`follow`], for all names but the last.
fn follow_parents(path: &str, there: impl Fn(&str) -> Option<Thing>) -> Option<String> {
    match path.rsplit_once('/') {
        None => Some(path.to_owned()),
        Some((parent, name)) => {
            let parent = follow(parent, there)?;
            let slash = if parent.is_empty() { "" } else { "/" };
            Some(format!("{parent}{slash}{name}"))
        }
    }
}

/// Returns the state that the whiteouts of a layer apply to: the lower layers, in which the directories
/// of this layer have replaced links.
fn with_directories(model: &Model, layer: &[Op]) -> Model {
    let mut shape = model.clone();
    for op in layer {
        if let Op::Dir(path, _) = op
            && let Some(path) = follow_parents(path, |p| shape.get(p).cloned())
            && let Some(thing @ Thing::Symlink(..)) = shape.get_mut(&path)
        {
            *thing = Thing::Dir(IMPLIED);
        }
    }
    shape
}

fn whiteouts(model: &mut Model, taken: &mut Taken, layer: &[Op]) {
    let mut shape = with_directories(model, layer);
    let mut ignored = Taken::new();
    for op in layer {
        let there = |p: &str| shape.get(p).cloned();
        match op {
            Op::Whiteout(path) => {
                if let Some(path) = follow_parents(path, there) {
                    remove(model, taken, &path);
                    remove(&mut shape, &mut ignored, &path);
                }
            }
            Op::Opaque(dir) => {
                if let Some(dir) = follow(dir, there) {
                    let slash = if dir.is_empty() { "" } else { "/" };
                    let below = format!("{dir}{slash}");
                    take(model, taken, |p| p.starts_with(&below));
                    take(&mut shape, &mut ignored, |p| p.starts_with(&below));
                }
            }
            _ => {}
        }
    }
}

/// Applies a layer; returns the names that it removed.
fn apply(model: &mut Model, layer: &[Op], files: &mut usize) -> Taken {
    let mut taken = Taken::new();
    let before = model.clone();
    whiteouts(model, &mut taken, layer);
    let lower = model.clone();
    // Paths at which this layer has put something that is not a directory, even if it no longer exists:
    // the lower layers' content there and below is gone.
    let mut replaced = BTreeSet::new();
    let mut plnk = BTreeMap::new();
    for op in layer {
        *files += 1;
        let (path, thing) = match op {
            Op::File(path, content) => (path, Thing::File(*content, *files)),
            Op::Symlink(path, target) => (path, Thing::Symlink(target.clone(), *files)),
            Op::Dir(path, mode) => (path, Thing::Dir(*mode)),
            Op::Plnk(name, content) => {
                plnk.insert(*name, *content);
                continue;
            }
            Op::PlnkLink(path, name) => match plnk.get(name) {
                Some(content) => (path, Thing::File(*content, *files)),
                None => continue,
            },
            Op::Link(path, target) => {
                // A file that a whiteout of this layer removed may still be linked to or followed,
                // unless this layer had an entry at its path or at the path of a parent.
                let there = |target: &str| {
                    let hidden = !lower.contains_key(target)
                        && !overlaid(model, &lower, target)
                        && !prefixes(target).any(|path| replaced.contains(path));
                    match model.get(target) {
                        None if hidden => before.get(target).cloned(),
                        found => found.cloned(),
                    }
                };
                let target = follow_parents(target, there);
                match target.and_then(|target| there(&target)) {
                    // A link to nothing has no effect.
                    None | Some(Thing::Dir(_)) => continue,
                    Some(thing) => (path, thing),
                }
            }
            Op::Whiteout(_) | Op::Opaque(_) => continue,
        };
        let Some(path) = follow_parents(path, |p| model.get(p).cloned()) else {
            continue;
        };
        if !matches!(thing, Thing::Dir(_)) && model.get(&path) == Some(&thing) {
            continue;
        }
        parents(model, &mut taken, &path);
        let is_directory = matches!(thing, Thing::Dir(_));
        if !is_directory || !matches!(model.get(&path), Some(Thing::Dir(_))) {
            remove(model, &mut taken, &path);
        }
        if !is_directory {
            replaced.insert(path.clone());
        }
        model.insert(path, thing);
    }
    taken
}

/// For each path, the layer that brought its current name.
type Brought = BTreeMap<String, u32>;

/// Names that a layer brought, and the layer that removed them.
type Hidden = BTreeSet<(u32, String, u32)>;

/// Updates the records of names after a layer was applied.
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

/// Returns the parents of a path from the root, and the path itself.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(end, _)| end);
    ends.chain([path.len()]).map(|end| &path[..end])
}

/// Returns whether this layer has put something at a path or above it that lower layers did not have.
fn overlaid(model: &Model, lower: &Model, path: &str) -> bool {
    let other = |p: &str| match (model.get(p), lower.get(p)) {
        // A directory over a directory keeps its content.
        (Some(Thing::Dir(_)), Some(Thing::Dir(_))) | (None, _) => false,
        (here, there) => here != there,
    };
    prefixes(path).any(other)
}

fn names() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["a", "b", "c"], 1..4).prop_map(|names| names.join("/"))
}

/// Generates targets of links: most lead somewhere, some through names that never exist.
fn targets() -> impl Strategy<Value = String> {
    let start = prop_oneof![
        Just(""),
        Just("/"),
        Just("../"),
        Just("z/../"),
        Just("/z/y/../../"),
        Just("a/b/../"),
        Just("z/")
    ];
    (start, names()).prop_map(|(start, names)| format!("{start}{names}"))
}

fn op() -> impl Strategy<Value = Op> {
    let inode = || prop_oneof![Just("1.1"), Just("2.1")];
    prop_oneof![
        4 => (names(), any::<u8>()).prop_map(|(p, c)| Op::File(p, c)),
        4 => (names(), prop_oneof![Just(0o700), Just(0o1777)]).prop_map(|(p, m)| Op::Dir(p, m)),
        2 => (names(), names()).prop_map(|(p, t)| Op::Link(p, t)),
        2 => (names(), targets()).prop_map(|(p, t)| Op::Symlink(p, t)),
        3 => names().prop_map(Op::Whiteout),
        2 => prop_oneof![4 => names(), 1 => Just(String::new())].prop_map(Op::Opaque),
        1 => (inode(), any::<u8>()).prop_map(|(n, c)| Op::Plnk(n, c)),
        1 => (names(), inode()).prop_map(|(p, n)| Op::PlnkLink(p, n)),
    ]
}

/// Generates a directory and a marker in it, as builders write a replacement, in either order.
fn replacement() -> impl Strategy<Value = Vec<Op>> {
    (names(), proptest::option::of(names()), any::<bool>()).prop_map(|(path, below, first)| {
        let marker = match below {
            Some(below) => Op::Whiteout(format!("{path}/{below}")),
            None => Op::Opaque(path.clone()),
        };
        let dir = Op::Dir(path, 0o700);
        match first {
            true => vec![dir, marker],
            false => vec![marker, dir],
        }
    })
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let group = prop_oneof![5 => op().prop_map(|op| vec![op]), 1 => replacement()];
    proptest::collection::vec(group, 0..12).prop_map(|groups| groups.concat())
}

fn layer(ops: &[Op]) -> Layer {
    ops.iter().fold(Layer::new(), |layer, op| match op {
        Op::File(path, content) => layer.file(path, [*content]),
        Op::Dir(path, mode) => layer.dir_mode(path, *mode),
        Op::Link(path, target) => layer.hardlink(path, target),
        Op::Symlink(path, target) => layer.symlink(path, target),
        Op::Plnk(name, content) => layer.file(&format!(".wh..wh.plnk/{name}"), [*content]),
        Op::PlnkLink(path, name) => layer.hardlink(path, &format!(".wh..wh.plnk/{name}")),
        Op::Whiteout(path) => layer.whiteout(path),
        Op::Opaque(dir) => layer.opaque(dir),
    })
}

/// The content of a mount at a path, without the number, and the inode of anything but a directory.
type Seen = BTreeMap<String, (Thing, u64)>;

/// Walks a mount with readdir.
fn walk(root: &Path, dir: &str, seen: &mut Seen) {
    for entry in fs::read_dir(root.join(dir)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let path = if dir.is_empty() {
            name
        } else {
            format!("{dir}/{name}")
        };
        let full = root.join(&path);
        let meta = fs::symlink_metadata(&full).unwrap();
        if meta.is_dir() {
            seen.insert(path.clone(), (Thing::Dir(meta.mode() & 0o7777), 0));
            walk(root, &path, seen);
            continue;
        }
        let thing = if meta.is_symlink() {
            let target = fs::read_link(&full).unwrap();
            Thing::Symlink(target.into_os_string().into_string().unwrap(), 0)
        } else {
            Thing::File(fs::read(&full).unwrap()[0], 0)
        };
        seen.insert(path, (thing, meta.ino()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400, failure_persistence: None, ..ProptestConfig::default()
    })]
    #[test]
    fn a_mount_shows_what_the_model_has(
        stack in proptest::collection::vec(ops(), 1..5)
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
            let (shown, ino) = &seen[path];
            let (plain, id) = match thing {
                Thing::Dir(mode) => (Thing::Dir(*mode), None),
                Thing::File(content, id) => (Thing::File(*content, 0), Some(*id)),
                Thing::Symlink(target, id) => (Thing::Symlink(target.clone(), 0), Some(*id)),
            };
            prop_assert_eq!(shown, &plain, "{}", path);
            if let Some(id) = id {
                // All names of one file have one inode.
                let known = *inodes.entry(id).or_insert(*ino);
                prop_assert_eq!(known, *ino, "{}", path);
                let links = model.values().filter(|t| *t == thing).count();
                let meta = fs::symlink_metadata(mounted.join(path)).unwrap();
                prop_assert_eq!(meta.nlink(), links as u64, "{}", path);
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

        // With lookup, in a mount whose directories were never listed.
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
        // The kernel would follow links in the path.
        let is_link = |path: &str| matches!(model.get(path), Some(Thing::Symlink(..)));
        all.retain(|path| !prefixes(path).any(|parent| parent != path && is_link(parent)));
        for path in &all {
            let found = fs::symlink_metadata(fresh.join(path)).ok().map(|m| m.is_dir());
            let want = model.get(path).map(|t| matches!(t, Thing::Dir(_)));
            prop_assert_eq!(found, want, "{}", path);
        }
    }
}
