//! The result of execve(2) for an ELF file, as determined by `load_elf_binary` (`fs/binfmt_elf.c`
//! of Linux 6.x).
//!
//! The checks are in the kernel's order, and the first failing check decides. Checks up to that of
//! the interpreter return an errno. After them the kernel has replaced the process, so a later
//! failure kills it.

use object::elf::{
    EM_X86_64, ET_DYN, ET_EXEC, PT_INTERP, PT_LOAD, ProgramHeader32, ProgramHeader64,
};
use object::endian::Endianness;

use super::header::ElfHeader;
use super::segment::{Segment, Segments};
use crate::inspect::runtime::ExecError;
use crate::inspect::source::Source;

/// The maximum length of the program header table that `load_elf_phdrs` accepts.
const TABLE_LIMIT: usize = 65536;

/// PATH_MAX, the maximum length of PT_INTERP with its NUL.
const PATH_MAX: u64 = 4096;

/// The smallest page size of all architectures that Linux supports. An address that is not aligned
/// to it is not aligned to any page size.
const PAGE: u64 = 4096;

/// Returns the error of execve(2), if any. `segments` is `None` if the table cannot be read.
pub(super) fn error(
    source: &dyn Source,
    header: &ElfHeader,
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
    // The read error is lost: `load_elf_phdrs` returns no table, and that results in ENOEXEC.
    let Some(segments) = segments else {
        return Some(ExecError::NoExec);
    };
    let interp = segments.first(PT_INTERP);
    interp
        .and_then(|interp| interpreter(source, interp))
        .or_else(|| mapping(header, segments))
}

/// Returns the size of a program header in the file's layout.
fn record_size(header: &ElfHeader) -> usize {
    if header.layout.wide {
        size_of::<ProgramHeader64<Endianness>>()
    } else {
        size_of::<ProgramHeader32<Endianness>>()
    }
}

/// Checks the first PT_INTERP as the kernel does before it opens the path.
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

/// Checks what can fail after the process has been replaced and then kills it. A file without
/// PT_LOAD is started at an unmapped address.
fn mapping(header: &ElfHeader, segments: &Segments) -> Option<ExecError> {
    let mut loads = segments.of_kind(PT_LOAD).peekable();
    if loads.peek().is_none() {
        return Some(ExecError::Killed);
    }
    // mmap(2) requires a page-aligned offset.
    let unaligned =
        |s: &Segment| s.filesz > 0 && !s.offset.wrapping_sub(s.vaddr).is_multiple_of(PAGE);
    let last = last_address(header);
    let outside = |s: &Segment| s.vaddr.checked_add(s.memsz).is_none_or(|end| end > last);
    loads
        .any(|s| s.filesz > s.memsz || unaligned(s) || outside(s))
        .then_some(ExecError::Killed)
}

/// Returns an address beyond those of any process on the architecture (TASK_SIZE,
/// `arch/*/include/asm`). amd64 with five-level page tables has 56 bits. Other architectures have
/// up to 64, as s390x does.
fn last_address(header: &ElfHeader) -> u64 {
    match (header.layout.wide, header.machine) {
        (true, EM_X86_64) => 1 << 56,
        (true, _) => u64::MAX,
        (false, _) => 1 << 32,
    }
}
