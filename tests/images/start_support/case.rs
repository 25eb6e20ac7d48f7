//! One image of the start tests: its layers, its config, and how it is known to start.

use std::sync::Arc;

/// The root file system below a case's layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// Nothing at all.
    Scratch,
    /// A static busybox with links for its applets, and five users.
    Busybox,
    /// Like `Busybox`, with musl's loader and `su-exec`.
    Musl,
    /// dash as `sh`, bash, coreutils, launchers and glibc, with `/usr` merged.
    Debian,
}

impl Base {
    /// Returns the name of its directory and tar; `None` for `Scratch`.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Scratch => None,
            Self::Busybox => Some("busybox"),
            Self::Musl => Some("musl"),
            Self::Debian => Some("debian"),
        }
    }
}

/// The type of a layer's entry.
#[derive(Clone, Debug)]
pub enum BinaryKind {
    Regular(Arc<[u8]>),
    Directory,
    Symlink(String),
    /// Removes the path from the layers below.
    Whiteout,
    /// Hides the lower layers' content of the directory.
    Opaque,
}

/// An entry of a layer.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Absolute, without symbolic links in its parents.
    pub path: String,
    pub kind: BinaryKind,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// The value of `security.capability`.
    pub capabilities: Option<Vec<u8>>,
}

/// The expected start of a container of the image, as its author knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Any result of the real run is accepted. For generated images.
    Open,
    /// It exits with 0, or runs until it is stopped.
    Runs,
    /// The runtime does not start it: the stage, and the name of the errno.
    Refused(&'static str, &'static str),
    /// It ends with this status and prints this.
    Dies(i32, &'static str),
    /// A signal kills it.
    Killed(i32),
}

/// An image.
#[derive(Clone, Debug)]
pub struct Case {
    pub class: &'static str,
    pub name: String,
    pub base: Base,
    /// The layers above the base, the lowest first, and their history lines.
    pub layers: Vec<(String, Vec<Entry>)>,
    pub entrypoint: Vec<String>,
    pub cmd: Vec<String>,
    pub env: Vec<String>,
    pub user: String,
    pub workdir: String,
    /// `Healthcheck.Test` of the config. If it is not empty, it is run and compared.
    pub health: Vec<String>,
    pub expect: Expect,
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

impl Case {
    pub fn new(name: impl Into<String>, base: Base) -> Self {
        Self {
            class: "",
            name: name.into(),
            base,
            layers: vec![("COPY . /".to_owned(), Vec::new())],
            entrypoint: Vec::new(),
            cmd: Vec::new(),
            env: Vec::new(),
            user: String::new(),
            workdir: String::new(),
            health: Vec::new(),
            expect: Expect::Open,
        }
    }

    fn add(mut self, path: &str, kind: BinaryKind, mode: u32) -> Self {
        let entry = Entry {
            path: path.to_owned(),
            kind,
            mode,
            uid: 0,
            gid: 0,
            capabilities: None,
        };
        self.top().push(entry);
        self
    }

    fn top(&mut self) -> &mut Vec<Entry> {
        &mut self.layers.last_mut().expect("there is one").1
    }

    /// Adds a file with that mode.
    pub fn file(self, path: &str, mode: u32, data: impl AsRef<[u8]>) -> Self {
        self.add(path, BinaryKind::Regular(data.as_ref().into()), mode)
    }

    /// Adds an executable script or program.
    pub fn exe(self, path: &str, data: impl AsRef<[u8]>) -> Self {
        self.file(path, 0o755, data)
    }

    pub fn dir(self, path: &str, mode: u32) -> Self {
        self.add(path, BinaryKind::Directory, mode)
    }

    pub fn link(self, path: &str, target: &str) -> Self {
        self.add(path, BinaryKind::Symlink(target.to_owned()), 0o777)
    }

    pub fn whiteout(self, path: &str) -> Self {
        self.add(path, BinaryKind::Whiteout, 0o644)
    }

    pub fn opaque(self, dir: &str) -> Self {
        self.add(dir, BinaryKind::Opaque, 0o755)
    }

    /// Sets the owner of the last entry.
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        let last = self.top().last_mut().expect("an entry");
        (last.uid, last.gid) = (uid, gid);
        self
    }

    /// Sets file capabilities of the last entry: `cap_net_bind_service`, permitted and effective.
    pub fn capable(mut self) -> Self {
        // struct vfs_cap_data of linux/capability.h: revision 2 and the effective bit.
        let words = [0x0200_0001_u32, 1 << 10, 0, 0, 0];
        let bytes = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.top().last_mut().expect("an entry").capabilities = Some(bytes);
        self
    }

    /// Begins the next layer.
    pub fn layer(mut self, history: &str) -> Self {
        self.layers.push((history.to_owned(), Vec::new()));
        self
    }

    pub fn entrypoint(mut self, words: &[&str]) -> Self {
        self.entrypoint = strings(words);
        self
    }

    pub fn cmd(mut self, words: &[&str]) -> Self {
        self.cmd = strings(words);
        self
    }

    /// Sets the command that docker makes of the shell form `CMD text`.
    pub fn shell(self, text: &str) -> Self {
        self.cmd(&["/bin/sh", "-c", text])
    }

    pub fn env(mut self, line: &str) -> Self {
        self.env.push(line.to_owned());
        self
    }

    pub fn user(mut self, user: &str) -> Self {
        self.user = user.to_owned();
        self
    }

    pub fn workdir(mut self, dir: &str) -> Self {
        self.workdir = dir.to_owned();
        self
    }

    pub fn health(mut self, test: &[&str]) -> Self {
        self.health = strings(test);
        self
    }

    pub fn runs(mut self) -> Self {
        self.expect = Expect::Runs;
        self
    }

    pub fn refused(mut self, stage: &'static str, errno: &'static str) -> Self {
        self.expect = Expect::Refused(stage, errno);
        self
    }

    pub fn dies(mut self, status: i32, text: &'static str) -> Self {
        self.expect = Expect::Dies(status, text);
        self
    }

    pub fn killed(mut self, signal: i32) -> Self {
        self.expect = Expect::Killed(signal);
        self
    }

    /// Returns the command that is executed: the healthcheck if there is one, otherwise entrypoint and
    /// command.
    pub fn argv(&self) -> Vec<String> {
        match self.health.split_first() {
            Some((kind, rest)) if kind == "CMD-SHELL" => {
                let mut argv = strings(&["/bin/sh", "-c"]);
                argv.extend_from_slice(rest);
                argv
            }
            Some((_, rest)) => rest.to_vec(),
            None => [&self.entrypoint[..], &self.cmd[..]].concat(),
        }
    }
}

/// Images on each base.
pub fn scratch(name: impl Into<String>) -> Case {
    Case::new(name, Base::Scratch)
}

pub fn busybox(name: impl Into<String>) -> Case {
    Case::new(name, Base::Busybox)
}

pub fn musl(name: impl Into<String>) -> Case {
    Case::new(name, Base::Musl)
}

pub fn debian(name: impl Into<String>) -> Case {
    Case::new(name, Base::Debian)
}
