//! Following what a container executes, step by step, until the last program or a failure.
//!
//! A [`Follower`] starts with the config's command. Each start is a [`Step`]: the program is looked up as
//! its caller does it, [`execve`] opens it, the loader loads it. What a shell or a launcher executes in
//! turn are further steps. How deep and how many is bounded, since images are hostile.

use std::collections::HashSet;
use std::io;

use super::access::{self, Blocked};
use super::chain::{Cause, Opened, Outcome, Step, StepFailure, StepId};
use super::container::Container;
use super::environment::{Environment, Value};
use super::errno::Errno;
use super::exec::{Execution, Refused, execve};
use super::image::{Image, base};
use super::launcher::{self, Launch, Process, Search};
use super::load::{self, Loading};
use super::loader::Resolver;
use super::messages::{self, Caller};
use super::program::{self, Behaviour, behaviour};
use super::refusal::{Part, Refusal};
use super::removal;
use super::search::{self, Found};
use super::shell::{self, Dialect, Ended, Place, Word};
use super::user::{Accounts, Credentials};
use crate::inspect::{Format, Libc};
use crate::tree::{Kind, NodeId};

/// Steps that one chain may have. Entrypoint scripts have some dozens.
const MAX_STEPS: usize = 2048;
/// Programs that may have executed each other.
const MAX_DEPTH: usize = 40;
/// Steps of the shell evaluator, over all scripts.
const BUDGET: u32 = 400_000;
/// A script is not read beyond this many bytes.
const SCRIPT_LIMIT: u64 = 1 << 20;

/// What is to be started.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Who starts it.
    pub caller: Caller,
    /// The step of the caller.
    pub parent: Option<StepId>,
    /// The program and its arguments.
    pub argv: Vec<Word>,
    /// The environment.
    pub environment: Environment,
    /// The working directory.
    pub cwd: Option<String>,
    /// A path to execute instead of looking the first argument up.
    pub path: Option<String>,
    /// Who runs it.
    pub credentials: Credentials,
    /// Whose permissions count when it is looked up, and when it is executed: a launcher may change its
    /// user between the two, or keep root's capabilities up to execve(2).
    pub looked_up_as: Credentials,
    pub executed_as: Credentials,
    /// Whether it is started in every run.
    pub certain: bool,
    /// Whether the caller expects that it may fail.
    pub tested: bool,
    /// How it is run.
    pub place: Place,
    /// How many programs have executed each other up to here.
    pub depth: usize,
}

/// Follows what is executed, and keeps the steps.
pub(super) struct Follower<'f, 'a> {
    pub image: &'f Image<'a>,
    pub accounts: Accounts,
    pub steps: Vec<Step>,
    resolver: Resolver<'f>,
    budget: u32,
    /// The first error of reading the image; nothing is followed after it.
    error: Option<io::Error>,
    /// Whether a bound ended the work.
    pub cut_short: bool,
    /// Whether a script has syntax that is not understood.
    pub not_understood: bool,
    /// Paths that utilities of the chain made or changed.
    touched: HashSet<String>,
}

/// A launcher, for its messages.
struct Known {
    name: String,
    argv0: String,
    busybox: bool,
}

/// How a file that the kernel does not execute is run as a script.
enum Fallback {
    /// The shell reads it itself.
    InProcess(Dialect),
    /// A shell is executed with it: `argv[0]`, and the path if that is another one.
    Shell(&'static str, Option<String>),
}

/// Where a program is, or why there is none.
enum Located {
    At(String),
    Failed(StepFailure),
    Unknown(&'static str),
}

impl<'f, 'a: 'f> Follower<'f, 'a> {
    /// Follows nothing yet.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub fn new(image: &'f Image<'a>) -> io::Result<Self> {
        Ok(Self {
            image,
            accounts: Accounts::read(image)?,
            steps: Vec::new(),
            resolver: Resolver::new(image),
            budget: BUDGET,
            error: None,
            cut_short: false,
            not_understood: false,
            touched: HashSet::new(),
        })
    }

    /// Takes from the budget; false once it is exhausted.
    pub fn spend(&mut self, steps: u32) -> bool {
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

    /// The error of reading the image, if there was one.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// Keeps the first error.
    pub fn note<T>(&mut self, result: io::Result<T>) -> Option<T> {
        result.map_err(|error| self.error.get_or_insert(error)).ok()
    }

    /// Starts a program, and follows it.
    pub fn start(&mut self, request: Request) -> Ended {
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
        let located = self.locate(&request);
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
                match self.fallback(&request, &execution, &refusal) {
                    Some(fallback) => {
                        self.fail(id, failure.clone());
                        if let Some(step) = self.step(id) {
                            step.tested = true;
                        }
                        let busybox = matches!(fallback, Fallback::Shell(_, Some(_)));
                        let ended = self.as_script(id, &request, &execution, &path, fallback);
                        if !refusal.is_binary() {
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

    fn step(&mut self, id: StepId) -> Option<&mut Step> {
        self.steps.get_mut(id.0 as usize)
    }

    fn fail(&mut self, id: StepId, mut failure: StepFailure) -> Ended {
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

    fn give_up(&mut self, id: StepId, why: String) -> Ended {
        if let Some(step) = self.step(id) {
            step.outcome = Outcome::Unknown(why);
        }
        unknown()
    }

    fn opened(&mut self, id: StepId, execution: &Execution) {
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

    /// The path of the program, found as the caller finds it.
    fn locate(&mut self, request: &Request) -> Located {
        let name = match request.argv.first() {
            Some(Word::Known(name)) => name.clone(),
            Some(_) => return Located::Unknown("its name is unknown"),
            None => return Located::Unknown("there is no program"),
        };
        if let Some(path) = &request.path {
            return Located::At(path.clone());
        }
        if name.contains('/') {
            // Only Go looks before it executes, and says the same in other words.
            return Located::At(name);
        }
        if request.environment.is_unknown("PATH") {
            return Located::Unknown("PATH is unknown");
        }
        let search_path = match request.environment.known("PATH") {
            Some(path) => path.to_owned(),
            None => request.caller.default_path().to_owned(),
        };
        let cwd = match &request.cwd {
            Some(cwd) => cwd.as_str(),
            None if search_path.split(':').all(|dir| dir.starts_with('/')) => "/",
            None => return Located::Unknown("the working directory is unknown"),
        };
        match search::in_path(self.image, &request.looked_up_as, cwd, &search_path, &name) {
            Found::At(path) if request.caller.is_go() && !path.starts_with('/') => {
                Located::Failed(messages::relative(&request.caller, &name, &path))
            }
            Found::At(path) => Located::At(path),
            Found::Unknown => Located::Unknown("PATH leads to what the runtime mounts"),
            Found::Nothing(errno) => {
                let failure = messages::not_in_path(&request.caller, &name, &search_path, errno);
                Located::Failed(failure)
            }
        }
    }

    /// What the caller does with a file that the kernel does not execute (`ENOEXEC`), if it takes the file
    /// for a script.
    fn fallback(
        &self,
        request: &Request,
        execution: &Execution,
        refusal: &Refusal,
    ) -> Option<Fallback> {
        if refusal.errno != Errno::ExecFormat || execution.files.len() != 1 {
            return None;
        }
        match &request.caller {
            Caller::Shell { dialect, .. } => match dialect {
                // bash and dash look whether it is binary; busybox does not look.
                Dialect::Bash | Dialect::BashPosix => {
                    (!refusal.is_binary()).then_some(Fallback::InProcess(*dialect))
                }
                // It executes itself (`/proc/self/exe`), as `ash`.
                Dialect::Busybox => {
                    let shell = request.parent.and_then(|id| self.steps.get(id.0 as usize));
                    let files = shell.into_iter().flat_map(|step| &step.files);
                    let own = files.filter(|file| file.part != Part::Loader).next_back()?;
                    let own = String::from_utf8_lossy(&own.real).into_owned();
                    Some(Fallback::Shell("ash", Some(own)))
                }
                Dialect::Dash => (!refusal.is_binary()).then_some(Fallback::Shell("/bin/sh", None)),
                Dialect::Unknown => None,
            },
            // execvp(3) of glibc starts /bin/sh; musl's and Go's do not.
            Caller::Launcher {
                execvp: Some(Libc::Glibc),
                ..
            } => Some(Fallback::Shell("/bin/sh", None)),
            _ => None,
        }
    }

    /// Runs a file that the kernel does not execute as a script.
    fn as_script(
        &mut self,
        id: StepId,
        request: &Request,
        execution: &Execution,
        path: &str,
        fallback: Fallback,
    ) -> Ended {
        let Some(node) = execution.files.first().map(|file| file.node) else {
            return unknown();
        };
        let args = request.argv.get(1..).unwrap_or_default().to_vec();
        match fallback {
            Fallback::Shell(argv0, own) => {
                let mut argv = vec![Word::Known(argv0.to_owned()), Word::Known(path.to_owned())];
                argv.extend(args);
                self.start(Request {
                    argv,
                    path: own,
                    depth: request.depth + 1,
                    ..request.clone()
                })
            }
            Fallback::InProcess(dialect) => {
                let Some(text) = self.text(node) else {
                    return self.give_up(id, "it cannot be read as a script".to_owned());
                };
                let name = path.to_owned();
                self.evaluate(
                    id,
                    request,
                    &shell::Script {
                        text: &text,
                        from_text: false,
                        name: Value::Known(name),
                        arguments: args,
                        dialect,
                        options: shell::Options::default(),
                        environment: &request.environment,
                        cwd: request.cwd.clone(),
                        certain: request.certain,
                    },
                )
            }
        }
    }

    /// The text of a script; `None` if it is too long or cannot be read.
    pub fn text(&mut self, node: NodeId) -> Option<String> {
        let size = self.image.tree.node(node)?.size;
        if size > SCRIPT_LIMIT {
            return None;
        }
        let bytes = self.image.evidence.read(node, SCRIPT_LIMIT);
        let bytes = self.note(bytes)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn evaluate(&mut self, id: StepId, request: &Request, script: &shell::Script<'_>) -> Ended {
        let dialect = script.dialect;
        let name = match &script.name {
            Value::Known(name) => name.clone(),
            Value::Unknown => "sh".to_owned(),
        };
        let mut container = Container {
            follower: self,
            step: id,
            credentials: request.credentials.clone(),
            shell: Caller::Shell {
                dialect,
                name,
                from_text: script.from_text,
                line: 0,
                exec: false,
            },
            depth: request.depth + 1,
        };
        shell::evaluate(script, &mut container)
    }

    /// The program is started: its loader loads it, then it does what it does.
    fn run(
        &mut self,
        id: StepId,
        request: &Request,
        execution: &Execution,
        program: NodeId,
    ) -> Ended {
        let Some(file) = execution.files.iter().find(|file| file.node == program) else {
            return unknown();
        };
        let process = load::Process {
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
        let unreadable = loaded
            .as_ref()
            .and_then(|loaded| load::unreadable(self.image, loaded, &request.credentials));
        let failure = loaded.as_ref().and_then(load::failure).or(unreadable);
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
        // glibc's loader executes a program that needs no loader.
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

    /// The name and the path of the program that a loader was given as an argument.
    fn named(&self, argv: &[Word], number: usize, program: NodeId) -> (Vec<u8>, Vec<u8>) {
        let named = match argv.get(number) {
            Some(Word::Known(word)) => word.as_bytes().to_vec(),
            _ => Vec::new(),
        };
        let name = self.image.tree.node(program).and_then(|node| node.name);
        let real = name.map(|name| self.image.tree.path(name));
        (named, real.unwrap_or_default())
    }

    /// What the program does, judged by its name.
    fn behave(
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
            // What the chain made before, as root, may be changed again.
            let again = does == Behaviour::Answers && self.made_before(&name, args, request);
            if again {
                does = Behaviour::Ends(0);
            }
            self.touch(args);
        }
        if is_multicall && matches!(name.as_str(), "sh" | "ash" | "hush" | "bash") {
            does = Behaviour::Shell(Dialect::Busybox);
        }
        // A link `sh` to bash makes it a POSIX shell.
        if does == Behaviour::Shell(Dialect::Bash) && base(named) == b"sh" {
            does = Behaviour::Shell(Dialect::BashPosix);
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
                let process = Process {
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

    /// Remembers the paths that a utility changes.
    fn touch(&mut self, args: &[Word]) {
        const LIMIT: usize = 1024;
        let paths = args.iter().filter_map(|word| match word {
            Word::Known(word) if word.starts_with('/') => Some(word.clone()),
            _ => None,
        });
        for path in paths {
            if self.touched.len() < LIMIT {
                self.touched.insert(path);
            }
        }
    }

    /// Whether all paths that a utility changes were made by one before, or are directories that
    /// `mkdir -p` finds.
    fn made_before(&self, name: &str, args: &[Word], request: &Request) -> bool {
        let parents = args.contains(&Word::Known("-p".to_owned()));
        let mut any = false;
        let all = args.iter().all(|word| match word {
            Word::Known(word) if word.starts_with('/') => {
                any = true;
                let there = || self.enter(&request.credentials, None, word).is_ok();
                self.touched.contains(word) || (name == "mkdir" && parents && there())
            }
            Word::Known(_) => true,
            Word::Unknown | Word::UnknownMany => false,
        });
        any && all
    }

    /// Whether a process can change to a directory.
    fn enter(&self, credentials: &Credentials, cwd: Option<&str>, dir: &str) -> Result<(), Errno> {
        let cwd = cwd.unwrap_or("/").as_bytes();
        match access::follow(self.image, credentials, cwd, dir.as_bytes()) {
            Ok(reached) => match self.image.tree.node(reached.node) {
                Some(node) if node.kind != Kind::Directory => Err(Errno::NotDirectory),
                Some(node) if !access::may_execute(&node, credentials) => Err(Errno::Access),
                _ => Ok(()),
            },
            Err(Blocked::Mounted) => Ok(()),
            Err(Blocked::Error(errno, _)) => Err(errno),
        }
    }

    /// Whether a utility reads a file that is not in the image: it may fail then, unless something made
    /// the file before.
    fn lacks_operand(&self, name: &str, args: &[Word], request: &Request) -> bool {
        let operands = match name {
            "cat" | "chmod" | "chown" | "chgrp" | "sed" | "head" | "sort" | "stat" => args,
            // The last one is made.
            "cp" | "mv" | "install" => args.split_last().map_or(&[][..], |(_, rest)| rest),
            _ => return false,
        };
        operands.iter().any(|word| match word {
            Word::Known(word) if word.starts_with('/') => {
                let found = access::follow(self.image, &request.credentials, b"/", word.as_bytes());
                matches!(found, Err(Blocked::Error(..)))
            }
            _ => false,
        })
    }

    fn launched(
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

    /// A shell with its arguments.
    fn shell(&mut self, id: StepId, request: &Request, argv: &[Word], dialect: Dialect) -> Ended {
        let Some(invocation) = shell::invocation::parse(argv, dialect) else {
            // It reports an error for its arguments.
            return Ended {
                status: Some(2),
                cause: None,
                may_stay: false,
            };
        };
        if invocation.only_prints {
            return Ended {
                status: Some(0),
                cause: None,
                may_stay: false,
            };
        }
        let dialect = invocation.dialect;
        let own_name = || match argv.first() {
            Some(Word::Known(name)) => Value::Known(name.clone()),
            _ => Value::Unknown,
        };
        let from_text = matches!(invocation.source, shell::invocation::Source::Text(_));
        let (text, name) = match invocation.source {
            shell::invocation::Source::Text(text) => (text, invocation.name),
            // Without a script a shell reads standard input, which a container has none of.
            shell::invocation::Source::Input => {
                return Ended {
                    status: Some(0),
                    cause: None,
                    may_stay: true,
                };
            }
            shell::invocation::Source::File(path) => {
                match self.script_file(id, request, &path, dialect) {
                    Ok(text) => (text, Some(Value::Known(path))),
                    Err(ended) => return ended,
                }
            }
            shell::invocation::Source::Unknown => return unknown(),
        };
        self.evaluate(
            id,
            request,
            &shell::Script {
                text: &text,
                from_text,
                name: name.unwrap_or_else(own_name),
                arguments: invocation.arguments,
                dialect,
                options: invocation.options,
                environment: &request.environment,
                cwd: request.cwd.clone(),
                certain: request.certain,
            },
        )
    }

    /// The text of a script that a shell is given as an argument.
    fn script_file(
        &mut self,
        id: StepId,
        request: &Request,
        path: &str,
        dialect: Dialect,
    ) -> Result<String, Ended> {
        let cwd = request.cwd.clone().unwrap_or_else(|| "/".to_owned());
        let opened = super::container::open_to_read(
            self.image,
            &request.credentials,
            cwd.as_bytes(),
            path.as_bytes(),
        );
        match opened {
            // A binary file is no script, whatever the shell makes of its first line.
            Ok(Some(node))
                if self
                    .image
                    .file(node)
                    .is_some_and(|f| f.binary.format != Format::Script) =>
            {
                Err(Ended {
                    status: Some(2),
                    cause: None,
                    may_stay: false,
                })
            }
            Ok(Some(node)) => self.text(node).ok_or_else(unknown),
            Ok(None) => Err(unknown()),
            Err((errno, at)) => {
                let failure = messages::no_script(dialect, path, errno, &at);
                Err(self.fail(id, failure))
            }
        }
    }
}

/// The end of something that is not followed.
pub(super) fn unknown() -> Ended {
    Ended {
        status: None,
        cause: None,
        may_stay: true,
    }
}
