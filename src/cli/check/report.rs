//! The result that all formats write: a row for each platform of each image, with its findings.

use crate::findings::{Finding, Level};
use crate::image::Platform;

/// The result of a run.
pub(super) struct Report {
    /// The lowest level at which a finding counts.
    pub fail_on: Level,
    /// Whether `--host` was given.
    pub host: bool,
    /// A row for each platform of each image.
    pub rows: Vec<PlatformRow>,
}

/// One platform of one image.
#[derive(Default)]
pub(super) struct PlatformRow {
    /// The image, as the user wrote it.
    pub image: String,
    /// The platform according to the index or the config, or `None` if it is unknown.
    pub platform: Option<Platform>,
    /// Whether the platform is expected but not in the image.
    pub missing: bool,
    /// Why the platform could not be checked.
    pub error: Option<String>,
    /// The findings, the most severe first.
    pub found: Vec<ReportedFinding>,
    /// The number of findings that were ignored; they are not in `found`.
    pub ignored: usize,
}

/// A finding and the layer of its file.
pub(super) struct ReportedFinding {
    pub finding: Finding,
    pub layer: Option<ReportedLayer>,
}

/// The layer that contains a file.
#[derive(Clone, Default)]
pub(super) struct ReportedLayer {
    pub digest: Option<String>,
    pub created_by: Option<String>,
}

impl ReportedFinding {
    pub(super) fn new(finding: Finding, layers: &[ReportedLayer]) -> Self {
        let number = finding.layer.and_then(|n| usize::try_from(n).ok());
        let layer = number.and_then(|n| layers.get(n)).cloned();
        Self { finding, layer }
    }
}

impl PlatformRow {
    pub(super) fn unseen(platform: Option<Platform>, error: String) -> Self {
        Self {
            platform,
            error: Some(error),
            ..Self::default()
        }
    }

    /// Returns the number of findings of a level.
    pub(super) fn count(&self, level: Level) -> usize {
        let levels = self.found.iter().map(|f| f.finding.level);
        levels.filter(|&l| l == level).count()
    }

    /// Returns the verdict: `ok` (at most info findings), `warn`, `fail`, `missing` or `error`.
    pub(super) fn verdict(&self) -> &'static str {
        let worst = self.found.iter().map(|f| f.finding.level).max();
        match worst {
            _ if self.error.is_some() => "error",
            _ if self.missing => "missing",
            Some(Level::Fail) => "fail",
            Some(Level::Warn) => "warn",
            Some(Level::Info) | None => "ok",
        }
    }

    /// Returns the platform for display.
    pub(super) fn platform(&self) -> String {
        let platform = self.platform.as_ref().map(ToString::to_string);
        platform.unwrap_or_else(|| "?".to_owned())
    }
}

impl Report {
    pub(super) fn new(fail_on: Level, host: bool) -> Self {
        Self {
            fail_on,
            host,
            rows: Vec::new(),
        }
    }

    /// Whether an image or a platform could not be checked.
    pub(super) fn unseen(&self) -> bool {
        self.rows.iter().any(|row| row.error.is_some())
    }

    /// Whether no finding counts.
    pub(super) fn is_clean(&self) -> bool {
        let mut found = self.rows.iter().flat_map(|row| &row.found);
        !found.any(|found| found.finding.level >= self.fail_on)
    }
}

/// Replaces control characters by `\xNN`, since they could change the terminal or break the line.
pub(super) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            let mut utf8 = [0; 4];
            for byte in c.encode_utf8(&mut utf8).bytes() {
                out.push_str(&format!("\\x{byte:02x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
pub(super) mod sample {
    use crate::findings::Id;

    use super::*;

    pub(crate) fn finding(id: Id, level: Level, path: &[u8]) -> Finding {
        Finding {
            id,
            level,
            path: path.into(),
            node: None,
            layer: (!path.is_empty()).then_some(1),
            detail: "arm64 code & \"quotes\" in <linux/amd64>".to_owned(),
            hint: "build it with GOARCH=amd64".to_owned(),
        }
    }

    /// A report with two platforms, one of which has findings with hostile names; a missing platform;
    /// and an image that cannot be read.
    pub(crate) fn report() -> Report {
        let layers = [
            ReportedLayer::default(),
            ReportedLayer {
                digest: Some(format!("sha256:{}", "0".repeat(64))),
                created_by: Some("RUN echo\t'<&>'\n\u{1b}[31m # \u{ffff}]]>".to_owned()),
            },
        ];
        let row = |platform: &str, found: Vec<Finding>| PlatformRow {
            image: "dir with space/image.tar".to_owned(),
            platform: platform.parse().ok(),
            found: found
                .into_iter()
                .map(|f| ReportedFinding::new(f, &layers))
                .collect(),
            ignored: 1,
            ..PlatformRow::default()
        };
        let mut report = Report::new(Level::Fail, false);
        report.rows = vec![
            row(
                "linux/amd64",
                vec![
                    finding(
                        Id::ArchMismatch,
                        Level::Fail,
                        b"/usr/bin/\xff\x1b[31m<&\"'#%?.so",
                    ),
                    finding(Id::NoTimezoneData, Level::Warn, b"/app"),
                    finding(Id::UserLookup, Level::Info, b""),
                ],
            ),
            row("linux/arm/v7", Vec::new()),
            PlatformRow {
                missing: true,
                ..row(
                    "linux/s390x",
                    vec![finding(Id::ConfigMismatch, Level::Fail, b"")],
                )
            },
            PlatformRow::unseen(None, "x.tar: No such file\u{1b}".to_owned()),
        ];
        report
    }
}

#[cfg(test)]
mod tests {
    use crate::findings::Id;

    use super::*;

    #[test]
    fn a_row_has_one_word_and_the_report_one_answer() {
        let mut report = sample::report();
        let words: Vec<_> = report.rows.iter().map(PlatformRow::verdict).collect();
        assert_eq!(words, ["fail", "ok", "missing", "error"]);
        assert!(report.unseen() && !report.is_clean());
        report.rows.retain(|row| row.verdict() == "ok");
        assert!(!report.unseen() && report.is_clean());
        let warn = sample::finding(Id::NoTimezoneData, Level::Warn, b"/app");
        report.rows[0].found = vec![ReportedFinding::new(warn, &[])];
        assert!(report.is_clean());
        report.fail_on = Level::Warn;
        assert!(!report.is_clean());
        assert_eq!(report.rows[0].verdict(), "warn");
    }
}
