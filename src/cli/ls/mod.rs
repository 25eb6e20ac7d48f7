//! `imgfs ls`: lists directories of an image, as names or with everything that is known about each file.

mod columns;
mod row;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use super::colour::{self, Colour};
use super::options::SourceOptions;
use super::paths::{Spelling, bytes, complain};
use super::pipe;
use crate::image::Reference;
use crate::query::{Walk, children, clean, join, resolve};
use crate::view::{Attr, FileType, ImageFs, View, ViewError};

#[derive(Debug, clap::Args)]
pub(crate) struct LsArgs {
    /// The image, in any form that imgfs mount accepts.
    pub image: Reference,

    /// Directories or other files to list [default: /].
    ///
    /// A link to a directory is followed. With -l, -d or --json it is followed only if it ends in a
    /// slash.
    pub paths: Vec<OsString>,

    /// Print a long line for each file.
    ///
    /// Its columns are permissions, number of hard links, numeric owner and group, size or device
    /// number, modification time in UTC, name, and link target.
    #[arg(short = 'l', long)]
    pub long: bool,

    /// List directories recursively, one path per line, in byte order.
    #[arg(short = 'R', long)]
    pub recursive: bool,

    /// List directories themselves, not their contents.
    #[arg(short = 'd', long, conflicts_with = "recursive")]
    pub directory: bool,

    /// Print one JSON object per line, with everything that is known about each file.
    #[arg(long)]
    pub json: bool,

    /// Print the SHA-256 of each regular file, before its name or in its JSON object.
    #[arg(long)]
    pub digests: bool,

    #[command(flatten)]
    pub source: SourceOptions,
}

pub(crate) fn run(args: &LsArgs) -> anyhow::Result<ExitCode> {
    let view = args.source.open(&args.image)?;
    pipe::to_stdout(|out| {
        let mut listing = Listing {
            view: &view,
            args,
            out,
            spelling: Spelling::of_stdout(),
            colour: colour::of_stdout(),
            failed: false,
        };
        listing.run()?;
        Ok(match listing.failed {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        })
    })
}

/// A listed file.
struct LsRow {
    /// The name to show.
    name: Vec<u8>,
    path: Vec<u8>,
    attr: Attr,
}

struct Listing<'a, W> {
    view: &'a ImageFs,
    args: &'a LsArgs,
    out: &'a mut W,
    spelling: Spelling,
    colour: Colour,
    failed: bool,
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
                Err(error) => self.complain(&path, &error),
            }
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        directories.sort_by(|a, b| a.path.cmp(&b.path));
        let mut separate = !files.is_empty();
        self.rows(&files)?;
        for directory in directories {
            if with_titles {
                let before: &[u8] = if separate { b"\n" } else { b"" };
                let title = self.spelling.of(&directory.path);
                self.out.write_all(&[before, &title, b":\n"].concat())?;
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

    fn complain(&mut self, path: &[u8], error: &ViewError) {
        complain(self.view, path, error);
        self.failed = true;
    }

    fn directory(&mut self, directory: &LsRow) -> anyhow::Result<()> {
        let names = match children(self.view, directory.attr.ino) {
            Ok(names) => names,
            Err(error) => {
                self.complain(&directory.path, &error);
                return Ok(());
            }
        };
        let mut rows = Vec::with_capacity(names.len());
        for (name, ino, _) in names {
            let path = join(&directory.path, &name);
            match self.view.getattr(ino) {
                Ok(attr) => rows.push(LsRow { name, path, attr }),
                Err(error) => self.complain(&path, &error),
            }
        }
        self.rows(&rows)
    }

    fn walk(&mut self, directory: &LsRow) -> anyhow::Result<()> {
        for step in Walk::new(self.view, &directory.path, directory.attr) {
            match step {
                // Skip the directory itself.
                Ok(found) if found.depth == 0 => {}
                Ok(found) => self.row(&LsRow {
                    name: found.path.clone(),
                    path: found.path,
                    attr: found.attr,
                })?,
                Err((path, error)) => self.complain(&path, &error),
            }
        }
        Ok(())
    }

    fn rows(&mut self, rows: &[LsRow]) -> anyhow::Result<()> {
        let plain = !(self.args.long || self.args.json || self.args.digests);
        if plain && self.spelling.is_terminal() {
            return self.columns(rows);
        }
        rows.iter().try_for_each(|row| self.row(row))
    }
}
