//! ELF: reads each part of a file separately and combines the facts.
//!
//! Two views of a file are kept apart. The program headers are used by the kernel and the loader,
//! and everything that can be derived from them is. The section headers are for linkers and
//! debuggers. They may be missing or wrong in a file that runs, so they are only used for facts
//! with no other source: whether the file is stripped, the kind of a module, the variant of ARM.

mod attributes;
mod contradiction;
mod dynamic;
mod dynsym;
mod exec;
mod golang;
mod hardening;
mod header;
mod length;
mod loaded;
mod machine;
mod memory;
mod note;
mod os;
mod relocation;
mod riscv;
mod section;
mod segment;
mod shape;
mod symbol;
mod variant;
mod version;

use object::elf::{ELFMAG, ET_CORE, PT_INTERP, PT_LOAD};
use object::endian::Endianness;

use self::header::ElfHeader;
use self::loaded::Loaded;
use self::note::Notes;
use self::section::SectionTable;
use self::segment::Segments;
use super::binary::{
    Binary, BinaryKind, Endian, FactSource, Format, Libc, Linkage, Sourced, Symbols,
};
use super::libc;
use super::read;
use super::runtime::{Contradiction, ExecError};
use super::source::Source;

/// Decodes an ELF file. Returns `None` if its header is invalid for every class and byte order.
pub(super) fn inspect(source: &dyn Source, head: &[u8]) -> Option<Binary> {
    let header = ElfHeader::read(head)?;
    Some(Elf::read(source, header).facts())
}

/// Returns a file's ELF header and the loader's view of the file. `None` if it is not an ELF file.
fn loaded(source: &dyn Source) -> Option<(ElfHeader, Loaded<'_>)> {
    let len = source.len().min(super::HEAD_LEN as u64);
    let head = source.piece(0, len, super::HEAD_LEN as u64).ok()?;
    let header = head
        .starts_with(&ELFMAG)
        .then(|| ElfHeader::read(&head))??;
    let elf = Elf::read(source, header);
    Some((header, elf.loaded))
}

/// Returns the dynamic symbols of an ELF file.
pub(super) fn symbols(source: &dyn Source) -> Option<Symbols> {
    let (header, loaded) = loaded(source)?;
    dynsym::symbols(source, &loaded.memory, &header, &loaded.dynamic)
}

/// Returns the facts in the header of an object: its architecture, and its operating system if a
/// field contains it. `None` if it is not an ELF file.
pub(super) fn platform(head: &[u8]) -> Option<Binary> {
    let header = head.starts_with(&ELFMAG).then(|| ElfHeader::read(head))??;
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

fn bits(header: &ElfHeader) -> u8 {
    if header.layout.wide { 64 } else { 32 }
}

fn endian(header: &ElfHeader) -> Endian {
    match header.layout.endian {
        Endianness::Little => Endian::Little,
        Endianness::Big => Endian::Big,
    }
}

/// The parts of a file. `None` if a part exists but cannot be read.
struct Elf<'a> {
    source: &'a dyn Source,
    header: ElfHeader,
    segments: Option<Segments>,
    sections: Option<SectionTable>,
    loaded: Loaded<'a>,
    interpreter: Option<Vec<u8>>,
    notes: Notes,
    debug_only: bool,
    exec_error: Option<ExecError>,
    cut_short: Option<u64>,
}

impl<'a> Elf<'a> {
    fn read(source: &'a dyn Source, header: ElfHeader) -> Self {
        let sections = SectionTable::read(source, &header);
        let debug_only = sections.as_ref().is_some_and(SectionTable::is_debug_file);
        // The program headers of a debug file refer to bytes that were removed.
        let segments = Segments::read(source, &header);
        let exec_error = exec::error(source, &header, segments.as_ref());
        let cut_short = length::cut_short(source, &header, segments.as_ref(), sections.as_ref());
        let segments = segments.filter(|_| !debug_only);
        let layout = header.layout;
        // The notes of a core dump describe the process.
        let notes = if header.file_type == ET_CORE {
            Notes::default()
        } else {
            Notes::read(source, layout, segments.as_ref(), sections.as_ref())
        };
        let interpreter = segments.as_ref().and_then(|s| s.interpreter(source));
        let none = Segments::default();
        let library = |s: &Segments| Loaded::library(source, header.layout, s);
        let program = segments.as_ref().filter(|s| s.first(PT_INTERP).is_some());
        let mut elf = Self {
            source,
            header,
            loaded: match program {
                Some(segments) => Loaded::program(source, &header, segments),
                None => library(segments.as_ref().unwrap_or(&none)),
            },
            interpreter,
            notes,
            segments,
            sections,
            debug_only,
            exec_error,
            cut_short,
        };
        // A library may have PT_INTERP, as libc.so.6 does, which prints its version when it is
        // started.
        if let Some(segments) = &elf.segments
            && elf.interpreter.is_some()
            && elf.shape().0 == BinaryKind::SharedLibrary
        {
            elf.loaded = library(segments);
        }
        elf
    }

    fn shape(&self) -> (BinaryKind, Option<Linkage>, Option<bool>) {
        shape::classify(self.header.file_type, self.signs())
    }

    fn facts(self) -> Binary {
        let Self {
            source,
            header,
            segments,
            sections,
            loaded,
            interpreter,
            notes,
            ..
        } = &self;
        let (dynamic, memory) = (&loaded.dynamic, &loaded.memory);
        let (segments, sections) = (segments.as_ref(), sections.as_ref());
        let (kind, linkage, pie) = self.shape();
        let golang = golang::GoSigns {
            source: *source,
            layout: header.layout,
            segments,
            sections,
            notes,
        };
        // A core dump or a debug file has no Go data, or that of another file.
        let packed = self.is_packed();
        let has_code = !self.debug_only && kind != BinaryKind::Core && !packed;
        let go = has_code.then(|| golang.build()).flatten();
        let os = os::detect(header, interpreter.as_deref(), notes, go.as_ref());
        let arch = machine::name(header);
        let names = symbol::name_tables(dynamic.strings_in_file(memory), sections);
        let versions_needed = version::needed(memory, header.layout, dynamic);
        let libc_required = version::highest_glibc(&versions_needed);

        let runs = matches!(kind, BinaryKind::Executable | BinaryKind::SharedLibrary);
        let libc = runs.then(|| match linkage {
            // The linkage of the packed program is visible only at run time.
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
            versions_defined: version::defined(memory, header.layout, dynamic),
            stripped: sections
                .filter(|_| kind != BinaryKind::Core)
                .map(|s| !s.has_symbols()),
            pie,
            relro: segments
                .filter(|_| runs)
                .map(|s| hardening::relro(s, dynamic.bind_now)),
            nx: segments.filter(|_| runs).map(hardening::nx),
            canary: runs.then(|| symbol::canary(*source, &names)).flatten(),
            // Only these two C libraries have such functions.
            fortify: (runs && matches!(libc, Some(Libc::Glibc | Libc::Bionic)))
                .then(|| symbol::fortify(*source, &names))
                .flatten(),
            build_id: notes.build_id.clone(),
            packed,
            go,
            bind_now: (runs && dynamic.any).then_some(dynamic.bind_now),
            no_default_lib: dynamic.no_default_lib,
            exec_error: self.exec_error,
            contradictions: segments
                .filter(|_| runs && linkage.is_some())
                .map(|segments| self.contradictions(segments))
                .unwrap_or_default(),
            cut_short: self.cut_short,
            auxiliary: dynamic.auxiliary.clone(),
            filter: dynamic.filter.clone(),
            audit: dynamic.audit.clone(),
            interpreter: self.interpreter,
            ..Binary::default()
        }
    }

    fn contradictions(&self, segments: &Segments) -> Vec<Contradiction> {
        let pieces = contradiction::Pieces {
            source: self.source,
            layout: self.header.layout,
            segments,
            sections: self.sections.as_ref(),
            loaded: &self.loaded,
            interpreter: self.interpreter.as_deref(),
        };
        pieces.find()
    }

    /// UPX removes the section headers and puts its mark after the program headers.
    fn is_packed(&self) -> bool {
        let count = u64::from(self.header.phnum);
        let end = count.saturating_mul(self.header.phentsize.into());
        let end = self.header.phoff.saturating_add(end);
        self.header.shnum == 0
            && read::prefix(self.source, end, 64, 64).is_some_and(|b| read::has_upx_mark(&b))
    }

    fn signs(&self) -> shape::ShapeSigns {
        let has = |kind| {
            self.segments
                .as_ref()
                .is_some_and(|s| s.first(kind).is_some())
        };
        let sections = self.sections.as_ref();
        let (interp, pie) = (has(PT_INTERP), self.loaded.dynamic.pie);
        let (needed, soname) = (
            self.loaded.dynamic.needs,
            self.loaded.dynamic.soname.is_some(),
        );
        shape::ShapeSigns {
            loads: has(PT_LOAD),
            interp,
            pie,
            needed,
            soname,
            entry: self.header.entry != 0,
            of_library: self.loaded.dynamic.of_library,
            // Evaluated only if none of the other evidence decides.
            exports: !interp
                && !pie
                && !needed
                && !soname
                && symbol::exports(
                    &self.loaded.memory,
                    self.header.layout,
                    &self.loaded.dynamic,
                    sections,
                ),
            modinfo: sections.is_some_and(|s| s.named(b".modinfo").is_some()),
            debug_only: self.debug_only,
        }
    }
}
