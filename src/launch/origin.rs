//! The start of a chain: the config's command, its health check, a command of the user, or one file.

use std::io;

use super::access::{self, Blocked};
use super::chain::{Chain, ChainStart, End, Outcome, Step};
use super::environment::{Environment, Value};
use super::errno::Errno;
use super::follow::Follower;
use super::image::Image;
use super::messages::Caller;
use super::request::Request;
use super::search::DEFAULT_PATH;
use super::shell::{Ended, RunMode, Word};
use super::user::Credentials;
use super::{Declared, Evidence};
use crate::tree::{NodeKind, Tree};

/// Follows what would be executed from each origin, without executing anything. The facts of the image
/// are read once.
///
/// # Errors
/// Returns an error if the image cannot be read, or if it exceeds the limit for executables.
pub(crate) fn explain(
    tree: &Tree,
    declared: &Declared,
    evidence: &dyn Evidence,
    origins: &[ChainStart],
) -> io::Result<Vec<Chain>> {
    let image = Image::read(tree, declared, evidence)?;
    origins.iter().map(|origin| chain(&image, origin)).collect()
}

/// The stack size of the thread that follows a chain, in bytes. A hostile script may start itself and
/// call its functions as deep as the limits allow. Only touched pages take memory.
const STACK: usize = 256 << 20;

/// Follows what would be executed in an image that has been read. A separate thread does the work,
/// because it needs a large stack.
///
/// # Errors
/// Returns an error if the image cannot be read, or if no thread can be started.
pub(crate) fn chain(image: &Image<'_>, origin: &ChainStart) -> io::Result<Chain> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("launch".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || follow(image, origin))?;
        // The shell parser is a third-party library. If it panics, only the chain is unknown.
        thread.join().unwrap_or_else(|_| {
            Ok(Chain {
                origin: origin.clone(),
                steps: Vec::new(),
                end: End::Unknown("a script could not be followed".to_owned()),
                interactive: false,
            })
        })
    })
}

fn follow(image: &Image<'_>, origin: &ChainStart) -> io::Result<Chain> {
    let start = &image.declared.start;
    let argv: Vec<String> = match origin {
        ChainStart::Config => [start.entrypoint.clone(), start.cmd.clone()].concat(),
        ChainStart::Command(words) => [start.entrypoint.clone(), words.clone()].concat(),
        ChainStart::File(path) => vec![String::from_utf8_lossy(path).into_owned()],
        ChainStart::Healthcheck => start.healthcheck.clone(),
    };
    let ended = |end| Chain {
        origin: origin.clone(),
        steps: Vec::new(),
        end,
        interactive: false,
    };
    if argv.is_empty() {
        return Ok(ended(End::NoCommand));
    }
    let mut follower = Follower::new(image)?;
    let user = start.user.as_deref().unwrap_or_default();
    let credentials = match follower.accounts.resolve(user) {
        Ok(credentials) => credentials,
        Err(error) => return Ok(ended(End::NoUser(error.message()))),
    };
    if let Some(message) = no_directory(image) {
        return Ok(ended(End::NoDirectory(message)));
    }
    let request = Request {
        caller: Caller::Runtime,
        parent: None,
        argv: argv.into_iter().map(Word::Known).collect(),
        environment: environment(image, &credentials),
        cwd: Some(working_dir(image)),
        path: None,
        looked_up_as: credentials.clone(),
        executed_as: credentials.clone(),
        credentials,
        certain: true,
        tested: false,
        place: RunMode::Exec,
        depth: 0,
    };
    let last = follower.start(request);
    if let Some(error) = follower.take_error() {
        return Err(error);
    }
    let end = end(&follower, last);
    Ok(Chain {
        origin: origin.clone(),
        interactive: follower.interactive,
        steps: follower.steps,
        end,
    })
}

/// Returns the environment that a runtime sets: the config's variables, and PATH, HOME and HOSTNAME if
/// the config has none.
fn environment(image: &Image<'_>, credentials: &Credentials) -> Environment {
    let lines = image.declared.start.env.iter().map(String::as_str);
    let mut environment = Environment::from_lines(lines);
    let known = |text: &str| Value::Known(text.to_owned());
    if environment.get("PATH").is_none() {
        environment.set("PATH", known(DEFAULT_PATH));
    }
    if environment.get("HOME").is_none() {
        let home = credentials.home.as_deref().filter(|home| !home.is_empty());
        environment.set("HOME", known(home.unwrap_or("/")));
    }
    environment.set("HOSTNAME", Value::Unknown);
    environment
}

/// Returns the absolute working directory.
fn working_dir(image: &Image<'_>) -> String {
    match image.declared.start.working_dir.as_deref() {
        None | Some("") => "/".to_owned(),
        Some(dir) if dir.starts_with('/') => dir.to_owned(),
        Some(dir) => format!("/{dir}"),
    }
}

/// Returns the reason why the runtime cannot change to the working directory. It creates a missing one.
fn no_directory(image: &Image<'_>) -> Option<String> {
    let dir = working_dir(image);
    let root = Credentials::default();
    let errno = match access::follow(image, &root, b"/", dir.as_bytes()) {
        Ok(reached) => {
            let node = image.tree.node(reached.node)?;
            (node.kind != NodeKind::Directory).then_some(Errno::NotDirectory)?
        }
        Err(Blocked::Error(Errno::NoEntry, _) | Blocked::Mounted) => return None,
        Err(Blocked::Error(errno, _)) => errno,
    };
    let text = errno.text().to_ascii_lowercase();
    Some(format!(
        "chdir to cwd (\"{dir}\") set in config.json failed: {text}"
    ))
}

fn end(follower: &Follower<'_, '_>, last: Ended) -> End {
    if let Some(step) = last.cause {
        return End::Fails(step);
    }
    if follower.not_understood {
        return End::Unknown("what a script does is not fully understood".to_owned());
    }
    let may_fail = |step: &&Step| !step.certain && !step.tested && step.failure().is_some();
    if let Some(step) = follower.steps.iter().find(may_fail) {
        let clause = step.failure().map(|failure| failure.clause.as_str());
        return End::Unknown(format!(
            "what it executes depends on something unknown, and may fail: {}",
            clause.unwrap_or_default()
        ));
    }
    if let Some(Outcome::Unknown(why)) = follower.steps.first().map(|step| &step.outcome) {
        return End::Unknown(why.clone());
    }
    match last.status {
        _ if follower.cut_short => {
            End::Unknown("it executes more programs than imgfs follows".to_owned())
        }
        Some(status) if status != 0 => End::Exits(status),
        _ => End::Starts,
    }
}
