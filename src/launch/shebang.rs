//! Finds the program that `env` looks up as a script's interpreter, as in `#!/usr/bin/env node`.

use super::environment::Environment;
use super::image::Image;
use super::launcher::{self, Launch, LauncherProcess};
use super::search::{self, DEFAULT_PATH, ProgramSearch};
use super::shell::Word;
use super::user::{Accounts, Credentials};

/// Returns the program that `env` does not find in the config's PATH for a script whose `#!` line
/// passes it this argument. `None` if it finds a program, or if that is unknown. Root's permissions
/// apply.
pub(crate) fn env_lacks(image: &Image<'_>, argument: &[u8]) -> Option<String> {
    let argument = Word::Known(String::from_utf8_lossy(argument).into_owned());
    let lines = image.declared.start.env.iter().map(String::as_str);
    let environment = Environment::from_lines(lines);
    let credentials = Credentials::default();
    let process = LauncherProcess {
        // The kernel passes the rest of the line as one argument, followed by the script.
        args: &[argument, Word::Unknown],
        environment: &environment,
        cwd: Some("/"),
        credentials: &credentials,
        accounts: &Accounts::default(),
        busybox: false,
        argv0: "env",
    };
    let Some(Launch::Run(next)) = launcher::launch("env", process) else {
        return None;
    };
    let Some(Word::Known(program)) = next.argv.first() else {
        return None;
    };
    if program.contains('/') {
        let found = image.regular(&image.absolute(program.as_bytes()));
        return found.is_none().then(|| program.clone());
    }
    let path = next.environment.known("PATH").unwrap_or(DEFAULT_PATH);
    let cwd = image.working_dir();
    match search::in_path(image, &credentials, cwd, path, program) {
        ProgramSearch::Nothing(_) | ProgramSearch::Closed => Some(program.clone()),
        ProgramSearch::At(_) | ProgramSearch::Unknown => None,
    }
}
