//! Real images, made by umoci and by buildah from Debian packages and from files with every attribute,
//! in every form that skopeo can write (`tests/images/real_images/build.sh`). Each form is mounted and must
//! equal the result of `umoci raw unpack` on the image, by two comparisons: rsync in both directions,
//! and our own walk, which also compares device numbers, link counts and nanoseconds.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::support::rsync::rsync;
use crate::support::tree::{Tree, differences, walk};
use crate::support::{Mounted, mount, run};
use imgfs::internals::view::Sidecars;
use tempfile::TempDir;

/// Returns the directory with the images; builds them if necessary.
fn images() -> &'static Path {
    static IMAGES: OnceLock<PathBuf> = OnceLock::new();
    IMAGES.get_or_init(|| {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/real_images/build.sh");
        let output = Command::new("bash").arg(script).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "build-images.sh failed (tests/run.sh installs what it needs):\n{errors}"
        );
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end())
    })
}

/// The tree that umoci unpacks from an OCI layout, as root and with every attribute.
struct Unpacked(TempDir);

impl Unpacked {
    fn new(layout: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let image = format!("{}:test", layout.display());
        run(Command::new("umoci")
            .args(["raw", "unpack", "--image", &image])
            .arg(dir.path().join("rootfs")));
        Self(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("rootfs")
    }
}

/// Runs both comparisons, with rsync in both directions; returns one list of differences.
fn judge(a: (&Path, &Tree), b: (&Path, &Tree)) -> Vec<String> {
    let mut lines = differences(a.1, b.1);
    lines.extend(rsync(a.0, b.0).iter().map(|l| format!("rsync > {l}")));
    lines.extend(rsync(b.0, a.0).iter().map(|l| format!("rsync < {l}")));
    lines
}

/// Returns all forms of an image as references, first the one that umoci unpacks.
fn forms(dir: &Path) -> Vec<String> {
    let at = |form: &str| dir.join(form).display().to_string();
    let mut forms = vec![
        format!("oci:{}:test", at("oci")),
        at("docker.tar"),
        format!("docker-archive:{}", at("docker.tar.gz")),
        at("oci.tar"),
        format!("oci-archive:{}:test", at("oci.tar.zst")),
        at("oci-zstd"),
    ];
    for more in ["docker.tar.zst", "oci.tar.gz"] {
        if dir.join(more).exists() {
            forms.push(at(more));
        }
    }
    forms
}

fn mounted(reference: &str) -> (Mounted, Tree) {
    let mounted = mount(reference, Sidecars::Off);
    let tree = walk(mounted.path());
    (mounted, tree)
}

/// Compares all forms of an image: the first with umoci's tree, the others with the first.
fn compare(name: &str, expected: &[&str]) {
    let dir = images().join(name);
    let unpacked = Unpacked::new(&dir.join("oci"));
    let theirs = walk(&unpacked.path());
    let forms = forms(&dir);
    let (first, ours) = mounted(&forms[0]);
    // The comparison is meaningful only for an image with enough files.
    assert!(ours.len() > 1000, "{name} holds {} files only", ours.len());
    let found = judge((&unpacked.path(), &theirs), (first.path(), &ours));
    assert_eq!(found, expected, "{name}: umoci's tree | imgfs's");
    for form in &forms[1..] {
        let (other, tree) = mounted(form);
        let found = judge((first.path(), &ours), (other.path(), &tree));
        assert_eq!(found, Vec::<String>::new(), "{} | {form}", forms[0]);
    }
}

/// The image that umoci made, with explicit whiteouts, an opaque one and a history.
#[test]
fn umoci() {
    compare("umoci", &[]);
}

/// The image that buildah made, in four commits.
#[test]
fn buildah() {
    compare("buildah", &[]);
}

/// The comparisons are effective: each change to a copy of a tree is reported by one of them, and the
/// attributes that imgfs adds are not.
#[test]
fn judges_see() {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"
        mkdir -p a/d a/dir && cd a && for f in mode owner content xattr mtime hard gone; do
            echo $f >$f; done
        ln hard hard-2; ln -s target link; mkfifo fifo; mknod char c 1 3; mknod block b 1 3
        setfattr -n user.u -v 1 xattr; touch -d @1000000000.5 . d dir * && touch -hd @1 link
        cd .. && cp -a a b && cp -a a c && cd c && setfattr -n user.imgfs.goarch -v x mode
        cd ../b && chmod 4644 mode && chown 1:1 owner && echo CONTENT >content
        touch -d @1000000000.5 content && setfattr -n user.u -v 2 xattr
        touch -d @1000000000.500000001 mtime && touch -d @7 dir && rm hard-2 && cp -a hard hard-2
        rm gone char link fifo && mknod char c 1 4 && ln -s other link && mknod fifo p
        chmod 600 fifo && touch -d @1000000000.5 char fifo && touch -hd @1 link
        setfattr -n user.d -v 1 d && touch -d @1000000000.5 . ../a ../c
    "#;
    run(Command::new("bash").args(["-ec", script]).current_dir(&dir));
    let at = |name: &str| dir.path().join(name);
    let tree = |name: &str| walk(&at(name));
    let none = judge((&at("a"), &tree("a")), (&at("c"), &tree("c")));
    assert_eq!(none, Vec::<String>::new());
    let seen = differences(&tree("a"), &tree("b"));
    for start in [
        "mode: mode",
        "owner: owner",
        "content: content",
        "xattr: xattr",
        "mtime: mtime",
        "dir: mtime",
        "hard: nlink",
        "hard-2: same file as",
        "gone: there | -",
        "char: device",
        "link: target",
        "fifo: mode",
        "d: xattr",
    ] {
        assert!(
            seen.iter().any(|l| l.starts_with(start)),
            "{start}: {seen:#?}"
        );
    }
    let seen = rsync(&at("a"), &at("b"));
    for line in [
        ".f...p..... mode",
        ".f....og... owner",
        ">fc........ content",
        ".f........x xattr",
        ".f..t...... mtime",
        ".d..t...... dir/",
        "hf          hard-2 => hard",
        ">f+++++++++ gone",
        "cDc........ char",
        "cLc........ link -> target",
        ".S...p..... fifo",
        ".d........x d/",
    ] {
        assert!(seen.iter().any(|l| l == line), "{line}: {seen:#?}");
    }
}

/// The layer of umoci's image that brought a file, and its history line, with one entry without a layer
/// among them; the same for skopeo's docker-archive.
#[test]
fn history() {
    let dir = images().join("umoci");
    for form in ["oci", "docker.tar"] {
        let mounted = mount(&dir.join(form).display().to_string(), Sidecars::Off);
        for (path, layer, line) in [
            ("usr/bin/bash", "0", "install packages"),
            ("odd/owned", "1", "RUN add all kinds of files"),
            ("odd/modify", "2", "RUN change them"),
            ("odd/delete", "3", "RUN delete, and bring back"),
        ] {
            let get = |name: &str| {
                let value = xattr::get(mounted.join(path), name).unwrap();
                value.map(|v| String::from_utf8(v).unwrap())
            };
            assert_eq!(get("user.imgfs.layer").as_deref(), Some(layer), "{path}");
            assert_eq!(
                get("user.imgfs.created.by").as_deref(),
                Some(line),
                "{path}"
            );
        }
        assert!(
            mounted.image.problems.is_empty(),
            "{:?}",
            mounted.image.problems
        );
    }
}
