//! The errors that execve(2) returns, with the names of errno(3) and the texts of strerror(3).

use std::fmt;

/// An error of execve(2), or of a lookup before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errno {
    /// `ENOENT`: the file, its interpreter or its loader does not exist.
    NoEntry,
    /// `EACCES`: no execute permission, no search permission, or not a regular file.
    Access,
    /// `ENOEXEC`: the kernel does not execute the format, or the file is for another machine.
    ExecFormat,
    /// `ENOTDIR`: a component of the path is not a directory.
    NotDirectory,
    /// `EISDIR`: the path is a directory (from a lookup in PATH).
    IsDirectory,
    /// `ELOOP`: too many symbolic links, or too many scripts that interpret scripts.
    Loop,
    /// `ENAMETOOLONG`: the path or one of its components is too long.
    NameTooLong,
    /// `ELIBBAD`: the loader is not an ELF file for this machine.
    BadLibrary,
    /// `EINVAL`: the program headers contradict each other.
    Invalid,
    /// `EIO`: the file ends before its headers do.
    Io,
    /// `ENOMEM`: the segments do not fit into the address space.
    NoMemory,
}

impl Errno {
    /// Returns the name of the error, as in errno(3).
    pub fn name(self) -> &'static str {
        match self {
            Self::NoEntry => "ENOENT",
            Self::Access => "EACCES",
            Self::ExecFormat => "ENOEXEC",
            Self::NotDirectory => "ENOTDIR",
            Self::IsDirectory => "EISDIR",
            Self::Loop => "ELOOP",
            Self::NameTooLong => "ENAMETOOLONG",
            Self::BadLibrary => "ELIBBAD",
            Self::Invalid => "EINVAL",
            Self::Io => "EIO",
            Self::NoMemory => "ENOMEM",
        }
    }

    /// Returns glibc's text for the error (strerror(3)).
    pub fn text(self) -> &'static str {
        match self {
            Self::NoEntry => "No such file or directory",
            Self::Access => "Permission denied",
            Self::ExecFormat => "Exec format error",
            Self::NotDirectory => "Not a directory",
            Self::IsDirectory => "Is a directory",
            Self::Loop => "Too many levels of symbolic links",
            Self::NameTooLong => "File name too long",
            Self::BadLibrary => "Accessing a corrupted shared library",
            Self::Invalid => "Invalid argument",
            Self::Io => "Input/output error",
            Self::NoMemory => "Cannot allocate memory",
        }
    }

    /// Returns a shell's exit status for a command that could not be executed (POSIX, "Exit Status for
    /// Commands"): 127 if it was not found, 126 otherwise.
    pub fn shell_status(self) -> u8 {
        match self {
            Self::NoEntry => 127,
            _ => 126,
        }
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
