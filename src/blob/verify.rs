//! Hashing a blob without decoding it.

use std::sync::Arc;

use super::input::Input;
use super::{BlobError, Digest, Hasher, ReadAt};

/// Reads a blob to its end and checks its digest. `progress` is told how many bytes are read.
///
/// # Errors
/// If it cannot be read, or is not the blob of that digest.
pub fn verify(
    source: Arc<dyn ReadAt>,
    expected: &Digest,
    progress: &mut dyn FnMut(u64),
) -> Result<(), BlobError> {
    let mut input = Input::new(source, Some(Hasher::like(expected)));
    input.drain(progress)?;
    match input.digest() {
        Some(actual) if actual != *expected => Err(BlobError::Digest {
            expected: expected.clone(),
            actual,
        }),
        _ => Ok(()),
    }
}
