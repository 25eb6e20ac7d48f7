//! Two directory trees compared by rsync(1).

use std::path::Path;
use std::process::Command;

use crate::support::run;

/// Returns the changes that rsync would make so that `b` equals `a`; empty if there are none.
pub fn rsync(a: &Path, b: &Path) -> Vec<String> {
    let output = run(Command::new("rsync")
        .args(["-aHAXnc", "--delete", "--itemize-changes"])
        // Compares nanoseconds.
        .arg("--modify-window=-1")
        // Attributes that imgfs adds to the files of an image.
        .arg("--filter=-x user.imgfs.*")
        .arg(format!("{}/", a.display()))
        .arg(format!("{}/", b.display())));
    let lines = output
        .stdout
        .split(|&b| b == b'\n')
        .filter(|l| !l.is_empty());
    lines.map(|l| l.escape_ascii().to_string()).collect()
}
