//! The body of a blob response: delivers the bytes from an offset on, in order, each once, and
//! never more than the blob's size.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use ureq::Body;
use ureq::http::Response;

use super::RegistryError;
use super::connections::Connections;
use super::error::RequestContext;
use super::redirect::{connection_failed, header};
use super::retry::FailedRequest;

/// The size of the buffer, and the maximum length of a piece that is handed on.
const PIECE: usize = 512 * 1024;
/// A piece is handed on once it has this many bytes, or once [`LONG_ENOUGH`] has passed since its
/// first byte arrived.
const ENOUGH: usize = 128 * 1024;
const LONG_ENOUGH: Duration = Duration::from_millis(100);

/// The progress of a blob download.
pub(super) struct Delivery<'a> {
    pub context: &'a RequestContext,
    /// The length of the blob according to its descriptor.
    pub size: u64,
    /// The number of bytes delivered so far, which is also the offset of the next byte.
    pub at: u64,
    pub sink: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
    buffer: Vec<u8>,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(
        context: &'a RequestContext,
        size: u64,
        at: u64,
        sink: &'a mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Self {
        Self {
            context,
            size,
            at,
            sink,
            buffer: Vec::new(),
        }
    }

    /// Delivers the bytes of a response to a request for the bytes from `self.at` on.
    ///
    /// # Errors
    /// If the response is not what was requested, or ends too soon. The bytes received until then
    /// have been delivered.
    pub(super) fn take(
        &mut self,
        connections: &Connections,
        host: &str,
        response: Response<Body>,
    ) -> Result<(), FailedRequest> {
        let begins = self.begins(&response)?;
        let length = response.body().content_length();
        self.check(begins, length, &response)?;
        let mut skip = self.at.saturating_sub(begins);
        let mut body = response.into_body().into_reader();
        if self.buffer.is_empty() {
            self.buffer = vec![0; PIECE];
        }
        let (mut filled, mut since) = (0, Instant::now());
        loop {
            let room = self.buffer.get_mut(filled..).unwrap_or_default();
            let read = body.read(room);
            let (n, end) = match read {
                Ok(0) => (0, Some(None)),
                Ok(n) => (n, None),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => (0, Some(Some(e))),
            };
            let mut n = n;
            if skip > 0 {
                let skipped = skip.min(n as u64);
                skip -= skipped;
                // `skipped` is at most `n`, so it fits in a `usize`.
                let skipped = skipped as usize;
                self.buffer
                    .copy_within(filled + skipped..filled + n, filled);
                n -= skipped;
            }
            if filled == 0 {
                since = Instant::now();
            }
            filled += n;
            let missing = self.size - self.at;
            let whole = filled as u64 >= missing;
            let hand_on =
                whole || filled >= ENOUGH || end.is_some() || since.elapsed() >= LONG_ENOUGH;
            if hand_on && filled > 0 {
                let piece = self
                    .buffer
                    .get(..filled.min(usize::try_from(missing).unwrap_or(usize::MAX)));
                let piece = piece.unwrap_or_default();
                (self.sink)(piece).map_err(RegistryError::Sink)?;
                self.at += piece.len() as u64;
                if filled as u64 > missing {
                    return Err(self.too_long().into());
                }
                filled = 0;
            }
            if self.at == self.size {
                // Reading the end of the body makes the connection reusable. If the length is not
                // known, the end may take long to arrive, so it is not read.
                if end.is_none() && length.is_some() {
                    let _ = body.read(self.buffer.get_mut(..1).unwrap_or_default());
                }
                return Ok(());
            }
            match end {
                None => {}
                Some(Some(error)) => {
                    return Err(connection_failed(
                        self.context,
                        host,
                        connections.broken_io(error),
                    ));
                }
                // Without a declared length, a closed connection ends the body.
                Some(None) => {
                    let detail = format!("{host}: the connection was cut");
                    return Err(FailedRequest::for_now(self.context.connection(detail)));
                }
            }
        }
    }

    /// Returns the offset at which the body begins (RFC 9110, sections 14.4 and 15.3.7). A server
    /// may ignore the Range header and send the whole blob.
    fn begins(&self, response: &Response<Body>) -> Result<u64, RegistryError> {
        if response.status().as_u16() != 206 {
            return Ok(0);
        }
        let text = header(response, "content-range").unwrap_or_default();
        let wrong = || {
            let text = super::error_body::one_line(text);
            let detail = format!(
                "it was asked for the bytes from {} on and sent {text:?}",
                self.at
            );
            self.context.answer(detail)
        };
        let (first, last, total) = content_range(text).ok_or_else(wrong)?;
        let fits = first <= self.at && last >= self.at && last < self.size;
        if !fits || total.is_some_and(|total| total != self.size) {
            return Err(wrong());
        }
        Ok(first)
    }

    /// Checks the headers before the body is read.
    fn check(
        &self,
        begins: u64,
        length: Option<u64>,
        response: &Response<Body>,
    ) -> Result<(), RegistryError> {
        let encoded = header(response, "content-encoding")
            .is_some_and(|e| !e.eq_ignore_ascii_case("identity"));
        let wanted = self.size - begins;
        // Storage that keeps a `gzip` encoding with a layer's object sends the header for the layer
        // itself. In that case the length matches.
        if encoded && length != Some(wanted) {
            return Err(self
                .context
                .answer("it was sent compressed, which was not requested"));
        }
        if header(response, "transfer-encoding")
            .is_some_and(|e| !e.trim().eq_ignore_ascii_case("chunked"))
        {
            return Err(self
                .context
                .answer("it was sent with a transfer encoding that was not requested"));
        }
        match length {
            Some(length) if length > wanted => Err(self.too_long()),
            // A partial response may be shorter than requested. The rest is requested again.
            Some(length) if length < wanted && response.status().as_u16() != 206 => {
                let detail = format!(
                    "it has {length} bytes, but its descriptor says {}",
                    self.size
                );
                Err(self.context.document(detail))
            }
            _ => Ok(()),
        }
    }

    fn too_long(&self) -> RegistryError {
        let detail = format!(
            "it is longer than its descriptor says ({} bytes)",
            self.size
        );
        self.context.document(detail)
    }
}

/// Parses `bytes FIRST-LAST/TOTAL`, where the total may be `*`.
fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (unit, rest) = text.trim().split_once(' ')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (range, total) = rest.trim().split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((first.parse().ok()?, last.parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The examples of RFC 9110, section 14.4.
    #[test]
    fn content_ranges() {
        assert_eq!(
            content_range("bytes 42-1233/1234"),
            Some((42, 1233, Some(1234)))
        );
        assert_eq!(content_range("bytes 42-1233/*"), Some((42, 1233, None)));
        for bad in [
            "bytes */1234",
            "",
            "bytes",
            "42-1233/1234",
            "bytes 1-x/2",
            "pages 1-2/3",
            "bytes -1-2/3",
        ] {
            assert_eq!(content_range(bad), None, "{bad}");
        }
    }
}
