//! The documented ways in which an executable does not run in its image, each as a real image and a
//! healthy twin of it (`build-cases.sh`), with the expected findings (`table.rs`).
#![allow(dead_code, unused_imports, unused_macros)] // Each test program uses only a part of this module.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use imgfs::internals::host::{Binfmt, Handler, Rule};
use imgfs::internals::open::{self, OpenImage, OpenOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::run;

mod table;

pub use table::{BASES, CASES, TRAPS};

/// One failure and its healthy twin.
#[derive(Debug)]
pub struct Case {
    /// The number of the documented failure; some failures have several forms.
    pub number: u8,
    /// The image that fails.
    pub broken: &'static str,
    /// The image that works as the broken one should.
    pub healthy: &'static str,
    /// The platform of an index whose manifest is run; `None` if there is a single image.
    pub platform: Option<&'static str>,
    /// Findings that the broken image must have, and its twin must not have.
    pub findings: &'static [Expected],
    /// Ids of further findings that the broken image may have.
    pub also: &'static [&'static str],
    /// The command that is started; empty if there is nothing to start.
    pub command: &'static [&'static str],
    /// The result in the broken image.
    pub fails: Outcome,
    /// The result in its twin.
    pub works: Outcome,
}

/// An expected finding.
#[derive(Debug)]
pub struct Expected {
    pub id: &'static str,
    pub level: &'static str,
    pub place: Place,
    /// The layer that brought the file; `None` if it is not compared.
    pub layer: Option<u32>,
    /// The platform of the index that the finding is about; `None` if there is a single image.
    pub platform: Option<&'static str>,
    /// Whether the finding appears only with `--host`.
    pub on_host: bool,
}

/// The path of a finding.
#[derive(Debug)]
pub enum Place {
    /// This file or directory.
    At(&'static str),
    /// This directory or a path in it.
    Under(&'static str),
    /// Not compared.
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

/// The result of starting a program on a machine for amd64.
#[derive(Debug)]
pub enum Outcome {
    /// It exits with 0 and prints this.
    Says(&'static str),
    /// It exits with another status, and this is in its last lines.
    Dies(&'static str),
    /// A signal kills it.
    Crashes,
    /// The kernel reports a missing file, though the file exists.
    NotFound,
    /// The kernel does not know the format: the program is for another system or machine, and no
    /// emulator is registered for it.
    NotExecutable,
    /// Nothing is started.
    Nothing,
}

/// An image without errors, of a kind that most images start from.
#[derive(Debug)]
pub struct Base {
    pub name: &'static str,
    /// The command that is started.
    pub command: &'static [&'static str],
    /// The beginning of its output.
    pub says: &'static str,
}

/// Returns the forms of a failure.
pub fn cases(number: u8) -> impl Iterator<Item = &'static Case> {
    CASES.iter().filter(move |case| case.number == number)
}

/// Runs a script that builds images, once; returns the directory with the images.
fn built<'a>(script: &str, once: &'a OnceLock<Result<PathBuf, String>>) -> &'a Path {
    once.get_or_init(|| build(script))
        .as_ref()
        .unwrap_or_else(|error| panic!("{error}"))
}

fn build(script: &str) -> Result<PathBuf, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/images/failures")
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

/// Returns the directory with the images of the cases; builds them if necessary.
pub fn images() -> &'static Path {
    static IMAGES: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    built("build-cases.sh", &IMAGES)
}

/// Returns the directory with the images without errors; builds them if necessary, which takes minutes.
pub fn bases() -> &'static Path {
    static BASES: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    built("build-bases.sh", &BASES)
}

/// Returns the path of an image's archive.
pub fn archive(name: &str) -> PathBuf {
    images().join(format!("{name}.tar"))
}

/// Returns the path of the archive of an image without errors.
pub fn base_archive(name: &str) -> PathBuf {
    bases().join(format!("{name}.tar"))
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The files of an image, as umoci merges its layers.
pub struct Unpacked(TempDir);

impl Unpacked {
    /// Unpacks an oci-archive; for an index, the manifest for a platform.
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
        // umoci requires a name, and does not accept an index.
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

    /// Starts a program in the image as a container runtime would.
    pub fn start(&self, command: &[&str]) -> Output {
        Command::new(images().join("exec-in"))
            .arg(self.root())
            .args(command)
            .output()
            .unwrap()
    }
}

/// Opens the image of a case; for an index, the manifest for a platform.
pub fn open_case(name: &str, platform: Option<&str>) -> OpenImage {
    open_archive(&archive(name), platform)
}

/// Opens an oci-archive.
pub fn open_archive(archive: &Path, platform: Option<&str>) -> OpenImage {
    let reference = format!("oci-archive:{}", archive.display());
    let options = OpenOptions {
        // A single image is opened regardless of its platform.
        platform: platform.map(|p| p.parse().unwrap()),
        ..OpenOptions::default()
    };
    open::open(&reference.parse().unwrap(), &options, &()).unwrap_or_else(|e| panic!("{e}"))
}

/// Returns the platform of a descriptor: `linux/arm/v6`.
fn platform_of(descriptor: &Value) -> String {
    let platform = &descriptor["platform"];
    let parts = ["os", "architecture", "variant"].map(|key| platform[key].as_str());
    parts.into_iter().flatten().collect::<Vec<_>>().join("/")
}

/// Returns the names of the binfmt_misc handlers that the kernel of this host would use for a file.
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

/// Makes a test for each of the documented failures, which calls a function with its number, and a test
/// that none is missing.
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
