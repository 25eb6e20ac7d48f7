//! Facts of Go programs in the view, against `go version -m`, and the rules of sidecars and xattrs
//! (`go_facts/sidecar_rules.rs`), through the kernel.

mod golang;
mod sidecar_rules;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::{Layer, Mounted, OciImage, data, mount, oci_dir, run};
use golang::{build_programs, go_version, pointer_format_elf};
use imgfs::internals::view::Sidecars;

/// Returns a real executable that is not a Go program: amd64, dynamic, glibc.
fn elf() -> Vec<u8> {
    data("gcc-glibc-pie")
}

fn mounted(layers: Vec<Layer>, sidecars: Sidecars) -> Mounted {
    let tars: Vec<_> = layers.into_iter().map(Layer::tar).collect();
    let dir = oci_dir(&OciImage::plain(&tars));
    mount(dir.path().to_str().unwrap(), sidecars)
}

fn listed(layer: Layer) -> Mounted {
    mounted(vec![layer], Sidecars::Listed)
}

/// Returns the facts of a sidecar, each line of which is `KEY=value`.
fn facts(mounted: &Mounted, sidecar: &str) -> BTreeMap<String, String> {
    let text = mounted.text(sidecar);
    assert!(text.ends_with('\n'), "{sidecar}: {text:?}");
    let lines = text.lines().map(|l| l.split_once('=').unwrap());
    let facts: BTreeMap<_, _> = lines.clone().map(|(k, v)| (k.into(), v.into())).collect();
    assert_eq!(facts.len(), lines.count(), "{sidecar}: a key stands twice");
    facts
}

fn getfattr(path: &Path, name: &str) -> String {
    let args = ["--absolute-names", "--only-values", "-n", name];
    let output = run(Command::new("getfattr").args(args).arg(path));
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the names of a file's xattrs under `user.imgfs.`, without that prefix.
fn our_xattrs(path: &Path) -> BTreeSet<String> {
    let names = xattr::list(path).unwrap().map(|n| n.into_string().unwrap());
    names
        .filter_map(|n| n.strip_prefix("user.imgfs.").map(str::to_owned))
        .collect()
}

/// The values that `go version -m` prints, under the keys of imgfs.
const GO_KEYS: [(&str, &str); 18] = [
    ("GO_VERSION", "version"),
    ("GO_PATH", "path"),
    ("GO_MODULE", "mod"),
    ("GO_MODULE_VERSION", "mod version"),
    ("CGO_ENABLED", "CGO_ENABLED"),
    ("GO_BUILDMODE", "-buildmode"),
    ("GO_LDFLAGS", "-ldflags"),
    ("GO_TAGS", "-tags"),
    ("GO_TRIMPATH", "-trimpath"),
    ("VCS_REVISION", "vcs.revision"),
    ("VCS_TIME", "vcs.time"),
    ("VCS_MODIFIED", "vcs.modified"),
    ("BUILD_GOOS", "GOOS"),
    ("BUILD_GOARCH", "GOARCH"),
    ("GOAMD64", "GOAMD64"),
    ("GO386", "GO386"),
    ("GOARM", "GOARM"),
    ("GOHOSTOS", "never"),
];

/// Formats a value as in sidecars and xattrs: control characters and backslashes as `\xNN`.
fn escaped(value: &str) -> String {
    let escape = |c: char| match c {
        '\\' | '\0'..='\x1f' => format!("\\x{:02x}", c as u32),
        c => c.to_string(),
    };
    value.chars().map(escape).collect()
}

/// Asserts that every key of the list has the value that the Go tool prints for the original, or is
/// absent if it prints none; and that the xattr has the same value.
fn assert_as_go_says(mounted: &Mounted, path: &str, original: &Path) {
    let ours = facts(mounted, &format!("{path}.arch"));
    let mut theirs = go_version(original);
    theirs.values_mut().for_each(|v| *v = escaped(v));
    for (key, name) in GO_KEYS {
        assert_eq!(ours.get(key), theirs.get(name), "{path}: {key}");
        if let Some(value) = theirs.get(name) {
            let xattr = format!("user.imgfs.{}", key.to_lowercase().replace('_', "."));
            assert_eq!(
                &getfattr(&mounted.join(path), &xattr),
                value,
                "{path}: {xattr}"
            );
        }
    }
}

/// Go programs for four machines in two layers, beside other files: grep finds exactly the programs for
/// arm64, not those whose build info only claims it; getfattr agrees on each; and the build information
/// is that which Go's own tool reads.
#[test]
fn go_programs() {
    let dir = tempfile::tempdir().unwrap();
    let programs = build_programs(dir.path());
    let mut layers = [
        Layer::new()
            .dir("bin")
            .file_mode("bin/c-program", elf(), 0o755),
        Layer::new()
            .file_mode("bin/script", "#!/bin/sh\necho GOARCH=arm64\n", 0o755)
            .file("bin/notes.txt", "GOARCH=arm64\n")
            .symlink("bin/link", "arm64"),
    ];
    for (i, (name, _)) in programs.iter().enumerate() {
        let bytes = fs::read(dir.path().join(name)).unwrap();
        let layer = std::mem::take(&mut layers[i % 2]);
        layers[i % 2] = layer.file_mode(&format!("bin/{name}"), bytes, 0o755);
    }
    let m = mounted(layers.into(), Sidecars::Listed);

    let grep = ["-rl", "^GOARCH=arm64", "--include=*.arch", "."];
    let found = run(Command::new("grep").args(grep).current_dir(m.path())).stdout;
    let found = String::from_utf8(found).unwrap();
    let of_arm64 = programs.iter().filter(|(_, arch)| *arch == "arm64");
    let mut expected: BTreeSet<_> = of_arm64.map(|(n, _)| format!("./bin/{n}.arch")).collect();
    assert!(expected.len() > 1);
    expected.insert("./bin/link.arch".into());
    assert_eq!(
        found.lines().map(str::to_owned).collect::<BTreeSet<_>>(),
        expected
    );

    for (name, arch) in &programs {
        let path = format!("bin/{name}");
        assert_eq!(
            getfattr(&m.join(&path), "user.imgfs.goarch"),
            *arch,
            "{name}"
        );
        assert_as_go_says(&m, &path, &dir.path().join(name));
        let facts = facts(&m, &format!("{path}.arch"));
        assert_eq!(
            (&*facts["GOOS"], &*facts["GOARCH_SOURCE"]),
            ("linux", "header")
        );
    }
    let c = facts(&m, "bin/c-program.arch");
    let of_go = GO_KEYS[..14].iter().filter(|(key, _)| c.contains_key(*key));
    assert_eq!(of_go.count(), 0, "{c:?}");
}

/// Go 1.13 to 1.17 wrote pointers to its strings instead of the strings. Made by hand for machines of
/// both word sizes and byte orders; the current Go tool still reads them.
#[test]
fn pointer_format() {
    let machines = [
        (true, false, 62, "amd64"),
        (false, false, 3, "386"),
        (false, true, 8, "mips"),
        (true, true, 21, "ppc64"),
    ];
    for (wide, big, machine, arch) in machines {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("old");
        fs::write(&file, pointer_format_elf(wide, big, machine)).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(go_version(&file)["version"], "go1.15.2", "the oracle");
        assert_eq!(
            go_version(&file)["-ldflags"],
            "-X main.v=\"1 2\"",
            "the oracle"
        );
        let m = listed(Layer::new().file_mode("old", fs::read(&file).unwrap(), 0o755));
        assert_as_go_says(&m, "old", &file);
        assert_eq!(facts(&m, "old.arch")["GOARCH"], arch);
    }
}
