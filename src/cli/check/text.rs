//! The text format: a line for each finding, and a table if there are several platforms.

use std::io::{self, Write};

use crate::findings::Level;
use crate::layer::printable;

use super::report::{PlatformRow, Report, ReportedFinding, line};
use crate::cli::colour::Colour;
use crate::cli::shorten::shorten;

/// The number of characters of a history line that are shown. It may be a whole script; this much
/// identifies it.
const SHOWN: usize = 60;

pub(super) fn write(out: &mut impl Write, report: &Report, colour: Colour) -> io::Result<()> {
    let several = report.rows.len() > 1;
    let mut images: Vec<&str> = report.rows.iter().map(|row| row.image.as_str()).collect();
    images.dedup();
    let several_images = images.len() > 1;
    for row in &report.rows {
        let image = match several_images {
            true => format!("{}: ", line(&row.image)),
            false => String::new(),
        };
        let place = match several {
            true => format!("{image}{}: ", row.platform()),
            false => String::new(),
        };
        for found in &row.found {
            let level = painted(colour, found.finding.level);
            writeln!(out, "{place}{level} {}", finding(found))?;
        }
    }
    match report.rows.as_slice() {
        [row] => writeln!(
            out,
            "{} ({}): {}",
            line(&row.image),
            row.platform(),
            summary(row, colour)
        ),
        rows => table(out, rows, several_images, colour),
    }
}

fn painted(colour: Colour, level: Level) -> String {
    match level {
        Level::Fail => colour.bad(level.name()),
        Level::Warn => colour.warn(level.name()),
        Level::Info => colour.plain(level.name()),
    }
}

/// Returns `ID PATH: detail [layer N: history line]; hint`.
fn finding(found: &ReportedFinding) -> String {
    let finding = &found.finding;
    let mut text = finding.id.to_string();
    if !finding.path.is_empty() {
        text.push(' ');
        text += &printable(&finding.path);
    }
    text.push_str(": ");
    text += &line(&finding.detail);
    if let Some(number) = finding.layer {
        text += &format!(" [layer {number}");
        let created_by = found.layer.as_ref().and_then(|l| l.created_by.as_deref());
        if let Some(created_by) = created_by {
            text += &format!(": {}", shortened(created_by));
        }
        text.push(']');
    }
    if !finding.hint.is_empty() {
        text += &format!("; {}", line(&finding.hint));
    }
    text
}

fn shortened(created_by: &str) -> String {
    let words: Vec<&str> = created_by.split_whitespace().collect();
    shorten(&line(&words.join(" ")), SHOWN)
}

fn counts(row: &PlatformRow) -> [(usize, &'static str); 4] {
    [
        (row.count(Level::Fail), "fail"),
        (row.count(Level::Warn), "warn"),
        (row.count(Level::Info), "info"),
        (row.ignored, "ignored"),
    ]
}

fn verdict(row: &PlatformRow, colour: Colour) -> String {
    let word = row.verdict();
    match word {
        "ok" => colour.good(word),
        "warn" => colour.warn(word),
        _ => colour.bad(word),
    }
}

/// Returns the verdict and the counts, such as `fail (1 fail, 2 warn)`.
fn summary(row: &PlatformRow, colour: Colour) -> String {
    let counts = counts(row);
    let there = counts.iter().filter(|(count, _)| *count > 0);
    let there: Vec<String> = there
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let verdict = verdict(row, colour);
    match there.is_empty() {
        true => verdict,
        false => format!("{verdict} ({})", there.join(", ")),
    }
}

fn table(
    out: &mut impl Write,
    rows: &[PlatformRow],
    images: bool,
    colour: Colour,
) -> io::Result<()> {
    if rows.iter().any(|row| !row.found.is_empty()) {
        writeln!(out)?;
    }
    let width = |cell: &dyn Fn(&PlatformRow) -> usize, head: &str| {
        let widest = rows.iter().map(cell).max().unwrap_or(0);
        widest.max(head.len())
    };
    let image_width = width(&|row| line(&row.image).chars().count(), "IMAGE");
    let platform_width = width(&|row| row.platform().len(), "PLATFORM");
    let image_cell = |text: &str| match images {
        true => format!("{text:<image_width$}  "),
        false => String::new(),
    };
    writeln!(
        out,
        "{}{:<platform_width$}  VERDICT  FAIL  WARN  INFO  IGNORED",
        image_cell("IMAGE"),
        "PLATFORM"
    )?;
    for row in rows {
        let gap = " ".repeat(7_usize.saturating_sub(row.verdict().len()));
        let [fail, warn, info, ignored] = counts(row).map(|(count, _)| match row.error {
            Some(_) => "-".to_owned(),
            None => count.to_string(),
        });
        writeln!(
            out,
            "{}{:<platform_width$}  {}{gap}  {fail:>4}  {warn:>4}  {info:>4}  {ignored:>7}",
            image_cell(&line(&row.image)),
            row.platform(),
            verdict(row, colour),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::report::sample;
    use super::*;

    fn text(report: &Report) -> String {
        let mut out = Vec::new();
        write(&mut out, report, Colour::NONE).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_each_and_a_table() {
        let mut report = sample::report();
        report.rows.truncate(3);
        let text = text(&report);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            r#"linux/amd64: fail arch-mismatch /usr/bin/\xff\x1b[31m<&"'#%?.so: arm64 code & "quotes" in <linux/amd64> [layer 1: RUN echo '<&>' \x1b[31m # "#
                .to_owned() + "\u{ffff}]]>]; build it with GOARCH=amd64"
        );
        assert!(
            lines[2].starts_with("linux/amd64: info user-lookup: arm64"),
            "{text}"
        );
        assert_eq!(
            lines[4..],
            [
                "",
                "PLATFORM      VERDICT  FAIL  WARN  INFO  IGNORED",
                "linux/amd64   fail        1     1     1        1",
                "linux/arm/v7  ok          0     0     0        1",
                "linux/s390x   missing     1     0     0        1",
            ]
        );
    }

    #[test]
    fn one_platform_needs_no_table_and_several_images_have_a_column() {
        let mut report = sample::report();
        let all = text(&report);
        assert!(
            all.contains("\ndir with space/image.tar: linux/amd64: warn no-"),
            "{all}"
        );
        assert!(
            all.contains("\nIMAGE                     PLATFORM "),
            "{all}"
        );
        assert!(
            all.ends_with("  error       -     -     -        -\n"),
            "{all}"
        );
        report.rows.truncate(1);
        let one = text(&report);
        let last = one.lines().last();
        let said =
            "dir with space/image.tar (linux/amd64): fail (1 fail, 1 warn, 1 info, 1 ignored)";
        assert_eq!(last, Some(said));
        assert!(!one.contains('\x1b'));
    }
}
