//! The documented ways in which an executable does not run in its image, each as a real image and a
//! healthy twin of it (`build-cases.sh`), with what there is to find in it (`table.rs`).
#![allow(dead_code, unused_imports, unused_macros)] // Each test program uses its own part of this.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use imgfs::host::{Binfmt, Handler, Rule};
use imgfs::open::{self, OpenImage, OpenOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::run;

mod table;

pub use table::{BASES, CASES, TRAPS};

/// One failure and its healthy twin.
#[derive(Debug)]
pub struct Case {
    /// Which of the documented failures it is; some have several forms.
    pub number: u8,
    /// The image that fails.
    pub broken: &'static str,
    /// The image that does what the other one should.
    pub healthy: &'static str,
    /// Which manifest of an index is run; `None` where the image is but one.
    pub platform: Option<&'static str>,
    /// What must be found in the broken one, and not in its twin.
    pub findings: &'static [Expected],
    /// Ids of what may be found in the broken one beside that.
    pub also: &'static [&'static str],
    /// What is started; empty where there is nothing to start.
    pub command: &'static [&'static str],
    /// What comes of it in the broken image.
    pub fails: Outcome,
    /// What comes of it in its twin.
    pub works: Outcome,
}

/// A finding that is expected.
#[derive(Debug)]
pub struct Expected {
    pub id: &'static str,
    pub level: &'static str,
    pub place: Place,
    /// The layer that brought it; `None` if that is left open.
    pub layer: Option<u32>,
    /// The manifest of the index that it is about; `None` where the image is but one.
    pub platform: Option<&'static str>,
    /// Whether it is found only when somebody asks about this host.
    pub on_host: bool,
}

/// What a finding is about.
#[derive(Debug)]
pub enum Place {
    /// This file or directory.
    At(&'static str),
    /// This directory or something in it.
    Under(&'static str),
    /// Left open.
    Anywhere,
}

impl Place {
    pub fn is(&self, path: &[u8]) -> bool {
        match self {
            Self::At(at) => path == at.as_bytes(),
            Self::Under(dir) => match path.strip_prefix(dir.as_bytes()) {
                Some(rest) => rest.is_empty() || rest[0] == b'/',
                None => false,
            },
            Self::Anywhere => true,
        }
    }
}

/// What comes of starting a program on a machine for amd64.
#[derive(Debug)]
pub enum Outcome {
    /// It exits with 0 and says this.
    Says(&'static str),
    /// It exits with something else, and this is among its last words.
    Dies(&'static str),
    /// A signal ends it.
    Crashes,
    /// The kernel says that there is no such file, though there is.
    NotFound,
    /// The kernel does not know the format: it is for another system or machine. Unless an emulator
    /// is registered for it, of course.
    NotExecutable,
    /// Nothing is started.
    Nothing,
}

/// An image in which nothing is wrong, as most images begin.
#[derive(Debug)]
pub struct Base {
    pub name: &'static str,
    /// What is started.
    pub command: &'static [&'static str],
    /// What that says first.
    pub says: &'static str,
}

/// The forms of a failure.
pub fn cases(number: u8) -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(move |case| case.number == number)
}

/// Runs a script that builds images, once; the directory that it built them in.
fn built<'a>(script: &str, once: &'a OnceLock<Result<PathBuf, String>>) -> &'a Path {
    once.get_or_init(|| build(script))
        .as_ref()
        .unwrap_or_else(|error| panic!("{error}"))
}

fn build(script: &str) -> Result<PathBuf, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/failures")
        .join(script);
    let output = Command::new("bash").arg(&script).output().unwrap();
    if !output.status.success() {
        return Err(format!(
            "{} failed (tests/run.sh installs what it needs):\n{}",
            script.display(),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let dir = String::from_utf8(output.stdout).unwrap();
    Ok(PathBuf::from(dir.trim_end()))
}

/// Where the images of the cases are; built if they are not there.
pub fn images() -> &'static Path {
    static IMAGES: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    built("build-cases.sh", &IMAGES)
}

/// Where the images are in which nothing is wrong; built if they are not there, which takes minutes.
pub fn bases() -> &'static Path {
    static BASES: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    built("build-bases.sh", &BASES)
}

/// The archive of an image.
pub fn archive(name: &str) -> PathBuf {
    images().join(format!("{name}.tar"))
}

/// The archive of an image in which nothing is wrong.
pub fn base_archive(name: &str) -> PathBuf {
    bases().join(format!("{name}.tar"))
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The files of an image, as umoci merges its layers.
pub struct Unpacked(TempDir);

impl Unpacked {
    /// Unpacks an oci-archive, of an index the manifest for a platform.
    pub fn new(archive: &Path, platform: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        run(Command::new("tar")
            .arg("-xf")
            .arg(archive)
            .arg("-C")
            .arg(dir.path()));
        let index = dir.path().join("index.json");
        let mut manifest = read_json(&index)["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .find(|m| platform.is_none_or(|wanted| platform_of(m) == wanted))
            .unwrap_or_else(|| panic!("{archive:?} has nothing for {platform:?}"))
            .clone();
        // umoci wants a name for it, and takes no index.
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "one"});
        let one = json!({"schemaVersion": 2, "manifests": [manifest]});
        fs::write(index, one.to_string()).unwrap();
        let image = format!("{}:one", dir.path().display());
        run(Command::new("umoci")
            .args(["raw", "unpack", "--image", &image])
            .arg(dir.path().join("rootfs")));
        Self(dir)
    }

    pub fn root(&self) -> PathBuf {
        self.0.path().join("rootfs")
    }

    pub fn join(&self, path: &str) -> PathBuf {
        self.root().join(path.trim_start_matches('/'))
    }

    /// Starts a program in it as a container runtime would.
    pub fn start(&self, command: &[&str]) -> Output {
        Command::new(images().join("exec-in"))
            .arg(self.root())
            .args(command)
            .output()
            .unwrap()
    }
}

/// Opens the image of a case, of an index the manifest for a platform.
pub fn open_case(name: &str, platform: Option<&str>) -> OpenImage {
    open_archive(&archive(name), platform)
}

/// Opens an oci-archive.
pub fn open_archive(archive: &Path, platform: Option<&str>) -> OpenImage {
    let reference = format!("oci-archive:{}", archive.display());
    let options = OpenOptions {
        // One image is opened whatever it is for.
        platform: platform.map(|p| p.parse().unwrap()),
        ..OpenOptions::default()
    };
    open::open(&reference.parse().unwrap(), &options, &()).unwrap_or_else(|e| panic!("{e}"))
}

/// The platform of a descriptor: `linux/arm/v6`.
fn platform_of(descriptor: &Value) -> String {
    let platform = &descriptor["platform"];
    let parts = ["os", "architecture", "variant"].map(|key| platform[key].as_str());
    parts.into_iter().flatten().collect::<Vec<_>>().join("/")
}

/// What the kernel of this host would give a file to, of the handlers that binfmt_misc has: their
/// names.
pub fn handlers_of(file: &Path) -> Vec<String> {
    let bytes = fs::read(file).unwrap();
    let binfmt = Binfmt::read(Path::new("/")).unwrap();
    let takes = |handler: &Handler| match &handler.rule {
        Rule::Magic { .. } => handler.matches(&bytes),
        Rule::Extension(extension) => file.extension().is_some_and(|e| *e == **extension),
    };
    let handlers = binfmt.handlers.into_iter();
    handlers
        .filter(|handler| binfmt.enabled && handler.enabled && takes(handler))
        .map(|handler| handler.name)
        .collect()
}

/// A test for each of the documented failures, which calls a function with its number, and one that
/// none is forgotten.
macro_rules! for_each_failure {
    ($check:path) => {
        $crate::failures::for_each_failure! { $check =>
            1 machine_of_another_image
            2 stage_of_another_machine
            3 without_its_loader
            4 glibc_on_musl
            5 glibc_too_old
            6 go_pie_wants_a_loader
            7 static_glibc_wants_nss
            8 go_wants_files
            9 another_system
            10 toolchain_for_another_host
            11 packages_for_another_machine
            12 machine_that_is_claimed
            13 index_with_the_others_binaries
            14 host_without_emulator
            15 script_without_interpreter
            16 newer_variant
        }
    };
    ($check:path => $($number:literal $name:ident)*) => {
        $(
            #[test]
            fn $name() {
                $check($number);
            }
        )*

        #[test]
        fn no_failure_is_forgotten() {
            let tested = std::collections::BTreeSet::from([$($number),*]);
            assert_eq!(tested, $crate::failures::CASES.iter().map(|case| case.number).collect());
            assert_eq!(tested, (1..=16).collect());
        }
    };
}
pub(crate) use for_each_failure;
