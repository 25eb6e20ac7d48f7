//! The bits of deflate data. They are packed into bytes from the lowest bit of each byte on (RFC
//! 1951, 3.1.1).

/// The input of one call, and the number of its bytes that are used.
#[derive(Clone, Copy, Debug)]
pub(super) struct InputBytes<'a> {
    pub bytes: &'a [u8],
    pub used: usize,
}

impl<'a> InputBytes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, used: 0 }
    }

    /// Returns the bytes that are not used.
    pub(super) fn left(&self) -> &'a [u8] {
        self.bytes.get(self.used..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.used)?;
        self.used += 1;
        Some(byte)
    }
}

/// Bits that were taken from the input and are not used yet.
///
/// They are taken a byte at a time, and only as many as are needed. So between two symbols there are
/// fewer than eight, and the bytes that are not used are exactly the ones that follow. There are more
/// only in the middle of a symbol: at most 55, since 48 are enough for the longest one (a length and
/// its distance: 15 + 5 + 15 + 13 bits).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bits {
    /// The next bit is the lowest. Bits at and above `count` are 0.
    pub buf: u64,
    /// The number of bits.
    pub count: u32,
}

impl Bits {
    /// Takes one more byte from the input. Returns false if there is none.
    pub(super) fn pull(&mut self, source: &mut InputBytes<'_>) -> bool {
        debug_assert!(self.count <= 56);
        let Some(byte) = source.next() else {
            return false;
        };
        self.buf |= u64::from(byte) << self.count;
        self.count += 8;
        true
    }

    /// Returns the next `n` bits, at most 32, without using them. `None` if more input is needed.
    pub(super) fn peek(&mut self, n: u32, source: &mut InputBytes<'_>) -> Option<u32> {
        while self.count < n {
            if !self.pull(source) {
                return None;
            }
        }
        Some((self.buf & !(u64::MAX << n)) as u32)
    }

    /// Uses `n` bits, which must have been taken.
    pub(super) fn drop(&mut self, n: u32) {
        debug_assert!(n <= self.count);
        self.buf >>= n;
        self.count -= n;
    }

    /// Uses and returns the next `n` bits, at most 32. `None` if more input is needed; then no bit is
    /// used.
    pub(super) fn take(&mut self, n: u32, source: &mut InputBytes<'_>) -> Option<u32> {
        let bits = self.peek(n, source)?;
        self.drop(n);
        Some(bits)
    }

    /// Uses the remaining bits of the last byte.
    pub(super) fn align(&mut self) {
        self.drop(self.count % 8);
    }
}
