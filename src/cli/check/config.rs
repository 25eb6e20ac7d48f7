//! The settings of a run: the arguments, with defaults from `imgfs.toml`.

use std::fs;
use std::io;
use std::path::Path;
use std::str::FromStr;

use anyhow::Context;
use serde::Deserialize;

use super::args::{CheckArgs, Format, level};
use super::ignore::Ignore;
use crate::cli::platform::PlatformChoice;
use crate::findings::Level;
use crate::image::Platform;

/// The name of the default file, in the working directory.
const FILE: &str = "imgfs.toml";

/// The arguments merged with the file.
#[derive(Debug)]
pub(super) struct Settings {
    pub expect: Vec<Platform>,
    pub platforms: Platforms,
    pub host: bool,
    pub format: Format,
    pub fail_on: Level,
    pub ignore: Vec<Ignore>,
}

/// The contents of `imgfs.toml`. The keys are the long options of `imgfs check` without their dashes.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    expect: Vec<Text<Platform>>,
    platform: Vec<Text<PlatformChoice>>,
    host: bool,
    format: Option<Text<Format>>,
    fail_on: Option<Text<FailOn>>,
    ignore: Vec<Text<Ignore>>,
}

/// A value that is written as a string.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String", bound = "T: FromStr, T::Err: std::fmt::Display")]
struct Text<T>(T);

impl<T: FromStr> TryFrom<String> for Text<T> {
    type Error = T::Err;

    fn try_from(text: String) -> Result<Self, T::Err> {
        text.parse().map(Self)
    }
}

/// A level. The error message of its parser lists all levels.
#[derive(Clone, Copy, Debug)]
struct FailOn(Level);

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        level(text).map(Self)
    }
}

/// The platforms of an image that are checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Platforms {
    All,
    These(Vec<Platform>),
}

impl Platforms {
    fn new(choices: &[PlatformChoice]) -> Self {
        let one = |choice: &PlatformChoice| choice.one().cloned();
        // All platforms, if no choice is given or one of them is `all`.
        match choices.iter().map(one).collect::<Option<Vec<_>>>() {
            Some(these) if !these.is_empty() => Self::These(these),
            _ => Self::All,
        }
    }

    pub(super) fn wants(&self, platform: &Platform) -> bool {
        match self {
            Self::All => true,
            Self::These(these) => these.iter().any(|t| t.accepts(platform) == Some(u8::MAX)),
        }
    }
}

impl Settings {
    pub(super) fn new(args: &CheckArgs) -> anyhow::Result<Self> {
        let file = match &args.config {
            Some(path) => read(path).with_context(|| path.display().to_string()),
            None => match read(Path::new(FILE)) {
                Err(error) if is_missing(&error) => Ok(File::default()),
                other => other.context(FILE),
            },
        };
        // The message includes the causes.
        let file = file.map_err(|error| anyhow::anyhow!("{error:#}"))?;
        Ok(Self::merge(args, file))
    }

    /// Merges the arguments and the file. Arguments replace the values of the file, except that the
    /// `ignore` lists are joined.
    fn merge(args: &CheckArgs, file: File) -> Self {
        fn or<T: Clone>(args: &[T], file: Vec<Text<T>>) -> Vec<T> {
            match args {
                [] => file.into_iter().map(|text| text.0).collect(),
                given => given.to_vec(),
            }
        }
        let ignored = file.ignore.into_iter().map(|text| text.0);
        Self {
            expect: or(&args.expect, file.expect),
            platforms: Platforms::new(&or(&args.platform, file.platform)),
            host: args.host || file.host,
            format: args
                .format
                .or(file.format.map(|t| t.0))
                .unwrap_or(Format::Text),
            fail_on: args
                .fail_on
                .or(file.fail_on.map(|t| t.0.0))
                .unwrap_or(Level::Fail),
            ignore: args.ignore.iter().cloned().chain(ignored).collect(),
        }
    }

    /// Returns the platforms that the image must have: those of `expect`, and those of `platform`.
    pub(super) fn wanted(&self) -> Vec<Platform> {
        let mut wanted = self.expect.clone();
        if let Platforms::These(these) = &self.platforms {
            wanted.extend(these.iter().filter(|t| !self.expect.contains(t)).cloned());
        }
        wanted
    }
}

fn is_missing(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|e| e.kind() == io::ErrorKind::NotFound)
}

fn read(path: &Path) -> anyhow::Result<File> {
    let text = fs::read_to_string(path)?;
    parse(&text)
}

fn parse(text: &str) -> anyhow::Result<File> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(0, |text| text.matches('\n').count()) + 1;
        anyhow::anyhow!("line {line}: {}", error.message())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        args: CheckArgs,
    }

    fn args(args: &[&str]) -> CheckArgs {
        let all = [&["check", "image"], args].concat();
        Command::parse_from(all).args
    }

    const FILE: &str = "expect = [\"linux/amd64\"]\nplatform = [\"linux/amd64\", \"linux/arm64\"]\n\
        host = true\nformat = \"json\"\nfail-on = \"warn\"\n\
        ignore = [\n  \"wrong-os:/opt/**\",\n  \"user-lookup\",\n]\n";

    #[test]
    fn arguments_replace_the_file_and_ignored_ones_add_up() {
        let merged = Settings::merge(&args(&[]), parse(FILE).unwrap());
        assert_eq!(merged.expect, ["linux/amd64".parse().unwrap()]);
        assert_eq!((merged.host, merged.format), (true, Format::Json));
        assert_eq!((merged.fail_on, merged.ignore.len()), (Level::Warn, 2));
        assert_eq!(merged.wanted().len(), 2);
        let given = args(&[
            "--expect=linux/arm64",
            "--platform=all",
            "--format=sarif",
            "--fail-on=info",
            "--ignore=missing-loader",
        ]);
        let merged = Settings::merge(&given, parse(FILE).unwrap());
        assert_eq!(merged.expect, ["linux/arm64".parse().unwrap()]);
        assert_eq!(merged.platforms, Platforms::All);
        assert_eq!((merged.fail_on, merged.ignore.len()), (Level::Info, 3));
        assert_eq!(merged.format, Format::Sarif);
        let none = Settings::merge(&args(&[]), File::default());
        assert_eq!((none.fail_on, none.format), (Level::Fail, Format::Text));
    }

    #[test]
    fn what_is_not_known_is_an_error_that_lists_what_is() {
        for (text, words) in [
            ("ignor = []", ["line 1", "ignor", "fail-on"]),
            (
                "\nignore = [\"no-such\"]",
                ["line 2", "no-such", "arch-mismatch"],
            ),
            ("fail-on = \"error\"", ["line 1", "error", "fail warn info"]),
            ("format = \"xml\"", ["line 1", "xml", "sarif"]),
            ("platform = [\"linux\"]", ["line 1", "linux", "OS/ARCH"]),
            ("host = \"yes\"", ["line 1", "string", "bool"]),
            ("= 1", ["line 1", "", ""]),
        ] {
            let error = parse(text).unwrap_err().to_string();
            for word in words {
                assert!(error.contains(word), "{text}: {error}");
            }
        }
    }
}
