//! `case`.

use brush_parser::ast::{CaseClauseCommand, CaseItem, CaseItemPostAction};

use super::{Flow, Shell};
use crate::launch::environment::Value;
use crate::launch::shell::expand::Expanded;
use crate::launch::shell::state::Switch;

/// A branch that may run.
type Branch<'a, S> = dyn FnMut(&mut S) -> Flow + 'a;

/// The result of comparing the value of a `case` with its items from a position on.
enum Chosen {
    /// This item matches.
    Item(usize),
    /// No item matches.
    Nothing,
    /// One of these items may match, or none if `nothing` is true.
    Any { items: Vec<usize>, nothing: bool },
}

impl Shell<'_> {
    pub(super) fn case(&mut self, clause: &CaseClauseCommand) -> Flow {
        let value = match self.expand_string(&clause.value.value) {
            Ok(value) => value,
            Err(flow) => return flow,
        };
        self.case_from(&clause.cases, 0, &value)
    }

    fn case_from(&mut self, items: &[CaseItem], from: usize, value: &Value) -> Flow {
        let chosen = match self.choose(items, from, value) {
            Ok(chosen) => chosen,
            Err(flow) => return flow,
        };
        match chosen {
            Chosen::Nothing => {
                self.set_status(0);
                Flow::Next
            }
            Chosen::Item(place) => self.case_item(items, place, value),
            Chosen::Any {
                items: places,
                nothing,
            } => {
                let mut runs: Vec<Box<Branch<'_, Self>>> = Vec::new();
                for place in places {
                    runs.push(Box::new(move |shell: &mut Self| {
                        shell.case_item(items, place, value)
                    }));
                }
                if nothing {
                    runs.push(Box::new(|shell: &mut Self| {
                        shell.set_status(0);
                        Flow::Next
                    }));
                }
                let mut branches: Vec<&mut dyn FnMut(&mut Self) -> Flow> = Vec::new();
                for run in &mut runs {
                    branches.push(run.as_mut());
                }
                self.branches(&mut branches)
            }
        }
    }

    fn choose(&mut self, items: &[CaseItem], from: usize, value: &Value) -> Expanded<Chosen> {
        let mut maybe = Vec::new();
        for (place, item) in items.iter().enumerate().skip(from) {
            let mut unknown = false;
            for word in &item.patterns {
                let Some(pattern) = self.expand_pattern(&word.value)? else {
                    unknown = true;
                    continue;
                };
                let answer = match value {
                    // `nocasematch` may be set.
                    Value::Known(text) if self.state.options.shopt == Switch::Off => {
                        pattern.matches(text)
                    }
                    Value::Known(text) => pattern.matches(text).filter(|matches| *matches),
                    Value::Unknown => (word.value == "*").then_some(true),
                };
                match answer {
                    Some(true) if maybe.is_empty() && !unknown => return Ok(Chosen::Item(place)),
                    Some(true) => {
                        maybe.push(place);
                        return Ok(Chosen::Any {
                            items: maybe,
                            nothing: false,
                        });
                    }
                    Some(false) => {}
                    None => unknown = true,
                }
            }
            if unknown {
                maybe.push(place);
            }
        }
        Ok(if maybe.is_empty() {
            Chosen::Nothing
        } else {
            Chosen::Any {
                items: maybe,
                nothing: true,
            }
        })
    }

    fn case_item(&mut self, items: &[CaseItem], place: usize, value: &Value) -> Flow {
        let Some(item) = items.get(place) else {
            return Flow::Next;
        };
        let flow = match &item.cmd {
            Some(list) => self.list(list),
            None => {
                self.set_status(0);
                Flow::Next
            }
        };
        if flow != Flow::Next {
            return flow;
        }
        match item.post_action {
            CaseItemPostAction::ExitCase => Flow::Next,
            CaseItemPostAction::UnconditionallyExecuteNextCaseItem => {
                self.deeper(|shell| shell.case_item(items, place + 1, value))
            }
            CaseItemPostAction::ContinueEvaluatingCases => {
                self.deeper(|shell| shell.case_from(items, place + 1, value))
            }
        }
    }
}
