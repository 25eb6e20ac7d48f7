//! What images are made of: the root file systems and programs that `build.sh` builds once, and
//! programs with other paths written into them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where `build.sh` put everything; built if it is not there, which takes half a minute.
pub fn parts() -> &'static Path {
    static PARTS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = PARTS.get_or_init(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/start_support/build.sh");
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

/// The bytes of a program or library of `build.sh`.
pub fn program(name: &str) -> Vec<u8> {
    let path = parts().join("bin").join(name);
    fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A program with a path in place of a run of at least 100 times `filler`, which follows a `/`.
fn patched(name: &str, filler: u8, path: &str) -> Vec<u8> {
    let mut bytes = program(name);
    let run = [filler; 100];
    let at = bytes
        .windows(101)
        .position(|window| window[0] == b'/' && window[1..] == run)
        .unwrap_or_else(|| panic!("{name} has no room for a path"));
    let room = bytes[at..].iter().position(|&byte| byte == 0).unwrap();
    assert!(path.len() <= room, "{path} is too long");
    bytes[at..at + room].fill(0);
    bytes[at..at + path.len()].copy_from_slice(path.as_bytes());
    bytes
}

/// A program of which `build.sh` left the RUNPATH or RPATH open (`…-room`), with this one.
pub fn with_runpath(name: &str, path: &str) -> Vec<u8> {
    patched(name, b'r', path)
}

/// A program of which `build.sh` left the interpreter open, with this one.
pub fn with_interpreter(name: &str, path: &str) -> Vec<u8> {
    patched(name, b'i', path)
}
