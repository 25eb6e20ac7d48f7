//! An ordinary user mounts, through the set-user-id helper `fusermount3`, and no other user sees it.
//! Expectations: issue 2, DESIGN 6, mount.fuse3(8) and fusermount3(1). The helper requires a user name,
//! so `nobody` mounts; the other users are numbers without an entry in /etc/passwd.

use std::fs;
use std::io::ErrorKind::PermissionDenied;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::program::images::{docker_archive, sample};
use crate::support::program::{
    Place, SOON, assert_says, fail, output, start, stderr, succeed, within,
};
use rustix::process::{Signal, kill_process};

/// The user who mounts is `nobody`, by Debian's policy (9.2.2); the other one is a different user.
const USER: u32 = 65534;
const OTHER: u32 = 23456;

/// A directory that belongs to the user, with a program and an image that every user may read.
struct Home {
    place: Place,
    image: PathBuf,
}

impl Home {
    fn new() -> Self {
        let mode = fs::metadata("/dev/fuse")
            .expect("there is no /dev/fuse")
            .permissions()
            .mode();
        assert_eq!(
            mode & 0o666,
            0o666,
            "/dev/fuse is not for every user (tests/run.sh sees to it)"
        );
        let place = Place::new();
        for dir in ["mnt", "state", "cache"] {
            chown(place.join(dir), Some(USER), Some(USER)).unwrap();
        }
        // Copied by another process: a file that this process has open for writing could not be
        // executed.
        let program = env!("CARGO_BIN_EXE_imgfs");
        succeed(
            Command::new("install")
                .args(["-m755", program])
                .arg(place.join("imgfs")),
        );
        let image = place.image();
        Self { place, image }
    }

    /// Returns a command that runs as that user.
    fn run_as(&self, uid: u32, program: impl AsRef<Path>) -> Command {
        let mut command = self.place.command("setpriv");
        command.args(["--reuid", &uid.to_string(), "--regid", &uid.to_string()]);
        command
            .arg("--clear-groups")
            .arg(program.as_ref())
            .env("LC_ALL", "C");
        command
    }

    fn imgfs(&self, uid: u32) -> Command {
        self.run_as(uid, self.place.join("imgfs"))
    }

    fn mount_command(&self, options: &[&str], image: &Path) -> Command {
        let mut command = self.imgfs(USER);
        command
            .arg("mount")
            .args(options)
            .arg(image)
            .arg(self.place.mnt());
        command
    }

    fn mount(&self, options: &[&str]) {
        assert_eq!(succeed(&mut self.mount_command(options, &self.image)), "");
    }

    fn umount(&self, uid: u32) -> Command {
        let mut command = self.imgfs(uid);
        command.arg("umount").arg(self.place.mnt());
        command
    }

    /// Returns the text of a file in the mount as a user reads it, or the error of `cat`.
    fn cat(&self, uid: u32, path: &str) -> Result<String, String> {
        let output = output(self.run_as(uid, "cat").arg(self.place.mnt().join(path)));
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap()),
            false => Err(stderr(&output)),
        }
    }

    fn assert_denied(&self, uid: u32, path: &str) {
        let error = self.cat(uid, path).expect_err("it could be read");
        assert!(error.contains("Permission denied"), "{error}");
    }

    /// Returns the command that runs a script in its own mount namespace, with `conf` as fuse.conf.
    fn with_fuse_conf(&self, conf: &str, script: &str) -> Command {
        assert!(
            Path::new("/etc/fuse.conf").exists(),
            "package fuse3 is missing (tests/run.sh)"
        );
        let conf = self.place.file("fuse.conf", conf);
        let mut command = self.place.command("unshare");
        let script = format!("mount --bind \"$CONF\" /etc/fuse.conf && {script}");
        command
            .args(["-m", "sh", "-c", &script])
            .env("CONF", conf)
            .env("LC_ALL", "C");
        command
            .env("DIR", self.place.join(""))
            .env("USER", USER.to_string());
        command.env("OTHER", OTHER.to_string());
        command
    }
}

/// The user mounts onto a directory of their own and reads, including files that only root may read in
/// the image: a user who can read the image could unpack it as well.
#[test]
fn a_user_mounts_and_reads_it_all() {
    let home = Home::new();
    home.mount(&[]);
    assert_eq!(home.cat(USER, "etc/motd").unwrap(), "hello\n");
    assert_eq!(home.cat(USER, "etc/shadow").unwrap(), "secret\n");
    assert_eq!(succeed(&mut home.umount(USER)), "");
    home.place.assert_gone();
}

/// Without `--allow-other` no other user gets access, not even root: EACCES.
#[test]
fn nobody_else_sees_it() {
    let home = Home::new();
    home.mount(&[]);
    home.assert_denied(OTHER, "etc/motd");
    let error = fs::read(home.place.mnt().join("etc/motd")).unwrap_err();
    assert_eq!(error.kind(), PermissionDenied);
    assert_eq!(home.cat(USER, "etc/motd").unwrap(), "hello\n");
}

/// The mount table shows the same as for root: type, source (for any characters in the name) and
/// options.
#[test]
fn the_mount_table_says_what_is_mounted() {
    for name in [
        "plain.tar",
        "one, two.tar",
        r"back\slash, ro.tar",
        "x=y,fsname=z.tar",
    ] {
        let home = Home::new();
        let image = home.place.file(name, docker_archive(&sample(), &[]));
        succeed(&mut home.mount_command(&[], &image));
        let mount = home.place.only_mount();
        assert_eq!(mount.source, image.to_str().unwrap());
        assert_eq!(mount.kind, "fuse.imgfs");
        let user_id = format!("user_id={USER}");
        for option in ["ro", "nosuid", "nodev", "noexec", &user_id] {
            assert!(
                mount.options.iter().any(|o| o == option),
                "{option}: {mount:?}"
            );
        }
        assert!(
            !mount.options.iter().any(|o| o == "allow_other"),
            "{mount:?}"
        );
        succeed(&mut home.umount(USER));
        home.place.assert_gone();
    }
}

/// `--exec` works for a user too, but set-user-id stays off.
#[test]
fn exec_for_a_user() {
    let home = Home::new();
    home.mount(&["--exec"]);
    let options = home.place.only_mount().options;
    assert!(!options.iter().any(|o| o == "noexec"), "{options:?}");
    assert!(options.iter().any(|o| o == "nosuid"), "{options:?}");
    let run = output(&mut home.run_as(USER, home.place.mnt().join("bin/run")));
    assert_eq!(run.stdout, b"ran\n");
}

/// `fusermount3 -u` by the user is the same as `imgfs umount`.
#[test]
fn fusermount3_unmounts() {
    let home = Home::new();
    home.mount(&[]);
    succeed(
        home.run_as(USER, "fusermount3")
            .arg("-u")
            .arg(home.place.mnt()),
    );
    home.place.assert_gone();
}

/// Another user may not unmount it and gets an error; root may.
#[test]
fn who_may_unmount() {
    let home = Home::new();
    home.mount(&[]);
    let said = fail(&mut home.umount(OTHER));
    assert_says(&said, &[home.place.mnt().to_str().unwrap(), "not allowed"]);
    assert_eq!(home.cat(USER, "etc/motd").unwrap(), "hello\n");
    assert_eq!(succeed(&mut home.umount(0)), "");
    home.place.assert_gone();
}

/// SIGTERM ends the mount, idle or with a file open.
#[test]
fn sigterm_unmounts() {
    for busy in [false, true] {
        let home = Home::new();
        home.mount(&[]);
        let reader = busy.then(|| Reader::start(&home));
        kill_process(home.place.daemon(), Signal::TERM).unwrap();
        home.place.assert_gone();
        drop(reader);
    }
}

/// A busy mount is unmounted lazily, and the open file can be read to its end.
#[test]
fn a_busy_mount_is_unmounted_lazily() {
    let home = Home::new();
    home.mount(&[]);
    let reader = Reader::start(&home);
    let said = succeed(&mut home.umount(USER));
    assert_says(&said, &[home.place.mnt().to_str().unwrap(), "in use"]);
    assert!(home.place.mounts().is_empty());
    assert_eq!(reader.read(), "hello\n");
    home.place.assert_gone();
}

/// A process of a user with an open file that it has not read yet.
struct Reader(std::process::Child);

impl Reader {
    fn start(home: &Home) -> Self {
        let mut command = home.run_as(USER, "sh");
        // It does not belong to the processes that must be gone.
        command.env_remove("XDG_STATE_HOME").stdin(Stdio::piped());
        let file = home.place.mnt().join("etc/motd");
        command
            .args(["-c", "exec 3<\"$0\" && read line && exec cat <&3"])
            .arg(&file);
        let reader = Self(start(&mut command));
        let fd = format!("/proc/{}/fd/3", reader.0.id());
        within(SOON, "the file to be open", || {
            fs::read_link(&fd).is_ok_and(|f| f == file)
        });
        reader
    }

    fn read(mut self) -> String {
        drop(
            self.0
                .stdin
                .take()
                .map(|mut to| std::io::Write::write_all(&mut to, b"\n")),
        );
        let mut text = String::new();
        let mut from = self.0.stdout.take().unwrap();
        std::io::Read::read_to_string(&mut from, &mut text).unwrap();
        text
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// fuse.conf(5): without `user_allow_other` only root may let other users in. The error names the line
/// and the file.
#[test]
fn allow_other_needs_a_line_in_fuse_conf() {
    let home = Home::new();
    let script = "exec setpriv --reuid $USER --regid $USER --clear-groups \
                  $DIR/imgfs mount --allow-other $DIR/image.tar $DIR/mnt";
    let said = fail(&mut home.with_fuse_conf("# nothing\n", script));
    assert_says(
        &said,
        &["--allow-other", "user_allow_other", "/etc/fuse.conf"],
    );
    home.place.assert_gone();
}

/// With that line it works, and the image's permissions apply, also for the user who mounted it.
#[test]
fn allow_other_as_a_user() {
    let home = Home::new();
    let script = "as() { id=$1; shift; setpriv --reuid $id --regid $id --clear-groups \"$@\"; }
        as $USER $DIR/imgfs mount --allow-other $DIR/image.tar $DIR/mnt || exit
        for id in $OTHER $USER; do as $id cat $DIR/mnt/etc/motd $DIR/mnt/etc/shadow; done
        as $USER $DIR/imgfs umount $DIR/mnt";
    let output = output(&mut home.with_fuse_conf("user_allow_other\n", script));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"hello\nhello\n", "{output:?}");
    assert_eq!(
        stderr(&output).matches("Permission denied").count(),
        2,
        "{output:?}"
    );
    home.place.assert_gone();
}

/// As root: others read the files that the image lets them read (`default_permissions`), root reads all.
#[test]
fn allow_other_as_root() {
    let home = Home::new();
    home.place.mount(&["--allow-other"], &home.image);
    let options = home.place.only_mount().options;
    for option in ["allow_other", "default_permissions"] {
        assert!(options.iter().any(|o| o == option), "{option}: {options:?}");
    }
    assert_eq!(home.cat(OTHER, "etc/motd").unwrap(), "hello\n");
    home.assert_denied(OTHER, "etc/shadow");
    assert_eq!(home.place.text("etc/shadow"), "secret\n");
}

/// Without the option, a mount of root is accessible only to root.
#[test]
fn a_mount_of_root_is_for_root() {
    let home = Home::new();
    home.place.mount(&[], &home.image);
    home.assert_denied(OTHER, "etc/motd");
    assert_eq!(home.place.text("etc/shadow"), "secret\n");
}

/// Without the helper the message names the package that has it.
#[test]
fn without_fusermount3_the_package_is_named() {
    let home = Home::new();
    let mut path = std::ffi::OsString::from("PATH=");
    path.push(home.place.join("state"));
    let mut command = home.run_as(USER, "env");
    command.arg(path).arg(home.place.join("imgfs")).arg("mount");
    let said = fail(command.arg(&home.image).arg(home.place.mnt()));
    assert_says(&said, &["fusermount3", "fuse3"]);
    home.place.assert_gone();
}

/// If the user may not open /dev/fuse, the error names it and the remedy.
#[test]
fn a_closed_dev_fuse_is_named() {
    let home = Home::new();
    let script = "mount -t tmpfs none /dev && mknod -m 600 /dev/fuse c 10 229 &&
        mknod -m 666 /dev/null c 1 3 && exec setpriv --reuid $USER --regid $USER --clear-groups \
        $DIR/imgfs mount $DIR/image.tar $DIR/mnt";
    let said = fail(&mut home.with_fuse_conf("", script));
    assert_says(&said, &["/dev/fuse", "chmod 666 /dev/fuse"]);
    home.place.assert_gone();
}

/// A user cannot mount onto a directory of another user; nothing is left.
#[test]
fn a_mountpoint_of_somebody_else_is_refused() {
    let home = Home::new();
    chown(home.place.mnt(), Some(0), Some(0)).unwrap();
    let said = fail(&mut home.mount_command(&[], &home.image));
    assert_says(&said, &[home.place.mnt().to_str().unwrap()]);
    home.place.assert_gone();
}

/// The helper refuses a user without a name; the message says how to get one.
#[test]
fn a_user_without_a_name_is_told_what_to_do() {
    let home = Home::new();
    for dir in ["mnt", "state", "cache"] {
        chown(home.place.join(dir), Some(OTHER), Some(OTHER)).unwrap();
    }
    let mut command = home.imgfs(OTHER);
    let said = fail(command.arg("mount").arg(&home.image).arg(home.place.mnt()));
    assert_says(&said, &["fusermount3", "/etc/passwd", &OTHER.to_string()]);
    home.place.assert_gone();
}
