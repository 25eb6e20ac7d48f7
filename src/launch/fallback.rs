//! Files that the kernel does not execute (`ENOEXEC`) and that some callers run as scripts.

use super::chain::Step;
use super::errno::Errno;
use super::exec::ExecOutcome;
use super::messages::Caller;
use super::refusal::{Part, Refusal};
use super::request::Request;
use super::shell::Dialect;
use crate::inspect::Libc;

/// The way in which a file that the kernel does not execute is run as a script.
pub(super) enum Fallback {
    /// The shell reads it itself.
    InProcess(Dialect),
    /// Another shell is executed with the file. Holds `argv[0]`, and the shell's path if it differs.
    Shell(&'static str, Option<String>),
}

/// Returns how the caller runs a file that the kernel does not execute (`ENOEXEC`), if the caller
/// treats the file as a script.
pub(super) fn fallback(
    steps: &[Step],
    request: &Request,
    execution: &ExecOutcome,
    refusal: &Refusal,
) -> Option<Fallback> {
    if refusal.errno != Errno::ExecFormat {
        return None;
    }
    // The file itself is read as a script, even if the kernel refused its interpreter.
    let is_binary = refusal.is_binary() && execution.files.len() == 1;
    match &request.caller {
        Caller::Shell { dialect, .. } => match dialect {
            // bash and dash check whether the file is binary, busybox does not.
            Dialect::Bash | Dialect::BashPosix => {
                (!is_binary).then_some(Fallback::InProcess(*dialect))
            }
            // busybox executes itself (`/proc/self/exe`), as `ash`.
            Dialect::Busybox => {
                let shell = request.parent.and_then(|id| steps.get(id.0 as usize));
                let mut files = shell.into_iter().flat_map(|step| &step.files);
                let own = files.rfind(|file| file.part != Part::Loader)?;
                let own = String::from_utf8_lossy(&own.real).into_owned();
                Some(Fallback::Shell("ash", Some(own)))
            }
            Dialect::Dash => (!is_binary).then_some(Fallback::Shell("/bin/sh", None)),
            Dialect::Unknown => None,
        },
        // glibc's execvp(3) starts /bin/sh; musl's and Go's do not.
        Caller::Launcher {
            execvp: Some(Libc::Glibc),
            ..
        } => Some(Fallback::Shell("/bin/sh", None)),
        _ => None,
    }
}
