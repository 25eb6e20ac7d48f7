//! Whether a file's first bytes are those of something that can be decoded.
//!
//! By magic number alone, which is how the kernel tells, and never by name or mode. The answer is
//! cheap and may be wrong in one direction only: a candidate may turn out to be undecodable, what is
//! not a candidate would never have been decoded.

use object::elf::{ELFCLASS64, ELFMAG, FileHeader32, FileHeader64};
use object::endian::Endianness;

/// How much of the beginning of a file [`detect`] wants to see: all of it, if it is shorter.
pub const HEAD_LEN: usize = 64 << 10;

/// What a file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// Executable and Linkable Format.
    Elf,
    /// A text file that begins with `#!`.
    Script,
}

/// Recognises a file by its first bytes.
pub fn detect(head: &[u8]) -> Option<Candidate> {
    if head.starts_with(b"#!") {
        return Some(Candidate::Script);
    }
    (head.starts_with(&ELFMAG) && head.len() >= elf_header_len(head)).then_some(Candidate::Elf)
}

/// Length of the ELF header that EI_CLASS announces. What is neither of the two classes may still be
/// run (see `elf::header`), so it gets the benefit of the shorter one.
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
    fn other_files_are_nothing() {
        for head in [&b""[..], b"#", b"MZ", b"echo hello\n", b"!<arch>\n"] {
            assert_eq!(detect(head), None, "{head:?}");
        }
    }
}
