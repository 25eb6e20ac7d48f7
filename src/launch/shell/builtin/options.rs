//! `set` and `shopt`.

use super::known;
use crate::launch::shell::Dialect;
use crate::launch::shell::run::{Flow, Shell};
use crate::launch::shell::state::{Options, Switch};
use crate::launch::shell::world::Word;

/// Sets the option of a letter. Returns false if no shell has it.
pub(in crate::launch::shell) fn set_letter(options: &mut Options, letter: char, on: bool) -> bool {
    let on = Switch::from(on);
    match letter {
        'e' => options.errexit = on,
        'u' => options.nounset = on,
        'f' => options.noglob = on,
        'a' => options.allexport = on,
        'n' => options.noexec = on,
        'x' | 'v' | 'm' | 'h' | 'b' | 'C' | 'E' | 'T' | 'H' | 'P' | 'k' | 'p' | 't' | 'i' | 'l'
        | 'V' | 'I' | 'B' | 'q' => {}
        _ => return false,
    }
    true
}

/// Sets an option by its `-o` name. Returns false if the dialect does not have it.
pub(in crate::launch::shell) fn set_name(
    options: &mut Options,
    name: &str,
    on: bool,
    dialect: Dialect,
) -> bool {
    let switch = Switch::from(on);
    match name {
        "errexit" => options.errexit = switch,
        "nounset" => options.nounset = switch,
        "noglob" => options.noglob = switch,
        "allexport" => options.allexport = switch,
        "noexec" => options.noexec = switch,
        "pipefail" if dialect != Dialect::Dash => options.pipefail = switch,
        "xtrace" | "verbose" | "monitor" | "notify" | "noclobber" | "ignoreeof" | "vi"
        | "emacs" | "nolog" | "debug" => {}
        "posix"
        | "hashall"
        | "errtrace"
        | "functrace"
        | "histexpand"
        | "history"
        | "physical"
        | "privileged"
        | "braceexpand"
        | "interactive-comments"
        | "keyword"
        | "onecmd"
            if dialect.is_bash() || dialect == Dialect::Unknown => {}
        _ => return false,
    }
    true
}

impl Shell<'_> {
    pub(super) fn set_builtin(&mut self, operands: &[Word]) -> Flow {
        self.set_status(0);
        if operands.is_empty() {
            self.write(None);
            return Flow::Next;
        }
        let mut rest = operands;
        let mut replaces = false;
        while let Some((first, after)) = rest.split_first() {
            let Some(text) = known(first) else {
                // The word may be options or an argument.
                replaces = true;
                break;
            };
            match text {
                "--" => {
                    rest = after;
                    replaces = true;
                    break;
                }
                "-" => {
                    rest = after;
                    replaces = !after.is_empty();
                    break;
                }
                _ if text.starts_with(['-', '+']) && text.len() > 1 => {
                    let on = text.starts_with('-');
                    rest = after;
                    for letter in text.chars().skip(1) {
                        if letter == 'o' {
                            let name = rest.first().and_then(known);
                            rest = rest.get(1..).unwrap_or_default();
                            let Some(name) = name else {
                                self.write(None);
                                continue;
                            };
                            let name = name.to_owned();
                            let dialect = self.dialect;
                            if !set_name(&mut self.state.options, &name, on, dialect) {
                                return self.wrong_option();
                            }
                        } else if !set_letter(&mut self.state.options, letter, on) {
                            return self.wrong_option();
                        }
                    }
                }
                _ => {
                    replaces = true;
                    break;
                }
            }
        }
        if replaces {
            self.state.arguments = rest.to_vec();
        }
        Flow::Next
    }

    fn wrong_option(&mut self) -> Flow {
        match self.dialect {
            Dialect::Dash => self.fatal(Some(2)),
            Dialect::BashPosix => self.fatal(Some(2)),
            Dialect::Bash => {
                self.set_status(2);
                self.errexit()
            }
            Dialect::Busybox => {
                self.set_status(1);
                self.errexit()
            }
            Dialect::Unknown => {
                self.doubt();
                self.unknown_status();
                Flow::Next
            }
        }
    }

    pub(super) fn shopt(&mut self, operands: &[Word]) {
        if operands.len() > 1 {
            let harmless = |word: &Word| {
                matches!(
                    known(word),
                    Some(
                        "-s" | "-u"
                            | "-q"
                            | "inherit_errexit"
                            | "extglob"
                            | "checkwinsize"
                            | "expand_aliases"
                    )
                )
            };
            if !operands.iter().all(harmless) {
                self.state.options.shopt = Switch::Unknown;
            }
        }
        match operands.first().and_then(known) {
            Some("-s" | "-u") => self.set_status(0),
            _ => self.unknown_status(),
        }
    }
}
