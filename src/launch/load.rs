//! The dynamic loader's part of a program execution in a chain.

use std::io;

use super::chain::{Cause, StepFailure};
use super::environment::Environment;
use super::exec::Executed;
use super::image::Image;
use super::loader::{self, LoadRequest, Loaded, Resolver, direct};
use super::shell::Word;
use super::user::Credentials;
use crate::layer::printable;
use crate::tree::{Node, NodeId};

/// A program execution.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoadingProcess<'p> {
    /// The file that execve(2) maps.
    pub file: &'p Executed,
    /// The program's arguments.
    pub argv: &'p [Word],
    pub environment: &'p Environment,
    pub cwd: Option<&'p str>,
    pub credentials: &'p Credentials,
}

/// The result of loading.
#[derive(Debug)]
pub(super) enum Loading {
    /// The program has no loader.
    Static,
    /// The loader loads the program.
    Program(Loaded),
    /// The program is a loader, and loads the program at this index of its arguments.
    Direct(Loaded, usize),
    /// The program is a loader, and its arguments are unknown or do not start a program.
    Nothing,
}

/// Loads a program.
///
/// # Errors
/// Returns an error if the image cannot be read.
pub(super) fn load(
    image: &Image<'_>,
    resolver: &mut Resolver<'_>,
    process: LoadingProcess<'_>,
) -> io::Result<Loading> {
    let program = process.file.node;
    let words: Option<Vec<String>> = process.argv.iter().map(known).collect();
    let options = match (resolver.as_loader(program, &process.file.real)?, words) {
        (None, _) => None,
        (Some(_), None) => return Ok(Loading::Nothing),
        (Some(kind), Some(words)) => match direct::parse(kind, &words) {
            Ok(options) if options.only_looks => return Ok(Loading::Nothing),
            Ok(options) => Some((options, words)),
            Err(failure) => {
                let asked = failure.status == Some(0);
                return Ok(match asked {
                    true => Loading::Nothing,
                    false => Loading::Program(Loaded {
                        loader: Some(program),
                        failure: Some(*failure),
                        ..Loaded::default()
                    }),
                });
            }
        },
    };
    let has_loader = image
        .file(program)
        .is_some_and(|file| file.binary.interpreter.is_some());
    if options.is_none() && !has_loader {
        return Ok(Loading::Static);
    }
    let path = String::from_utf8_lossy(&process.file.named).into_owned();
    let argv0 = process.argv.first().and_then(known).unwrap_or_default();
    let named = options.as_ref().and_then(|(options, words)| {
        let name = words.get(options.program)?;
        Some((options, name.as_str()))
    });
    let node = image.tree.node(program);
    let loaded = resolver.load(&LoadRequest {
        program,
        path: &path,
        argv0: &argv0,
        environment: process.environment,
        cwd: process.cwd,
        reader: process.credentials,
        secure: node.is_some_and(|node| is_secure(image, &node, process.credentials)),
        direct: named,
        symbols: true,
    })?;
    Ok(match named {
        Some((options, _)) => Loading::Direct(loaded, options.program),
        None => Loading::Program(loaded),
    })
}

/// Returns true if a program gains privileges when it is executed (AT_SECURE, getauxval(3)): it is
/// setuid or setgid to another id than its caller's, or has capabilities that its caller lacks.
fn is_secure(image: &Image<'_>, node: &Node, credentials: &Credentials) -> bool {
    let setuid = node.mode & 0o4000 != 0 && node.uid != credentials.uid;
    // Without the group's execute bit, the setgid bit means mandatory locking (inode(7)).
    let setgid = node.mode & 0o2010 == 0o2010 && node.gid != credentials.gid;
    let has_capabilities = || {
        let xattrs = image.tree.xattrs(node);
        let mut names = xattrs.iter().map(|xattr| xattr.name);
        !credentials.is_root() && names.any(|name| name == b"security.capability")
    };
    setuid || setgid || has_capabilities()
}

fn known(word: &Word) -> Option<String> {
    match word {
        Word::Known(word) => Some(word.clone()),
        Word::Unknown | Word::UnknownMany => None,
    }
}

/// Returns the failure for a loader that does not start the program.
pub(super) fn failure(loaded: &Loaded) -> Option<StepFailure> {
    let failure = loaded.failure.as_ref()?;
    let line = failure.lines.first().unwrap_or(&failure.message);
    let hint = match failure.kind {
        loader::FailureKind::Missing => {
            "install the package that has it, or copy the library into the image too"
        }
        loader::FailureKind::Broken => "replace the file by the library for this machine",
        loader::FailureKind::Version => {
            "build the program on the image's distribution or an older one, or use a newer base image"
        }
        loader::FailureKind::Symbol => "build the program against the libraries in the image",
        loader::FailureKind::Program | loader::FailureKind::Usage => {
            "correct the arguments of the loader"
        }
    };
    Some(StepFailure {
        errno: None,
        status: failure.status.unwrap_or(127),
        message: printable(line.as_bytes()),
        clause: format!(
            "its loader fails: {}",
            printable(failure.message.as_bytes())
        ),
        hint: hint.to_owned(),
        cause: Cause::Loader,
        removed: None,
    })
}

/// Returns the node that a program was loaded from.
pub(super) fn program(loading: &Loading, executed: NodeId) -> NodeId {
    match loading {
        Loading::Direct(loaded, _) => loaded.program.unwrap_or(executed),
        _ => executed,
    }
}
