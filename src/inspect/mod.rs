//! Decodes an executable's bytes into a [`Binary`]. Decoding is pure: it reads one byte source,
//! knows no path, and opens no other file.
//!
//! [`detect()`] decides from a file's first bytes whether it must be kept while a layer is
//! streamed. [`inspect`] then reads the file piece by piece. Each piece fails separately: a bad
//! section header costs only the facts that come from sections.
//!
//! Every number in a file is an unverified claim. Counts are capped, offsets are added with
//! overflow checks, nothing is allocated before the file is known to be long enough, and nothing
//! recurses: the contents of an archive or universal binary are decoded one level deep. The total
//! number of bytes read has a budget of a few times the length of the file. The rules for each
//! format are in `docs/decoding.md`.

mod archive;
mod binary;
mod detect;
mod elf;
mod go;
mod libc;
mod macho;
mod pe;
mod plan9;
mod read;
mod runtime;
mod script;
mod source;
mod variants;
mod wasm;
mod xcoff;

#[cfg(test)]
pub(crate) use binary::VersionsNeeded;
pub use binary::{Binary, BinaryKind, Endian, FactSource, Format, Libc, Linkage, Relro, Sourced};
pub(crate) use binary::{GoBuild, Slice, Symbols, Undefined};
pub(crate) use detect::{Candidate, HEAD_LEN, detect};
pub(crate) use runtime::Contradiction;
pub use runtime::ExecError;
pub use source::Source;
#[cfg(test)]
pub(crate) use variants::VARIANTS;

/// Decodes one file. Returns `None` if its format is unknown or the file ends before its header
/// does.
pub fn inspect(source: &dyn Source) -> Option<Binary> {
    let source = &source::Budget::new(source);
    let len = source.len().min(HEAD_LEN as u64);
    let head = source.piece(0, len, HEAD_LEN as u64).ok()?;
    match detect(&head)? {
        Candidate::Elf => elf::inspect(source, &head),
        Candidate::Pe => pe::inspect(source),
        Candidate::MachO => macho::inspect(source),
        Candidate::MachOUniversal => macho::inspect_universal(source),
        Candidate::Wasm => wasm::inspect(source),
        Candidate::Xcoff => xcoff::inspect(source, &head),
        Candidate::Plan9 => plan9::inspect(source, &head),
        Candidate::Archive => archive::inspect(source, &head),
        Candidate::Script => script::inspect(&head),
    }
}

/// Returns the dynamic symbols of an ELF file, or `None` if it has no symbol table or the table's
/// length cannot be determined.
pub fn symbols(source: &dyn Source) -> Option<Symbols> {
    elf::symbols(&source::Budget::new(source))
}

/// Returns for each byte string whether the file contains it. A file beyond the read budget is
/// searched only in part.
pub(crate) fn contains(source: &dyn Source, strings: &[&[u8]]) -> Vec<bool> {
    read::contains(&source::Budget::new(source), strings)
}
