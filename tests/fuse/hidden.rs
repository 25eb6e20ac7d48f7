//! Files that later layers removed: they are under `/.imgfs/hidden`, in the output of `imgfs hidden`,
//! and nowhere else. Also each layer alone, under `/.imgfs/layers`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use crate::support::program::{Place, output};
use crate::support::{Layer, Mounted, OciImage, data, mount, oci_dir, run};
use imgfs::internals::view::Sidecars;

const PEM: &str = "-----BEGIN PRIVATE KEY-----\nremoved\n";

/// Returns an image with a secret for each way in which a later layer can hide one.
fn secrets() -> OciImage {
    let below = Layer::new()
        .dir_mode("etc", 0o750)
        .pax(&[("SCHILY.xattr.user.label", b"kept \0 whole")])
        .file_mode("etc/removed", PEM, 0o600)
        .file("etc/overwritten", "password=old\n")
        .file("etc/stays", "nothing\n")
        .dir("opt/app")
        .file("opt/app/key", "behind an opaque marker\n")
        .dir("var/lib")
        .file("var/lib/token", "in a directory that became a file\n")
        .file("home/a", "under two names\n")
        .hardlink("home/b", "home/a")
        .file("home/c", "one name stays\n")
        .hardlink("home/d", "home/c")
        .file("gone/deep/er/still", "below a directory that was removed\n")
        .file_mode("usr/bin/app", data("app-arm64"), 0o755)
        .symlink("usr/bin/alias", "app");
    let above = Layer::new()
        .whiteout("etc/removed")
        .file("etc/overwritten", "password=new\n")
        .opaque("opt/app")
        .file("opt/app/other", "new\n")
        .file("var/lib", "a file now\n")
        .whiteout("home/a")
        .whiteout("home/b")
        .whiteout("home/d")
        .whiteout("gone")
        .whiteout("usr/bin/app")
        .whiteout("usr/bin/alias");
    let last = Layer::new().whiteout("opt/app/other").file("top", "");
    OciImage::gzip(&[below.tar(), above.tar(), last.tar()])
}

/// The hidden files, listed by hand: the layer, the path, its content, the layer that hid it, and how.
const HIDDEN: [(u32, &str, &str, u32, &str); 9] = [
    (0, "/etc/overwritten", "password=old\n", 1, "replaced"),
    (0, "/etc/removed", PEM, 1, "whiteout"),
    (
        0,
        "/gone/deep/er/still",
        "below a directory that was removed\n",
        1,
        "whiteout",
    ),
    (0, "/home/a", "under two names\n", 1, "whiteout"),
    (0, "/home/b", "under two names\n", 1, "whiteout"),
    (0, "/home/d", "one name stays\n", 1, "whiteout"),
    (0, "/opt/app/key", "behind an opaque marker\n", 1, "opaque"),
    (
        0,
        "/var/lib/token",
        "in a directory that became a file\n",
        1,
        "replaced",
    ),
    (1, "/opt/app/other", "new\n", 2, "whiteout"),
];

fn mounted(image: &OciImage) -> Mounted {
    let dir = oci_dir(image);
    mount(dir.path().to_str().unwrap(), Sidecars::Listed)
}

/// Returns all regular files below a directory, by their paths in it.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                pending.push(path);
            } else if meta.is_file() {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap();
                found.insert(format!("/{name}"), fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[test]
fn everything_that_was_hidden_is_there_byte_for_byte() {
    let mount = mounted(&secrets());
    for layer in [0, 1, 2] {
        let found = files(&mount.join(&format!(".imgfs/hidden/{layer}")));
        let mut expected: BTreeMap<String, Vec<u8>> = HIDDEN
            .iter()
            .filter(|hidden| hidden.0 == layer)
            .map(|hidden| (hidden.1.to_owned(), hidden.2.into()))
            .collect();
        if layer == 0 {
            expected.insert("/usr/bin/app".to_owned(), data("app-arm64"));
            let sidecar = found["/usr/bin/app.arch"].clone();
            expected.insert("/usr/bin/app.arch".to_owned(), sidecar);
        }
        assert_eq!(found, expected, "layer {layer}");
    }
    // With its attributes, and those of its parents.
    let removed = fs::metadata(mount.join(".imgfs/hidden/0/etc/removed")).unwrap();
    assert_eq!(
        (removed.mode() & 0o7777, removed.len()),
        (0o600, PEM.len() as u64)
    );
    assert_eq!(removed.mtime(), 1_000_000_000);
    let etc = fs::metadata(mount.join(".imgfs/hidden/0/etc")).unwrap();
    assert_eq!(etc.mode() & 0o7777, 0o750);
    let label = xattr::get(mount.join(".imgfs/hidden/0/etc/removed"), "user.label");
    assert_eq!(label.unwrap().unwrap(), b"kept \0 whole");
    // Two names of one file are one file here too; the other name of the third file still exists.
    let ino = |path: &str| fs::metadata(mount.join(path)).unwrap();
    let (a, b) = (ino(".imgfs/hidden/0/home/a"), ino(".imgfs/hidden/0/home/b"));
    assert_eq!((a.ino(), a.nlink(), b.nlink()), (b.ino(), 2, 2));
    assert_eq!(ino(".imgfs/hidden/0/home/d").nlink(), 1);
    assert_eq!(mount.text("home/c"), "one name stays\n");
    // A symbolic link is hidden too.
    let alias = fs::read_link(mount.join(".imgfs/hidden/0/usr/bin/alias")).unwrap();
    assert_eq!(alias, Path::new("app"));
}

#[test]
fn what_is_hidden_says_what_it_is_and_who_hid_it() {
    let mount = mounted(&secrets());
    let app = mount.join(".imgfs/hidden/0/usr/bin/app");
    let get = |name: &str| {
        let value = xattr::get(&app, format!("user.imgfs.{name}")).unwrap();
        String::from_utf8(value.unwrap_or_default()).unwrap()
    };
    assert_eq!(get("goarch"), "arm64");
    assert_eq!(get("path"), "/usr/bin/app");
    assert_eq!(
        (get("layer"), get("created.by")),
        ("0".into(), "step 0".into())
    );
    assert_eq!(
        (get("hidden.by"), get("hidden.how")),
        ("1".into(), "whiteout".into())
    );
    let text = mount.text(".imgfs/hidden/0/usr/bin/app.arch");
    for line in [
        "PATH=/usr/bin/app",
        "GOARCH=arm64",
        "HIDDEN_BY=1",
        "HIDDEN_HOW=whiteout",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
}

#[test]
fn nothing_of_it_is_in_the_merged_view() {
    let mount = mounted(&secrets());
    let found = files(mount.path());
    for (_, path, content, ..) in HIDDEN {
        let shown = found.get(path).map(Vec::as_slice);
        assert_ne!(shown, Some(content.as_bytes()), "{path}");
        if path != "/home/d" {
            let elsewhere = found.values().any(|bytes| bytes == content.as_bytes());
            assert!(!elsewhere, "{path} is still there");
        }
    }
    assert_eq!(found["/etc/overwritten"], b"password=new\n");
    assert_eq!(found["/var/lib"], b"a file now\n");
    // The directory that contains it is not listed either.
    assert!(!mount.names("").contains(&".imgfs".to_owned()));
}

#[test]
fn the_command_lists_it() {
    let place = Place::new();
    let dir = oci_dir(&secrets());
    let listed = output(place.imgfs().arg("hidden").arg(dir.path()));
    assert!(listed.status.success());
    let lines = String::from_utf8(listed.stdout).unwrap();
    let mut expected: Vec<String> = HIDDEN
        .iter()
        .map(|(layer, path, content, by, how)| {
            format!("{layer}\t{by}\t{how}\t{}\t{path}", content.len())
        })
        .collect();
    let size = data("app-arm64").len();
    let at = expected
        .iter()
        .position(|line| line.ends_with("/token"))
        .unwrap();
    expected.insert(at, format!("0\t1\twhiteout\t{size}\t/usr/bin/app"));
    expected.insert(at, "0\t1\twhiteout\t3\t/usr/bin/alias".to_owned());
    assert_eq!(lines.lines().collect::<Vec<_>>(), expected);

    let listed = output(
        place
            .imgfs()
            .args(["hidden", "--json", "--digests", "--layer", "1"])
            .arg(dir.path()),
    );
    let object: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    let listed = output(
        place
            .imgfs()
            .args(["hidden", "--digests", "--layer", "1"])
            .arg(dir.path()),
    );
    let line = "1\t2\twhiteout\t4\t\
        7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c\t/opt/app/other\n";
    assert_eq!(String::from_utf8(listed.stdout).unwrap(), line);
    let expected = serde_json::json!({
        "path": "/opt/app/other", "type": "file", "size": 4, "layer": 1, "created_by": "step 1",
        "hidden_by": 2, "hidden_by_created_by": "step 2", "how": "whiteout",
        "readable_at": "/.imgfs/hidden/1/opt/app/other",
        // printf 'new\n' | sha256sum
        "sha256": "7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c",
    });
    assert_eq!(object, expected);
}

/// The layer as it is shipped: the files that `tar` unpacks from it, and nothing else.
#[test]
fn a_layer_alone_is_what_tar_unpacks() {
    let image = secrets();
    let mount = mounted(&image);
    for (number, (blob, ..)) in image.layers.iter().enumerate() {
        let unpacked = tempfile::tempdir().unwrap();
        let file = unpacked.path().join("layer.tar.gz");
        fs::write(&file, blob).unwrap();
        let out = unpacked.path().join("out");
        fs::create_dir(&out).unwrap();
        run(Command::new("tar")
            .args(["--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpzf"])
            .arg(&file)
            .arg("-C")
            .arg(&out));
        let alone = mount.join(&format!(".imgfs/layers/{number}"));
        let differs = run(Command::new("rsync")
            .args([
                "-aHAXnc",
                "--delete",
                "--itemize-changes",
                "--omit-dir-times",
            ])
            .arg("--filter=-x user.imgfs.*")
            .arg(format!("{}/", alone.display()))
            .arg(format!("{}/", out.display())));
        let differs = String::from_utf8(differs.stdout).unwrap();
        // No layer describes its root, or the directories above home/a and similar ones.
        let described: Vec<&str> = differs
            .lines()
            .filter(|line| !line.starts_with(".d"))
            .collect();
        assert_eq!(described, [""; 0], "layer {number}");
    }
    let whiteout = fs::metadata(mount.join(".imgfs/layers/1/etc/.wh.removed")).unwrap();
    assert_eq!(whiteout.len(), 0);
    assert!(mount.exists(".imgfs/layers/1/opt/app/.wh..wh..opq"));
    // Its sidecars are not listed, but can be read by name.
    assert_eq!(mount.names(".imgfs/layers/0/usr/bin"), ["alias", "app"]);
    assert!(
        mount
            .text(".imgfs/layers/0/usr/bin/app.arch")
            .contains("GOARCH=arm64\n")
    );
}

/// A hard link to a file of a lower layer shows where it leads.
#[test]
fn a_link_out_of_a_layer_is_a_symbolic_link_when_it_is_alone() {
    let layers = [
        Layer::new().file("usr/bin/a", "bytes").tar(),
        Layer::new().hardlink("usr/bin/b", "usr/bin/a").tar(),
    ];
    let mount = mounted(&OciImage::plain(&layers));
    assert_eq!(mount.text("usr/bin/b"), "bytes");
    let link = fs::read_link(mount.join(".imgfs/layers/1/usr/bin/b")).unwrap();
    assert_eq!(link, Path::new("/usr/bin/a"));
}

/// A layer that changes only attributes ships the content again; the layer that first brought it is
/// reported.
#[test]
fn content_and_attributes_from_different_layers() {
    let layers = [
        Layer::new().file("a", "first").file("b", "first").tar(),
        Layer::new()
            .file_mode("a", "first", 0o600)
            .file("b", "other")
            .tar(),
        Layer::new()
            .file_mode("a", "first", 0o400)
            .file("b", "first")
            .tar(),
    ];
    let mount = mounted(&OciImage::plain(&layers));
    let get = |path: &str, name: &str| {
        let value = xattr::get(mount.join(path), format!("user.imgfs.{name}")).unwrap();
        String::from_utf8(value.unwrap_or_default()).unwrap()
    };
    assert_eq!(
        (get("a", "layer"), get("a", "content.layer")),
        ("2".into(), "0".into())
    );
    assert_eq!(
        (get("b", "layer"), get("b", "content.layer")),
        ("2".into(), "2".into())
    );
    assert_eq!(get("a", "content.created.by"), "step 0");
    assert_eq!(
        get("a", "content.layer.digest"),
        mount.image.layers[0].digest.as_ref().unwrap().to_string()
    );
    // It requires reading the files, so it is available only by name.
    let listed: Vec<_> = xattr::list(mount.join("a")).unwrap().collect();
    assert!(
        !listed
            .iter()
            .any(|name| name.to_str().unwrap().contains("content"))
    );
}
