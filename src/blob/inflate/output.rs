//! The buffer of decoded bytes: those that have not been taken, and before them the window. Both lie
//! next to each other, so that copies find the bytes that they refer to in one slice.

use super::error::Invalid;

/// The maximum length of the window of deflate, in bytes (RFC 1951, section 2).
pub(crate) const WINDOW_LEN: usize = 32 * 1024;

/// Length of the window and the bytes that have not been taken, in bytes. The window is moved seldom
/// with this length, and the buffer still fits into the processor's cache.
const SIZE: usize = 256 * 1024;

/// A copy may write up to this many bytes more than its length. They are overwritten later.
const SLACK: usize = 64;

type Buffer = [u8; SIZE + SLACK];

/// The maximum length of a copy, in bytes (RFC 1951, 3.2.5).
pub(super) const LONGEST: usize = 258;

/// A buffer of decoded bytes.
pub(super) struct Output {
    buf: Box<Buffer>,
    /// Bytes before this must not be referred to.
    begin: usize,
    /// The first byte that has not been taken.
    from: usize,
    /// The end of the decoded bytes.
    at: usize,
}

impl Output {
    /// Memory of a buffer, in bytes.
    pub(super) const FOOTPRINT: usize = size_of::<Buffer>();

    pub(super) fn new() -> Self {
        Self {
            buf: Box::new([0; SIZE + SLACK]),
            begin: 0,
            from: 0,
            at: 0,
        }
    }

    /// Returns how many bytes can be added.
    pub(super) fn room(&self) -> usize {
        SIZE - self.at
    }

    /// Returns the bytes that have not been taken.
    pub(super) fn ready(&self) -> &[u8] {
        self.buf.get(self.from..self.at).unwrap_or_default()
    }

    /// Takes `n` of these bytes.
    pub(super) fn take(&mut self, n: usize) {
        self.from = (self.from + n).min(self.at);
        let kept = self.window().len();
        if self.from == self.at && self.at > kept {
            self.buf.copy_within(self.at - kept..self.at, 0);
            (self.begin, self.from, self.at) = (0, kept, kept);
        }
    }

    /// Returns the bytes that may be referred to.
    pub(super) fn window(&self) -> &[u8] {
        let from = self.begin.max(self.at.saturating_sub(WINDOW_LEN));
        self.buf.get(from..self.at).unwrap_or_default()
    }

    /// Empties the window: bytes added later must not refer to those decoded before.
    pub(super) fn forget(&mut self) {
        self.begin = self.at;
    }

    /// Adds bytes, for which there must be room.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= self.room());
        let to = self.buf.get_mut(self.at..self.at + bytes.len());
        if let Some(to) = to {
            to.copy_from_slice(bytes);
            self.at += bytes.len();
        }
    }

    /// Adds `len` bytes, for which there must be room. They are a copy of the bytes that begin
    /// `distance` bytes before the end, and may overlap with them.
    pub(super) fn repeat(&mut self, distance: usize, len: usize) -> Result<(), Invalid> {
        let mut tail = self.tail();
        tail.check(distance)?;
        tail.repeat(distance, len);
        self.at = tail.at;
        Ok(())
    }

    /// Returns a view for adding many bytes. Pass its end to [`Output::reached`] afterwards.
    #[inline(always)]
    pub(super) fn tail(&mut self) -> Tail<'_> {
        Tail {
            begin: self.begin,
            at: self.at,
            buf: &mut self.buf,
        }
    }

    /// Sets the end to the one of a [`Tail`].
    pub(super) fn reached(&mut self, at: usize) {
        self.at = at.clamp(self.at, SIZE);
    }
}

/// The end of an [`Output`], with positions that can be kept in registers.
pub(super) struct Tail<'a> {
    buf: &'a mut Buffer,
    begin: usize,
    pub at: usize,
}

impl Tail<'_> {
    /// Returns whether `len` bytes can be added.
    #[inline(always)]
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.at <= SIZE - len
    }

    /// Returns the `N` bytes at `place`. `N` is at most [`SLACK`].
    #[inline(always)]
    fn chunk<const N: usize>(&mut self, place: usize) -> &mut [u8; N] {
        const { assert!(N <= SLACK && SIZE.is_power_of_two()) };
        // While there is room, `place` is below `SIZE`, and the mask does not change it. It shows the
        // compiler that the range is in the buffer, so that there is no check and no panic.
        let place = place & (SIZE - 1);
        self.buf[place..place + N].first_chunk_mut().unwrap()
    }

    /// Adds a byte, for which there must be room.
    #[inline(always)]
    pub(super) fn push(&mut self, byte: u8) {
        *self.chunk(self.at) = [byte];
        self.at += 1;
    }

    /// Checks that a copy from `distance` bytes before the end begins in the window.
    #[inline(always)]
    pub(super) fn check(&self, distance: usize) -> Result<(), Invalid> {
        match distance <= self.at - self.begin {
            true => Ok(()),
            false => Err(Invalid("a copy that starts before the first byte")),
        }
    }

    /// Adds `len` bytes, for which there must be room. They are a copy of the bytes that begin
    /// `distance` bytes before the end, which must have been [checked](Self::check).
    #[inline(always)]
    pub(super) fn repeat(&mut self, distance: usize, len: usize) {
        let from = self.at - distance;
        let end = self.at + len;
        if distance >= 16 {
            // Most copies are shorter than two chunks. Copying both costs less than a check whether
            // one is enough.
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
            // Each step copies the bytes that were just written too, so the distance doubles.
            let mut to = self.at;
            while to < end && to - from < 8 {
                *self.chunk::<8>(to) = *self.chunk(from);
                to += to - from;
            }
            self.copy::<8>(from, to, end);
        }
        self.at = end;
    }

    /// Copies chunks of `N` bytes until `to` reaches `end` or passes it. `from` must be at least `N`
    /// bytes before `to`.
    #[inline(always)]
    fn copy<const N: usize>(&mut self, mut from: usize, mut to: usize, end: usize) {
        while to < end {
            *self.chunk::<N>(to) = *self.chunk(from);
            from += N;
            to += N;
        }
    }
}
