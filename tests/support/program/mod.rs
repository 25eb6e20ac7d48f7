//! The real program, run as a user runs it. Mounts and processes that a test leaves below its place are
//! removed with it, also when the test fails.
#![allow(dead_code)] // Each test program uses only a part of this module.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, waitpid,
};
use tempfile::TempDir;

use crate::support;

pub mod images;

/// The time limit for everything that the program does without delay: on an idle machine it takes less
/// than a second, on a busy one it may take longer.
pub const SOON: Duration = Duration::from_secs(30);
/// The time limit for every command of a test.
const TOO_LONG: Duration = Duration::from_secs(120);

/// A directory for one test: an empty mountpoint `mnt`, a state and a cache directory, and the test's
/// files.
pub struct Place(TempDir);

/// A line of `/proc/mounts`.
#[derive(Debug)]
pub struct MountLine {
    pub source: String,
    pub path: PathBuf,
    pub kind: String,
    pub options: Vec<String>,
}

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.mnt()).unwrap();
        fs::create_dir(place.join("state")).unwrap();
        fs::create_dir(place.join("cache")).unwrap();
        // Other users need search permission.
        fs::set_permissions(place.0.path(), PermissionsExt::from_mode(0o755)).unwrap();
        place
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn mnt(&self) -> PathBuf {
        self.join("mnt")
    }

    /// Writes a file and returns its path.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes a small image as a docker-archive.
    pub fn image(&self) -> PathBuf {
        self.file(
            "image.tar",
            images::docker_archive(&images::sample(), &["sample:1"]),
        )
    }

    /// Returns a command whose processes are recognised as this test's.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        self.with_state(Command::new(program))
    }

    pub fn imgfs(&self) -> Command {
        self.with_state(support::imgfs())
    }

    fn with_state(&self, mut command: Command) -> Command {
        command.env("XDG_STATE_HOME", self.join("state"));
        command.env("XDG_CACHE_HOME", self.join("cache"));
        command.env("XDG_DATA_HOME", self.join("data"));
        command
            .env_remove("IMGFS_LOG")
            .env_remove("IMGFS_CACHE_DIR")
            .env_remove("IMGFS_STORE_DIR");
        command.stdin(Stdio::null());
        command
    }

    /// Returns `imgfs mount OPTIONS IMAGE mnt`, not started yet.
    pub fn mount_command(&self, options: &[&str], image: impl AsRef<Path>) -> Command {
        let mut command = self.imgfs();
        command.arg("mount").args(options).arg(image.as_ref());
        command.arg(self.mnt());
        command
    }

    /// Mounts an image at `mnt`; returns the program's standard error.
    pub fn mount(&self, options: &[&str], image: impl AsRef<Path>) -> String {
        succeed(&mut self.mount_command(options, image))
    }

    /// Mounts the small image and returns its background process.
    pub fn mount_daemon(&self, options: &[&str]) -> Daemon {
        set_child_subreaper(Some(getpid())).unwrap();
        assert_eq!(self.mount(options, self.image()), "");
        Daemon(self.daemon())
    }

    pub fn umount(&self) -> String {
        succeed(self.imgfs().arg("umount").arg(self.mnt()))
    }

    /// Returns the text of a file in the mount.
    pub fn text(&self, path: &str) -> String {
        let path = self.mnt().join(path);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Returns the mounts below this place.
    pub fn mounts(&self) -> Vec<MountLine> {
        let mut mounts = mounts();
        mounts.retain(|m| m.path.starts_with(self.0.path()));
        mounts
    }

    /// Returns the only mount.
    pub fn only_mount(&self) -> MountLine {
        let mut mounts = self.mounts();
        assert_eq!(mounts.len(), 1, "{mounts:?}");
        mounts.remove(0)
    }

    /// Returns the running processes of this place, recognised by its path in their environment.
    pub fn processes(&self) -> Vec<Pid> {
        let mark = self.join("state");
        let mark = mark.as_os_str().as_bytes();
        let ours = |pid: &i32| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let mut variables = environ.split(|&b| b == 0);
            variables.any(|v| v.strip_prefix(b"XDG_STATE_HOME=") == Some(mark))
        };
        let names = fs::read_dir("/proc")
            .unwrap()
            .map(|e| e.unwrap().file_name());
        let pids = names.filter_map(|name| name.to_str()?.parse().ok());
        pids.filter(ours).filter_map(Pid::from_raw).collect()
    }

    /// Returns the only process that a mount in the background leaves.
    pub fn daemon(&self) -> Pid {
        // The command itself may not have ended yet.
        within(SOON, "one process", || self.processes().len() == 1);
        self.processes().remove(0)
    }

    /// Asserts that nothing is mounted and no process is left.
    pub fn assert_gone(&self) {
        within(SOON, "the mount to be gone", || self.mounts().is_empty());
        within(SOON, "the process to be gone", || {
            self.processes().is_empty()
        });
    }
}

/// The background process of a mount. It becomes a child of the test when the command that started it
/// has ended, so that the test gets its exit status.
pub struct Daemon(pub Pid);

impl Daemon {
    pub fn assert_ends_cleanly(&self) {
        let mut status = None;
        within(SOON, "the background process to end", || {
            status = waitpid(Some(self.0), WaitOptions::NOHANG).unwrap();
            status.is_some()
        });
        assert_eq!(status.unwrap().1.exit_status(), Some(0), "{status:?}");
    }

    /// Returns one of its files in `/proc`.
    pub fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc")
            .join(self.0.as_raw_nonzero().to_string())
            .join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for mount in self.mounts().iter().rev() {
            let _ = unmount(&mount.path, UnmountFlags::DETACH);
        }
        for pid in self.processes() {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

pub fn mounts() -> Vec<MountLine> {
    let table = fs::read("/proc/mounts").unwrap();
    let lines = table.split(|&b| b == b'\n').filter(|l| !l.is_empty());
    let mount = |line: &[u8]| {
        let mut fields = line.split(|&b| b == b' ').map(unescape);
        let mut text = || fields.next().unwrap().into_string().unwrap();
        MountLine {
            source: text(),
            path: PathBuf::from(text()),
            kind: text(),
            options: text().split(',').map(str::to_owned).collect(),
        }
    };
    lines.map(mount).collect()
}

/// Decodes a field of fstab(5): a blank, tab, newline or backslash is written as three octal digits.
fn unescape(field: &[u8]) -> OsString {
    let mut bytes = Vec::new();
    let mut rest = field;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        let digits = (*byte == b'\\').then(|| tail.get(..3)).flatten();
        let digits = digits.and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|d| u8::from_str_radix(d, 8).ok()) {
            Some(value) => {
                bytes.push(value);
                rest = &tail[3..];
            }
            None => bytes.push(*byte),
        }
    }
    OsString::from_vec(bytes)
}

/// Waits until a condition is true; panics after `time`.
pub fn within(time: Duration, what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < time, "waited {time:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts a command with its output in pipes.
pub fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn();
    child.unwrap_or_else(|e| panic!("{command:?}: {e} (tests/run.sh installs what the tests need)"))
}

/// Waits for a process and the end of its output, with a time limit.
pub fn finish(child: Child) -> Output {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let output = receiver.recv_timeout(TOO_LONG);
    output
        .expect("a command hangs, or its output was passed to another process")
        .unwrap()
}

pub fn output(command: &mut Command) -> Output {
    finish(start(command))
}

/// Runs a command that must succeed and print nothing; returns its standard error.
pub fn succeed(command: &mut Command) -> String {
    let output = output(command);
    let said = stderr(&output);
    assert!(
        output.status.success(),
        "{command:?}: {}: {said}",
        output.status
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{command:?}");
    said
}

/// Runs a command that must fail without a panic; returns its message, which has at most two lines and a
/// list of choices, whose lines are indented.
pub fn fail(command: &mut Command) -> String {
    let output = output(command);
    let said = stderr(&output);
    assert!(!output.status.success(), "{command:?} succeeded: {said}");
    // Death by a signal has no code; a panic has code 101.
    assert!(
        output.status.code().is_some_and(|c| c != 101),
        "{}: {said}",
        output.status
    );
    assert!(!said.contains("panicked"), "{said}");
    let is_text = |line: &&str| !line.trim().is_empty() && !line.starts_with("  ");
    let lines = said.lines().filter(is_text).count();
    assert!((1..=2).contains(&lines), "{lines} lines: {said}");
    said
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asserts that the text contains all of these words.
#[track_caller]
pub fn assert_says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is missing: {text}");
    }
}

/// Phrases that name a solution.
const WAYS_OUT: [&str; 14] = [
    "again",
    "docker save",
    "skopeo copy",
    "choose",
    "mkdir -p",
    "imgfs umount",
    "modprobe fuse",
    "--platform",
    "it has:",
    "; use ",
    "; write ",
    "; compress it with ",
    "; decrypt it",
    "build",
];

/// Asserts that the mount is refused in the background and in the foreground. The message has these
/// words and a solution.
#[track_caller]
pub fn refused(place: &Place, options: &[&str], image: impl AsRef<Path>, words: &[&str]) -> String {
    let said = refused_plainly(place, options, image.as_ref(), words);
    assert!(
        WAYS_OUT.iter().any(|way| said.contains(way)),
        "no way out: {said}"
    );
    said
}

/// Like [`refused`], for an error that implies its solution.
#[track_caller]
pub fn refused_plainly(place: &Place, options: &[&str], image: &Path, words: &[&str]) -> String {
    let front = [options, &["-f"]].concat();
    let said = fail(&mut place.mount_command(&front, image));
    assert_says(&said, words);
    place.assert_gone();
    assert_eq!(fail(&mut place.mount_command(options, image)), said);
    place.assert_gone();
    said
}

/// Returns a path as text.
pub fn str(path: &Path) -> &str {
    path.to_str().unwrap()
}
