//! Notes: small records with an owner, a type and bytes, which operating systems use to mark their
//! executables.
//!
//! A type is only meaningful together with its owner (type 4 is Go's build id, gold's version, and
//! FreeBSD's feature flags), so both are always matched.

use object::elf::{
    ELF_NOTE_GNU, ELF_NOTE_GO, ELF_NOTE_OS_FREEBSD, ELF_NOTE_OS_GNU, ELF_NOTE_OS_LINUX,
    ELF_NOTE_OS_SOLARIS2, FileHeader32, FileHeader64, GNU_PROPERTY_X86_ISA_1_NEEDED,
    NT_GNU_ABI_TAG, NT_GNU_BUILD_ID, PT_NOTE, SHT_NOTE,
};
use object::endian::Endianness;
use object::read::elf::{FileHeader, Note, NoteIterator};

use super::header::Layout;
use super::section::SectionTable;
use super::segment::Segments;
use crate::inspect::read;
use crate::inspect::source::Source;

/// The maximum number of bytes read per segment or section. The notes of an executable take a few
/// hundred.
const BYTES_LIMIT: u64 = 64 << 10;

/// The maximum number of note segments or sections, and of notes in each.
const COUNT_LIMIT: usize = 256;

/// NT_GO_BUILD_ID (`cmd/link/internal/ld/elf.go`, `ELF_NOTE_GOBUILDID_TAG`).
const NT_GO_BUILD_ID: u32 = 4;

/// The facts from the notes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// Operating system as a GOOS name, from the ABI tag of GNU, FreeBSD, NetBSD, OpenBSD,
    /// DragonFly or Android.
    pub os: Option<&'static str>,
    /// Whether the GNU ABI tag says Linux. It comes from the start files of glibc
    /// (`csu/abi-note.c`).
    pub gnu_linux: bool,
    /// NT_GNU_BUILD_ID, in hex.
    pub build_id: Option<String>,
    /// GNU_PROPERTY_X86_ISA_1_NEEDED: bit 0 is the baseline, 1 to 3 are v2 to v4.
    pub x86_isa_needed: Option<u32>,
    /// Whether Go's linker wrote the file.
    pub go: bool,
}

impl Notes {
    /// Reads the notes in PT_NOTE and, if they contain no build id, those that only the section
    /// headers refer to: Go 1.24 and later write a GNU build id, but PT_NOTE covers only Go's own
    /// note.
    pub(super) fn read(
        source: &dyn Source,
        layout: Layout,
        segments: Option<&Segments>,
        sections: Option<&SectionTable>,
    ) -> Self {
        let mut notes = Self::default();
        let segments = segments
            .into_iter()
            .flat_map(|segments| segments.of_kind(PT_NOTE));
        for segment in segments.take(COUNT_LIMIT) {
            notes.add(
                source,
                layout,
                segment.offset,
                segment.filesz,
                segment.align,
            );
        }
        if notes.build_id.is_none() {
            let sections = sections
                .into_iter()
                .flat_map(|sections| sections.of_kind(SHT_NOTE));
            for section in sections.take(COUNT_LIMIT) {
                notes.add(source, layout, section.offset, section.size, section.align);
            }
        }
        notes
    }

    fn add(&mut self, source: &dyn Source, layout: Layout, offset: u64, len: u64, align: u64) {
        if let Some(bytes) = read::prefix(source, offset, len, BYTES_LIMIT) {
            if layout.wide {
                self.decode::<FileHeader64<Endianness>>(&bytes, layout.endian, align);
            } else {
                self.decode::<FileHeader32<Endianness>>(&bytes, layout.endian, align);
            }
        }
    }

    fn decode<E>(&mut self, bytes: &[u8], endian: Endianness, align: u64)
    where
        E: FileHeader<Endian = Endianness>,
        E::Word: From<u32>,
    {
        // Notes are aligned to 4 bytes, or to 8 (`.note.gnu.property`). Some linkers write other
        // values such as 1 or 2, which binutils treats as 4.
        let align = if align == 8 { 8u32 } else { 4 };
        let Ok(notes) = NoteIterator::<E>::new(endian, align.into(), bytes) else {
            return;
        };
        for note in notes.take(COUNT_LIMIT).map_while(Result::ok) {
            self.note(&note, endian);
        }
    }

    fn note<E: FileHeader<Endian = Endianness>>(&mut self, note: &Note<'_, E>, endian: Endianness) {
        let kind = note.n_type(endian);
        match note.name() {
            ELF_NOTE_GNU if kind == NT_GNU_ABI_TAG => {
                let os = note.desc().first_chunk().map(|word| match endian {
                    Endianness::Little => u32::from_le_bytes(*word),
                    Endianness::Big => u32::from_be_bytes(*word),
                });
                self.gnu_linux |= os == Some(ELF_NOTE_OS_LINUX);
                self.set_os(match os {
                    Some(ELF_NOTE_OS_LINUX) => "linux",
                    Some(ELF_NOTE_OS_GNU) => "hurd",
                    Some(ELF_NOTE_OS_SOLARIS2) => "solaris",
                    Some(ELF_NOTE_OS_FREEBSD) => "kfreebsd",
                    _ => return,
                });
            }
            ELF_NOTE_GNU if kind == NT_GNU_BUILD_ID && !note.desc().is_empty() => {
                self.build_id.get_or_insert_with(|| read::hex(note.desc()));
            }
            ELF_NOTE_GNU => {
                for property in note
                    .gnu_properties(endian)
                    .into_iter()
                    .flatten()
                    .map_while(Result::ok)
                {
                    if property.pr_type().0 == GNU_PROPERTY_X86_ISA_1_NEEDED.0 {
                        self.x86_isa_needed = property.data_u32(endian).ok();
                    }
                }
            }
            ELF_NOTE_GO if kind.0 == NT_GO_BUILD_ID => self.go = true,
            // For each of these owners the ABI tag is type 1: NT_FREEBSD_ABI_TAG
            // (`sys/elf_common.h`), ELF_NOTE_TYPE_NETBSD_TAG (`sys/exec_elf.h`), NT_OPENBSD_IDENT,
            // DragonFly's (as for FreeBSD), and the API level in bionic's `crtbegin`.
            b"FreeBSD" if kind.0 == 1 => self.set_os("freebsd"),
            b"NetBSD" if kind.0 == 1 => self.set_os("netbsd"),
            b"OpenBSD" if kind.0 == 1 => self.set_os("openbsd"),
            b"DragonFly" if kind.0 == 1 => self.set_os("dragonfly"),
            b"Android" if kind.0 == 1 => self.set_os("android"),
            _ => {}
        }
    }

    fn set_os(&mut self, os: &'static str) {
        self.os.get_or_insert(os);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(owner: &[u8], kind: u32, desc: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [owner.len() as u32 + 1, desc.len() as u32, kind] {
            bytes.extend(word.to_le_bytes());
        }
        for part in [[owner, b"\0"].concat(), desc.to_vec()] {
            bytes.extend(&part);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    }

    fn decode(bytes: &[u8], align: u64) -> Notes {
        let mut notes = Notes::default();
        notes.decode::<FileHeader64<Endianness>>(bytes, Endianness::Little, align);
        notes
    }

    #[test]
    fn owners_and_types_go_together() {
        assert_eq!(decode(&note(b"FreeBSD", 1, &[0; 4]), 4).os, Some("freebsd"));
        assert_eq!(decode(&note(b"FreeBSD", 4, &[0; 4]), 4), Notes::default());
        assert_eq!(decode(&note(b"GNU", 4, b"gold 1.16"), 4), Notes::default());
        assert!(decode(&note(b"Go", 4, b"abc/def"), 4).go);
        assert_eq!(
            decode(&note(b"Android", 1, &[21, 0, 0, 0]), 4).os,
            Some("android")
        );
    }

    #[test]
    fn the_gnu_abi_tag_names_a_kernel() {
        let tag = |os: u8| decode(&note(b"GNU", 1, &[os, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0]), 4);
        assert_eq!((tag(0).os, tag(0).gnu_linux), (Some("linux"), true));
        assert_eq!((tag(1).os, tag(1).gnu_linux), (Some("hurd"), false));
        assert_eq!(tag(9), Notes::default());
        assert_eq!(decode(&note(b"GNU", 1, &[0]), 4), Notes::default());
    }

    #[test]
    fn a_build_id_is_hex() {
        let bytes = [note(b"Go", 4, b"xyz"), note(b"GNU", 3, &[0x0d, 0xaa, 0x13])].concat();
        assert_eq!(decode(&bytes, 4).build_id.as_deref(), Some("0daa13"));
        assert_eq!(decode(&note(b"GNU", 3, &[]), 4).build_id, None);
    }

    #[test]
    fn the_instruction_set_is_a_property() {
        // readelf -n on gcc -z x86-64-v3: type 0xc0008002, 4 bytes of data, padded to 8.
        let mut desc = Vec::new();
        for word in [0xc000_0002u32, 4, 3, 0, 0xc000_8002, 4, 5, 0] {
            desc.extend(word.to_le_bytes());
        }
        assert_eq!(decode(&note(b"GNU", 5, &desc), 8).x86_isa_needed, Some(5));
        assert_eq!(
            decode(&note(b"GNU", 5, &desc[..20]), 8).x86_isa_needed,
            None
        );
    }

    #[test]
    fn a_size_that_lies_ends_the_notes() {
        let mut bytes = note(b"GNU", 3, &[1, 2, 3, 4]);
        bytes[4..8].fill(0xff);
        bytes.extend(note(b"FreeBSD", 1, &[0; 4]));
        assert_eq!(decode(&bytes, 4), Notes::default());
    }
}
