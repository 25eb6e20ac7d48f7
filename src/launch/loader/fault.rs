//! Why a loader refuses a file that it found (glibc, `open_verify` and `_dl_map_object_from_fd` in
//! `elf/dl-load.c`; musl, `map_library` in `ldso/dynlink.c`).

use super::kind::{Kind as LoaderKind, Loader};
use crate::inspect::{Endian, Format, Kind as BinaryKind};
use crate::launch::image::{File, Image};
use crate::tree::{Kind, NodeId};

/// Why a loader gives up on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is shorter than an ELF header.
    TooShort,
    /// It is a directory.
    Directory,
    /// It does not begin as an ELF file.
    Header,
    /// Its byte order is the other one.
    Encoding,
    /// It is an object, a core, or a module of the kernel.
    Type,
    /// It is a program at a fixed address.
    Executable,
    /// It is a position independent program (DF_1_PIE).
    PieExecutable,
    /// It is for another machine, and the loader does not check that (musl): what happens is unknown.
    Foreign,
}

impl Fault {
    /// glibc's words for it.
    pub fn glibc(self) -> &'static str {
        match self {
            Self::TooShort => "file too short",
            // EISDIR; the loader has words for a few errors only.
            Self::Directory => "cannot read file data: Error 21",
            Self::Header | Self::Foreign => "invalid ELF header",
            Self::Encoding => "ELF file data encoding not little-endian",
            Self::Type => "only ET_DYN and ET_EXEC can be loaded",
            Self::Executable => "cannot dynamically load executable",
            Self::PieExecutable => "cannot dynamically load position-independent executable",
        }
    }

    /// Whether glibc names the path that it found, and not the name that it looked for.
    pub fn names_path(self) -> bool {
        !matches!(self, Self::Executable | Self::PieExecutable)
    }

    /// musl's words for it (strerror(3) of EISDIR or ENOEXEC).
    pub fn musl(self) -> &'static str {
        match self {
            Self::Directory => "Is a directory",
            _ => "Exec format error",
        }
    }
}

/// What a loader makes of a file that it opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It loads it.
    Yes,
    /// It looks further; `true` if the file has the other class (32 or 64 bits), which glibc says at
    /// the end.
    Passed(bool),
    /// It gives up.
    Broken(Fault),
}

/// What the loader makes of a file.
pub(super) fn fit(image: &Image<'_>, node: NodeId, loader: &Loader) -> Fit {
    let musl = loader.kind == LoaderKind::Musl;
    let Some(found) = image.tree.node(node) else {
        return Fit::Passed(false);
    };
    match found.kind {
        Kind::Regular => {}
        Kind::Directory => return Fit::Broken(Fault::Directory),
        _ => return Fit::Passed(false),
    }
    let machine = &loader.machine;
    // The sizes of Elf32_Ehdr and Elf64_Ehdr.
    if found.size < if machine.bits == 64 { 64 } else { 52 } && image.file(node).is_none() {
        return Fit::Broken(Fault::TooShort);
    }
    let Some(file) = image.file(node) else {
        return Fit::Broken(Fault::Header);
    };
    let binary = &file.binary;
    if binary.format != Format::Elf {
        return Fit::Broken(Fault::Header);
    }
    if file.machine().is_some_and(|found| found == *machine) {
        return match program(file) {
            Some(fault) if !musl => Fit::Broken(fault),
            _ => Fit::Yes,
        };
    }
    if musl {
        let loads = matches!(
            binary.kind,
            BinaryKind::Executable | BinaryKind::SharedLibrary
        );
        return Fit::Broken(if loads { Fault::Foreign } else { Fault::Type });
    }
    if binary.bits.is_some_and(|bits| bits != machine.bits) {
        return Fit::Passed(true);
    }
    if binary
        .endian
        .is_some_and(|e| (e == Endian::Little) != machine.little)
    {
        return Fit::Broken(Fault::Encoding);
    }
    if file.arch() != machine.arch {
        return Fit::Passed(false);
    }
    Fit::Broken(Fault::Type)
}

/// Whether a file is a program, which glibc does not load as a library.
fn program(file: &File) -> Option<Fault> {
    let binary = &file.binary;
    if binary.kind != BinaryKind::Executable || binary.soname.is_some() {
        return None;
    }
    match binary.pie {
        Some(false) => Some(Fault::Executable),
        // Programs of old linkers have no DF_1_PIE and can be loaded. Those have no PT_INTERP here, or
        // cannot be told apart.
        Some(true) if binary.interpreter.is_some() => Some(Fault::PieExecutable),
        _ => None,
    }
}
