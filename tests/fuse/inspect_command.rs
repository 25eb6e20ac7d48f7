//! `imgfs inspect`: the text of the same file's sidecar in an image, or JSON.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::support::{Layer, OciImage, imgfs, mount, oci_dir, run};
use imgfs::internals::view::Sidecars;

fn data(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/inspect");
    dir.join(name)
}

const FILES: [&str; 5] = [
    "app-arm64",
    "gcc-glibc-rpath",
    "gcc-lib.a",
    "zig-x86_64-windows.dll",
    "zig-aarch64-macos",
];

/// For a file on the host, inspect prints the sidecar of the same file in a mount, except the path, the
/// layer, and the facts that depend on the rest of the image.
#[test]
fn a_host_file_has_the_text_of_its_sidecar() {
    let dir = tempfile::tempdir().unwrap();
    let mut layer = Layer::new();
    for name in FILES {
        let bytes = fs::read(data(name)).unwrap();
        let path = dir.path().join(name);
        fs::write(&path, &bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).unwrap();
        layer = layer.file_mode(name, bytes, 0o750);
    }
    let image = oci_dir(&OciImage::plain(&[layer.tar()]));
    let mounted = mount(image.path().to_str().unwrap(), Sidecars::Listed);

    let output = run(imgfs().arg("inspect").args(FILES).current_dir(dir.path()));
    let text = String::from_utf8(output.stdout).unwrap();
    let said: Vec<&str> = text.split("\n\n").collect();
    assert_eq!(said.len(), FILES.len(), "an empty line between files");
    let facts = |text: &str| -> Vec<String> {
        let skip = [
            "PATH=",
            "LAYER=",
            "LAYER_DIGEST=",
            "CREATED_BY=",
            "INTERPRETER_STATUS=",
            "MISSING=",
            "VERDICT=",
            "FINDINGS=",
        ];
        let lines = text
            .lines()
            .filter(|l| !skip.iter().any(|s| l.starts_with(s)));
        lines.map(str::to_owned).collect()
    };
    for (name, said) in FILES.iter().zip(said) {
        let sidecar = mounted.text(&format!("{name}.arch"));
        assert_eq!(facts(said), facts(&sidecar), "{name}");
        assert!(said.contains(&format!("\nPATH={name}\n")), "{said}");
        assert!(!said.contains("LAYER"), "a host file has no layer");
    }
}

/// One object a line, the keys of the text in its order, lists as arrays.
#[test]
fn json_says_the_same() {
    let files = FILES.map(data);
    let text = run(imgfs().arg("inspect").args(&files)).stdout;
    let text = String::from_utf8(text).unwrap();
    let json = run(imgfs().args(["inspect", "--json"]).args(&files)).stdout;
    let json = String::from_utf8(json).unwrap();
    let lists = ["NEEDED", "RPATH", "RUNPATH"];
    for (said, line) in text.split("\n\n").zip(json.lines()) {
        let object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(line).unwrap();
        let spelled: Vec<String> = object
            .iter()
            .map(|(key, value)| match value {
                serde_json::Value::Array(values) => {
                    assert!(lists.contains(&key.as_str()), "{key} is no list");
                    let values: Vec<_> = values.iter().map(|v| v.as_str().unwrap()).collect();
                    format!("{key}={}", values.join(" "))
                }
                value => format!("{key}={}", value.as_str().unwrap()),
            })
            .collect();
        assert_eq!(spelled, said.lines().collect::<Vec<_>>());
    }
    assert_eq!(json.lines().count(), FILES.len());
}

/// A file that is not an executable is named, and the others are still reported; the same for an
/// unreadable file.
#[test]
fn what_is_none_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("text"), "hello\n").unwrap();
    let output = imgfs()
        .arg("inspect")
        .args(["text", "missing", "."])
        .arg(data("app-arm64"))
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = errors.lines().collect();
    assert_eq!(lines.len(), 3, "{errors}");
    assert!(lines[0].contains("text: not an executable"), "{errors}");
    assert!(lines[1].contains("missing: No such file"), "{errors}");
    assert!(lines[2].contains(".: not a regular file"), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("IMGFS_ARCH=1\n") && text.contains("\nGOARCH=arm64\n"));
}

/// A closed output pipe is not reported.
#[test]
fn a_closed_pipe_ends_it_quietly() {
    let files = vec![data("gcc-glibc-pie"); 2000];
    let mut child = imgfs()
        .arg("inspect")
        .args(&files)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}
