//! Aligned columns of text.

use std::io::{self, Write};

/// The gap between two columns.
const GAP: &str = "  ";

/// Writes lines in aligned columns; the first line is the heading. The columns in `right` are aligned to
/// the right.
pub(crate) fn write<const N: usize>(
    out: &mut dyn Write,
    lines: &[[String; N]],
    right: &[usize],
) -> io::Result<()> {
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    for line in lines {
        let mut text = String::new();
        for (column, (cell, width)) in line.iter().zip(&widths).enumerate() {
            if column > 0 {
                text.push_str(GAP);
            }
            match right.contains(&column) {
                true => text.push_str(&format!("{cell:>width$}")),
                false => text.push_str(&format!("{cell:<width$}")),
            }
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}
