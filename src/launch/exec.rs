//! Simulates execve(2) without executing anything: which files the kernel opens, and whether it starts
//! the program.
//!
//! The steps are those of Linux: `do_open_execat` (fs/exec.c) opens a file, `load_script`
//! (fs/binfmt_script.c) replaces it by its interpreter, and `load_elf_binary` (fs/binfmt_elf.c) opens
//! the loader. Formats of binfmt_misc belong to a host, not to an image, and are ignored.

use std::io;

use super::access::{self, Blocked, Reached};
use super::errno::Errno;
use super::image::{File, Image};
use super::machine::can_run;
use super::refusal::{Part, Reason, Refusal};
use super::shell::Word;
use super::user::Credentials;
use crate::inspect::{ExecError, Format};
use crate::tree::{NodeId, NodeKind};

/// The maximum number of files in `exec_binprm` (fs/exec.c), including the program. A script may be
/// interpreted by a script, but the depth is limited.
const MAX_FILES: usize = 6;

/// A file that the kernel opens to execute it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Executed {
    /// The path by which it is opened.
    pub named: Vec<u8>,
    /// `named` without symbolic links.
    pub real: Vec<u8>,
    /// The file.
    pub node: NodeId,
    /// The role of the file.
    pub part: Part,
}

/// The effect of execve on a path.
#[derive(Clone, Debug)]
pub(crate) struct ExecOutcome {
    /// The files that are opened, in order: scripts, the program, its loader.
    pub files: Vec<Executed>,
    /// The arguments of the program. A script's arguments follow its interpreter.
    pub argv: Vec<Word>,
    /// The program that is started, or the reason why none is.
    pub end: Result<NodeId, Refused>,
}

/// The reason why no program is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The kernel returns an error.
    Error(Refusal),
    /// A path leads below a directory that the runtime mounts, so its contents are unknown.
    Mounted,
    /// The process is replaced and then killed by SIGSEGV, because the segments of this file cannot be
    /// mapped.
    Killed(Vec<u8>),
    /// The file is for another operating system, which the kernel may or may not notice.
    System(String),
}

/// Simulates execve of a path.
///
/// # Errors
/// Returns an error if the image cannot be read.
pub(crate) fn execve(
    image: &Image<'_>,
    credentials: &Credentials,
    cwd: &[u8],
    path: &[u8],
    argv: &[Word],
) -> io::Result<ExecOutcome> {
    let mut kernel = Kernel {
        image,
        credentials,
        cwd,
        files: Vec::new(),
        argv: argv.to_vec(),
    };
    let end = kernel.run(path)?;
    Ok(ExecOutcome {
        files: kernel.files,
        argv: kernel.argv,
        end,
    })
}

struct Kernel<'k, 'a> {
    image: &'k Image<'a>,
    credentials: &'k Credentials,
    cwd: &'k [u8],
    files: Vec<Executed>,
    argv: Vec<Word>,
}

impl Kernel<'_, '_> {
    fn run(&mut self, path: &[u8]) -> io::Result<Result<NodeId, Refused>> {
        let mut path = path.to_vec();
        let mut part = Part::Program;
        loop {
            let reached = match self.open(&path, part) {
                Ok(reached) => reached,
                Err(refused) => return Ok(Err(refused)),
            };
            let node = reached.node;
            let named = path.clone();
            let Some(file) = self.image.file(node) else {
                self.opened(&named, reached, part);
                return self.unknown_format(node, &named, part).map(Err);
            };
            self.opened(&named, reached, part);
            match file.binary.format {
                Format::Script => {
                    let interpreter = file.binary.interpreter.clone().unwrap_or_default();
                    if self.files.len() >= MAX_FILES {
                        // The kernel opens the interpreter before it checks the limit.
                        let refusal = refusal(Errno::Loop, part, &named, Reason::ScriptLoop);
                        let opened = self.open(&interpreter, Part::Interpreter);
                        return Ok(Err(opened.err().unwrap_or(Refused::Error(refusal))));
                    }
                    let argument = file.binary.interpreter_argument.clone();
                    self.interpret(&named, &interpreter, argument);
                    (path, part) = (interpreter, Part::Interpreter);
                }
                Format::Elf => return Ok(self.elf(file, &named, part)),
                format => {
                    let reason = Reason::Format(format);
                    return Ok(Err(Refused::Error(refusal(
                        Errno::ExecFormat,
                        part,
                        &named,
                        reason,
                    ))));
                }
            }
        }
    }

    fn opened(&mut self, named: &[u8], reached: Reached, part: Part) {
        self.files.push(Executed {
            named: named.to_vec(),
            real: reached.path,
            node: reached.node,
            part,
        });
    }

    /// `do_open_execat`: opens a regular file that may be executed.
    fn open(&self, path: &[u8], part: Part) -> Result<Reached, Refused> {
        let reached = access::follow(self.image, self.credentials, self.cwd, path);
        let reached = reached.map_err(|blocked| match blocked {
            Blocked::Mounted => Refused::Mounted,
            // The runtime creates a missing working directory.
            Blocked::Error(Errno::NoEntry, _) if self.is_working_dir(path) => {
                let reason = Reason::NotRegular(NodeKind::Directory);
                Refused::Error(refusal(Errno::Access, part, path, reason))
            }
            Blocked::Error(errno, at) => {
                let reason = match errno {
                    Errno::Access => Reason::NotSearchable(at),
                    _ => Reason::Missing(at),
                };
                Refused::Error(refusal(errno, part, path, reason))
            }
        })?;
        let Some(node) = self.image.tree.node(reached.node) else {
            return Err(Refused::Mounted);
        };
        let reason = match node.kind {
            NodeKind::Regular if access::may_execute(&node, self.credentials) => {
                return Ok(reached);
            }
            NodeKind::Regular => Reason::NotExecutable(node.mode & 0o7777, (node.uid, node.gid)),
            kind => Reason::NotRegular(kind),
        };
        Err(Refused::Error(refusal(Errno::Access, part, path, reason)))
    }

    /// Returns true if a path is the config's working directory or one of its ancestors.
    fn is_working_dir(&self, path: &[u8]) -> bool {
        let rest = self.image.working_dir().as_bytes().strip_prefix(path);
        path.starts_with(b"/") && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }

    /// `load_script`: replaces `argv[0]` by the interpreter, its one argument and the script's path.
    fn interpret(&mut self, script: &[u8], interpreter: &[u8], argument: Option<Vec<u8>>) {
        let word = |bytes: &[u8]| Word::Known(String::from_utf8_lossy(bytes).into_owned());
        let mut argv = vec![word(interpreter)];
        argv.extend(argument.map(|argument| word(&argument)));
        argv.push(word(script));
        argv.extend(self.argv.iter().skip(1).cloned());
        self.argv = argv;
    }

    /// Returns the refusal of a file in no known format, usually `ENOEXEC`. Its first bytes determine the
    /// reason.
    fn unknown_format(&self, node: NodeId, named: &[u8], part: Part) -> io::Result<Refused> {
        let head = self.image.evidence.read(node, 256)?;
        let reason = Reason::of_head(&head);
        // Without the end of the line the name is empty, and the kernel opens the working directory.
        let line = head
            .strip_prefix(b"#!")
            .filter(|line| !line.contains(&b'\n'));
        let blank = |b: &u8| *b == b' ' || *b == b'\t';
        let nameless = line.is_some_and(|line| {
            head.len() < 256 && matches!(line.iter().find(|&b| !blank(b)), None | Some(0))
        });
        let errno = match nameless {
            true => Errno::Access,
            false => Errno::ExecFormat,
        };
        Ok(Refused::Error(refusal(errno, part, named, reason)))
    }

    /// `load_elf_binary`: opens the loader, and checks the program.
    fn elf(&mut self, file: &File, named: &[u8], part: Part) -> Result<NodeId, Refused> {
        let platform = &self.image.declared.platform;
        if !can_run(platform, "", file.arch()) {
            let machine = format!("{}/{}", file.os(), file.arch());
            let reason = Reason::Machine(machine);
            return Err(Refused::Error(refusal(
                Errno::ExecFormat,
                part,
                named,
                reason,
            )));
        }
        if !can_run(platform, file.os(), "") {
            return Err(Refused::System(file.os().to_owned()));
        }
        let error = |errno| {
            let refusal = refusal(errno, part, named, Reason::BadElf);
            Err(Refused::Error(refusal))
        };
        let killed = match file.binary.exec_error {
            Some(ExecError::NoExec) => return error(Errno::ExecFormat),
            Some(ExecError::Io) => return error(Errno::Io),
            Some(ExecError::Invalid) => return error(Errno::Invalid),
            Some(ExecError::Access) => return error(Errno::Access),
            Some(ExecError::Killed) => true,
            None => false,
        };
        let started = || match killed {
            true => Err(Refused::Killed(named.to_vec())),
            false => Ok(file.node),
        };
        let Some(loader) = file.binary.interpreter.clone() else {
            return started();
        };
        let reached = self.open(&loader, Part::Loader)?;
        let node = reached.node;
        self.opened(&loader, reached, Part::Loader);
        let fits = self.image.file(node).is_some_and(|found| {
            found.binary.format == Format::Elf && found.machine() == file.machine()
        });
        match fits {
            true => started(),
            false => {
                let reason = match self.image.file(node) {
                    Some(found) if found.binary.format == Format::Elf => {
                        Reason::Machine(format!("{}/{}", found.os(), found.arch()))
                    }
                    _ => Reason::NotAnElf,
                };
                let size = self.image.tree.node(node).map_or(0, |node| node.size);
                // The kernel reads a whole ELF header (`Elf32_Ehdr`, `Elf64_Ehdr`).
                let header = if file.binary.bits == Some(32) { 52 } else { 64 };
                let errno = match size < header {
                    true => Errno::Io,
                    false => Errno::BadLibrary,
                };
                let refusal = refusal(errno, Part::Loader, &loader, reason);
                Err(Refused::Error(refusal))
            }
        }
    }
}

fn refusal(errno: Errno, part: Part, path: &[u8], reason: Reason) -> Refusal {
    Refusal {
        errno,
        part,
        path: path.to_vec(),
        reason,
    }
}
