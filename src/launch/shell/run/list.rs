//! Lists, `&&`, `||` and pipelines.

use brush_parser::ast::{self, AndOr, AndOrList, CompoundList, Pipeline, SeparatorOperator};

use super::{Flow, Shell};
use crate::launch::shell::Dialect;
use crate::launch::shell::state::{Status, Switch};
use crate::launch::shell::world::RunMode;

impl Shell<'_> {
    /// Runs the commands of a list.
    pub(crate) fn list(&mut self, list: &CompoundList) -> Flow {
        for ast::CompoundListItem(and_or, separator) in &list.0 {
            let flow = match separator {
                SeparatorOperator::Async => self.background(and_or),
                SeparatorOperator::Sequence => self.and_or(and_or),
            };
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn background(&mut self, list: &AndOrList) -> Flow {
        let place = std::mem::replace(&mut self.place, RunMode::Background);
        let output = std::mem::replace(&mut self.state.output, super::Output::Elsewhere);
        self.deeper(|shell| {
            shell.subshell(|shell| shell.and_or(list));
            Flow::Next
        });
        self.place = place;
        self.state.output = output;
        self.state.jobs = true;
        self.set_status(0);
        Flow::Next
    }

    /// Runs `a && b || c`. Only the last pipeline of the list can end the shell under `set -e`.
    fn and_or(&mut self, list: &AndOrList) -> Flow {
        let flow = self.member(&list.first, list.additional.is_empty());
        if flow != Flow::Next {
            return flow;
        }
        let count = list.additional.len();
        for (place, next) in list.additional.iter().enumerate() {
            let last = place + 1 == count;
            let (pipeline, wanted) = match next {
                AndOr::And(pipeline) => (pipeline, true),
                AndOr::Or(pipeline) => (pipeline, false),
            };
            let flow = match self.state.status.success() {
                Some(success) if success == wanted => self.member(pipeline, last),
                Some(_) => Flow::Next,
                None => self.branches(&mut [
                    &mut |shell: &mut Self| shell.member(pipeline, last),
                    &mut |shell: &mut Self| {
                        shell.state.status = if wanted {
                            Status::NonZero
                        } else {
                            Status::Known(0)
                        };
                        Flow::Next
                    },
                ]),
            };
            if flow != Flow::Next {
                return flow;
            }
        }
        Flow::Next
    }

    fn member(&mut self, pipeline: &Pipeline, last: bool) -> Flow {
        let ignored = u32::from(!last || pipeline.bang);
        self.ignoring += ignored;
        let flow = self.pipeline(pipeline);
        self.ignoring -= ignored;
        flow
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Flow {
        let flow = match pipeline.seq.as_slice() {
            [] => {
                self.set_status(0);
                Flow::Next
            }
            [command] => self.command(command),
            commands => self.piped(commands),
        };
        // busybox also inverts the status of `! return` and `! break`.
        let inverts = flow == Flow::Next
            || (!matches!(flow, Flow::Exit(_)) && self.dialect == Dialect::Busybox);
        if inverts && pipeline.bang {
            self.state.status = self.state.status.inverted();
            self.state.cause = None;
        }
        flow
    }

    /// Runs the commands of a pipe, each in a subshell. The shell waits for all of them.
    fn piped(&mut self, commands: &[ast::Command]) -> Flow {
        let mut failed: Option<Status> = Some(Status::Known(0));
        let count = commands.len();
        let outer = std::mem::replace(&mut self.state.output, super::Output::Elsewhere);
        let place = match self.place {
            RunMode::Background => RunMode::Background,
            _ => RunMode::Pipe,
        };
        let place = std::mem::replace(&mut self.place, place);
        let mut outer = Some(outer);
        // Each command starts with the `$?` from before the pipe.
        let before = (self.state.status, self.state.cause);
        for (number, command) in commands.iter().enumerate() {
            (self.state.status, self.state.cause) = before;
            if number + 1 == count
                && let Some(output) = outer.take()
            {
                self.state.output = output;
            }
            let flow = self.deeper(|shell| {
                shell.subshell(|shell| shell.command(command));
                Flow::Next
            });
            if let Flow::Exit(_) = flow {
                self.place = place;
                return flow;
            }
            failed = match (failed, self.state.status.success()) {
                (failed, Some(true)) => failed,
                (_, Some(false)) => Some(self.state.status),
                (_, None) => None,
            };
        }
        self.place = place;
        match self.state.options.pipefail {
            Switch::Off => {}
            Switch::On => self.state.status = failed.unwrap_or(Status::Unknown),
            Switch::Unknown if failed == Some(Status::Known(0)) => {}
            Switch::Unknown => self.state.status = Status::Unknown,
        }
        // With `lastpipe` the last command runs in this shell, and its variables are then unknown.
        self.errexit()
    }
}
