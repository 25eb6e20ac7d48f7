//! The checks as lines of text. The fields are the verdict, the kind, the digest or path, the size, the
//! image, and the problem. In a pipe they are separated by tabs.

use std::io::{self, Write};

use crate::cli::colour::Colour;
use crate::image::Reference;
use crate::image::verify::{Check, Report, Status};
use crate::layer::printable;

/// Widths of the columns on a terminal. The last columns have no fixed width.
const WIDTHS: [usize; 4] = [4, 11, 71, 11];

/// Writes a line for each check. A check with several problems has one line for each problem.
pub(super) fn write<'a>(
    out: &mut impl Write,
    checks: impl Iterator<Item = &'a Check>,
    colour: Colour,
) -> io::Result<()> {
    for check in checks {
        let fields = [
            verdict(check.status()).to_owned(),
            what(check),
            printable(&check.name),
            check.size.map_or_else(|| "-".to_owned(), |n| n.to_string()),
            owner(check),
        ];
        for reason in reasons(check) {
            let mut line = String::new();
            for (n, field) in fields.iter().enumerate() {
                line.push_str(&field_text(n, field, check.status(), colour));
            }
            line.push_str(&reason);
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    Ok(())
}

/// Returns a field with the separator to the next field.
fn field_text(n: usize, field: &str, status: Status, colour: Colour) -> String {
    let painted = match (n, status) {
        (0, Status::Ok) => colour.good(field),
        (0, Status::Bad) => colour.bad(field),
        (0, _) => colour.warn(field),
        _ => field.to_owned(),
    };
    if !colour.is_on() {
        return format!("{painted}\t");
    }
    let width = WIDTHS.get(n).copied().unwrap_or_default();
    let padding = width.saturating_sub(field.chars().count());
    format!("{painted}{}  ", " ".repeat(padding))
}

fn verdict(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Bad => "BAD",
        Status::Unreferenced | Status::Absent => "note",
    }
}

fn what(check: &Check) -> String {
    let name = check.thing.name();
    match check.number {
        Some(number) => format!("{name} {number}"),
        None => name.to_owned(),
    }
}

/// Returns the name and the platform of the image that the check belongs to, or `-` if it has neither.
fn owner(check: &Check) -> String {
    let name = check.image.as_ref().map(|n| printable(n.as_bytes()));
    let platform = check.platform.as_ref();
    let platform = platform.map(|p| printable(p.to_string().as_bytes()));
    let parts: Vec<String> = name.into_iter().chain(platform).collect();
    match parts.is_empty() {
        true => "-".to_owned(),
        false => parts.join(" "),
    }
}

/// Returns the problems of a check, or its note if it has no problem.
fn reasons(check: &Check) -> Vec<String> {
    if check.problems.is_empty() {
        let note = check.note.as_ref().map(|note| note.text());
        return vec![printable(note.unwrap_or_default().as_bytes())];
    }
    let problems = check.problems.iter();
    problems
        .map(|p| printable(p.to_string().as_bytes()))
        .collect()
}

/// Returns the last line: the verdict and the counts.
pub(super) fn summary(image: &Reference, report: &Report) -> String {
    let bad = report.count(Status::Bad);
    let notes = report.count(Status::Unreferenced) + report.count(Status::Absent);
    let checked = report.count(Status::Ok) + bad;
    let image = printable(image.to_string().as_bytes());
    let verdict = match bad {
        0 => format!("ok ({checked} checked"),
        bad => format!("BAD ({bad} of {checked} wrong"),
    };
    match notes {
        0 => format!("{image}: {verdict})"),
        1 => format!("{image}: {verdict}, 1 note)"),
        notes => format!("{image}: {verdict}, {notes} notes)"),
    }
}
