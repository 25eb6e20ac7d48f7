//! Decides from a file's first bytes whether it can be decoded.
//!
//! Detection uses only the magic number, as the kernel does, never the name or mode. If the magic
//! number is weak, the fields after it are checked too. The answer is cheap and can be wrong in one
//! direction only: a candidate may turn out to be undecodable, but a file that is not a candidate
//! could never have been decoded.

use object::elf::{ELFCLASS64, ELFMAG, FileHeader32, FileHeader64};
use object::endian::Endianness;

use super::{archive, macho, pe, plan9, wasm, xcoff};

/// The number of leading bytes that [`detect`] needs. A shorter file is passed whole.
pub(crate) const HEAD_LEN: usize = 64 << 10;

/// The apparent format of a file. All formats except scripts need the whole file to be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Candidate {
    /// Executable and Linkable Format.
    Elf,
    /// Portable Executable.
    Pe,
    /// Mach-O.
    MachO,
    /// Several Mach-O files in one.
    MachOUniversal,
    /// WebAssembly.
    Wasm,
    /// XCOFF.
    Xcoff,
    /// Plan 9's `a.out`.
    Plan9,
    /// An archive of object files, or a compiled Go package.
    Archive,
    /// A text file that begins with `#!`. Only its first bytes matter.
    Script,
}

/// Detects a file's format from its first bytes.
pub(crate) fn detect(head: &[u8]) -> Option<Candidate> {
    Some(match *head.get(..2)? {
        [b'#', b'!'] => Candidate::Script,
        [0x7f, b'E'] if head.starts_with(&ELFMAG) && head.len() >= elf_header_len(head) => {
            Candidate::Elf
        }
        [b'M', b'Z'] if is_pe(head) => Candidate::Pe,
        [0xfe, 0xed] | [0xce | 0xcf, 0xfa] if macho::is_macho(head) => Candidate::MachO,
        [0xca, 0xfe] if macho::is_universal(head) => Candidate::MachOUniversal,
        [0, b'a'] if wasm::is_wasm(head) => Candidate::Wasm,
        [0x01, 0xdf | 0xf7] if xcoff::is_xcoff(head) => Candidate::Xcoff,
        [0, 0] if plan9::is_plan9(head) => Candidate::Plan9,
        _ if [archive::MAGIC, archive::THIN_MAGIC, archive::GO_OBJECT]
            .into_iter()
            .any(|magic| head.starts_with(magic)) =>
        {
            Candidate::Archive
        }
        _ => return None,
    })
}

/// Whether there is a PE header at the offset in the DOS stub. Also true if that offset is beyond
/// `head` and `head` has [`HEAD_LEN`] bytes, so that the file may be longer.
fn is_pe(head: &[u8]) -> bool {
    let Some(at) = pe::header_offset(head).and_then(|at| usize::try_from(at).ok()) else {
        return false;
    };
    match head.get(at..) {
        Some(rest) if rest.len() >= 24 => rest.starts_with(b"PE\0\0"),
        _ => head.len() >= HEAD_LEN,
    }
}

/// Returns the length of the ELF header for the class in EI_CLASS. A file of an invalid class may
/// still be run (see `elf::header`), so the shorter length is used for it.
fn elf_header_len(head: &[u8]) -> usize {
    match head.get(4) {
        Some(&class) if class == ELFCLASS64.0 => size_of::<FileHeader64<Endianness>>(),
        _ => size_of::<FileHeader32<Endianness>>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(class: u8, len: usize) -> Vec<u8> {
        let mut bytes = vec![0x7f, b'E', b'L', b'F', class];
        bytes.resize(len, 0);
        bytes
    }

    #[test]
    fn an_elf_file_has_its_whole_header() {
        assert_eq!(detect(&elf(2, 64)), Some(Candidate::Elf));
        assert_eq!(detect(&elf(2, 63)), None);
        assert_eq!(detect(&elf(1, 52)), Some(Candidate::Elf));
        assert_eq!(detect(&elf(1, 51)), None);
        assert_eq!(detect(b"\x7fELF"), None);
    }

    #[test]
    fn a_script_begins_with_the_two_bytes_themselves() {
        assert_eq!(detect(b"#!/bin/sh\n"), Some(Candidate::Script));
        assert_eq!(detect(b"#!"), Some(Candidate::Script));
        assert_eq!(detect(b"\xef\xbb\xbf#!/bin/sh\n"), None);
        assert_eq!(detect(b"# !/bin/sh\n"), None);
    }

    #[test]
    fn a_dos_program_is_none() {
        let mz = |at: u32, len: usize| {
            let mut bytes = b"MZ".to_vec();
            bytes.resize(0x3c, 0);
            bytes.extend(at.to_le_bytes());
            bytes.resize(len, 0);
            bytes
        };
        let mut pe = mz(0x40, 0x58);
        assert_eq!(detect(&pe), None);
        pe[0x40..0x44].copy_from_slice(b"PE\0\0");
        assert_eq!(detect(&pe), Some(Candidate::Pe));
        assert_eq!(detect(&pe[..0x57]), None);
        assert_eq!(detect(&mz(0x10_0000, 1000)), None);
        assert_eq!(detect(&mz(0x10_0000, HEAD_LEN)), Some(Candidate::Pe));
        assert_eq!(detect(b"MZqFpD='\n"), None);
    }

    #[test]
    fn other_files_are_nothing() {
        for head in [
            &b""[..],
            b"#",
            b"MZ",
            b"echo hello\n",
            b"\xca\xfe\xba\xbe\0\0\0\x34\0\x1d\x0a\0\x06\0\x0f\x09",
            b"BC\xc0\xde5\x14\0\0",
            b"\0asm\x02\0\0\0",
            b"\0\0\x01\xeb\0\0",
            b"\x01\xf7",
            b"\xce\xfa\xed\xfe",
        ] {
            assert_eq!(detect(head), None, "{head:?}");
        }
        assert_eq!(detect(b"!<arch>\n"), Some(Candidate::Archive));
        assert_eq!(detect(b"\0asm\x0d\0\x01\0"), Some(Candidate::Wasm));
    }
}
