//! `imgfs diff` of executables: which facts differ, and whether only the build id differs.

use std::path::PathBuf;

use crate::inspect_support::{data, go_elf};
use crate::support::diff::{diff, layout, prints};
use crate::support::program::Place;
use crate::support::{Layer, OciImage};
use serde_json::{Value, json};

/// The build id of gcc-glibc-pie, by `readelf -n`.
const ID: &str = "5f732da6ba837cb24d0c9348a1259bc4003fd9bb";
/// Another build id of the same length.
const OTHER: &str = "00112233445566778899aabbccddeeff01234567";

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// Returns the only offset at which some bytes occur.
#[track_caller]
fn place_of(bytes: &[u8], what: &[u8]) -> usize {
    let places = bytes.windows(what.len()).enumerate();
    let places: Vec<usize> = places
        .filter(|(_, w)| *w == what)
        .map(|(at, _)| at)
        .collect();
    assert_eq!(places.len(), 1);
    places[0]
}

fn replaced(mut bytes: Vec<u8>, what: &[u8], by: &[u8]) -> Vec<u8> {
    let at = place_of(&bytes, what);
    bytes[at..at + by.len()].copy_from_slice(by);
    bytes
}

fn with_id(bytes: Vec<u8>) -> Vec<u8> {
    replaced(bytes, &unhex(ID), &unhex(OTHER))
}

/// Appends the link to debug information that a linker and strip leave: the file name, zeros up to four
/// bytes, and the checksum (GDB's manual, "Separate Debug Files").
fn with_link(mut bytes: Vec<u8>, id: &str, crc: [u8; 4]) -> Vec<u8> {
    bytes.extend(format!("{}.debug\0", &id[2..]).bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(crc);
    bytes
}

type Files = Vec<(&'static str, Vec<u8>, Vec<u8>)>;

fn images(place: &Place, files: &Files) -> [PathBuf; 2] {
    let (mut old, mut new) = (Layer::new(), Layer::new());
    for (name, a, b) in files {
        old = old.file_mode(name, a, 0o755);
        new = new.file_mode(name, b, 0o755);
    }
    [("a", old), ("b", new)].map(|(name, l)| layout(place, name, &OciImage::plain(&[l.tar()])))
}

#[test]
fn only_the_build_id() {
    let place = Place::new();
    let pie = || data("gcc-glibc-pie");
    assert_eq!(place_of(&pie(), b"hello %d"), 8196);
    let code = replaced(pie(), b"hello %d", b"jello %d");
    let longer = [with_id(pie()), vec![0]].concat();
    let files: Files = vec![
        ("code", pie(), code.clone()),
        ("code-and-id", pie(), with_id(code)),
        ("id", pie(), with_id(pie())),
        ("length", pie(), longer),
        (
            "link",
            with_link(pie(), ID, [1, 2, 3, 4]),
            with_link(with_id(pie()), OTHER, [5, 6, 7, 8]),
        ),
        (
            "link-of-another",
            with_link(pie(), ID, [1, 2, 3, 4]),
            with_link(with_id(pie()), &OTHER.replace('7', "8"), [1, 2, 3, 4]),
        ),
    ];
    let [a, b] = images(&place, &files);
    let text = prints(&diff(&place, &[], [&a, &b]), 1);
    let size = pie().len();
    let linked = with_link(pie(), ID, [0; 4]).len();
    let longer = size + 1;
    let fact = format!("BUILD_ID: {ID} -> {OTHER}");
    let expected = format!(
        "~ /code\tsize {size}\n\
         ~ /code-and-id\tsize {size}\nf /code-and-id\t{fact}\n\
         ~ /id\tsize {size}\tonly-build-id\nf /id\t{fact}\n\
         ~ /length\tsize {size} -> {longer}\nf /length\t{fact}\n\
         ~ /link\tsize {linked}\tonly-build-id\nf /link\t{fact}\n\
         ~ /link-of-another\tsize {linked}\nf /link-of-another\t{fact}\n"
    );
    assert_eq!(text, expected);
    // diff -r would report paths and contents only.
    let content = prints(&diff(&place, &["--content"], [&a, &b]), 1);
    let sizes = expected.lines().filter(|line| line.starts_with('~'));
    let sizes: Vec<_> = sizes
        .map(|line| line.replace("\tonly-build-id", ""))
        .collect();
    assert_eq!(content.lines().collect::<Vec<_>>(), sizes);
    // The same in the other direction.
    let back = prints(&diff(&place, &[], [&b, &a]), 1);
    assert_eq!(back.matches("only-build-id").count(), 2);
}

/// A build id that lies across two pieces of the comparison, and one at the end of the file.
#[test]
fn wherever_the_build_id_stands() {
    let place = Place::new();
    let pie = || data("gcc-glibc-pie");
    let padded = |id: &str, len: usize| {
        let mut bytes = if id == ID { pie() } else { with_id(pie()) };
        bytes.resize(len, 0);
        bytes.extend(unhex(id));
        bytes
    };
    let step = 1 << 20;
    let files: Files = [
        ("across", step - 7),
        ("at-end", step - 20),
        ("behind", step),
    ]
    .map(|(name, len)| (name, padded(ID, len), padded(OTHER, len)))
    .to_vec();
    let [a, b] = images(&place, &files);
    let text = prints(&diff(&place, &[], [&a, &b]), 1);
    assert_eq!(text.matches("\tonly-build-id\n").count(), 3, "{text}");
}

#[test]
fn facts_that_differ() {
    let place = Place::new();
    let go = |revision| go_elf(&[("-trimpath", "true"), ("vcs.revision", revision)]);
    let newer = replaced(go("aaaa"), b"go1.22.1", b"go1.23.4");
    let plain = go_elf(&[("CGO_ENABLED", "0")]);
    let script = b"#!/bin/sh\n".to_vec();
    let bash = b"#!/bin/bash -e\n".to_vec();
    let files: Files = vec![
        ("revision", go("aaaa"), go("bbbb")),
        ("script", script.clone(), bash),
        ("settings", plain, go("aaaa")),
        ("text", script, b"text\n".to_vec()),
        ("version", go("aaaa"), newer),
    ];
    let [a, b] = images(&place, &files);
    let text = prints(&diff(&place, &[], [&a, &b]), 1);
    let facts: Vec<&str> = text.lines().filter(|line| line.starts_with('f')).collect();
    let expected = [
        "f /revision\tVCS_REVISION: aaaa -> bbbb",
        "f /script\tINTERPRETER: /bin/sh -> /bin/bash",
        "f /settings\tCGO_ENABLED: 0 -> -\tGO_TRIMPATH: - -> true\tVCS_REVISION: - -> aaaa",
        "f /text\tFORMAT: script -> -\tTYPE: script -> -\tINTERPRETER: /bin/sh -> -",
        "f /version\tGO_VERSION: go1.22.1 -> go1.23.4",
    ];
    assert_eq!(facts, expected);

    let text = prints(&diff(&place, &["--json"], [&a, &b]), 1);
    let objects: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        objects[0]["facts"],
        json!({"VCS_REVISION": ["aaaa", "bbbb"]})
    );
    assert_eq!(objects[3]["facts"]["FORMAT"], json!(["script", null]));
    assert_eq!(objects[0]["only_build_id"], Value::Null);
}

/// A script counts as one only if it may be executed.
#[test]
fn a_script_that_may_not_be_executed() {
    let place = Place::new();
    let [a, b] = [("a", 0o755), ("b", 0o644)].map(|(name, mode)| {
        let layer = Layer::new().file_mode("s", "#!/bin/sh\n", mode);
        layout(&place, name, &OciImage::plain(&[layer.tar()]))
    });
    let text = prints(&diff(&place, &[], [&a, &b]), 1);
    let expected = "a /s\tmode 0755 -> 0644\n\
        f /s\tFORMAT: script -> -\tTYPE: script -> -\tINTERPRETER: /bin/sh -> -\n";
    assert_eq!(text, expected);
}
