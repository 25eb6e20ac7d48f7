//! Going into the background.
//!
//! The command starts itself again as a child and waits. The child opens the image and mounts it,
//! still on the terminal, so that its progress and its errors are seen and Ctrl-C reaches it; then
//! it takes a session of its own, points its standard streams at the log, and writes one word to the
//! pipe that was its standard output. A child that dies without that word has failed, and its exit
//! code is the command's.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use rustix::process::Signal;

const READY: &[u8] = b"ready";

/// Starts this command again as a background process; returns when it serves or has failed.
pub(crate) fn start() -> io::Result<ExitCode> {
    // By its own path, so that the process has the command's name; the link serves if that is gone.
    let program = std::env::current_exe().ok().filter(|path| path.exists());
    let mut child = Command::new(program.unwrap_or_else(|| "/proc/self/exe".into()));
    let mut args = std::env::args_os();
    if let Some(name) = args.next() {
        use std::os::unix::process::CommandExt;
        child.arg0(name);
    }
    // Before all others, since `mount` is the first.
    if let Some(subcommand) = args.next() {
        child.arg(subcommand).arg("--daemon");
    }
    let mut child = child.args(args).stdout(Stdio::piped()).spawn()?;
    let mut said = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        // Ends when the child has detached or died.
        stdout.take(READY.len() as u64).read_to_end(&mut said)?;
    }
    if said == READY {
        return Ok(ExitCode::SUCCESS);
    }
    let status = child.wait()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(match code {
        // It cannot have succeeded without saying so.
        Some(0) | None => ExitCode::FAILURE,
        Some(code) => ExitCode::from(code),
    })
}

/// In the child, until it detaches: if the command is killed, this process ends with it.
pub(crate) fn follow_parent() -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
    Ok(())
}

/// In the child: leaves the terminal and tells the parent that all is well.
pub(crate) fn detach(log: &Path) -> io::Result<()> {
    let file = super::log::create(log)?;
    let null = std::fs::File::options().read(true).open("/dev/null")?;
    rustix::process::set_parent_process_death_signal(None)?;
    // Fails only for a process group leader, which a child is not.
    rustix::process::setsid()?;
    std::env::set_current_dir("/")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stderr(&file)?;
    let mut pipe = io::stdout().lock();
    pipe.write_all(READY)?;
    pipe.flush()?;
    // The parent may be gone already; standard output now belongs to the log.
    rustix::stdio::dup2_stdout(&file)?;
    Ok(())
}
