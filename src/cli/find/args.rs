//! The arguments of `imgfs find`.

use std::ffi::OsString;

use crate::cli::options::SourceOptions;
use crate::image::Reference;

/// The end of the help.
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
