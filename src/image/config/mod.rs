//! The config of an image: platform, history, diff_ids (OCI image-spec, config.md). Docker uses the same
//! document.

mod document;
mod history;
mod start;

use crate::blob::Digest;
use crate::oci::{self, Platform};
pub(crate) use history::HistoryEntry;
use history::is_set;
pub(crate) use start::Start;

use document::{ConfigDocument, DockerDocument, Line};

/// The parts of a config that imgfs uses.
#[derive(Clone, Debug)]
pub struct Config {
    /// The declared platform.
    pub platform: Platform,
    /// The creation time in RFC 3339 format.
    pub created: Option<String>,
    /// Digests of the decoded layers, lowest layer first.
    pub diff_ids: Vec<Digest>,
    /// The history, oldest line first.
    pub history: Vec<HistoryEntry>,
    /// The process that a container starts, and its user.
    pub start: Start,
}

impl Config {
    /// Parses a config document. Like Docker and Podman, accepts a document that names neither an
    /// operating system nor an architecture. Rejects a document that has none of the members of a
    /// config.
    ///
    /// # Errors
    /// Returns a description of the problem, for messages.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        Self::read("", bytes, &mut Vec::new())
    }

    /// Parses a config document, like [`Config::parse`], and adds descriptions of its ambiguous parts,
    /// which other readers interpret differently, to `ambiguities`. They refer to the document as
    /// `name`.
    ///
    /// # Errors
    /// Returns a description of the problem, for messages.
    pub(crate) fn read(
        name: &str,
        bytes: &[u8],
        ambiguities: &mut Vec<String>,
    ) -> Result<Self, String> {
        let document: ConfigDocument = oci::read_into(name, bytes, ambiguities)
            .map_err(|detail| format!("is not the config of an image: {detail}"))?;
        if document == ConfigDocument::default() {
            return Err(
                "is not the config of an image: it has none of the members of a config".to_owned(),
            );
        }
        let diff_ids = document.rootfs.diff_ids.iter();
        let diff_ids = diff_ids
            .map(|d| d.parse().map_err(|e| format!("has a bad diff_id: {e}")))
            .collect::<Result<_, String>>()?;
        let docker: DockerDocument = oci::read_into(name, bytes, ambiguities).unwrap_or_default();
        let variant = Some(document.variant).filter(|v| !v.is_empty());
        Ok(Self {
            start: document.config.start(&docker.config),
            platform: Platform {
                os: document.os,
                arch: document.architecture,
                variant,
            },
            created: document.created.filter(|time| is_set(time)),
            diff_ids,
            history: document.history.into_iter().map(Line::entry).collect(),
        })
    }

    /// Returns the history line (`created_by`) of each of `count` layers. Lines that created no layer
    /// are skipped. If the history has a different number of layers, all results are `None`, because the
    /// lines cannot be assigned.
    pub fn created_by(&self, count: usize) -> Vec<Option<String>> {
        let made: Vec<_> = self.history.iter().filter(|h| !h.empty_layer).collect();
        if made.len() != count {
            return vec![None; count];
        }
        made.into_iter().map(|h| h.created_by.clone()).collect()
    }

    /// Returns whether there is a history whose number of layers is not `count`.
    pub fn history_mismatch(&self, count: usize) -> bool {
        let made = self.history.iter().filter(|h| !h.empty_layer).count();
        !self.history.is_empty() && made != count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = r#"{"architecture":"arm","variant":"v7","os":"linux","config":null,
        "rootfs":{"type":"layers","diff_ids":[]},
        "history":[{"created_by":"ADD rootfs"},{"created_by":"ENV A=b","empty_layer":true},
                   {"created_by":"COPY app"}]}"#;

    #[test]
    fn history_is_aligned_over_lines_without_a_layer() {
        let config = Config::parse(CONFIG.as_bytes()).unwrap();
        assert_eq!(config.platform.to_string(), "linux/arm/v7");
        let lines = config.created_by(2);
        assert_eq!(lines[1].as_deref(), Some("COPY app"));
        assert_eq!(config.created_by(3), [None, None, None]);
        assert!(config.history_mismatch(3) && !config.history_mismatch(2));
    }

    #[test]
    fn what_is_started_is_what_the_document_says() {
        let none = Config::parse(CONFIG.as_bytes()).unwrap();
        assert_eq!(none.start, Start::default());
        let config = r#"{"Env":["PATH=/bin"],"Entrypoint":["/init","--"],"Cmd":null,
            "User":"","WorkingDir":"/srv","ExposedPorts":{"80/tcp":{}}}"#;
        let with = CONFIG.replace(r#""config":null"#, &format!(r#""config":{config}"#));
        let start = Config::parse(with.as_bytes()).unwrap().start;
        assert_eq!(start.entrypoint, ["/init", "--"]);
        assert_eq!((start.cmd.len(), start.user), (0, None));
        assert_eq!(start.env, ["PATH=/bin"]);
        assert_eq!(start.working_dir.as_deref(), Some("/srv"));
    }

    #[test]
    fn a_healthcheck_is_a_command() {
        let of = |config: &str| {
            let with = CONFIG.replace(r#""config":null"#, &format!(r#""config":{config}"#));
            Config::parse(with.as_bytes()).unwrap().start.healthcheck
        };
        assert_eq!(
            of(r#"{"Healthcheck":{"Test":["CMD-SHELL","curl -f x || exit 1"],"Interval":3}}"#),
            ["/bin/sh", "-c", "curl -f x || exit 1"]
        );
        assert_eq!(
            of(r#"{"Healthcheck":{"Test":["CMD-SHELL","x"]},"Shell":["/bin/bash","-ec"]}"#),
            ["/bin/bash", "-ec", "x"]
        );
        assert_eq!(
            of(r#"{"Healthcheck":{"Test":["CMD","/ok","-q"]}}"#),
            ["/ok", "-q"]
        );
        for none in [
            "{}",
            r#"{"Healthcheck":{"Test":["NONE"]}}"#,
            r#"{"Healthcheck":7}"#,
        ] {
            assert!(of(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn a_bad_diff_id_is_an_error() {
        let bad = CONFIG.replace(r#""diff_ids":[]"#, r#""diff_ids":["sha256:12"]"#);
        assert!(
            Config::parse(bad.as_bytes())
                .unwrap_err()
                .contains("diff_id")
        );
        assert!(Config::parse(b"{}").is_err());
    }
}
