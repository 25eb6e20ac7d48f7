//! The whole sidecar text of every file of `tests/data/inspect`.
//!
//! The expectations are in `tests/data/inspect/golden.txt`; the README beside it says how they were
//! reviewed. `IMGFS_RENEW=1 cargo test --test unprivileged inspect_golden` writes them again, and fails with the
//! changes, so that each line can be reviewed; a second run passes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use imgfs::internals::inspect::inspect;
use imgfs::internals::view::{Subject, facts, sidecar};

/// Files of the directory that are not executables.
const OTHERS: [&str; 3] = ["README.md", "golden.txt", "make.sh"];

/// Text by file name.
type Texts = BTreeMap<String, String>;

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/inspect")
}

/// Returns the sidecar text of each file, as if it were in an image under its name, owned by root, with
/// mode 0755.
fn said() -> Texts {
    let mut texts = Texts::new();
    for entry in fs::read_dir(dir()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if OTHERS.contains(&name.as_str()) || entry.file_type().unwrap().is_dir() {
            continue;
        }
        let bytes = fs::read(entry.path()).unwrap();
        let subject = Subject {
            path: name.as_bytes(),
            size: bytes.len() as u64,
            mode: 0o755,
            uid: 0,
            gid: 0,
        };
        let text = match inspect(&bytes) {
            Some(binary) => sidecar::text(&facts::of_binary(subject, &binary)),
            None => Vec::new(),
        };
        texts.insert(name, String::from_utf8(text).unwrap());
    }
    texts
}

/// Returns the sections of the golden text.
fn sections(golden: &str) -> Texts {
    let mut texts = Texts::new();
    let mut section: Option<&mut String> = None;
    for line in golden.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            assert!(!texts.contains_key(name), "{name} is there twice");
            section = Some(texts.entry(name.to_owned()).or_default());
        } else {
            let text = section.as_mut().expect("a section begins with a heading");
            text.push_str(line);
            text.push('\n');
        }
    }
    texts
}

/// Returns the differences: files, and lines of them.
fn differences(expected: &Texts, said: &Texts) -> Vec<String> {
    let mut found = Vec::new();
    for name in expected.keys().filter(|name| !said.contains_key(*name)) {
        found.push(format!("{name}: has a section, and is no file"));
    }
    for (name, text) in said {
        let Some(expected) = expected.get(name) else {
            found.push(format!("{name}: has no section"));
            continue;
        };
        let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), text.lines().collect());
        let gone = old.iter().filter(|line| !new.contains(line));
        found.extend(gone.map(|line| format!("{name}: -{line}")));
        let come = new.iter().filter(|line| !old.contains(line));
        found.extend(come.map(|line| format!("{name}: +{line}")));
        // In this case the order differs, or a line occurs twice.
        if expected != text && !found.iter().any(|f| f.starts_with(&format!("{name}: "))) {
            found.push(format!("{name}: lines are in another order"));
        }
    }
    found
}

#[test]
fn every_file_has_its_golden_text() {
    let path = dir().join("golden.txt");
    let said = said();
    assert!(said.len() > 40, "{} files", said.len());
    let golden = fs::read_to_string(&path);
    let renew = std::env::var_os("IMGFS_RENEW").is_some_and(|value| value == "1");
    if renew {
        let old = sections(golden.as_deref().unwrap_or_default());
        let changed = differences(&old, &said);
        let text: String = said
            .iter()
            .map(|(name, text)| format!("== {name}\n{text}"))
            .collect();
        if golden.is_ok_and(|golden| golden == text) {
            panic!("IMGFS_RENEW is set, but nothing has changed");
        }
        fs::write(&path, text).unwrap();
        panic!("golden.txt was renewed:\n{}", changed.join("\n"));
    }
    let found = differences(&sections(&golden.unwrap()), &said);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Tests the comparison itself, since all tests depend on it.
#[test]
fn differences_are_found() {
    let golden = sections("== a\nX=1\nY=2\n== b\n== c\nX=1\nY=2\n");
    assert!(differences(&golden, &golden).is_empty());
    let other = sections("== a\nX=1\nY=3\n== c\nY=2\nX=1\n== d\nX=1\n");
    let expected = [
        "b: has a section, and is no file",
        "a: -Y=2",
        "a: +Y=3",
        "c: lines are in another order",
        "d: has no section",
    ];
    assert_eq!(differences(&golden, &other), expected);
}
