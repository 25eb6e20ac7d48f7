//! The command line: parses arguments, runs the command and returns its exit code. Each command has its
//! own module, with its arguments. `args` composes them, `options` has the options that several commands
//! share. Logic that another front end would need belongs to the library.

#[cfg(not(all(feature = "fuse", feature = "registry")))]
mod absent;
mod args;
mod cache;
mod cat;
mod check;
mod colour;
#[cfg(feature = "fuse")]
mod daemon;
mod diff;
mod doctor;
mod exit;
mod explain;
mod export;
mod find;
mod hidden;
mod history;
mod inspect;
mod log;
mod ls;
mod memory;
#[cfg(feature = "fuse")]
mod mount;
mod options;
mod paths;
mod pipe;
mod platform;
mod progress;
mod shorten;
#[cfg(feature = "fuse")]
mod signals;
mod source;
mod stat;
mod store;
mod table;
#[cfg(feature = "fuse")]
mod umount;
mod units;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use exit::NO_ANSWER;

/// Runs the command given on the command line.
pub fn main() -> ExitCode {
    let args = Args::parse();
    memory::give_back_at_once();
    let result = match &args.command {
        #[cfg(feature = "fuse")]
        Command::Mount(args) => mount::run(args),
        #[cfg(feature = "fuse")]
        Command::Umount(args) => umount::run(args),
        #[cfg(not(feature = "fuse"))]
        Command::Mount(_) | Command::Umount(_) => absent::run("fuse"),
        Command::Ls(args) => ls::run(args),
        Command::Stat(args) => stat::run(args),
        Command::Cat(args) => cat::run(args),
        Command::Find(args) => find::run(args),
        Command::History(args) => history::run(args),
        Command::Hidden(args) => hidden::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Export(args) => export::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Inspect(args) => inspect::run(args),
        #[cfg(feature = "registry")]
        Command::Pull(args) => store::pull::run(args),
        #[cfg(not(feature = "registry"))]
        Command::Pull(_) => absent::run("registry"),
        Command::Load(args) => store::load::run(args),
        Command::Save(args) => store::save::run(args),
        Command::Images(args) => store::images::run(args),
        Command::Tag(args) => store::tag::run(args),
        Command::Rm(args) => store::rm::run(args),
        Command::Prune(args) => store::prune::run(args),
        Command::Df(args) => store::df::run(args),
        Command::Cache(args) => cache::run(args),
        Command::Check(args) => check::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Explain(args) => explain::run(args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            // Messages include their causes, so one line is enough.
            eprintln!("imgfs: {error}");
            match args.command {
                Command::Check(_)
                | Command::Diff(_)
                | Command::Doctor(_)
                | Command::Explain(_)
                | Command::Verify(_) => ExitCode::from(NO_ANSWER),
                _ => ExitCode::FAILURE,
            }
        }
    }
}
