//! Portable Executable: programs and libraries of Windows, EFI applications, and .NET, which stores
//! architecture-independent code in files of the same format (PE Format, learn.microsoft.com).
//!
//! The header names an architecture. The subsystem distinguishes Windows from EFI, and a CLR header
//! identifies .NET. The required libraries are in the import directory, and the linker's hardening
//! options in two bits.

mod clr;
mod directory;
mod image;
mod libc;
mod machine;
mod symbol;

use object::pe::{
    IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE, IMAGE_DLLCHARACTERISTICS_NX_COMPAT,
    IMAGE_DLLCHARACTERISTICS_WDM_DRIVER, IMAGE_FILE_DLL, IMAGE_SUBSYSTEM_EFI_APPLICATION,
    IMAGE_SUBSYSTEM_EFI_BOOT_SERVICE_DRIVER, IMAGE_SUBSYSTEM_EFI_ROM,
    IMAGE_SUBSYSTEM_EFI_RUNTIME_DRIVER,
};

use self::clr::Clr;
use self::image::Image;
use self::libc::of_dlls;
use super::binary::{
    Binary, BinaryKind, Endian, FactSource, Format, GoBuild, Libc, Linkage, Sourced,
};
use super::go;
use super::source::Source;

pub(super) use self::image::header_offset;
pub(super) use self::machine::of_object;

/// Decodes a PE file. Returns `None` if there is no PE header at the offset in the DOS stub.
pub(super) fn inspect(source: &dyn Source) -> Option<Binary> {
    let image = Image::read(source)?;
    Some(facts(source, &image))
}

fn facts(source: &dyn Source, image: &Image) -> Binary {
    let clr = Clr::read(source, image);
    let imports = directory::imports(source, image);
    let packed = image.is_packed();
    let go = (clr.is_none() && !packed)
        .then(|| go_build(source, image))
        .flatten();
    let (machine, native_os) = machine::split(image.machine);
    let arch = match clr {
        Some(clr) if clr.runs_anywhere(image) => "anycpu".into(),
        _ => machine::name(machine),
    };
    let kind = kind(image);
    let claimed = go.as_ref().and_then(|go| go.variant(&arch));
    let marked = || machine::variant(machine).map(|(key, value)| (key, value.to_owned()));
    let variant = claimed.or_else(marked);
    Binary {
        format: Format::Pe,
        kind,
        os: Some(os(image, clr, native_os)),
        arch: Some(Sourced {
            value: arch,
            source: FactSource::Header,
        }),
        variants: variant.into_iter().collect(),
        bits: image.wide().map(|wide| if wide { 64 } else { 32 }),
        endian: Some(Endian::Little),
        linkage: imports.as_ref().map(|names| match names.is_empty() {
            true => Linkage::Static,
            false => Linkage::Dynamic,
        }),
        libc: Some(match &imports {
            _ if packed => Libc::Unknown,
            _ if is_efi(image) || clr.is_some() => Libc::None,
            Some(names) => of_dlls(names, go.is_some()),
            None => Libc::Unknown,
        }),
        needed: imports.unwrap_or_default(),
        stripped: Some(image.symbols.is_none()),
        pie: image
            .dll_flag(IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE)
            .filter(|_| kind == BinaryKind::Executable),
        nx: image.dll_flag(IMAGE_DLLCHARACTERISTICS_NX_COMPAT),
        canary: directory::has_cookie(source, image).filter(|&yes| yes),
        build_id: directory::pdb_guid(source, image),
        packed,
        go,
        ..Binary::default()
    }
}

fn kind(image: &Image) -> BinaryKind {
    if image.flags.0 & IMAGE_FILE_DLL.0 != 0 {
        BinaryKind::SharedLibrary
    } else if image.dll_flag(IMAGE_DLLCHARACTERISTICS_WDM_DRIVER) == Some(true) {
        BinaryKind::KernelModule
    } else {
        BinaryKind::Executable
    }
}

/// Returns the operating system: Windows, unless the file is for EFI, or consists of IL and so runs
/// wherever there is a .NET runtime.
fn os(image: &Image, clr: Option<Clr>, native_os: &str) -> Sourced<String> {
    let unknown = is_efi(image) || clr.is_some_and(|clr| clr.is_il_only());
    let value = if unknown { "unknown" } else { native_os };
    Sourced {
        value: value.into(),
        source: FactSource::Header,
    }
}

fn is_efi(image: &Image) -> bool {
    image.optional.is_some_and(|optional| {
        matches!(
            optional.subsystem,
            IMAGE_SUBSYSTEM_EFI_APPLICATION
                | IMAGE_SUBSYSTEM_EFI_BOOT_SERVICE_DRIVER
                | IMAGE_SUBSYSTEM_EFI_RUNTIME_DRIVER
                | IMAGE_SUBSYSTEM_EFI_ROM
        )
    })
}

/// Returns Go's build information. It is in the data section, which Go itself takes to be the first
/// section that is initialized and writable. Otherwise the tables of Go's runtime are searched for
/// among the constants.
fn go_build(source: &dyn Source, image: &Image) -> Option<GoBuild> {
    let mapped = image.mapped();
    let build = image
        .writable()
        .find_map(|place| go::read(source, place, &mapped));
    let read_only = image.read_only();
    let mut build = build.or_else(|| {
        go::has_tables(source, &read_only).then(|| go::read_bare(source, &read_only))
    })?;
    build.inject(|| symbol::injected(source, image));
    Some(build)
}
