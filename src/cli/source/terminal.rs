//! Refuses to read an image from a terminal.

use std::io::{self, IsTerminal};

use crate::image::{Reference, Transport};

/// Returns an error if the image is on standard input and that is a terminal. `command` is the command
/// line for the message, without `imgfs`.
pub(crate) fn refuse_terminal(reference: &Reference, command: &str) -> anyhow::Result<()> {
    if reference.transport == Transport::Stdin && io::stdin().is_terminal() {
        anyhow::bail!(
            "standard input is a terminal; pipe an archive into it: docker save app | imgfs {command}"
        );
    }
    Ok(())
}
