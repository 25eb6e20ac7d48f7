//! Keys of what was found out about an executable together with the rest of the image.

use super::Derive::FromFindings;
use super::ValueOf::{List, Text};
use super::{Group, Key};
use crate::findings::Level;

pub(super) const FINDINGS: Group = Group {
    title: "Findings",
    summary: "`ok`, `warn` or `fail`, and the [findings](docs/findings.md)",
    keys: &[
        Key {
            name: "VERDICT",
            value: Text(FromFindings(|findings, node| {
                let verdict = match findings.map(|findings| findings.worst(node)) {
                    None => "unknown",
                    Some(None | Some(Level::Info)) => "ok",
                    Some(Some(level)) => level.name(),
                };
                Some(verdict.into())
            })),
            doc: "highest level of its findings: `ok`, `warn` or `fail`; `unknown` if the image could not be \
                examined",
        },
        Key {
            name: "FINDINGS",
            value: List(FromFindings(|findings, node| {
                let findings = findings.into_iter().flat_map(|findings| findings.of(node));
                super::each_once(findings.map(|finding| finding.id.name().to_owned()))
            })),
            doc: "ids of its [findings](findings.md)",
        },
    ],
};
