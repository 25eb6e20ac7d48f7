//! `imgfs ls`: lists directories of an image, as names or with everything that is known about each file.

mod args;
mod columns;
mod row;

use std::io::Write;
use std::process::ExitCode;

use super::paths::bytes;
use super::pipe;
use crate::query::{Walk, children, clean, join, resolve};
use crate::view::{Attr, FileType, ImageFs, View, ViewError};
pub(crate) use args::LsArgs;
use row::{LsRow, RowWriter};

pub(crate) fn run(args: &LsArgs) -> anyhow::Result<ExitCode> {
    let view = args.source.open(&args.image)?;
    pipe::to_stdout(|out| {
        let mut listing = Listing {
            view: &view,
            args,
            writer: RowWriter::new(&view, args, out),
        };
        listing.run()?;
        Ok(match listing.writer.failed() {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        })
    })
}

/// Lists the arguments.
struct Listing<'a, W> {
    view: &'a ImageFs,
    args: &'a LsArgs,
    writer: RowWriter<'a, W>,
}

impl<W: Write> Listing<'_, W> {
    fn run(&mut self) -> anyhow::Result<()> {
        let mut paths = bytes(&self.args.paths);
        if paths.is_empty() {
            if self.args.recursive && self.args.digests {
                // Every file will be listed: compute all digests at once.
                self.view.digest_all()?;
            }
            paths.push(b"/".to_vec());
        }
        let with_titles = paths.len() > 1 && !self.args.json && !self.args.recursive;
        let (mut files, mut directories) = (Vec::new(), Vec::new());
        for path in paths {
            match self.named(&path) {
                Ok(attr) => {
                    let path = clean(&path);
                    let name = path.clone();
                    let row = LsRow { name, path, attr };
                    match attr.kind {
                        FileType::Directory if !self.args.directory => directories.push(row),
                        _ => files.push(row),
                    }
                }
                Err(error) => self.writer.complain(&path, &error),
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        directories.sort_by(|a, b| a.path.cmp(&b.path));
        let mut separate = !files.is_empty();
        self.writer.rows(&files)?;
        for directory in directories {
            if with_titles {
                let before: &[u8] = if separate { b"\n" } else { b"" };
                self.writer.title(before, &directory.path)?;
                separate = true;
            }
            match self.args.recursive {
                true => self.walk(&directory)?,
                false => self.directory(&directory)?,
            }
        }
        Ok(())
    }

    /// Resolves an argument. Follows links to directories, as ls(1) does.
    fn named(&self, path: &[u8]) -> Result<Attr, ViewError> {
        let itself = resolve(self.view, path, false)?;
        let follow = !(self.args.long || self.args.directory || self.args.json);
        if follow && itself.kind == FileType::Symlink {
            let behind = resolve(self.view, path, true);
            if let Ok(attr) = behind
                && attr.kind == FileType::Directory
            {
                return Ok(attr);
            }
        }
        Ok(itself)
    }

    fn directory(&mut self, directory: &LsRow) -> anyhow::Result<()> {
        let names = match children(self.view, directory.attr.ino) {
            Ok(names) => names,
            Err(error) => {
                self.writer.complain(&directory.path, &error);
                return Ok(());
            }
        };
        let mut rows = Vec::with_capacity(names.len());
        for (name, ino, _) in names {
            let path = join(&directory.path, &name);
            match self.view.getattr(ino) {
                Ok(attr) => rows.push(LsRow { name, path, attr }),
                Err(error) => self.writer.complain(&path, &error),
            }
        }
        self.writer.rows(&rows)
    }

    fn walk(&mut self, directory: &LsRow) -> anyhow::Result<()> {
        for step in Walk::new(self.view, &directory.path, directory.attr) {
            match step {
                // Skip the directory itself.
                Ok(found) if found.depth == 0 => {}
                Ok(found) => self.writer.row(&LsRow {
                    name: found.path.clone(),
                    path: found.path,
                    attr: found.attr,
                })?,
                Err((path, error)) => self.writer.complain(&path, &error),
            }
        }
        Ok(())
    }
}
