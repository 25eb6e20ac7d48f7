//! The progress of a verification, for its caller.

/// The progress of reading blobs. Reported from several threads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// The sizes in bytes of all blobs that will be read.
    Start(&'a [u64]),
    /// This many bytes of one blob have been read.
    At {
        /// The index of the blob in the list.
        blob: usize,
        /// The number of bytes.
        position: u64,
    },
}
