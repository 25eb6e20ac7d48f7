//! Reads archives with four readers: Go's archive/tar, GNU tar, libarchive and imgfs.
#![allow(dead_code)] // Each test program uses its own part of this.

pub mod bodies;
pub mod facts;
pub mod generate;
pub mod gnu;
pub mod known;
pub mod make;
pub mod names;
pub mod numbers;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use imgfs::internals::blob::{Bytes, Hasher};
use imgfs::internals::cache::CacheDir;
use imgfs::internals::layer::{self, Data, EntryKind, LayerInput, ProblemKind};

use crate::support::run;
use facts::{Entry, Reading, hex};

/// The results of all readers for one archive.
pub struct Readings {
    pub go: Reading,
    pub gnu: Reading,
    pub libarchive: Reading,
    pub imgfs: Reading,
    /// The ambiguities that imgfs reports, as text.
    pub ambiguous: Vec<String>,
}

/// Builds the Go program in a directory.
pub fn build_oracle(dir: &Path) -> PathBuf {
    let program = dir.join("oracle");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/tar_support/oracle.go");
    let mut go = Command::new("go");
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.as_encoded_bytes().starts_with(b"GO") {
            go.env_remove(name);
        }
    }
    let cache = std::env::var_os("IMGFS_TEST_CACHE").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| {
        let home = std::env::var_os("HOME").expect("HOME is set");
        Path::new(&home).join(".cache/imgfs-tests")
    });
    go.env("GOCACHE", cache.join("go-build"))
        .env("GOENV", "off")
        .env("CGO_ENABLED", "0")
        .args(["build", "-o"])
        .arg(&program)
        .arg(source);
    run(&mut go);
    program
}

/// Reads archives with all four readers. The results are in the order of the archives.
pub fn read_all(archives: &[Vec<u8>]) -> Vec<Readings> {
    let dir = tempfile::tempdir().unwrap();
    let write = |(number, bytes): (usize, &Vec<u8>)| {
        let path = dir.path().join(format!("{number}.tar"));
        fs::write(&path, bytes).unwrap();
        path
    };
    let files: Vec<PathBuf> = archives.iter().enumerate().map(write).collect();
    let oracle = build_oracle(dir.path());
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/tar_support/libarchive.py");
    let cache = CacheDir::open(&dir.path().join("cache")).unwrap();
    let (half, _) = files.split_at(files.len() / 2);
    let (go, libarchive, gnu, ours) = std::thread::scope(|scope| {
        let first = scope.spawn(|| half.iter().map(|f| gnu::read(f)).collect::<Vec<_>>());
        let go = scope.spawn(|| program(&mut Command::new(oracle), &files));
        let python = scope.spawn(|| program(Command::new("python3").arg(script), &files));
        let ours: Vec<_> = archives.iter().map(|bytes| imgfs(bytes, &cache)).collect();
        let second = files[half.len()..].iter().map(|f| gnu::read(f));
        let second: Vec<_> = second.collect();
        let gnu = [first.join().unwrap(), second].concat();
        (go.join().unwrap(), python.join().unwrap(), gnu, ours)
    });
    let all = go.into_iter().zip(libarchive).zip(gnu).zip(ours);
    all.map(|(((go, libarchive), gnu), (imgfs, ambiguous))| Readings {
        go,
        gnu,
        libarchive,
        imgfs,
        ambiguous,
    })
    .collect()
}

/// Reads files with Go's `archive/tar`, and with `compress/gzip` if their names end with `.gz`.
pub fn go(files: &[PathBuf]) -> Vec<Reading> {
    let dir = tempfile::tempdir().unwrap();
    program(&mut Command::new(build_oracle(dir.path())), files)
}

/// Passes the names of all archives to a program, and parses its output.
fn program(command: &mut Command, files: &[PathBuf]) -> Vec<Reading> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let names: String = files.iter().map(|f| format!("{}\n", f.display())).collect();
    let writer = std::thread::spawn(move || stdin.write_all(names.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{command:?}");
    let readings = facts::parse(std::str::from_utf8(&output.stdout).unwrap());
    assert_eq!(readings.len(), files.len(), "{command:?}");
    readings.into_iter().map(|(_, reading)| reading).collect()
}

/// Reads a layer with imgfs.
pub fn imgfs(bytes: &[u8], cache: &CacheDir) -> (Reading, Vec<String>) {
    let input = LayerInput {
        source: Arc::new(Bytes(bytes.into())),
        digest: None,
        diff_id: None,
        size: None,
    };
    let index = match layer::scan(&input, cache, &mut |_| ()) {
        Ok(scanned) => scanned.index,
        Err(error) => return (Reading::Refused(error.to_string()), Vec::new()),
    };
    let mut hasher = Hasher::sha256();
    let mut entries = Vec::new();
    for found in index.entries() {
        let found = found.unwrap();
        if found.kind == EntryKind::Regular && found.size <= 1 << 20 {
            hasher.update(&content(bytes, &found));
        }
        entries.push(entry(&found));
    }
    let problems = index.problems(0).unwrap();
    let ambiguous = problems.iter().filter(|p| {
        let kinds = matches!(
            p.kind,
            ProblemKind::Ambiguous(_) | ProblemKind::UnknownType(_)
        );
        kinds && p.kind != ProblemKind::UnknownType(b'V')
    });
    let ambiguous = ambiguous.map(|p| p.to_string()).collect();
    let digest = hasher.finish().to_string();
    let digest = digest.trim_start_matches("sha256:").to_owned();
    (Reading::Read(entries, digest), ambiguous)
}

fn content(bytes: &[u8], entry: &layer::LayerEntry) -> Vec<u8> {
    let mut content = vec![0; entry.size as usize];
    let pieces = match &entry.data {
        Data::None => vec![],
        Data::Whole(at) => vec![(0, *at, entry.size)],
        Data::Sparse(extents) => extents.iter().map(|e| (e.offset, e.at, e.len)).collect(),
    };
    for (offset, at, len) in pieces {
        let (offset, at, len) = (offset as usize, at as usize, len as usize);
        content[offset..offset + len].copy_from_slice(&bytes[at..at + len]);
    }
    content
}

fn entry(entry: &layer::LayerEntry) -> Entry {
    let (flag, link, device) = match &entry.kind {
        EntryKind::Regular => (b'0', &b""[..], (0, 0)),
        EntryKind::HardLink(target) => (b'1', &**target, (0, 0)),
        EntryKind::Symlink(target) => (b'2', &**target, (0, 0)),
        EntryKind::CharDevice(major, minor) => (b'3', &b""[..], (*major, *minor)),
        EntryKind::BlockDevice(major, minor) => (b'4', &b""[..], (*major, *minor)),
        EntryKind::Directory => (b'5', &b""[..], (0, 0)),
        EntryKind::Fifo => (b'6', &b""[..], (0, 0)),
    };
    let pairs = entry
        .xattrs
        .iter()
        .map(|x| format!("{}={}", hex(&x.name), hex(&x.value)));
    let mut xattrs: Vec<String> = pairs.collect();
    xattrs.sort();
    Entry {
        flag,
        name: entry.path.to_vec(),
        link: link.to_vec(),
        size: entry.size as i64,
        mode: entry.mode.into(),
        owner: (entry.uid, entry.gid),
        mtime: (entry.mtime.sec, entry.mtime.nsec),
        device,
        xattrs: Some([vec!["x".to_owned()], xattrs].concat().join(",")),
    }
    .clean()
}
