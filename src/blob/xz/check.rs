//! The integrity check at the end of a block. There are four types (The .xz File Format, 3.4).

use super::crc64::Crc64;
use super::error::XzError;
use crate::blob::Hasher;

/// The type of the check in the blocks of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckKind {
    None,
    Crc32,
    Crc64,
    Sha256,
}

impl CheckKind {
    /// Returns the check with that number in the flags of a stream (2.1.1.2). Twelve other numbers
    /// are reserved and not in use.
    pub(super) fn of(id: u8) -> Result<Self, XzError> {
        match id {
            0x00 => Ok(Self::None),
            0x01 => Ok(Self::Crc32),
            0x04 => Ok(Self::Crc64),
            0x0a => Ok(Self::Sha256),
            _ => Err(XzError::damaged("an integrity check of an unknown type")),
        }
    }

    /// Returns the number of the check.
    pub(super) fn id(self) -> u8 {
        match self {
            Self::None => 0x00,
            Self::Crc32 => 0x01,
            Self::Crc64 => 0x04,
            Self::Sha256 => 0x0a,
        }
    }

    /// Returns the length of the field, in bytes.
    pub(super) fn len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Crc32 => 4,
            Self::Crc64 => 8,
            Self::Sha256 => 32,
        }
    }

    /// Begins to compute the check.
    pub(super) fn begin(self) -> Check {
        match self {
            Self::None => Check::None,
            Self::Crc32 => Check::Crc32(crc32fast::Hasher::new()),
            Self::Crc64 => Check::Crc64(Crc64::new()),
            Self::Sha256 => Check::Sha256(Box::new(Hasher::sha256())),
        }
    }
}

/// A check that is being computed.
pub(super) enum Check {
    None,
    Crc32(crc32fast::Hasher),
    Crc64(Crc64),
    Sha256(Box<Hasher>),
}

impl Check {
    /// Takes in decoded bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::None => {}
            Self::Crc32(crc) => crc.update(bytes),
            Self::Crc64(crc) => crc.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// Compares the check with the field of a block.
    pub(super) fn compare(self, field: &[u8]) -> Result<(), XzError> {
        let same = match self {
            Self::None => field.is_empty(),
            Self::Crc32(crc) => field == crc.finalize().to_le_bytes(),
            Self::Crc64(crc) => field == crc.finish().to_le_bytes(),
            Self::Sha256(hasher) => {
                let hex: String = field.iter().map(|byte| format!("{byte:02x}")).collect();
                hasher.finish().hex() == hex
            }
        };
        match same {
            true => Ok(()),
            false => Err(XzError::damaged("the check of the decoded bytes differs")),
        }
    }
}
