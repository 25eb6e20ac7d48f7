//! `/.imgfs` through a mount: the documents, the tables, the status.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use crate::support::{Layer, Mounted, OciImage, data, mount, oci_dir, write_index};
use imgfs::internals::view::{KEYS, Sidecars};

/// The number of scripts in the upper layer: more lines than one block of the table holds.
const SCRIPTS: usize = 200;
/// The number of executables in the lower layer, which sort after the scripts: one ELF file under two names,
/// and a script.
const BELOW: usize = 3;

fn image() -> OciImage {
    let below = Layer::new()
        .dir("etc")
        .file("etc/motd", "hello\n")
        .file_mode("usr/bin/app", data("app-arm64"), 0o755)
        .hardlink("usr/bin/same", "usr/bin/app")
        .symlink("usr/bin/alias", "app")
        .file_mode("usr/bin/script", "#!/bin/sh -e\n", 0o755);
    let many = (0..SCRIPTS).fold(Layer::new(), |layer, n| {
        layer.file_mode(&format!("opt/tab\there/{n:03}"), "#!/bin/sh\n", 0o755)
    });
    OciImage::plain(&[below.tar(), many.tar()])
}

fn mounted() -> Mounted {
    let dir = oci_dir(&image());
    mount(dir.path().to_str().unwrap(), Sidecars::Listed)
}

#[test]
fn everything_is_listed_but_not_in_the_root() {
    let mount = mounted();
    let mut names = mount.names(".imgfs");
    names.sort();
    let all = [
        "arch",
        "binaries.tsv",
        "findings.tsv",
        "hidden",
        "image",
        "layers",
        "status",
    ];
    assert_eq!(names, all);
    assert_eq!(mount.names(".imgfs/layers"), ["0", "1"]);
    assert_eq!(mount.names(".imgfs/hidden"), ["0", "1"]);
    assert!(!mount.names("").contains(&".imgfs".to_owned()));
    // Every entry can be opened by name, and has the type of the listing.
    for entry in fs::read_dir(mount.join(".imgfs")).unwrap() {
        let entry = entry.unwrap();
        let meta = fs::metadata(entry.path()).unwrap();
        assert_eq!(meta.is_dir(), entry.file_type().unwrap().is_dir());
    }
    for dir in [
        ".imgfs/layers",
        ".imgfs/hidden",
        ".imgfs/image",
        ".imgfs/arch",
    ] {
        let above = fs::canonicalize(mount.join(dir).join("..")).unwrap();
        assert_eq!(
            above,
            fs::canonicalize(mount.join(".imgfs")).unwrap(),
            "{dir}"
        );
    }
    assert!(!mount.exists(".imgfs/layers/2") && !mount.exists(".imgfs/nothing"));
}

#[test]
fn documents_are_as_shipped() {
    let image = image();
    let dir = oci_dir(&image);
    let mount = mount(dir.path().to_str().unwrap(), Sidecars::Listed);
    let index = fs::read(dir.path().join("index.json")).unwrap();
    assert_eq!(mount.read(".imgfs/image/index.json"), index);
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let blob = |digest: &serde_json::Value| {
        let hex = digest
            .as_str()
            .unwrap()
            .strip_prefix("sha256:")
            .unwrap()
            .to_owned();
        fs::read(dir.path().join("blobs/sha256").join(hex)).unwrap()
    };
    let manifest = blob(&index["manifests"][0]["digest"]);
    assert_eq!(mount.read(".imgfs/image/manifest.json"), manifest);
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let config = blob(&manifest["config"]["digest"]);
    assert_eq!(mount.read(".imgfs/image/config.json"), config);
    assert_eq!(
        mount.text(".imgfs/image/history.txt"),
        "0\tstep 0\n1\tstep 1\n"
    );
}

/// Mounts an image of two layers whose config has this history.
fn with_history(history: serde_json::Value) -> Mounted {
    let image = OciImage::plain(&[
        Layer::new().file("a", "a").tar(),
        Layer::new().file("b", "b").tar(),
    ]);
    let dir = tempfile::tempdir().unwrap();
    let mut config = image.config();
    match history {
        serde_json::Value::Null => drop(config.as_object_mut().unwrap().remove("history")),
        history => config["history"] = history,
    }
    let descriptor = image.write_with(dir.path(), &config);
    write_index(dir.path(), &[descriptor]);
    mount(dir.path().to_str().unwrap(), Sidecars::Off)
}

fn created_by(mount: &Mounted, path: &str) -> String {
    let value = xattr::get(mount.join(path), "user.imgfs.created.by").unwrap();
    String::from_utf8(value.unwrap()).unwrap()
}

#[test]
fn history_is_aligned_or_said_to_be_unknown() {
    let aligned = with_history(serde_json::json!([
        {"created_by": "ADD a"}, {"created_by": "ENV X=\ty", "empty_layer": true},
        {"created_by": "COPY b"},
    ]));
    assert_eq!(created_by(&aligned, "a"), "ADD a");
    assert_eq!(created_by(&aligned, "b"), "COPY b");
    let text = aligned.text(".imgfs/image/history.txt");
    assert_eq!(text, "0\tADD a\n-\tENV X=\\x09y\n1\tCOPY b\n");

    let short = with_history(serde_json::json!([{"created_by": "ADD everything"}]));
    assert_eq!(created_by(&short, "b"), "unknown");
    assert_eq!(
        short.text(".imgfs/image/history.txt"),
        "?\tADD everything\n"
    );
    assert!(short.image.warnings.iter().any(|w| w.contains("history")));

    let none = with_history(serde_json::Value::Null);
    assert_eq!(created_by(&none, "a"), "unknown");
    assert_eq!(none.text(".imgfs/image/history.txt"), "");
}

/// The table has a line for each sidecar of a file, with the same values.
#[test]
fn the_table_of_binaries_says_what_the_sidecars_say() {
    let mount = mounted();
    let table = mount.text(".imgfs/binaries.tsv");
    let size = fs::metadata(mount.join(".imgfs/binaries.tsv"))
        .unwrap()
        .len();
    assert_eq!(size, table.len() as u64);
    let mut lines = table.lines();
    assert_eq!(lines.next().unwrap().split('\t').collect::<Vec<_>>(), KEYS);
    let mut paths = Vec::new();
    for line in lines {
        let row: Vec<&str> = line.split('\t').collect();
        assert_eq!(row.len(), KEYS.len(), "{line}");
        let row: BTreeMap<&str, &str> = KEYS
            .into_iter()
            .zip(row)
            .filter(|(_, v)| !v.is_empty())
            .collect();
        let path = row["PATH"].replace("\\x09", "\t");
        let sidecar = mount.text(&format!(".imgfs/arch{path}.arch"));
        let facts: BTreeMap<&str, &str> = sidecar
            .lines()
            .map(|l| l.split_once('=').unwrap())
            .collect();
        assert_eq!(row, facts);
        paths.push(path);
    }
    assert_eq!(paths.len(), SCRIPTS + BELOW);
    assert!(paths.is_sorted(), "not in the byte order of paths");
    assert_eq!(
        paths[SCRIPTS..],
        ["/usr/bin/app", "/usr/bin/same", "/usr/bin/script"]
    );
}

#[test]
fn many_readers_read_the_same_table() {
    let mount = Arc::new(mounted());
    let expected = mount.read(".imgfs/binaries.tsv");
    let second = mounted();
    let path: Arc<PathBuf> = Arc::new(second.join(".imgfs/binaries.tsv"));
    let readers: Vec<_> = (0..64)
        .map(|_| {
            let path = path.clone();
            thread::spawn(move || fs::read(&*path).unwrap())
        })
        .collect();
    for reader in readers {
        assert!(reader.join().unwrap() == expected);
    }
}

#[test]
fn status_is_new_each_time_and_whole() {
    let mount = mounted();
    let status = || -> BTreeMap<String, String> {
        let text = mount.text(".imgfs/status");
        let pairs = text.lines().map(|line| line.split_once('=').unwrap());
        pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    };
    let before = status();
    assert_eq!(
        (before["LAYERS"].as_str(), before["ERRORS"].as_str()),
        ("2", "0")
    );
    assert_eq!(before["PLATFORM"], "linux/amd64");
    mount.read("etc/motd");
    let after = status();
    let lookups =
        |status: &BTreeMap<String, String>| status["REQUESTS_LOOKUP"].parse::<u64>().unwrap();
    assert!(lookups(&after) > lookups(&before), "{before:?} {after:?}");
    // Its length is that of the text that is read, even if the directory was listed first.
    let listed = fs::read_dir(mount.join(".imgfs")).unwrap().count();
    assert_eq!(listed, 7);
    let file = fs::File::open(mount.join(".imgfs/status")).unwrap();
    let size = file.metadata().unwrap().len();
    assert_eq!(std::io::read_to_string(file).unwrap().len() as u64, size);
}
