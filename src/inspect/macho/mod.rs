//! Mach-O: the executables of macOS and its relatives (Apple: `mach-o/loader.h`), and universal
//! binaries, which contain several of them.
//!
//! All facts are in the header and in the load commands after it. Unlike ELF, a file names its
//! operating system exactly. It is never linked statically, except for kernels and old Go programs.

mod commands;
mod header;
mod machine;
mod symbol;
mod universal;

use object::endian::Endianness;
use object::macho::{
    FileType, MH_ALLOW_STACK_EXECUTION, MH_BUNDLE, MH_CORE, MH_DSYM, MH_DYLIB, MH_DYLIB_STUB,
    MH_DYLINKER, MH_EXECUTE, MH_FVMLIB, MH_KEXT_BUNDLE, MH_OBJECT, MH_PIE,
};

use self::commands::Commands;
use self::header::MachHeader;
use super::binary::{
    Binary, BinaryKind, Endian, FactSource, Format, GoBuild, Libc, Linkage, Slice, Sourced,
};
use super::go;
use super::read;
use super::source::Source;

pub(super) use self::universal::{inspect as inspect_universal, is_universal};

/// Whether these are the first bytes of a Mach-O file.
pub(super) fn is_macho(head: &[u8]) -> bool {
    MachHeader::read(head).is_some()
}

/// Returns the platform of an object from its header and load commands.
pub(super) fn of_object(source: &dyn Source) -> Option<Slice> {
    let header = MachHeader::read(&read::prefix(source, 0, 32, 32)?)?;
    let commands = Commands::read(source, &header);
    Some(Slice {
        os: Some(os(&commands, None).value),
        arch: Some(machine::name(&header)),
        variants: Vec::new(),
    })
}

/// Decodes a Mach-O file, or one slice of a universal binary.
pub(super) fn inspect(source: &dyn Source) -> Option<Binary> {
    let header = MachHeader::read(&read::prefix(source, 0, 32, 32)?)?;
    let commands = Commands::read(source, &header);
    Some(facts(source, &header, commands))
}

fn facts(source: &dyn Source, header: &MachHeader, commands: Commands) -> Binary {
    let kind = kind(header.file_type);
    let runs = matches!(kind, BinaryKind::Executable | BinaryKind::SharedLibrary);
    let packed = read::prefix(source, 0, 4096, 4096).is_some_and(|head| read::has_upx_mark(&head));
    let go = (kind != BinaryKind::Core && !packed)
        .then(|| go_build(source, &commands))
        .flatten();
    let linkage = runs.then(|| linkage(&commands));
    let arch = machine::name(header);
    let claimed = go.as_ref().and_then(|go| go.variant(&arch));
    let variant = claimed.or_else(|| machine::variant(header));
    Binary {
        format: Format::MachO,
        kind,
        os: Some(os(&commands, go.as_ref())),
        arch: Some(Sourced {
            value: arch,
            source: FactSource::Header,
        }),
        variants: variant.into_iter().collect(),
        bits: Some(machine::bits(header)),
        endian: Some(match header.endian {
            Endianness::Little => Endian::Little,
            Endianness::Big => Endian::Big,
        }),
        linkage,
        libc: linkage.map(|linkage| {
            let system = |name: &Vec<u8>| name.starts_with(b"/usr/lib/libSystem.");
            if packed {
                Libc::Unknown
            } else if commands.needed.iter().any(system)
                || commands.soname.as_ref().is_some_and(system)
            {
                Libc::LibSystem
            } else if linkage != Linkage::Dynamic
                && (go.is_some() || kind == BinaryKind::SharedLibrary)
            {
                Libc::None
            } else {
                Libc::Unknown
            }
        }),
        interpreter: commands.interpreter.clone(),
        rpath: commands.rpath.clone(),
        soname: commands.soname.clone(),
        stripped: symbol::stripped(source, header, &commands).filter(|_| kind != BinaryKind::Core),
        pie: (kind == BinaryKind::Executable).then_some(header.flags.0 & MH_PIE.0 != 0),
        nx: (kind == BinaryKind::Executable)
            .then_some(header.flags.0 & MH_ALLOW_STACK_EXECUTION.0 == 0),
        canary: runs.then(|| symbol::canary(source, &commands)).flatten(),
        build_id: commands.uuid.clone(),
        needed: commands.needed,
        packed,
        go,
        ..Binary::default()
    }
}

fn kind(file_type: FileType) -> BinaryKind {
    match file_type {
        MH_EXECUTE => BinaryKind::Executable,
        MH_DYLIB | MH_BUNDLE | MH_DYLINKER | MH_DYLIB_STUB | MH_FVMLIB => BinaryKind::SharedLibrary,
        MH_KEXT_BUNDLE => BinaryKind::KernelModule,
        MH_CORE => BinaryKind::Core,
        // MH_DSYM contains only debug information, like an ELF debug file.
        MH_OBJECT | MH_DSYM => BinaryKind::Object,
        // MH_PRELOAD and MH_FILESET: firmware and kernels.
        _ => BinaryKind::Executable,
    }
}

fn linkage(commands: &Commands) -> Linkage {
    if !commands.needed.is_empty() {
        Linkage::Dynamic
    } else if commands.interpreter.is_some() {
        Linkage::InterpOnly
    } else {
        Linkage::Static
    }
}

/// Returns the operating system: from the build version or its predecessors, else from the claim in
/// Go's build information, else `darwin`, marked as assumed, because old linkers recorded neither.
fn os(commands: &Commands, go: Option<&GoBuild>) -> Sourced<String> {
    let claimed = go
        .and_then(|go| go.setting("GOOS"))
        .filter(|os| !os.is_empty());
    let (value, source) = match (commands.platform, claimed) {
        (Some(os), _) => (os, FactSource::Header),
        (None, Some(os)) => (os, FactSource::BuildInfo),
        (None, None) => ("darwin", FactSource::Assumed),
    };
    Sourced {
        value: value.to_owned(),
        source,
    }
}

/// Reads the build information from its own section or, if the section's name is lost, from the
/// data.
fn go_build(source: &dyn Source, commands: &Commands) -> Option<GoBuild> {
    let sections = commands.sections_named(b"__go_buildinfo");
    let places = sections.chain(commands.data());
    let mut build = places
        .take(4)
        .find_map(|place| go::read(source, place, &commands.mapped));
    if build.is_none() && commands.sections_named(b"__gopclntab").next().is_some() {
        build = Some(go::read_bare(source, &commands.loaded()));
    }
    if let Some(build) = &mut build {
        build.inject(|| symbol::injected(source, commands));
    }
    build
}
