//! The view of several images without a mount: every operation, also with numbers that the kernel never
//! passes.

use std::collections::HashMap;
use std::sync::Arc;

use crate::support::platforms::{BIG, NAMES, write};
use crate::support::text;
use imgfs::internals::image::Platform;
use imgfs::internals::open::{OpenOptions, open_each};
use imgfs::internals::view::{
    Counter, FileType, ImageFs, Platforms, Sidecars, View, ViewError, platform_names,
};

fn view() -> Platforms {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let mut platforms: Vec<Platform> = Vec::new();
    let mut images = Vec::new();
    open_each(
        &dir.path().to_str().unwrap().parse().unwrap(),
        &OpenOptions::default(),
        &(),
        &|_| true,
        &mut |platform, image| {
            platforms.push(platform);
            images.push(Arc::new(image.unwrap()));
        },
    )
    .unwrap();
    let names = platform_names(&platforms);
    Platforms::new(names.into_iter().zip(images).collect(), Sidecars::Listed)
}

/// Returns a directory's entries from a position on: the position after each, its number, name and type.
fn list(view: &impl View, dir: u64, from: u64, most: usize) -> Vec<(u64, u64, String, FileType)> {
    let mut entries = Vec::new();
    view.list(dir, from, &mut |next, entry| {
        if entries.len() == most {
            return false;
        }
        let name = String::from_utf8(entry.name.to_vec()).unwrap();
        entries.push((next, entry.ino, name, entry.kind));
        true
    })
    .unwrap();
    entries
}

fn at(view: &impl View, path: &str) -> u64 {
    path.split('/').fold(1, |dir, name| {
        let found = view.lookup(dir, name.as_bytes());
        found.unwrap_or_else(|e| panic!("{path}: {name}: {e}")).ino
    })
}

#[test]
fn listings_go_on_where_they_stopped_and_lead_up() {
    let view = view();
    let root = list(&view, 1, 0, 100);
    let names: Vec<&str> = root.iter().map(|(_, _, name, _)| name.as_str()).collect();
    assert_eq!(names, [".", "..", NAMES[0], NAMES[1], NAMES[2]]);
    assert_eq!((root[0].1, root[1].1), (1, 1));
    assert!(root.iter().all(|(.., kind)| *kind == FileType::Directory));
    // One entry at a time, as a kernel with a small buffer would request them, gives the same; also in
    // subdirectories.
    for dir in [1, at(&view, NAMES[1]), at(&view, "linux_arm_v7/usr/bin")] {
        let whole = list(&view, dir, 0, 1000);
        let mut single = Vec::new();
        let mut position = 0;
        while let Some(entry) = list(&view, dir, position, 1).pop() {
            position = entry.0;
            single.push(entry);
        }
        assert_eq!(single, whole);
        assert_eq!(whole[0].1, dir);
    }
    for name in NAMES {
        let top = list(&view, at(&view, name), 0, 2);
        assert_eq!((top[1].1, top[1].2.as_str()), (1, ".."), "{name}");
        let below = list(&view, at(&view, &format!("{name}/usr")), 0, 2);
        assert_eq!(below[1].1, at(&view, name));
        let control = list(&view, at(&view, &format!("{name}/.imgfs")), 0, 2);
        assert_eq!(control[1].1, at(&view, name));
    }
    assert!(list(&view, 1, u64::MAX, 9).is_empty());
}

#[test]
fn a_listing_with_attributes_is_a_listing_and_an_answer_to_getattr_for_each_entry() {
    let view = view();
    let mut pending = vec![1];
    let mut sidecars = 0;
    while let Some(dir) = pending.pop() {
        let plain = list(&view, dir, 0, usize::MAX);
        let mut rest = plain.iter();
        view.list_with_attrs(dir, 0, &mut |next, entry, attr| {
            let (position, ino, name, kind) = rest.next().unwrap();
            assert_eq!((next, entry.ino, entry.kind), (*position, *ino, *kind));
            assert_eq!(*entry.name, *name.as_bytes());
            let (attr, alone) = (attr.unwrap(), view.getattr(entry.ino).unwrap());
            // Each call for this text generates it anew.
            assert!(attr == alone || name == "status", "{name}");
            assert_eq!(attr.ino, entry.ino);
            true
        })
        .unwrap();
        assert_eq!(rest.next(), None);
        sidecars += plain.iter().filter(|entry| entry.2 == "app.arch").count();
        let below = plain.iter().filter(|(.., name, _)| !name.starts_with('.'));
        pending.extend(
            below
                .filter(|(.., kind)| *kind == FileType::Directory)
                .map(|(_, ino, ..)| *ino),
        );
        if dir != 1 && plain[1].1 == 1 {
            pending.push(view.lookup(dir, b".imgfs").unwrap().ino);
        }
    }
    assert!(sidecars >= NAMES.len(), "{sidecars}");
}

/// Each answer is that of the image alone, except for the number.
#[test]
fn answers_are_those_of_each_image() {
    let view = view();
    for (name, alone) in view.members() {
        assert!(view.may_block(at(&view, name)), "before its findings");
        alone.image().findings().unwrap();
        assert!(!view.may_block(at(&view, name)));
        for path in [
            "usr/bin/app",
            "usr/bin/app.arch",
            "usr/share/link",
            "etc",
            ".imgfs/arch",
        ] {
            let (here, there) = (at(&view, &format!("{name}/{path}")), at(alone, path));
            let (mut a, b) = (view.getattr(here).unwrap(), alone.getattr(there).unwrap());
            assert_eq!(a.ino, here);
            a.ino = there;
            assert_eq!(a, b, "{path}");
            assert_eq!(
                view.listxattr(here).unwrap(),
                alone.listxattr(there).unwrap()
            );
            let key = b"user.imgfs.layer";
            let (a, b) = (view.getxattr(here, key), alone.getxattr(there, key));
            assert_eq!(a.ok(), b.ok(), "{path}");
            assert_eq!(view.readlink(here).ok(), alone.readlink(there).ok());
        }
        let status = at(&view, &format!("{name}/.imgfs/status"));
        assert!(view.is_volatile(status));
        let app = at(&view, &format!("{name}/usr/bin/app"));
        assert!(!view.is_volatile(app) && !view.may_block(app));
        assert!(view.may_block(at(&view, &format!("{name}/.imgfs/layers/0"))));
    }
}

#[test]
fn reads_go_to_the_right_image_and_to_what_is_at_hand() {
    let view = view();
    for (_, alone) in view.members() {
        alone.image().findings().unwrap();
    }
    for name in NAMES {
        let who = at(&view, &format!("{name}/who"));
        assert_eq!(&*view.read(who, 0, 100).unwrap(), name.as_bytes());
        assert_eq!(&*view.read(who, 6, 3).unwrap(), &name.as_bytes()[6..9]);
    }
    let offset = 3_000_000;
    let big = NAMES.map(|name| at(&view, &format!("{name}/usr/share/big")));
    assert!(view.try_read(big[0], offset, 10).unwrap().is_none());
    assert!(view.decoded_around(big[1], offset).is_none());
    let bytes = view.read(big[0], offset, 10).unwrap();
    let wanted = text(1, BIG);
    assert_eq!(&*bytes, &wanted[3_000_000..3_000_010]);
    // Decoded for one platform, it is available to all.
    for ino in big {
        let bytes = view.try_read(ino, offset, 10).unwrap().unwrap();
        assert_eq!(&*bytes, &wanted[3_000_000..3_000_010]);
        let (from, around) = view.decoded_around(ino, offset).unwrap();
        let from = usize::try_from(from).unwrap();
        assert!((from..from + around.len()).contains(&3_000_000));
        assert!(*around == wanted[from..from + around.len()]);
    }
}

#[test]
fn the_root_is_a_directory_and_nothing_else() {
    let view = view();
    let is = |error: ViewError, wanted: ViewError| {
        assert_eq!(error.to_string(), wanted.to_string());
    };
    is(view.read(1, 0, 1).err().unwrap(), ViewError::IsDirectory);
    is(
        view.try_read(1, 0, 1).err().unwrap(),
        ViewError::IsDirectory,
    );
    is(view.readlink(1).err().unwrap(), ViewError::WrongType);
    is(
        view.lookup(1, b".imgfs").err().unwrap(),
        ViewError::NotFound,
    );
    is(view.lookup(1, b"").err().unwrap(), ViewError::NotFound);
    is(
        view.getxattr(1, b"user.imgfs.layer").err().unwrap(),
        ViewError::NoAttribute,
    );
    assert!(view.listxattr(1).unwrap().is_empty());
    assert!(view.decoded_around(1, 0).is_none());
    assert!(!view.is_volatile(1) && !view.may_block(1));
    let attr = view.getattr(1).unwrap();
    assert_eq!(
        (attr.kind, attr.mode, attr.nlink),
        (FileType::Directory, 0o755, 5)
    );
    // A file is not a directory.
    let who = at(&view, "linux_amd64/who");
    is(
        view.lookup(who, b"x").err().unwrap(),
        ViewError::NotDirectory,
    );
}

#[test]
fn numbers_that_stand_for_nothing() {
    let view = view();
    let first = at(&view, NAMES[0]);
    let step = at(&view, NAMES[1]) - first;
    // No image has number 3, and none comes before the first; no node or kind has that number.
    for ino in [
        0,
        2,
        3,
        first - 1,
        first + 3 * step,
        first + (1 << 31),
        first + step - 2,
        u64::MAX,
    ] {
        let gone = |error: Option<ViewError>| {
            assert!(
                matches!(error, Some(ViewError::NotFound)),
                "{ino:#x}: {error:?}"
            );
        };
        gone(view.getattr(ino).err());
        gone(view.lookup(ino, b"x").err());
        gone(view.read(ino, 0, 1).err());
        gone(view.list(ino, 0, &mut |_, _| true).err());
        assert!(view.getxattr(ino, b"user.x").is_err());
        assert!(view.readlink(ino).is_err());
        assert!(view.decoded_around(ino, 0).is_none());
        assert!(!view.is_volatile(ino));
    }
}

/// In a walk of everything, including `/.imgfs`, each number occurs in one image only.
#[test]
fn no_number_is_in_two_images() {
    let view = view();
    let mut seen: HashMap<u64, &str> = HashMap::new();
    for name in NAMES {
        let top = at(&view, name);
        let mut dirs = vec![top, at(&view, &format!("{name}/.imgfs"))];
        while let Some(dir) = dirs.pop() {
            for (_, ino, entry, kind) in list(&view, dir, 0, usize::MAX) {
                if entry == ".." {
                    continue;
                }
                let before = seen.insert(ino, name);
                assert!(
                    before.is_none_or(|before| before == name),
                    "{name}: {entry}"
                );
                if kind == FileType::Directory && entry != "." {
                    dirs.push(ino);
                }
            }
        }
    }
    assert!(seen.len() > 3 * 800, "{}", seen.len());
}

#[test]
fn counts_are_those_of_the_mount() {
    let view = view();
    view.requests().add(Counter::Lookup, 7);
    for (_, alone) in view.members() {
        assert_eq!(alone.requests().get(Counter::Lookup), 7);
    }
    let sum = |count: fn(&ImageFs) -> u64| view.members().map(|(_, v)| count(v)).sum::<u64>();
    assert_eq!(view.statfs().files, sum(|v| v.statfs().files));
    assert_eq!(view.statfs().blocks, sum(|v| v.statfs().blocks));
    assert_eq!(
        view.cache_stats(),
        view.members().next().unwrap().1.cache_stats()
    );
}

/// Without images there is an empty directory.
#[test]
fn no_image() {
    let view = Platforms::new(Vec::new(), Sidecars::Listed);
    assert_eq!(list(&view, 1, 0, 9).len(), 2);
    assert_eq!(view.getattr(1).unwrap().nlink, 2);
    assert_eq!(view.statfs().files, 0);
    assert_eq!(view.cache_stats(), Default::default());
}
