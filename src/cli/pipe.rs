//! Standard output to a pipe that its reader may close early.

use std::io::{self, BufWriter, StdoutLock, Write};
use std::process::ExitCode;

/// Turns a broken pipe into success: the reader has closed the pipe, which is not an error.
pub(crate) fn closed(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    }
}

/// Runs `write` with a buffered standard output. Returns success if the reader closes the pipe early.
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
            // Discard the buffer: writing it would fail again.
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
