//! Redirections: whether they succeed, and where they send standard output.

use brush_parser::ast::{IoFileRedirectKind, IoFileRedirectTarget, IoRedirect, SubshellCommand};

use super::{Flow, Shell};
use crate::launch::environment::Value;
use crate::launch::shell::paths;
use crate::launch::shell::world::{FileTest, RunMode};

/// The result of the redirections of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Redirected {
    /// They succeed, as far as is known.
    Done {
        /// Whether standard output is redirected.
        stdout_elsewhere: bool,
    },
    /// One certainly fails, so the command does not run.
    Failed,
    /// One fails unless an earlier program created its file or directory.
    Doubtful {
        /// Whether standard output is redirected.
        stdout_elsewhere: bool,
    },
}

impl Shell<'_> {
    /// Performs the redirections of a command.
    pub(super) fn redirect<'a>(
        &mut self,
        redirects: impl Iterator<Item = &'a IoRedirect>,
    ) -> Result<Redirected, Flow> {
        let mut stdout_elsewhere = false;
        let mut doubtful = false;
        for redirect in redirects {
            match redirect {
                IoRedirect::HereDocument(_, document) => {
                    if document.requires_expansion {
                        match self.expand_quoted(&document.doc.value) {
                            Ok(_) => {}
                            Err(flow) if self.dialect.is_bash() => return Err(flow),
                            // In dash and busybox the redirection fails, and the shell continues.
                            Err(_) => return Ok(Redirected::Failed),
                        }
                    }
                }
                IoRedirect::HereString(_, word) => {
                    self.expand_string(&word.value)?;
                }
                IoRedirect::OutputAndError(word, _) => {
                    let target = self.expand_string(&word.value)?;
                    if !self.opens(&target, true) {
                        if self.fails_for_sure() {
                            return Ok(Redirected::Failed);
                        }
                        doubtful = true;
                    }
                    stdout_elsewhere = true;
                }
                IoRedirect::File(descriptor, kind, target) => {
                    let input = matches!(
                        kind,
                        IoFileRedirectKind::Read
                            | IoFileRedirectKind::DuplicateInput
                            | IoFileRedirectKind::ReadAndWrite
                    );
                    let descriptor = descriptor.unwrap_or(i32::from(!input));
                    let target = match target {
                        IoFileRedirectTarget::ProcessSubstitution(_, command) => {
                            self.process_substitution(command);
                            stdout_elsewhere |= descriptor == 1;
                            continue;
                        }
                        IoFileRedirectTarget::Fd(target) => {
                            stdout_elsewhere |= descriptor == 1 && *target != 1;
                            continue;
                        }
                        IoFileRedirectTarget::Filename(word)
                        | IoFileRedirectTarget::Duplicate(word) => {
                            self.expand_string(&word.value)?
                        }
                    };
                    let duplicates = matches!(
                        kind,
                        IoFileRedirectKind::DuplicateInput | IoFileRedirectKind::DuplicateOutput
                    );
                    if duplicates {
                        if descriptor == 1 {
                            stdout_elsewhere |= target != Value::Known("1".to_owned());
                        }
                        continue;
                    }
                    let write = !matches!(kind, IoFileRedirectKind::Read);
                    if !self.opens(&target, write) {
                        if self.fails_for_sure() {
                            return Ok(Redirected::Failed);
                        }
                        doubtful = true;
                    }
                    if descriptor == 1 {
                        stdout_elsewhere |= target != Value::Known("/dev/stdout".to_owned());
                    }
                }
            }
        }
        Ok(if doubtful {
            Redirected::Doubtful { stdout_elsewhere }
        } else {
            Redirected::Done { stdout_elsewhere }
        })
    }

    /// Runs the commands of `<(...)` in parallel to the command.
    pub(super) fn process_substitution(&mut self, command: &SubshellCommand) {
        let place = std::mem::replace(&mut self.place, RunMode::Pipe);
        let (status, cause) = (self.state.status, self.state.cause);
        self.deeper(|shell| {
            let output = std::mem::replace(&mut shell.state.output, super::Output::Elsewhere);
            shell.subshell(|shell| shell.list(&command.list));
            shell.state.output = output;
            Flow::Next
        });
        (self.state.status, self.state.cause) = (status, cause);
        self.place = place;
    }

    /// Returns true if no unknown program can have created the file that fails to open.
    fn fails_for_sure(&self) -> bool {
        !self.state.others_ran && !self.state.touched_anything && self.state.cwd.is_some()
    }

    /// Returns true if a file can be opened, as far as is known.
    fn opens(&mut self, target: &Value, write: bool) -> bool {
        let Value::Known(target) = target else {
            if write {
                self.state.touched_anything = true;
            }
            return true;
        };
        let Some(path) = paths::joined(target, self.state.cwd.as_deref()) else {
            return false;
        };
        if target.is_empty() {
            return false;
        }
        if ["/dev/", "/proc/"]
            .iter()
            .any(|prefix| path.starts_with(prefix))
        {
            return true;
        }
        if !write {
            return self.shown(FileTest::Exists, &path) != Some(false)
                && self.shown(FileTest::Readable, &path) != Some(false);
        }
        let parent = paths::parent(&path).to_owned();
        let opens = match self.shown(FileTest::Exists, &path) {
            Some(true) => {
                self.shown(FileTest::Directory, &path) != Some(true)
                    && self.shown(FileTest::Writable, &path) != Some(false)
            }
            Some(false) => {
                self.shown(FileTest::Directory, &parent) != Some(false)
                    && self.shown(FileTest::Writable, &parent) != Some(false)
            }
            None => self.shown(FileTest::Directory, &parent) != Some(false),
        };
        if opens {
            self.touch(&path);
        }
        opens
    }

    /// Returns the result of a file test; `None` if it is unknown, for example because the script
    /// changed files.
    pub(crate) fn file(&mut self, test: FileTest, path: &str) -> Option<bool> {
        if self.state.touched_anything {
            return None;
        }
        match self.shown(test, path) {
            // Another program may have created it.
            Some(false) if self.state.others_ran => None,
            answer => answer,
        }
    }

    /// Returns the result of a file test if no other program changed files.
    pub(crate) fn shown(&mut self, test: FileTest, path: &str) -> Option<bool> {
        let path = paths::joined(path, self.state.cwd.as_deref())?;
        let plain = paths::absolute(&path, None)?;
        if self.state.is_written(&plain) {
            return None;
        }
        self.world.test(test, &path)
    }

    /// Records that the script changes a path.
    pub(crate) fn touch(&mut self, path: &str) {
        match paths::absolute(path, self.state.cwd.as_deref()) {
            Some(path) if self.state.touched.len() < 4096 && path != "/" => {
                self.state.touched.insert(path);
            }
            _ => self.state.touched_anything = true,
        }
    }
}
