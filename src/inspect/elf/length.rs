//! Detects an ELF file that is shorter than its headers require, because a download or a copy was
//! incomplete.
//!
//! The kernel maps such a file without an error. Bytes of the last page after the end of the file
//! read as zero, and access to a later page kills the process with SIGBUS. If the kernel itself
//! must clear memory after the data there, it kills the process with SIGSEGV before it starts.
//!
//! - A program or a library must contain its program headers and its PT_LOAD segments. Its section
//!   headers may be missing, because no loader reads them.
//! - An object or a kernel module is unusable without its section headers, which are at its end.
//! - A core dump may be truncated on purpose (`ulimit -c`) and contains no facts about the image.
//! - In a debug information file the segments refer to bytes that were removed.

use object::elf::{ET_DYN, ET_EXEC, ET_REL, PT_LOAD};

use super::header::ElfHeader;
use super::section::SectionTable;
use super::segment::Segments;
use crate::inspect::source::Source;

/// Returns the length that the file should have, if it is shorter.
pub(super) fn cut_short(
    source: &dyn Source,
    header: &ElfHeader,
    segments: Option<&Segments>,
    sections: Option<&SectionTable>,
) -> Option<u64> {
    let needed = match header.file_type {
        ET_EXEC | ET_DYN if sections.is_some_and(SectionTable::is_debug_file) => return None,
        ET_EXEC | ET_DYN => {
            let loads = segments.into_iter().flat_map(|s| s.of_kind(PT_LOAD));
            let loads = loads.filter(|load| load.filesz > 0);
            let ends = loads.map(|load| load.offset.saturating_add(load.filesz));
            let table = end(header.phoff, header.phentsize, header.phnum);
            ends.chain(Some(table)).max()?
        }
        ET_REL if header.shoff != 0 => end(header.shoff, header.shentsize, header.shnum),
        _ => return None,
    };
    (needed > source.len()).then_some(needed)
}

/// Returns the end offset of a table.
fn end(offset: u64, size: u16, count: u16) -> u64 {
    offset.saturating_add(u64::from(size) * u64::from(count))
}
