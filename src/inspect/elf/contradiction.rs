//! Detects differences between what the kernel and the loader read from a file, and what other
//! tools read from it.
//!
//! Tools use section headers (`nm`, `patchelf`, Go's `debug/elf`), the offsets in program headers
//! (`readelf -d`, LIEF), or the first of two entries. If that gives other names than the loader
//! reads, the file is damaged or made to deceive: no linker writes such a file.

use object::elf::{
    DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRSZ, DT_STRTAB, Dyn32, Dyn64, DynamicTag,
    PT_DYNAMIC, PT_INTERP, SHT_DYNAMIC, SHT_NOBITS,
};
use object::endian::Endianness;

use super::dynamic::{self, Dynamic};
use super::header::Layout;
use super::loaded::Loaded;
use super::section::SectionTable;
use super::segment::Segments;
use crate::inspect::read;
use crate::inspect::runtime::Contradiction;
use crate::inspect::source::{Source, Window};

/// The maximum length of a name.
const NAME_LIMIT: u64 = 4096;

/// The maximum length of a path. A run path of nix lists every package.
const PATH_LIMIT: u64 = 1 << 20;

/// The maximum number of names that are compared and kept.
const NAMES_LIMIT: usize = 1024;

/// The parts of a file that are compared.
pub(super) struct Pieces<'a> {
    pub source: &'a dyn Source,
    pub layout: Layout,
    pub segments: &'a Segments,
    pub sections: Option<&'a SectionTable>,
    pub loaded: &'a Loaded<'a>,
    /// The path that the kernel reads from PT_INTERP.
    pub interpreter: Option<&'a [u8]>,
}

/// The contents of a dynamic section as a tool reads them.
#[derive(Default, PartialEq, Eq)]
struct Listing {
    needed: Vec<Vec<u8>>,
    soname: Option<Vec<u8>>,
    rpath: Option<Vec<u8>>,
    runpath: Option<Vec<u8>>,
}

impl Pieces<'_> {
    /// Returns all contradictions in the file.
    pub(super) fn find(&self) -> Vec<Contradiction> {
        [
            self.second_interp(),
            self.interp_section(),
            self.program_headers(),
            self.header_address(),
            self.second_dynamic(),
            self.dynamic_offset(),
            self.dynamic_section(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn second_interp(&self) -> Option<Contradiction> {
        let second = self.segments.of_kind(PT_INTERP).nth(1)?;
        let path = self.path(second.offset, second.filesz);
        Some(Contradiction::SecondInterp(path.unwrap_or_default()))
    }

    fn interp_section(&self) -> Option<Contradiction> {
        let section = self.sections?.named(b".interp")?;
        if section.kind == SHT_NOBITS {
            return None;
        }
        let path = self.path(section.offset, section.size)?;
        (self.interpreter != Some(&path)).then_some(Contradiction::InterpSection(path))
    }

    /// Reads a path in the file, up to its NUL.
    fn path(&self, offset: u64, len: u64) -> Option<Vec<u8>> {
        let mut path = read::prefix(self.source, offset, len, NAME_LIMIT)?;
        if let Some(nul) = memchr::memchr(0, &path) {
            path.truncate(nul);
        }
        Some(path)
    }

    fn program_headers(&self) -> Option<Contradiction> {
        self.loaded.headers.as_ref()?;
        let names = self.needed_at(self.segments.of_kind(PT_DYNAMIC).next_back()?.vaddr);
        Some(Contradiction::ProgramHeaders(names))
    }

    fn header_address(&self) -> Option<Contradiction> {
        if self.loaded.shift == 0 {
            return None;
        }
        let names = self.needed_at(self.segments.of_kind(PT_DYNAMIC).next_back()?.vaddr);
        Some(Contradiction::HeaderAddress(names))
    }

    fn second_dynamic(&self) -> Option<Contradiction> {
        let mut others = self.segments.of_kind(PT_DYNAMIC);
        let used = self.loaded.dynamic_at;
        let first = others.find(|segment| Some(segment.vaddr) != used)?;
        let several = self.segments.of_kind(PT_DYNAMIC).count() > 1;
        several.then(|| Contradiction::SecondDynamic(self.needed_at(first.vaddr)))
    }

    /// Returns the libraries listed by a dynamic section at this address.
    fn needed_at(&self, address: u64) -> Vec<Vec<u8>> {
        let mut needed = Dynamic::read(&self.loaded.memory, self.layout, address, 0).needed;
        needed.truncate(NAMES_LIMIT);
        needed
    }

    fn dynamic_offset(&self) -> Option<Contradiction> {
        let used = self.loaded.dynamic_at?;
        let mut all = self.segments.of_kind(PT_DYNAMIC);
        let segment = all.find(|segment| segment.vaddr == used)?;
        let listing = self.listing(segment.offset, segment.filesz, |strings, len| {
            // Reads the table as one piece, as `readelf` does. `patchelf` creates string tables
            // that continue in the next segment.
            let (offset, _) = self.segments.offset_of(strings?)?;
            Some((offset, offset.checked_add(len?)?))
        });
        let there = self.loaded.memory.in_file(used);
        let same_place = there.is_some_and(|(offset, _)| offset == segment.offset);
        let same = same_place && listing == self.of_loader();
        (!same).then_some(Contradiction::DynamicOffset(listing.needed))
    }

    fn dynamic_section(&self) -> Option<Contradiction> {
        let sections = self.sections?;
        let section = sections.of_kind(SHT_DYNAMIC).next()?;
        let strings = sections.at(section.link).filter(|s| s.kind != SHT_NOBITS);
        let listing = self.listing(section.offset, section.size, |_, _| {
            let strings = strings?;
            Some((strings.offset, strings.offset.checked_add(strings.size)?))
        });
        let same = listing == self.of_loader();
        (!same).then_some(Contradiction::DynamicSection(listing.needed))
    }

    /// Returns what the loader reads.
    fn of_loader(&self) -> Listing {
        let dynamic = &self.loaded.dynamic;
        let needed = dynamic.needed.iter().take(NAMES_LIMIT);
        Listing {
            needed: needed.cloned().collect(),
            soname: dynamic.soname.clone(),
            rpath: dynamic.rpath.clone(),
            runpath: dynamic.runpath.clone(),
        }
    }

    /// Reads the dynamic section at a file offset. `table` receives DT_STRTAB and DT_STRSZ, and
    /// returns the file range `(offset, end)` of the string table.
    fn listing(
        &self,
        offset: u64,
        len: u64,
        table: impl Fn(Option<u64>, Option<u64>) -> Option<(u64, u64)>,
    ) -> Listing {
        let window = Window::new(self.source, offset, len);
        let entries = if self.layout.wide {
            dynamic::entries::<Dyn64<Endianness>>(&window, 0, self.layout.endian)
        } else {
            dynamic::entries::<Dyn32<Endianness>>(&window, 0, self.layout.endian)
        };
        let last = |tag: DynamicTag| {
            let found = entries.iter().rfind(|entry| entry.0 == tag);
            found.map(|entry| entry.1)
        };
        let strings = table(last(DT_STRTAB), last(DT_STRSZ));
        let string = |index: u64, limit| {
            let (start, end) = strings?;
            read::c_string(self.source, start.checked_add(index)?, end, limit)
        };
        let needed = entries.iter().filter(|entry| entry.0 == DT_NEEDED);
        Listing {
            needed: needed
                .take(dynamic::NEEDED_LIMIT)
                .filter_map(|entry| string(entry.1, NAME_LIMIT))
                .take(NAMES_LIMIT)
                .collect(),
            soname: last(DT_SONAME).and_then(|index| string(index, NAME_LIMIT)),
            rpath: last(DT_RPATH).and_then(|index| string(index, PATH_LIMIT)),
            runpath: last(DT_RUNPATH).and_then(|index| string(index, PATH_LIMIT)),
        }
    }
}
