//! The documented failures are real: each broken image is unpacked and started, and fails in the
//! documented way; its healthy twin runs.
//!
//! The images are made for amd64. The kernel must refuse programs for other machines; if this host has
//! an emulator registered for them (binfmt_misc), the test prints that and asserts nothing.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use crate::failures;
use crate::failures::{
    BASES, Base, CASES, Case, Outcome, Place, TRAPS, Unpacked, archive, base_archive, cases,
    handlers_of, open_archive, open_case,
};
use imgfs::internals::tree::Tree;

/// Starts the command of a case in an image and compares the result.
fn check(case: &Case, image: &str, expected: &Outcome) {
    if matches!(expected, Outcome::Nothing) {
        return;
    }
    if !cfg!(target_arch = "x86_64") {
        eprintln!("not started, this host is not amd64: {image}");
        return;
    }
    let tree = Unpacked::new(&archive(image), case.platform);
    let program = tree.join(case.command[0]);
    let handlers = handlers_of(&program);
    if !handlers.is_empty() {
        eprintln!("not started, {handlers:?} would run it: {image}");
        return;
    }
    let output = tree.start(case.command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, errors) = (text(&output.stdout), text(&output.stderr));
    let all = format!("{image}: {}\n{said}{errors}", output.status);
    let refused = |code, why| {
        let name = case.command[0];
        assert_eq!(output.status.code(), Some(code), "{all}");
        assert_eq!(errors, format!("exec {name}: {why}\n"), "{all}");
    };
    match expected {
        Outcome::Says(words) => {
            assert!(output.status.success() && said.contains(words), "{all}");
        }
        Outcome::Dies(words) => {
            let dies = output.status.code().is_some_and(|code| code != 0);
            assert!(dies && errors.contains(words), "{all}");
        }
        Outcome::Crashes => assert!(output.status.signal().is_some(), "{all}"),
        Outcome::NotFound => {
            assert!(program.is_file(), "{all}");
            refused(127, "No such file or directory");
        }
        Outcome::NotExecutable => refused(126, "Exec format error"),
        Outcome::Nothing => {}
    }
}

fn failure(number: u8) {
    if number == 11 {
        return build_with_its_packages();
    }
    for case in cases(number) {
        check(case, case.broken, &case.fails);
        check(case, case.healthy, &case.works);
    }
}

failures::for_each_failure!(failure);

/// 11: nothing is started, but Go refuses to build with these packages.
fn build_with_its_packages() {
    let dir = tempfile::tempdir().unwrap();
    for (image, name, refused) in [
        ("pkg", "part", false),
        ("pkg", "other", false),
        ("pkg-mixed", "part", false),
        ("pkg-mixed", "other", true),
    ] {
        let tree = Unpacked::new(&archive(image), None);
        let source = dir.path().join("main.go");
        let import = format!("package main\n\nimport _ \"example.com/failures/{name}\"\n");
        fs::write(&source, import + "\nfunc main() {}\n").unwrap();
        let output = Command::new("go")
            .args(["tool", "compile", "-o", "main.o", "-I"])
            .arg(tree.join("go/pkg/linux_amd64"))
            .arg(&source)
            .envs([("GOOS", "linux"), ("GOARCH", "amd64")])
            .current_dir(dir.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.success(), !refused, "{image} {name}: {said}");
        let why = said.contains("object is [go object linux arm64 ")
            && said.contains("expected [go object linux amd64 ");
        assert_eq!(why, refused, "{image} {name}: {said}");
    }
}

/// Asserts that an image without errors runs.
fn runs(base: &Base, archive: &Path) {
    let image = open_archive(archive, None);
    assert!(image.problems.is_empty(), "{:?}", image.problems);
    let tree = Unpacked::new(archive, None);
    if !cfg!(target_arch = "x86_64") {
        eprintln!("not started, this host is not amd64: {}", base.name);
        return;
    }
    let output = tree.start(base.command);
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.starts_with(base.says),
        "{}: {said}{errors}",
        base.name
    );
}

#[test]
fn bases_run() {
    for base in BASES {
        runs(base, &base_archive(base.name));
    }
}

#[test]
fn traps_run() {
    for trap in TRAPS {
        runs(trap, &archive(trap.name));
    }
}

/// The table matches the images: each path exists, and the layer of the table brought it.
#[test]
fn the_table_is_right() {
    for case in CASES {
        let platforms: BTreeSet<_> = case.findings.iter().map(|f| f.platform).collect();
        for platform in platforms {
            let image = open_case(case.broken, platform);
            for expected in case.findings.iter().filter(|f| f.platform == platform) {
                let (Place::At(path) | Place::Under(path)) = expected.place else {
                    continue;
                };
                if expected.layer.is_none() {
                    continue;
                }
                let (name, node) = image
                    .tree
                    .resolve(Tree::ROOT, path.as_bytes())
                    .unwrap_or_else(|| panic!("{}: no {path}", case.broken));
                assert_eq!(image.tree.path(name.unwrap()), path.as_bytes());
                let layer = image.tree.node(node).unwrap().layer;
                assert_eq!(Some(layer), expected.layer, "{}: {path}", case.broken);
                let line = image.layers[layer as usize].created_by.as_deref();
                assert!(line.is_some_and(|l| l.len() > 10), "{}", case.broken);
            }
            assert!(image.problems.is_empty(), "{:?}", image.problems);
        }
    }
}
