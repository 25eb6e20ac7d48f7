//! Go in an ELF file: where its build information is, and whether C had a hand in it.

use object::elf::{Sym32, Sym64};
use object::endian::Endianness;

use super::header::Layout;
use super::note::Notes;
use super::section::Sections;
use super::segment::Segments;
use crate::inspect::binary::GoBuild;
use crate::inspect::go::{self, Mapped, Region, injected::Names};
use crate::inspect::libc::Toolchain;
use crate::inspect::source::Source;

/// The pieces of the file that tell.
pub(super) struct Signs<'a> {
    pub source: &'a dyn Source,
    pub layout: Layout,
    pub segments: Option<&'a Segments>,
    pub sections: Option<&'a Sections>,
    pub notes: &'a Notes,
}

impl Signs<'_> {
    /// The build information. Its header is in a section of its own; in a file whose section headers
    /// are gone, it is in the first segment of data.
    pub fn build(&self) -> Option<GoBuild> {
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

    /// What there is in a program without build information. What has no section headers is asked for
    /// the tables of Go's runtime themselves.
    fn bare(&self) -> Option<GoBuild> {
        let segments = self.segments?;
        let nameless = || self.sections.is_none_or(|s| s.named(b".text").is_none());
        let is_go =
            self.has_go_tables() || (nameless() && go::has_tables(self.source, &segments.loaded()));
        is_go.then(|| go::read_bare(self.source, &segments.loaded()))
    }

    /// The variables that were given a value at link time.
    fn injected(&self, mapped: &[Mapped]) -> Vec<(String, String)> {
        let Some((symbols, names)) = self.sections.and_then(Sections::symbols) else {
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

    /// What made the file, as far as it matters to its C library.
    pub fn toolchain(&self, build: Option<&GoBuild>) -> Toolchain {
        if build.is_none() && !self.has_go_tables() {
            return Toolchain::C;
        }
        // What a C compiler's start files bring along, and Go's own linker does not write.
        let of_c = [&b".comment"[..], b".eh_frame", b".init_array"];
        if of_c.into_iter().any(|name| self.has_section(name)) {
            return Toolchain::GoLinkedByC;
        }
        // Without section headers there is no such sign, and the strings of a libc have to tell.
        let cgo = build.and_then(|build| build.setting("CGO_ENABLED"));
        if self.has_section(b".text") || cgo == Some("0") {
            Toolchain::Go
        } else {
            Toolchain::GoWithCgo
        }
    }

    /// Whether it has what no linker but Go's writes, with build information or without.
    fn has_go_tables(&self) -> bool {
        self.notes.go || self.has_section(b".gopclntab")
    }

    fn has_section(&self, name: &[u8]) -> bool {
        self.sections.is_some_and(|s| s.named(name).is_some())
    }
}
