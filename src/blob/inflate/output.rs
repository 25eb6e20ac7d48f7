//! What was decoded last: the bytes that nobody has taken yet, and before them the window, so that
//! what refers to bytes before it finds them in one row.

use super::{Invalid, WINDOW_LEN};

/// How many bytes the window and what nobody has taken have together: so many that the window is moved
/// seldom, and so few that they stay in the processor's cache.
const SIZE: usize = 256 * 1024;

/// A copy may write so many bytes more than it has: they are written again later.
const SLACK: usize = 64;

type Buffer = [u8; SIZE + SLACK];

/// Longest copy, in bytes (RFC 1951, 3.2.5).
pub(super) const LONGEST: usize = 258;

/// A buffer of decoded bytes.
pub(super) struct Output {
    buf: Box<Buffer>,
    /// Nothing before this may be referred to.
    begin: usize,
    /// The first byte that nobody has taken.
    from: usize,
    /// Behind the last byte.
    at: usize,
}

impl Output {
    /// Memory that one takes, in bytes.
    pub(super) const FOOTPRINT: usize = size_of::<Buffer>();

    pub(super) fn new() -> Self {
        Self {
            buf: Box::new([0; SIZE + SLACK]),
            begin: 0,
            from: 0,
            at: 0,
        }
    }

    /// How many bytes can be added.
    pub(super) fn room(&self) -> usize {
        SIZE - self.at
    }

    /// What nobody has taken.
    pub(super) fn ready(&self) -> &[u8] {
        self.buf.get(self.from..self.at).unwrap_or_default()
    }

    /// Takes so many bytes of it.
    pub(super) fn take(&mut self, n: usize) {
        self.from = (self.from + n).min(self.at);
        let kept = self.window().len();
        if self.from == self.at && self.at > kept {
            self.buf.copy_within(self.at - kept..self.at, 0);
            (self.begin, self.from, self.at) = (0, kept, kept);
        }
    }

    /// What may be referred to.
    pub(super) fn window(&self) -> &[u8] {
        let from = self.begin.max(self.at.saturating_sub(WINDOW_LEN));
        self.buf.get(from..self.at).unwrap_or_default()
    }

    /// Nothing that is there may be referred to any more.
    pub(super) fn forget(&mut self) {
        self.begin = self.at;
    }

    /// Adds bytes, at most as many as there is room for.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= self.room());
        let to = self.buf.get_mut(self.at..self.at + bytes.len());
        if let Some(to) = to {
            to.copy_from_slice(bytes);
            self.at += bytes.len();
        }
    }

    /// Adds `len` bytes, at most as many as there is room for, that repeat those from `distance` before
    /// the end on.
    pub(super) fn repeat(&mut self, distance: usize, len: usize) -> Result<(), Invalid> {
        let mut tail = self.tail();
        tail.check(distance)?;
        tail.repeat(distance, len);
        self.at = tail.at;
        Ok(())
    }

    /// The same for who adds much.
    #[inline(always)]
    pub(super) fn tail(&mut self) -> Tail<'_> {
        Tail {
            begin: self.begin,
            at: self.at,
            buf: &mut self.buf,
        }
    }

    /// The end is where it was got to.
    pub(super) fn reached(&mut self, at: usize) {
        self.at = at.clamp(self.at, SIZE);
    }
}

/// An [`Output`] whose numbers can be kept in registers.
pub(super) struct Tail<'a> {
    buf: &'a mut Buffer,
    begin: usize,
    pub at: usize,
}

impl Tail<'_> {
    /// Whether so many bytes can be added.
    #[inline(always)]
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.at <= SIZE - len
    }

    /// The `N` bytes at a place, at most as many as the slack.
    #[inline(always)]
    fn chunk<const N: usize>(&mut self, place: usize) -> &mut [u8; N] {
        const { assert!(N <= SLACK && SIZE.is_power_of_two()) };
        // Places are below the size as long as there is room. The mask changes none: it tells the
        // compiler, which then need not check, and never panics.
        let place = place & (SIZE - 1);
        self.buf[place..place + N].first_chunk_mut().unwrap()
    }

    /// Adds a byte, for which there must be room.
    #[inline(always)]
    pub(super) fn push(&mut self, byte: u8) {
        *self.chunk(self.at) = [byte];
        self.at += 1;
    }

    /// Whether there is something at that distance.
    #[inline(always)]
    pub(super) fn check(&self, distance: usize) -> Result<(), Invalid> {
        match distance <= self.at - self.begin {
            true => Ok(()),
            false => Err(Invalid("a copy that starts before the first byte")),
        }
    }

    /// Adds `len` bytes, for which there must be room, that repeat those from `distance` before the end
    /// on, which must be there.
    #[inline(always)]
    pub(super) fn repeat(&mut self, distance: usize, len: usize) {
        let from = self.at - distance;
        let end = self.at + len;
        if distance >= 16 {
            // Most are shorter than two chunks, which cost less than to ask whether one is enough.
            let at = self.at;
            *self.chunk::<16>(at) = *self.chunk(from);
            *self.chunk::<16>(at + 16) = *self.chunk(from + 16);
            self.copy::<16>(from + 32, at + 32, end);
        } else if distance == 1 {
            let byte = self.chunk::<1>(from)[0];
            let mut to = self.at;
            while to < end {
                *self.chunk(to) = [byte; 16];
                to += 16;
            }
        } else {
            // What is written is repeated with the rest, so the distance doubles each time.
            let mut to = self.at;
            while to < end && to - from < 8 {
                *self.chunk::<8>(to) = *self.chunk(from);
                to += to - from;
            }
            self.copy::<8>(from, to, end);
        }
        self.at = end;
    }

    /// Copies from at least `N` bytes before `to` until it is at `end`, or a little behind.
    #[inline(always)]
    fn copy<const N: usize>(&mut self, mut from: usize, mut to: usize, end: usize) {
        while to < end {
            *self.chunk::<N>(to) = *self.chunk(from);
            from += N;
            to += N;
        }
    }
}
