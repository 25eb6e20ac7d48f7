//! What execve(2) answers for an ELF file, as `load_elf_binary` decides it (`fs/binfmt_elf.c` of
//! Linux 6.x).
//!
//! The checks are in the kernel's order, and the first that fails decides. Those up to the interpreter
//! return an errno. After them the kernel replaces the process, and what fails then kills it.

use object::elf::{
    EM_X86_64, ET_DYN, ET_EXEC, PT_INTERP, PT_LOAD, ProgramHeader32, ProgramHeader64,
};
use object::endian::Endianness;

use super::header::Header;
use super::segment::{Segment, Segments};
use crate::inspect::runtime::ExecError;
use crate::inspect::source::Source;

/// `load_elf_phdrs` takes no table of program headers that is longer.
const TABLE_LIMIT: usize = 65536;

/// PATH_MAX, the longest PT_INTERP with its NUL.
const PATH_MAX: u64 = 4096;

/// The smallest page of all machines that Linux runs on: what is not aligned to it is aligned to none.
const PAGE: u64 = 4096;

/// The answer of execve(2), if it is an error. `segments` is `None` if the table cannot be read.
pub(super) fn error(
    source: &dyn Source,
    header: &Header,
    segments: Option<&Segments>,
) -> Option<ExecError> {
    if header.file_type != ET_EXEC && header.file_type != ET_DYN {
        return Some(ExecError::NoExec);
    }
    let record = record_size(header);
    let table = record * usize::from(header.phnum);
    if usize::from(header.phentsize) != record || table == 0 || table > TABLE_LIMIT {
        return Some(ExecError::NoExec);
    }
    // The error of the read is lost: `load_elf_phdrs` returns no table, and that is ENOEXEC.
    let Some(segments) = segments else {
        return Some(ExecError::NoExec);
    };
    let interp = segments.first(PT_INTERP);
    interp
        .and_then(|interp| interpreter(source, interp))
        .or_else(|| mapping(header, segments))
}

/// The size of a program header in the layout of the file.
fn record_size(header: &Header) -> usize {
    if header.layout.wide {
        size_of::<ProgramHeader64<Endianness>>()
    } else {
        size_of::<ProgramHeader32<Endianness>>()
    }
}

/// What the kernel says of the first PT_INTERP, before it opens the path.
fn interpreter(source: &dyn Source, interp: &Segment) -> Option<ExecError> {
    if !(2..=PATH_MAX).contains(&interp.filesz) {
        return Some(ExecError::NoExec);
    }
    // `loff_t` is signed.
    if i64::try_from(interp.offset).is_err() {
        return Some(ExecError::Invalid);
    }
    let Ok(path) = source.piece(interp.offset, interp.filesz, PATH_MAX) else {
        return Some(ExecError::Io);
    };
    match (path.first(), path.last()) {
        (_, Some(1..)) => Some(ExecError::NoExec),
        (Some(0), _) => Some(ExecError::Access),
        _ => None,
    }
}

/// What fails after the process has been replaced, and then kills it. A file without PT_LOAD is
/// started at an address where nothing is.
fn mapping(header: &Header, segments: &Segments) -> Option<ExecError> {
    let mut loads = segments.of_kind(PT_LOAD).peekable();
    if loads.peek().is_none() {
        return Some(ExecError::Killed);
    }
    // mmap(2) wants an offset of whole pages.
    let unaligned =
        |s: &Segment| s.filesz > 0 && !s.offset.wrapping_sub(s.vaddr).is_multiple_of(PAGE);
    let last = last_address(header);
    let outside = |s: &Segment| s.vaddr.checked_add(s.memsz).is_none_or(|end| end > last);
    loads
        .any(|s| s.filesz > s.memsz || unaligned(s) || outside(s))
        .then_some(ExecError::Killed)
}

/// An address that no process of the machine can have (TASK_SIZE, `arch/*/include/asm`): on amd64 with
/// page tables of five levels there are 56 bits. Other machines have up to 64, as s390x does.
fn last_address(header: &Header) -> u64 {
    match (header.layout.wide, header.machine) {
        (true, EM_X86_64) => 1 << 56,
        (true, _) => u64::MAX,
        (false, _) => 1 << 32,
    }
}
