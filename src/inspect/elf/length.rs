//! Whether an ELF file is shorter than its headers say: a download or a copy broke off.
//!
//! The kernel maps such a file without complaint. A byte of the last page that is after the end of the
//! file reads as zero, and a byte of a later page kills the process with SIGBUS. If the kernel itself
//! must clear what follows the data there, it kills the process with SIGSEGV before it starts.
//!
//! - A program or a library must hold its program headers and its PT_LOAD. Its section headers may be
//!   gone: no loader reads them.
//! - An object or a kernel module is of no use without its section headers, which are last in it.
//! - A core may be cut short on purpose (`ulimit -c`), and says nothing about the image.
//! - In a file of debug information the segments point at bytes that were taken out.

use object::elf::{ET_DYN, ET_EXEC, ET_REL, PT_LOAD};

use super::header::Header;
use super::section::Sections;
use super::segment::Segments;
use crate::inspect::source::Source;

/// How long the file should be, if it is shorter.
pub(super) fn cut_short(
    source: &dyn Source,
    header: &Header,
    segments: Option<&Segments>,
    sections: Option<&Sections>,
) -> Option<u64> {
    let needed = match header.file_type {
        ET_EXEC | ET_DYN if sections.is_some_and(Sections::is_debug_file) => return None,
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

/// Where a table ends.
fn end(offset: u64, size: u16, count: u16) -> u64 {
    offset.saturating_add(u64::from(size) * u64::from(count))
}
