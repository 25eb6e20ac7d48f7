//! `export`, `readonly`, `local`, `declare`, `unset`, `read`, `getopts` and `let`.

use super::{Argument, is_name, known, value};
use crate::launch::environment::Value;
use crate::launch::shell::Dialect;
use crate::launch::shell::expand::Expanded;
use crate::launch::shell::run::Shell;
use crate::launch::shell::state::{Data, Status, Variable};
use crate::launch::shell::world::Word;

/// The options of a declaration.
#[derive(Default)]
struct Flags {
    export: Option<bool>,
    readonly: bool,
    local: bool,
    /// Whether the value is transformed or refers to another variable, so that it is unknown.
    odd: bool,
    array: bool,
    functions: bool,
    prints: bool,
}

impl Shell<'_> {
    /// Runs `export`, `readonly`, `local`, `declare` and `typeset`.
    pub(super) fn declare(&mut self, name: &str, operands: &[Argument]) -> Expanded<()> {
        let in_function = !self.state.locals.is_empty() && self.is_in_function();
        let mut flags = Flags {
            export: (name == "export").then_some(true),
            readonly: name == "readonly",
            local: name == "local" || (matches!(name, "declare" | "typeset") && in_function),
            ..Flags::default()
        };
        self.set_status(0);
        if name == "local" && !in_function {
            return match self.dialect {
                Dialect::Bash | Dialect::BashPosix => {
                    self.set_status(1);
                    Ok(())
                }
                Dialect::Unknown => {
                    self.doubt();
                    self.unknown_status();
                    Ok(())
                }
                _ => Err(self.fatal(Some(2))),
            };
        }
        let mut named = false;
        for operand in operands {
            match operand {
                Argument::Word(Word::Known(text)) if !named && text.starts_with(['-', '+']) => {
                    read_flags(text, &mut flags);
                }
                Argument::Word(Word::Known(text)) => {
                    named = true;
                    if flags.functions {
                        continue;
                    }
                    match text.split_once('=') {
                        Some((name, text)) if is_name(name) => {
                            self.declare_one(name, Some(Data::Scalar(value(text))), &flags)?;
                        }
                        None if is_name(text) => self.declare_one(text, None, &flags)?,
                        _ => return self.wrong_name(),
                    }
                }
                Argument::Word(_) => {
                    named = true;
                    self.doubt();
                    self.unknown_status();
                }
                Argument::Assignment(name, data) => {
                    named = true;
                    self.declare_one(name, Some(data.clone()), &flags)?;
                }
            }
        }
        if !named || flags.prints {
            self.write(None);
            if flags.prints && named {
                self.unknown_status();
            }
        }
        Ok(())
    }

    fn wrong_name(&mut self) -> Expanded<()> {
        match self.dialect {
            Dialect::Bash => {
                self.set_status(1);
                Ok(())
            }
            Dialect::Unknown => {
                self.doubt();
                self.unknown_status();
                Ok(())
            }
            dialect => Err(self.fatal(dialect.special_error())),
        }
    }

    fn declare_one(&mut self, name: &str, data: Option<Data>, flags: &Flags) -> Expanded<()> {
        let before = self.state.variables.get(name).cloned();
        if flags.local
            && let Some(locals) = self.state.locals.last_mut()
            && !locals.contains_key(name)
        {
            locals.insert(name.to_owned(), before.clone());
            if data.is_none() && self.dialect.is_bash() {
                let variable = Variable {
                    data: Data::Unset,
                    exported: before.as_ref().is_some_and(|variable| variable.exported),
                    readonly: false,
                };
                self.state.variables.insert(name.to_owned(), variable);
            }
        }
        if let Some(data) = data {
            let data = match data {
                _ if flags.odd => Data::Array(None),
                data => data,
            };
            self.assign(name, data)?;
        } else if flags.odd {
            self.assign(name, Data::Array(None))?;
        } else if flags.array && !matches!(before.map(|v| v.data), Some(Data::Array(_))) {
            self.assign(name, Data::Array(Some(Vec::new())))?;
        }
        let variable = self
            .state
            .variables
            .entry(name.to_owned())
            .or_insert(Variable {
                data: Data::Unset,
                exported: false,
                readonly: false,
            });
        if let Some(export) = flags.export {
            variable.exported = export;
        }
        variable.readonly |= flags.readonly;
        Ok(())
    }

    pub(super) fn unset(&mut self, operands: &[Word]) {
        self.set_status(0);
        let (mut functions, mut variables) = (false, false);
        for operand in operands {
            match known(operand) {
                Some("-f") => functions = true,
                Some("-v" | "-n") => variables = true,
                Some(name) => {
                    if functions {
                        self.state.functions.remove(name);
                    } else if self.state.is_readonly(name) {
                        self.doubt();
                        self.state.status = Status::NonZero;
                    } else if let Some((array, _)) = name.split_once('[') {
                        self.state.set(array, Data::Array(None));
                    } else if self.state.variables.remove(name).is_none()
                        && !variables
                        && self.dialect.is_bash()
                    {
                        // Without options, bash removes a function if there is no variable.
                        self.state.functions.remove(name);
                    }
                }
                None => {
                    for variable in self.state.variables.values_mut() {
                        variable.data = Data::Scalar(Value::Unknown);
                    }
                }
            }
        }
    }

    /// Runs commands that set variables from their input.
    pub(super) fn read(&mut self, name: &str, operands: &[Word]) {
        let mut names = Vec::new();
        let mut words = operands.iter();
        let skip = usize::from(name == "getopts");
        while let Some(word) = words.next() {
            let Some(text) = known(word) else { continue };
            if text.starts_with('-') && name != "getopts" {
                let takes_value = matches!(
                    text,
                    "-p" | "-d" | "-n" | "-N" | "-t" | "-u" | "-i" | "-C" | "-c" | "-O" | "-s"
                );
                let array = text.ends_with('a');
                if takes_value && text != "-s" && !array {
                    words.next();
                }
                continue;
            }
            names.push(text.to_owned());
        }
        let defaults: &[&str] = match name {
            "getopts" => &["OPTARG", "OPTIND"],
            "read" if names.is_empty() => &["REPLY"],
            "read" => &[],
            _ if names.is_empty() => &["MAPFILE"],
            _ => &[],
        };
        if name == "getopts" {
            names.truncate(2);
        }
        let names = names
            .into_iter()
            .skip(skip)
            .chain(defaults.iter().map(|name| (*name).to_owned()));
        for variable in names.filter(|name| is_name(name)).collect::<Vec<_>>() {
            let array = matches!(name, "mapfile" | "readarray")
                || operands.iter().any(|word| known(word) == Some("-a"));
            let data = if array {
                Data::Array(None)
            } else {
                Data::Scalar(Value::Unknown)
            };
            self.state.set(&variable, data);
        }
        self.unknown_status();
    }

    pub(super) fn let_builtin(&mut self, operands: &[Word]) -> Expanded<()> {
        let mut last = Some(0);
        for operand in operands {
            last = match known(operand) {
                Some(text) => self.arithmetic(text)?,
                None => None,
            };
        }
        match last {
            Some(number) => self.set_status(u8::from(number == 0)),
            None => self.unknown_status(),
        }
        Ok(())
    }
}

fn read_flags(text: &str, flags: &mut Flags) {
    let on = text.starts_with('-');
    for letter in text.chars().skip(1) {
        match letter {
            'x' => flags.export = Some(on),
            'n' if flags.export == Some(true) => flags.export = Some(false),
            'r' => flags.readonly |= on,
            'g' => flags.local = false,
            'a' => flags.array |= on,
            'A' | 'i' | 'l' | 'u' | 'n' | 'c' => flags.odd |= on,
            'f' | 'F' => flags.functions = true,
            'p' => flags.prints = true,
            _ => {}
        }
    }
}
