//! Builtins: the commands that the shell runs itself.

mod control;
mod lookup;
pub(super) mod options;
mod output;
mod variables;

use super::Dialect;
use super::expand::Expanded;
use super::run::{Flow, Shell};
use super::state::{Data, Status};
use super::world::Word;
use crate::launch::environment::Value;

/// An argument of a command.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    /// A word.
    Word(Word),
    /// An assignment, for example of `export` and `local`, whose value is not split.
    Assignment(String, Data),
}

/// Returns true for special builtins (POSIX 2.14). An error in one ends a POSIX shell.
pub(super) fn is_special(name: &str) -> bool {
    matches!(
        name,
        ":" | "."
            | "break"
            | "continue"
            | "eval"
            | "exec"
            | "exit"
            | "export"
            | "readonly"
            | "return"
            | "set"
            | "shift"
            | "times"
            | "trap"
            | "unset"
    )
}

/// Returns true if a dialect has a builtin of this name.
pub(super) fn exists(name: &str, dialect: Dialect) -> bool {
    let common = is_special(name)
        || matches!(
            name,
            "[" | "alias"
                | "bg"
                | "cd"
                | "command"
                | "echo"
                | "false"
                | "fg"
                | "getopts"
                | "hash"
                | "jobs"
                | "kill"
                | "local"
                | "printf"
                | "pwd"
                | "read"
                | "test"
                | "true"
                | "type"
                | "ulimit"
                | "umask"
                | "unalias"
                | "wait"
        );
    let bash = || {
        matches!(
            name,
            "bind"
                | "builtin"
                | "caller"
                | "compgen"
                | "complete"
                | "compopt"
                | "declare"
                | "dirs"
                | "disown"
                | "enable"
                | "fc"
                | "help"
                | "history"
                | "let"
                | "logout"
                | "mapfile"
                | "popd"
                | "pushd"
                | "readarray"
                | "shopt"
                | "source"
                | "suspend"
                | "typeset"
        )
    };
    common
        || match dialect {
            Dialect::Dash => name == "chdir",
            Dialect::Busybox => {
                matches!(name, "chdir" | "let" | "source" | "help" | "history" | "[[")
            }
            Dialect::Bash | Dialect::BashPosix => bash(),
            Dialect::Unknown => bash() || name == "[[",
        }
}

/// Returns true if arguments of the command that look like assignments are assignments.
pub(super) fn declares(name: &str, dialect: Dialect) -> bool {
    match name {
        "export" | "readonly" | "local" => true,
        "declare" | "typeset" => dialect != Dialect::Dash && dialect != Dialect::Busybox,
        _ => false,
    }
}

/// Returns the arguments as words. Programs do not have assignments.
pub(super) fn words(arguments: Vec<Argument>) -> Vec<Word> {
    let word = |argument| match argument {
        Argument::Word(word) => word,
        Argument::Assignment(..) => Word::Unknown,
    };
    arguments.into_iter().map(word).collect()
}

impl Shell<'_> {
    /// Runs a builtin.
    pub(super) fn builtin(&mut self, name: &str, arguments: &[Argument]) -> Expanded<Flow> {
        let operands = arguments.get(1..).unwrap_or_default();
        if matches!(
            name,
            "export" | "readonly" | "local" | "declare" | "typeset"
        ) {
            self.declare(name, operands)?;
            return Ok(self.errexit());
        }
        let operands = words(operands.to_vec());
        self.builtin_words(name, &operands)
    }

    /// Runs a builtin whose arguments are all words.
    fn builtin_words(&mut self, name: &str, operands: &[Word]) -> Expanded<Flow> {
        match name {
            ":" | "true" => self.set_status(0),
            "false" => self.set_status(1),
            "[" | "test" | "[[" => self.test_builtin(name, operands),
            "echo" => self.echo(operands),
            "printf" => self.printf(operands)?,
            "pwd" => self.pwd(),
            "cd" | "chdir" => self.cd(operands),
            "exec" => return self.exec_builtin(operands),
            "exit" => return Ok(self.exit_builtin(operands)),
            "return" => return Ok(self.return_builtin(operands)),
            "break" | "continue" => return Ok(self.leave_loop(name, operands)),
            "shift" => return Ok(self.shift(operands)),
            "eval" => return Ok(self.eval_builtin(operands)),
            "." | "source" => return Ok(self.source(operands)),
            "trap" => self.trap(operands),
            "wait" => self.wait(operands),
            "set" => return Ok(self.set_builtin(operands)),
            "shopt" => self.shopt(operands),
            "unset" => self.unset(operands),
            "read" | "getopts" | "mapfile" | "readarray" => self.read(name, operands),
            "let" => self.let_builtin(operands)?,
            "command" | "builtin" => return self.command_builtin(name, operands),
            "type" | "hash" => self.type_builtin(name, operands),
            "alias" => self.alias(operands),
            "umask" | "unalias" | "times" | "jobs" | "fc" | "history" | "enable" | "bind"
            | "complete" | "disown" => {
                self.write(None);
                self.set_status(0);
            }
            _ => {
                self.write(None);
                self.unknown_status();
            }
        }
        Ok(self.errexit())
    }

    /// Handles an error in a special builtin, which ends the shell. bash continues with the status `bash`.
    fn special_error(&mut self, bash: u8) -> Flow {
        match self.dialect {
            Dialect::Dash | Dialect::Busybox | Dialect::BashPosix if self.shielded => {
                let status = self.dialect.special_error();
                self.state.status = status.map_or(Status::NonZero, Status::Known);
                self.state.cause = None;
                self.errexit()
            }
            Dialect::Bash => {
                self.set_status(bash);
                self.errexit()
            }
            Dialect::Unknown => {
                self.doubt();
                self.state.status = Status::NonZero;
                Flow::Next
            }
            dialect => self.fatal(dialect.special_error()),
        }
    }
}

/// Returns the text of a word, if it is known.
fn known(word: &Word) -> Option<&str> {
    match word {
        Word::Known(text) => Some(text),
        _ => None,
    }
}

/// Returns the words, if all of them are known.
fn all_known(words: &[Word]) -> Option<Vec<&str>> {
    words.iter().map(known).collect()
}

/// Returns true if a text is the name of a variable.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Returns the value for a known text.
fn value(text: &str) -> Value {
    Value::Known(text.to_owned())
}
