//! Standard output that somebody stops reading.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::ExitCode;

/// Who reads the pipe has seen enough: that is no error.
pub(crate) fn closed(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    }
}

/// Writes to standard output, with a buffer. That nobody reads on ends it quietly.
pub(crate) fn to_stdout(
    write: impl FnOnce(&mut BufWriter<StdoutLock<'static>>) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    let written = write(&mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match written {
        Err(error) if is_closed(&error) => {
            // What the buffer still holds would fail again.
            let _ = out.into_parts();
            Ok(ExitCode::SUCCESS)
        }
        other => other,
    }
}

fn is_closed(error: &anyhow::Error) -> bool {
    let io = error.chain().filter_map(|e| e.downcast_ref::<io::Error>());
    io.into_iter()
        .any(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
