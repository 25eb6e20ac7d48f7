//! Archives of objects (`ar`): C objects for a linker, and Go packages.
//!
//! The platforms of an archive are those of its members. They are determined from a few bytes of
//! each member, so that a library with thousands of them is cheap to decode. Only the Go object in
//! an archive for C (`-buildmode=c-archive`) is decoded in full, because its build information is
//! that of the archive.

mod golang;
mod members;

use self::members::{Member, Members};
use super::binary::{Binary, BinaryKind, Endian, FactSource, Format, Slice, Sourced};
use super::source::{Source, Window};
use super::{elf, macho, pe, read, wasm};

pub(super) use self::golang::MAGIC as GO_OBJECT;
pub(super) use self::members::{MAGIC, THIN_MAGIC};

/// The name of the object that contains all Go code (`cmd/link/internal/ld/ar.go`, `hostArchive`).
const GO_MEMBER: &[u8] = b"go.o";

/// The first member of a package written by Go's compiler.
const PACKAGE: &[u8] = b"__.PKGDEF";

/// The first member of a Debian package, which is an archive of archives and contains no objects.
const DEBIAN: &[u8] = b"debian-binary";

/// The platform of one member.
struct Object {
    slice: Slice,
    os_source: FactSource,
    bits: Option<u8>,
    endian: Option<Endian>,
}

/// Decodes an archive. Returns `None` if it does not contain objects.
pub(super) fn inspect(source: &dyn Source, head: &[u8]) -> Option<Binary> {
    if head.starts_with(GO_OBJECT) {
        return golang::inspect(source);
    }
    let thin = head.starts_with(THIN_MAGIC);
    let mut objects: Vec<Object> = Vec::new();
    let mut go = None;
    for (index, member) in Members::new(source).enumerate() {
        if index == 0 && member.name == PACKAGE {
            return golang::inspect(&member.content(source));
        }
        if index == 0 && member.name == DEBIAN {
            return None;
        }
        if thin {
            continue;
        }
        let window = member.content(source);
        let found = if go.is_none() && member.name == GO_MEMBER {
            let decoded = of_go(&window);
            go = decoded.as_ref().and_then(|binary| binary.go.clone());
            decoded.and_then(object_of)
        } else {
            object(&window, &member)
        };
        objects.extend(found.filter(|new| !objects.iter().any(|old| old.slice == new.slice)));
    }
    // Only the Go object has a known GOOS, from the build information. The others only assume
    // theirs.
    if go.is_some() {
        objects.retain(|object| object.os_source != FactSource::Assumed);
    }
    Some(binary(objects, go))
}

fn binary(objects: Vec<Object>, go: Option<super::binary::GoBuild>) -> Binary {
    let first = objects.first();
    let several = objects.len() > 1;
    let (bits, endian) = (first.and_then(|o| o.bits), first.and_then(|o| o.endian));
    let agree = objects.iter().all(|o| o.bits == bits && o.endian == endian);
    Binary {
        format: Format::Ar,
        kind: BinaryKind::Archive,
        os: first.and_then(|o| {
            let value = o.slice.os.clone()?;
            let source = o.os_source;
            Some(Sourced { value, source })
        }),
        arch: first.and_then(|o| {
            let value = o.slice.arch.clone()?;
            let source = FactSource::Header;
            Some(Sourced { value, source })
        }),
        variants: first.map_or_else(Vec::new, |o| o.slice.variants.clone()),
        bits: bits.filter(|_| agree),
        endian: endian.filter(|_| agree),
        slices: match several {
            true => objects.into_iter().map(|o| o.slice).collect(),
            false => Vec::new(),
        },
        go,
        ..Binary::default()
    }
}

/// Decodes the Go object, in any format.
fn of_go(window: &Window<'_>) -> Option<Binary> {
    let head = read::prefix(window, 0, 64, 64)?;
    elf::inspect(window, &head).or_else(|| macho::inspect(window))
}

fn object_of(binary: Binary) -> Option<Object> {
    let (os, arch) = (binary.os?, binary.arch?);
    Some(Object {
        slice: Slice {
            os: Some(os.value),
            arch: Some(arch.value),
            variants: binary.variants,
        },
        os_source: os.source,
        bits: binary.bits,
        endian: binary.endian,
    })
}

/// Returns the platform of a member from its first bytes. `None` if it is not an object.
fn object(window: &Window<'_>, member: &Member) -> Option<Object> {
    let head = read::prefix(window, 0, 64, 64)?;
    if let Some(binary) = elf::platform(&head) {
        return object_of(binary);
    }
    if macho::is_macho(&head) {
        let slice = macho::of_object(window)?;
        return Some(Object {
            slice,
            os_source: FactSource::Header,
            bits: None,
            endian: None,
        });
    }
    if wasm::is_wasm(&head) {
        return object_of(wasm::inspect(window)?);
    }
    // The tables of the archive have no architecture.
    if member.name.starts_with(b"/") {
        return None;
    }
    pe::of_object(&head).map(|arch| Object {
        slice: Slice {
            os: Some("windows".into()),
            arch: Some(arch.to_owned()),
            variants: Vec::new(),
        },
        os_source: FactSource::Header,
        // A COFF header has no field for it. It follows from the architecture.
        bits: match arch {
            "386" | "arm" => Some(32),
            "amd64" | "arm64" | "arm64ec" | "ia64" => Some(64),
            _ => None,
        },
        endian: Some(Endian::Little),
    })
}
