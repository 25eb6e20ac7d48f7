//! Paths in an image: as arguments, on standard output and in messages.

use std::ffi::OsString;
use std::io::{IsTerminal, stdout};
use std::os::unix::ffi::OsStrExt;

use crate::layer::printable;
use crate::view::{ImageFs, Value, ViewError};

/// How paths are written to standard output. On a terminal, control characters and invalid UTF-8 are
/// escaped. Otherwise paths have the escapes of a sidecar: each path is one line, and every byte can be
/// recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spelling {
    terminal: bool,
}

impl Spelling {
    pub(crate) fn of_stdout() -> Self {
        let terminal = stdout().is_terminal();
        Self { terminal }
    }

    pub(crate) fn is_terminal(self) -> bool {
        self.terminal
    }

    pub(crate) fn of(self, path: &[u8]) -> Vec<u8> {
        match self.terminal {
            true => printable(path).into_bytes(),
            false => Value::One(path.to_vec()).escaped(),
        }
    }

    /// Returns the value of a fact as in a sidecar, made safe for a terminal if necessary.
    pub(crate) fn value(self, value: &Value) -> Vec<u8> {
        let escaped = value.escaped();
        if !self.terminal {
            return escaped;
        }
        // The escapes leave only a few bytes that a terminal must not get.
        let text = String::from_utf8_lossy(&escaped);
        let harmless = |c: char| {
            if c.is_control() {
                char::REPLACEMENT_CHARACTER
            } else {
                c
            }
        };
        text.chars().map(harmless).collect::<String>().into_bytes()
    }
}

/// Returns the arguments as bytes, since names in an image need not be UTF-8.
pub(crate) fn bytes(arguments: &[OsString]) -> Vec<Vec<u8>> {
    let bytes = arguments
        .iter()
        .map(|argument| argument.as_bytes().to_vec());
    bytes.collect()
}

/// Prints why a path could not be shown. The command then continues.
pub(crate) fn complain(view: &ImageFs, path: &[u8], error: &ViewError) {
    let image = &view.image().name;
    match error {
        // The error already contains the path.
        ViewError::Io { .. } => eprintln!("imgfs: {image}: {error}"),
        _ => eprintln!("imgfs: {image}: {}: {error}", printable(path)),
    }
}
