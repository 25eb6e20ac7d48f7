//! Go's build information: what `go version -m` prints, read out of the executable.
//!
//! The linker leaves a header in the data segment that leads to two strings, the version of the
//! toolchain and a text of modules and settings (Go source: `debug/buildinfo/buildinfo.go`). The
//! format of the executable does not matter here; it is described by a [`Region`] to look in and by
//! how addresses map to the file.

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

/// The same, of a whole segment: for following pointers.
pub(super) type Mapped = Region;

/// Reads the build information whose header is in `place`. `None` if there is none.
pub(super) fn read(source: &dyn Source, place: Region, mapped: &[Mapped]) -> Option<GoBuild> {
    let strings = header::find(source, place, mapped)?;
    let mut build = modinfo::parse(&strings.modinfo);
    build.version = strings.version;
    Some(build)
}

/// Reads what there is of it in a Go program that has no header, from its read-only data, which is
/// given as `(offset, end)`.
pub(super) fn read_bare(source: &dyn Source, read_only: &[(u64, u64)]) -> GoBuild {
    bare::find(source, read_only)
}

/// Whether the parts of the file that are given as `(offset, end)` have the tables of Go's runtime.
pub(super) fn has_tables(source: &dyn Source, places: &[(u64, u64)]) -> bool {
    tables::find(source, places)
}
