//! The parts of images: the root file systems and programs that `build.sh` builds once, and programs
//! with other paths written into them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Returns the directory with the results of `build.sh`; builds them if necessary, which takes half a
/// minute.
pub fn parts() -> &'static Path {
    static PARTS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = PARTS.get_or_init(|| {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images/start_support/build.sh");
        let output = Command::new("bash").arg(&script).output().unwrap();
        if !output.status.success() {
            return Err(format!(
                "{} failed (tests/run.sh installs what it needs):\n{}",
                script.display(),
                String::from_utf8_lossy(&output.stderr)
            ));
        }
        let dir = String::from_utf8(output.stdout).unwrap();
        Ok(PathBuf::from(dir.trim_end()))
    });
    built.as_ref().unwrap_or_else(|error| panic!("{error}"))
}

/// Returns the bytes of a program or library of `build.sh`.
pub fn program(name: &str) -> Vec<u8> {
    let path = parts().join("bin").join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Returns a program with a path in place of at least 100 repetitions of `filler` after a `/`.
fn patched(name: &str, filler: u8, path: &str) -> Vec<u8> {
    let mut bytes = program(name);
    let run = [filler; 100];
    let at = bytes
        .windows(101)
        .position(|window| window[0] == b'/' && window[1..] == run)
        .unwrap_or_else(|| panic!("{name} has no placeholder for a path"));
    let room = bytes[at..].iter().position(|&byte| byte == 0).unwrap();
    assert!(path.len() <= room, "{path} is too long");
    bytes[at..at + room].fill(0);
    bytes[at..at + path.len()].copy_from_slice(path.as_bytes());
    bytes
}

/// Returns a program with this RUNPATH or RPATH, for which `build.sh` left a placeholder (`…-room`).
pub fn with_runpath(name: &str, path: &str) -> Vec<u8> {
    patched(name, b'r', path)
}

/// Returns a program with this interpreter, for which `build.sh` left a placeholder.
pub fn with_interpreter(name: &str, path: &str) -> Vec<u8> {
    patched(name, b'i', path)
}
