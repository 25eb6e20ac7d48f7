//! The bits of deflate data, which come in bytes, the lowest bit of each first (RFC 1951, 3.1.1).

/// The bytes that a call was given, and how many of them are used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub bytes: &'a [u8],
    pub used: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, used: 0 }
    }

    /// The bytes that are not used.
    pub(super) fn left(&self) -> &'a [u8] {
        self.bytes.get(self.used..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.used)?;
        self.used += 1;
        Some(byte)
    }
}

/// Bits that were taken from the bytes and are not used yet.
///
/// They are taken a byte at a time and only as many as are needed. So between two symbols there are fewer
/// than eight, and what is not used of the bytes is just what follows. Only while the end of a symbol
/// is still to come there are more: at most 55, for with 48 the longest is there (a length and its
/// distance: 15 + 5 + 15 + 13 bits).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bits {
    /// The next bit is the lowest. Those that are not there are 0.
    pub buf: u64,
    /// How many are there.
    pub count: u32,
}

impl Bits {
    /// Takes one byte more; false if there is none.
    pub(super) fn pull(&mut self, source: &mut Source<'_>) -> bool {
        debug_assert!(self.count <= 56);
        let Some(byte) = source.next() else {
            return false;
        };
        self.buf |= u64::from(byte) << self.count;
        self.count += 8;
        true
    }

    /// The next `n` bits, at most 32, which stay; `None` if they are not all there.
    pub(super) fn peek(&mut self, n: u32, source: &mut Source<'_>) -> Option<u32> {
        while self.count < n {
            if !self.pull(source) {
                return None;
            }
        }
        Some((self.buf & !(u64::MAX << n)) as u32)
    }

    /// Uses `n` bits, which must be there.
    pub(super) fn drop(&mut self, n: u32) {
        debug_assert!(n <= self.count);
        self.buf >>= n;
        self.count -= n;
    }

    /// The next `n` bits, at most 32; `None`, and nothing is used, if they are not all there.
    pub(super) fn take(&mut self, n: u32, source: &mut Source<'_>) -> Option<u32> {
        let bits = self.peek(n, source)?;
        self.drop(n);
        Some(bits)
    }

    /// Uses what is left of the last byte.
    pub(super) fn align(&mut self) {
        self.drop(self.count % 8);
    }
}
