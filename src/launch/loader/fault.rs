//! Reasons why a loader refuses a file that it found (glibc, `open_verify` and `_dl_map_object_from_fd`
//! in `elf/dl-load.c`; musl, `map_library` in `ldso/dynlink.c`).

use super::kind::{Loader, LoaderKind};
use crate::inspect::{BinaryKind, Endian, Format};
use crate::launch::image::{File, Image};
use crate::tree::{NodeId, NodeKind};

/// The reason why a loader refuses a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The file is shorter than an ELF header.
    TooShort,
    /// The path leads to a directory.
    Directory,
    /// The file does not begin with a valid ELF header.
    Header,
    /// The byte order differs from the loader's.
    Encoding,
    /// The file is an object, a core, or a kernel module.
    Type,
    /// The file is a program at a fixed address.
    Executable,
    /// The file is a position-independent program (DF_1_PIE).
    PieExecutable,
    /// The file is for another machine, and the loader (musl) does not check that. The effect is
    /// unknown.
    Foreign,
}

impl Fault {
    /// Returns glibc's message.
    pub(crate) fn glibc(self) -> &'static str {
        match self {
            Self::TooShort => "file too short",
            // EISDIR. The loader has texts for few errors only.
            Self::Directory => "cannot read file data: Error 21",
            Self::Header | Self::Foreign => "invalid ELF header",
            Self::Encoding => "ELF file data encoding not little-endian",
            Self::Type => "only ET_DYN and ET_EXEC can be loaded",
            Self::Executable => "cannot dynamically load executable",
            Self::PieExecutable => "cannot dynamically load position-independent executable",
        }
    }

    /// Returns true if glibc's message has the path of the file, and not the name that was searched.
    pub(crate) fn names_path(self) -> bool {
        !matches!(self, Self::Executable | Self::PieExecutable)
    }

    /// Returns musl's message (strerror(3) of EISDIR or ENOEXEC).
    pub(crate) fn musl(self) -> &'static str {
        match self {
            Self::Directory => "Is a directory",
            _ => "Exec format error",
        }
    }
}

/// The loader's reaction to a file that it opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// The loader loads the file.
    Yes,
    /// The loader continues the search. `true` if the file has the other class (32 or 64 bits), which
    /// glibc reports at the end.
    Passed(bool),
    /// The loader fails.
    Broken(Fault),
}

/// Returns the loader's reaction to a file.
pub(super) fn fit(image: &Image<'_>, node: NodeId, loader: &Loader) -> Fit {
    let musl = loader.kind == LoaderKind::Musl;
    let Some(found) = image.tree.node(node) else {
        return Fit::Passed(false);
    };
    match found.kind {
        NodeKind::Regular => {}
        NodeKind::Directory => return Fit::Broken(Fault::Directory),
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

/// Returns the fault of a program that glibc does not load as a library. `None` for a library.
fn program(file: &File) -> Option<Fault> {
    let binary = &file.binary;
    if binary.kind != BinaryKind::Executable || binary.soname.is_some() {
        return None;
    }
    match binary.pie {
        Some(false) => Some(Fault::Executable),
        // Programs of old linkers have no DF_1_PIE and can be loaded. Those with a PT_INTERP cannot be
        // distinguished, and count as position-independent programs.
        Some(true) if binary.interpreter.is_some() => Some(Fault::PieExecutable),
        _ => None,
    }
}
