//! Inode numbers of several images in one mount: the number within an image, and above it the number of
//! the image. Like those, they encode the object that they stand for.

use super::super::ino::BITS;

/// The maximum number of images. An index leads to half as many at most.
pub(super) const MAX_PLATFORMS: usize = (1 << (u64::BITS - BITS)) - 1;

/// The object that an inode number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OuterIno {
    /// The root, with a directory for each image. Its number is 1, as FUSE requires, so the images'
    /// numbers start at 1 in the upper bits.
    Root,
    /// An inode of an image: the image's number, counted from 0, and the inode's number within it.
    In(usize, u64),
}

impl OuterIno {
    pub(super) const ROOT: u64 = 1;

    pub(super) fn number(self) -> u64 {
        match self {
            Self::Root => Self::ROOT,
            // The numbers within an image use only the lower bits.
            Self::In(image, ino) => (image as u64 + 1) << BITS | ino,
        }
    }

    pub(super) fn of(number: u64) -> Option<Self> {
        if number == Self::ROOT {
            return Some(Self::Root);
        }
        let image = usize::try_from((number >> BITS).checked_sub(1)?).ok()?;
        Some(Self::In(image, number & ((1 << BITS) - 1)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_lead_back(image in 0..MAX_PLATFORMS, ino in 0..1_u64 << BITS) {
            let number = OuterIno::In(image, ino);
            prop_assert_eq!(OuterIno::of(number.number()), Some(number));
        }

        /// So no two objects have the same number.
        #[test]
        fn each_number_stands_for_one_thing_or_none(number in any::<u64>(), cut in 0_u32..64) {
            let number = number >> cut;
            if let Some(stands_for) = OuterIno::of(number) {
                prop_assert_eq!(stands_for.number(), number);
            }
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(OuterIno::of(1), Some(OuterIno::Root));
        assert_eq!(OuterIno::of(0), None);
        assert_eq!(OuterIno::of((1 << BITS) - 1), None);
        let last = OuterIno::In(MAX_PLATFORMS - 1, (1 << BITS) - 1);
        assert_eq!(last.number(), u64::MAX);
        assert_eq!(OuterIno::of(u64::MAX), Some(last));
    }
}
