//! What the dynamic loader does with a program as it is executed in a chain.

use std::io;

use super::chain::{Failure, FailureKind, Loaded};
use super::environment::Environment;
use super::follow::Request;
use super::image::Image;
use super::loader::Resolver;
use super::shell::Word;
use crate::layer::printable;
use crate::tree::NodeId;

/// What the loader loads, and whether it gives up.
#[derive(Debug, Default)]
pub(super) struct Loading {
    pub libraries: Vec<Loaded>,
    pub warnings: Vec<String>,
    pub failure: Option<Failure>,
}

/// Loads a program with the environment of the request. `real` is its path without symbolic links.
///
/// # Errors
/// If the image cannot be read.
pub(super) fn load(
    image: &Image<'_>,
    resolver: &mut Resolver<'_>,
    request: &Request,
    program: NodeId,
    real: &[u8],
) -> io::Result<Loading> {
    let mut loading = Loading::default();
    let dynamic = image
        .file(program)
        .is_some_and(|file| file.binary.interpreter.is_some());
    let Some(number) = image.number_of(program).filter(|_| dynamic) else {
        return Ok(loading);
    };
    let _ = request;
    let Some((object, loader)) = resolver.main(number)? else {
        return Ok(loading);
    };
    let closure = resolver.closure(object, loader);
    if let Some(missing) = closure.missing.first() {
        let name = printable(resolver.name(missing.name));
        loading.failure = Some(Failure {
            errno: None,
            status: 127,
            message: format!(
                "{}: error while loading shared libraries: {name}: cannot open shared object file: \
                 No such file or directory",
                printable(real)
            ),
            clause: format!("{name} is not found"),
            hint: "install the package that has it, or copy the library into the image too"
                .to_owned(),
            kind: FailureKind::Loader,
        });
    }
    Ok(loading)
}

/// The program and arguments that a loader executes when it is executed itself. `None` if the program is
/// no loader, or loads nothing.
pub(super) fn direct(
    image: &Image<'_>,
    program: NodeId,
    args: &[Word],
    environment: &Environment,
) -> Option<(Vec<Word>, Environment)> {
    let _ = (image, program, args, environment);
    None
}
