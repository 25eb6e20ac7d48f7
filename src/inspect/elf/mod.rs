//! ELF: reads each piece of a file by itself and puts the facts together.
//!
//! Two views of a file are kept apart. The program headers are what the kernel and the loader go by,
//! and all that can be told from them is. The section headers are for linkers and debuggers; they
//! may be missing or wrong in a file that runs, and only cost the facts that nothing else tells:
//! whether it is stripped, the kind of a module, the variant of ARM.

mod attributes;
mod dynamic;
mod exec;
mod golang;
mod hardening;
mod hash;
mod header;
mod machine;
mod note;
mod os;
mod riscv;
mod section;
mod segment;
mod shape;
mod symbol;
mod undefined;
mod variant;
mod version;

use object::elf::{ELFMAG, ET_CORE, PT_INTERP, PT_LOAD};
use object::endian::Endianness;

use self::dynamic::Dynamic;
use self::header::Header;
use self::note::Notes;
use self::section::Sections;
use self::segment::Segments;
use super::binary::{Binary, Endian, Format, Kind, Libc, Source as FactSource, Sourced, Undefined};
use super::libc;
use super::read;
use super::runtime::ExecError;
use super::source::Source;

/// Decodes an ELF file. `None` if its header makes no sense under any class and byte order.
pub(super) fn inspect(source: &dyn Source, head: &[u8]) -> Option<Binary> {
    let header = Header::read(head)?;
    Some(Elf::read(source, header).facts())
}

/// An ELF file's header and dynamic section. `None` if it has none.
fn linked(source: &dyn Source) -> Option<(Header, Dynamic)> {
    let len = source.len().min(super::HEAD_LEN as u64);
    let head = source.piece(0, len, super::HEAD_LEN as u64).ok()?;
    let header = head.starts_with(&ELFMAG).then(|| Header::read(&head))??;
    let segments = Segments::read(source, &header)?;
    let dynamic = Dynamic::read(source, header.layout, &segments);
    Some((header, dynamic))
}

/// The dynamic symbols that an ELF file wants from others.
pub(super) fn undefined(source: &dyn Source) -> Option<Vec<Undefined>> {
    let (header, dynamic) = linked(source)?;
    undefined::list(source, &header, &dynamic)
}

/// For each name, whether an ELF file exports it.
pub(super) fn exports(source: &dyn Source, names: &[&[u8]]) -> Option<Vec<bool>> {
    let (header, dynamic) = linked(source)?;
    let table = hash::Exports::new(source, &header, &dynamic)?;
    Some(names.iter().map(|name| table.has(name)).collect())
}

/// What the header of an object says: its machine, and its system if that has a field. `None` if it is
/// no ELF file.
pub(super) fn platform(head: &[u8]) -> Option<Binary> {
    let header = head.starts_with(&ELFMAG).then(|| Header::read(head))??;
    Some(Binary {
        os: Some(os::detect(&header, None, &Notes::default(), None)),
        arch: Some(Sourced {
            value: machine::name(&header),
            source: FactSource::Header,
        }),
        bits: Some(bits(&header)),
        endian: Some(endian(&header)),
        ..Binary::default()
    })
}

fn bits(header: &Header) -> u8 {
    if header.layout.wide { 64 } else { 32 }
}

fn endian(header: &Header) -> Endian {
    match header.layout.endian {
        Endianness::Little => Endian::Little,
        Endianness::Big => Endian::Big,
    }
}

/// The pieces of a file. `None` where there should be one and it cannot be read.
struct Elf<'a> {
    source: &'a dyn Source,
    header: Header,
    segments: Option<Segments>,
    sections: Option<Sections>,
    dynamic: Dynamic,
    interpreter: Option<Vec<u8>>,
    notes: Notes,
    debug_only: bool,
    exec_error: Option<ExecError>,
}

impl<'a> Elf<'a> {
    fn read(source: &'a dyn Source, header: Header) -> Self {
        let sections = Sections::read(source, &header);
        let debug_only = sections.as_ref().is_some_and(Sections::is_debug_file);
        // Where the program headers of a debug file point is not what they say.
        let segments = Segments::read(source, &header);
        let exec_error = exec::error(source, &header, segments.as_ref());
        let segments = segments.filter(|_| !debug_only);
        let layout = header.layout;
        // The notes of a core are about the process.
        let notes = if header.file_type == ET_CORE {
            Notes::default()
        } else {
            Notes::read(source, layout, segments.as_ref(), sections.as_ref())
        };
        let loaded = segments.as_ref();
        Self {
            source,
            header,
            dynamic: loaded.map_or_else(Dynamic::default, |s| Dynamic::read(source, layout, s)),
            interpreter: loaded.and_then(|s| s.interpreter(source)),
            notes,
            segments,
            sections,
            debug_only,
            exec_error,
        }
    }

    fn facts(self) -> Binary {
        let Self {
            source,
            header,
            segments,
            sections,
            dynamic,
            interpreter,
            notes,
            ..
        } = &self;
        let (segments, sections) = (segments.as_ref(), sections.as_ref());
        let (kind, linkage, pie) = shape::classify(header.file_type, self.signs());
        let golang = golang::Signs {
            source: *source,
            layout: header.layout,
            segments,
            sections,
            notes,
        };
        // In a core or a debug file there is nothing of it, or what is there is not its own.
        let packed = self.is_packed();
        let has_code = !self.debug_only && kind != Kind::Core && !packed;
        let go = has_code.then(|| golang.build()).flatten();
        let os = os::detect(header, interpreter.as_deref(), notes, go.as_ref());
        let arch = machine::name(header);
        let names = symbol::name_tables(dynamic, sections);
        let versions_needed = version::needed(*source, header.layout, dynamic);
        let libc_required = version::highest_glibc(&versions_needed);

        let runs = matches!(kind, Kind::Executable | Kind::SharedLibrary);
        let libc = runs.then(|| match linkage {
            // What the packed program is linked with shows only when it runs.
            _ if packed => Libc::Unknown,
            None => Libc::Unknown,
            Some(linkage) => libc::detect(&libc::Evidence {
                source: *source,
                kind,
                linkage,
                os: &os.value,
                interpreter: interpreter.as_deref(),
                needed: &dynamic.needed,
                soname: dynamic.soname.as_deref(),
                glibc_versions: libc_required.is_some(),
                os_note: notes.os,
                gnu_linux_note: notes.gnu_linux,
                toolchain: golang.toolchain(go.as_ref()),
                read_only: &segments.map(Segments::read_only).unwrap_or_default(),
            }),
        });

        Binary {
            format: Format::Elf,
            kind,
            variants: variant::detect(
                *source,
                header,
                &arch,
                segments,
                sections,
                notes,
                go.as_ref(),
            ),
            arch: Some(Sourced {
                value: arch,
                source: FactSource::Header,
            }),
            os: Some(os),
            bits: Some(bits(header)),
            endian: Some(endian(header)),
            linkage,
            libc,
            libc_required,
            interpreter_argument: None,
            needed: dynamic.needed.clone(),
            rpath: dynamic::split_path(dynamic.rpath.clone()),
            runpath: dynamic::split_path(dynamic.runpath.clone()),
            soname: dynamic.soname.clone(),
            versions_needed,
            versions_defined: version::defined(*source, header.layout, dynamic),
            stripped: sections
                .filter(|_| kind != Kind::Core)
                .map(|s| !s.has_symbols()),
            pie,
            relro: segments
                .filter(|_| runs)
                .map(|s| hardening::relro(s, dynamic.bind_now)),
            nx: segments.filter(|_| runs).map(hardening::nx),
            canary: runs.then(|| symbol::canary(*source, &names)).flatten(),
            // Both C libraries have such functions, no other has.
            fortify: (runs && matches!(libc, Some(Libc::Glibc | Libc::Bionic)))
                .then(|| symbol::fortify(*source, &names))
                .flatten(),
            build_id: notes.build_id.clone(),
            packed,
            go,
            bind_now: (runs && dynamic.any).then_some(dynamic.bind_now),
            no_default_lib: dynamic.no_default_lib,
            exec_error: self.exec_error,
            auxiliary: dynamic.auxiliary.clone(),
            filter: dynamic.filter.clone(),
            audit: dynamic.audit.clone(),
            interpreter: self.interpreter,
            ..Binary::default()
        }
    }

    /// UPX leaves no sections, and its mark after the program headers.
    fn is_packed(&self) -> bool {
        let count = u64::from(self.header.phnum);
        let end = count.saturating_mul(self.header.phentsize.into());
        let end = self.header.phoff.saturating_add(end);
        self.header.shnum == 0
            && read::prefix(self.source, end, 64, 64).is_some_and(|b| read::has_upx_mark(&b))
    }

    fn signs(&self) -> shape::Signs {
        let has = |kind| {
            self.segments
                .as_ref()
                .is_some_and(|s| s.first(kind).is_some())
        };
        let sections = self.sections.as_ref();
        let (interp, pie) = (has(PT_INTERP), self.dynamic.pie);
        let (needed, soname) = (self.dynamic.needs, self.dynamic.soname.is_some());
        shape::Signs {
            loads: has(PT_LOAD),
            interp,
            pie,
            needed,
            soname,
            entry: self.header.entry != 0,
            of_library: self.dynamic.of_library,
            // Only looked for where nothing else tells.
            exports: !interp
                && !pie
                && !needed
                && !soname
                && symbol::exports(self.source, self.header.layout, &self.dynamic, sections),
            modinfo: sections.is_some_and(|s| s.named(b".modinfo").is_some()),
            debug_only: self.debug_only,
        }
    }
}
