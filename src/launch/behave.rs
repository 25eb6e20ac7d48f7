//! What a program does once it is started, judged by its name. A shell runs a script and a launcher
//! executes its arguments. For other programs, it is only known whether they end.

use super::chain::{Cause, StepFailure, StepId};
use super::follow::Follower;
use super::image::base;
use super::launcher::{self, Launch, LauncherProcess, Search};
use super::messages::{self, Caller};
use super::program::{self, Behaviour, behaviour};
use super::request::Request;
use super::shell::{Dialect, Ended, Word};
use crate::tree::NodeId;

/// The names of a launcher, for its messages.
pub(super) struct Known {
    name: String,
    argv0: String,
    busybox: bool,
}

impl<'f, 'a: 'f> Follower<'f, 'a> {
    /// Returns the dialect of a shell named `sh`, which may be a copy of another shell or a hard link
    /// to it. The file's bytes identify the shell.
    fn dialect_of(&mut self, program: NodeId) -> Option<Dialect> {
        let marks: [&[u8]; 3] = [b"BusyBox v", b"GNU bash", b"dash.c"];
        let found = self.image.evidence.contains(program, &marks);
        let found = self.note(found)?;
        let all = [Dialect::Busybox, Dialect::BashPosix, Dialect::Dash];
        let told = all.into_iter().zip(found);
        let mut told = told.filter_map(|(dialect, found)| found.then_some(dialect));
        told.next()
    }

    /// Follows what the program does, judged by its name.
    pub(super) fn behave(
        &mut self,
        id: StepId,
        request: &Request,
        argv: &[Word],
        (program, named, real): (NodeId, &[u8], &[u8]),
    ) -> Ended {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut argv = argv;
        let real_name = text(base(real));
        let mut name = real_name.clone();
        let is_multicall = name.starts_with("busybox") || name.starts_with("toybox");
        if is_multicall {
            let applet = |word: Option<&Word>| match word {
                Some(Word::Known(word)) => Some(text(base(word.as_bytes()))),
                _ => None,
            };
            name = applet(argv.first()).unwrap_or_default();
            if name == real_name {
                argv = argv.get(1..).unwrap_or_default();
                name = applet(argv.first()).unwrap_or_default();
            }
        }
        let first = match argv.get(1) {
            Some(Word::Known(word)) => Some(word.as_str()),
            _ => None,
        };
        let args = argv.get(1..).unwrap_or_default();
        let is_root = request.credentials.is_root();
        let mut does = behaviour(&name, first, is_root);
        if program::writes(&name) {
            // Without root, a change certainly succeeds only on paths that the chain changed before.
            let again = does == Behaviour::Answers && self.made_before(&name, args, request);
            if again {
                does = Behaviour::Ends(0);
            }
            self.touch(args);
        }
        if is_multicall && matches!(name.as_str(), "sh" | "ash" | "hush" | "bash") {
            does = Behaviour::Shell(Dialect::Busybox);
        }
        // bash runs as a POSIX shell if it is started through a link named `sh`.
        if does == Behaviour::Shell(Dialect::Bash) && base(named) == b"sh" {
            does = Behaviour::Shell(Dialect::BashPosix);
        }
        if real_name == "sh"
            && let Some(dialect) = self.dialect_of(program)
        {
            does = Behaviour::Shell(dialect);
        }
        match does {
            Behaviour::Shell(dialect) => self.shell(id, request, argv, dialect),
            Behaviour::Ends(0) if self.lacks_operand(&name, args, request) => Ended {
                status: None,
                cause: None,
                may_stay: false,
            },
            Behaviour::Ends(status) => Ended {
                status: Some(status),
                cause: None,
                may_stay: false,
            },
            Behaviour::Answers => Ended {
                status: None,
                cause: None,
                may_stay: false,
            },
            Behaviour::Unknown => {
                let process = LauncherProcess {
                    args,
                    environment: &request.environment,
                    cwd: request.cwd.as_deref(),
                    credentials: &request.credentials,
                    accounts: &self.accounts,
                    busybox: is_multicall,
                    argv0: match argv.first() {
                        Some(Word::Known(word)) => word,
                        _ => &name,
                    },
                };
                let known = Known {
                    name: launcher::usual_name(&name).to_owned(),
                    argv0: match argv.first() {
                        Some(Word::Known(word)) => word.clone(),
                        _ => name.clone(),
                    },
                    busybox: is_multicall,
                };
                match launcher::launch(&known.name, process) {
                    Some(launch) => self.launched(id, request, known, program, launch),
                    None => Ended {
                        status: None,
                        cause: None,
                        may_stay: true,
                    },
                }
            }
        }
    }

    pub(super) fn launched(
        &mut self,
        id: StepId,
        request: &Request,
        known: Known,
        program: NodeId,
        launch: Launch,
    ) -> Ended {
        let next = match launch {
            Launch::Run(next) => next,
            Launch::Refuses(message, status) => {
                let failure = StepFailure {
                    errno: None,
                    status,
                    clause: message.clone(),
                    message,
                    hint: "correct the arguments, or add the user to the image".to_owned(),
                    cause: Cause::Launcher,
                    removed: None,
                };
                return self.fail(id, failure);
            }
            Launch::Unknown(why) => return self.give_up(id, why.to_owned()),
            Launch::Other(status) => {
                return Ended {
                    status,
                    cause: None,
                    may_stay: status.is_none(),
                };
            }
        };
        if next.chdir
            && let Some(dir) = &next.cwd
            && let Err(errno) = self.enter(&request.credentials, request.cwd.as_deref(), dir)
        {
            let failure = messages::no_directory(&known.argv0, dir, errno);
            return self.fail(id, failure);
        }
        let libc = self.image.file(program).and_then(|file| file.binary.libc);
        let go = next.search == Search::Go;
        let before = request.credentials.clone();
        let looked_up_as = match go {
            true => before.clone(),
            false => next.credentials.clone(),
        };
        let executed_as = match next.keeps_capabilities {
            true => before,
            false => next.credentials.clone(),
        };
        let caller = Caller::Launcher {
            name: known.name,
            argv0: known.argv0,
            busybox: known.busybox,
            execvp: libc.filter(|_| !go),
        };
        self.start(Request {
            caller,
            path: None,
            looked_up_as,
            executed_as,
            parent: Some(id),
            argv: next.argv,
            environment: next.environment,
            cwd: next.cwd,
            credentials: next.credentials,
            depth: request.depth + 1,
            ..request.clone()
        })
    }
}
