//! Lines in columns, for people.

use std::io::{self, Write};

/// Between two columns.
const GAP: &str = "  ";

/// Writes lines, the first of which is the heading; `right` are the columns of numbers.
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
