//! Command substitution (POSIX 2.6.3).

use super::{Flow, Output, Shell};
use crate::launch::environment::Value;
use crate::launch::shell::Dialect;
use crate::launch::shell::expand::Expanded;
use crate::launch::shell::state::Switch;
use crate::launch::shell::world::RunMode;

impl Shell<'_> {
    /// Runs a command and returns its output, without the newlines at the end.
    pub(crate) fn substitute(&mut self, text: &str) -> Expanded<Value> {
        let outer = std::mem::replace(&mut self.state.output, Output::Collected(String::new()));
        let place = match self.place {
            RunMode::Background => RunMode::Background,
            _ => RunMode::Pipe,
        };
        let place = std::mem::replace(&mut self.place, place);
        let (line, line_base) = (self.line, self.line_base);
        // The commands of a substitution are not part of the condition around it.
        let ignoring = std::mem::take(&mut self.ignoring);
        let (status, cause) = (self.state.status, self.state.cause);
        let file = text
            .trim()
            .strip_prefix('<')
            .filter(|_| self.dialect.is_bash());
        let flow = self.deeper(|shell| {
            shell.subshell(|shell| {
                // bash does not inherit `-e` here unless it is in POSIX mode.
                if shell.dialect == Dialect::Bash {
                    shell.state.options.errexit = Switch::Off;
                }
                if file.is_some_and(|file| !file.starts_with(['<', '('])) {
                    shell.write(None);
                    shell.unknown_status();
                    return Flow::Next;
                }
                (shell.state.status, shell.state.cause) = (status, cause);
                shell.text_within(text, line.saturating_sub(1))
            });
            Flow::Next
        });
        self.ignoring = ignoring;
        self.place = place;
        self.line = line;
        self.line_base = line_base;
        self.substituted = Some((self.state.status, self.state.cause));
        // In dash and busybox `$?` changes after the whole command, in bash at once.
        if !self.dialect.is_bash() {
            (self.state.status, self.state.cause) = (status, cause);
        }
        let output = std::mem::replace(&mut self.state.output, outer);
        if let Flow::Exit(_) = flow {
            return Err(flow);
        }
        Ok(match output {
            Output::Collected(text) => Value::Known(text.trim_end_matches('\n').to_owned()),
            _ => Value::Unknown,
        })
    }
}
