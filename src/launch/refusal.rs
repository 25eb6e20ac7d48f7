//! The reasons why the kernel does not start a program, as kernel errors and as sentences.

use super::errno::Errno;
use crate::inspect::Format;
use crate::layer::printable;
use crate::tree::NodeKind;

/// The role of a file when a program is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The program that was named.
    Program,
    /// The interpreter of a script.
    Interpreter,
    /// The loader of an ELF program (PT_INTERP).
    Loader,
}

/// An error of execve(2), and its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error of execve.
    pub errno: Errno,
    /// The role of the file that caused the error.
    pub part: Part,
    /// The path by which that file is opened.
    pub path: Vec<u8>,
    /// The reason.
    pub reason: Reason,
}

/// The reason for an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing exists at the path, or at the earlier path on the way given here.
    Missing(Vec<u8>),
    /// The directory at this path may not be searched.
    NotSearchable(Vec<u8>),
    /// The file's mode, and its owner's uid and gid, do not permit execution.
    NotExecutable(u16, (u32, u32)),
    /// It is not a regular file, but for example a directory or a device.
    NotRegular(NodeKind),
    /// The file has no bytes.
    Empty,
    /// A byte order mark stands before `#!`.
    ByteOrderMark,
    /// It is an HTML page, for example from a failed download.
    Html,
    /// It begins with `#!`, but the line names no interpreter, or is longer than the 256 bytes that the
    /// kernel reads.
    BadShebang,
    /// It is text without `#!`.
    Text,
    /// It is an ELF file that is truncated within its headers, or contradicts itself.
    BadElf,
    /// It is in a format that the kernel does not execute.
    Format(Format),
    /// It is in no known format.
    Unrecognised,
    /// It is for this platform, which the image's kernel does not support.
    Machine(String),
    /// The loader is not an ELF file.
    NotAnElf,
    /// The chain of scripts that interpret each other is longer than the kernel allows.
    ScriptLoop,
}

impl Reason {
    /// Returns the reason for a file that no decoder recognizes, judged by its first bytes.
    pub(crate) fn of_head(head: &[u8]) -> Self {
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let lower = text.trim_ascii_start().to_ascii_lowercase();
        if head.is_empty() {
            Self::Empty
        } else if head.starts_with(b"\x7fELF") {
            Self::BadElf
        } else if head.starts_with(b"#!") {
            Self::BadShebang
        } else if text.len() < head.len() && text.starts_with(b"#!") {
            Self::ByteOrderMark
        } else if lower.starts_with(b"<!doctype") || lower.starts_with(b"<html") {
            Self::Html
        } else if !head.contains(&0) {
            Self::Text
        } else {
            Self::Unrecognised
        }
    }
}

impl Refusal {
    /// Returns true if the file contains bytes that no script contains.
    pub(crate) fn is_binary(&self) -> bool {
        !matches!(
            self.reason,
            Reason::Empty
                | Reason::Text
                | Reason::Html
                | Reason::ByteOrderMark
                | Reason::BadShebang
        )
    }

    /// Returns a clause that describes the problem: `its loader /lib/ld.so is not in the image`.
    pub fn clause(&self) -> String {
        let path = printable(&self.path);
        let file = match self.part {
            Part::Program => path,
            Part::Interpreter => format!("its interpreter {path}"),
            Part::Loader => format!("its loader {path}"),
        };
        match &self.reason {
            Reason::Missing(at) if self.errno == Errno::NotDirectory => {
                format!(
                    "{file} leads through {}, which is not a directory",
                    printable(at)
                )
            }
            Reason::Missing(at) if self.errno == Errno::Loop => {
                format!(
                    "{file} leads through too many symbolic links at {}",
                    printable(at)
                )
            }
            Reason::Missing(at) if self.errno == Errno::NameTooLong => {
                format!("{file} has a name that is too long at {}", printable(at))
            }
            Reason::Missing(at) if *at != self.path && !at.is_empty() => {
                format!(
                    "{file} leads to {}, which is not in the image",
                    printable(at)
                )
            }
            Reason::Missing(_) => format!("{file} is not in the image"),
            Reason::NotSearchable(dir) => {
                format!(
                    "{file} is in {}, which the user may not search",
                    printable(dir)
                )
            }
            Reason::NotExecutable(mode, (uid, gid)) => {
                format!("{file} is not executable by the user (mode {mode:04o}, owner {uid}:{gid})")
            }
            Reason::NotRegular(kind) => format!("{file} is {}", kind_name(*kind)),
            Reason::Empty => format!("{file} is empty"),
            Reason::ByteOrderMark => format!("{file} begins with a byte order mark, not with #!"),
            Reason::Html => format!("{file} is an HTML page, as after a failed download"),
            Reason::BadShebang => format!(
                "{file} begins with a #! line that names no interpreter within the 256 bytes that the \
                 kernel reads"
            ),
            Reason::Text => format!("{file} is text without a #! line"),
            Reason::BadElf => format!("{file} is an ELF file with damaged headers"),
            Reason::Format(format) => format!("{file} is {}", format_name(*format)),
            Reason::Unrecognised => format!("{file} is in no format that the kernel executes"),
            Reason::Machine(platform) => format!("{file} is for {platform}"),
            Reason::NotAnElf => format!("{file} is not an ELF file"),
            Reason::ScriptLoop => {
                format!("{file} is a script, and more than five scripts interpret each other")
            }
        }
    }

    /// Returns a hint for fixing the problem.
    pub fn hint(&self) -> String {
        match &self.reason {
            Reason::Missing(_) if self.part == Part::Loader => {
                "use a base image that has this loader, or link the program statically".to_owned()
            }
            Reason::Missing(_) if self.part == Part::Interpreter && self.path.ends_with(b"\r") => {
                "the line ends with a carriage return: save the script with Unix line ends"
                    .to_owned()
            }
            Reason::Missing(_) if self.part == Part::Interpreter => {
                "install the interpreter, or name one that is in the image".to_owned()
            }
            Reason::Missing(_) => "add it to the image, or correct the path".to_owned(),
            Reason::NotSearchable(dir) => {
                format!("chmod a+x {}, or run as its owner", printable(dir))
            }
            Reason::NotExecutable(..) => {
                "COPY --chmod=755, or RUN chmod +x, or change USER".to_owned()
            }
            Reason::NotRegular(_) => "name a program".to_owned(),
            Reason::Empty | Reason::Html | Reason::BadElf => {
                "copy or download the file again, and verify its checksum".to_owned()
            }
            Reason::ByteOrderMark => {
                "save the script as UTF-8 without a byte order mark".to_owned()
            }
            Reason::BadShebang | Reason::Text => {
                "begin the script with #!/bin/sh, or start it as sh SCRIPT".to_owned()
            }
            Reason::Format(_) | Reason::Unrecognised | Reason::Machine(_) | Reason::NotAnElf => {
                "build it for the image's platform".to_owned()
            }
            Reason::ScriptLoop => "name a program after #!, not a script".to_owned(),
        }
    }
}

fn kind_name(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Directory => "a directory",
        _ => "not a regular file",
    }
}

fn format_name(format: Format) -> &'static str {
    match format {
        Format::Pe => "a Windows program",
        Format::MachO | Format::MachOUniversal => "a macOS program",
        Format::Wasm => "WebAssembly",
        Format::Ar | Format::GoArchive => "an archive of objects",
        Format::Xcoff => "an AIX program",
        Format::Plan9 => "a Plan 9 program",
        Format::Elf | Format::Script => "not executable",
    }
}
