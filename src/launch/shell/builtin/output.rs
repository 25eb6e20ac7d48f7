//! `echo`, `printf` and `pwd`.

use super::{all_known, is_name};
use crate::launch::environment::Value;
use crate::launch::shell::Dialect;
use crate::launch::shell::expand::Expanded;
use crate::launch::shell::run::Shell;
use crate::launch::shell::state::Data;
use crate::launch::shell::world::Word;

impl Shell<'_> {
    pub(super) fn echo(&mut self, operands: &[Word]) {
        self.set_status(0);
        let text = all_known(operands).and_then(|words| echoed(&words, self.dialect));
        self.write(text.as_deref());
    }

    pub(super) fn pwd(&mut self) {
        self.set_status(0);
        let line = self.state.cwd.as_ref().map(|cwd| format!("{cwd}\n"));
        self.write(line.as_deref());
    }

    pub(super) fn printf(&mut self, operands: &[Word]) -> Expanded<()> {
        self.set_status(0);
        let Some(mut words) = all_known(operands) else {
            let variable = match operands {
                [Word::Known(option), Word::Known(name), ..] if option == "-v" => {
                    Some(name.clone())
                }
                _ => None,
            };
            match variable {
                Some(name) => self.assign(&name, Data::Scalar(Value::Unknown))?,
                None => self.write(None),
            }
            return Ok(());
        };
        let mut variable = None;
        if let ["-v", name, ..] = words.as_slice()
            && self.dialect.is_bash()
        {
            variable = Some((*name).to_owned());
            words.drain(..2);
        }
        if words.first() == Some(&"--") {
            words.remove(0);
        }
        let text = match words.split_first() {
            Some((format, arguments)) => formatted(format, arguments),
            None => {
                self.set_status(2);
                return Ok(());
            }
        };
        match variable {
            Some(name) if is_name(&name) => {
                self.assign(
                    &name,
                    Data::Scalar(text.map_or(Value::Unknown, Value::Known)),
                )?;
            }
            Some(_) => self.unknown_status(),
            None => self.write(text.as_deref()),
        }
        Ok(())
    }
}

/// Returns the output of `echo`; `None` for escapes that are not supported.
fn echoed(words: &[&str], dialect: Dialect) -> Option<String> {
    let mut words = words;
    let (mut newline, mut escapes) = (true, dialect == Dialect::Dash);
    while let Some((first, rest)) = words.split_first() {
        let letters = first
            .strip_prefix('-')
            .filter(|letters| !letters.is_empty());
        let option =
            letters.is_some_and(|letters| letters.chars().all(|c| matches!(c, 'n' | 'e' | 'E')));
        if !option || (dialect == Dialect::Dash && *first != "-n") {
            break;
        }
        for letter in first.chars() {
            match letter {
                'n' => newline = false,
                'e' => escapes = true,
                'E' => escapes = false,
                _ => {}
            }
        }
        words = rest;
        if dialect == Dialect::Dash {
            break;
        }
    }
    let text = words.join(" ");
    if escapes && text.contains('\\') {
        return None;
    }
    Some(if newline { text + "\n" } else { text })
}

/// Returns the output of `printf`; `None` for conversions and escapes that are not supported.
fn formatted(format: &str, arguments: &[&str]) -> Option<String> {
    let mut text = String::new();
    let mut arguments = arguments.iter();
    loop {
        let before = arguments.len();
        let mut characters = format.chars();
        while let Some(c) = characters.next() {
            match c {
                '%' => match characters.next()? {
                    '%' => text.push('%'),
                    's' => text.push_str(arguments.next().unwrap_or(&"")),
                    'd' | 'i' => {
                        let number: i64 = arguments.next().unwrap_or(&"0").parse().ok()?;
                        text.push_str(&number.to_string());
                    }
                    _ => return None,
                },
                '\\' => text.push(match characters.next()? {
                    'n' => '\n',
                    't' => '\t',
                    '\\' => '\\',
                    '"' => '"',
                    _ => return None,
                }),
                c => text.push(c),
            }
            if text.len() > crate::launch::shell::expand::MAX_VALUE {
                return None;
            }
        }
        if arguments.len() == 0 || arguments.len() == before {
            return Some(text);
        }
    }
}
