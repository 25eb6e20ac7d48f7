//! The start of a mount, by the real program: silent, correctly listed, in the background or in the
//! foreground. Expectations: issue 2, DESIGN 4.2 and 6, and the program's own help.

use std::fs::{self, read_link};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::support::program::images::{docker_archive, sample, slow_image};
use crate::support::program::{
    Place, SOON, assert_says, fail, finish, output, start, stderr, succeed, within,
};

/// The command returns 0 when the tree can be read, and prints nothing to a pipe.
#[test]
fn mount_returns_without_a_word_when_the_tree_can_be_read() {
    let place = Place::new();
    assert_eq!(place.mount(&[], place.image()), "");
    assert_eq!(place.text("etc/motd"), "hello\n");
    assert_eq!(place.umount(), "");
    place.assert_gone();
}

/// The background process has its own session, its streams are /dev/null and the log, and it keeps no
/// directory busy.
#[test]
fn the_daemon_has_left_the_terminal() {
    let place = Place::new();
    let daemon = place.mount_daemon(&[]);
    // proc_pid_stat(5): after the name in brackets come state, ppid, pgrp, session.
    let stat = fs::read_to_string(daemon.proc("stat")).unwrap();
    let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3);
    assert_eq!(session, Some(&*daemon.0.as_raw_nonzero().to_string()));
    assert_eq!(
        read_link(daemon.proc("fd/0")).unwrap(),
        Path::new("/dev/null")
    );
    let log = read_link(daemon.proc("fd/2")).unwrap();
    assert!(log.starts_with(place.join("state/imgfs")), "{log:?}");
    let mode = fs::metadata(&log).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // The process reported success to the command through its standard output, which is then redirected
    // to the log too.
    within(SOON, "standard output to be the log", || {
        read_link(daemon.proc("fd/1")).unwrap() == log
    });
    assert_eq!(read_link(daemon.proc("cwd")).unwrap(), Path::new("/"));
}

/// `/proc/mounts`: type `fuse.imgfs`, the image's absolute path as the source, for any characters in its
/// name, and `ro,nosuid,nodev,noexec`.
#[test]
fn the_mount_table_says_what_is_mounted() {
    for name in [
        "plain.tar",
        "a b, c\t#1.tar",
        r"back\040slash,x=y.tar",
        "co:lon.tar",
    ] {
        let place = Place::new();
        let image = place.file(name, docker_archive(&sample(), &[]));
        let mnt = place.join("the, mount point");
        fs::create_dir(&mnt).unwrap();
        let mut command = place.imgfs();
        // The arguments are relative, but the mount table shows absolute paths.
        command.args(["mount", name, "the, mount point"]);
        succeed(command.current_dir(place.join("")));
        let mount = place.only_mount();
        assert_eq!(mount.source, image.to_str().unwrap());
        assert_eq!((mount.kind.as_str(), &mount.path), ("fuse.imgfs", &mnt));
        for option in ["ro", "nosuid", "nodev", "noexec"] {
            assert!(mount.options.iter().any(|o| o == option), "{mount:?}");
        }
        let mut command = place.imgfs();
        command.args(["umount", "the, mount point"]);
        succeed(command.current_dir(place.join("")));
        place.assert_gone();
    }
}

/// Programs of the image cannot be executed from the mount, unless `--exec` is given.
#[test]
fn exec_drops_noexec() {
    let place = Place::new();
    place.mount(&[], place.image());
    let run = Command::new(place.mnt().join("bin/run")).output();
    assert_eq!(
        run.unwrap_err().kind(),
        std::io::ErrorKind::PermissionDenied
    );
    place.umount();
    place.mount(&["--exec"], place.image());
    assert!(!place.only_mount().options.iter().any(|o| o == "noexec"));
    let run = output(&mut Command::new(place.mnt().join("bin/run")));
    assert_eq!(run.stdout, b"ran\n");
    let options = place.only_mount().options;
    for option in ["ro", "nosuid", "nodev"] {
        assert!(options.iter().any(|o| o == option), "{options:?}");
    }
}

/// With `-f` the command stays in the foreground until the mount is unmounted, then exits with 0.
#[test]
fn foreground_stays_in_front() {
    let place = Place::new();
    let child = start(&mut place.mount_command(&["-f"], place.image()));
    within(SOON, "the mount", || place.mounts().len() == 1);
    assert_eq!(place.text("etc/motd"), "hello\n");
    assert_eq!(place.processes().len(), 1);
    place.umount();
    let output = finish(child);
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    place.assert_gone();
}

/// DESIGN 4.2: `listed`, `hidden` (answers lookups), `off`; `/.imgfs/arch` always.
#[test]
fn sidecar_modes() {
    for (mode, names, there) in [
        (None, &["run", "run.arch"][..], true),
        (Some("--sidecars=listed"), &["run", "run.arch"], true),
        (Some("--sidecars=hidden"), &["run"], true),
        (Some("--sidecars=off"), &["run"], false),
    ] {
        let place = Place::new();
        place.mount(mode.as_slice(), place.image());
        let listed = fs::read_dir(place.mnt().join("bin")).unwrap();
        let mut listed: Vec<_> = listed.map(|e| e.unwrap().file_name()).collect();
        listed.sort();
        assert_eq!(listed, names, "{mode:?}");
        assert_eq!(place.mnt().join("bin/run.arch").exists(), there, "{mode:?}");
        assert_says(
            &place.text(".imgfs/arch/bin/run.arch"),
            &["FORMAT=script\n"],
        );
    }
}

/// `--log FILE`; the log of the previous mount is kept. A log that cannot be written is an error, and
/// then nothing stays mounted.
#[test]
fn the_log_goes_where_it_is_told() {
    let place = Place::new();
    let log = place.join("logs/my log");
    for old in [false, true] {
        let daemon = place.mount_daemon(&["--log", log.to_str().unwrap()]);
        assert_eq!(place.join("logs/my log.old").exists(), old);
        assert_eq!(read_link(daemon.proc("fd/2")).unwrap(), log);
        place.umount();
        daemon.assert_ends_cleanly();
    }
    let bad = place.image().join("below-a-file");
    let said = fail(&mut place.mount_command(&["--log", bad.to_str().unwrap()], place.image()));
    assert_says(&said, &[bad.to_str().unwrap(), "--log"]);
    place.assert_gone();
}

/// `-v` prints more: on standard error until the mount is ready, then in the log.
#[test]
fn verbose_says_more() {
    let place = Place::new();
    let log = place.join("log");
    let said = place.mount(&["-v", "--log", log.to_str().unwrap()], place.image());
    assert_says(
        &said,
        &[
            place.mnt().to_str().unwrap(),
            place.image().to_str().unwrap(),
        ],
    );
    let more = place.umount();
    place.assert_gone();
    assert_eq!(more, "");
    assert_says(
        &fs::read_to_string(log).unwrap(),
        &[place.mnt().to_str().unwrap()],
    );
}

/// A second mount on the same mountpoint is refused, under any name of it, and does no harm.
#[test]
fn mounting_twice_is_refused() {
    let place = Place::new();
    symlink("mnt", place.join("link")).unwrap();
    place.mount(&[], place.image());
    for name in ["mnt", "link"] {
        let mut command = place.imgfs();
        let said = fail(
            command
                .arg("mount")
                .arg(place.image())
                .arg(place.join(name)),
        );
        assert_says(&said, &[place.mnt().to_str().unwrap(), "imgfs umount"]);
    }
    assert_eq!(place.only_mount().kind, "fuse.imgfs");
    assert_eq!(place.text("etc/motd"), "hello\n");
    succeed(place.imgfs().arg("umount").arg(place.join("link")));
    place.assert_gone();
}

/// `cat IMAGE | imgfs mount - DIR`, in the background and in the foreground.
#[test]
fn an_image_on_standard_input() {
    for options in [&[][..], &["-f"]] {
        let place = Place::new();
        let mut cat = start(Command::new("cat").arg(place.image()));
        let mut command = place.mount_command(options, "-");
        let child = start(command.stdin(cat.stdout.take().unwrap()));
        assert!(cat.wait().unwrap().success());
        within(SOON, "the mount", || place.mounts().len() == 1);
        assert_eq!(place.text("etc/motd"), "hello\n");
        assert_eq!(place.only_mount().source, "-");
        if options.is_empty() {
            assert_eq!(stderr(&finish(child)), "");
            place.umount();
        } else {
            place.umount();
            assert!(finish(child).status.success());
        }
        place.assert_gone();
    }
}

/// A progress bar is shown on a terminal while layers are read, and not in a pipe. The daemon outlives
/// the terminal.
#[test]
fn a_bar_on_a_terminal_only() {
    let place = Place::new();
    let image = slow_image(&place, 1);
    let program = env!("CARGO_BIN_EXE_imgfs");
    let line = format!(
        "'{program}' mount {} {}",
        image.display(),
        place.mnt().display()
    );
    let mut script = place.command("script");
    script
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm");
    let shown = output(&mut script);
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(shown.status.success(), "{text}");
    // It redraws itself in place, and shows how many bytes of the total are read.
    assert!(text.contains("\x1b[") || text.contains('\r'), "{text:?}");
    assert_says(&text, &["1 layer", "iB/"]);
    assert_eq!(
        fs::metadata(place.mnt().join("zeros")).unwrap().len(),
        1 << 30
    );
    place.umount();
    assert_eq!(place.mount(&[], image), "");
}

/// Two simultaneous mounts are independent; one command unmounts both.
#[test]
fn two_mounts_at_once() {
    let place = Place::new();
    let other = place.join("other");
    fs::create_dir(&other).unwrap();
    place.mount(&[], place.image());
    succeed(place.imgfs().arg("mount").arg(place.image()).arg(&other));
    assert_eq!(place.mounts().len(), 2);
    assert_eq!(fs::read(other.join("etc/motd")).unwrap(), b"hello\n");
    assert_eq!(place.text("etc/motd"), "hello\n");
    succeed(place.imgfs().arg("umount").arg(place.mnt()).arg(other));
    place.assert_gone();
}
