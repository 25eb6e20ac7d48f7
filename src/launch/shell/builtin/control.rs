//! Builtins that change the flow of control or the process: `exec`, `exit`, `return`, `cd`, `.`, ...

use super::{all_known, known, value};
use crate::launch::environment::Value;
use crate::launch::shell::expand::Expanded;
use crate::launch::shell::run::{Call, Flow, Shell};
use crate::launch::shell::state::{Data, Status};
use crate::launch::shell::world::{FileTest, Word};
use crate::launch::shell::{Dialect, paths};

impl Shell<'_> {
    pub(super) fn exec_builtin(&mut self, operands: &[Word]) -> Expanded<Flow> {
        let mut rest = operands;
        // `-a NAME`, `-c` and `-l` are options of bash; busybox and dash have none but `--`.
        while let Some((first, after)) = rest.split_first() {
            match known(first) {
                Some("--") => {
                    rest = after;
                    break;
                }
                Some("-a") if self.dialect != Dialect::Dash => {
                    rest = after.get(1..).unwrap_or_default();
                }
                Some("-l") if self.dialect.is_bash() => rest = after,
                Some("-c" | "-cl") if self.dialect.is_bash() => {
                    for variable in self.state.variables.values_mut() {
                        variable.exported = false;
                    }
                    rest = after;
                }
                // bash treats it as an option of its own, and executes nothing.
                Some(option) if self.dialect.is_bash() && option.starts_with('-') => {
                    if self.dialect == Dialect::BashPosix {
                        return Ok(self.fatal(Some(2)));
                    }
                    self.set_status(2);
                    return Ok(self.errexit());
                }
                _ => break,
            }
        }
        match rest {
            [] => {
                self.set_status(0);
                Ok(Flow::Next)
            }
            _ => Ok(self.exec(rest.to_vec())),
        }
    }

    /// Sets the status from the operand of `exit` or `return`.
    fn given_status(&mut self, operands: &[Word]) {
        match operands.first() {
            None => {}
            Some(Word::Known(text)) => match text.trim().parse::<i64>() {
                Ok(number) => self.set_status(u8::try_from(number & 0xff).unwrap_or(0)),
                Err(_) if self.dialect != Dialect::Unknown => self.set_status(2),
                Err(_) => self.unknown_status(),
            },
            Some(_) => self.unknown_status(),
        }
    }

    pub(super) fn exit_builtin(&mut self, operands: &[Word]) -> Flow {
        let kept = match operands.first() {
            // `exit $?` keeps the cause of the status.
            Some(Word::Known(text)) => self
                .state
                .status
                .code()
                .is_some_and(|code| *text == code.to_string()),
            _ => false,
        };
        if !kept {
            self.given_status(operands);
        }
        Flow::Exit(self.state.ended())
    }

    pub(super) fn return_builtin(&mut self, operands: &[Word]) -> Flow {
        if self.is_in_function() {
            self.given_status(operands);
            return Flow::Return;
        }
        match self.dialect {
            Dialect::Dash => self.exit_builtin(operands),
            // `! return` inverts the status in this case.
            Dialect::Busybox => self.fatal(None),
            Dialect::Bash => {
                self.set_status(2);
                self.errexit()
            }
            // bash in POSIX mode ends here, unless the status is tested.
            Dialect::BashPosix | Dialect::Unknown => {
                self.doubt();
                self.unknown_status();
                Flow::Next
            }
        }
    }

    pub(super) fn leave_loop(&mut self, name: &str, operands: &[Word]) -> Flow {
        self.set_status(0);
        let loops = self.loops();
        if loops == 0 {
            // In a subshell inside a loop, bash ignores it; dash and busybox end the subshell.
            return match self.dialect {
                Dialect::Dash | Dialect::Busybox if self.is_below_loop() => {
                    Flow::Exit(self.state.ended())
                }
                Dialect::Unknown if self.is_below_loop() => {
                    self.doubt();
                    Flow::Next
                }
                _ => Flow::Next,
            };
        }
        let levels: u32 = match operands.first() {
            None => 1,
            Some(Word::Known(text)) => text.parse().unwrap_or(1),
            Some(_) => {
                self.doubt();
                1
            }
        };
        let levels = levels.min(loops);
        if name == "break" {
            Flow::Break(levels)
        } else {
            Flow::Continue(levels)
        }
    }

    pub(super) fn shift(&mut self, operands: &[Word]) -> Flow {
        let count = match operands.first() {
            None => Some(1),
            Some(Word::Known(text)) => text.parse::<usize>().ok(),
            Some(_) => None,
        };
        let Some(count) = count else {
            self.state.arguments = vec![Word::UnknownMany];
            self.doubt();
            self.unknown_status();
            return self.errexit();
        };
        let arguments = &mut self.state.arguments;
        let unknown = arguments.iter().position(|word| *word == Word::UnknownMany);
        match unknown {
            Some(place) if place < count => {
                // Some of the arguments that are shifted away are unknown.
                arguments.drain(..place);
                self.doubt();
                self.unknown_status();
                self.errexit()
            }
            _ if count <= arguments.len() => {
                arguments.drain(..count);
                self.set_status(0);
                Flow::Next
            }
            _ => match self.dialect {
                Dialect::Dash => self.fatal(Some(2)),
                Dialect::Unknown => {
                    self.doubt();
                    self.state.status = Status::NonZero;
                    Flow::Next
                }
                _ => {
                    self.set_status(1);
                    self.errexit()
                }
            },
        }
    }

    pub(super) fn eval_builtin(&mut self, operands: &[Word]) -> Flow {
        match all_known(operands) {
            Some(words) => {
                let text = words.join(" ");
                if self.dialect == Dialect::Bash
                    && crate::launch::shell::parse::is_wrong(&text, self.dialect)
                {
                    self.set_status(2);
                    return self.errexit();
                }
                match self.evaluate_text(&text) {
                    Flow::Next => self.errexit(),
                    flow => flow,
                }
            }
            None => self.anything_happened(),
        }
    }

    /// Handles unknown code that ran in this shell. It may have changed everything.
    fn anything_happened(&mut self) -> Flow {
        for variable in self.state.variables.values_mut() {
            variable.data = Data::Scalar(Value::Unknown);
        }
        self.state.others_ran = true;
        self.state.touched_anything = true;
        self.doubt();
        self.unknown_status();
        self.errexit()
    }

    pub(super) fn source(&mut self, operands: &[Word]) -> Flow {
        let operands = match operands.first() {
            Some(Word::Known(text)) if text == "--" => operands.get(1..).unwrap_or_default(),
            _ => operands,
        };
        let Some(Word::Known(name)) = operands.first() else {
            return if operands.is_empty() {
                self.special_error(2)
            } else {
                self.anything_happened()
            };
        };
        let Some(path) = self.sourced_path(name) else {
            return self.anything_happened();
        };
        let exists = match &path {
            Some(path) => self.file(FileTest::Exists, path),
            None => Some(false),
        };
        let cwd = self.state.cwd.clone();
        let joined = path.and_then(|path| paths::joined(&path, cwd.as_deref()));
        let path = match (joined, exists) {
            (Some(path), Some(true)) => path,
            (_, Some(false)) => return self.special_error(1),
            _ => return self.anything_happened(),
        };
        if self.file(FileTest::Readable, &path) == Some(false) {
            return self.special_error(1);
        }
        let Some(text) = self.world.read(&path) else {
            return self.anything_happened();
        };
        self.shielded = false;
        let arguments = operands.get(1..).unwrap_or_default().to_vec();
        let replaced = if arguments.is_empty() || self.dialect == Dialect::Dash {
            None
        } else {
            Some(std::mem::replace(&mut self.state.arguments, arguments))
        };
        self.calls.push(Call {
            name: "source".to_owned(),
            file: Value::Known(name.clone()),
        });
        let flow = self.sourced_text(&text);
        self.calls.pop();
        if let Some(arguments) = replaced {
            self.state.arguments = arguments;
        }
        match flow {
            Flow::Next => self.errexit(),
            flow => flow,
        }
    }

    /// Returns the file that `.` reads. A name without a slash is searched in PATH. The outer `None`
    /// means that the result is unknown, the inner one that there is no such file.
    #[allow(clippy::option_option)]
    fn sourced_path(&mut self, name: &str) -> Option<Option<String>> {
        if name.contains('/') {
            return Some(Some(name.to_owned()));
        }
        let search = match self.state.get("PATH")? {
            Value::Known(search) => search,
            Value::Unknown => return None,
        };
        for directory in search.split(':') {
            let directory = if directory.is_empty() { "." } else { directory };
            let path = format!("{}/{name}", directory.trim_end_matches('/'));
            match self.file(FileTest::Regular, &path) {
                Some(true) => return Some(Some(path)),
                Some(false) => {}
                None => return None,
            }
        }
        // bash searches the working directory; dash and busybox do not.
        match self.dialect {
            Dialect::Bash => match self.file(FileTest::Regular, name) {
                Some(true) => Some(Some(format!("./{name}"))),
                Some(false) => Some(None),
                None => None,
            },
            Dialect::Unknown => None,
            _ => Some(None),
        }
    }

    pub(super) fn trap(&mut self, operands: &[Word]) {
        self.set_status(0);
        let operands = match operands.first() {
            Some(Word::Known(text)) if text == "--" => operands.get(1..).unwrap_or_default(),
            _ => operands,
        };
        if let Some((Word::Known(text), signals)) = operands.split_first() {
            let on_exit = |word: &Word| matches!(known(word), Some("EXIT" | "0"));
            if text != "-" && signals.iter().any(on_exit) && self.exit_traps.len() < 8 {
                self.exit_traps.push(text.clone());
            }
        }
    }

    pub(super) fn wait(&mut self, operands: &[Word]) {
        if operands.is_empty() {
            self.set_status(0);
        } else {
            self.unknown_status();
        }
        if self.state.jobs {
            self.may_stay();
        }
    }

    pub(super) fn cd(&mut self, operands: &[Word]) {
        let mut rest = operands;
        while let Some((first, after)) = rest.split_first()
            && matches!(known(first), Some("-P" | "-L" | "-e" | "-@" | "--"))
        {
            rest = after;
        }
        let target = match rest.first() {
            None => self.state.get("HOME"),
            Some(Word::Known(text)) if text == "-" => {
                let old = self.state.get("OLDPWD");
                if let Some(Value::Known(old)) = &old {
                    let line = format!("{old}\n");
                    self.write(Some(&line));
                }
                old
            }
            Some(Word::Known(text)) => Some(value(text)),
            Some(_) => Some(Value::Unknown),
        };
        let failed = match self.dialect {
            Dialect::Bash | Dialect::BashPosix => Status::Known(1),
            Dialect::Dash | Dialect::Busybox => Status::Known(2),
            Dialect::Unknown => Status::NonZero,
        };
        let Some(target) = target else {
            // `cd` without HOME is an error in bash, and does nothing in dash and busybox.
            self.state.status = if self.dialect.is_bash() {
                failed
            } else {
                Status::Unknown
            };
            self.state.cause = None;
            return;
        };
        if target == value("") {
            self.set_status(0);
            return;
        }
        let target = match target {
            Value::Known(target) if !target.is_empty() && self.state.get("CDPATH").is_none() => {
                target
            }
            _ => {
                self.change_directory(None);
                self.unknown_status();
                return;
            }
        };
        let path = paths::absolute(&target, self.state.cwd.as_deref());
        let entered = match &path {
            Some(path) => match self.shown(FileTest::Directory, path) {
                Some(true) => self.shown(FileTest::Executable, path),
                other => other,
            },
            None => None,
        };
        if entered == Some(false) && (self.state.others_ran || self.state.touched_anything) {
            self.change_directory(None);
            self.unknown_status();
            return;
        }
        if entered == Some(false) {
            self.state.status = failed;
            self.state.cause = None;
            return;
        }
        // A directory whose state is unknown, such as one below /tmp, is assumed to exist.
        self.change_directory(path);
        self.set_status(0);
    }

    fn change_directory(&mut self, path: Option<String>) {
        let value = |path: Option<String>| Data::Scalar(path.map_or(Value::Unknown, Value::Known));
        let old = std::mem::replace(&mut self.state.cwd, path.clone());
        self.state.set("OLDPWD", value(old));
        self.state.set("PWD", value(path));
    }
}
