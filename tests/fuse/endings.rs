//! The end of a mount, by the real program: clean, fast, and without remains, for every way to end it
//! and even if it is busy. Expectations: issue 2 and DESIGN 6.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::support;
use crate::support::program::images::slow_image;
use crate::support::program::{Place, SOON, assert_says, fail, finish, start, succeed, within};
use imgfs::internals::{fuse, view};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// A shell whose working directory is in the mount and that has an unread file of it open.
struct Busy(Child);

impl Busy {
    fn start(mnt: &Path) -> Self {
        let script = "exec 3<etc/motd && echo in && read line && exec cat <&3";
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .current_dir(mnt)
            .stdin(Stdio::piped());
        let mut child = start(&mut command);
        let mut said = [0; 3];
        child
            .stdout
            .as_mut()
            .unwrap()
            .read_exact(&mut said)
            .unwrap();
        assert_eq!(&said, b"in\n");
        Self(child)
    }

    /// Reads the file and returns its text.
    fn read(mut self) -> String {
        self.0.stdin.take().unwrap().write_all(b"\n").unwrap();
        let mut text = String::new();
        self.0
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An unmount from outside, by umount(8) or umount2(2), immediate or lazy, ends the daemon.
#[test]
fn unmounted_from_outside_the_daemon_ends_by_itself() {
    let outside: [fn(&Path); 3] = [
        |mnt| drop(succeed(Command::new("umount").arg(mnt))),
        |mnt| unmount(mnt, UnmountFlags::empty()).unwrap(),
        |mnt| unmount(mnt, UnmountFlags::DETACH).unwrap(),
    ];
    for umount in outside {
        let place = Place::new();
        let daemon = place.mount_daemon(&[]);
        umount(&place.mnt());
        daemon.assert_ends_cleanly();
        place.assert_gone();
    }
}

const ENDING: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::HUP];

/// SIGTERM, SIGINT and SIGHUP unmount and end the daemon.
#[test]
fn signals_end_an_idle_mount() {
    for signal in ENDING {
        let place = Place::new();
        let daemon = place.mount_daemon(&[]);
        kill_process(daemon.0, signal).unwrap();
        daemon.assert_ends_cleanly();
        place.assert_gone();
    }
}

/// SIGTERM, SIGINT and SIGHUP, while a shell is in the mount with a file open: the mount and the process
/// are gone within 5 s.
#[test]
fn signals_end_a_busy_mount() {
    for signal in ENDING {
        let place = Place::new();
        let daemon = place.mount_daemon(&[]);
        let busy = Busy::start(&place.mnt());
        kill_process(daemon.0, signal).unwrap();
        daemon.assert_ends_cleanly();
        place.assert_gone();
        drop(busy);
    }
}

/// `imgfs umount` of a busy mount works and says that it is lazy: the open file can still be read, and
/// when it is closed, the daemon ends.
#[test]
fn a_busy_mount_is_unmounted_lazily() {
    let place = Place::new();
    let daemon = place.mount_daemon(&[]);
    let busy = Busy::start(&place.mnt());
    let said = place.umount();
    assert_says(&said, &[place.mnt().to_str().unwrap(), "in use"]);
    assert!(place.mounts().is_empty());
    assert_eq!(busy.read(), "hello\n");
    daemon.assert_ends_cleanly();
    place.assert_gone();
}

/// Ctrl-C, which goes to the whole process group, while layers are still being read.
#[test]
fn ctrl_c_before_the_mount_leaves_nothing() {
    for options in [&[][..], &["-f"]] {
        let place = Place::new();
        let image = slow_image(&place, 32);
        let mut child = start(place.mount_command(options, image).process_group(0));
        // More than one thread: the readers of the layers have started.
        within(SOON, "layers being read", || {
            let tasks = |pid: Pid| fs::read_dir(format!("/proc/{pid}/task"));
            let threads = |pid| tasks(pid).map_or(0, Iterator::count);
            place.processes().into_iter().any(|pid| threads(pid) > 1)
        });
        assert!(place.mounts().is_empty() && child.try_wait().unwrap().is_none());
        kill_process_group(Pid::from_child(&child), Signal::INT).unwrap();
        let output = finish(child);
        assert!(!output.status.success(), "{output:?}");
        assert_ne!(output.status.signal(), Some(6), "{output:?}");
        place.assert_gone();
    }
}

/// A daemon that is killed leaves a dead mount. Mounting there reports this and the remedy, which works.
#[test]
fn after_kill_9_the_way_out_is_told() {
    let place = Place::new();
    let daemon = place.mount_daemon(&[]);
    kill_process(daemon.0, Signal::KILL).unwrap();
    within(SOON, "the daemon to be dead", || {
        place.processes().is_empty()
    });
    let said = fail(&mut place.mount_command(&[], place.image()));
    let way_out = format!("imgfs umount {}", place.mnt().display());
    assert_says(&said, &[&way_out]);
    place.umount();
    place.assert_gone();
    place.mount(&[], place.image());
    assert_eq!(place.text("etc/motd"), "hello\n");
}

/// `imgfs umount` unmounts its own mounts only, and reports it if there is none.
#[test]
fn umount_touches_nothing_else() {
    let place = Place::new();
    let mut umount = place.imgfs();
    assert_says(
        &fail(umount.arg("umount").arg(place.mnt())),
        &[place.mnt().to_str().unwrap()],
    );
    succeed(
        Command::new("mount")
            .args(["-t", "tmpfs", "none"])
            .arg(place.mnt()),
    );
    assert_says(
        &fail(&mut umount),
        &[place.mnt().to_str().unwrap(), "tmpfs"],
    );
    assert_eq!(place.only_mount().kind, "tmpfs");
}

fn mount_by_library(place: &Place, options: &fuse::MountOptions) -> fuse::Mount {
    let image = support::open_image(place.image().to_str().unwrap());
    let view = view::ImageFs::new(Arc::new(image), view::Sidecars::Listed);
    fuse::mount(Arc::new(view), &place.mnt(), options).unwrap()
}

/// The library: dropping a `Mount` unmounts it.
#[test]
fn a_dropped_mount_is_unmounted() {
    let place = Place::new();
    let source = "an image".to_owned();
    let options = fuse::MountOptions {
        source,
        ..Default::default()
    };
    let mount = mount_by_library(&place, &options);
    assert_eq!(place.text("etc/motd"), "hello\n");
    drop(mount);
    assert!(place.mounts().is_empty());
}

/// The library: the default options can be used to mount.
#[test]
fn the_default_options_mount() {
    let place = Place::new();
    let mount = mount_by_library(&place, &fuse::MountOptions::default());
    assert_eq!(place.text("etc/motd"), "hello\n");
    drop(mount);
}
