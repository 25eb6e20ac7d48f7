//! Simple commands: assignments, expansion, redirections, and the lookup of the name (POSIX 2.9.1).

use brush_parser::ast::{
    Assignment, AssignmentName, AssignmentValue, CommandPrefixOrSuffixItem, SimpleCommand,
};

use super::{Call, Flow, FrameKind, Redirected, Shell};
use crate::launch::environment::Value;
use crate::launch::shell::Dialect;
use crate::launch::shell::builtin::{self, Argument};
use crate::launch::shell::expand::{Expanded, MAX_WORDS};
use crate::launch::shell::state::{Data, Function, Status, Variable};
use crate::launch::shell::world::Word;

/// The maximum depth of function calls.
const MAX_CALLS: usize = 48;

impl Shell<'_> {
    pub(super) fn simple(&mut self, command: &SimpleCommand) -> Flow {
        if !self.spend(1) {
            return Flow::Exit(self.give_up());
        }
        self.at(command);
        let before = std::mem::take(&mut self.substituted);
        let flow = match self.expanded(command) {
            Ok(flow) | Err(flow) => flow,
        };
        self.substituted = before;
        flow
    }

    fn expanded(&mut self, command: &SimpleCommand) -> Expanded<Flow> {
        let prefix = command.prefix.as_ref().map_or(&[][..], |prefix| &prefix.0);
        let suffix = command.suffix.as_ref().map_or(&[][..], |suffix| &suffix.0);
        let mut arguments = Vec::new();
        if let Some(name) = &command.word_or_name {
            arguments.extend(
                self.expand_words(&name.value)?
                    .into_iter()
                    .map(Argument::Word),
            );
        }
        let declares = command
            .word_or_name
            .as_ref()
            .is_some_and(|name| builtin::declares(&name.value, self.dialect));
        for item in suffix {
            match item {
                CommandPrefixOrSuffixItem::Word(word) => {
                    arguments.extend(
                        self.expand_words(&word.value)?
                            .into_iter()
                            .map(Argument::Word),
                    );
                }
                CommandPrefixOrSuffixItem::AssignmentWord(assignment, word) => {
                    if declares {
                        arguments.push(self.declaration(assignment)?);
                    } else {
                        let words = self.expand_words(&word.value)?;
                        arguments.extend(words.into_iter().map(Argument::Word));
                    }
                }
                CommandPrefixOrSuffixItem::ProcessSubstitution(_, command) => {
                    self.process_substitution(command);
                    arguments.push(Argument::Word(Word::Unknown));
                }
                CommandPrefixOrSuffixItem::IoRedirect(_) => {}
            }
        }
        if arguments.len() > MAX_WORDS {
            arguments.truncate(1);
            arguments.push(Argument::Word(Word::UnknownMany));
        }
        let redirects = prefix.iter().chain(suffix).filter_map(|item| match item {
            CommandPrefixOrSuffixItem::IoRedirect(redirect) => Some(redirect),
            _ => None,
        });
        let redirected = match self.redirect(redirects) {
            // bash redirects a program in the process that it creates for it, so only that process
            // ends.
            Err(_) if self.dialect.is_bash() && self.is_program(&arguments) => Redirected::Failed,
            redirected => redirected?,
        };
        let stdout_elsewhere = match redirected {
            Redirected::Done { stdout_elsewhere } => stdout_elsewhere,
            Redirected::Doubtful { stdout_elsewhere } => {
                let prefix = prefix.to_vec();
                let flow = self.branches(&mut [
                    &mut |shell: &mut Self| match shell.expanded_further(
                        arguments.clone(),
                        &prefix,
                        stdout_elsewhere,
                    ) {
                        Ok(flow) | Err(flow) => flow,
                    },
                    &mut |shell: &mut Self| shell.not_redirected(&arguments),
                ]);
                return Ok(flow);
            }
            Redirected::Failed => return Ok(self.not_redirected(&arguments)),
        };
        self.expanded_further(arguments, prefix, stdout_elsewhere)
    }

    /// Returns true if a command is neither a builtin nor a function.
    fn is_program(&self, arguments: &[Argument]) -> bool {
        match arguments.first() {
            Some(Argument::Word(Word::Known(name))) => {
                !builtin::exists(name, self.dialect) && !self.state.functions.contains_key(name)
            }
            _ => false,
        }
    }

    /// Performs the assignments of a command after its redirections, and runs it.
    fn expanded_further(
        &mut self,
        arguments: Vec<Argument>,
        prefix: &[CommandPrefixOrSuffixItem],
        stdout_elsewhere: bool,
    ) -> Expanded<Flow> {
        let mut assignments = Vec::new();
        for item in prefix {
            if let CommandPrefixOrSuffixItem::AssignmentWord(assignment, _) = item {
                if arguments.is_empty() {
                    self.assignment(assignment)?;
                } else {
                    assignments.push(assignment);
                }
            }
        }
        if arguments.is_empty() {
            (self.state.status, self.state.cause) =
                self.substituted.unwrap_or((Status::Known(0), None));
            return Ok(self.errexit());
        }
        if !stdout_elsewhere {
            return self.dispatch(arguments, &assignments);
        }
        let output = std::mem::replace(&mut self.state.output, super::Output::Elsewhere);
        let flow = self.dispatch(arguments, &assignments);
        self.state.output = output;
        flow
    }

    /// Handles a failed redirection. In a POSIX shell, special builtins then end the shell.
    fn not_redirected(&mut self, arguments: &[Argument]) -> Flow {
        let special = match arguments.first() {
            Some(Argument::Word(Word::Known(name))) => builtin::is_special(name),
            _ => false,
        };
        let status = self.dialect.redirect_status();
        if special && self.dialect != Dialect::Bash {
            return match self.dialect {
                Dialect::Unknown => {
                    self.doubt();
                    self.unknown_status();
                    Flow::Next
                }
                _ => self.fatal(status),
            };
        }
        self.state.status = status.map_or(Status::NonZero, Status::Known);
        self.state.cause = None;
        self.errexit()
    }

    /// Looks up a name as a function, a builtin or a program, and runs it.
    fn dispatch(
        &mut self,
        arguments: Vec<Argument>,
        assignments: &[&Assignment],
    ) -> Expanded<Flow> {
        let Some(Argument::Word(Word::Known(name))) = arguments.first() else {
            let saved = self.assign_for_command(assignments)?;
            let flow = self.program(builtin::words(arguments));
            self.restore(saved);
            return Ok(flow);
        };
        let name = name.clone();
        let special = builtin::is_special(&name) && self.dialect != Dialect::Bash;
        if !special && let Some(function) = self.state.functions.get(&name).cloned() {
            let arguments = builtin::words(arguments);
            let saved = self.assign_for_command(assignments)?;
            let flow = match function {
                Some(function) => self.call(&name, &function, arguments),
                None => {
                    self.possible += 1;
                    self.program(arguments);
                    self.possible -= 1;
                    self.doubt();
                    self.unknown_status();
                    Flow::Next
                }
            };
            self.restore(saved);
            return Ok(flow);
        }
        if !builtin::exists(&name, self.dialect) {
            let saved = self.assign_for_command(assignments)?;
            let flow = self.program(builtin::words(arguments));
            self.restore(saved);
            return Ok(flow);
        }
        // Assignments before a special builtin persist, except in bash.
        if special && name != "exec" {
            for assignment in assignments {
                self.assignment(assignment)?;
            }
            return self.builtin(&name, &arguments);
        }
        let saved = self.assign_for_command(assignments)?;
        let flow = self.builtin(&name, &arguments);
        self.restore(saved);
        flow
    }

    /// Calls a function.
    fn call(&mut self, name: &str, function: &Function, words: Vec<Word>) -> Flow {
        if self.calls.len() >= MAX_CALLS {
            return Flow::Exit(self.give_up());
        }
        let arguments = words.into_iter().skip(1).collect();
        let outer = std::mem::replace(&mut self.state.arguments, arguments);
        let line_base = std::mem::replace(&mut self.line_base, function.line_base);
        let line = self.line;
        self.calls.push(Call {
            name: name.to_owned(),
            file: self.name.clone(),
        });
        self.state.locals.push(Default::default());
        let body = function.body.clone();
        let flow = self.framed(FrameKind::Function, |shell| {
            let command = brush_parser::ast::Command::Compound(body.0.clone(), body.1.clone());
            shell.command(&command)
        });
        if let Some(locals) = self.state.locals.pop() {
            for (name, variable) in locals {
                match variable {
                    Some(variable) => self.state.variables.insert(name, variable),
                    None => self.state.variables.remove(&name),
                };
            }
        }
        self.calls.pop();
        self.line_base = line_base;
        self.line = line;
        self.state.arguments = outer;
        match flow {
            Flow::Next | Flow::Return => self.errexit(),
            flow => flow,
        }
    }

    /// Returns the name and the value of an assignment that is an argument, for example of `export`.
    fn declaration(&mut self, assignment: &Assignment) -> Expanded<Argument> {
        let (name, data) = self.assigned(assignment)?;
        Ok(Argument::Assignment(name, data))
    }

    fn assigned(&mut self, assignment: &Assignment) -> Expanded<(String, Data)> {
        let (name, element) = match &assignment.name {
            AssignmentName::VariableName(name) => (name.clone(), false),
            AssignmentName::ArrayElementName(name, _) => (name.clone(), true),
        };
        let data = match &assignment.value {
            AssignmentValue::Scalar(word) => {
                let value = self.expand_assigned(&word.value)?;
                if element {
                    return Ok((name, Data::Array(None)));
                }
                if assignment.append {
                    match (
                        self.state.variables.get(&name).map(|v| v.data.clone()),
                        value,
                    ) {
                        (None | Some(Data::Unset), value) => Data::Scalar(value),
                        (Some(Data::Scalar(Value::Known(before))), Value::Known(after)) => {
                            if before.len() + after.len() > crate::launch::shell::expand::MAX_VALUE
                            {
                                Data::Scalar(Value::Unknown)
                            } else {
                                Data::Scalar(Value::Known(before + &after))
                            }
                        }
                        (Some(Data::Array(_)), _) => Data::Array(None),
                        _ => Data::Scalar(Value::Unknown),
                    }
                } else {
                    Data::Scalar(value)
                }
            }
            AssignmentValue::Array(elements) => {
                let mut values = match self.state.variables.get(&name).map(|v| &v.data) {
                    Some(Data::Array(values)) if assignment.append => values.clone(),
                    Some(Data::Scalar(value)) if assignment.append => Some(vec![value.clone()]),
                    _ => Some(Vec::new()),
                };
                for (key, word) in elements {
                    let words = self.expand_words(&word.value)?;
                    if key.is_some() {
                        values = None;
                    }
                    for word in words {
                        match (&mut values, word) {
                            (_, Word::UnknownMany) => values = None,
                            (Some(values), Word::Known(text)) => values.push(Value::Known(text)),
                            (Some(values), Word::Unknown) => values.push(Value::Unknown),
                            (None, _) => {}
                        }
                    }
                }
                Data::Array(values)
            }
        };
        Ok((name, data))
    }

    fn assignment(&mut self, assignment: &Assignment) -> Expanded<()> {
        let (name, data) = self.assigned(assignment)?;
        self.assign(&name, data)
    }

    /// Assigns a variable. Assigning a read-only one ends the shell.
    pub(crate) fn assign(&mut self, name: &str, data: Data) -> Expanded<()> {
        if self.state.is_readonly(name) {
            let status = match self.dialect {
                Dialect::Dash | Dialect::Busybox => Some(2),
                Dialect::Bash if self.from_text => Some(1),
                Dialect::BashPosix => Some(if self.from_text { 127 } else { 1 }),
                _ => None,
            };
            if status.is_some() {
                return Err(self.fatal(status));
            }
            self.doubt();
            self.unknown_status();
            return Err(Flow::Next);
        }
        self.state.set(name, data);
        Ok(())
    }

    /// Makes assignments that last for one command. Returns the variables to restore.
    fn assign_for_command(
        &mut self,
        assignments: &[&Assignment],
    ) -> Expanded<Vec<(String, Option<Variable>)>> {
        let mut saved = Vec::new();
        for assignment in assignments {
            let (name, data) = self.assigned(assignment)?;
            let before = self.state.variables.get(&name).cloned();
            self.assign(&name, data)?;
            if let Some(variable) = self.state.variables.get_mut(&name) {
                variable.exported = true;
            }
            saved.push((name, before));
        }
        Ok(saved)
    }

    fn restore(&mut self, saved: Vec<(String, Option<Variable>)>) {
        for (name, variable) in saved.into_iter().rev() {
            match variable {
                Some(variable) => self.state.variables.insert(name, variable),
                None => self.state.variables.remove(&name),
            };
        }
    }
}
