//! Scripts whose interpreter is not there.

use super::draft::{Drafts, Text};
use super::finding::{Id, InterpreterStatus, Level};
use super::linking::interpreter;
use super::report;
use super::role::Role;
use crate::inspect::Format;
use crate::launch;
use crate::launch::image::{File, Image, base};
use crate::layer::printable;

/// Looks for the interpreter of every script.
pub fn check(image: &Image<'_>, roles: &[Role], drafts: &mut Drafts) {
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
            Role::Tool => Level::Warn,
            Role::Other => Level::Info,
            Role::Data => continue,
        };
        let Some((name, detail)) = wrong(image, file, status) else {
            continue;
        };
        let hint = match name.ends_with('\r') || name.ends_with("\\x0d") {
            true => "the line ends with a carriage return: save the script with Unix line ends"
                .to_owned(),
            false => format!("install {name}, or name an interpreter that is in the image"),
        };
        let text = Text {
            detail,
            hint,
            group: format!("their interpreter {name} is not in the image"),
        };
        drafts.file(Id::MissingInterpreter, level, file, text);
    }
}

/// What is wrong with a script's first line, and the name that leads nowhere.
fn wrong(
    image: &Image<'_>,
    file: &File,
    status: Option<InterpreterStatus>,
) -> Option<(String, String)> {
    let path = file.binary.interpreter.as_deref()?;
    let name = printable(path);
    match status? {
        InterpreterStatus::Missing => {
            let detail = format!("its interpreter {name} is not in the image");
            return Some((name, detail));
        }
        InterpreterStatus::WrongArch => {
            let detail = format!("its interpreter {name} is made for another machine");
            return Some((name, detail));
        }
        InterpreterStatus::Ok => {}
    }
    if base(path) != b"env" {
        return None;
    }
    let argument = file.binary.interpreter_argument.as_deref()?;
    let program = launch::env_lacks(image, argument)?;
    let program = printable(program.as_bytes());
    let detail = format!("env does not find its interpreter {program} in PATH");
    Some((program, detail))
}
