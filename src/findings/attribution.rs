//! Attribution: which layer removed a missing file.
//!
//! A finding says what is missing. If an earlier layer contained it and a later layer removed it, the
//! finding also names the later layer and its line in the image's history.

use std::io;

use super::finding::Level;
use crate::launch::image::Image;
use crate::layer::printable;
use crate::tree::{RemovalKind, Removed};

/// The maximum number of characters of a history line that are shown. `RUN` lines contain whole
/// scripts.
const LINE: usize = 160;

/// Returns the end of a sentence about a missing path, such as `; layer 4 removed it: RUN apt-get purge
/// -y libssl3`. Returns an empty string if no layer removed the path, or if the finding is only
/// [`Level::Info`]: there are many such findings, and the first lookup in an image is slow.
///
/// # Errors
/// Returns an error if the layers cannot be read.
pub(crate) fn of_path(image: &Image<'_>, level: Level, path: &[u8]) -> io::Result<String> {
    if level == Level::Info {
        return Ok(String::new());
    }
    let removed = image.evidence.removed(path)?;
    Ok(removed.map_or_else(String::new, |removed| sentence(image, &removed, path)))
}

/// Like [`of_path`], but for a library known only by its file name, such as `libssl.so.3`. The last
/// removal of a file of that name counts, in any directory.
///
/// # Errors
/// Returns an error if the layers cannot be read.
pub(crate) fn of_library(image: &Image<'_>, level: Level, name: &[u8]) -> io::Result<String> {
    if level == Level::Info {
        return Ok(String::new());
    }
    let removed = image.evidence.removed_named(name)?;
    let last = removed.first();
    Ok(last.map_or_else(String::new, |removed| sentence(image, removed, name)))
}

/// Like [`of_path`], but for a program that is looked up in the config's PATH. The first directory from
/// which a layer removed a file of that name counts.
///
/// # Errors
/// Returns an error if the layers cannot be read.
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

/// Returns the sentence for one removal. `asked` is the subject of the preceding sentence.
pub(crate) fn sentence(image: &Image<'_>, removed: &Removed, asked: &[u8]) -> String {
    let what = match removed.path == asked {
        true => "it".to_owned(),
        false => printable(&removed.path),
    };
    let verb = match removed.how {
        RemovalKind::Replaced => "replaced",
        RemovalKind::Whiteout | RemovalKind::Opaque => "removed",
    };
    let number = removed.layer;
    let line = image.declared.created_by.get(number as usize);
    let line = line.and_then(|line| line.as_deref());
    match line.map(history) {
        Some(line) => format!("; layer {number} {verb} {what}: {line}"),
        None => format!("; layer {number} {verb} {what}"),
    }
}

/// Returns a history line with white space collapsed, truncated if it is long.
fn history(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let words = words.join(" ");
    let mut short: String = words.chars().take(LINE).collect();
    if short.len() < words.len() {
        short.push('…');
    }
    printable(short.as_bytes())
}
