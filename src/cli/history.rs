//! `imgfs history`: prints one row per layer, in aligned columns on a terminal and separated by tabs in a
//! pipe.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use indicatif::HumanBytes;
use serde_json::{Value as Json, json};

use super::options::SourceOptions;
use super::pipe;
use super::shorten::shorten;
use crate::image::{HistoryEntry, Reference};
use crate::layer::printable;
use crate::query::history::{HistoryMatch, HistoryRow, LayerRow, history};
use crate::view::json;

#[derive(Debug, clap::Args)]
pub(crate) struct HistoryArgs {
    /// The image, in any form that imgfs mount accepts.
    pub image: Reference,

    /// Also print the history entries that did not create a layer.
    #[arg(long)]
    pub all: bool,

    /// Print one JSON object per line.
    #[arg(long)]
    pub json: bool,

    /// Do not shorten digests and commands on a terminal.
    #[arg(long)]
    pub no_trunc: bool,

    #[command(flatten)]
    pub source: SourceOptions,
}

/// Placeholder for an unknown value.
const NOTHING: &str = "-";
/// Number of hex digits of a shortened digest, as in docker's output.
const DIGITS: usize = 12;
/// Number of characters of a shortened command.
const SHOWN: usize = 60;

const HEAD: [&str; 9] = [
    "LAYER",
    "DIGEST",
    "STORED",
    "SIZE",
    "ADDED",
    "CHANGED",
    "HIDDEN",
    "WASTED",
    "CREATED BY",
];

pub(crate) fn run(args: &HistoryArgs) -> anyhow::Result<ExitCode> {
    let source = args.source.open(&args.image)?;
    let history = history(&source)?;
    // A history of the wrong length was reported when the image was opened.
    if history.lines == HistoryMatch::Missing {
        let image = &source.image().name;
        eprintln!(
            "imgfs: warning: {image}: the config has no history; the commands that created the layers are \
             unknown"
        );
    }
    let mut rows = history.rows;
    if !args.all {
        rows.retain(|row| matches!(row, HistoryRow::Layer(_)));
    }
    let is_terminal = io::stdout().is_terminal();
    pipe::to_stdout(|out| {
        if args.json {
            for row in &rows {
                writeln!(out, "{}", object(row))?;
            }
        } else if is_terminal {
            let cells = |row| columns(row, true, !args.no_trunc);
            table(out, &rows.iter().map(cells).collect::<Vec<_>>())?;
        } else {
            for row in &rows {
                writeln!(out, "{}", columns(row, false, false).join("\t"))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Returns the cells of a row. Sizes are in bytes, or in human-readable units if `units` is set.
fn columns(row: &HistoryRow, units: bool, short: bool) -> [String; 9] {
    let nothing = || NOTHING.to_owned();
    let size = |bytes: u64| match units {
        true => HumanBytes(bytes).to_string(),
        false => bytes.to_string(),
    };
    let command = |line: Option<&HistoryEntry>| match line.and_then(|l| l.created_by.as_ref()) {
        Some(command) if short => shortened(command),
        Some(command) => printable(command.as_bytes()),
        None => nothing(),
    };
    match row {
        HistoryRow::Layer(layer) => {
            let digest = layer.digest.as_ref().map(|digest| match short {
                true => digest.hex().chars().take(DIGITS).collect(),
                false => digest.to_string(),
            });
            let counts = &layer.counts;
            [
                layer.number.to_string(),
                digest.unwrap_or_else(nothing),
                size(layer.stored_size),
                size(counts.size),
                counts.added.to_string(),
                counts.changed.to_string(),
                counts.hidden.to_string(),
                size(counts.wasted),
                command(layer.line.as_ref()),
            ]
        }
        HistoryRow::Empty(line) => {
            let mut cells = HEAD.map(|_| nothing());
            if let Some(last) = cells.last_mut() {
                *last = command(Some(line));
            }
            cells
        }
    }
}

/// Returns the beginning of a command, with each run of white space replaced by one space.
fn shortened(command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    shorten(&printable(words.join(" ").as_bytes()), SHOWN)
}

/// Writes aligned columns: numbers to the right, text to the left. The command is last and not padded,
/// because it is long.
fn table(out: &mut impl Write, rows: &[[String; 9]]) -> io::Result<()> {
    let head = HEAD.map(str::to_owned);
    let all = || std::iter::once(&head).chain(rows);
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| {
            let cells = all().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    for row in all() {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            match column {
                0 | 2..=7 => line += &format!("{cell:>width$}  "),
                1 => line += &format!("{cell:<width$}  "),
                _ => line += cell,
            }
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn object(row: &HistoryRow) -> Json {
    let (mut object, line) = match row {
        HistoryRow::Layer(layer) => (layer_object(layer), layer.line.as_ref()),
        HistoryRow::Empty(line) => (json!({"layer": null}), Some(line)),
    };
    let known = |text: Option<&String>| text.map_or(Json::Null, |t| json::bytes(t.as_bytes()));
    if let Json::Object(object) = &mut object {
        for (key, value) in [
            ("created_by", line.and_then(|l| l.created_by.as_ref())),
            ("created", line.and_then(|l| l.created.as_ref())),
            ("author", line.and_then(|l| l.author.as_ref())),
            ("comment", line.and_then(|l| l.comment.as_ref())),
        ] {
            object.insert(key.to_owned(), known(value));
        }
    }
    object
}

fn layer_object(layer: &LayerRow) -> Json {
    let counts = &layer.counts;
    json!({
        "layer": layer.number,
        "digest": layer.digest.as_ref().map(ToString::to_string),
        "stored_size": layer.stored_size,
        "size": counts.size,
        "added": counts.added,
        "changed": counts.changed,
        "hidden": counts.hidden,
        "wasted": counts.wasted,
    })
}
