//! What each layer of an image did, together with the line of the config's history that made it.
//!
//! Here, every entry that is not a directory counts as a file.
//!
//! | count | meaning |
//! |---|---|
//! | size | the total length of the layer's files; hard links add nothing |
//! | added | files of the layer at paths where the lower layers had nothing or a directory |
//! | changed | files of the layer at paths where the lower layers had a file |
//! | hidden | files of lower layers that the layer removes or replaces ([`ImageFs::hidden`]) |
//! | wasted | the total length of the layer's files that the merged tree shows under no name: stored, but not visible |
//!
//! Added and changed files are determined by the paths as the layers write them (`names`). Symbolic
//! links in their parents are not followed: layers are made from file systems, in which such paths do
//! not occur.

mod names;

use std::collections::HashSet;
use std::io;

use crate::blob::Digest;
use crate::image::HistoryEntry;
use crate::open::OpenLayer;
use crate::view::{FileType, ImageFs, View, ViewError};
use names::{Before, Names};

/// Why the history cannot be determined.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HistoryError {
    /// The index of a layer cannot be read.
    #[error("{image}: layer {number}: its index cannot be read: {error}; run imgfs cache verify")]
    Layer {
        /// The image.
        image: String,
        /// The number of the layer, from 0.
        number: usize,
        /// The cause.
        #[source]
        error: io::Error,
    },
    /// The image cannot be read.
    #[error("{image}: {error}")]
    View {
        /// The image.
        image: String,
        /// The cause.
        #[source]
        error: ViewError,
    },
}

/// The counts of a layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// The total length of its files in bytes.
    pub size: u64,
    /// The number of its files that the lower layers did not have.
    pub added: u64,
    /// The number of its files that the lower layers already had.
    pub changed: u64,
    /// The number of files of lower layers that it hides.
    pub hidden: u64,
    /// The total length of its files that are not visible, in bytes.
    pub wasted: u64,
}

/// A layer.
#[derive(Clone, Debug)]
pub(crate) struct LayerRow {
    /// The number of the layer, from 0.
    pub number: usize,
    /// The digest that identifies it in the image.
    pub digest: Option<Digest>,
    /// The number of stored bytes.
    pub stored_size: u64,
    /// Its counts.
    pub counts: Counts,
    /// The line of the history that made it, if known.
    pub line: Option<HistoryEntry>,
}

/// A row of an image's history: a layer, or a line that made no layer.
#[derive(Clone, Debug)]
pub(crate) enum HistoryRow {
    /// A layer.
    Layer(LayerRow),
    /// A line that made no layer, such as `ENV`.
    Empty(HistoryEntry),
}

/// Whether the config's history matches the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HistoryMatch {
    /// The history has a line for each layer.
    Complete,
    /// The history is missing.
    Missing,
    /// The history has more or fewer lines than there are layers, so no line can be assigned.
    WrongLength {
        /// The number of lines that made a layer.
        lines: usize,
        /// The number of layers.
        layers: usize,
    },
}

/// An image's history.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// The layers, oldest first. If the history matches the layers, lines that made no layer are
    /// included.
    pub rows: Vec<HistoryRow>,
    /// Whether the layers have lines.
    pub lines: HistoryMatch,
}

/// Determines what each layer of an image did.
///
/// # Errors
/// Returns an error if an index is damaged.
pub(crate) fn history(view: &ImageFs) -> Result<History, HistoryError> {
    let image = view.image();
    let counts = count(view)?;
    let layers = image.layers.iter().zip(counts).enumerate();
    let mut layers = layers.map(|(number, (layer, counts))| LayerRow {
        number,
        digest: layer.digest.clone(),
        stored_size: layer.index.stored_size(),
        counts,
        line: None,
    });
    let lines = lines(&image.config.history, image.layers.len());
    let mut rows = Vec::new();
    if lines == HistoryMatch::Complete {
        for line in &image.config.history {
            if line.empty_layer {
                rows.push(HistoryRow::Empty(line.clone()));
            } else if let Some(layer) = layers.next() {
                let line = Some(line.clone());
                rows.push(HistoryRow::Layer(LayerRow { line, ..layer }));
            }
        }
    }
    rows.extend(layers.map(HistoryRow::Layer));
    Ok(History { rows, lines })
}

fn lines(history: &[HistoryEntry], layers: usize) -> HistoryMatch {
    let lines = history.iter().filter(|line| !line.empty_layer).count();
    match history {
        [] if layers > 0 => HistoryMatch::Missing,
        _ if lines != layers => HistoryMatch::WrongLength { lines, layers },
        _ => HistoryMatch::Complete,
    }
}

/// The counts of each layer, lowest first.
fn count(view: &ImageFs) -> Result<Vec<Counts>, HistoryError> {
    let image = view.image();
    let view_error = |error| HistoryError::View {
        image: image.name.clone(),
        error,
    };
    let shown = shown(view).map_err(view_error)?;
    let mut names = Names::default();
    let mut counts = Vec::with_capacity(image.layers.len());
    for (number, layer) in image.layers.iter().enumerate() {
        let counted = count_layer(number, layer, &shown, &mut names);
        counts.push(counted.map_err(|error| HistoryError::Layer {
            image: image.name.clone(),
            number,
            error,
        })?);
    }
    for name in view.hidden().map_err(view_error)? {
        let kind = view.getattr(name.ino).map_err(view_error)?.kind;
        if kind != FileType::Directory
            && let Some(by) = counts.get_mut(name.by as usize)
        {
            by.hidden += 1;
        }
    }
    Ok(counts)
}

/// The entries of layers that the merged tree shows, as layer number and entry number.
fn shown(view: &ImageFs) -> Result<HashSet<(u32, u32)>, ViewError> {
    let tree = &view.image().tree;
    let nodes = tree.nodes().filter_map(|id| tree.node(id));
    let shown = nodes.filter_map(|node| Some((node.layer, node.entry?)));
    let shown = shown.collect();
    // A damaged tree reads as if nodes were absent. This call returns the error in that case.
    view.getattr(1)?;
    Ok(shown)
}

fn count_layer(
    number: usize,
    layer: &OpenLayer,
    shown: &HashSet<(u32, u32)>,
    names: &mut Names,
) -> io::Result<Counts> {
    let mut counts = Counts::default();
    // Cannot fail: the manifest that lists the layers is at most some megabytes long.
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let mut names = names.layer(number);
    for (entry_number, entry) in (0_u32..).zip(layer.index.entries()) {
        let entry = entry?;
        let Some(was) = names.bring(&entry) else {
            continue;
        };
        match was {
            Before::Nothing => counts.added += 1,
            Before::File => counts.changed += 1,
            Before::Irrelevant => {}
        }
        counts.size = counts.size.saturating_add(entry.size);
        if !shown.contains(&(number, entry_number)) {
            counts.wasted = counts.wasted.saturating_add(entry.size);
        }
    }
    names.finish();
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_layers_or_say_nothing() {
        let line = |empty_layer| HistoryEntry {
            created_by: None,
            created: None,
            author: None,
            comment: None,
            empty_layer,
        };
        let made = [line(false), line(true), line(false)];
        assert_eq!(lines(&made, 2), HistoryMatch::Complete);
        let (found, layers) = (2, 3);
        let wrong = HistoryMatch::WrongLength {
            lines: found,
            layers,
        };
        assert_eq!(lines(&made, 3), wrong);
        assert_eq!(lines(&[], 3), HistoryMatch::Missing);
        assert_eq!(lines(&[], 0), HistoryMatch::Complete);
        assert_eq!(lines(&[line(true)], 0), HistoryMatch::Complete);
    }
}
