//! Writes the line of one file, and names in columns.

use std::io::{self, Write};

use super::args::LsArgs;
use super::columns::lay_out;
use crate::cli::colour::{self, Colour};
use crate::cli::paths::{Spelling, complain};
use crate::query::{self, Entry, permissions, time};
use crate::view::{Attr, FileType, ImageFs, View, ViewError};

/// A listed file.
pub(super) struct LsRow {
    /// The name to show.
    pub name: Vec<u8>,
    pub path: Vec<u8>,
    pub attr: Attr,
}

/// Writes the files of a listing.
pub(super) struct RowWriter<'a, W> {
    view: &'a ImageFs,
    args: &'a LsArgs,
    out: &'a mut W,
    spelling: Spelling,
    colour: Colour,
    failed: bool,
}

impl<'a, W: Write> RowWriter<'a, W> {
    pub(super) fn new(view: &'a ImageFs, args: &'a LsArgs, out: &'a mut W) -> Self {
        Self {
            view,
            args,
            out,
            spelling: Spelling::of_stdout(),
            colour: colour::of_stdout(),
            failed: false,
        }
    }

    /// Whether a file could not be listed.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// Writes the path of a directory before its contents.
    pub(super) fn title(&mut self, before: &[u8], path: &[u8]) -> io::Result<()> {
        let title = self.spelling.of(path);
        self.out.write_all(&[before, &title, b":\n"].concat())
    }

    /// Prints why a path cannot be listed.
    pub(super) fn complain(&mut self, path: &[u8], error: &ViewError) {
        complain(self.view, path, error);
        self.failed = true;
    }

    /// Writes files: their names in columns, or a line for each.
    pub(super) fn rows(&mut self, rows: &[LsRow]) -> anyhow::Result<()> {
        let plain = !(self.args.long || self.args.json || self.args.digests);
        if plain && self.spelling.is_terminal() {
            return self.columns(rows);
        }
        rows.iter().try_for_each(|row| self.row(row))
    }

    fn columns(&mut self, rows: &[LsRow]) -> anyhow::Result<()> {
        let window = rustix::termios::tcgetwinsize(io::stdout());
        let width = window.map_or(0, |window| window.ws_col);
        let width = if width == 0 { 80 } else { width.into() };
        let chars = |row: &LsRow| {
            let name = self.spelling.of(&row.name);
            String::from_utf8_lossy(&name).chars().count()
        };
        let widths: Vec<usize> = rows.iter().map(chars).collect();
        let (lines, columns) = lay_out(&widths, width);
        for line in lines {
            let last = line.last().copied();
            for (&at, wide) in line.iter().zip(&columns) {
                let Some((row, width)) = rows.get(at).zip(widths.get(at)) else {
                    continue;
                };
                self.out.write_all(&self.name(row))?;
                if last != Some(at) {
                    let gap = wide.saturating_sub(*width);
                    write!(self.out, "{:gap$}", "")?;
                }
            }
            writeln!(self.out)?;
        }
        Ok(())
    }

    /// Returns the name to show, escaped and coloured.
    fn name(&self, row: &LsRow) -> Vec<u8> {
        let name = self.spelling.of(&row.name);
        match String::from_utf8(name) {
            Ok(text) => match row.attr.kind {
                FileType::Directory => self.colour.directory(&text),
                FileType::Symlink => self.colour.link(&text),
                FileType::Regular if row.attr.mode & 0o111 != 0 => self.colour.program(&text),
                _ => text,
            }
            .into_bytes(),
            // Happens only if the output is not a terminal.
            Err(bytes) => bytes.into_bytes(),
        }
    }

    pub(super) fn row(&mut self, row: &LsRow) -> anyhow::Result<()> {
        let line = match self.args.json {
            true => self.object(row),
            false => self.line(row),
        };
        match line {
            Ok(mut line) => {
                line.push(b'\n');
                self.out.write_all(&line)?;
            }
            Err(error) => self.complain(&row.path, &error),
        }
        Ok(())
    }

    fn object(&self, row: &LsRow) -> Result<Vec<u8>, ViewError> {
        let entry = Entry::read(self.view, &row.path, row.attr, self.args.digests)?;
        Ok(serde_json::Value::Object(entry.json())
            .to_string()
            .into_bytes())
    }

    fn line(&self, row: &LsRow) -> Result<Vec<u8>, ViewError> {
        let attr = &row.attr;
        let mut line = Vec::new();
        if self.args.digests {
            let digest = query::sha256(self.view, attr.ino)?;
            let digest = digest.unwrap_or_else(|| "-".to_owned());
            line.extend(format!("{digest:<64}  ").into_bytes());
        }
        if self.args.long {
            let size = match attr.kind {
                FileType::CharDevice | FileType::BlockDevice => {
                    format!("{}, {}", attr.device.0, attr.device.1)
                }
                _ => attr.size.to_string(),
            };
            let columns = format!(
                "{} {:>3} {:>5} {:>5} {size:>10} {} ",
                permissions(attr),
                attr.nlink,
                attr.uid,
                attr.gid,
                time::rfc3339(attr.mtime),
            );
            line.extend(columns.into_bytes());
        }
        line.extend(self.name(row));
        if self.args.long && attr.kind == FileType::Symlink {
            line.extend_from_slice(b" -> ");
            line.extend(self.spelling.of(self.view.readlink(attr.ino)?));
        }
        Ok(line)
    }
}
