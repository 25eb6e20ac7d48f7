//! A file as the dynamic loader sees it: mapped, with the dynamic section that the loader finds.
//!
//! A loader finds the dynamic section of a program and of a library in different ways:
//!
//! * **A program** is mapped by the kernel. The loader reads its program headers from memory, at
//!   the address that the kernel passes in AT_PHDR: the address of the byte at `e_phoff` in the
//!   last PT_LOAD that contains it (`load_elf_binary` in `fs/binfmt_elf.c`, since Linux 5.18). So
//!   the loader may read other headers than those that the kernel reads from the file. The loader
//!   uses the difference between AT_PHDR and PT_PHDR as the load address (`rtld_setup_main_map` in
//!   glibc's `elf/rtld.c`, `__dls3` in musl's `ldso/dynlink.c`).
//! * **A library** is mapped by the loader, which reads the program headers from the file
//!   (`_dl_map_object_from_fd` in glibc's `elf/dl-load.c`, `map_library` in musl).
//!
//! Both loaders use the last PT_DYNAMIC, by its address. They ignore its offset and its size, with
//! one exception: glibc since 2.36 refuses a library with a PT_DYNAMIC whose `p_filesz` is 0, which
//! musl accepts.

use object::elf::{PT_DYNAMIC, PT_LOAD, PT_PHDR};

use super::dynamic::Dynamic;
use super::header::{ElfHeader, Layout};
use super::memory::{Mapper, Memory};
use super::segment::Segments;
use crate::inspect::source::Source;

/// The loader's view of the file.
pub(super) struct Loaded<'a> {
    /// The memory of the mapped file.
    pub memory: Memory<'a>,
    /// The dynamic section. Empty if the loader finds none.
    pub dynamic: Dynamic,
    /// The address of the dynamic section.
    pub dynamic_at: Option<u64>,
    /// The program headers that the loader reads, if they differ from those in the file.
    pub headers: Option<Segments>,
    /// The difference that the loader wrongly adds to every address because PT_PHDR has another
    /// address.
    pub shift: u64,
}

impl<'a> Loaded<'a> {
    /// Returns the view of a program mapped by the kernel. `segments` is the table in the file.
    pub(super) fn program(source: &'a dyn Source, header: &ElfHeader, segments: &Segments) -> Self {
        let layout = header.layout;
        let memory = Memory::map(source, segments, layout.wide, Mapper::Kernel);
        let at = table_address(header, segments);
        // A loader that cannot read the table crashes. The facts are then taken from the file.
        let headers = in_memory(&memory, header, at).filter(|seen| seen != segments);
        let seen = headers.as_ref().unwrap_or(segments);
        let claimed = seen.of_kind(PT_PHDR).next_back();
        let shift = claimed.map_or(0, |phdr| memory.add(at, phdr.vaddr.wrapping_neg()));
        let dynamic_at = seen.of_kind(PT_DYNAMIC).next_back();
        let dynamic_at = dynamic_at.map(|segment| memory.add(segment.vaddr, shift));
        Self {
            dynamic: read(&memory, layout, dynamic_at, shift),
            dynamic_at,
            memory,
            headers,
            shift,
        }
    }

    /// Returns the view of a library mapped by the loader.
    pub(super) fn library(source: &'a dyn Source, layout: Layout, segments: &Segments) -> Self {
        let memory = Memory::map(source, segments, layout.wide, Mapper::Loader);
        let dynamic_at = segments.of_kind(PT_DYNAMIC).next_back();
        let dynamic_at = dynamic_at.map(|segment| segment.vaddr);
        Self {
            dynamic: read(&memory, layout, dynamic_at, 0),
            dynamic_at,
            memory,
            headers: None,
            shift: 0,
        }
    }
}

fn read(memory: &Memory<'_>, layout: Layout, at: Option<u64>, shift: u64) -> Dynamic {
    at.map_or_else(Dynamic::default, |at| {
        Dynamic::read(memory, layout, at, shift)
    })
}

/// Returns AT_PHDR without the load address of the file, or 0 if no PT_LOAD contains the table.
fn table_address(header: &ElfHeader, segments: &Segments) -> u64 {
    let holds = segments.of_kind(PT_LOAD).rev().find_map(|load| {
        let into = header.phoff.checked_sub(load.offset)?;
        (into < load.filesz).then(|| load.vaddr.wrapping_add(into))
    });
    holds.unwrap_or(0)
}

/// Reads the program headers in memory at an address.
fn in_memory(memory: &Memory<'_>, header: &ElfHeader, at: u64) -> Option<Segments> {
    let len = u64::from(header.phnum) * u64::from(header.phentsize);
    let bytes = memory.piece(at, len, 1 << 16).ok()?;
    Segments::parse(&bytes, header.layout).filter(|table| *table != Segments::default())
}
