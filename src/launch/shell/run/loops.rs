//! `for`, `while` and `until`.

use brush_parser::ast::{ArithmeticForClauseCommand, CompoundList, ForClauseCommand};

use super::{Flow, FrameKind, Shell};
use crate::launch::environment::Value;
use crate::launch::shell::state::{Data, Status};
use crate::launch::shell::world::{Ended, Word};

/// The maximum number of iterations of a loop whose condition is known.
const MAX_ITERATIONS: usize = 512;

/// The effect of an iteration on the loop.
enum After {
    /// The next iteration runs.
    Iterate,
    /// The loop ends with this flow.
    Leave(Flow),
}

fn after(flow: Flow) -> After {
    match flow {
        Flow::Next | Flow::Continue(0 | 1) => After::Iterate,
        Flow::Break(0 | 1) => After::Leave(Flow::Next),
        Flow::Break(levels) => After::Leave(Flow::Break(levels - 1)),
        Flow::Continue(levels) => After::Leave(Flow::Continue(levels - 1)),
        other => After::Leave(other),
    }
}

impl Shell<'_> {
    pub(super) fn for_loop(&mut self, clause: &ForClauseCommand) -> Flow {
        let mut words = Vec::new();
        match &clause.values {
            None => words.clone_from(&self.state.arguments),
            Some(values) => {
                for value in values {
                    match self.expand_words(&value.value) {
                        Ok(expanded) => words.extend(expanded),
                        Err(flow) => return flow,
                    }
                }
            }
        }
        // bash leaves `$?` unchanged until the body has run.
        if words.is_empty() || !self.dialect.is_bash() {
            self.set_status(0);
        }
        let name = &clause.variable_name;
        let body = &clause.body.list;
        self.framed(FrameKind::Loop, |shell| {
            for word in words {
                let many = word == Word::UnknownMany;
                let value = match word {
                    Word::Known(text) => Value::Known(text),
                    _ => Value::Unknown,
                };
                let mut run = |shell: &mut Self| {
                    if let Err(flow) = shell.assign(name, Data::Scalar(value.clone())) {
                        return flow;
                    }
                    shell.deeper(|shell| shell.list(body))
                };
                let flow = if many {
                    shell.branches(&mut [&mut run, &mut |_: &mut Self| Flow::Next])
                } else {
                    run(shell)
                };
                if let After::Leave(flow) = after(flow) {
                    return flow;
                }
            }
            Flow::Next
        })
    }

    /// Runs a `while` loop, or an `until` loop if `wanted` is false.
    pub(super) fn while_loop(
        &mut self,
        condition: &CompoundList,
        body: &CompoundList,
        wanted: bool,
    ) -> Flow {
        self.framed(FrameKind::Loop, |shell| {
            // The status of a loop that never runs its body.
            let mut status = (Status::Known(0), None);
            for _ in 0..MAX_ITERATIONS {
                let variables = shell.state.variables.clone();
                let arguments = shell.state.arguments.clone();
                if !shell.spend(1 + variables.len() / 16) {
                    return Flow::Exit(shell.give_up());
                }
                let flow = shell.condition(condition);
                if flow != Flow::Next {
                    match after(flow) {
                        After::Iterate => continue,
                        After::Leave(flow) => return flow,
                    }
                }
                match shell.state.status.success() {
                    Some(success) if success != wanted => {
                        (shell.state.status, shell.state.cause) = status;
                        return Flow::Next;
                    }
                    Some(_) => {}
                    None => return shell.unknown_loop(condition, body),
                }
                let flow = shell.deeper(|shell| shell.list(body));
                if let After::Leave(flow) = after(flow) {
                    return flow;
                }
                status = (shell.state.status, shell.state.cause);
                if shell.state.variables == variables && shell.state.arguments == arguments {
                    break;
                }
            }
            // The loop runs forever, or until something outside of the script changes.
            shell.unknown_status();
            Flow::Exit(Ended {
                status: None,
                cause: None,
                may_stay: true,
            })
        })
    }

    /// Runs a loop whose condition is unknown. Its body may run.
    fn unknown_loop(&mut self, condition: &CompoundList, body: &CompoundList) -> Flow {
        let ends = ends(condition, body);
        let flow = self.branches(&mut [
            &mut |shell: &mut Self| shell.deeper(|shell| shell.list(body)),
            &mut |_: &mut Self| Flow::Next,
        ]);
        self.unknown_status();
        if !ends {
            self.may_stay();
        }
        match after(flow) {
            After::Iterate => {
                self.set_status(0);
                self.unknown_status();
                Flow::Next
            }
            After::Leave(flow) => flow,
        }
    }

    pub(super) fn arithmetic_for(&mut self, clause: &ArithmeticForClauseCommand) -> Flow {
        let text = |part: &Option<brush_parser::ast::UnexpandedArithmeticExpr>| {
            part.as_ref()
                .map(|part| part.value.trim().to_owned())
                .filter(|text| !text.is_empty())
        };
        if let Some(initializer) = text(&clause.initializer)
            && let Err(flow) = self.arithmetic(&initializer)
        {
            return flow;
        }
        let (condition, updater) = (text(&clause.condition), text(&clause.updater));
        let body = &clause.body.list;
        self.set_status(0);
        self.framed(FrameKind::Loop, |shell| {
            for _ in 0..MAX_ITERATIONS {
                let answer = match &condition {
                    Some(condition) => match shell.arithmetic(condition) {
                        Ok(number) => number.map(|number| number != 0),
                        Err(flow) => return flow,
                    },
                    None => Some(true),
                };
                match answer {
                    Some(true) => {}
                    Some(false) => return Flow::Next,
                    None => {
                        return shell.branches(&mut [
                            &mut |shell: &mut Self| shell.deeper(|shell| shell.list(body)),
                            &mut |_: &mut Self| Flow::Next,
                        ]);
                    }
                }
                let flow = shell.deeper(|shell| shell.list(body));
                if let After::Leave(flow) = after(flow) {
                    return flow;
                }
                if let Some(updater) = &updater
                    && let Err(flow) = shell.arithmetic(updater)
                {
                    return flow;
                }
            }
            shell.unknown_status();
            Flow::Exit(Ended {
                status: None,
                cause: None,
                may_stay: true,
            })
        })
    }
}

/// Returns true if a loop with an unknown condition ends, because it reads lines or shifts arguments.
fn ends(condition: &CompoundList, body: &CompoundList) -> bool {
    let condition = condition.to_string();
    let mut words = condition.split_whitespace();
    words.any(|word| matches!(word, "read" | "getopts"))
        || body
            .to_string()
            .split_whitespace()
            .any(|word| word.trim_end_matches(';') == "shift")
}
