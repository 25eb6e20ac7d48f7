//! Runs a syntax tree: the control flow, and what is certain about it.
//!
//! A [`Flow`] is the way in which control leaves a command. If a condition is unknown, both branches
//! run on copies of the state, which are joined afterwards ([`Shell::branches`]). If one branch leaves
//! a function, a loop or the process, it is in doubt whether the rest of that function, loop or process
//! runs. A [`Frame`] records that until it ends.

mod case;
mod compound;
mod list;
mod loops;
mod program;
mod redirect;
mod simple;
mod substitute;
mod text;

use brush_parser::ast::SourceLocation;

use super::Dialect;
use super::state::{Output, State, Status, Switch};
use super::world::{Ended, RunMode, World};
use crate::launch::chain::StepId;
use crate::launch::environment::Value;

pub(super) use redirect::Redirected;

/// The maximum nesting depth of compound commands, functions and substitutions at run time.
const MAX_DEPTH: u32 = 96;

/// How control leaves a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// The next command runs.
    Next,
    /// `break` out of that many loops.
    Break(u32),
    /// `continue` of the loop that many levels up.
    Continue(u32),
    /// `return` from the function or sourced file.
    Return,
    /// The process ends.
    Exit(Ended),
}

/// A construct that control can leave early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    /// The script, or a subshell of it.
    Process,
    /// A function or a sourced file.
    Function,
    /// A loop.
    Loop,
}

/// A running process, function or loop.
#[derive(Debug)]
struct Frame {
    kind: FrameKind,
    /// Whether it may already have been left, so that the rest of it may not run.
    doubt: bool,
    /// The join of the states in which it may have been left.
    escaped: Option<State>,
    /// How the process may already have ended.
    ended: Option<Ended>,
}

impl Frame {
    fn new(kind: FrameKind) -> Self {
        Self {
            kind,
            doubt: false,
            escaped: None,
            ended: None,
        }
    }

    fn may_end(&mut self, ended: Ended) {
        self.doubt = true;
        self.ended = Some(match self.ended {
            Some(before) => join_ended(before, ended),
            None => ended,
        });
    }

    fn may_escape(&mut self, state: State) {
        self.doubt = true;
        self.escaped = Some(match self.escaped.take() {
            Some(before) => before.join(state),
            None => state,
        });
    }
}

/// A running function or sourced file, for `FUNCNAME` and `BASH_SOURCE`.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub name: String,
    pub file: Value,
}

/// A shell that interprets a script.
pub(super) struct Shell<'w> {
    pub world: &'w mut dyn World,
    pub dialect: Dialect,
    pub state: State,
    /// `$0`
    pub name: Value,
    /// Whether the script is the argument of `-c`, and not a file.
    pub from_text: bool,
    pub calls: Vec<Call>,
    /// The texts of `trap ... EXIT`.
    pub exit_traps: Vec<String>,
    /// Whether the builtin runs through `command`, so that its errors do not end the shell.
    pub shielded: bool,
    /// Whether the script itself is certain to run.
    certain: bool,
    frames: Vec<Frame>,
    /// The number of unknown conditions around the current command.
    possible: u32,
    /// The number of contexts around the current command that ignore `set -e`.
    ignoring: u32,
    depth: u32,
    /// How programs run, unless the shell specifies something else.
    place: RunMode,
    line: u32,
    line_base: u32,
    /// The status of the last command substitution of the current command.
    substituted: Option<(Status, Option<StepId>)>,
    /// Whether the budget is spent. Nothing more is evaluated then.
    exhausted: bool,
}

impl<'w> Shell<'w> {
    /// Creates a shell that is about to run a script.
    pub(super) fn new(
        world: &'w mut dyn World,
        dialect: Dialect,
        state: State,
        name: Value,
    ) -> Self {
        Self {
            world,
            dialect,
            state,
            name,
            from_text: false,
            calls: Vec::new(),
            exit_traps: Vec::new(),
            shielded: false,
            certain: true,
            frames: Vec::new(),
            possible: 0,
            ignoring: 0,
            depth: 0,
            place: RunMode::Foreground,
            line: 1,
            line_base: 0,
            substituted: None,
            exhausted: false,
        }
    }

    /// Runs the script of this shell.
    pub(super) fn script(&mut self, text: &str, certain: bool) -> Ended {
        self.certain = certain;
        let ended = self.process(|shell| shell.text(text, 0));
        for trap in std::mem::take(&mut self.exit_traps) {
            self.possible += 1;
            self.process(|shell| shell.text(&trap, 0));
            self.possible -= 1;
        }
        ended
    }

    /// Returns true if the current command runs in every run of the script.
    fn is_certain(&self) -> bool {
        self.certain && self.possible == 0 && !self.frames.iter().any(|frame| frame.doubt)
    }

    /// Takes steps from the budget. Returns false if there are none left.
    pub(super) fn spend(&mut self, steps: usize) -> bool {
        let steps = u32::try_from(steps).unwrap_or(u32::MAX);
        if !self.exhausted && !self.world.spend(steps.max(1)) {
            self.exhausted = true;
        }
        !self.exhausted
    }

    /// Ends the process because of an error of the shell.
    pub(super) fn fatal(&mut self, status: Option<u8>) -> Flow {
        self.state.status = status.map_or(Status::Unknown, Status::Known);
        self.state.cause = None;
        Flow::Exit(self.state.ended())
    }

    /// Records that the process may end here, with an unknown status.
    pub(super) fn doubt(&mut self) {
        self.may_end(Ended {
            status: None,
            cause: None,
            may_stay: false,
        });
    }

    /// Records that the process may end here.
    fn may_end(&mut self, ended: Ended) {
        let process = self
            .frames
            .iter_mut()
            .rev()
            .find(|frame| frame.kind == FrameKind::Process);
        if let Some(frame) = process {
            frame.may_end(ended);
        }
        if self.state.output != Output::Elsewhere {
            self.state.output = Output::Unknown;
        }
    }

    /// Records that the shell, and the shells that wait for it, may never get beyond this command.
    pub(super) fn may_stay(&mut self) {
        let ended = Ended {
            status: None,
            cause: None,
            may_stay: true,
        };
        for frame in self
            .frames
            .iter_mut()
            .filter(|frame| frame.kind == FrameKind::Process)
        {
            frame.may_end(ended);
        }
    }

    /// Returns true if a function or sourced file is running in this process.
    pub(super) fn is_in_function(&self) -> bool {
        let inner = self
            .frames
            .iter()
            .rev()
            .take_while(|frame| frame.kind != FrameKind::Process);
        inner
            .into_iter()
            .any(|frame| frame.kind == FrameKind::Function)
    }

    /// Returns the number of running loops that `break` can leave.
    pub(super) fn loops(&self) -> u32 {
        let inner = self
            .frames
            .iter()
            .rev()
            .take_while(|frame| frame.kind == FrameKind::Loop);
        u32::try_from(inner.count()).unwrap_or(u32::MAX)
    }

    /// Returns true if a loop runs around this subshell.
    pub(super) fn is_below_loop(&self) -> bool {
        let mut outer = self
            .frames
            .iter()
            .rev()
            .skip_while(|frame| frame.kind == FrameKind::Process);
        outer
            .next()
            .is_some_and(|frame| frame.kind == FrameKind::Loop)
    }

    /// Sets the status to a known one.
    pub(super) fn set_status(&mut self, code: u8) {
        self.state.status = Status::Known(code);
        self.state.cause = None;
    }

    /// Sets the status to an unknown one.
    pub(super) fn unknown_status(&mut self) {
        self.state.status = Status::Unknown;
        self.state.cause = None;
    }

    /// Runs the script or a subshell as a process. Returns how it ends.
    fn process(&mut self, run: impl FnOnce(&mut Self) -> Flow) -> Ended {
        self.frames.push(Frame::new(FrameKind::Process));
        let flow = run(self);
        let frame = self.frames.pop();
        let ended = match flow {
            Flow::Exit(ended) => ended,
            _ => self.state.ended(),
        };
        match frame.and_then(|frame| frame.ended) {
            Some(before) => join_ended(before, ended),
            None => ended,
        }
    }

    /// Runs a subshell. Its variables are lost, but its output, its files and its status are kept.
    fn subshell(&mut self, run: impl FnOnce(&mut Self) -> Flow) -> Ended {
        if !self.spend(1 + self.state.variables.len() / 16) {
            return self.give_up();
        }
        let mut before = self.state.clone();
        let (calls, traps) = (self.calls.len(), self.exit_traps.len());
        let ended = self.process(run);
        self.calls.truncate(calls);
        self.exit_traps.truncate(traps);
        let after = &mut self.state;
        before.touched = std::mem::take(&mut after.touched);
        before.touched_anything = after.touched_anything;
        before.others_ran = after.others_ran;
        before.output = std::mem::replace(&mut after.output, Output::Elsewhere);
        before.cause = ended.cause;
        before.status = match after.status {
            // `NonZero` holds more information than an `Ended` can.
            Status::NonZero if ended.status.is_none() && !ended.may_stay => after.status,
            _ => ended.status.map_or(Status::Unknown, Status::Known),
        };
        if ended.status.is_none() && before.status == Status::NonZero && ended.cause.is_some() {
            before.status = Status::Unknown;
        }
        self.state = before;
        ended
    }

    /// Stops the evaluation. Everything from here on is unknown.
    pub(super) fn give_up(&mut self) -> Ended {
        self.exhausted = true;
        self.world.not_understood();
        self.unknown_status();
        Ended {
            status: None,
            cause: None,
            may_stay: true,
        }
    }

    /// Runs a function, sourced file or loop. Its frame collects the states that leave it early.
    fn framed(&mut self, kind: FrameKind, run: impl FnOnce(&mut Self) -> Flow) -> Flow {
        self.frames.push(Frame::new(kind));
        let flow = run(self);
        let Some(frame) = self.frames.pop() else {
            return flow;
        };
        match (frame.escaped, flow) {
            (None, flow) => flow,
            (Some(escaped), Flow::Exit(ended)) => {
                self.may_end(ended);
                self.state = escaped;
                Flow::Next
            }
            (Some(escaped), flow) => {
                let state = self.state.clone();
                self.state = state.join(escaped);
                flow
            }
        }
    }

    /// Runs something one level deeper, unless that exceeds the maximum depth.
    fn deeper(&mut self, run: impl FnOnce(&mut Self) -> Flow) -> Flow {
        if self.depth >= MAX_DEPTH || !self.spend(1) {
            return Flow::Exit(self.give_up());
        }
        self.depth += 1;
        let flow = run(self);
        self.depth -= 1;
        flow
    }

    /// Follows all of several branches, of which one runs, and joins the resulting states.
    fn branches(&mut self, branches: &mut [&mut dyn FnMut(&mut Self) -> Flow]) -> Flow {
        if !self.spend(1 + self.state.variables.len() / 16) {
            return Flow::Exit(self.give_up());
        }
        let before = self.state.clone();
        let mut results: Vec<(Flow, State)> = Vec::with_capacity(branches.len());
        self.possible += 1;
        for branch in branches.iter_mut() {
            self.state = before.clone();
            let flow = branch(self);
            results.push((flow, self.state.clone()));
        }
        self.possible -= 1;
        self.state = before;
        self.merge(results)
    }

    fn merge(&mut self, results: Vec<(Flow, State)>) -> Flow {
        let rank = |flow: &Flow| match flow {
            Flow::Next => 0,
            Flow::Continue(_) => 1,
            Flow::Break(_) => 2,
            Flow::Return => 3,
            Flow::Exit(_) => 4,
        };
        let Some(kept) = results.iter().map(|(flow, _)| *flow).min_by_key(rank) else {
            return Flow::Next;
        };
        let mut joined: Option<State> = None;
        let mut last: Option<Ended> = None;
        for (flow, state) in results {
            match flow {
                Flow::Exit(ended) if matches!(kept, Flow::Exit(_)) => {
                    last = Some(last.map_or(ended, |before| join_ended(before, ended)));
                }
                Flow::Exit(ended) => {
                    self.may_end(ended);
                    continue;
                }
                flow if rank(&flow) == rank(&kept) => {}
                Flow::Return => {
                    self.may_escape(FrameKind::Function, 1, state);
                    continue;
                }
                Flow::Break(levels) | Flow::Continue(levels) => {
                    self.may_escape(FrameKind::Loop, levels, state);
                    continue;
                }
                Flow::Next => {}
            }
            joined = Some(match joined {
                Some(before) => before.join(state),
                None => state,
            });
        }
        if let Some(joined) = joined {
            let output = std::mem::replace(&mut self.state.output, Output::Elsewhere);
            self.state = joined;
            if output == Output::Unknown {
                self.state.output = Output::Unknown;
            }
        }
        last.map_or(kept, Flow::Exit)
    }

    /// Records that the innermost frame of a kind, or one `levels` up, may have been left with this
    /// state.
    fn may_escape(&mut self, kind: FrameKind, levels: u32, state: State) {
        let mut left = levels.max(1);
        for frame in self.frames.iter_mut().rev() {
            if frame.kind == FrameKind::Process {
                break;
            }
            frame.doubt = true;
            if frame.kind == kind {
                left -= 1;
                if left == 0 {
                    frame.may_escape(state);
                    return;
                }
            }
        }
        let ended = state.ended();
        self.may_end(ended);
    }

    /// Ends the shell if `set -e` requires it because of the status of the last command.
    pub(super) fn errexit(&mut self) -> Flow {
        if self.ignoring > 0 || self.state.options.errexit == Switch::Off {
            return Flow::Next;
        }
        match (self.state.status.success(), self.state.options.errexit) {
            (Some(true), _) => Flow::Next,
            (Some(false), Switch::On) => Flow::Exit(self.state.ended()),
            _ => {
                let ended = self.state.ended();
                self.may_end(Ended {
                    status: ended.status.filter(|status| *status != 0),
                    ..ended
                });
                if self.state.options.errexit == Switch::On {
                    self.state.status = Status::Known(0);
                }
                Flow::Next
            }
        }
    }

    /// Records the line of the next command.
    fn at(&mut self, node: &impl SourceLocation) {
        if let Some(location) = node.location() {
            let line = u32::try_from(location.start.line).unwrap_or(u32::MAX);
            self.line = self.line_base.saturating_add(line);
        }
    }
}

/// Returns how a process ends if it ends in one of two ways.
fn join_ended(a: Ended, b: Ended) -> Ended {
    let same = a.status == b.status;
    Ended {
        status: if same { a.status } else { None },
        cause: if same && a.cause == b.cause {
            a.cause
        } else {
            None
        },
        may_stay: a.may_stay || b.may_stay,
    }
}
