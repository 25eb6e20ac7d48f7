//! Runs text: scripts, `eval`, sourced files, traps.

use super::super::parse::{self, ParseFailure};
use super::{Flow, FrameKind, Shell};
use crate::launch::shell::Dialect;
use crate::launch::shell::state::Switch;
use crate::launch::shell::world::Ended;

impl Shell<'_> {
    /// Runs a text in this shell. `line_base` is the number of lines before it.
    pub(crate) fn text(&mut self, text: &str, line_base: u32) -> Flow {
        self.set_status(0);
        self.text_within(text, line_base)
    }

    /// Runs a text without changing `$?` first.
    pub(super) fn text_within(&mut self, text: &str, line_base: u32) -> Flow {
        if !self.spend(1 + text.len() / 64) {
            return Flow::Exit(self.give_up());
        }
        let parsed = parse::parse(text, self.dialect);
        let before = self.line_base;
        for command in &parsed.commands {
            if self.state.options.noexec != Switch::Off {
                break;
            }
            self.line_base = line_base.saturating_add(command.line_base);
            let flow = self.list(&command.list);
            if flow != Flow::Next {
                self.line_base = before;
                return flow;
            }
        }
        self.line_base = before;
        match parsed.failure {
            None => Flow::Next,
            Some(ParseFailure::Syntax) => {
                let status = match self.dialect {
                    Dialect::Unknown => None,
                    _ => Some(2),
                };
                self.fatal(status)
            }
            Some(ParseFailure::Unknown) => {
                self.world.not_understood();
                self.unknown_status();
                Flow::Exit(Ended {
                    status: None,
                    cause: None,
                    may_stay: true,
                })
            }
        }
    }

    /// Runs the text of `eval`.
    pub(crate) fn evaluate_text(&mut self, text: &str) -> Flow {
        let line = self.line;
        let flow = self.deeper(|shell| shell.text(text, line.saturating_sub(1)));
        self.line = line;
        flow
    }

    /// Runs the text of a sourced file, which `return` leaves.
    pub(crate) fn sourced_text(&mut self, text: &str) -> Flow {
        let line = self.line;
        // dash and busybox forget that the status is tested (`dotcmd`), so `set -e` applies in the
        // file.
        let tested = self.ignoring;
        match self.dialect {
            Dialect::Dash | Dialect::Busybox => self.ignoring = 0,
            Dialect::Unknown if tested > 0 => self.doubt(),
            _ => {}
        }
        let flow =
            self.deeper(|shell| shell.framed(FrameKind::Function, |shell| shell.text(text, 0)));
        self.ignoring = tested;
        self.line = line;
        match flow {
            Flow::Return => Flow::Next,
            flow => flow,
        }
    }
}
