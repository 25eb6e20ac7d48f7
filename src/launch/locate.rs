//! Locates the program of a request by its caller's rules.

use super::chain::StepFailure;
use super::errno::Errno;
use super::image::Image;
use super::messages;
use super::request::Request;
use super::search::{self, ProgramSearch};
use super::shell::Word;

/// The location of a program, or the reason why there is none.
pub(super) enum Located {
    At(String),
    Failed(StepFailure),
    Unknown(&'static str),
}

/// Locates the program of a request by its caller's rules.
pub(super) fn locate(image: &Image<'_>, request: &Request) -> Located {
    let name = match request.argv.first() {
        Some(Word::Known(name)) => name.clone(),
        Some(_) => return Located::Unknown("its name is unknown"),
        None => return Located::Unknown("there is no program"),
    };
    if let Some(path) = &request.path {
        return Located::At(path.clone());
    }
    if name.contains('/') {
        // Only Go looks before it executes, and it reports the same error in other words.
        return Located::At(name);
    }
    if request.environment.is_unknown("PATH") {
        return Located::Unknown("PATH is unknown");
    }
    let search_path = match request.environment.known("PATH") {
        Some(path) => path.to_owned(),
        None => request.caller.default_path().to_owned(),
    };
    let cwd = match &request.cwd {
        Some(cwd) => cwd.as_str(),
        None if search_path.split(':').all(|dir| dir.starts_with('/')) => "/",
        None => return Located::Unknown("the working directory is unknown"),
    };
    match search::in_path(image, &request.looked_up_as, cwd, &search_path, &name) {
        ProgramSearch::At(path) if request.caller.is_go() && !path.starts_with('/') => {
            Located::Failed(messages::relative(&request.caller, &name, &path))
        }
        ProgramSearch::At(path) => Located::At(path),
        ProgramSearch::Unknown => {
            Located::Unknown("PATH leads to a place where the container runtime mounts something")
        }
        found => {
            let errno = match found {
                ProgramSearch::Closed => Errno::Access,
                // bash searches for files, and does not report directories that it may not search.
                ProgramSearch::Nothing(_) if request.caller.is_bash() => Errno::NoEntry,
                ProgramSearch::Nothing(errno) => errno,
                ProgramSearch::At(_) | ProgramSearch::Unknown => Errno::NoEntry,
            };
            let failure = messages::not_in_path(&request.caller, &name, &search_path, errno);
            Located::Failed(failure)
        }
    }
}
