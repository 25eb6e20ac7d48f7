//! A safe face for the few calls of zlib that seek points need: `Z_BLOCK`, the window, and
//! priming with single bits. The engine is zlib-rs behind zlib's C interface, the only one that
//! has these calls (zlib.h, "Advanced Functions").
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};
use std::io;
use std::mem::size_of;

use libz_rs_sys as z;

/// Longest window of deflate, in bytes (RFC 1951, section 2).
pub(crate) const WINDOW_LEN: usize = 32 * 1024;

/// Negative window bits: deflate without any header (zlib.h, `inflateInit2`).
const RAW: c_int = -15;
/// Window bits plus 16: gzip header and trailer, whose CRC and length are checked.
const GZIP: c_int = 15 + 16;

/// What is around the deflate data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrapper {
    /// Nothing: decoding begins inside a member.
    Raw,
    /// A gzip header and trailer.
    Gzip,
}

impl Wrapper {
    fn window_bits(self) -> c_int {
        match self {
            Self::Raw => RAW,
            Self::Gzip => GZIP,
        }
    }
}

/// Up to where [`Inflater::step`] goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Until {
    /// The next block, if neither input nor output runs out before.
    Block,
    /// Until one of them runs out.
    Buffer,
}

/// How far one call of [`Inflater::step`] came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Bytes of input that are used up.
    pub consumed: usize,
    /// Bytes of output that were written.
    pub produced: usize,
    /// Where the decoder stands now.
    pub stop: Stop,
}

/// Why [`Inflater::step`] returned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Input or output ran out.
    Buffer,
    /// Before a block: decoding could start again here. `bits` bits of the last byte consumed
    /// belong to what follows.
    Block { bits: u8 },
    /// The member (or, raw, its deflate data) has ended.
    End,
}

/// A deflate decoder. Freed when dropped.
pub(crate) struct Inflater {
    /// Boxed, since the decoder's state points back at it.
    stream: Box<z::z_stream>,
}

// SAFETY: the stream is owned by this value alone, zlib keeps no thread-local state, and every
// call takes `&mut self`.
unsafe impl Send for Inflater {}

impl Inflater {
    /// A decoder at the start of a stream.
    pub(crate) fn new(wrapper: Wrapper) -> io::Result<Self> {
        let mut stream = Box::new(z::z_stream::default());
        // SAFETY: the stream is initialised with the library's own allocator by `default`, and
        // the version and size that are passed are those of the library it is passed to.
        let code = unsafe {
            z::inflateInit2_(
                &mut *stream,
                wrapper.window_bits(),
                z::zlibVersion(),
                size_of::<z::z_stream>() as c_int,
            )
        };
        if code != z::Z_OK {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(Self { stream })
    }

    /// Makes the decoder as new, for the next member.
    pub(crate) fn reset(&mut self, wrapper: Wrapper) -> io::Result<()> {
        // SAFETY: the stream was initialised by `new` and is freed only in `drop`.
        let code = unsafe { z::inflateReset2(&mut *self.stream, wrapper.window_bits()) };
        self.check(code)
    }

    /// Feeds the decoder the unread bits of the byte before a seek point, and the window.
    pub(crate) fn resume(&mut self, bits: u8, byte: u8, window: &[u8]) -> io::Result<()> {
        if (1..8).contains(&bits) {
            let value = c_int::from(byte >> (8 - bits));
            // SAFETY: the stream is initialised; at most 7 bits are primed.
            let code = unsafe { z::inflatePrime(&mut *self.stream, c_int::from(bits), value) };
            self.check(code)?;
        }
        let len = u32::try_from(window.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        if len > 0 {
            // SAFETY: `window` is valid for reads of `len` bytes and is copied by the call.
            let code = unsafe { z::inflateSetDictionary(&mut *self.stream, window.as_ptr(), len) };
            self.check(code)?;
        }
        Ok(())
    }

    /// The output that back references of what follows may point into.
    pub(crate) fn window(&mut self) -> io::Result<Box<[u8]>> {
        let mut window = vec![0; WINDOW_LEN];
        let mut len = 0;
        // SAFETY: the buffer has room for the longest window, and `len` is a valid u32.
        let code = unsafe { z::inflateGetDictionary(&*self.stream, window.as_mut_ptr(), &mut len) };
        self.check(code)?;
        window.truncate(len as usize);
        Ok(window.into_boxed_slice())
    }

    /// Decodes until input or output runs out, the data ends, or, if that is wanted, a block begins.
    pub(crate) fn step(
        &mut self,
        input: &[u8],
        output: &mut [u8],
        until: Until,
    ) -> io::Result<Step> {
        let flush = match until {
            Until::Block => z::Z_BLOCK,
            Until::Buffer => z::Z_NO_FLUSH,
        };
        let avail_in = u32::try_from(input.len()).unwrap_or(u32::MAX);
        let avail_out = u32::try_from(output.len()).unwrap_or(u32::MAX);
        self.stream.next_in = input.as_ptr();
        self.stream.avail_in = avail_in;
        self.stream.next_out = output.as_mut_ptr();
        self.stream.avail_out = avail_out;
        // SAFETY: both pointers are valid for as many bytes as `avail_in` and `avail_out` say,
        // during this call; they are cleared below so that none outlives it.
        let code = unsafe { z::inflate(&mut *self.stream, flush) };
        let consumed = (avail_in - self.stream.avail_in) as usize;
        let produced = (avail_out - self.stream.avail_out) as usize;
        self.stream.next_in = std::ptr::null();
        self.stream.next_out = std::ptr::null_mut();
        self.stream.avail_in = 0;
        self.stream.avail_out = 0;

        let stop = match code {
            z::Z_STREAM_END => Stop::End,
            z::Z_OK | z::Z_BUF_ERROR => {
                // zlib.h: 128 is added to data_type when inflate stopped at the end of a block
                // or of the header, 64 while in the last block; the low bits count unused bits.
                let state = self.stream.data_type;
                if state & 128 != 0 && state & 64 == 0 {
                    Stop::Block {
                        bits: (state & 7) as u8,
                    }
                } else {
                    Stop::Buffer
                }
            }
            code => return Err(self.error(code)),
        };
        Ok(Step {
            consumed,
            produced,
            stop,
        })
    }

    fn check(&self, code: c_int) -> io::Result<()> {
        if code == z::Z_OK {
            Ok(())
        } else {
            Err(self.error(code))
        }
    }

    fn error(&self, code: c_int) -> io::Error {
        let message = if self.stream.msg.is_null() {
            match code {
                z::Z_NEED_DICT => "a preset dictionary is wanted".to_owned(),
                z::Z_MEM_ERROR => return io::ErrorKind::OutOfMemory.into(),
                code => format!("zlib error {code}"),
            }
        } else {
            // SAFETY: where it is not null, `msg` is a static, NUL-terminated string (zlib.h).
            unsafe { CStr::from_ptr(self.stream.msg) }
                .to_string_lossy()
                .into_owned()
        };
        io::Error::new(io::ErrorKind::InvalidData, message)
    }
}

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: the stream was initialised by `new`, and this is its only end.
        unsafe {
            z::inflateEnd(&mut *self.stream);
        }
    }
}
