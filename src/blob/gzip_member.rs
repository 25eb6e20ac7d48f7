//! A gzip member: a header, deflate data, and a trailer with checksum and length (RFC 1952, 2.3).

use std::io;

use super::error::invalid;
use super::gzip_header::GzipHeaderParser;
use super::inflate::{Inflater, Step, Stop, Until};
use super::span_builder::SpanSink;

/// CRC-32 and length at the end of a member.
const TRAILER_LEN: usize = 8;

/// A member that is being decoded. Its input can arrive in pieces of any size.
pub(super) struct GzipMember {
    state: MemberState,
    inflater: Inflater,
    /// What the trailer is compared with. `None` if it is not compared.
    check: Option<TrailerCheck>,
}

/// The position in the member.
enum MemberState {
    Header(GzipHeaderParser),
    Data,
    /// The bytes of the trailer that were read, and their number.
    Trailer([u8; TRAILER_LEN], usize),
}

#[derive(Default)]
struct TrailerCheck {
    crc: crc32fast::Hasher,
    /// Modulo 2^32.
    size: u32,
}

impl GzipMember {
    /// Approximate memory of a member's decoder, in bytes.
    pub(super) const FOOTPRINT: usize = Inflater::FOOTPRINT;

    /// Begins at the header of a member. The trailer is compared.
    pub(super) fn checked() -> Self {
        Self {
            check: Some(TrailerCheck::default()),
            ..Self::unchecked()
        }
    }

    /// Begins at the header of a member. The trailer is not compared: the caller checks the bytes in
    /// another way.
    pub(super) fn unchecked() -> Self {
        Self {
            state: MemberState::Header(GzipHeaderParser::default()),
            inflater: Inflater::new(),
            check: None,
        }
    }

    /// Begins before a block, like [`Inflater::resume`].
    pub(super) fn resumed(bits: u8, byte: u8, window: &[u8]) -> Self {
        let mut member = Self::unchecked();
        member.state = MemberState::Data;
        member.inflater.resume(bits, byte, window);
        member
    }

    /// Begins at the header of the next member. Output that has not been taken stays.
    pub(super) fn restart(&mut self) {
        self.state = MemberState::Header(GzipHeaderParser::default());
        self.inflater.restart();
        self.check = self.check.as_ref().map(|_| TrailerCheck::default());
    }

    /// Decodes until the input or the room for output runs out, the member ends, or (with
    /// [`Until::Block`]) a block begins. It also returns at the end of the deflate data, so that the
    /// caller can [account](Self::account) for the last bytes before the trailer is compared.
    ///
    /// # Errors
    /// If the bytes are not a gzip member, or do not match its trailer.
    pub(super) fn step(&mut self, input: &[u8], until: Until) -> io::Result<Step> {
        match &mut self.state {
            MemberState::Header(header) => {
                let (consumed, ended) = header.step(input)?;
                if ended {
                    self.state = MemberState::Data;
                }
                Ok(buffer(consumed))
            }
            MemberState::Data => {
                let step = self.inflater.step(input, until);
                let step = step.map_err(|e| invalid(&e.to_string()))?;
                match step.stop {
                    Stop::End => {
                        self.state = MemberState::Trailer([0; TRAILER_LEN], 0);
                        let stop = Stop::Buffer;
                        Ok(Step { stop, ..step })
                    }
                    _ => Ok(step),
                }
            }
            MemberState::Trailer(trailer, have) => {
                let (_, missing) = trailer.split_at_mut((*have).min(TRAILER_LEN));
                let n = missing.len().min(input.len());
                for (to, byte) in missing.iter_mut().zip(input) {
                    *to = *byte;
                }
                *have += n;
                if *have < TRAILER_LEN {
                    return Ok(buffer(n));
                }
                if let Some(check) = &self.check {
                    check.compare(trailer)?;
                }
                let stop = Stop::End;
                Ok(Step { stop, ..buffer(n) })
            }
        }
    }

    /// Adds the last `n` decoded bytes, which the last step produced, to the checksums and to
    /// `spans`.
    pub(super) fn account(&mut self, n: usize, spans: &mut impl SpanSink) {
        let ready = self.inflater.ready();
        let new = ready.get(ready.len().saturating_sub(n)..);
        let new = new.unwrap_or_default();
        match &mut self.check {
            Some(check) => {
                spans.bytes(new, Some(&mut check.crc));
                check.size = check.size.wrapping_add(new.len() as u32);
            }
            None => spans.bytes(new, None),
        }
    }

    /// Returns the decoded bytes that have not been taken.
    pub(super) fn ready(&self) -> &[u8] {
        self.inflater.ready()
    }

    /// Returns how many bytes of output there is room for.
    pub(super) fn room(&self) -> usize {
        self.inflater.room()
    }

    /// Takes `n` bytes of the output. Room is made only when all output is taken.
    pub(super) fn take(&mut self, n: usize) {
        self.inflater.take(n);
    }

    /// Returns the output that the next bytes may refer to.
    pub(super) fn window(&self) -> &[u8] {
        self.inflater.window()
    }
}

fn buffer(consumed: usize) -> Step {
    Step {
        consumed,
        produced: 0,
        stop: Stop::Buffer,
    }
}

impl TrailerCheck {
    fn compare(&self, trailer: &[u8; TRAILER_LEN]) -> io::Result<()> {
        let [a, b, c, d, size @ ..] = *trailer;
        if self.crc.clone().finalize() != u32::from_le_bytes([a, b, c, d]) {
            return Err(invalid("the checksum of the decoded bytes does not match"));
        }
        if self.size != u32::from_le_bytes(size) {
            return Err(invalid("the length of the decoded bytes does not match"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::gzip_header::{FCOMMENT, FEXTRA, FHCRC, FNAME};
    use super::super::span_builder::NoSpans;
    use super::*;

    /// Decodes a member in pieces of `piece` bytes. Returns its bytes, and how much input was used.
    fn decode(bytes: &[u8], piece: usize) -> io::Result<(Vec<u8>, usize)> {
        let mut member = GzipMember::checked();
        let (mut out, mut used) = (Vec::new(), 0);
        while used < bytes.len() {
            let end = bytes.len().min(used + piece);
            let step = member.step(&bytes[used..end], Until::Buffer)?;
            used += step.consumed;
            member.account(step.produced, &mut NoSpans);
            out.extend_from_slice(member.ready());
            member.take(member.ready().len());
            if step.stop == Stop::End {
                return Ok((out, used));
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn message(bytes: &[u8]) -> String {
        let messages = [1, 7, 1000].map(|piece| decode(bytes, piece).unwrap_err().to_string());
        assert!(messages.iter().all(|m| *m == messages[0]), "{messages:?}");
        let [message, ..] = messages;
        message
    }

    /// A member with these flags, the fields that belong to them, and the checksum of its header.
    fn member(flags: u8, fields: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3];
        bytes.extend(fields);
        if flags & FHCRC != 0 {
            let crc = crc32fast::hash(&bytes) as u16;
            bytes.extend(crc.to_le_bytes());
        }
        // One stored block, the CRC-32 of "imgfs\n" as computed by gzip(1), and its length.
        bytes.extend([1, 6, 0, 0xf9, 0xff]);
        bytes.extend(b"imgfs\n");
        bytes.extend(0xf1f7_f7ce_u32.to_le_bytes());
        bytes.extend(6_u32.to_le_bytes());
        bytes
    }

    #[test]
    fn headers_with_every_field() {
        // The bytes 1f, 8b and 0 have no special meaning in the extra field.
        let extra = [&[5, 0][..], &[0x1f, 0x8b, 0, 0, 9]].concat();
        let long = [&[0, 3][..], &[7; 768]].concat();
        let (name, comment) = (&b"layer.tar\0"[..], &b"\0"[..]);
        let cases: [(u8, Vec<u8>); 8] = [
            (0, vec![]),
            (FHCRC, vec![]),
            (FEXTRA, extra.clone()),
            (FEXTRA | FHCRC, long),
            (FEXTRA, vec![0, 0]),
            (FNAME, name.to_vec()),
            (FCOMMENT | FHCRC, comment.to_vec()),
            (
                FEXTRA | FNAME | FCOMMENT | FHCRC | 1,
                [&extra, name, comment].concat(),
            ),
        ];
        for (flags, fields) in cases {
            let bytes = member(flags, &fields);
            let more = [&bytes[..], b"more"].concat();
            for piece in [1, 2, 9, 1000] {
                let (out, used) = decode(&more, piece).unwrap();
                assert_eq!(out, b"imgfs\n", "{flags:#b}");
                assert_eq!(used, bytes.len(), "{flags:#b}");
            }
            for cut in 0..bytes.len() {
                let error = decode(&bytes[..cut], 5).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            }
        }
    }

    #[test]
    fn what_gzip_writes() {
        let bytes: Vec<u8> = (0..100_000_u32)
            .flat_map(|n| (n / 3).to_le_bytes())
            .collect();
        let level = flate2::Compression::default();
        let mut encoder = flate2::GzBuilder::new()
            .filename("a")
            .write(Vec::new(), level);
        encoder.write_all(&bytes).unwrap();
        let gzip = encoder.finish().unwrap();
        for piece in [1, 4096, 1 << 20] {
            assert!(decode(&gzip, piece).unwrap() == (bytes.clone(), gzip.len()));
        }
    }

    #[test]
    fn what_is_wrong_is_told() {
        let whole = member(FHCRC | FNAME, b"x\0");
        let damaged = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            message(&bytes)
        };
        assert_eq!(damaged(0), "this is not a gzip header");
        assert_eq!(damaged(1), "this is not a gzip header");
        assert_eq!(damaged(2), "an unknown compression method");
        assert_eq!(damaged(3), "a gzip header with unknown flags");
        let header = "the checksum of the gzip header does not match";
        for at in [4, 9, 10, 12, 13] {
            assert_eq!(damaged(at), header, "byte {at}");
        }
        let end = whole.len();
        let checksum = "the checksum of the decoded bytes does not match";
        for at in [end - 9, end - 8, end - 5] {
            assert_eq!(damaged(at), checksum, "byte {at}");
        }
        let length = "the length of the decoded bytes does not match";
        for at in [end - 4, end - 1] {
            assert_eq!(damaged(at), length, "byte {at}");
        }
    }

    #[test]
    fn each_member_has_its_own_checksum() {
        let both = [member(0, b""), member(FNAME, b"b\0")].concat();
        let mut member = GzipMember::checked();
        let (mut used, mut ends) = (0, 0);
        while used < both.len() {
            let step = member.step(&both[used..], Until::Buffer).unwrap();
            used += step.consumed;
            member.account(step.produced, &mut NoSpans);
            if step.stop == Stop::End {
                ends += 1;
                member.restart();
            }
        }
        assert_eq!((ends, member.ready()), (2, &b"imgfs\nimgfs\n"[..]));
    }
}
