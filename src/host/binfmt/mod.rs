//! binfmt_misc: the programs that the kernel runs with an interpreter such as qemu (kernel
//! documentation, admin-guide/binfmt-misc.rst; the text of an entry comes from `entry_status` in
//! fs/binfmt_misc.c).
//!
//! A handler is identified by what it matches, never by its name: its magic and mask are compared
//! with the first bytes of programs of each architecture.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::machine::{self, ET_DYN, ET_EXEC, OSABIS};
use super::{Check, Host, LookError, below};
use crate::inspect::{self, Linkage};

/// The directory in which the kernel lists the handlers.
const DIR: &str = "/proc/sys/fs/binfmt_misc";

/// The command that registers handlers for all architectures on Debian and its derivatives.
const INSTALL: &str = "apt-get install qemu-user-static binfmt-support";

/// Larger than any entry: the path of the interpreter, and 2 × 256 bytes in hex.
const MAX_ENTRY: usize = 16 << 10;

/// The handlers of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binfmt {
    /// Whether binfmt_misc is mounted.
    pub mounted: bool,
    /// Whether it is enabled as a whole.
    pub enabled: bool,
    /// The handlers, sorted by name.
    pub handlers: Vec<Handler>,
    /// The root directory below which interpreters are looked up.
    root: PathBuf,
}

/// One handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handler {
    /// Its name, which has no meaning.
    pub name: String,
    /// Whether it is enabled.
    pub enabled: bool,
    /// The program that runs the files that it matches.
    pub interpreter: PathBuf,
    /// How the interpreter is run.
    pub flags: Flags,
    /// Which files it matches.
    pub rule: Rule,
}

/// The flags of a handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `P`: the interpreter gets the original `argv[0]`.
    pub preserve_argv0: bool,
    /// `O`: the interpreter gets the program as an open file descriptor.
    pub open_binary: bool,
    /// `C`: the credentials are those of the program, so setuid programs work.
    pub credentials: bool,
    /// `F`: the interpreter is opened at registration, so it works in every root.
    pub fix_binary: bool,
}

impl std::fmt::Display for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = [
            (self.preserve_argv0, "P"),
            (self.open_binary, "O"),
            (self.credentials, "C"),
            (self.fix_binary, "F"),
        ];
        let mut set = all.iter().filter(|(set, _)| *set);
        set.try_for_each(|(_, name)| f.write_str(name))
    }
}

/// Which files a handler matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Bytes at an offset.
    Magic {
        /// The offset in the file.
        offset: usize,
        /// The bytes to match.
        magic: Vec<u8>,
        /// The bits to compare; all bits if there is no mask.
        mask: Option<Vec<u8>>,
    },
    /// A file name extension. It does not identify an architecture.
    Extension(String),
}

/// How programs of an architecture run on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support<'a> {
    /// The kernel runs them natively.
    Native,
    /// A handler runs them, also in containers.
    Emulated(&'a Handler),
    /// There is a handler, but it does not work.
    Broken(&'a Handler, Fault),
    /// Nothing runs them: `exec format error`.
    None,
}

/// Why a handler does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// binfmt_misc is disabled as a whole.
    AllDisabled,
    /// The handler is disabled.
    Disabled,
    /// The interpreter does not exist and was not opened at registration (no flag F).
    Missing,
    /// The interpreter is opened for each program, in the program's root (no flag F).
    NotFixed,
    /// The interpreter was opened at registration, but is dynamically linked: its loader and
    /// libraries are looked up in the program's root.
    Dynamic,
    /// It matches only some programs of this architecture.
    Partial,
}

impl Fault {
    /// Returns a description for people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::AllDisabled => "binfmt_misc is switched off",
            Self::Disabled => "it is switched off",
            Self::Missing => "its interpreter does not exist, and flag F is not set",
            Self::NotFixed => {
                "without flag F the kernel looks for the interpreter in the container, which does not \
                 have it"
            }
            Self::Dynamic => {
                "the interpreter is dynamically linked: the kernel looks for its loader in the \
                 container"
            }
            Self::Partial => "it matches only some of the programs for that architecture",
        }
    }
}

impl Handler {
    /// Parses the kernel's text of a handler. `None` if it is malformed.
    pub fn parse(name: &str, text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let enabled = match lines.next()? {
            "enabled" => true,
            "disabled" => false,
            _ => return None,
        };
        let mut handler = Self {
            name: name.to_owned(),
            enabled,
            interpreter: PathBuf::new(),
            flags: Flags::default(),
            rule: Rule::Extension(String::new()),
        };
        let (mut offset, mut magic, mut mask) = (0, None, None);
        for line in lines {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            match key {
                "interpreter" => handler.interpreter = PathBuf::from(value),
                "flags:" => {
                    handler.flags = Flags {
                        preserve_argv0: value.contains('P'),
                        open_binary: value.contains('O'),
                        credentials: value.contains('C'),
                        fix_binary: value.contains('F'),
                    }
                }
                "offset" => offset = value.parse().ok()?,
                "magic" => magic = Some(unhex(value)?),
                "mask" => mask = Some(unhex(value)?),
                "extension" => handler.rule = Rule::Extension(value.to_owned()),
                // Fields that a later kernel may add.
                _ => {}
            }
        }
        if let Some(magic) = magic {
            handler.rule = Rule::Magic {
                offset,
                magic,
                mask,
            };
        }
        Some(handler)
    }

    /// Whether it matches a program that begins with `head`.
    pub fn matches(&self, head: &[u8]) -> bool {
        let Rule::Magic {
            offset,
            magic,
            mask,
        } = &self.rule
        else {
            return false;
        };
        let Some(head) = head.get(*offset..).filter(|h| h.len() >= magic.len()) else {
            return false;
        };
        let bits = |i: usize| {
            mask.as_ref()
                .map_or(0xff, |m| m.get(i).copied().unwrap_or(0))
        };
        let mut pairs = head.iter().zip(magic).enumerate();
        pairs.all(|(i, (found, wanted))| (found ^ wanted) & bits(i) == 0)
    }

    /// Of all variants of a program header of an architecture, returns how many this handler
    /// matches, and how many there are.
    fn matched(&self, arch: &str) -> (usize, usize) {
        let ways = [ET_EXEC, ET_DYN]
            .into_iter()
            .flat_map(|kind| OSABIS.map(|osabi| machine::head(arch, kind, osabi)));
        let heads: Vec<Vec<u8>> = ways.flatten().collect();
        let matched = heads.iter().filter(|head| self.matches(head)).count();
        (matched, heads.len())
    }

    /// Returns the line that registers it again with flag F (binfmt-misc.rst:
    /// `:name:type:offset:magic:mask:interpreter:flags`). `None` if it matches by extension.
    fn registration(&self) -> Option<String> {
        let Rule::Magic {
            offset,
            magic,
            mask,
        } = &self.rule
        else {
            return None;
        };
        let hex =
            |bytes: &[u8]| -> String { bytes.iter().map(|b| format!(r"\x{b:02x}")).collect() };
        let flags = Flags {
            fix_binary: true,
            ..self.flags
        };
        let (magic, mask) = (hex(magic), mask.as_deref().map(hex).unwrap_or_default());
        let (name, interpreter) = (&self.name, self.interpreter.display());
        Some(format!(
            ":{name}:M:{offset}:{magic}:{mask}:{interpreter}:{flags}"
        ))
    }
}

/// Parses hexadecimal digits into bytes.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: &u8| {
        char::from(*b)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
    };
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

impl Binfmt {
    /// Reads the handlers of the host whose files are below `root`.
    ///
    /// # Errors
    /// If they exist and cannot be read.
    pub fn read(root: &Path) -> Result<Self, LookError> {
        let dir = below(root, Path::new(DIR));
        let failed = |path: &Path, error| LookError {
            what: path.display().to_string(),
            error,
        };
        let mut binfmt = Self {
            root: root.to_owned(),
            ..Self::default()
        };
        // The directory is empty if binfmt_misc is not mounted, and absent if the kernel does not
        // support it.
        let status = match fs::read_to_string(dir.join("status")) {
            Ok(status) => status,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(binfmt),
            Err(error) => return Err(failed(&dir.join("status"), error)),
        };
        binfmt.mounted = true;
        binfmt.enabled = status.trim_end() == "enabled";
        for entry in fs::read_dir(&dir).map_err(|e| failed(&dir, e))? {
            let entry = entry.map_err(|e| failed(&dir, e))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name == "status" || name == "register" {
                continue;
            }
            let text = match fs::read(entry.path()) {
                Ok(text) => text,
                // The handler was removed in the meantime.
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(&entry.path(), error)),
            };
            let text = text.get(..text.len().min(MAX_ENTRY)).unwrap_or_default();
            let handler = Handler::parse(&name, &String::from_utf8_lossy(text));
            binfmt.handlers.extend(handler);
        }
        binfmt.handlers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(binfmt)
    }

    /// Returns how programs of architecture `arch` run on a kernel of architecture `host`. A
    /// working handler takes precedence over a broken one.
    pub fn support(&self, host: &str, arch: &str) -> Support<'_> {
        if machine::runs(host, arch) {
            return Support::Native;
        }
        let mut best = Support::None;
        for handler in &self.handlers {
            let (matched, ways) = handler.matched(arch);
            if matched == 0 {
                continue;
            }
            match self.fault(handler, matched < ways) {
                None => return Support::Emulated(handler),
                Some(fault) if best == Support::None => best = Support::Broken(handler, fault),
                Some(_) => {}
            }
        }
        best
    }

    fn fault(&self, handler: &Handler, partial: bool) -> Option<Fault> {
        if !self.enabled {
            return Some(Fault::AllDisabled);
        }
        if !handler.enabled {
            return Some(Fault::Disabled);
        }
        let path = below(&self.root, &handler.interpreter);
        if !handler.flags.fix_binary {
            return Some(match path.exists() {
                true => Fault::NotFixed,
                false => Fault::Missing,
            });
        }
        // The interpreter may be elsewhere (in the container that registered it), so a missing file
        // is not a fault.
        let binary = fs::File::open(&path).ok();
        let binary = binary.and_then(|file| inspect::inspect(&file));
        if binary.is_some_and(|b| matches!(b.linkage, Some(Linkage::Dynamic))) {
            return Some(Fault::Dynamic);
        }
        partial.then_some(Fault::Partial)
    }
}

/// Returns a command that writes to a file of binfmt_misc.
fn write(what: &str, file: &str) -> String {
    format!("echo {what} > {DIR}/{file}")
}

fn fix_command(handler: &Handler, fault: Fault) -> String {
    let registered = || {
        let line = handler.registration()?;
        let remove = write("-1", &handler.name);
        Some(format!("{remove}; printf %s '{line}' > {DIR}/register"))
    };
    match fault {
        Fault::AllDisabled => write("1", "status"),
        Fault::Disabled => write("1", &handler.name),
        Fault::NotFixed => registered().unwrap_or_else(|| INSTALL.to_owned()),
        Fault::Missing | Fault::Dynamic | Fault::Partial => INSTALL.to_owned(),
    }
}

/// Returns one check for binfmt_misc as a whole and one for each architecture.
pub(super) fn checks(host: &Host, binfmt: &Binfmt) -> Vec<Check> {
    let mut checks = Vec::new();
    let foreign = |arch: &&String| !machine::runs(&host.arch, arch);
    if host.arches.iter().any(|arch| foreign(&arch)) {
        checks.push(match (binfmt.mounted, binfmt.enabled) {
            (false, _) => Check::lacking(
                "binfmt_misc",
                "not mounted: the kernel cannot run programs for other architectures",
                format!("modprobe binfmt_misc; mount -t binfmt_misc binfmt_misc {DIR}"),
            ),
            (true, false) => Check::lacking("binfmt_misc", "switched off", write("1", "status")),
            (true, true) => {
                let count = binfmt.handlers.len();
                Check::ok("binfmt_misc", format!("mounted, handlers: {count}"))
            }
        });
    }
    checks.extend(
        host.arches
            .iter()
            .map(|arch| arch_check(host, binfmt, arch)),
    );
    checks
}

fn arch_check(host: &Host, binfmt: &Binfmt, arch: &str) -> Check {
    let what = format!("run linux/{arch}");
    let of = |handler: &Handler| {
        let (name, flags) = (&handler.name, handler.flags.to_string());
        let flags = if flags.is_empty() { "none" } else { &flags };
        let interpreter = handler.interpreter.display();
        format!("{interpreter} (handler {name}, flags {flags})")
    };
    let (check, handler) = match binfmt.support(&host.arch, arch) {
        Support::Native if host.arch == arch => (Check::ok(what, "this machine"), None),
        // Not every arm64 processor supports 32-bit mode, and nothing here shows whether this one
        // does.
        Support::Native => {
            let found = format!(
                "the {} kernel runs these programs if the processor supports them",
                host.arch
            );
            (Check::ok(what, found), None)
        }
        Support::Emulated(handler) => {
            let mut found = of(handler);
            if !handler.flags.credentials {
                found += "; no flag C: setuid programs of an image run without the rights of their \
                          owner";
            }
            (Check::ok(what, found), Some(handler))
        }
        Support::Broken(handler, fault) => {
            let found = format!("{}: {}", of(handler), fault.describe());
            let check = Check::lacking(what, found, fix_command(handler, fault));
            (check, Some(handler))
        }
        Support::None => {
            let found = "no handler: programs end with exec format error";
            (Check::lacking(what, found, INSTALL), None)
        }
    };
    let check = check.detail("arch", arch);
    match handler {
        None => check,
        Some(handler) => check
            .detail("handler", &handler.name)
            .detail("interpreter", handler.interpreter.to_string_lossy())
            .detail("flags", handler.flags.to_string()),
    }
}

#[cfg(test)]
mod tests;
