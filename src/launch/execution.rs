//! The dynamic loader's part of one execve(2) in a container.

use std::io;

use super::environment::Environment;
use super::image::Image;
use super::loader::direct;
use super::loader::{Failure, FailureKind, LoadRequest, Loaded, Resolver};
use super::user::Credentials;
use super::{Declared, Evidence};
use crate::tree::{NodeKind, Tree};

/// A call of execve(2).
#[derive(Clone, Copy, Debug)]
pub struct Execution<'a> {
    /// The path.
    pub path: &'a str,
    /// The arguments; the first is the program's own name.
    pub argv: &'a [&'a str],
    /// The environment, as `NAME=value` strings.
    pub environment: &'a [&'a str],
    /// The working directory, absolute.
    pub cwd: &'a str,
    /// Whether the program gains privileges over its caller (AT_SECURE, getauxval(3)).
    pub secure: bool,
}

/// Predicts what a program's loader does when the program is executed: the libraries that it loads, or
/// the first thing that it refuses. Nothing is executed. If the loader itself is executed, the result
/// is about the program that it is told to load.
///
/// Programs without a loader load nothing. The kernel's part is not checked, and root's permissions
/// apply.
///
/// # Errors
/// Returns an error if there is no regular file at the path, or if a file of the image cannot be read.
pub fn load(
    tree: &Tree,
    declared: &Declared,
    evidence: &dyn Evidence,
    execution: &Execution<'_>,
) -> io::Result<Loaded> {
    let image = Image::read(tree, declared, evidence)?;
    let path = match execution.path.starts_with('/') {
        true => execution.path.to_owned(),
        false => format!("{}/{}", execution.cwd, execution.path),
    };
    let found = tree.resolve(Tree::ROOT, path.as_bytes());
    let found = found.map(|(_, node)| node);
    let program = found.filter(|&node| {
        let node = tree.node(node);
        node.is_some_and(|node| node.kind == NodeKind::Regular)
    });
    let program = program.ok_or(io::ErrorKind::NotFound)?;
    let environment = Environment::from_lines(execution.environment.iter().copied());
    let mut resolver = Resolver::new(&image);
    let argv: Vec<String> = execution.argv.iter().map(|&word| word.to_owned()).collect();
    let options = match resolver.as_loader(program, path.as_bytes())? {
        None => None,
        Some(kind) => match direct::parse(kind, &argv) {
            Ok(options) => Some(options),
            Err(failure) => {
                let asked = failure.kind == FailureKind::Usage && failure.status == Some(0);
                return Ok(Loaded {
                    loader: Some(program),
                    failure: Some(*failure).filter(|_: &Failure| !asked),
                    ..Loaded::default()
                });
            }
        },
    };
    let name = options
        .as_ref()
        .and_then(|options| argv.get(options.program));
    let direct = options.as_ref().zip(name.map(String::as_str));
    resolver.load(&LoadRequest {
        program,
        path: execution.path,
        argv0: argv.first().map_or("", String::as_str),
        environment: &environment,
        cwd: Some(execution.cwd),
        reader: &Credentials::default(),
        secure: execution.secure,
        direct,
        symbols: true,
    })
}
