//! Writes the files that were found.

use std::io::Write;

use super::words::FindCommand;
use crate::cli::paths::Spelling;
use crate::query::{self, Entry, WalkEntry};
use crate::view::{ImageFs, ViewError};

/// The outer error is from standard output, the inner error from a file, with its path.
pub(super) type Written = anyhow::Result<Result<(), (Vec<u8>, ViewError)>>;

/// Writes the files that were found.
pub(super) struct FoundWriter<'a, W> {
    pub view: &'a ImageFs,
    pub command: &'a FindCommand,
    pub spelling: Spelling,
    pub out: &'a mut W,
}

impl<W: Write> FoundWriter<'_, W> {
    /// Writes a line.
    pub(super) fn line(&mut self, found: &WalkEntry) -> Written {
        let line = match (self.command.json, self.command.digests) {
            (true, digests) => {
                Entry::read(self.view, &found.path, found.attr, digests).map(|entry| {
                    Some(
                        serde_json::Value::Object(entry.json())
                            .to_string()
                            .into_bytes(),
                    )
                })
            }
            (false, true) => query::sha256(self.view, found.attr.ino)
                .map(|digest| digest.map(|digest| self.checked(&digest, &found.path))),
            (false, false) => Ok(Some(self.spelling.of(&found.path))),
        };
        self.write(found, line, b"\n")
    }

    /// Writes a path, unchanged, and a NUL.
    pub(super) fn raw(&mut self, found: &WalkEntry) -> Written {
        let line = match self.command.digests {
            true => query::sha256(self.view, found.attr.ino).map(|digest| {
                digest.map(|digest| [digest.as_bytes(), b"  ", &found.path].concat())
            }),
            false => Ok(Some(found.path.clone())),
        };
        self.write(found, line, b"\0")
    }

    /// Returns a line in the format of sha256sum(1). A `\` at the start means that the name is escaped.
    fn checked(&self, digest: &str, path: &[u8]) -> Vec<u8> {
        let mut name = Vec::new();
        for byte in path {
            match byte {
                b'\\' => name.extend_from_slice(b"\\\\"),
                b'\n' => name.extend_from_slice(b"\\n"),
                b'\r' => name.extend_from_slice(b"\\r"),
                byte => name.push(*byte),
            }
        }
        let mark: &[u8] = if name == path { b"" } else { b"\\" };
        if self.spelling.is_terminal() {
            name = self.spelling.of(path);
        }
        [mark, digest.as_bytes(), b"  ", &name].concat()
    }

    fn write(
        &mut self,
        found: &WalkEntry,
        line: Result<Option<Vec<u8>>, ViewError>,
        end: &[u8],
    ) -> Written {
        match line {
            Ok(Some(line)) => {
                self.out.write_all(&line)?;
                self.out.write_all(end)?;
                Ok(Ok(()))
            }
            Ok(None) => Ok(Ok(())),
            Err(error) => Ok(Err((found.path.clone(), error))),
        }
    }
}
