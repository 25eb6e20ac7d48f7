//! Tells readers that go forward from readers that jump.
//!
//! Several may read one blob at a time, so the last few are remembered, each by the place where it
//! stopped. A read that begins near such a place carries that reader on; any other is taken for a new
//! one. "Near" leaves room for what lies between two files of a layer, for small files that are left
//! out, and for large reads that the kernel sends at once and that arrive in another order.
//!
//! The further a reader has come, the further ahead of it is worth decoding: as far again as it has
//! come, up to a bound. So a short file costs nothing and a long one soon has all workers busy.

/// So many readers of one blob are told apart.
const READERS: usize = 8;

/// How far a read may begin after the place where its reader stopped.
const GAP: u64 = 128 << 10;

/// How far before it.
const BACK: u64 = 256 << 10;

/// Who has come less far is not trusted to go on.
const TRUSTED: u64 = 64 << 10;

/// Who has made fewer steps neither: one or two large reads say little.
const STEPS: u32 = 3;

/// A reader that goes forward.
#[derive(Clone, Copy, Default)]
struct Stream {
    /// Where it stopped.
    end: u64,
    /// How many bytes it has read in one go.
    run: u64,
    steps: u32,
    /// What lies before this has been asked for.
    ahead: u64,
    /// When it was last seen; 0 for none.
    seen: u64,
}

/// The last readers of one blob.
#[derive(Default)]
pub(crate) struct Streams {
    readers: [Stream; READERS],
    clock: u64,
}

impl Streams {
    /// Takes note of a read. Where its reader goes forward, returns the stretch that it will want
    /// next and that has not been returned before, at most `limit` bytes from where it stands.
    pub(crate) fn note(&mut self, offset: u64, len: u64, limit: u64) -> Option<(u64, u64)> {
        self.clock += 1;
        let clock = self.clock;
        let end = offset.saturating_add(len);
        let near = |s: &&mut Stream| {
            s.seen > 0
                && offset <= s.end.saturating_add(GAP)
                && offset.saturating_add(BACK) >= s.end
        };
        // Of several that are near, the one whose place is nearest.
        let found = self
            .readers
            .iter_mut()
            .filter(near)
            .min_by_key(|s| s.end.abs_diff(offset));
        let Some(stream) = found else {
            let oldest = self.readers.iter_mut().min_by_key(|s| s.seen)?;
            *oldest = Stream {
                end,
                run: len,
                steps: 1,
                ahead: end,
                seen: clock,
            };
            return None;
        };
        stream.seen = clock;
        if end <= stream.end {
            // It reads again what it has read, or fills a gap. That is not a step forward.
            return None;
        }
        // What it left out does not count: somebody who jumps may land near by chance.
        stream.run = stream.run.saturating_add(len.min(end - stream.end));
        stream.steps = stream.steps.saturating_add(1);
        stream.end = end;
        if stream.run < TRUSTED || stream.steps < STEPS {
            return None;
        }
        let from = stream.ahead.max(end);
        let to = end.saturating_add(stream.run.min(limit));
        if to <= from {
            return None;
        }
        stream.ahead = to;
        Some((from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 4 << 20;

    #[test]
    fn who_goes_forward_is_served_ahead_and_never_twice() {
        let mut streams = Streams::default();
        let mut asked = 0;
        let mut last = 0;
        for n in 0..100 {
            if let Some((from, to)) = streams.note(n << 17, 1 << 17, LIMIT) {
                assert!(from >= last, "nothing is asked for twice");
                assert!(from >= (n + 1) << 17, "nothing that was read already");
                assert!(to <= ((n + 1) << 17) + LIMIT);
                asked += to - from;
                last = to;
            }
        }
        assert!(asked > (100 << 17) - (1 << 20), "{asked}");
    }

    #[test]
    fn small_files_one_after_the_other_are_a_stream() {
        let mut streams = Streams::default();
        let mut asked = false;
        for n in 0..40 {
            asked |= streams.note(n * 5120 + 512, 4000, LIMIT).is_some();
        }
        assert!(asked);
    }

    #[test]
    fn several_readers_are_told_apart() {
        let mut streams = Streams::default();
        let mut asked = [0; 4];
        for n in 0..20 {
            for (reader, asked) in asked.iter_mut().enumerate() {
                let offset = (reader as u64) << 30 | n << 17;
                *asked += u32::from(streams.note(offset, 1 << 17, LIMIT).is_some());
            }
        }
        assert!(asked.iter().all(|n| *n > 10), "{asked:?}");
    }

    #[test]
    fn who_jumps_is_not_served() {
        let mut streams = Streams::default();
        let mut asked = 0;
        let mut place = 1_u64;
        for _ in 0..10_000 {
            place = place
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let offset = (place >> 33) % (256 << 20);
            asked += u32::from(streams.note(offset & !4095, 4096, LIMIT).is_some());
        }
        assert!(asked < 20, "{asked}");
    }

    #[test]
    fn who_reads_the_same_again_is_not_served() {
        let mut streams = Streams::default();
        for _ in 0..1000 {
            assert_eq!(streams.note(1 << 20, 1 << 17, LIMIT), None);
        }
    }

    #[test]
    fn offsets_at_the_end_of_numbers_do_not_overflow() {
        let mut streams = Streams::default();
        for offset in [u64::MAX, u64::MAX - 1, 0, u64::MAX - (1 << 18)] {
            let _ = streams.note(offset, u64::MAX, u64::MAX);
            let _ = streams.note(offset, 1, LIMIT);
        }
    }
}
