//! Moves a mount into the background.
//!
//! The command starts itself again as a child process and waits. The child opens and mounts the image
//! while it is still attached to the terminal, so that the user sees its progress and errors, and Ctrl-C
//! reaches it. Then it starts its own session, redirects its standard streams to the log, and writes one
//! word to the pipe that was its standard output. A child that exits without writing that word has
//! failed, and the command exits with the child's exit code.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use rustix::process::Signal;

const READY: &[u8] = b"ready";

/// Starts this command again as a background process. Returns when that process serves the mount or has
/// failed.
pub(crate) fn start() -> io::Result<ExitCode> {
    // The path gives the process the name of the command. /proc/self/exe works even if that file is
    // gone.
    let program = std::env::current_exe().ok().filter(|path| path.exists());
    let mut child = Command::new(program.unwrap_or_else(|| "/proc/self/exe".into()));
    let mut args = std::env::args_os();
    if let Some(name) = args.next() {
        use std::os::unix::process::CommandExt;
        child.arg0(name);
    }
    // `--daemon` follows the subcommand `mount`, which is the first argument.
    if let Some(subcommand) = args.next() {
        child.arg(subcommand).arg("--daemon");
    }
    let mut child = child.args(args).stdout(Stdio::piped()).spawn()?;
    let mut said = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        // Returns when the child has detached or exited.
        stdout.take(READY.len() as u64).read_to_end(&mut said)?;
    }
    if said == READY {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(match code {
        // A child that succeeds writes the word first.
        Some(0) | None => ExitCode::FAILURE,
        Some(code) => ExitCode::from(code),
    })
}

/// Called in the child: asks the kernel to send SIGTERM to this process when the parent exits.
/// [`detach`] cancels that.
pub(crate) fn follow_parent() -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    Ok(())
}

/// Called in the child: detaches from the terminal and tells the parent that the mount is ready.
pub(crate) fn detach(log: &Path) -> io::Result<()> {
    let file = super::log::create(log)?;
    let null = std::fs::File::options().read(true).open("/dev/null")?;
    rustix::process::set_parent_process_death_signal(None)?;
    // Fails only for a process group leader, and a child is not one.
    rustix::process::setsid()?;
    std::env::set_current_dir("/")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stderr(&file)?;
    let mut pipe = io::stdout().lock();
    pipe.write_all(READY)?;
    pipe.flush()?;
    // From here on standard output goes to the log. The parent may have exited already.
    rustix::stdio::dup2_stdout(&file)?;
    Ok(())
}
