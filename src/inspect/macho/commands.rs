//! The load commands: records of a type and a length, one after the other.

use object::endian::Endianness;
use object::macho::{
    BuildVersionCommand, DylibCommand, DylinkerCommand, DysymtabCommand, LC_BUILD_VERSION,
    LC_DYSYMTAB, LC_ID_DYLIB, LC_LAZY_LOAD_DYLIB, LC_LOAD_DYLIB, LC_LOAD_DYLINKER,
    LC_LOAD_UPWARD_DYLIB, LC_LOAD_WEAK_DYLIB, LC_REEXPORT_DYLIB, LC_RPATH, LC_SEGMENT,
    LC_SEGMENT_64, LC_SYMTAB, LC_UUID, LC_VERSION_MIN_IPHONEOS, LC_VERSION_MIN_MACOSX,
    LC_VERSION_MIN_TVOS, LC_VERSION_MIN_WATCHOS, LoadCommand, RpathCommand, Section32, Section64,
    SegmentCommand32, SegmentCommand64, SymtabCommand, UuidCommand,
};
use object::pod::from_bytes;

use super::header::MachHeader;
use crate::inspect::go::{Mapped, Region};
use crate::inspect::read;
use crate::inspect::source::Source;

/// The maximum length of the commands in bytes. Those of a large program have some 10 KB.
const LEN_LIMIT: u64 = 1 << 20;

/// The maximum number of libraries, paths and sections that are listed.
const LIST_LIMIT: usize = 4096;

/// VM_PROT_WRITE.
const WRITE: u32 = 2;

/// The facts from the load commands.
#[derive(Debug, Default)]
pub(super) struct Commands {
    /// The operating system, as a GOOS name.
    pub platform: Option<&'static str>,
    pub needed: Vec<Vec<u8>>,
    pub rpath: Vec<Vec<u8>>,
    pub soname: Option<Vec<u8>>,
    pub interpreter: Option<Vec<u8>>,
    pub uuid: Option<String>,
    /// The offset and number of the symbols, and the offset and length of their names.
    pub symbols: Option<[u32; 4]>,
    /// The number of symbols that are neither imported nor exported.
    pub local_symbols: Option<u32>,
    /// The loaded segments.
    pub mapped: Vec<Mapped>,
    sections: Vec<([u8; 16], Region)>,
    writable: Vec<Region>,
}

impl Commands {
    /// Reads the commands up to the first invalid one.
    pub(super) fn read(source: &dyn Source, header: &MachHeader) -> Self {
        let mut commands = Self::default();
        let len = u64::from(header.commands_len).min(LEN_LIMIT);
        let bytes = read::prefix(source, header.len(), len, LEN_LIMIT).unwrap_or_default();
        let mut rest = &bytes[..];
        for _ in 0..header.commands {
            let Ok((command, _)) = from_bytes::<LoadCommand<Endianness>>(rest) else {
                break;
            };
            let len = usize::try_from(command.cmdsize.get(header.endian)).unwrap_or(usize::MAX);
            let Some((body, after)) = rest.split_at_checked(len).filter(|_| len >= 8) else {
                break;
            };
            commands.add(command.cmd.get(header.endian), body, header.endian);
            rest = after;
        }
        commands
    }

    fn add(&mut self, command: object::macho::LoadCommandType, body: &[u8], e: Endianness) {
        let string_at = |offset: u32| {
            let text = body.get(usize::try_from(offset).ok()?..)?;
            let end = memchr::memchr(0, text).unwrap_or(text.len());
            text.get(..end).map(<[u8]>::to_vec)
        };
        let dylib = || {
            let (command, _) = from_bytes::<DylibCommand<Endianness>>(body).ok()?;
            string_at(command.dylib.name.offset.get(e))
        };
        match command {
            LC_SEGMENT => {
                self.segment::<SegmentCommand32<Endianness>, Section32<Endianness>>(body, e);
            }
            LC_SEGMENT_64 => {
                self.segment::<SegmentCommand64<Endianness>, Section64<Endianness>>(body, e);
            }
            LC_LOAD_DYLIB | LC_LOAD_WEAK_DYLIB | LC_REEXPORT_DYLIB | LC_LOAD_UPWARD_DYLIB
            | LC_LAZY_LOAD_DYLIB
                if self.needed.len() < LIST_LIMIT =>
            {
                self.needed.extend(dylib());
            }
            LC_ID_DYLIB => self.soname = dylib(),
            LC_LOAD_DYLINKER => {
                let command = from_bytes::<DylinkerCommand<Endianness>>(body).ok();
                self.interpreter = command.and_then(|c| string_at(c.0.name.offset.get(e)));
            }
            LC_RPATH if self.rpath.len() < LIST_LIMIT => {
                let command = from_bytes::<RpathCommand<Endianness>>(body).ok();
                self.rpath
                    .extend(command.and_then(|c| string_at(c.0.path.offset.get(e))));
            }
            LC_UUID => {
                let command = from_bytes::<UuidCommand<Endianness>>(body).ok();
                self.uuid = command.map(|(c, _)| read::hex(&c.uuid));
            }
            LC_SYMTAB => {
                let command = from_bytes::<SymtabCommand<Endianness>>(body).ok();
                self.symbols = command.map(|(c, _)| {
                    [
                        c.symoff.get(e),
                        c.nsyms.get(e),
                        c.stroff.get(e),
                        c.strsize.get(e),
                    ]
                });
            }
            LC_DYSYMTAB => {
                let command = from_bytes::<DysymtabCommand<Endianness>>(body).ok();
                self.local_symbols = command.map(|(c, _)| c.nlocalsym.get(e));
            }
            // A library for macOS and Catalyst has two. The first is its primary platform.
            LC_BUILD_VERSION if self.platform.is_none() => {
                let command = from_bytes::<BuildVersionCommand<Endianness>>(body).ok();
                self.platform = command.and_then(|(c, _)| platform(c.platform.get(e).0));
            }
            LC_VERSION_MIN_MACOSX => drop(self.platform.get_or_insert("darwin")),
            LC_VERSION_MIN_IPHONEOS => drop(self.platform.get_or_insert("ios")),
            LC_VERSION_MIN_TVOS => drop(self.platform.get_or_insert("tvos")),
            LC_VERSION_MIN_WATCHOS => drop(self.platform.get_or_insert("watchos")),
            _ => {}
        }
    }

    fn segment<S, T>(&mut self, body: &[u8], e: Endianness)
    where
        S: object::read::macho::Segment<Endian = Endianness, Section = T>,
        T: object::read::macho::Section<Endian = Endianness>,
    {
        let Ok((segment, mut rest)) = from_bytes::<S>(body) else {
            return;
        };
        let region = Region {
            address: segment.vmaddr(e).into(),
            offset: segment.fileoff(e).into(),
            len: segment.filesize(e).into(),
        };
        if self.mapped.len() < LIST_LIMIT {
            self.mapped.push(region);
        }
        if segment.initprot(e).0 & WRITE != 0 {
            self.writable.push(region);
        }
        for _ in 0..segment.nsects(e) {
            let Ok((section, after)) = from_bytes::<T>(rest) else {
                break;
            };
            rest = after;
            if self.sections.len() >= LIST_LIMIT {
                break;
            }
            let region = Region {
                address: section.addr(e).into(),
                offset: section.offset(e).into(),
                len: section.size(e).into(),
            };
            self.sections.push((*section.sectname(), region));
        }
    }

    /// Returns the sections with this name, in any segment.
    pub(super) fn sections_named<'a>(
        &'a self,
        name: &'a [u8],
    ) -> impl Iterator<Item = Region> + 'a {
        let named = self.sections.iter().filter(move |(found, _)| {
            found
                .strip_prefix(name)
                .is_some_and(|rest| rest.iter().all(|&b| b == 0))
        });
        named.map(|(_, region)| *region)
    }

    /// Returns the writable segments.
    pub(super) fn data(&self) -> impl Iterator<Item = Region> + '_ {
        self.writable.iter().copied()
    }

    /// Returns the file ranges `(offset, end)` of everything that is loaded. Some writable data is
    /// read-only after start.
    pub(super) fn loaded(&self) -> Vec<(u64, u64)> {
        let ranges = self.mapped.iter();
        read::merged(
            ranges
                .map(|r| (r.offset, r.offset.saturating_add(r.len)))
                .collect(),
        )
    }
}

/// Maps a platform of LC_BUILD_VERSION to its GOOS name, or to Apple's name if Go has none. A
/// simulator counts as the system that it simulates. Catalyst and DriverKit are parts of macOS.
fn platform(number: u32) -> Option<&'static str> {
    Some(match number {
        1 | 6 | 10 => "darwin",
        2 | 7 => "ios",
        3 | 8 => "tvos",
        4 | 9 => "watchos",
        5 => "bridgeos",
        11 | 12 => "visionos",
        _ => return None,
    })
}
