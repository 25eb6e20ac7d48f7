//! Go programs, and the output of the Go tool for them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::run;

/// Returns the Go tool without the environment of the user who runs the tests, and without a network.
fn go(dir: &Path) -> Command {
    let cache = std::env::var_os("IMGFS_TEST_CACHE").map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| {
        let home = std::env::var_os("HOME").expect("HOME is set");
        Path::new(&home).join(".cache/imgfs-tests")
    });
    fs::create_dir_all(&cache).unwrap();
    let mut command = Command::new("go");
    let variables = std::env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|n| n.as_encoded_bytes().starts_with(b"GO")) {
        command.env_remove(name);
    }
    command
        .current_dir(dir)
        .env("GOCACHE", cache.join("go-build"))
        .env("GOPATH", cache.join("go"))
        .env("GO111MODULE", "on")
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off")
        .env("GOENV", "off");
    command
}

/// Builds a tiny program in many ways; returns the names of the files and the machine of each.
pub fn build_programs(out: &Path) -> Vec<(&'static str, &'static str)> {
    let source = tempfile::tempdir().unwrap();
    let main = "package main\n\nvar target = \"none\"\n\nfunc main() { println(target) }\n";
    fs::write(source.path().join("main.go"), main).unwrap();
    fs::write(
        source.path().join("go.mod"),
        "module example.com/app\n\ngo 1.19\n",
    )
    .unwrap();
    let claim = "-ldflags=-X main.target=arm64";
    let quoted = "-ldflags=-s -w -X \"main.target=a b\\c\"";
    let programs: [(&str, &str, &str, &[&str]); 11] = [
        ("amd64", "amd64", "0", &[]),
        ("amd64-cgo", "amd64", "1", &[]),
        ("amd64-stripped", "amd64", "0", &["-ldflags=-s -w"]),
        ("amd64-pie", "amd64", "0", &["-buildmode=pie"]),
        ("amd64-trimmed", "amd64", "0", &["-trimpath", claim]),
        ("amd64-claims-arm64", "amd64", "0", &[claim]),
        ("arm64", "arm64", "0", &[]),
        ("arm64-stripped", "arm64", "0", &["-tags=x,y", quoted]),
        ("arm64-trimmed", "arm64", "0", &["-trimpath"]),
        ("arm", "arm", "0", &[]),
        ("386", "386", "0", &["-ldflags=-w"]),
    ];
    let build = |&(name, arch, cgo, args): &(&'static str, &'static str, &str, &[&str])| {
        let environment = [("GOOS", "linux"), ("GOARCH", arch), ("CGO_ENABLED", cgo)];
        run(go(source.path())
            .envs(environment)
            .envs([("GOARM", "6"), ("GOAMD64", "v1"), ("GO386", "sse2")])
            .args(["build", "-o"])
            .arg(out.join(name))
            .args(args)
            .arg("."));
        (name, arch)
    };
    programs.iter().map(build).collect()
}

/// Returns the values that `go version -m` prints: `version`, `path`, `mod`, `mod version`, and each
/// `build` line under its own name.
pub fn go_version(file: &Path) -> BTreeMap<String, String> {
    let dir = file.parent().unwrap();
    let output = run(go(dir).args(["version", "-m"]).arg(file));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    let first = lines.next().and_then(|l| l.rsplit_once(": "));
    let (_, version) = first.unwrap_or_else(|| panic!("go version: {text}"));
    let mut said = BTreeMap::from([("version".to_owned(), version.to_owned())]);
    for line in lines {
        let fields: Vec<_> = line.trim_start().split('\t').collect();
        match fields[..] {
            ["path", path] => {
                said.insert("path".into(), path.into());
            }
            ["mod", module, version, ..] => {
                said.insert("mod".into(), module.into());
                said.insert("mod version".into(), version.into());
            }
            ["build", setting] => {
                let (key, value) = setting.split_once('=').unwrap();
                // Go quotes values with spaces or quotes; for ASCII the syntax is that of JSON.
                let value = match value.starts_with('"') {
                    true => serde_json::from_str(value).unwrap(),
                    false => value.to_owned(),
                };
                said.insert(key.into(), value);
            }
            _ => {}
        }
    }
    said
}

/// Returns a minimal executable with its build information as Go 1.13 to 1.17 wrote it
/// (`debug/buildinfo`, "buildInfo"): after the magic the size of a pointer and the byte order, then
/// pointers to two string headers, each a pointer and a length. One writable segment contains all of it.
pub fn pointer_format_elf(wide: bool, big: bool, machine: u16) -> Vec<u8> {
    const BASE: u64 = 0x1_0000;
    const BLOB: u64 = 0x100;
    let int = |value: u64, size: usize| match big {
        true => value.to_be_bytes()[8 - size..].to_vec(),
        false => value.to_le_bytes()[..size].to_vec(),
    };
    let word = |value| int(value, if wide { 8 } else { 4 });
    let (half, long) = (|v: u64| int(v, 2), |v: u64| int(v, 4));
    let version = b"go1.15.2";
    let text = b"path\texample.com/old\nmod\texample.com/old\tv1.2.3\th1:x=\n\
        build\t-ldflags=\"-X main.v=\\\"1 2\\\"\"\nbuild\tCGO_ENABLED=0\n";
    // The runtime finds the text by marks of 16 bytes each, which Go cuts off.
    let text = [&[b'<'; 16][..], text, &[b'>'; 16]].concat();

    let mut blob = b"\xff Go buildinf:".to_vec();
    blob.extend([if wide { 8 } else { 4 }, u8::from(big)]);
    // Header at 0, string headers at 32 and 48, version at 64, text at 80.
    blob.extend([word(BASE + BLOB + 32), word(BASE + BLOB + 48)].concat());
    blob.resize(32, 0);
    blob.extend([word(BASE + BLOB + 64), word(version.len() as u64)].concat());
    blob.resize(48, 0);
    blob.extend([word(BASE + BLOB + 80), word(text.len() as u64)].concat());
    blob.resize(64, 0);
    blob.extend(version);
    blob.resize(80, 0);
    blob.extend(&text);
    let size = BLOB + blob.len() as u64;

    let (header, program) = if wide { (64, 56) } else { (52, 32) };
    let mut file = b"\x7fELF".to_vec();
    file.extend([if wide { 2 } else { 1 }, if big { 2 } else { 1 }, 1]);
    file.resize(16, 0);
    // ET_EXEC, the machine, the version, entry, program headers, no sections, no flags.
    file.extend([half(2), half(machine.into()), long(1)].concat());
    file.extend([word(BASE), word(header), word(0), long(0)].concat());
    file.extend(
        [
            half(header),
            half(program),
            half(1),
            half(0),
            half(0),
            half(0),
        ]
        .concat(),
    );
    // PT_LOAD, readable and writable, the whole file; in 32-bit files the flags are at another offset.
    let (flags, places) = (
        long(6),
        [word(0), word(BASE), word(BASE), word(size), word(size)],
    );
    let align = word(0x1000);
    file.extend(match wide {
        true => [long(1), flags, places.concat(), align].concat(),
        false => [long(1), places.concat(), flags, align].concat(),
    });
    assert_eq!(file.len() as u64, header + program);
    file.resize(BLOB as usize, 0);
    file.extend(blob);
    file
}
