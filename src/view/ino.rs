//! Inode numbers. Each says by itself what it stands for, so that there is no table of inodes to
//! keep, and nothing to forget.

use crate::tree::{DentryId, NodeId};

/// What an inode number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ino {
    /// A node of the image. The root is 1, as FUSE wants it.
    Node(NodeId),
    /// The sidecar beside a directory entry.
    Sidecar(DentryId),
    /// `/.imgfs`.
    Control,
    /// The directory in `/.imgfs/arch` that mirrors one of the image.
    ArchDirectory(NodeId),
    /// The text in `/.imgfs/arch` of a directory entry.
    ArchText(DentryId),
    /// `/.imgfs/findings.tsv`.
    Findings,
}

const KIND_SHIFT: u32 = 40;

impl Ino {
    pub(super) fn number(self) -> u64 {
        let tagged = |kind: u64, id: u32| kind << KIND_SHIFT | u64::from(id);
        match self {
            Self::Node(id) => u64::from(id.0) + 1,
            Self::Sidecar(id) => tagged(1, id.0),
            Self::Control => tagged(2, 0),
            Self::ArchDirectory(id) => tagged(3, id.0),
            Self::ArchText(id) => tagged(4, id.0),
            Self::Findings => tagged(5, 0),
        }
    }

    pub(super) fn of(number: u64) -> Option<Self> {
        let id = u32::try_from(number & ((1 << KIND_SHIFT) - 1));
        match number >> KIND_SHIFT {
            0 => {
                let id = u32::try_from(number.checked_sub(1)?).ok()?;
                Some(Self::Node(NodeId(id)))
            }
            1 => Some(Self::Sidecar(DentryId(id.ok()?))),
            2 => Some(Self::Control),
            3 => Some(Self::ArchDirectory(NodeId(id.ok()?))),
            4 => Some(Self::ArchText(DentryId(id.ok()?))),
            5 => Some(Self::Findings),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back() {
        for ino in [
            Ino::Node(NodeId(0)),
            Ino::Node(NodeId(u32::MAX)),
            Ino::Sidecar(DentryId(u32::MAX)),
            Ino::Control,
            Ino::ArchDirectory(NodeId(0)),
            Ino::ArchText(DentryId(7)),
            Ino::Findings,
        ] {
            assert_eq!(Ino::of(ino.number()), Some(ino));
        }
        assert_eq!(Ino::Node(NodeId(0)).number(), 1);
        assert_eq!(Ino::of(0), None);
        assert_eq!(Ino::of(u64::MAX), None);
    }
}
