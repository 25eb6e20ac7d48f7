//! What a test needs from the host beyond a Rust toolchain, and executables that a test writes.
//!
//! The unit tests of the library and of the program include this file too.
#![allow(dead_code)] // Each test program uses only a part of this module.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Set by `tests/run.sh`, which installs everything: no test may be left out.
const ALL: &str = "IMGFS_TEST_ALL";

/// Returns whether these programs are in `PATH`. If one is missing, prints that the test is left out.
///
/// # Panics
///
/// If a program is missing and `tests/run.sh` runs the tests.
pub(crate) fn programs(names: &[&str]) -> bool {
    let names = names.iter().copied();
    let missing: Vec<&str> = names.filter(|name| !in_path(name)).collect();
    missing.is_empty() || left_out(&missing.join(", "))
}

/// Returns whether the process runs as root. If it does not, prints that the test is left out.
///
/// # Panics
///
/// If it does not and `tests/run.sh` runs the tests.
pub(crate) fn root() -> bool {
    rustix::process::geteuid().is_root() || left_out("root")
}

/// Returns whether the process can mount with FUSE. If it cannot, prints that the test is left out.
///
/// # Panics
///
/// If it cannot and `tests/run.sh` runs the tests.
pub(crate) fn fuse() -> bool {
    let device = File::options().read(true).write(true).open("/dev/fuse");
    let may_mount = rustix::process::geteuid().is_root() || in_path("fusermount3");
    device.is_ok() && may_mount || left_out("FUSE")
}

fn in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

fn left_out(needed: &str) -> bool {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(
        std::env::var_os(ALL).is_none(),
        "{test} needs {needed}, and {ALL} is set"
    );
    // Not eprintln!, which the test harness captures.
    let _ = writeln!(
        std::io::stderr(),
        "left out: {test} needs {needed} (tests/run.sh runs it)"
    );
    false
}

/// Writes an executable file.
///
/// A separate process writes it. If this process had the file open for writing while another thread
/// forks, the file could not be executed (ETXTBSY) until the child of that fork calls exec.
pub(crate) fn write_executable(path: &Path, bytes: &[u8]) {
    let mut child = Command::new("sh")
        .args(["-c", r#"cat >"$1" && chmod 755 "$1""#, "sh"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(bytes).unwrap();
    drop(input);
    assert!(child.wait().unwrap().success());
}
