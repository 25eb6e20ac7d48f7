//! `MISSING` lists the libraries that the loader does not find: each dynamic executable and library of
//! the healthy images, and of images that lack something, is given to the image's own loader (`--list`,
//! ld.so(8); musl's has it too), which runs in the unpacked tree.

#![cfg(target_arch = "x86_64")]

use std::collections::BTreeSet;
use std::path::Path;

use crate::failures::{BASES, CASES, TRAPS, Unpacked, archive, base_archive, open_archive};
use imgfs::internals::findings::InterpreterStatus;
use imgfs::internals::inspect::{Format, Libc, Linkage};
use imgfs::internals::open::OpenImage;
use imgfs::internals::tree::{NodeKind, Tree};

const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";
const MUSL: &str = "/lib/ld-musl-x86_64.so.1";

/// A file that a loader can load.
struct Subject {
    path: String,
    loader: &'static str,
    missing: BTreeSet<String>,
    /// The status of the loader that it names, and that name.
    interpreter: Option<(InterpreterStatus, String)>,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns the dynamic ELF files for amd64 of an image.
fn subjects(image: &OpenImage) -> Vec<Subject> {
    let findings = image.findings().unwrap();
    let tree = &image.tree;
    let mut subjects = Vec::new();
    for dentry in tree.dentries() {
        let node = tree.dentry(dentry).unwrap().node;
        if tree.node(node).unwrap().kind != NodeKind::Regular {
            continue;
        }
        let Some(binary) = image.binary(node).unwrap() else {
            continue;
        };
        let amd64 = binary.arch.as_ref().is_some_and(|a| a.value == "amd64");
        let dynamic = matches!(binary.linkage, Some(Linkage::Dynamic | Linkage::InterpOnly));
        if binary.format != Format::Elf || !amd64 || !dynamic {
            continue;
        }
        let names = findings.missing(node).iter();
        let status = findings.interpreter_status(node);
        subjects.push(Subject {
            path: text(&tree.path(dentry)),
            loader: match binary.libc {
                Some(Libc::Musl) => MUSL,
                _ => GLIBC,
            },
            missing: names.map(|name| text(name)).collect(),
            interpreter: status.map(|s| (s, text(&binary.interpreter.unwrap_or_default()))),
        });
    }
    subjects
}

/// Returns the libraries that the loader does not find for a file: all of them for musl, the first one
/// for glibc. `None` if the loader is missing too.
fn unfound(tree: &Unpacked, subject: &Subject, path: Option<&str>) -> Option<BTreeSet<String>> {
    if !tree.join(subject.loader).exists() {
        // An absolute link in the image leads elsewhere from here.
        let link = std::fs::read_link(tree.join(subject.loader)).ok()?;
        if !tree.join(link.to_str()?).exists() {
            return None;
        }
    }
    let mut command = vec![subject.loader];
    // The image's config sets this, as a runtime would.
    command.extend(path.into_iter().flat_map(|path| ["--library-path", path]));
    command.extend(["--list", &subject.path]);
    let output = tree.start(&command);
    let errors = text(&output.stderr);
    let glibc = errors.lines().filter_map(|line| {
        let (_, rest) = line.split_once("error while loading shared libraries: ")?;
        rest.split_once(": cannot open").map(|(name, _)| name)
    });
    let musl = errors.lines().filter_map(|line| {
        let rest = line.strip_prefix("Error loading shared library ")?;
        rest.split_once(':').map(|(name, _)| name)
    });
    Some(glibc.chain(musl).map(str::to_owned).collect())
}

/// Compares all files of an image; returns how many there were, and how many of them lack a library.
fn agree(name: &str, archive: &Path, platform: Option<&str>) -> (usize, usize) {
    let image = open_archive(archive, platform);
    let tree = Unpacked::new(archive, platform);
    let mut env = image.config.start.env.iter();
    let path = env.find_map(|set| set.strip_prefix("LD_LIBRARY_PATH="));
    let (mut compared, mut lacking) = (0, 0);
    let mut differ = Vec::new();
    for subject in subjects(&image) {
        if let Some((status, interpreter)) = &subject.interpreter {
            let found = image
                .tree
                .resolve(Tree::ROOT, interpreter.as_bytes())
                .is_some();
            if found == (*status == InterpreterStatus::Missing) {
                differ.push(format!("{}: {interpreter} is {status:?}", subject.path));
            }
        }
        let Some(real) = unfound(&tree, &subject, path) else {
            continue;
        };
        compared += 1;
        lacking += usize::from(!real.is_empty());
        let first = subject.loader == GLIBC && !real.is_empty();
        let agrees = match first {
            true => real.is_subset(&subject.missing),
            false => real == subject.missing,
        };
        if !agrees {
            let (path, ours) = (&subject.path, &subject.missing);
            differ.push(format!("{path}: the loader lacks {real:?}, not {ours:?}"));
        }
    }
    assert!(differ.is_empty(), "{name}:\n{}", differ.join("\n"));
    (compared, lacking)
}

#[test]
fn in_the_healthy_images() {
    for base in BASES {
        let (compared, _) = agree(base.name, &base_archive(base.name), None);
        eprintln!("{}: {compared} files", base.name);
        let least = match base.name {
            "bookworm" | "trixie" => 300,
            _ => 3,
        };
        assert!(compared >= least, "{}: only {compared} files", base.name);
    }
}

#[test]
fn in_those_that_lack_something() {
    let mut lacking = 0;
    for case in CASES.iter().filter(|case| case.platform.is_none()) {
        for name in [case.broken, case.healthy] {
            lacking += agree(name, &archive(name), None).1;
        }
    }
    assert!(lacking >= 3, "only {lacking} files lack a library");
}

#[test]
fn in_those_that_only_look_wrong() {
    for trap in TRAPS {
        agree(trap.name, &archive(trap.name), None);
    }
}
