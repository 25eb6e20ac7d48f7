//! Attribution: which layer removed what is missing.
//!
//! A finding says what is missing. If an earlier layer had brought it and a later layer removed it, the
//! finding also names that layer and the line of the image's history that made it.

use std::io;

use super::finding::Level;
use crate::launch::image::Image;
use crate::layer::printable;
use crate::tree::{How, Removed};

/// A history line is shown up to this many characters: `RUN` lines hold whole scripts.
const LINE: usize = 160;

/// The end of a sentence about a path that is missing, such as
/// `; layer 4 removed it: RUN apt-get purge -y libssl3`. Empty if no layer removed the path, or if the
/// finding is only an [`Level::Info`]: those are many, and the first question about an image costs time.
///
/// # Errors
/// If the layers cannot be read.
pub(crate) fn of_path(image: &Image<'_>, level: Level, path: &[u8]) -> io::Result<String> {
    if level == Level::Info {
        return Ok(String::new());
    }
    let removed = image.evidence.removed(path)?;
    Ok(removed.map_or_else(String::new, |removed| sentence(image, &removed, path)))
}

/// The same for a library of which only the file name is known, such as `libssl.so.3`: the last removal
/// of a file of that name counts, in whatever directory it was.
///
/// # Errors
/// If the layers cannot be read.
pub(crate) fn of_library(image: &Image<'_>, level: Level, name: &[u8]) -> io::Result<String> {
    if level == Level::Info {
        return Ok(String::new());
    }
    let removed = image.evidence.removed_named(name)?;
    let last = removed.first();
    Ok(last.map_or_else(String::new, |removed| sentence(image, removed, name)))
}

/// The same for a program that is looked up in the config's PATH: the first directory from which a layer
/// removed a file of that name counts.
///
/// # Errors
/// If the layers cannot be read.
pub(crate) fn of_program(image: &Image<'_>, level: Level, name: &str) -> io::Result<String> {
    if level == Level::Info {
        return Ok(String::new());
    }
    for dir in image.search_path() {
        let path = [dir.as_bytes(), b"/", name.as_bytes()].concat();
        if let Some(removed) = image.evidence.removed(&image.absolute(&path))? {
            return Ok(sentence(image, &removed, name.as_bytes()));
        }
    }
    Ok(String::new())
}

/// The sentence for one removal. `asked` is what the sentence before it is about.
pub(crate) fn sentence(image: &Image<'_>, removed: &Removed, asked: &[u8]) -> String {
    let what = match removed.path == asked {
        true => "it".to_owned(),
        false => printable(&removed.path),
    };
    let verb = match removed.how {
        How::Replaced => "replaced",
        How::Whiteout | How::Opaque => "removed",
    };
    let number = removed.layer;
    let line = image.declared.created_by.get(number as usize);
    let line = line.and_then(|line| line.as_deref());
    match line.map(history) {
        Some(line) => format!("; layer {number} {verb} {what}: {line}"),
        None => format!("; layer {number} {verb} {what}"),
    }
}

/// A history line on one line, and cut if it is long.
fn history(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let words = words.join(" ");
    let mut short: String = words.chars().take(LINE).collect();
    if short.len() < words.len() {
        short.push('…');
    }
    printable(short.as_bytes())
}
