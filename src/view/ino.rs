//! Inode numbers. A number encodes the object that it stands for, so there is no table of inodes to
//! maintain.
//!
//! The lower 32 bits are the number of a node or a directory entry. The next 15 bits are the number of a
//! layer, and the next 4 are the kind. Files of the image itself have kind 0 and small numbers. The
//! upper 13 bits are left to views of several images ([`super::Platforms`]).

use crate::tree::{DentryId, NodeId};

/// One of an image's trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TreeId {
    /// The merged tree.
    Merged,
    /// The tree of a single layer.
    Layer(u32),
    /// The tree of hidden names.
    Hidden,
}

/// The object that an inode number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ino {
    /// A node of a tree. The merged root is 1, as FUSE requires.
    Node(TreeId, NodeId),
    /// The sidecar of a directory entry of a tree.
    Sidecar(TreeId, DentryId),
    /// The directory in `/.imgfs/arch` that mirrors a directory of the image.
    ArchDirectory(NodeId),
    /// The text in `/.imgfs/arch` for a directory entry.
    ArchText(DentryId),
    /// Another file or directory in `/.imgfs`, by its number there; `/.imgfs` itself is 0.
    Control(u32),
    /// The text of `/.imgfs/status` created by one lookup, by its serial number.
    Status(u32),
}

/// The maximum number of bits of an inode number.
pub(super) const BITS: u32 = 51;
const KIND_SHIFT: u32 = BITS - 4;
const LAYER_SHIFT: u32 = 32;
/// The maximum number of layers that are shown individually. Layers above it are merged like all
/// others. Container runtimes support some hundreds of layers at most.
pub(super) const MAX_LAYERS: u32 = 1 << (KIND_SHIFT - LAYER_SHIFT);

impl Ino {
    pub(super) fn number(self) -> u64 {
        let tagged = |kind: u64, layer: u32, id: u32| {
            kind << KIND_SHIFT | u64::from(layer) << LAYER_SHIFT | u64::from(id)
        };
        match self {
            Self::Node(TreeId::Merged, id) => u64::from(id.0) + 1,
            Self::Node(TreeId::Layer(layer), id) => tagged(1, layer, id.0),
            Self::Node(TreeId::Hidden, id) => tagged(2, 0, id.0),
            Self::Sidecar(TreeId::Merged, id) => tagged(3, 0, id.0),
            Self::Sidecar(TreeId::Layer(layer), id) => tagged(4, layer, id.0),
            Self::Sidecar(TreeId::Hidden, id) => tagged(5, 0, id.0),
            Self::ArchDirectory(id) => tagged(6, 0, id.0),
            Self::ArchText(id) => tagged(7, 0, id.0),
            Self::Control(id) => tagged(8, 0, id),
            Self::Status(id) => tagged(9, 0, id),
        }
    }

    pub(super) fn of(number: u64) -> Option<Self> {
        // Truncation separates the parts.
        let id = number as u32;
        let layer = (number >> LAYER_SHIFT) as u32 % MAX_LAYERS;
        let kind = number >> KIND_SHIFT;
        let has_layer = matches!(kind, 0 | 1 | 4);
        if !has_layer && layer != 0 {
            return None;
        }
        Some(match kind {
            0 => {
                let id = u32::try_from(number.checked_sub(1)?).ok()?;
                Self::Node(TreeId::Merged, NodeId(id))
            }
            1 => Self::Node(TreeId::Layer(layer), NodeId(id)),
            2 => Self::Node(TreeId::Hidden, NodeId(id)),
            3 => Self::Sidecar(TreeId::Merged, DentryId(id)),
            4 => Self::Sidecar(TreeId::Layer(layer), DentryId(id)),
            5 => Self::Sidecar(TreeId::Hidden, DentryId(id)),
            6 => Self::ArchDirectory(NodeId(id)),
            7 => Self::ArchText(DentryId(id)),
            8 => Self::Control(id),
            9 => Self::Status(id),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_ino() -> impl Strategy<Value = Ino> {
        let which = prop_oneof![
            Just(TreeId::Merged),
            (0..MAX_LAYERS).prop_map(TreeId::Layer),
            Just(TreeId::Hidden),
        ];
        (0..6, which, any::<u32>()).prop_map(|(kind, which, id)| match kind {
            0 => Ino::Node(which, NodeId(id)),
            1 => Ino::Sidecar(which, DentryId(id)),
            2 => Ino::ArchDirectory(NodeId(id)),
            3 => Ino::ArchText(DentryId(id)),
            4 => Ino::Control(id),
            _ => Ino::Status(id),
        })
    }

    proptest! {
        #[test]
        fn numbers_lead_back(ino in any_ino()) {
            prop_assert_eq!(Ino::of(ino.number()), Some(ino));
            prop_assert_eq!(ino.number() >> BITS, 0);
        }

        /// So no two objects have the same number.
        #[test]
        fn each_number_stands_for_one_thing_or_none(number in any::<u64>(), cut in 0_u32..64) {
            let number = number >> cut;
            if let Some(ino) = Ino::of(number) {
                prop_assert_eq!(ino.number(), number);
            }
        }
    }

    #[test]
    fn the_ends_of_each_range() {
        let last = MAX_LAYERS - 1;
        for ino in [
            Ino::Node(TreeId::Merged, NodeId(0)),
            Ino::Node(TreeId::Merged, NodeId(u32::MAX)),
            Ino::Node(TreeId::Layer(last), NodeId(u32::MAX)),
            Ino::Sidecar(TreeId::Layer(last), DentryId(u32::MAX)),
            Ino::Status(u32::MAX),
        ] {
            assert_eq!(Ino::of(ino.number()), Some(ino));
        }
        assert_eq!(Ino::Node(TreeId::Merged, NodeId(0)).number(), 1);
        assert_eq!(Ino::of(0), None);
        assert_eq!(Ino::of(u64::MAX), None);
        assert_eq!(Ino::of(2 << KIND_SHIFT | 1 << LAYER_SHIFT), None);
        // A number of another image.
        assert_eq!(Ino::of(1 << BITS | 1), None);
    }
}
