//! Decodes a blob into a file, for callers that need the decoded bytes as a source.

use std::io::{self, Write};
use std::sync::Arc;

use super::codec_pass::CodecPass;
use super::input::PassInput;
use super::span_builder::NoSpans;
use super::{BlobError, Codec, FileSource, ReadAt};
use crate::cache::temporary_dir;

/// Decodes a blob into an unnamed file in the directory for temporary files.
///
/// # Errors
/// If the blob cannot be read or decoded, or the file cannot be written.
pub(crate) fn unpack(source: Arc<dyn ReadAt>) -> Result<FileSource, BlobError> {
    let mut input = PassInput::new(source, None);
    let head = input.peek(super::codec::MAGIC_LEN)?;
    let codec = Codec::sniff(head).map_err(BlobError::Unsupported)?;
    let mut file = tempfile::tempfile_in(temporary_dir()).map_err(BlobError::Spool)?;
    let mut decoder = CodecPass::new(codec);
    loop {
        decoder.advance(&mut input, &mut NoSpans)?;
        match decoder.ready(&input) {
            [] => break,
            ready => file.write_all(ready).map_err(BlobError::Spool)?,
        }
    }
    let source: io::Result<FileSource> = FileSource::new(file);
    source.map_err(BlobError::Spool)
}

#[cfg(test)]
mod tests {
    use super::super::source::tests::Memory;
    use super::super::{Bytes, read_all};
    use super::*;

    #[test]
    fn the_file_holds_the_decoded_bytes() {
        let plain: Vec<u8> = (0..600_000_u32).map(|n| (n / 7) as u8).collect();
        let stored = ::zstd::encode_all(&*plain, 1).unwrap();
        let unpacked = unpack(Arc::new(Memory(stored.clone()))).unwrap();
        assert!(read_all(&unpacked, 1 << 20).unwrap() == plain);
        let cut: Arc<[u8]> = stored[..stored.len() / 2].into();
        let error = unpack(Arc::new(Bytes(cut))).unwrap_err();
        assert!(matches!(error, BlobError::Truncated { .. }), "{error}");
    }
}
