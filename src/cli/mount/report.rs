//! Prints the warnings and problems of an image that is mounted.

use crate::open::OpenImage;

/// The maximum number of problems of an image that are printed. The others are only counted.
const SHOWN_PROBLEMS: usize = 10;

/// Prints the warnings and problems of an image to standard error, one per line.
pub(super) fn report(image: &OpenImage, name: &str) {
    for warning in &image.warnings {
        eprintln!("imgfs: warning: {name}: {warning}");
    }
    let more = image.problems.len().saturating_sub(SHOWN_PROBLEMS);
    for problem in image.problems.iter().take(SHOWN_PROBLEMS) {
        eprintln!("imgfs: warning: {name}: {problem}");
    }
    for problem in image.problems.iter().skip(SHOWN_PROBLEMS) {
        tracing::info!("{name}: {problem}");
    }
    if more > 0 {
        eprintln!("imgfs: warning: {name}: {more} more; -v shows them all");
    }
    let nodes = image.tree.nodes().count();
    let layers = image.layers.len();
    tracing::info!("{name}: {layers} layers, {nodes} inodes");
}
