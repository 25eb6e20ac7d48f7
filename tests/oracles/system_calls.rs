//! Checks that system calls on a mount return the same values and error numbers as on a read-only ext4
//! file system with the same tree.
//!
//! Both trees are made from the same tar. One program (tests/oracles/system_calls/calls.py) makes the calls on
//! both and prints one line for each call. The remaining differences are listed here, each with its
//! reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::support::{Layer, OciImage, mount_layers, oci_dir, open_image, run};
use imgfs::internals::fuse::{self, Mount, MountOptions};
use imgfs::internals::view::{ImageFs, Sidecars};
use rustix::io::Errno;
use tempfile::TempDir;

/// A call with different results: its name, ext4's result, and imgfs's result.
type Known = (&'static str, &'static str, &'static str);

/// Differences on every mount.
const KNOWN: &[Known] = &[
    // imgfs adds extended attributes for the origin of each file.
    ("listxattr of none into 0", "0", "63"),
    ("listxattr of none into 1", "0", "ERANGE"),
    ("listxattr of none into 100", "0", "63"),
    // Holes are read as zeros and take no blocks, but are not distinguished from data, which lseek(2)
    // allows.
    ("lseek data holes 0", "524288", "0"),
    ("lseek data holes 600000", "1044480", "600000"),
    ("lseek hole holes 0", "0", "1048576"),
    ("lseek hole holes 524288", "528384", "1048576"),
    ("lseek hole holes 600000", "600000", "1048576"),
    // Images do not contain the flags of ioctl_iflags(2).
    ("ioctl getflags", "0x0", "ENOTTY"),
    // glibc uses the type of the file system, and knows only a few types.
    ("pathconf PC_LINK_MAX", "65000", "127"),
];

/// The kernel does not check permissions on a mount that only its owner may enter, except those for
/// executing a regular file.
const UNCHECKED: &[Known] = &[
    ("access char rx", "EACCES", "0"),
    ("access char x", "EACCES", "0"),
    ("access fifo rx", "EACCES", "0"),
    ("access fifo x", "EACCES", "0"),
];

/// A FUSE request contains the user but not the capabilities, and ext4 lists these names only to users
/// with CAP_SYS_ADMIN. The kernel denies other users access to the values.
const TRUSTED: &[Known] = &[(
    "llistxattr text",
    "['user.a', 'user.empty']",
    "['trusted.t', 'user.a', 'user.empty']",
)];

/// A user who owns one directory of the tree (see tree.sh) and is in no group.
const USER: &str = "1000";

/// The tree as a mounted tar and as a mounted ext4.
struct Trees {
    work: TempDir,
    ext4: Mounted,
    imgfs: Mount,
}

/// A mount that is unmounted on drop.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(&self.0).status();
        if !std::thread::panicking() {
            assert!(status.unwrap().success());
        }
    }
}

impl Trees {
    /// Mounts both trees; `options` apply to imgfs.
    fn new(options: MountOptions) -> Self {
        let work = tempfile::tempdir().unwrap();
        let path = |name: &str| work.path().join(name);
        run(Command::new("chmod").arg("755").arg(work.path()));
        for name in ["ext4", "imgfs"] {
            fs::create_dir(path(name)).unwrap();
        }
        let bash = |script: &str| {
            let mut bash = Command::new("bash");
            run(bash.args(["-ec", script]).current_dir(work.path()));
        };
        bash(include_str!("system_calls/tree.sh"));
        bash(
            "tar --format=posix --sparse --xattrs --xattrs-include='*' --numeric-owner -C src -cf layer.tar .
             truncate -s 64M image
             mkfs.ext4 -q -b 4096 image
             mount -o loop image ext4",
        );
        {
            let _mounted = Mounted(path("ext4"));
            bash(
                "rmdir ext4/lost+found
                 tar --xattrs --xattrs-include='*' --numeric-owner --same-owner -pxSf layer.tar -C ext4",
            );
        }
        let exec = if options.exec { "" } else { ",noexec" };
        bash(&format!("mount -o loop,ro,nosuid,nodev{exec} image ext4"));
        let ext4 = Mounted(path("ext4"));

        let tar = fs::read(path("layer.tar")).unwrap();
        let layout = oci_dir(&OciImage::plain(&[tar]));
        let image = Arc::new(open_image(layout.path().to_str().unwrap()));
        assert!(image.problems.is_empty(), "{:?}", image.problems);
        let view = Arc::new(ImageFs::new(image, Sidecars::Off));
        let imgfs = fuse::mount(view, &path("imgfs"), &options).unwrap();
        Self { work, ext4, imgfs }
    }

    /// Makes the calls on both trees as a user. Returns for each call, by name, the results of ext4 and
    /// of imgfs.
    fn ask(&self, user: Option<&str>) -> BTreeMap<String, (String, String)> {
        let imgfs = self.work.path().join("imgfs");
        let [theirs, ours] = [&self.ext4.0, &imgfs].map(|root| calls(root, user));
        assert_eq!(theirs.len(), ours.len());
        let pairs = theirs.into_iter().zip(ours).map(|(theirs, ours)| {
            let (name, theirs) = theirs.split_once(": ").unwrap();
            let (same, ours) = ours.split_once(": ").unwrap();
            assert_eq!(name, same);
            (name.to_owned(), (theirs.to_owned(), ours.to_owned()))
        });
        pairs.collect()
    }

    /// Makes the calls as a user, and panics unless exactly the known calls differ. Returns the number
    /// of calls.
    fn compare(&self, user: Option<&str>, known: &[&[Known]]) -> usize {
        let answers = self.ask(user);
        let line = |name: &str, theirs: &str, ours: &str| format!("{name}: {theirs} | {ours}");
        let different = answers.iter().filter(|(_, (theirs, ours))| theirs != ours);
        let found: BTreeSet<String> = different
            .map(|(name, (theirs, ours))| line(name, theirs, ours))
            .collect();
        let known = known.iter().copied().flatten();
        let known: BTreeSet<String> = known.map(|(name, a, b)| line(name, a, b)).collect();
        let lines =
            |a: &BTreeSet<String>, b| a.difference(b).cloned().collect::<Vec<_>>().join("\n");
        let (new, gone) = (lines(&found, &known), lines(&known, &found));
        assert!(
            new.is_empty() && gone.is_empty(),
            "ext4 | imgfs:\n{new}\nno difference any more:\n{gone}"
        );
        answers.len()
    }

    fn close(self) {
        self.imgfs.umount().unwrap();
    }
}

/// Fewer calls than the program makes for any user. Guards against a program that stops early on both
/// trees.
const CALLS: usize = 700;

/// Returns the lines that the program prints for a tree.
fn calls(root: &Path, user: Option<&str>) -> Vec<String> {
    let program = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/oracles/system_calls/calls.py"
    );
    // The program may be in a directory that the user cannot read.
    let text = fs::read_to_string(program).unwrap();
    let mut python = Command::new("python3");
    python.args(["-c", &text]).arg(root).args(user);
    let output = run(&mut python).stdout;
    let text = String::from_utf8(output).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn calls_answer_as_on_a_read_only_ext4() {
    let trees = Trees::new(MountOptions::default());
    assert!(trees.compare(None, &[KNOWN, UNCHECKED]) >= CALLS);
    trees.close();
}

/// With `--allow-other` the kernel checks permissions, and with `--exec` programs may be executed.
#[test]
fn calls_of_another_user_answer_as_on_a_read_only_ext4() {
    let trees = Trees::new(MountOptions {
        allow_other: true,
        exec: true,
        ..MountOptions::default()
    });
    assert!(trees.compare(None, &[KNOWN]) >= CALLS);
    assert!(trees.compare(Some(USER), &[KNOWN, TRUSTED]) >= CALLS);
    trees.close();
}

/// This applies in each directory, including those that imgfs adds.
#[test]
fn a_name_over_255_bytes_is_too_long() {
    let longest = "n".repeat(255);
    let m = mount_layers(vec![Layer::new().file(&format!("dir/{longest}"), "x")]);
    assert_eq!(m.text(&format!("dir/{longest}")), "x");
    for dir in ["", "dir", ".imgfs", ".imgfs/arch", ".imgfs/layers/0"] {
        for (len, expected) in [(254, Errno::NOENT), (256, Errno::NAMETOOLONG)] {
            let path = m.join(dir).join("n".repeat(len));
            let error = rustix::fs::lstat(&path).unwrap_err();
            assert_eq!(error, expected, "{len} bytes in {dir:?}");
        }
    }
}

#[test]
fn an_attribute_in_a_namespace_that_there_is_not() {
    let m = mount_layers(vec![Layer::new().file("file", "x")]);
    for path in ["file", ".imgfs", ".imgfs/layers"] {
        let get = |name: &str| rustix::fs::lgetxattr(m.join(path), name, &mut [0; 8][..]);
        for name in ["unknown.x", "plain", "system.x", "USER.x"] {
            assert_eq!(get(name).unwrap_err(), Errno::OPNOTSUPP, "{name}");
        }
        for name in [
            "user.x",
            "trusted.x",
            "security.x",
            "system.posix_acl_access",
        ] {
            assert_eq!(get(name).unwrap_err(), Errno::NODATA, "{name}");
        }
    }
}
