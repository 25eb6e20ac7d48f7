//! `imgfs find`: the words of find(1), and questions to the facts of executables.

use std::ffi::OsString;
use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

use super::paths::{Spelling, bytes, complain};
use super::pipe;
use super::source::SourceArgs;
use imgfs::image::Reference;
use imgfs::query::find::{Event, Find};
use imgfs::query::{self, Entry, Found};
use imgfs::view::{ImageFs, ViewError};

const WORDS: &str = "\
Tests, each true or false for a file (patterns are those of fnmatch(3), on bytes):
  -name PATTERN, -iname PATTERN    its last name matches; with i, A is a
  -path PATTERN, -ipath PATTERN    its path matches; * matches / too
  -lname PATTERN, -ilname PATTERN  it is a symbolic link and its target matches
  -type LETTER[,LETTER…]           f file, d directory, l symbolic link, c and b device, p fifo
  -xtype LETTER[,LETTER…]          the same of what a link leads to in the image; l if nowhere
  -size [+-]N[cwbkMG]              its size in bytes, 2, 512 (without a letter), 1024, … rounded up
  -perm MODE, -MODE, /MODE         its permissions are these, have all of these, any of these
  -newermt DATE                    modified after 2024-01-31, '2024-01-31 12:30:59' or @SECONDS; UTC
                                   unless a zone follows
  -empty                           a file or a directory with nothing in it
  -uid, -gid [+-]N; -user, -group N  owner and group, by number
  -links [+-]N                     so many names lead to it
  -true, -false
  --layer N                        layer N brought it; the lowest is 0
  --where CONDITION                lines of its sidecar are so: 'GOARCH=arm64 and NEEDED~libssl*'.
                                   KEY (is there), = !=, ~ !~ (a pattern), < <= > >= (numbers and
                                   versions), and, or, not, ( ); of a list one member is enough

Joined, the strongest first: ( … ), ! or -not, side by side or -a, -o, and a comma.

Depth, wherever it stands: -maxdepth N, -mindepth N.

What is done with a file; -print if nothing else is said:
  -print      its path, a line each; control characters and \\ as \\xNN
  -print0     its path as it is, and a NUL
  -prune      what is in it is left out
  -quit       the search ends

Files come in the byte order of their paths. Nothing is followed but links in PATH with a / behind.

Examples:
  imgfs find app.tar -type f -perm /6000
  imgfs find app.tar /usr -name '*.so*' -size +1M --json
  imgfs find app.tar --where 'GOARCH=arm64 and LINKAGE=dynamic'
  imgfs find app.tar -newermt 2024-01-31 ! -path '/var/cache/*' --layer 3";

#[derive(Debug, clap::Args)]
#[command(after_long_help = WORDS)]
pub(crate) struct FindArgs {
    /// The image, named as for a mount.
    pub image: Reference,

    /// Where to search (the default is the root), then what for, in the words of find(1); --help lists
    /// them. The options below stand before the image, but for --json and --digests.
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PATH… TEST…"
    )]
    pub words: Vec<OsString>,

    /// One JSON object a line, with all that is known of each file.
    #[arg(long)]
    pub json: bool,

    /// Regular files only, each with its SHA-256 before it, as sha256sum(1) prints them; in the object
    /// with --json.
    #[arg(long)]
    pub digests: bool,

    #[command(flatten)]
    pub source: SourceArgs,
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

/// The outer error is that of standard output, the inner one that of a file.
type Written = anyhow::Result<Result<(), (Vec<u8>, ViewError)>>;

/// How what was found is written.
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

    /// A line of sha256sum(1), which tells by a `\` before it that there are escapes in the name.
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
