//! Starts programs: the commands that the shell does not run itself.

use super::{Flow, Output, Shell};
use crate::launch::environment::Value;
use crate::launch::shell::state::Status;
use crate::launch::shell::utility;
use crate::launch::shell::world::{Command, Ended, RunMode, Word};

impl Shell<'_> {
    /// Starts a program as the current command.
    pub(crate) fn program(&mut self, argv: Vec<Word>) -> Flow {
        let place = self.place;
        let ended = self.start(argv, place);
        self.state.cause = ended.cause;
        self.state.status = ended.status.map_or(Status::Unknown, Status::Known);
        if ended.may_stay && place != RunMode::Background {
            self.may_stay();
        }
        self.errexit()
    }

    /// Runs `exec`: the program replaces the shell. In a subshell it replaces the subshell only.
    pub(crate) fn exec(&mut self, argv: Vec<Word>) -> Flow {
        let place = match self.place {
            RunMode::Foreground if !self.is_subshell() => RunMode::Exec,
            place => place,
        };
        let ended = self.start(argv, place);
        self.state.cause = ended.cause;
        self.state.status = ended.status.map_or(Status::Unknown, Status::Known);
        if ended.may_stay && place != RunMode::Background && place != RunMode::Exec {
            self.may_stay();
        }
        Flow::Exit(ended)
    }

    fn is_subshell(&self) -> bool {
        self.frames
            .iter()
            .filter(|frame| frame.kind == super::FrameKind::Process)
            .count()
            > 1
    }

    fn start(&mut self, argv: Vec<Word>, place: RunMode) -> Ended {
        let output = utility::output(self, &argv);
        let changes = argv.clone();
        let command = Command {
            argv,
            environment: self.state.environment(),
            cwd: self.state.cwd.clone(),
            place,
            certain: self.is_certain(),
            tested: self.ignoring > 0,
            line: self.line,
        };
        let ended = self.world.run(command);
        if ended.cause.is_none() {
            self.note_files(&changes);
        }
        if self.state.output != Output::Elsewhere {
            let nothing = ended.cause.is_some();
            match (output, nothing) {
                (_, true) => {}
                (Some(Value::Known(text)), _) => self.write(Some(&text)),
                _ => self.write(None),
            }
        }
        ended
    }

    /// Adds to the output captured for a command substitution; `None` stands for unknown text.
    pub(crate) fn write(&mut self, text: Option<&str>) {
        if let Output::Collected(collected) = &mut self.state.output {
            match text {
                Some(text)
                    if collected.len() + text.len() <= crate::launch::shell::expand::MAX_VALUE =>
                {
                    collected.push_str(text);
                }
                _ => self.state.output = Output::Unknown,
            }
        }
    }

    /// Records which files a program may change.
    fn note_files(&mut self, argv: &[Word]) {
        match utility::changes(argv) {
            utility::Changes::Nothing => {}
            utility::Changes::Arguments => {
                for word in argv.iter().skip(1) {
                    match word {
                        Word::Known(path) => self.touch(path),
                        _ => self.state.touched_anything = true,
                    }
                }
            }
            utility::Changes::Anything => self.state.others_ran = true,
        }
    }
}
