//! The rules of sidecars and xattrs: which files have them, their names, and their values.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;

use imgfs::internals::view::Sidecars;

use super::{data, elf, facts, getfattr, listed, mounted, our_xattrs};
use crate::support::{Layer, MANIFEST, Mounted, TAR, mount, sha256, write_blob, write_index};

/// A symbolic link to an executable has a sidecar too. Links are resolved inside the image, where an
/// absolute one begins at its root and `..` stops there; a dangling link has none.
#[test]
fn symlinks() {
    let m = listed(
        Layer::new()
            .dir("bin")
            .file_mode("bin/app", elf(), 0o755)
            .dir("a")
            .symlink("a/relative", "../bin/app")
            .symlink("a/absolute", "/bin/app")
            .symlink("a/climbing", "../../../../bin/app")
            .symlink("a/chain", "relative")
            .symlink("a/dir", "../bin")
            .symlink("a/through", "dir/app")
            .symlink("a/dangling", "nowhere")
            .symlink("a/loop", "loop2")
            .symlink("a/loop2", "loop")
            .symlink("a/host", "/proc/self/exe"),
    );
    let text = m.text("bin/app.arch");
    assert!(text.contains("\nPATH=/bin/app\n"), "{text}");
    let linked = ["relative", "absolute", "climbing", "chain", "through"];
    for name in linked {
        assert_eq!(m.text(&format!("a/{name}.arch")), text, "{name}");
        assert_eq!(
            m.text(&format!(".imgfs/arch/a/{name}.arch")),
            text,
            "{name}"
        );
    }
    let names = m.names("a").into_iter().filter(|n| n.ends_with(".arch"));
    let expected = linked.map(|n| format!("{n}.arch"));
    assert_eq!(names.collect::<BTreeSet<_>>(), expected.into());
    for name in ["dangling", "loop", "host", "dir"] {
        assert!(!m.exists(&format!("a/{name}.arch")), "{name}");
    }
}

/// A real file with the name of a sidecar takes precedence, regardless of its type, and is listed once;
/// `/.imgfs/arch` still has the text. That file may be an executable itself.
#[test]
fn a_real_file_wins() {
    let m = listed(
        Layer::new()
            .file_mode("app", elf(), 0o755)
            .file("app.arch", "mine")
            .file_mode("two", elf(), 0o755)
            .file_mode("two.arch", elf(), 0o755)
            .file_mode("three", elf(), 0o755)
            .symlink("three.arch", "nowhere"),
    );
    let expected = [
        "app",
        "app.arch",
        "three",
        "three.arch",
        "two",
        "two.arch",
        "two.arch.arch",
    ];
    let mut names = m.names("");
    names.sort();
    assert_eq!(names, expected);
    assert_eq!(m.text("app.arch"), "mine");
    assert_eq!(m.read("two.arch"), elf());
    assert!(
        fs::symlink_metadata(m.join("three.arch"))
            .unwrap()
            .is_symlink()
    );
    for name in ["app", "two", "two.arch", "three"] {
        let text = m.text(&format!(".imgfs/arch/{name}.arch"));
        assert!(text.contains(&format!("\nPATH=/{name}\n")), "{text}");
    }
}

/// The same for a real directory with its own executables. `/.imgfs/arch` cannot have a text and a
/// directory of one name, but it lists the name once, with its type.
#[test]
fn a_real_directory_wins() {
    let m = listed(
        Layer::new()
            .file_mode("app", elf(), 0o755)
            .dir("app.arch")
            .file_mode("app.arch/inner", elf(), 0o755),
    );
    assert!(m.join("app.arch").is_dir());
    assert_eq!(m.names("app.arch"), ["inner", "inner.arch"]);
    for dir in ["", ".imgfs/arch"] {
        let names = m.names(dir);
        let unique: BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), unique.len(), "{dir}: {names:?}");
        for entry in fs::read_dir(m.join(dir)).unwrap().map(Result::unwrap) {
            let found = fs::symlink_metadata(entry.path()).unwrap().file_type();
            assert_eq!(
                entry.file_type().unwrap(),
                found,
                "{}",
                entry.path().display()
            );
        }
    }
}

/// A binary has a sidecar regardless of its mode, a script only if it has an execute bit.
#[test]
fn scripts_must_be_executable() {
    let script = "#!/bin/sh\n";
    let m = listed(
        Layer::new()
            .file_mode("binary", elf(), 0o600)
            .file_mode("others", script, 0o001)
            .file_mode("owner", script, 0o700)
            .file_mode("nobody", script, 0o666)
            .file_mode("text", "echo\n", 0o755),
    );
    let names = m.names("").into_iter().filter(|n| n.ends_with(".arch"));
    let names: BTreeSet<_> = names.collect();
    assert_eq!(
        names,
        ["binary.arch", "others.arch", "owner.arch"]
            .map(String::from)
            .into()
    );
    assert!(!m.exists("nobody.arch") && !m.exists("text.arch"));
    let facts = |name| facts(&m, name);
    assert_eq!(facts("binary.arch")["EXECUTABLE"], "no");
    assert_eq!(facts("binary.arch")["MODE"], "0600");
    assert_eq!(facts("owner.arch")["EXECUTABLE"], "yes");
    assert_eq!(facts("owner.arch")["INTERPRETER"], "/bin/sh");
}

/// With `hidden`, sidecars can be opened by name but are not listed; with `off`, neither. `/.imgfs`,
/// which the root never lists, has the texts in all three modes.
#[test]
fn modes() {
    for mode in [Sidecars::Listed, Sidecars::Hidden, Sidecars::Off] {
        let layer = Layer::new()
            .dir("bin")
            .file_mode("bin/app", elf(), 0o755)
            .dir("none")
            .file("none/text", "");
        let m = mounted(vec![layer], mode);
        let found = m.names("bin").contains(&"app.arch".to_owned());
        assert_eq!(found, mode == Sidecars::Listed, "{mode:?}");
        assert_eq!(m.exists("bin/app.arch"), mode != Sidecars::Off, "{mode:?}");
        let text = m.text(".imgfs/arch/bin/app.arch");
        assert!(text.contains("\nGOARCH=amd64\n"), "{text}");
        assert_eq!(m.names(""), ["bin", "none"]);
        // Only directories with content.
        assert_eq!(m.names(".imgfs/arch"), ["bin"]);
        assert_eq!(m.names(".imgfs/arch/bin"), ["app.arch"]);
    }
}

/// A sidecar's size is the length of its text, in every call of stat(2); a name that is too long for
/// `.arch` has no sidecar beside it.
#[test]
fn sizes_and_lengths() {
    let (fits, long) = ("f".repeat(250), "l".repeat(251));
    let m = listed(
        Layer::new()
            .file_mode("app", elf(), 0o755)
            .symlink("link", "app")
            .file_mode(&fits, elf(), 0o755)
            .file_mode(&long, elf(), 0o755),
    );
    let names = ["app.arch", "link.arch", &format!("{fits}.arch")].map(str::to_owned);
    for name in &names {
        for path in [name.clone(), format!(".imgfs/arch/{name}")] {
            let meta = fs::metadata(m.join(&path)).unwrap();
            assert!(
                meta.is_file() && meta.mode() & 0o7777 == 0o444,
                "{path}: {meta:?}"
            );
            assert_eq!(meta.len(), m.read(&path).len() as u64, "{path}");
        }
    }
    let listed = m.names("").into_iter().filter(|n| n.ends_with(".arch"));
    assert_eq!(listed.collect::<BTreeSet<_>>(), names.into());
    assert!(m.exists(&long));
}

/// Two layers whose history lines and digests are known; control characters and backslashes in values as
/// `\xNN`, spaces only in lists; files that an image ships cannot be mistaken for imgfs's own.
#[test]
fn layers_escapes_and_forgery() {
    // The name of the needed library contains a space; its length is unchanged.
    let mut spaced = data("gcc-glibc-needs-libanswer");
    let at = spaced
        .windows(14)
        .position(|w| w == b"libanswer.so.1")
        .unwrap();
    spaced[at + 3] = b' ';
    let lower = Layer::new()
        .dir("d")
        .file_mode("d/lower", elf(), 0o755)
        .file("d/text", "t")
        .symlink("d/link", "lower");
    let upper = Layer::new()
        .file_mode("d/new\nline \\x", &spaced, 0o4711)
        .pax(&[
            ("SCHILY.xattr.user.imgfs.goarch", b"arm64"),
            ("SCHILY.xattr.user.imgfs.image.goarch", b"386"),
            ("SCHILY.xattr.user.plain", b"a\nb\\"),
        ])
        .file_mode("d/forged", elf(), 0o755);
    let history = ["COPY lower /d", "RUN a \\\n\tb  # \u{fc}"];
    let (m, digests) = with_history([lower.tar(), upper.tar()], history);

    let lower = facts(&m, "d/lower.arch");
    assert_eq!(
        (&*lower["LAYER"], &*lower["LAYER_DIGEST"]),
        ("0", &*digests[0])
    );
    assert_eq!(lower["CREATED_BY"], "COPY lower /d");
    assert_eq!(facts(&m, "d/link.arch"), lower);
    let upper = facts(&m, "d/new\nline \\x.arch");
    assert_eq!(
        (&*upper["LAYER"], &*upper["LAYER_DIGEST"]),
        ("1", &*digests[1])
    );
    assert_eq!(upper["CREATED_BY"], "RUN a \\x5c\\x0a\\x09b  # \u{fc}");
    assert_eq!(upper["PATH"], "/d/new\\x0aline \\x5cx");
    assert_eq!(upper["NEEDED"], "lib\\x20nswer.so.1 libc.so.6");
    assert_eq!((&*upper["MODE"], &*upper["UID"]), ("4711", "0"));

    // The xattrs are the keys in lower case, with dots for underscores, and have the sidecar's values.
    let forged = m.join("d/forged");
    let facts = facts(&m, "d/forged.arch");
    assert_eq!(facts["GOARCH"], "amd64");
    let names = facts.keys().map(|k| k.to_lowercase().replace('_', "."));
    let mut expected: BTreeSet<_> = names.collect();
    expected.extend(["image.goarch", "image.image.goarch"].map(String::from));
    assert_eq!(our_xattrs(&forged), expected);
    for (key, value) in &facts {
        let name = format!("user.imgfs.{}", key.to_lowercase().replace('_', "."));
        assert_eq!(&getfattr(&forged, &name), value, "{name}");
    }
    assert_eq!(getfattr(&forged, "user.imgfs.image.goarch"), "arm64");
    assert_eq!(getfattr(&forged, "user.imgfs.image.image.goarch"), "386");
    assert_eq!(getfattr(&forged, "user.plain"), "a\nb\\");
    // A file that is not an executable has the attributes of its origin, and a symbolic link cannot have
    // any.
    let layer = ["created.by", "layer", "layer.digest"].map(String::from);
    assert_eq!(our_xattrs(&m.join("d/text")), layer.clone().into());
    assert_eq!(our_xattrs(&m.join("d")), layer.into());
    assert_eq!(our_xattrs(&m.join("d/link")), BTreeSet::new());
}

/// Mounts an image of two layers with these history lines, with a line without a layer between them;
/// returns the mount and the layers' digests.
fn with_history(tars: [Vec<u8>; 2], history: [&str; 2]) -> (Mounted, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let digests: Vec<_> = tars.iter().map(|tar| sha256(tar)).collect();
    let config = serde_json::json!({
        "os": "linux", "architecture": "amd64", "config": {},
        "rootfs": {"type": "layers", "diff_ids": digests},
        "history": [
            {"created_by": history[0]},
            {"created_by": "ENV A=1", "empty_layer": true},
            {"created_by": history[1]},
        ],
    });
    let mut config = write_blob(dir.path(), config.to_string().as_bytes());
    config["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
    let layers = tars.iter().map(|tar| {
        let mut descriptor = write_blob(dir.path(), tar);
        descriptor["mediaType"] = TAR.into();
        descriptor
    });
    let layers: Vec<_> = layers.collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
    });
    let mut descriptor = write_blob(dir.path(), manifest.to_string().as_bytes());
    descriptor["mediaType"] = MANIFEST.into();
    write_index(dir.path(), &[descriptor]);
    (
        mount(dir.path().to_str().unwrap(), Sidecars::Listed),
        digests,
    )
}
