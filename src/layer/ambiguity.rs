//! Ambiguities: parts of a tar archive that readers interpret differently, so that the resulting image
//! depends on the reader. `docs/archives.md` has the table of these differences; `tests/oracles/tar_readers.rs`
//! checks it against Go's `archive/tar`, GNU tar and libarchive.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::problem::printable;

/// The kinds of differences between readers. Offsets are byte positions in the decoded layer unless the
/// field says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ambiguity {
    /// Zeros after the last gzip member. gzip(1) ignores them, Go's `compress/gzip` fails.
    ZerosAfterGzip {
        /// Where the zeros begin, in bytes of the stored blob.
        at: u64,
    },
    /// A single block of zeros with a header after it.
    LoneZeroBlock {
        /// Where the zeros are.
        at: u64,
    },
    /// A header after the two blocks of zeros that end an archive.
    HeaderAfterEnd {
        /// Where the header is.
        at: u64,
    },
    /// A global PAX header has a record that would change this entry.
    GlobalRecord {
        /// The key of the record.
        key: Box<[u8]>,
    },
    /// A GNU header with the ustar prefix that Go before 1.8 wrote.
    MisplacedPrefix,
    /// NULs before the digits of a number.
    LeadingNuls {
        /// The name of the field.
        field: String,
    },
    /// A GNU long name, or long link name, and a PAX record with another value.
    TwoNames {
        /// The value of the PAX record.
        pax: Box<[u8]>,
    },
    /// An extended header that is not directly before its entry.
    LostHeader,
    /// A header of an entry without data that gives a size.
    SizeWithoutData {
        /// The size, in bytes.
        size: u64,
    },
    /// A regular file whose name ends with a slash.
    SlashAfterFile,
    /// An extended attribute that only libarchive reads.
    LibarchiveXattr {
        /// The name of the attribute.
        name: Box<[u8]>,
    },
    /// A GNU long name, or long link name, that is empty.
    EmptyLongName,
    /// A PAX record without a value: the header's field applies instead.
    EmptyRecord {
        /// The key of the record.
        key: Box<[u8]>,
    },
    /// A plus sign before a number in a PAX header.
    PlusSign,
    /// A PAX record of a sparse file, or for a device number, that only some readers apply.
    PartialRecord {
        /// The key of the record.
        key: Box<[u8]>,
    },
    /// A map of a sparse file that GNU tar reads differently: a piece other than the last ends inside a
    /// block, or the last piece ends before the end of the file.
    SparseMap,
    /// A directory entry of the type that GNU tar writes in incremental backups.
    DumpDirectory,
    /// A magic number that is almost that of ustar, with ustar fields (a prefix or a device number) in
    /// use.
    OddMagic,
    /// An owner or a device number that does not fit in 32 bits.
    WideNumber {
        /// The name of the field.
        field: String,
        /// The value of the field.
        value: i64,
    },
}

impl Ambiguity {
    /// Returns the variant without its data. Used to report only the first entries of each kind.
    pub(crate) fn kind(&self) -> std::mem::Discriminant<Self> {
        std::mem::discriminant(self)
    }

    /// Returns the total length of the texts in this value, in bytes.
    pub(crate) fn text_len(&self) -> usize {
        match self {
            Self::GlobalRecord { key: text }
            | Self::EmptyRecord { key: text }
            | Self::PartialRecord { key: text }
            | Self::TwoNames { pax: text }
            | Self::LibarchiveXattr { name: text } => text.len(),
            Self::LeadingNuls { field } | Self::WideNumber { field, .. } => field.len(),
            _ => 0,
        }
    }
}

/// Describes in one line what each reader sees.
impl fmt::Display for Ambiguity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZerosAfterGzip { at } => write!(
                f,
                "zeros follow the last gzip member at byte {at}; gzip(1) and imgfs ignore them, Go's \
                 compress/gzip refuses the layer"
            ),
            Self::LoneZeroBlock { at } => write!(
                f,
                "it comes after a single block of zeros at byte {at}; Go's archive/tar refuses the layer, GNU \
                 tar and libarchive end there, imgfs reads on"
            ),
            Self::HeaderAfterEnd { at } => write!(
                f,
                "there is a tar header at byte {at}, after the end of the archive; only readers that ignore \
                 the end, such as tar --ignore-zeros, show what follows"
            ),
            Self::GlobalRecord { key } => write!(
                f,
                "a global PAX header sets {} for it; GNU tar applies that, Go's archive/tar and imgfs \
                 ignore it",
                short(key)
            ),
            Self::MisplacedPrefix => f.write_str(
                "its GNU header has a ustar prefix, as Go before 1.8 wrote it; Go's archive/tar and imgfs \
                 read it, other readers show the name without it",
            ),
            Self::LeadingNuls { field } => write!(
                f,
                "there are NULs before the digits of its {field}; Go's archive/tar and imgfs skip them, other \
                 readers see 0"
            ),
            Self::TwoNames { pax } => write!(
                f,
                "it has a GNU long name and a PAX record that says {}; Go's archive/tar and imgfs take the \
                 long name, other readers may take the record",
                short(pax)
            ),
            Self::LostHeader => f.write_str(
                "there is another header between it and its extended header; Go's archive/tar and imgfs \
                 drop the extended header, other readers apply it",
            ),
            Self::SizeWithoutData { size } => write!(
                f,
                "its header says that {size} bytes of data follow, which its type does not have; Go's \
                 archive/tar and imgfs read on behind the header, other readers skip that many bytes"
            ),
            Self::SlashAfterFile => f.write_str(
                "a regular file whose name ends with a slash; GNU tar makes a directory of it, Go's \
                 archive/tar and imgfs a file",
            ),
            Self::LibarchiveXattr { name } => write!(
                f,
                "its extended attribute {} is written in libarchive's form alone, which libarchive and \
                 imgfs read; Go's archive/tar and GNU tar do not see it",
                short(name)
            ),
            Self::EmptyLongName => f.write_str(
                "its GNU long name is empty; Go's archive/tar and imgfs take the name in the header, other \
                 readers the empty one",
            ),
            Self::EmptyRecord { key } => write!(
                f,
                "its PAX record {} has no value; Go's archive/tar and imgfs take the header's field, other \
                 readers may not",
                short(key)
            ),
            Self::PlusSign => f.write_str(
                "a number in its PAX header has a plus sign; Go's archive/tar and imgfs read it, other readers \
                 refuse or ignore it",
            ),
            Self::PartialRecord { key } => write!(
                f,
                "GNU tar or libarchive apply its PAX record {}; Go's archive/tar and imgfs ignore it",
                short(key)
            ),
            Self::SparseMap => f.write_str(
                "the map of this sparse file does not have GNU tar's form; GNU tar reads other content than Go's \
                 archive/tar and imgfs",
            ),
            Self::DumpDirectory => f.write_str(
                "a directory of an incremental backup; GNU tar, libarchive and imgfs make a directory, container \
                 engines refuse the layer",
            ),
            Self::OddMagic => f.write_str(
                "the magic number in its header is almost the one of ustar; Go's archive/tar and imgfs ignore the \
                 prefix of its name, other readers may not",
            ),
            Self::WideNumber { field, value } => write!(
                f,
                "its {field} is {value}, which does not fit 32 bits; Go's programs and imgfs keep the lower 32 \
                 bits, other readers refuse it or take another number"
            ),
        }
    }
}

/// Returns the beginning of a text that the archive's author controls, at most 200 bytes, for printing.
fn short(text: &[u8]) -> String {
    printable(text.get(..200).unwrap_or(text))
}
