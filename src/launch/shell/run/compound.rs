//! Compound commands, apart from loops and `case`.

use brush_parser::ast::{self, Command, CompoundCommand, CompoundList, RedirectList};

use super::{Flow, Redirected, Shell};
use crate::launch::shell::Dialect;
use crate::launch::shell::state::{Function, Status};
use crate::launch::shell::world::RunMode;
use std::rc::Rc;

impl Shell<'_> {
    /// Runs any command.
    pub(crate) fn command(&mut self, command: &Command) -> Flow {
        match command {
            Command::Simple(simple) => self.simple(simple),
            Command::Compound(compound, redirects) => {
                self.redirected(redirects.as_ref(), |shell| shell.compound(compound))
            }
            Command::Function(definition) => {
                let function = Function {
                    body: Rc::new(definition.body.clone()),
                    line_base: self.line_base,
                };
                let name = definition.fname.value.clone();
                self.state.functions.insert(name, Some(function));
                self.set_status(0);
                Flow::Next
            }
            Command::ExtendedTest(test, redirects) => {
                self.at(test);
                self.redirected(redirects.as_ref(), |shell| {
                    match shell.extended_test(&test.expr) {
                        Ok(Some(answer)) => shell.set_status(u8::from(!answer)),
                        Ok(None) => shell.unknown_status(),
                        Err(flow) => return flow,
                    }
                    shell.errexit()
                })
            }
        }
    }

    /// Runs a compound command with its redirections.
    pub(crate) fn redirected(
        &mut self,
        redirects: Option<&RedirectList>,
        run: impl FnOnce(&mut Self) -> Flow,
    ) -> Flow {
        let Some(redirects) = redirects else {
            return self.deeper(run);
        };
        match self.redirect(redirects.0.iter()) {
            Err(flow) => flow,
            Ok(Redirected::Failed) => {
                let status = self.dialect.redirect_status();
                self.state.status = status.map_or(Status::NonZero, Status::Known);
                self.state.cause = None;
                self.errexit()
            }
            Ok(Redirected::Doubtful { .. }) => {
                let mut run = Some(run);
                let flow = self.branches(&mut [
                    &mut |shell: &mut Self| match run.take() {
                        Some(run) => shell.deeper(run),
                        None => Flow::Next,
                    },
                    &mut |shell: &mut Self| {
                        shell.state.status = Status::NonZero;
                        shell.errexit()
                    },
                ]);
                self.write(None);
                flow
            }
            Ok(Redirected::Done { stdout_elsewhere }) => {
                if !stdout_elsewhere {
                    return self.deeper(run);
                }
                let output = std::mem::replace(&mut self.state.output, super::Output::Elsewhere);
                let flow = self.deeper(run);
                self.state.output = output;
                flow
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand) -> Flow {
        match compound {
            CompoundCommand::BraceGroup(group) => self.list(&group.list),
            CompoundCommand::Subshell(subshell) => {
                let ended = self.subshell(|shell| shell.list(&subshell.list));
                if ended.may_stay && self.exhausted {
                    return Flow::Exit(ended);
                }
                self.errexit()
            }
            CompoundCommand::IfClause(clause) => self.if_clause(
                &clause.condition,
                &clause.then,
                clause.elses.as_deref().unwrap_or_default(),
            ),
            CompoundCommand::CaseClause(clause) => self.case(clause),
            CompoundCommand::ForClause(clause) => self.for_loop(clause),
            CompoundCommand::WhileClause(clause) => {
                self.while_loop(&clause.0, &clause.1.list, true)
            }
            CompoundCommand::UntilClause(clause) => {
                self.while_loop(&clause.0, &clause.1.list, false)
            }
            // busybox does not support this command: it runs the words in two subshells.
            CompoundCommand::Arithmetic(_) if !self.dialect.is_bash() => {
                self.unknown_status();
                self.errexit()
            }
            CompoundCommand::ArithmeticForClause(_) if self.dialect == Dialect::Busybox => {
                self.fatal(Some(2))
            }
            CompoundCommand::Arithmetic(command) => {
                match self.arithmetic(&command.expr.value) {
                    Ok(Some(number)) => self.set_status(u8::from(number == 0)),
                    Ok(None) => self.unknown_status(),
                    Err(flow) => return flow,
                }
                self.errexit()
            }
            CompoundCommand::ArithmeticForClause(clause) => self.arithmetic_for(clause),
            CompoundCommand::Coprocess(coprocess) => {
                let place = std::mem::replace(&mut self.place, RunMode::Background);
                self.subshell(|shell| shell.command(&coprocess.body));
                self.place = place;
                self.state.jobs = true;
                self.set_status(0);
                Flow::Next
            }
        }
    }

    /// Runs a list as a condition, in which `set -e` has no effect.
    pub(super) fn condition(&mut self, list: &CompoundList) -> Flow {
        self.ignoring += 1;
        let flow = self.list(list);
        self.ignoring -= 1;
        flow
    }

    fn if_clause(
        &mut self,
        condition: &CompoundList,
        then: &CompoundList,
        elses: &[ast::ElseClause],
    ) -> Flow {
        let flow = self.condition(condition);
        if flow != Flow::Next {
            return flow;
        }
        match self.state.status.success() {
            Some(true) => self.list(then),
            Some(false) => self.otherwise(elses),
            None => self.branches(&mut [
                &mut |shell: &mut Self| {
                    shell.set_status(0);
                    shell.list(then)
                },
                &mut |shell: &mut Self| {
                    shell.state.status = Status::NonZero;
                    shell.otherwise(elses)
                },
            ]),
        }
    }

    /// Runs the `elif` and `else` parts.
    fn otherwise(&mut self, elses: &[ast::ElseClause]) -> Flow {
        let Some((first, rest)) = elses.split_first() else {
            self.set_status(0);
            return Flow::Next;
        };
        match &first.condition {
            Some(condition) => self.deeper(|shell| shell.if_clause(condition, &first.body, rest)),
            None => self.list(&first.body),
        }
    }
}
