//! An executable's bytes in, a [`Binary`] out. Pure: it gets a byte source, never a path, and looks
//! at no other file.
//!
//! [`detect()`] tells from a file's first bytes whether it is worth keeping while a layer streams
//! past. [`inspect`] then reads it, a piece at a time; each piece fails alone, so that a bad section
//! header costs the facts that sections tell and no others.
//!
//! Every number in a file is a claim. Counts are capped, offsets are added with checks, nothing is
//! allocated before it is known that the file is that long, and nothing recurses: an archive or a
//! universal binary is looked into once. What is read in all has a budget, a few times the length of
//! the file. The rules, format by format, are in `docs/decoding.md`.

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

pub use binary::{
    Binary, Endian, Format, GoBuild, Kind, Libc, Linkage, Relro, Slice, Source as FactSource,
    Sourced, Symbols, Undefined, VersionsNeeded,
};
pub use detect::{Candidate, HEAD_LEN, detect};
pub use runtime::{Contradiction, ExecError};
pub use source::Source;
pub use variants::VARIANTS;

/// Decodes one file. `None` if it is not of a format that is known, or ends before its header does.
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

/// The dynamic symbols of an ELF file. `None` if it has no symbol table or its length cannot be told.
pub fn symbols(source: &dyn Source) -> Option<Symbols> {
    elf::symbols(&source::Budget::new(source))
}

/// For each of a few byte strings, whether a file holds it, as far as it is worth reading.
pub fn contains(source: &dyn Source, strings: &[&[u8]]) -> Vec<bool> {
    read::contains(&source::Budget::new(source), strings)
}
