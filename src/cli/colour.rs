//! Colours for output on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).

use std::io::{IsTerminal, stdout};

/// Colours text, or returns it unchanged if colour is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(bool);

/// Returns the setting for standard output: on if it is a terminal, `TERM` is not `dumb`, and `NO_COLOR`
/// is not set.
pub(crate) fn of_stdout() -> Colour {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
    Colour(stdout().is_terminal() && !forbidden && !dumb)
}

impl Colour {
    /// Colour off, as for a file.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self(false);

    /// Whether colour is on. Some commands align columns only then.
    pub(crate) fn is_on(self) -> bool {
        self.0
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self.0 {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    pub(crate) fn plain(self, text: &str) -> String {
        text.to_owned()
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    pub(crate) fn warn(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint("31;1", text)
    }

    // File types, in the colours of ls(1).

    pub(crate) fn directory(self, text: &str) -> String {
        self.paint("34;1", text)
    }

    pub(crate) fn link(self, text: &str) -> String {
        self.paint("36;1", text)
    }

    pub(crate) fn program(self, text: &str) -> String {
        self.paint("32;1", text)
    }
}
