//! Go's build information: what `go version -m` prints, read from the executable.
//!
//! The linker writes a header into the data segment that leads to two strings: the version of the
//! toolchain, and a text of modules and settings (Go source: `debug/buildinfo/buildinfo.go`). The
//! code is independent of the executable's format: it gets a [`Region`] to search and the mapping
//! from addresses to file offsets.

mod bare;
mod header;
pub(super) mod injected;
mod modinfo;
mod tables;
mod unquote;
mod variable;

pub(super) use self::variable::of_machine as variable;
use super::binary::GoBuild;
use super::source::Source;

/// A part of the file that is loaded at an address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    pub address: u64,
    pub offset: u64,
    pub len: u64,
}

/// A whole segment, used to resolve pointers.
pub(super) type Mapped = Region;

/// Reads the build information whose header is in `place`. Returns `None` if there is none.
pub(super) fn read(source: &dyn Source, place: Region, mapped: &[Mapped]) -> Option<GoBuild> {
    let strings = header::find(source, place, mapped)?;
    let mut build = modinfo::parse(&strings.modinfo);
    build.version = strings.version;
    Some(build)
}

/// Reads the available build information of a Go program without a header, from the file ranges
/// `(offset, end)` of its read-only data.
pub(super) fn read_bare(source: &dyn Source, read_only: &[(u64, u64)]) -> GoBuild {
    bare::find(source, read_only)
}

/// Whether the file ranges `(offset, end)` contain the tables of Go's runtime.
pub(super) fn has_tables(source: &dyn Source, places: &[(u64, u64)]) -> bool {
    tables::find(source, places)
}
