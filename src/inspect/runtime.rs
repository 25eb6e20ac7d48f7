//! The behavior of an ELF file at run time: the result of execve(2), and contradictions between
//! parts of the file that different readers use.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The reason why the Linux kernel does not start an ELF file, independent of its environment
/// (`load_elf_binary` in `fs/binfmt_elf.c` of Linux 6.x). The architecture is not compared with the
/// host's, and the interpreter is not looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExecError {
    /// ENOEXEC: the type is neither ET_EXEC nor ET_DYN, the program header table has a wrong size
    /// or is outside the file, or PT_INTERP has a wrong size or does not end with a NUL. A shell
    /// then runs the file as a script.
    NoExec,
    /// EIO: PT_INTERP is outside the file.
    Io,
    /// EINVAL: the file offset of PT_INTERP is negative.
    Invalid,
    /// EACCES: PT_INTERP is an empty path. The kernel resolves it to the working directory, and a
    /// directory cannot be executed.
    Access,
    /// execve(2) replaces the process image and the process is then killed with SIGSEGV, because
    /// there is no PT_LOAD or one cannot be mapped.
    Killed,
}

impl ExecError {
    /// The name of the errno that execve(2) returns, or of the signal that kills the process.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoExec => "ENOEXEC",
            Self::Io => "EIO",
            Self::Invalid => "EINVAL",
            Self::Access => "EACCES",
            Self::Killed => "SIGSEGV",
        }
    }

    /// The `errno` of execve(2) on Linux. `None` if the process is killed instead.
    pub fn errno(self) -> Option<i32> {
        match self {
            Self::NoExec => Some(8),
            Self::Io => Some(5),
            Self::Invalid => Some(22),
            Self::Access => Some(13),
            Self::Killed => None,
        }
    }
}

/// A contradiction in an ELF file: two ways to read it give different results.
///
/// The fields of [`Binary`](super::Binary) say what the kernel and the dynamic loader read. A
/// contradiction says what a tool that reads the file in another way sees instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contradiction {
    /// There is a second PT_INTERP, with this path. The kernel uses the first.
    SecondInterp(Vec<u8>),
    /// The section `.interp` contains this path, which differs from the path in PT_INTERP.
    InterpSection(Vec<u8>),
    /// There are two PT_DYNAMIC. The one that the loader does not use lists these libraries.
    SecondDynamic(Vec<Vec<u8>>),
    /// The offset and the address of PT_DYNAMIC lead to different bytes. Those at the offset list
    /// these libraries.
    DynamicOffset(Vec<Vec<u8>>),
    /// The section `.dynamic` is not what the loader reads. It lists these libraries.
    DynamicSection(Vec<Vec<u8>>),
    /// The program headers that the loader reads from memory differ from those that the kernel reads
    /// from the file. Those in the file lead to these libraries.
    ProgramHeaders(Vec<Vec<u8>>),
    /// The address in PT_PHDR differs from the address at which the kernel finds the program headers.
    /// The loader adds the difference to all addresses. Without it they lead to these libraries.
    HeaderAddress(Vec<Vec<u8>>),
}

impl Contradiction {
    /// The path or the libraries of the contradiction.
    pub fn names(&self) -> &[Vec<u8>] {
        match self {
            Self::SecondInterp(path) | Self::InterpSection(path) => std::slice::from_ref(path),
            Self::SecondDynamic(names)
            | Self::DynamicOffset(names)
            | Self::DynamicSection(names)
            | Self::ProgramHeaders(names)
            | Self::HeaderAddress(names) => names,
        }
    }
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
