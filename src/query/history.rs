//! What each layer of an image did, beside the line of the config's history that made it.
//!
//! Files are all that is not a directory. What counts is this:
//!
//! | count | of a layer |
//! |---|---|
//! | size | the lengths of its files together; a hard link adds nothing |
//! | added | files that it brings where there was nothing, or a directory |
//! | changed | files that it brings where a lower layer had a file |
//! | hidden | files of lower layers that it takes away or puts something else in the place of ([`ImageFs::hidden`]) |
//! | wasted | the lengths of its files that the merged tree shows under no name: they are stored, and nobody sees them |
//!
//! Added and changed go by the paths as the layers write them (`names`), without following symbolic
//! links among their parents: layers are made of file systems, where such paths do not occur.

mod names;

use std::collections::HashSet;
use std::io;

use crate::blob::Digest;
use crate::image::HistoryEntry;
use crate::open::OpenLayer;
use crate::view::{FileType, ImageFs, ViewError};
use names::{Names, Was};

/// Why there is no history.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The index of a layer cannot be read.
    #[error("{image}: layer {number}: its index cannot be read: {error}; run imgfs cache verify")]
    Layer {
        /// The image.
        image: String,
        /// Number of the layer, from 0.
        number: usize,
        /// What went wrong.
        #[source]
        error: io::Error,
    },
    /// The image cannot be read.
    #[error("{image}: {error}")]
    View {
        /// The image.
        image: String,
        /// What went wrong.
        #[source]
        error: ViewError,
    },
}

/// What a layer did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes of its files.
    pub size: u64,
    /// Files that were not there below.
    pub added: u64,
    /// Files that were.
    pub changed: u64,
    /// Files of lower layers that it hides.
    pub hidden: u64,
    /// Bytes of its files that nobody sees.
    pub wasted: u64,
}

/// A layer.
#[derive(Clone, Debug)]
pub struct LayerRow {
    /// Its number, from 0.
    pub number: usize,
    /// What identifies it in the image.
    pub digest: Option<Digest>,
    /// Bytes as stored.
    pub stored_size: u64,
    /// What it did.
    pub counts: Counts,
    /// The line of the history that made it, if that is known.
    pub line: Option<HistoryEntry>,
}

/// A line of an image's history: a layer, or something that made none.
#[derive(Clone, Debug)]
pub enum Row {
    /// A layer.
    Layer(LayerRow),
    /// A line that made no layer, such as `ENV`.
    Empty(HistoryEntry),
}

/// How far the config's history tells what made the layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lines {
    /// There is a line for each layer.
    Complete,
    /// There is no history at all.
    Missing,
    /// There are more or fewer lines than layers, so none is certain.
    WrongLength {
        /// Lines that made a layer.
        lines: usize,
        /// Layers.
        layers: usize,
    },
}

/// An image's history.
#[derive(Clone, Debug)]
pub struct History {
    /// Layers and, if all lines have their place, those that made none, the oldest first.
    pub rows: Vec<Row>,
    /// Whether layers have lines.
    pub lines: Lines,
}

/// What each layer of an image did.
///
/// # Errors
/// If an index is damaged.
pub fn history(view: &ImageFs) -> Result<History, HistoryError> {
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
    if lines == Lines::Complete {
        for line in &image.config.history {
            if line.empty_layer {
                rows.push(Row::Empty(line.clone()));
            } else if let Some(layer) = layers.next() {
                let line = Some(line.clone());
                rows.push(Row::Layer(LayerRow { line, ..layer }));
            }
        }
    }
    rows.extend(layers.map(Row::Layer));
    Ok(History { rows, lines })
}

fn lines(history: &[HistoryEntry], layers: usize) -> Lines {
    let lines = history.iter().filter(|line| !line.empty_layer).count();
    match history {
        [] if layers > 0 => Lines::Missing,
        _ if lines != layers => Lines::WrongLength { lines, layers },
        _ => Lines::Complete,
    }
}

/// What each layer did, the lowest first.
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

/// The entries of layers that the merged tree shows: number of the layer and of the entry in it.
fn shown(view: &ImageFs) -> Result<HashSet<(u32, u32)>, ViewError> {
    let tree = &view.image().tree;
    let nodes = tree.nodes().filter_map(|id| tree.node(id));
    let shown = nodes.filter_map(|node| Some((node.layer, node.entry?)));
    let shown = shown.collect();
    // Where the tree is damaged it reads as if there were less; this says so.
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
    // A manifest of some megabytes lists fewer layers.
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let mut names = names.layer(number);
    for (entry_number, entry) in (0_u32..).zip(layer.index.entries()) {
        let entry = entry?;
        let Some(was) = names.bring(&entry) else {
            continue;
        };
        match was {
            Was::Nothing => counts.added += 1,
            Was::File => counts.changed += 1,
            Was::NoMatter => {}
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
        assert_eq!(lines(&made, 2), Lines::Complete);
        let (found, layers) = (2, 3);
        let wrong = Lines::WrongLength {
            lines: found,
            layers,
        };
        assert_eq!(lines(&made, 3), wrong);
        assert_eq!(lines(&[], 3), Lines::Missing);
        assert_eq!(lines(&[], 0), Lines::Complete);
        assert_eq!(lines(&[line(true)], 0), Lines::Complete);
    }
}
