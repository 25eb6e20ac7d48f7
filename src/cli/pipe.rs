//! Standard output that somebody stops reading.

use std::io;

/// Who reads the pipe has seen enough: that is no error.
pub(crate) fn closed(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    }
}
