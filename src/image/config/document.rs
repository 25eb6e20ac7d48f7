//! The members of a config document that imgfs uses (OCI image-spec, config.md, "Properties"; moby,
//! `api/types/container.Config`). Each member may be missing or null.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::history::{HistoryEntry, is_set};
use super::start::Start;

/// A config document.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub(super) struct ConfigDocument {
    pub architecture: String,
    pub os: String,
    pub variant: String,
    pub created: Option<String>,
    pub config: Container,
    pub rootfs: RootFs,
    pub history: Vec<Line>,
}

/// The member `rootfs`.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub(super) struct RootFs {
    #[serde(rename = "type")]
    kind: String,
    pub diff_ids: Vec<String>,
}

/// A line of the member `history`.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
pub(super) struct Line {
    created_by: Option<String>,
    created: Option<String>,
    author: Option<String>,
    comment: Option<String>,
    empty_layer: bool,
}

impl Line {
    pub(super) fn entry(self) -> HistoryEntry {
        HistoryEntry {
            created_by: self.created_by,
            created: self.created.filter(|time| is_set(time)),
            author: self.author,
            comment: self.comment,
            empty_layer: self.empty_layer,
        }
    }
}

/// The member `config`: the process that a container starts, and its environment.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Container {
    user: String,
    env: Vec<String>,
    entrypoint: Vec<String>,
    cmd: Vec<String>,
    volumes: BTreeMap<String, IgnoredAny>,
    working_dir: String,
}

/// The members that only Docker defines. Other readers ignore them, so an error in them is not an error
/// of the document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DockerDocument {
    pub config: DockerContainer,
}

/// Docker's additions to the member `config`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct DockerContainer {
    healthcheck: Healthcheck,
    shell: Vec<String>,
}

/// Docker's `Healthcheck` (moby, `api/docs/image-spec`).
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Healthcheck {
    test: Vec<String>,
}

impl Container {
    /// Returns what a container starts.
    pub(super) fn start(self, docker: &DockerContainer) -> Start {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Start {
            healthcheck: docker.healthcheck(),
            volumes: self.volumes.into_keys().collect(),
            entrypoint: self.entrypoint,
            cmd: self.cmd,
            env: self.env,
            user: some(self.user),
            working_dir: some(self.working_dir),
        }
    }
}

impl DockerContainer {
    fn healthcheck(&self) -> Vec<String> {
        match self.healthcheck.test.as_slice() {
            [kind, command @ ..] if kind == "CMD" => command.to_vec(),
            [kind, command @ ..] if kind == "CMD-SHELL" && !command.is_empty() => {
                let usual = ["/bin/sh".to_owned(), "-c".to_owned()];
                let shell = match self.shell.as_slice() {
                    [] => &usual,
                    shell => shell,
                };
                [shell, command].concat()
            }
            // `NONE`, or an empty list, which inherits the check of a base image that is not in the
            // config.
            _ => Vec::new(),
        }
    }
}
