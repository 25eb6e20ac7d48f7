//! The `imgfs` command.

mod cli;
#[cfg(test)]
#[path = "../tests/support/needs.rs"]
mod needs;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
