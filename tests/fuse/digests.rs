//! The SHA-256 of files: as an attribute of a mount, by the commands, and stored between the two.

use std::collections::BTreeMap;
use std::fs;

use crate::support;
use crate::support::program::{Place, output, str};
use crate::support::{Layer, OciImage, sha256};

/// Returns an image with more files than are hashed individually, in two layers, with hard links and
/// holes.
fn files() -> (OciImage, BTreeMap<String, Vec<u8>>) {
    let mut contents = BTreeMap::new();
    let mut below = Layer::new().dir("a");
    for n in 0..40_usize {
        let bytes: Vec<u8> = (0..n * 997).map(|i| (i * n % 251) as u8).collect();
        below = below.file(&format!("a/{n:02}"), &bytes);
        contents.insert(format!("/a/{n:02}"), bytes);
    }
    below = below.hardlink("a/link", "a/07").symlink("a/symbolic", "07");
    contents.insert("/a/link".to_owned(), contents["/a/07"].clone());
    // Two bytes of data at 5,000, the rest of 10,000 a hole (GNU tar, format 1.0).
    let map = b"1\n5000\n2\n";
    let mut sparse = map.to_vec();
    sparse.resize(512, 0);
    sparse.extend_from_slice(b"xy");
    let above = Layer::new()
        .file("a/00", "replaced")
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"holes"),
            ("GNU.sparse.realsize", b"10000"),
        ])
        .file("GNUSparseFile.0/holes", &sparse);
    contents.insert("/a/00".to_owned(), b"replaced".to_vec());
    let mut whole = vec![0; 10_000];
    whole[5000..5002].copy_from_slice(b"xy");
    contents.insert("/holes".to_owned(), whole);
    (OciImage::gzip(&[below.tar(), above.tar()]), contents)
}

fn kept(place: &Place) -> usize {
    let dir = place.join("cache/imgfs/v1/digests");
    fs::read_dir(dir).map_or(0, Iterator::count)
}

#[test]
fn an_attribute_of_a_mount_and_commands_say_the_same_and_it_is_kept() {
    let place = Place::new();
    let (image, contents) = files();
    let dir = place.join("image");
    let descriptor = image.write(&dir);
    support::write_index(&dir, &[descriptor]);
    let digests: BTreeMap<&String, String> = contents
        .iter()
        .map(|(path, bytes)| (path, sha256(bytes)["sha256:".len()..].to_owned()))
        .collect();

    place.mount(&["--sidecars=off"], &dir);
    let told = |path: &str| {
        let file = place.mnt().join(&path[1..]);
        let value = xattr::get(file, "user.imgfs.sha256").unwrap();
        value.map(|value| String::from_utf8(value).unwrap())
    };
    for (path, digest) in &digests {
        assert_eq!(told(path).as_ref(), Some(digest), "{path}");
        assert_eq!(
            sha256(&fs::read(place.mnt().join(&path[1..])).unwrap())[7..],
            *digest
        );
    }
    // Only regular files have one, and it is returned only if it is requested by name.
    assert_eq!(told("/a"), None);
    let listed: Vec<_> = xattr::list(place.mnt().join("a/07")).unwrap().collect();
    assert!(!listed.contains(&"user.imgfs.sha256".into()), "{listed:?}");
    place.umount();
    place.assert_gone();
    // The digests of the lower layer are stored, most of which were requested.
    assert_eq!(kept(&place), 1);

    let list = || {
        let list = output(place.imgfs().args(["ls", "-R", "--digests", str(&dir)]));
        String::from_utf8(list.stdout).unwrap()
    };
    let lines = list();
    let of_files = lines.lines().filter_map(|line| line.split_once("  "));
    let said: BTreeMap<&str, &str> = of_files
        .filter(|(digest, _)| *digest != "-")
        .map(|(digest, path)| (path, digest))
        .collect();
    let expected: BTreeMap<&str, &str> = digests
        .iter()
        .map(|(path, digest)| (path.as_str(), digest.as_str()))
        .collect();
    assert_eq!(said, expected);
    assert_eq!(kept(&place), 2);
    // The stored digests are used the next time.
    assert_eq!(list(), lines);
}
