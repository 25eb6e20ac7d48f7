//! Scripts whose interpreter is missing.

use std::io;

use super::attribution;
use super::draft::{Drafts, Text};
use super::finding::{Id, InterpreterStatus, Level};
use super::linking::interpreter;
use super::report;
use super::role::Role;
use crate::inspect::Format;
use crate::launch;
use crate::launch::image::{File, Image, base};
use crate::layer::printable;

/// Checks the interpreter of every script.
///
/// # Errors
/// Returns an error if the files that layers removed cannot be determined.
pub(super) fn check(image: &Image<'_>, roles: &[Role], drafts: &mut Drafts) -> io::Result<()> {
    let files = image.files.iter().zip(roles);
    for (file, &role) in files.filter(|(file, _)| file.binary.format == Format::Script) {
        let status = interpreter(image, file);
        let known = report::File {
            interpreter: status,
            missing: Box::default(),
        };
        drafts.learned(file.node, known);
        let level = match role {
            Role::Start => Level::Fail,
            Role::Possible | Role::Tool | Role::Idle => Level::Warn,
            Role::Other => Level::Info,
            Role::Data => continue,
        };
        let Some(Wrong {
            name,
            detail,
            expected,
        }) = wrong(image, file, status)
        else {
            continue;
        };
        let removed = match &expected {
            Expected::Path(path) => attribution::of_path(image, level, path)?,
            Expected::InPath(program) => attribution::of_program(image, level, program)?,
            Expected::There => String::new(),
        };
        let hint = match name.ends_with('\r') || name.ends_with("\\x0d") {
            true => "the line ends with a carriage return: save the script with Unix line ends"
                .to_owned(),
            false => format!("install {name}, or name an interpreter that is in the image"),
        };
        let text = Text {
            detail: detail + &removed,
            hint,
            group: format!("their interpreter {name} is not in the image"),
        };
        drafts.file(Id::MissingInterpreter, level, file, text);
    }
    Ok(())
}

/// A defect in a script's `#!` line.
struct Wrong {
    /// The name of the interpreter, printable.
    name: String,
    /// The sentence about the defect.
    detail: String,
    /// Where the interpreter was expected.
    expected: Expected,
}

/// Where an interpreter was expected.
enum Expected {
    /// At this path.
    Path(Vec<u8>),
    /// In one of the directories of PATH, under this name.
    InPath(String),
    /// It is there, but cannot be used.
    There,
}

/// Returns the defect in a script's `#!` line, if it has one.
fn wrong(image: &Image<'_>, file: &File, status: Option<InterpreterStatus>) -> Option<Wrong> {
    let path = file.binary.interpreter.as_deref()?;
    let name = printable(path);
    match status? {
        InterpreterStatus::Missing => {
            let detail = format!("its interpreter {name} is not in the image");
            let expected = Expected::Path(image.absolute(path));
            return Some(Wrong {
                name,
                detail,
                expected,
            });
        }
        InterpreterStatus::WrongArch => {
            let detail = format!("its interpreter {name} is made for another machine");
            let expected = Expected::There;
            return Some(Wrong {
                name,
                detail,
                expected,
            });
        }
        InterpreterStatus::Ok => {}
    }
    if base(path) != b"env" {
        return None;
    }
    let argument = file.binary.interpreter_argument.as_deref()?;
    let program = launch::env_lacks(image, argument)?;
    let name = printable(program.as_bytes());
    let detail = format!("env does not find its interpreter {name} in PATH");
    let expected = Expected::InPath(program);
    Some(Wrong {
        name,
        detail,
        expected,
    })
}
