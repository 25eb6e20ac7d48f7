//! Follows what a container executes, step by step, until the last program or a failure.
//!
//! A [`Follower`] starts with the config's command. Each start is a [`Step`]: the program is looked up
//! by its caller's rules, [`execve`] opens it, and the loader loads it. The programs that a shell or a
//! launcher executes are further steps. Their depth and number are bounded, because images may be
//! hostile.

use std::collections::HashSet;
use std::io;

use super::chain::{Opened, Outcome, Step, StepFailure, StepId};
use super::exec::{ExecOutcome, Refused, execve};
use super::fallback::{Fallback, fallback};
use super::image::Image;
use super::load::{self, Loading};
use super::loader::Resolver;
use super::locate::{Located, locate};
use super::messages::{self, Caller};
use super::removal;
use super::request::Request;
use super::shell::{Ended, Word};
use super::user::Accounts;
use crate::tree::NodeId;

/// The maximum number of steps in one chain. Entrypoint scripts have some dozens.
const MAX_STEPS: usize = 2048;
/// The maximum depth of programs that execute each other.
const MAX_DEPTH: usize = 24;
/// The maximum number of steps of the shell evaluator, over all scripts.
const BUDGET: u32 = 400_000;

/// Follows what is executed, and records the steps.
pub(super) struct Follower<'f, 'a> {
    pub image: &'f Image<'a>,
    pub accounts: Accounts,
    pub steps: Vec<Step>,
    resolver: Resolver<'f>,
    budget: u32,
    /// The first error of reading the image. Nothing is followed after it.
    error: Option<io::Error>,
    /// Whether a limit ended the work.
    pub cut_short: bool,
    /// Whether a script contains syntax that is not supported.
    pub not_understood: bool,
    /// Whether a shell is started without a script.
    pub interactive: bool,
    /// Paths that utilities of the chain created or changed.
    pub(super) touched: HashSet<String>,
}

impl<'f, 'a: 'f> Follower<'f, 'a> {
    /// Creates a follower without steps.
    ///
    /// # Errors
    /// Returns an error if the image cannot be read.
    pub(super) fn new(image: &'f Image<'a>) -> io::Result<Self> {
        Ok(Self {
            image,
            accounts: Accounts::read(image)?,
            steps: Vec::new(),
            resolver: Resolver::new(image),
            budget: BUDGET,
            error: None,
            cut_short: false,
            not_understood: false,
            interactive: false,
            touched: HashSet::new(),
        })
    }

    /// Takes `steps` from the budget. Returns false once it is exhausted.
    pub(super) fn spend(&mut self, steps: u32) -> bool {
        match self.budget.checked_sub(steps) {
            Some(left) if self.error.is_none() => {
                self.budget = left;
                true
            }
            _ => {
                self.cut_short = true;
                false
            }
        }
    }

    /// Takes the error of reading the image, if there was one.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Records the first error. Returns the value if there is none.
    pub(super) fn note<T>(&mut self, result: io::Result<T>) -> Option<T> {
        result.map_err(|error| self.error.get_or_insert(error)).ok()
    }

    /// Starts a program and follows it.
    pub(super) fn start(&mut self, request: Request) -> Ended {
        if self.steps.len() >= MAX_STEPS || request.depth > MAX_DEPTH || !self.spend(1) {
            self.cut_short = true;
            return unknown();
        }
        let id = StepId(u32::try_from(self.steps.len()).unwrap_or(u32::MAX));
        self.steps.push(Step {
            parent: request.parent,
            why: request.caller.why(),
            argv: request.argv.clone(),
            certain: request.certain,
            tested: request.tested,
            place: request.place,
            credentials: request.credentials.clone(),
            cwd: request.cwd.clone(),
            environment: request.environment.clone(),
            files: Vec::new(),
            loaded: None,
            outcome: Outcome::Started,
        });
        let located = locate(self.image, &request);
        let path = match located {
            Located::At(path) => path,
            Located::Failed(failure) => return self.fail(id, failure),
            Located::Unknown(why) => return self.give_up(id, why.to_owned()),
        };
        let cwd = request.cwd.clone().unwrap_or_else(|| "/".to_owned());
        if request.cwd.is_none() && !path.starts_with('/') {
            return self.give_up(id, "the working directory is unknown".to_owned());
        }
        let executed = execve(
            self.image,
            &request.executed_as,
            cwd.as_bytes(),
            path.as_bytes(),
            &request.argv,
        );
        let Some(execution) = self.note(executed) else {
            return unknown();
        };
        self.opened(id, &execution);
        match execution.end.clone() {
            Ok(program) => self.run(id, &request, &execution, program),
            Err(Refused::Mounted) => self.give_up(
                id,
                "it lies where the container runtime mounts something".to_owned(),
            ),
            Err(Refused::Killed(file)) => {
                let failure = messages::killed(&request.caller, &file);
                self.fail(id, failure)
            }
            Err(Refused::System(os)) => self.give_up(id, format!("it is a program for {os}")),
            Err(Refused::Error(refusal)) => {
                let failure =
                    messages::refused(&request.caller, &request.argv, &path, &cwd, refusal.clone());
                match fallback(&self.steps, &request, &execution, &refusal) {
                    Some(fallback) => {
                        self.fail(id, failure.clone());
                        if let Some(step) = self.step(id) {
                            step.tested = true;
                        }
                        let busybox = matches!(fallback, Fallback::Shell(_, Some(_)));
                        let ended = self.as_script(id, &request, &execution, &path, fallback);
                        if !refusal.is_binary() || execution.files.len() > 1 {
                            return ended;
                        }
                        if let Some(step) = self.step(id) {
                            step.tested = request.tested;
                        }
                        self.fail(id, messages::read_as_script(busybox, failure))
                    }
                    None => self.fail(id, failure),
                }
            }
        }
    }

    pub(super) fn step(&mut self, id: StepId) -> Option<&mut Step> {
        self.steps.get_mut(id.0 as usize)
    }

    pub(super) fn fail(&mut self, id: StepId, mut failure: StepFailure) -> Ended {
        let status = failure.status;
        let removed = removal::find(self.image, &failure);
        failure.removed = self.note(removed).flatten();
        if let Some(step) = self.step(id) {
            step.outcome = Outcome::Failed(failure);
        }
        Ended {
            status: Some(status),
            cause: Some(id),
            may_stay: false,
        }
    }

    pub(super) fn give_up(&mut self, id: StepId, why: String) -> Ended {
        if let Some(step) = self.step(id) {
            step.outcome = Outcome::Unknown(why);
        }
        unknown()
    }

    fn opened(&mut self, id: StepId, execution: &ExecOutcome) {
        let files = execution.files.iter().map(|file| Opened {
            part: file.part,
            path: file.named.clone(),
            real: file.real.clone(),
            node: file.node,
        });
        let files: Vec<Opened> = files.collect();
        if let Some(step) = self.step(id) {
            step.files = files;
        }
    }

    /// Runs a started program: its loader loads it, then its own behaviour is followed.
    fn run(
        &mut self,
        id: StepId,
        request: &Request,
        execution: &ExecOutcome,
        program: NodeId,
    ) -> Ended {
        let Some(file) = execution.files.iter().find(|file| file.node == program) else {
            return unknown();
        };
        let process = load::LoadingProcess {
            file,
            argv: &execution.argv,
            environment: &request.environment,
            cwd: request.cwd.as_deref(),
            credentials: &request.credentials,
        };
        let loading = load::load(self.image, &mut self.resolver, process);
        let Some(loading) = self.note(loading) else {
            return unknown();
        };
        let program = load::program(&loading, program);
        let (loaded, skipped) = match loading {
            Loading::Static => (None, 0),
            Loading::Program(loaded) => (Some(loaded), 0),
            Loading::Direct(loaded, skipped) => (Some(loaded), skipped),
            Loading::Nothing => return unknown(),
        };
        let failure = loaded.as_ref().and_then(load::failure);
        let (named, real) = match skipped {
            0 => (file.named.clone(), file.real.clone()),
            _ => self.named(&execution.argv, skipped, program),
        };
        if let Some(step) = self.step(id) {
            step.loaded = loaded;
        }
        if let Some(failure) = failure {
            return self.fail(id, failure);
        }
        let argv = execution.argv.get(skipped..).unwrap_or_default();
        let binary = self.image.file(program).map(|file| &file.binary);
        if binary.is_some_and(|binary| binary.cut_short.is_some()) {
            return self.give_up(
                id,
                "the file ends before its segments do, and may be killed for it".to_owned(),
            );
        }
        // glibc's loader executes a program that has no loader of its own.
        if skipped > 0 && binary.is_some_and(|binary| binary.interpreter.is_none()) {
            return self.start(Request {
                caller: Caller::Launcher {
                    name: "ld.so".to_owned(),
                    argv0: "ld.so".to_owned(),
                    busybox: false,
                    execvp: None,
                },
                parent: Some(id),
                argv: argv.to_vec(),
                path: Some(String::from_utf8_lossy(&named).into_owned()),
                depth: request.depth + 1,
                ..request.clone()
            });
        }
        self.behave(id, request, argv, (program, &named, &real))
    }

    /// Returns the name and the path of the program that a loader was given as an argument.
    fn named(&self, argv: &[Word], number: usize, program: NodeId) -> (Vec<u8>, Vec<u8>) {
        let named = match argv.get(number) {
            Some(Word::Known(word)) => word.as_bytes().to_vec(),
            _ => Vec::new(),
        };
        let name = self.image.tree.node(program).and_then(|node| node.name);
        let real = name.map(|name| self.image.tree.path(name));
        (named, real.unwrap_or_default())
    }
}

/// Returns the result for something that is not followed.
pub(super) fn unknown() -> Ended {
    Ended {
        status: None,
        cause: None,
        may_stay: true,
    }
}
