//! `command`, `builtin`, `type`, `hash` and `alias`.

use super::{known, words};
use crate::launch::environment::Value;
use crate::launch::shell::Dialect;
use crate::launch::shell::builtin::Argument;
use crate::launch::shell::expand::Expanded;
use crate::launch::shell::run::{Flow, Shell};
use crate::launch::shell::state::Status;
use crate::launch::shell::world::Word;

/// The result of looking up a name.
enum NameLookup {
    Text(String),
    Nothing,
    Unknown,
}

impl Shell<'_> {
    pub(super) fn command_builtin(&mut self, name: &str, operands: &[Word]) -> Expanded<Flow> {
        let mut rest = operands;
        let mut describes = false;
        while let Some((first, after)) = rest.split_first() {
            match known(first) {
                Some("-v" | "-V") if name == "command" => describes = true,
                Some("-p") if name == "command" => {}
                Some("--") => {
                    rest = after;
                    break;
                }
                _ => break,
            }
            rest = after;
        }
        let Some(first) = rest.first() else {
            self.set_status(0);
            return Ok(Flow::Next);
        };
        if describes {
            self.describe(first);
            return Ok(self.errexit());
        }
        match first {
            Word::Known(target) if super::exists(target, self.dialect) => {
                let target = target.clone();
                // After `command`, an error of a special builtin does not end the shell.
                let arguments: Vec<Argument> = rest.iter().cloned().map(Argument::Word).collect();
                self.shielded = true;
                let flow = self.builtin(&target, &arguments);
                self.shielded = false;
                let flow = flow?;
                if let Flow::Exit(ended) = flow
                    && !matches!(target.as_str(), "exit" | "exec" | "eval" | "." | "return")
                    && self.dialect != Dialect::Bash
                {
                    self.state.status = ended.status.map_or(Status::Unknown, Status::Known);
                    return Ok(self.errexit());
                }
                Ok(flow)
            }
            Word::Known(_) if name == "builtin" => {
                self.set_status(1);
                Ok(self.errexit())
            }
            _ => Ok(self.program(words(rest.iter().cloned().map(Argument::Word).collect()))),
        }
    }

    /// Handles `command -v` and `command -V`.
    fn describe(&mut self, word: &Word) {
        let found = match word {
            Word::Known(name) => self.leads_to(name),
            _ => NameLookup::Unknown,
        };
        self.found(found, if self.dialect.is_bash() { 1 } else { 127 });
    }

    fn found(&mut self, found: NameLookup, missing: u8) {
        match found {
            NameLookup::Text(text) => {
                self.write(Some(&text));
                self.set_status(0);
            }
            NameLookup::Nothing if self.dialect == Dialect::Unknown => {
                self.state.status = Status::NonZero;
                self.state.cause = None;
            }
            NameLookup::Nothing => self.set_status(missing),
            NameLookup::Unknown => {
                self.write(None);
                self.unknown_status();
            }
        }
    }

    fn leads_to(&mut self, name: &str) -> NameLookup {
        let line = |text: &str| NameLookup::Text(format!("{text}\n"));
        match self.state.functions.get(name) {
            Some(Some(_)) => return line(name),
            Some(None) => return NameLookup::Unknown,
            None => {}
        }
        let reserved = matches!(
            name,
            "if" | "then"
                | "else"
                | "elif"
                | "fi"
                | "do"
                | "done"
                | "case"
                | "esac"
                | "while"
                | "until"
                | "for"
                | "in"
                | "{"
                | "}"
                | "!"
        );
        if reserved || super::exists(name, self.dialect) {
            return line(name);
        }
        match self.find(name) {
            Some(Some(path)) => line(&path),
            Some(None) => NameLookup::Nothing,
            None => NameLookup::Unknown,
        }
    }

    /// Returns the program with a name. The outer `None` means that the result is unknown, the inner
    /// one that there is no such program.
    #[allow(clippy::option_option)]
    pub(in super::super) fn find(&mut self, name: &str) -> Option<Option<String>> {
        if self.state.touched_anything {
            return None;
        }
        let environment = match self.state.get("PATH") {
            Some(Value::Unknown) => return None,
            Some(path) => {
                // The shell searches its own PATH, whether or not it is exported.
                let mut environment = self.state.environment();
                environment.set("PATH", path);
                environment
            }
            None => self.state.environment(),
        };
        let found = self
            .world
            .find(name, &environment, self.state.cwd.as_deref())?;
        let written = |path: &String| self.state.touched.contains(path);
        match &found {
            Some(path) if written(path) => None,
            None if self.state.others_ran || !self.state.touched.is_empty() => None,
            _ => Some(found),
        }
    }

    pub(super) fn type_builtin(&mut self, name: &str, operands: &[Word]) {
        let names: Vec<&Word> = operands
            .iter()
            .filter(|word| !known(word).is_some_and(|text| text.starts_with('-')))
            .collect();
        let paths_only = name == "type" && names.len() < operands.len();
        let [Word::Known(target)] = names.as_slice() else {
            self.write(None);
            if operands.is_empty() || (name == "hash" && names.is_empty()) {
                self.set_status(0);
            } else {
                self.unknown_status();
            }
            return;
        };
        let target = target.clone();
        let missing = match self.dialect {
            Dialect::Bash | Dialect::BashPosix => 1,
            _ if name == "hash" => 1,
            _ => 127,
        };
        let found = self.leads_to(&target);
        let is_path = matches!(&found, NameLookup::Text(text) if text.starts_with('/'));
        match found {
            NameLookup::Text(text) if paths_only && is_path => {
                self.found(NameLookup::Text(text), missing)
            }
            NameLookup::Text(_) => {
                self.write(None);
                self.set_status(0);
            }
            other => self.found(other, missing),
        }
    }

    /// Handles `alias`. In dash and busybox, the name may have another meaning afterwards.
    pub(super) fn alias(&mut self, operands: &[Word]) {
        self.set_status(0);
        if self.dialect == Dialect::Bash {
            return;
        }
        for word in operands {
            match known(word).and_then(|text| text.split_once('=')) {
                Some((name, _)) => {
                    self.state.functions.insert(name.to_owned(), None);
                }
                None => self.unknown_status(),
            }
        }
    }
}
