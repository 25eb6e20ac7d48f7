//! `imgfs find`: searches an image with the tests of find(1) and with conditions on the facts of
//! executables.

use std::ffi::OsString;
use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

use super::options::SourceOptions;
use super::paths::{Spelling, bytes, complain};
use super::pipe;
use crate::image::Reference;
use crate::query::find::{Event, Find};
use crate::query::{self, Entry, Found};
use crate::view::{ImageFs, ViewError};

const WORDS: &str = "\
Tests (patterns are those of fnmatch(3), applied to bytes):
  -name PATTERN, -iname PATTERN    the base name matches; -iname ignores case
  -path PATTERN, -ipath PATTERN    the whole path matches; * also matches /
  -lname PATTERN, -ilname PATTERN  a symbolic link whose target matches
  -type LETTER[,LETTER…]           f file, d directory, l symbolic link, c and b device, p fifo
  -xtype LETTER[,LETTER…]          like -type, but for the target of a link; l if it is broken
  -size [+-]N[cwbkMG]              size, rounded up to units of 1, 2, 512 (the default) bytes, KiB,
                                   MiB, GiB
  -perm MODE, -MODE, /MODE         permissions are exactly MODE, include all of it, any of it
  -newermt DATE                    modified after 2024-01-31, '2024-01-31 12:30:59' or @SECONDS; UTC
                                   unless DATE has a time zone
  -empty                           an empty file or directory
  -uid, -gid [+-]N; -user, -group N  owner and group, by number
  -links [+-]N                     number of hard links
  -true, -false
  --layer N                        the file is from layer N; the lowest is 0
  --where CONDITION                its sidecar matches: 'GOARCH=arm64 and NEEDED~libssl*'. KEY (is
                                   present), = !=, ~ !~ (patterns), < <= > >= (numbers, versions),
                                   and, or, not, ( ); one matching member of a list is enough

Operators, by decreasing precedence: ( … ), ! or -not, -a or nothing, -o, comma.

Global options, anywhere in the expression: -maxdepth N, -mindepth N.

Actions; the default is -print:
  -print      print the path and a newline; control characters and \\ as \\xNN
  -print0     print the path unchanged and a NUL byte
  -prune      do not descend into the directory
  -quit       stop the search

Files are in the byte order of their paths. Symbolic links are not followed, except a PATH that ends
in a slash.

Examples:
  imgfs find app.tar -type f -perm /6000
  imgfs find app.tar /usr -name '*.so*' -size +1M --json
  imgfs find app.tar --where 'GOARCH=arm64 and LINKAGE=dynamic'
  imgfs find app.tar -newermt 2024-01-31 ! -path '/var/cache/*' --layer 3";

#[derive(Debug, clap::Args)]
#[command(after_long_help = WORDS)]
pub(crate) struct FindArgs {
    /// The image, in any form that imgfs mount accepts.
    pub image: Reference,

    /// Paths to search [default: /], then an expression as for find(1).
    ///
    /// The tests, operators and actions are listed below. Options must precede IMAGE, except --json and
    /// --digests.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PATH… TEST…"
    )]
    pub words: Vec<OsString>,

    /// Print one JSON object per line, with everything that is known about each file.
    #[arg(long)]
    pub json: bool,

    /// Print only regular files, each after its SHA-256, in the format of sha256sum(1).
    ///
    /// With --json, add the SHA-256 to the object.
    #[arg(long)]
    pub digests: bool,

    #[command(flatten)]
    pub source: SourceOptions,
}

pub(crate) fn run(args: &FindArgs) -> anyhow::Result<ExitCode> {
    let mut words = bytes(&args.words);
    for (given, word) in [(args.json, "--json"), (args.digests, "--digests")] {
        if given {
            words.push(word.into());
        }
    }
    let find = Find::parse(&words)?;
    let view = args.source.open(&args.image)?;
    pipe::to_stdout(|out| {
        let mut shown = Shown {
            view: &view,
            find: &find,
            spelling: Spelling::of_stdout(),
            out,
        };
        let (mut code, mut written) = (ExitCode::SUCCESS, Ok(()));
        let _ = find.search(&view, &mut |event| {
            let result = match event {
                Event::Show(found) => shown.line(found),
                Event::ShowRaw(found) => shown.raw(found),
                Event::Failed(path, error) => Ok(Err((path.to_vec(), error))),
            };
            match result {
                Ok(Ok(())) => ControlFlow::Continue(()),
                Ok(Err((path, error))) => {
                    complain(&view, &path, &error);
                    code = ExitCode::FAILURE;
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    written = Err(error);
                    ControlFlow::Break(())
                }
            }
        });
        written.map(|()| code)
    })
}

/// The outer error is from standard output, the inner error from a file, with its path.
type Written = anyhow::Result<Result<(), (Vec<u8>, ViewError)>>;

/// Writes the files that were found.
struct Shown<'a, W> {
    view: &'a ImageFs,
    find: &'a Find,
    spelling: Spelling,
    out: &'a mut W,
}

impl<W: Write> Shown<'_, W> {
    fn line(&mut self, found: &Found) -> Written {
        let line = match (self.find.json, self.find.digests) {
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

    fn raw(&mut self, found: &Found) -> Written {
        let line = match self.find.digests {
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
        found: &Found,
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
