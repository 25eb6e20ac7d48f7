//! What happens to an ELF file at run time: the answer of execve(2), and where two readers of the same
//! file see different things.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why the Linux kernel does not start an ELF file, whatever is around it (`load_elf_binary` in
/// `fs/binfmt_elf.c` of Linux 6.x). The machine is not compared, and no interpreter is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExecError {
    /// ENOEXEC: the type is neither ET_EXEC nor ET_DYN, the table of program headers has a wrong size
    /// or lies outside the file, or PT_INTERP has a wrong size or does not end with a NUL. A shell
    /// then reads the file as a script.
    NoExec,
    /// EIO: PT_INTERP lies outside the file.
    Io,
    /// EINVAL: the file offset of PT_INTERP is negative.
    Invalid,
    /// EACCES: PT_INTERP is an empty path, which the kernel takes for the working directory, and a
    /// directory cannot be executed.
    Access,
    /// execve(2) replaces the process and then kills it with SIGSEGV: there is no PT_LOAD, or one that
    /// cannot be mapped.
    Killed,
}

impl ExecError {
    /// The name of the errno that execve(2) returns, or of the signal that it sends.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoExec => "ENOEXEC",
            Self::Io => "EIO",
            Self::Invalid => "EINVAL",
            Self::Access => "EACCES",
            Self::Killed => "SIGSEGV",
        }
    }

    /// The number that execve(2) leaves in `errno` on Linux. `None` if the process is killed instead.
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

/// Where an ELF file tells one reader something else than another.
///
/// The fields of [`Binary`](super::Binary) say what the kernel and the dynamic loader read. This says
/// what a tool believes that reads the file in another way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contradiction {
    /// There is a second PT_INTERP, with this path. The kernel uses the first.
    SecondInterp(Vec<u8>),
    /// The section `.interp` holds this path, and PT_INTERP another.
    InterpSection(Vec<u8>),
    /// There are two PT_DYNAMIC. The one that the loader does not use lists these libraries.
    SecondDynamic(Vec<Vec<u8>>),
    /// The offset of PT_DYNAMIC does not lead to the bytes at its address. At the offset these
    /// libraries are listed.
    DynamicOffset(Vec<Vec<u8>>),
    /// The section `.dynamic` is not what the loader reads. It lists these libraries.
    DynamicSection(Vec<Vec<u8>>),
    /// The loader reads other program headers from memory than the kernel reads from the file. Those in
    /// the file lead to these libraries.
    ProgramHeaders(Vec<Vec<u8>>),
    /// PT_PHDR names another address than the one at which the kernel finds the program headers, and
    /// the loader moves all addresses by the difference. Without that they lead to these libraries.
    HeaderAddress(Vec<Vec<u8>>),
}

impl Contradiction {
    /// The names that it holds.
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
