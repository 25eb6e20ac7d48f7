//! Two directory trees compared by rsync(1).

use std::path::Path;
use std::process::Command;

use crate::common::run;

/// What rsync would do to make `b` equal to `a`: nothing, if it prints nothing.
pub fn rsync(a: &Path, b: &Path) -> Vec<String> {
    let output = run(Command::new("rsync")
        .args(["-aHAXnc", "--delete", "--itemize-changes"])
        // Nanoseconds count.
        .arg("--modify-window=-1")
        // What imgfs adds to the files of an image.
        .arg("--filter=-x user.imgfs.*")
        .arg(format!("{}/", a.display()))
        .arg(format!("{}/", b.display())));
    let lines = output
        .stdout
        .split(|&b| b == b'\n')
        .filter(|l| !l.is_empty());
    lines.map(|l| l.escape_ascii().to_string()).collect()
}
