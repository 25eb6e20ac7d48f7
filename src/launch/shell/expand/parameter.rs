//! Parameter expansion (POSIX 2.6.2, and bash's additions).

use brush_parser::word::{
    self, Parameter, ParameterExpr, ParameterTestType, SpecialParameter, WordPiece,
};

use super::{Chunk, Expanded, transform};
use crate::launch::environment::Value;
use crate::launch::shell::Dialect;
use crate::launch::shell::parser_options;
use crate::launch::shell::run::Shell;
use crate::launch::shell::state::{Data, Switch};
use crate::launch::shell::world::Word;

/// The value of a parameter.
pub(super) enum Held {
    Unset,
    One(Value),
    /// `$@`, `$*` or all elements of an array. `joined` is true for those with `*`.
    List {
        words: Vec<Word>,
        joined: bool,
    },
}

/// Returns true if a piece of a word is `$@` or an array, which may produce no word at all in double
/// quotes.
pub(super) fn is_list(piece: &WordPiece) -> bool {
    let WordPiece::ParameterExpansion(expression) = piece else {
        return false;
    };
    let parameter = match expression {
        ParameterExpr::Parameter { parameter, .. }
        | ParameterExpr::UseDefaultValues { parameter, .. }
        | ParameterExpr::UseAlternativeValue { parameter, .. }
        | ParameterExpr::Substring { parameter, .. }
        | ParameterExpr::RemoveSmallestPrefixPattern { parameter, .. }
        | ParameterExpr::RemoveLargestPrefixPattern { parameter, .. }
        | ParameterExpr::RemoveSmallestSuffixPattern { parameter, .. }
        | ParameterExpr::RemoveLargestSuffixPattern { parameter, .. }
        | ParameterExpr::ReplaceSubstring { parameter, .. } => parameter,
        _ => return false,
    };
    matches!(
        parameter,
        Parameter::Special(SpecialParameter::AllPositionalParameters { concatenate: false })
            | Parameter::NamedWithAllIndices {
                concatenate: false,
                ..
            }
    )
}

impl Shell<'_> {
    /// Expands `$name` or `${...}`.
    pub(super) fn parameter(
        &mut self,
        expression: &ParameterExpr,
        quoted: bool,
        out: &mut Vec<Chunk>,
    ) -> Expanded<()> {
        if self.is_foreign(expression) {
            return match self.dialect {
                Dialect::Busybox => Err(self.fatal(Some(2))),
                _ => {
                    self.doubt();
                    out.push(Chunk::Unknown { quoted });
                    Ok(())
                }
            };
        }
        match expression {
            ParameterExpr::Parameter {
                parameter,
                indirect,
            } => {
                let held = self.held(parameter, *indirect)?;
                if matches!(held, Held::Unset) && !is_special(parameter) {
                    self.unset_used()?;
                }
                self.push_held(held, quoted, out);
            }
            ParameterExpr::UseDefaultValues {
                parameter,
                indirect,
                test_type,
                default_value,
            } => {
                let held = self.held(parameter, *indirect)?;
                match is_present(&held, test_type) {
                    Some(true) => self.push_held(held, quoted, out),
                    Some(false) => self.operand(default_value.as_deref(), quoted, out)?,
                    None => out.push(Chunk::Unknown { quoted }),
                }
            }
            ParameterExpr::AssignDefaultValues {
                parameter,
                indirect,
                test_type,
                default_value,
            } => {
                let held = self.held(parameter, *indirect)?;
                match is_present(&held, test_type) {
                    Some(true) => self.push_held(held, quoted, out),
                    Some(false) => {
                        // Only variables can be assigned: `${1=x}` is an error.
                        if !matches!(parameter, Parameter::Named(_)) {
                            return match self.dialect {
                                Dialect::Dash | Dialect::Busybox => Err(self.fatal(Some(2))),
                                _ => {
                                    self.doubt();
                                    out.push(Chunk::Unknown { quoted });
                                    Ok(())
                                }
                            };
                        }
                        let mut chunks = Vec::new();
                        self.operand(default_value.as_deref(), quoted, &mut chunks)?;
                        let value = self.concatenated(&chunks);
                        if let (Parameter::Named(name), false) = (parameter, *indirect) {
                            self.assign(name, Data::Scalar(value.clone()))?;
                        }
                        out.push(Chunk::value(value, quoted));
                    }
                    None => out.push(Chunk::Unknown { quoted }),
                }
            }
            ParameterExpr::IndicateErrorIfNullOrUnset {
                parameter,
                indirect,
                test_type,
                ..
            } => {
                let held = self.held(parameter, *indirect)?;
                match is_present(&held, test_type) {
                    Some(true) => self.push_held(held, quoted, out),
                    Some(false) => {
                        let status = self.dialect.expansion_status(self.from_text);
                        return Err(self.fatal(status));
                    }
                    None => {
                        self.doubt();
                        self.push_held(held, quoted, out);
                    }
                }
            }
            ParameterExpr::UseAlternativeValue {
                parameter,
                indirect,
                test_type,
                alternative_value,
            } => {
                let held = self.held(parameter, *indirect)?;
                match is_present(&held, test_type) {
                    Some(true) => self.operand(alternative_value.as_deref(), quoted, out)?,
                    Some(false) => {}
                    None => out.push(Chunk::Unknown { quoted }),
                }
            }
            ParameterExpr::ParameterLength { parameter, .. } => {
                let value = self.length(parameter)?;
                out.push(Chunk::value(value, quoted));
            }
            ParameterExpr::VariableNames { .. } | ParameterExpr::MemberKeys { .. } => {
                out.push(Chunk::Unknown { quoted: false });
            }
            other => self.transformed(other, quoted, out)?,
        }
        Ok(())
    }

    /// Returns true if the dialect does not support this kind of expansion.
    fn is_foreign(&self, expression: &ParameterExpr) -> bool {
        if self.dialect.is_bash() {
            return false;
        }
        matches!(
            expression,
            ParameterExpr::Transform { .. }
                | ParameterExpr::UppercaseFirstChar { .. }
                | ParameterExpr::UppercasePattern { .. }
                | ParameterExpr::LowercaseFirstChar { .. }
                | ParameterExpr::LowercasePattern { .. }
                | ParameterExpr::VariableNames { .. }
                | ParameterExpr::MemberKeys { .. }
                | ParameterExpr::Parameter {
                    parameter: Parameter::NamedWithIndex { .. }
                        | Parameter::NamedWithAllIndices { .. },
                    ..
                }
                | ParameterExpr::Parameter { indirect: true, .. }
        )
    }

    /// Handles the use of an unset variable, which is an error under `set -u`.
    fn unset_used(&mut self) -> Expanded<()> {
        match self.state.options.nounset {
            Switch::Off => Ok(()),
            Switch::On => {
                let status = self.dialect.expansion_status(self.from_text);
                Err(self.fatal(status))
            }
            Switch::Unknown => {
                self.doubt();
                Ok(())
            }
        }
    }

    /// Returns the value of a parameter. With `indirect`, the parameter names another one.
    pub(super) fn held(&mut self, parameter: &Parameter, indirect: bool) -> Expanded<Held> {
        let held = self.held_directly(parameter)?;
        if !indirect {
            return Ok(held);
        }
        match held {
            Held::One(Value::Known(name)) => {
                match word::parse_parameter(&name, &parser_options::options(self.dialect)) {
                    Ok(target) => self.held_directly(&target),
                    Err(_) => {
                        self.doubt();
                        Ok(Held::One(Value::Unknown))
                    }
                }
            }
            _ => Ok(Held::One(Value::Unknown)),
        }
    }

    fn held_directly(&mut self, parameter: &Parameter) -> Expanded<Held> {
        Ok(match parameter {
            Parameter::Positional(number) => {
                let place = usize::try_from(*number).unwrap_or(usize::MAX);
                self.argument(place)
            }
            Parameter::Special(special) => self.special(special),
            Parameter::Named(name) => self.named(name),
            Parameter::NamedWithIndex { name, index } => {
                let index = self.arithmetic(index)?;
                match (self.elements(name), index) {
                    (None, _) => Held::Unset,
                    (Some(Some(values)), Some(index)) => {
                        let place = if index < 0 {
                            usize::try_from(-index)
                                .ok()
                                .and_then(|back| values.len().checked_sub(back))
                        } else {
                            usize::try_from(index).ok()
                        };
                        let value = place.and_then(|place| values.get(place).cloned());
                        value.map_or(Held::Unset, Held::One)
                    }
                    _ => Held::One(Value::Unknown),
                }
            }
            Parameter::NamedWithAllIndices { name, concatenate } => {
                let words = match self.elements(name) {
                    None => Vec::new(),
                    Some(None) => vec![Word::UnknownMany],
                    Some(Some(values)) => values.into_iter().map(word_of).collect(),
                };
                Held::List {
                    words,
                    joined: *concatenate,
                }
            }
        })
    }

    /// Returns a positional parameter, counted from 1.
    fn argument(&self, number: usize) -> Held {
        let arguments = &self.state.arguments;
        let known = arguments.iter().position(|word| *word == Word::UnknownMany);
        if known.is_some_and(|known| number > known) {
            return Held::One(Value::Unknown);
        }
        match number.checked_sub(1).and_then(|place| arguments.get(place)) {
            Some(word) => Held::One(value_of(word)),
            None => Held::Unset,
        }
    }

    fn special(&self, special: &SpecialParameter) -> Held {
        let known = |text: String| Held::One(Value::Known(text));
        match special {
            SpecialParameter::AllPositionalParameters { concatenate } => Held::List {
                words: self.state.arguments.clone(),
                joined: *concatenate,
            },
            SpecialParameter::PositionalParameterCount => match self.argument_count() {
                Some(count) => known(count.to_string()),
                None => Held::One(Value::Unknown),
            },
            SpecialParameter::LastExitStatus => match self.state.status.code() {
                Some(code) => known(code.to_string()),
                None => Held::One(Value::Unknown),
            },
            SpecialParameter::ShellName => Held::One(self.name.clone()),
            SpecialParameter::LastBackgroundProcessId if !self.state.jobs => Held::Unset,
            _ => Held::One(Value::Unknown),
        }
    }

    /// Returns `$#`; `None` if it is unknown.
    pub(in super::super) fn argument_count(&self) -> Option<usize> {
        let arguments = &self.state.arguments;
        (!arguments.contains(&Word::UnknownMany)).then_some(arguments.len())
    }

    fn named(&self, name: &str) -> Held {
        if let Some(values) = self.call_array(name) {
            return values.first().cloned().map_or(Held::Unset, Held::One);
        }
        match self.state.get(name) {
            Some(value) => Held::One(value),
            None if self.is_dynamic(name) => Held::One(Value::Unknown),
            None => Held::Unset,
        }
    }

    /// Returns true for variables whose values the shell generates.
    fn is_dynamic(&self, name: &str) -> bool {
        match name {
            "PPID" | "LINENO" => true,
            "RANDOM" => self.dialect != Dialect::Dash,
            "SECONDS" | "UID" | "EUID" | "GROUPS" | "BASHPID" | "BASH" | "BASH_VERSION"
            | "BASH_VERSINFO" | "HOSTTYPE" | "MACHTYPE" | "OSTYPE" | "HOSTNAME" | "SHELLOPTS"
            | "BASHOPTS" | "EPOCHSECONDS" | "EPOCHREALTIME" | "PIPESTATUS" | "DIRSTACK"
            | "SRANDOM" | "BASH_COMMAND" | "BASH_SUBSHELL" | "SHELL" | "TERM" | "BASH_LINENO"
            | "_" => self.dialect != Dialect::Dash && self.dialect != Dialect::Busybox,
            _ => false,
        }
    }

    /// Returns the elements of an array. The outer `None` means that it is unset, the inner one that
    /// they are unknown.
    #[allow(clippy::option_option)]
    fn elements(&self, name: &str) -> Option<Option<Vec<Value>>> {
        if let Some(values) = self.call_array(name) {
            return Some(Some(values));
        }
        match self
            .state
            .variables
            .get(name)
            .map(|variable| &variable.data)
        {
            Some(Data::Scalar(value)) => Some(Some(vec![value.clone()])),
            Some(Data::Array(values)) => Some(values.clone()),
            None if self.is_dynamic(name) => Some(None),
            Some(Data::Unset) | None => None,
        }
    }

    /// Returns the value of `FUNCNAME` or `BASH_SOURCE` in bash. Scripts read them to find out whether
    /// they are sourced.
    fn call_array(&self, name: &str) -> Option<Vec<Value>> {
        if !self.dialect.is_bash() {
            return None;
        }
        match name {
            "FUNCNAME" => {
                let calls = self
                    .calls
                    .iter()
                    .rev()
                    .map(|call| Value::Known(call.name.clone()));
                let mut names: Vec<Value> = calls.collect();
                if !names.is_empty() && !self.from_text {
                    names.push(Value::Known("main".to_owned()));
                }
                Some(names)
            }
            "BASH_SOURCE" => {
                let mut files: Vec<Value> =
                    self.calls.iter().rev().map(|c| c.file.clone()).collect();
                if !self.from_text {
                    files.push(self.name.clone());
                }
                Some(files)
            }
            _ => None,
        }
    }

    fn push_held(&mut self, held: Held, quoted: bool, out: &mut Vec<Chunk>) {
        match held {
            Held::Unset => {
                if quoted {
                    out.push(Chunk::literal("", true));
                }
            }
            Held::One(value) => out.push(Chunk::value(value, quoted)),
            Held::List {
                words,
                joined: true,
            } if quoted => {
                let separator = match self.state.get("IFS") {
                    None => " ".to_owned(),
                    Some(Value::Known(ifs)) => ifs.chars().take(1).collect(),
                    Some(Value::Unknown) => {
                        out.push(Chunk::Unknown { quoted: true });
                        return;
                    }
                };
                out.push(Chunk::literal("", true));
                for (place, word) in words.into_iter().enumerate() {
                    if place > 0 {
                        out.push(Chunk::literal(&separator, true));
                    }
                    out.push(Chunk::value(value_of(&word), true));
                }
            }
            Held::List { words, .. } => {
                for (place, word) in words.into_iter().enumerate() {
                    if place > 0 {
                        out.push(Chunk::Break);
                    }
                    out.push(match word {
                        Word::UnknownMany => Chunk::Many,
                        word => Chunk::value(value_of(&word), quoted),
                    });
                }
            }
        }
    }

    /// Expands the word after an operator such as `:-`.
    fn operand(&mut self, text: Option<&str>, quoted: bool, out: &mut Vec<Chunk>) -> Expanded<()> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            if quoted {
                out.push(Chunk::literal("", true));
            }
            return Ok(());
        };
        if !quoted {
            let chunks = self.chunks_of(text, false)?;
            // Unquoted text of the operand is split, like the value of a variable.
            out.extend(chunks.into_iter().map(|chunk| match chunk {
                Chunk::Text {
                    text,
                    quoted: false,
                    ..
                } => Chunk::Text {
                    text,
                    quoted: false,
                    split: true,
                },
                other => other,
            }));
            return Ok(());
        }
        let options = parser_options::options(self.dialect);
        let pieces = if !text.contains('"') {
            word::parse_heredoc(text, &options)
        } else if !text.contains('\'') {
            word::parse(text, &options)
        } else {
            out.push(Chunk::Unknown { quoted });
            return Ok(());
        };
        match pieces {
            Ok(pieces) => self.chunks(&pieces, true, out),
            Err(_) => {
                out.push(Chunk::Unknown { quoted });
                Ok(())
            }
        }
    }

    fn length(&mut self, parameter: &Parameter) -> Expanded<Value> {
        Ok(match self.held(parameter, false)? {
            Held::Unset => {
                self.unset_used()?;
                Value::Known("0".to_owned())
            }
            Held::One(value) => transform::length(&value),
            Held::List { words, .. } if words.contains(&Word::UnknownMany) => Value::Unknown,
            Held::List { words, .. } => Value::Known(words.len().to_string()),
        })
    }

    /// Expands an expression that changes the value, or each word of a list.
    fn transformed(
        &mut self,
        expression: &ParameterExpr,
        quoted: bool,
        out: &mut Vec<Chunk>,
    ) -> Expanded<()> {
        let Some((parameter, indirect)) = transform::parameter_of(expression) else {
            out.push(Chunk::Unknown { quoted });
            return Ok(());
        };
        let held = self.held(parameter, indirect)?;
        if matches!(held, Held::Unset) {
            self.unset_used()?;
        }
        let held = match held {
            Held::List { words, joined } => {
                let words = self.transform_list(expression, words)?;
                Held::List { words, joined }
            }
            Held::One(value) => Held::One(self.transform(expression, value)?),
            Held::Unset => Held::Unset,
        };
        self.push_held(held, quoted, out);
        Ok(())
    }
}

/// Returns whether a parameter is set (and not empty, if the test requires that); `None` if that is
/// unknown.
fn is_present(held: &Held, test: &ParameterTestType) -> Option<bool> {
    let empty_is_absent = matches!(test, ParameterTestType::UnsetOrNull);
    match held {
        Held::Unset => Some(false),
        Held::One(Value::Known(text)) => Some(!(empty_is_absent && text.is_empty())),
        Held::One(Value::Unknown) => None,
        Held::List { words, .. } => match words.as_slice() {
            [] => Some(false),
            [Word::Known(only)] => Some(!(empty_is_absent && only.is_empty())),
            [_] => None,
            [..] => Some(true),
        },
    }
}

fn is_special(parameter: &Parameter) -> bool {
    matches!(parameter, Parameter::Special(_))
}

/// Converts a single word to a value.
pub(super) fn value_of(word: &Word) -> Value {
    match word {
        Word::Known(text) => Value::Known(text.clone()),
        _ => Value::Unknown,
    }
}

/// Converts a value to a word.
pub(super) fn word_of(value: Value) -> Word {
    match value {
        Value::Known(text) => Word::Known(text),
        Value::Unknown => Word::Unknown,
    }
}
