//! Colours for output on a terminal.

use std::io::stdout;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// Colours text, or returns it unchanged if colour is off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(bool);

/// Returns the setting for standard output: on if it is a terminal that supports colours. `NO_COLOR`
/// (<https://no-color.org>), `CLICOLOR` and `CLICOLOR_FORCE` (<https://bixense.com/clicolors/>) override
/// that.
pub(crate) fn of_stdout() -> Colour {
    Colour(AutoStream::choice(&stdout()) != ColorChoice::Never)
}

const GOOD: Style = AnsiColor::Green.on_default();
const WARN: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

// File types, in the colours of ls(1).
const DIRECTORY: Style = AnsiColor::Blue.on_default().bold();
const LINK: Style = AnsiColor::Cyan.on_default().bold();
const PROGRAM: Style = AnsiColor::Green.on_default().bold();

impl Colour {
    /// Colour off, as for a file.
    #[cfg(test)]
    pub(crate) const NONE: Self = Self(false);

    /// Whether colour is on. Some commands align columns only then.
    pub(crate) fn is_on(self) -> bool {
        self.0
    }

    fn paint(self, style: Style, text: &str) -> String {
        match self.0 {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }

    pub(crate) fn plain(self, text: &str) -> String {
        text.to_owned()
    }

    pub(crate) fn good(self, text: &str) -> String {
        self.paint(GOOD, text)
    }

    pub(crate) fn warn(self, text: &str) -> String {
        self.paint(WARN, text)
    }

    pub(crate) fn bad(self, text: &str) -> String {
        self.paint(BAD, text)
    }

    pub(crate) fn directory(self, text: &str) -> String {
        self.paint(DIRECTORY, text)
    }

    pub(crate) fn link(self, text: &str) -> String {
        self.paint(LINK, text)
    }

    pub(crate) fn program(self, text: &str) -> String {
        self.paint(PROGRAM, text)
    }
}
