//! Hashes a blob without decoding it.

use std::sync::Arc;

use super::input::PassInput;
use super::{BlobError, Digest, Hasher, ReadAt};

/// Reads a blob to its end and checks its digest. `progress` is called with the number of bytes read
/// so far.
///
/// # Errors
/// If the blob cannot be read, or does not have the expected digest.
pub(crate) fn verify(
    source: Arc<dyn ReadAt>,
    expected: &Digest,
    progress: &mut dyn FnMut(u64),
) -> Result<(), BlobError> {
    let mut input = PassInput::new(source, Some(Hasher::like(expected)));
    input.drain(progress)?;
    match input.digest() {
        Some(actual) if actual != *expected => Err(BlobError::Digest {
            expected: expected.clone(),
            actual,
        }),
        _ => Ok(()),
    }
}
