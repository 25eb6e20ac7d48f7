//! Inode numbers of several images in one mount: that of an image by itself, below the number of the
//! image. Like those they say by themselves what they stand for.

use super::super::ino::BITS;

/// So many images fit. An index leads to half as many at most.
pub(super) const MAX_PLATFORMS: usize = (1 << (u64::BITS - BITS)) - 1;

/// What an inode number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// The directory that holds one for each image. It is 1, as FUSE wants it, so images count from 1.
    Root,
    /// What has the second number in the image of the first, which counts from 0.
    In(usize, u64),
}

impl Number {
    pub(super) const ROOT: u64 = 1;

    pub(super) fn number(self) -> u64 {
        match self {
            Self::Root => Self::ROOT,
            // An image's own numbers end below.
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
            let number = Number::In(image, ino);
            prop_assert_eq!(Number::of(number.number()), Some(number));
        }

        /// So no two of them are the same.
        #[test]
        fn each_number_stands_for_one_thing_or_none(number in any::<u64>(), cut in 0_u32..64) {
            let number = number >> cut;
            if let Some(stands_for) = Number::of(number) {
                prop_assert_eq!(stands_for.number(), number);
            }
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(Number::of(1), Some(Number::Root));
        assert_eq!(Number::of(0), None);
        assert_eq!(Number::of((1 << BITS) - 1), None);
        let last = Number::In(MAX_PLATFORMS - 1, (1 << BITS) - 1);
        assert_eq!(last.number(), u64::MAX);
        assert_eq!(Number::of(u64::MAX), Some(last));
    }
}
