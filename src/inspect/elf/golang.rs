//! Go in an ELF file: the location of its build information, and whether it was linked by a C
//! toolchain.

use object::elf::{Sym32, Sym64};
use object::endian::Endianness;

use super::header::Layout;
use super::note::Notes;
use super::section::SectionTable;
use super::segment::Segments;
use crate::inspect::binary::GoBuild;
use crate::inspect::go::{self, Mapped, Region, injected::Names};
use crate::inspect::libc::Toolchain;
use crate::inspect::source::Source;

/// The parts of the file that are examined.
pub(super) struct GoSigns<'a> {
    pub source: &'a dyn Source,
    pub layout: Layout,
    pub segments: Option<&'a Segments>,
    pub sections: Option<&'a SectionTable>,
    pub notes: &'a Notes,
}

impl GoSigns<'_> {
    /// Returns the build information. Its header is in a section of its own. If the file has no
    /// section headers, it is in the first data segment.
    pub(super) fn build(&self) -> Option<GoBuild> {
        let section = self.sections.and_then(|s| s.named(b".go.buildinfo"));
        let section = section.map(|s| Region {
            address: s.addr,
            offset: s.offset,
            len: s.size,
        });
        let segment = self.segments.and_then(Segments::data);
        let segment = segment.map(|s| Region {
            address: s.vaddr,
            offset: s.offset,
            len: s.filesz,
        });
        let mapped = self.segments.map(Segments::mapped).unwrap_or_default();
        let mut places = section.into_iter().chain(segment);
        let build = places.find_map(|place| go::read(self.source, place, &mapped));
        let mut build = build.or_else(|| self.bare())?;
        build.inject(|| self.injected(&mapped));
        Some(build)
    }

    /// Returns the facts of a Go program without build information. If the file has no section
    /// headers, it is searched for the tables of Go's runtime.
    fn bare(&self) -> Option<GoBuild> {
        let segments = self.segments?;
        let nameless = || self.sections.is_none_or(|s| s.named(b".text").is_none());
        let is_go =
            self.has_go_tables() || (nameless() && go::has_tables(self.source, &segments.loaded()));
        is_go.then(|| go::read_bare(self.source, &segments.loaded()))
    }

    /// Returns the variables that were set at link time.
    fn injected(&self, mapped: &[Mapped]) -> Vec<(String, String)> {
        let Some((symbols, names)) = self.sections.and_then(SectionTable::symbols) else {
            return Vec::new();
        };
        let names = Names::find(self.source, names.offset, names.size);
        let table = (symbols.offset, symbols.size);
        let endian = self.layout.endian;
        if self.layout.wide {
            names.values(self.source, table, mapped, |s: &Sym64<Endianness>| {
                (s.st_name.get(endian).into(), s.st_value.get(endian))
            })
        } else {
            names.values(self.source, table, mapped, |s: &Sym32<Endianness>| {
                (s.st_name.get(endian).into(), s.st_value.get(endian).into())
            })
        }
    }

    /// Returns the toolchain, as far as it affects the choice of the C library.
    pub(super) fn toolchain(&self, build: Option<&GoBuild>) -> Toolchain {
        if build.is_none() && !self.has_go_tables() {
            return Toolchain::C;
        }
        // Sections that come from the start files of a C compiler and that Go's own linker does not
        // write.
        let of_c = [&b".comment"[..], b".eh_frame", b".init_array"];
        if of_c.into_iter().any(|name| self.has_section(name)) {
            return Toolchain::GoLinkedByC;
        }
        // Without section headers this evidence is missing, and strings of a libc have to decide.
        let cgo = build.and_then(|build| build.setting("CGO_ENABLED"));
        if self.has_section(b".text") || cgo == Some("0") {
            Toolchain::Go
        } else {
            Toolchain::GoWithCgo
        }
    }

    /// Whether the file contains data that only Go's linker writes, with or without build
    /// information.
    fn has_go_tables(&self) -> bool {
        self.notes.go || self.has_section(b".gopclntab")
    }

    fn has_section(&self, name: &[u8]) -> bool {
        self.sections.is_some_and(|s| s.named(name).is_some())
    }
}
