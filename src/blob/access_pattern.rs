//! Distinguishes sequential readers from random access.
//!
//! Several readers may read one blob at the same time. So the last few are kept, each with the offset
//! at which it stopped. A read that begins near that offset continues this reader, and any other read
//! starts a new one. "Near" allows for the bytes between two files of a layer, for small files that
//! are skipped, and for large reads that the kernel sends together and that arrive in another order.
//!
//! The further a reader has come, the further ahead of it spans are decoded: as many bytes as it has
//! read, up to a limit. So a short file costs nothing, and a long one soon keeps all workers busy.

/// The number of readers that are distinguished in one blob.
const READERS: usize = 8;

/// The maximum distance by which a read may begin after the end of its reader.
const GAP: u64 = 128 << 10;

/// The maximum distance by which a read may begin before the end of its reader.
const BACK: u64 = 256 << 10;

/// Minimum number of bytes read before readahead starts.
const TRUSTED: u64 = 64 << 10;

/// Minimum number of forward reads before readahead starts: one or two large reads say little.
const STEPS: u32 = 3;

/// A sequential reader.
#[derive(Clone, Copy, Default)]
struct Reader {
    /// The offset at which it stopped.
    end: u64,
    /// The number of bytes that it has read without a jump.
    run: u64,
    steps: u32,
    /// Everything before this offset has been requested.
    ahead: u64,
    /// The clock at its last read, or 0 for an unused entry.
    seen: u64,
}

/// The last readers of one blob.
#[derive(Default)]
pub(crate) struct AccessPattern {
    readers: [Reader; READERS],
    clock: u64,
}

impl AccessPattern {
    /// Records a read. If its reader is sequential, returns the range that it will read next, as
    /// start and end. The range was not returned before, and ends at most `limit` bytes after the
    /// reader's position.
    pub(crate) fn note(&mut self, offset: u64, len: u64, limit: u64) -> Option<(u64, u64)> {
        self.clock += 1;
        let clock = self.clock;
        let end = offset.saturating_add(len);
        let near = |s: &&mut Reader| {
            s.seen > 0
                && offset <= s.end.saturating_add(GAP)
                && offset.saturating_add(BACK) >= s.end
        };
        // If several readers are near, the nearest one is taken.
        let found = self
            .readers
            .iter_mut()
            .filter(near)
            .min_by_key(|s| s.end.abs_diff(offset));
        let Some(reader) = found else {
            let oldest = self.readers.iter_mut().min_by_key(|s| s.seen)?;
            *oldest = Reader {
                end,
                run: len,
                steps: 1,
                ahead: end,
                seen: clock,
            };
            return None;
        };
        reader.seen = clock;
        if end <= reader.end {
            // A read of bytes that were read before, or that fills a gap, is not a step forward.
            return None;
        }
        // Skipped bytes do not count: a random read may begin near a reader by chance.
        reader.run = reader.run.saturating_add(len.min(end - reader.end));
        reader.steps = reader.steps.saturating_add(1);
        reader.end = end;
        if reader.run < TRUSTED || reader.steps < STEPS {
            return None;
        }
        let from = reader.ahead.max(end);
        let to = end.saturating_add(reader.run.min(limit));
        if to <= from {
            return None;
        }
        reader.ahead = to;
        Some((from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 4 << 20;

    #[test]
    fn who_goes_forward_is_served_ahead_and_never_twice() {
        let mut access = AccessPattern::default();
        let mut asked = 0;
        let mut last = 0;
        for n in 0..100 {
            if let Some((from, to)) = access.note(n << 17, 1 << 17, LIMIT) {
                assert!(from >= last, "no byte is requested twice");
                assert!(
                    from >= (n + 1) << 17,
                    "no byte that was already read is requested"
                );
                assert!(to <= ((n + 1) << 17) + LIMIT);
                asked += to - from;
                last = to;
            }
        }
        assert!(asked > (100 << 17) - (1 << 20), "{asked}");
    }

    #[test]
    fn small_files_one_after_the_other_are_a_stream() {
        let mut access = AccessPattern::default();
        let mut asked = false;
        for n in 0..40 {
            asked |= access.note(n * 5120 + 512, 4000, LIMIT).is_some();
        }
        assert!(asked);
    }

    #[test]
    fn several_readers_are_told_apart() {
        let mut access = AccessPattern::default();
        let mut asked = [0; 4];
        for n in 0..20 {
            for (reader, asked) in asked.iter_mut().enumerate() {
                let offset = (reader as u64) << 30 | n << 17;
                *asked += u32::from(access.note(offset, 1 << 17, LIMIT).is_some());
            }
        }
        assert!(asked.iter().all(|n| *n > 10), "{asked:?}");
    }

    #[test]
    fn who_jumps_is_not_served() {
        let mut access = AccessPattern::default();
        let mut asked = 0;
        let mut place = 1_u64;
        for _ in 0..10_000 {
            place = place
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let offset = (place >> 33) % (256 << 20);
            asked += u32::from(access.note(offset & !4095, 4096, LIMIT).is_some());
        }
        assert!(asked < 20, "{asked}");
    }

    #[test]
    fn who_reads_the_same_again_is_not_served() {
        let mut access = AccessPattern::default();
        for _ in 0..1000 {
            assert_eq!(access.note(1 << 20, 1 << 17, LIMIT), None);
        }
    }

    #[test]
    fn offsets_at_the_end_of_numbers_do_not_overflow() {
        let mut access = AccessPattern::default();
        for offset in [u64::MAX, u64::MAX - 1, 0, u64::MAX - (1 << 18)] {
            let _ = access.note(offset, u64::MAX, u64::MAX);
            let _ = access.note(offset, 1, LIMIT);
        }
    }
}
