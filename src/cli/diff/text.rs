//! Differences as lines: a letter, the path, and the differences, separated by tabs.

use std::io::{self, Write};

use super::super::colour::Colour;
use crate::layer::printable;
use crate::query::diff::{
    Attribute, Change, ConfigChange, DiffSide, Difference, FactChange, Setting,
};
use crate::query::time::rfc3339;
use crate::view::{FileType, Value};

/// Placeholder for an absent value.
const NOTHING: &str = "-";

pub(super) fn config(change: &ConfigChange, colour: Colour) -> String {
    let setting = |setting: &Setting| match setting {
        Setting::None => NOTHING.to_owned(),
        Setting::One(value) => printable(value.as_bytes()),
        Setting::List(words) => words_of(words.iter().map(String::as_bytes)),
    };
    let (old, new) = (setting(&change.old), setting(&change.new));
    let head = format!("c {}", printable(change.key.as_bytes()));
    format!("{}\t{old} -> {new}", colour.warn(&head))
}

/// Joins words by single spaces. Spaces inside a word are escaped.
fn words_of<'a>(words: impl Iterator<Item = &'a [u8]>) -> String {
    let words = words.map(|word| printable(word).replace(' ', "\\x20"));
    words.collect::<Vec<_>>().join(" ")
}

/// Writes all lines of a path: first the content, then the attributes, then the facts.
pub(super) fn difference(
    out: &mut impl Write,
    found: &Difference,
    colour: Colour,
) -> io::Result<()> {
    let path = printable(&found.path);
    let head = |letter: char| format!("{letter} {path}");
    let (old, new) = match (&found.old, &found.new) {
        (Some(old), Some(new)) => (old, new),
        (None, _) => return writeln!(out, "{}", colour.good(&head('+'))),
        (_, None) => return writeln!(out, "{}", colour.bad(&head('-'))),
    };
    if found.change == Change::Type {
        let (old, new) = (old.attr.kind.name(), new.attr.kind.name());
        return writeln!(out, "{}\t{old} -> {new}", colour.warn(&head('t')));
    }
    if found.change == Change::Content {
        write!(out, "{}\t{}", colour.warn(&head('~')), content(old, new))?;
        if found.only_build_id {
            write!(out, "\tonly-build-id")?;
        }
        writeln!(out)?;
    }
    if !found.attributes.is_empty() {
        let changes = found.attributes.iter().map(|a| attribute(a, old, new));
        let changes: Vec<String> = changes.collect();
        writeln!(out, "{}\t{}", head('a'), changes.join("\t"))?;
    }
    if !found.facts.is_empty() {
        let changes: Vec<String> = found.facts.iter().map(fact).collect();
        writeln!(out, "{}\t{}", head('f'), changes.join("\t"))?;
    }
    Ok(())
}

fn optional(value: Option<&[u8]>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), printable)
}

fn content(old: &DiffSide, new: &DiffSide) -> String {
    let (a, b) = (&old.attr, &new.attr);
    match a.kind {
        FileType::Symlink => {
            let target = |side: &DiffSide| optional(side.target.as_deref());
            format!("target {} -> {}", target(old), target(new))
        }
        FileType::CharDevice | FileType::BlockDevice => {
            let device = |(major, minor)| format!("{major},{minor}");
            format!("device {} -> {}", device(a.device), device(b.device))
        }
        _ if a.size == b.size => format!("size {}", a.size),
        _ => format!("size {} -> {}", a.size, b.size),
    }
}

fn attribute(attribute: &Attribute, old: &DiffSide, new: &DiffSide) -> String {
    let text =
        |name: &str, of: &dyn Fn(&DiffSide) -> String| format!("{name} {} -> {}", of(old), of(new));
    match attribute {
        Attribute::Mode => text("mode", &|side| format!("{:04o}", side.attr.mode)),
        Attribute::Uid => text("uid", &|side| side.attr.uid.to_string()),
        Attribute::Gid => text("gid", &|side| side.attr.gid.to_string()),
        Attribute::Mtime => text("mtime", &|side| rfc3339(side.attr.mtime)),
        Attribute::Nlink => text("nlink", &|side| side.attr.nlink.to_string()),
        Attribute::HardLink => text("hard-link", &|side| optional(side.hard_link.as_deref())),
        Attribute::Xattr(name) => {
            let head = format!("xattr {}", printable(name));
            text(&head, &|side| optional(side.xattr(name)))
        }
    }
}

fn fact(change: &FactChange) -> String {
    let value = |value: &Option<Value>| match value {
        None => NOTHING.to_owned(),
        Some(Value::One(value)) => printable(value),
        Some(Value::List(values)) => words_of(values.iter().map(Vec::as_slice)),
    };
    let (old, new) = (value(&change.old), value(&change.new));
    format!("{}: {old} -> {new}", change.key)
}
