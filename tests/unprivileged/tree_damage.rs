//! The merged tree is read from a file. For any content of that file, nothing panics or runs forever;
//! and if its checksums are wrong, every answer is either right or an error.

use std::sync::Arc;

use crate::support::{Layer, OciImage, oci_dir, open_image};
use imgfs::internals::cache::{CacheDir, CacheFile, CacheKey, CacheKind};
use imgfs::internals::open::OpenImage;
use imgfs::internals::tree::Tree;
use imgfs::internals::view::{ImageFs, Sidecars, View, ViewError};
use tempfile::TempDir;

/// Returns an image with one file of each kind, in two layers.
fn varied(files: usize) -> (TempDir, OpenImage) {
    let mut lower = Layer::new()
        .dir("d")
        .file_mode("d/run", "#!/bin/sh\n", 0o755)
        .file("d/hidden", "h")
        .symlink("d/link", "../d/run")
        .symlink("circle", "circle")
        .pax(&[
            ("SCHILY.xattr.user.x", b"value"),
            ("SCHILY.xattr.user.y", b""),
        ])
        .file("d/text", "text")
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"d/sparse"),
            ("GNU.sparse.realsize", b"9000"),
        ])
        .file("sparse", sparse())
        .device("null", 1, 3)
        .fifo("fifo");
    for i in 0..files {
        lower = lower.file(&format!("many/{}/name-{i}", i % 40), "x");
    }
    let upper = Layer::new()
        .whiteout("d/hidden")
        .hardlink("d/again", "d/run")
        .hardlink("none", "no/such");
    let dir = oci_dir(&OciImage::plain(&[lower.tar(), upper.tar()]));
    let image = open_image(dir.path().to_str().unwrap());
    (dir, image)
}

/// Returns a sparse file of form 1.0: its map, then two pieces.
fn sparse() -> Vec<u8> {
    let mut bytes = b"2\n512\n4\n8000\n4\n".to_vec();
    bytes.resize(512, 0);
    bytes.extend_from_slice(b"onetwo!!");
    bytes
}

/// Requests everything of every file, until an error says that the index is damaged; returns all answers
/// before it.
fn walk(image: Arc<OpenImage>) -> Vec<String> {
    let view = ImageFs::new(image, Sidecars::Listed);
    let mut answers = Vec::new();
    let mut pending = vec![1];
    // A crafted tree may contain itself. Each directory is read once for each of its names.
    while let Some(ino) = pending.pop()
        && answers.len() < 100_000
    {
        let mut names = Vec::new();
        let list = view.list(ino, 0, &mut |_, entry| {
            names.push((entry.ino, entry.name.to_vec()));
            names.len() < 10_000
        });
        let mut attrs = Vec::new();
        let with_attrs = view.list_with_attrs(ino, 0, &mut |_, entry, attr| {
            // The status is different each time.
            let same = *entry.name != *b"status";
            attrs.extend(same.then(|| (entry.name.to_vec(), format!("{attr:?}"))));
            attrs.len() < 10_000
        });
        let mut ask = vec![
            text(list.map(|()| names.clone())),
            text(with_attrs.map(|()| attrs)),
            text(view.getattr(ino)),
            text(view.readlink(ino)),
            text(view.read(ino, 0, 10_000)),
            text(view.read(ino, 600, 8000)),
            text(view.listxattr(ino)),
            text(view.getxattr(ino, b"user.x")),
            text(view.facts(ino)),
        ];
        if ino == 1 {
            names.push((0, b".imgfs".to_vec()));
        }
        for (_, name) in names {
            // The status is different each time; the last two do not come from this tree.
            let left_out: [&[u8]; 5] = [b".", b"..", b"status", b"layers", b"hidden"];
            if left_out.contains(&&*name) {
                continue;
            }
            let found = view.lookup(ino, &name);
            pending.extend(found.as_ref().ok().map(|attr| attr.ino));
            ask.push(text(found));
        }
        for answer in ask {
            match answer {
                Some(answer) => answers.push(answer),
                None => return answers,
            }
        }
    }
    answers
}

/// Returns an answer as text; `None` if the error says that the index is damaged.
fn text<T: std::fmt::Debug>(answer: Result<T, ViewError>) -> Option<String> {
    match answer {
        Err(ViewError::Io { path, error }) if error.to_string().contains("to rebuild it") => {
            assert!(!path.is_empty());
            None
        }
        answer => Some(format!("{answer:?}")),
    }
}

/// Walks an image with another tree in it, and returns the image.
fn walk_with(mut image: OpenImage, file: &Arc<CacheFile>) -> (OpenImage, Vec<String>) {
    let Ok(tree) = Tree::open(file) else {
        return (image, Vec::new());
    };
    let _ = tree.problems();
    image.tree = Tree::open(file).unwrap_or(tree);
    let image = Arc::new(image);
    let answers = walk(image.clone());
    (Arc::into_inner(image).unwrap(), answers)
}

/// Returns the sections of a tree's file.
fn sections(file: &Arc<CacheFile>) -> Vec<Vec<u8>> {
    let parts = (1..=8).map(|id| file.part(id));
    parts.map(|part| part.get(0, part.len()).to_vec()).collect()
}

fn written(sections: &[Vec<u8>], dir: &CacheDir) -> imgfs::internals::cache::Unpublished {
    let mut writer = dir.create(CacheKind::Tree).unwrap();
    for (id, section) in (1..).zip(sections) {
        writer.section(id).unwrap();
        writer.append(section).unwrap();
    }
    writer.finish(&CacheKey::tree(["t"].into_iter())).unwrap()
}

#[test]
fn a_crafted_tree_never_panics() {
    let (_dir, mut image) = varied(0);
    let whole = sections(image.tree.file());
    assert!(whole.iter().all(|section| !section.is_empty()));
    let good;
    (image, good) = walk_with(image, &written(&whole, &CacheDir::none()).file);
    assert!(good.len() > 150, "{}", good.len());
    let mut same = 0;
    for section in 0..whole.len() {
        for at in 0..whole[section].len() {
            for change in [0x01, 0x80, 0xff] {
                let mut bad = whole.clone();
                bad[section][at] ^= change;
                let file = written(&bad, &CacheDir::none()).file;
                let answers;
                (image, answers) = walk_with(image, &file);
                same += usize::from(answers == good);
            }
        }
        // A section that is truncated, or missing.
        for len in [0, whole[section].len() / 2, whole[section].len() - 1] {
            let mut bad = whole.clone();
            bad[section].truncate(len);
            image = walk_with(image, &written(&bad, &CacheDir::none()).file).0;
        }
    }
    assert!(
        same < 800,
        "most of its bytes mean something: {same} do not"
    );
}

#[test]
fn a_damaged_tree_answers_rightly_or_not_at_all() {
    let (_dir, mut image) = varied(3000);
    let temp = tempfile::tempdir().unwrap();
    let dir = CacheDir::open(temp.path()).unwrap();
    let key = CacheKey::tree(["t"].into_iter());
    let new = written(&sections(image.tree.file()), &dir);
    new.publish().unwrap();
    let good;
    (image, good) = walk_with(image, &dir.load(&key).unwrap());
    let path = dir.list().unwrap()[0].path.clone();
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() > 3 * 65536, "several blocks");
    let mut early = 0;
    for at in (0..bytes.len()).step_by(1499) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x10;
        std::fs::write(&path, &bad).unwrap();
        let Some(file) = dir.load(&key) else {
            continue;
        };
        let answers;
        (image, answers) = walk_with(image, &file);
        assert!(good.starts_with(&answers), "byte {at}");
        assert!(
            answers.len() < good.len() || !file.is_damaged(),
            "byte {at}"
        );
        early += usize::from(answers.len() < good.len());
    }
    assert!(early > 100, "{early}");
}
