//! The layout of names in columns, as in ls(1) on a terminal: sorted down each column.

/// The gap between two columns.
const GAP: usize = 2;

/// Lays out names with these widths in lines of at most `width`, in as many columns as fit. Returns the
/// indexes of the names in each line, and the width of each column with its gap.
pub(super) fn lay_out(widths: &[usize], width: usize) -> (Vec<Vec<usize>>, Vec<usize>) {
    let narrowest = widths.iter().min().copied().unwrap_or(0);
    let most = (width + GAP) / (narrowest + GAP);
    let mut columns = most.clamp(1, widths.len().max(1));
    loop {
        let rows = widths.len().div_ceil(columns).max(1);
        let wide: Vec<usize> = widths
            .chunks(rows)
            .map(|column| column.iter().max().copied().unwrap_or(0))
            .collect();
        let line = wide.iter().sum::<usize>() + GAP * wide.len().saturating_sub(1);
        if line <= width || columns == 1 {
            let rows =
                (0..rows.min(widths.len())).map(|row| (row..widths.len()).step_by(rows).collect());
            return (rows.collect(), wide.iter().map(|wide| wide + GAP).collect());
        }
        columns -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_columns_as_fit() {
        let lines = |widths: &[usize], width| lay_out(widths, width).0;
        assert_eq!(lines(&[1, 1, 1], 80), [[0, 1, 2]]);
        assert_eq!(lines(&[3, 3, 3, 3], 8), [[0, 2], [1, 3]]);
        assert_eq!(lines(&[3, 3, 3], 8), [vec![0, 2], vec![1]]);
        assert_eq!(lines(&[3, 3, 3], 7), [[0], [1], [2]]);
        assert_eq!(lines(&[100, 1], 80), [[0], [1]]);
        assert_eq!(lines(&[], 80), Vec::<Vec<usize>>::new());
        assert_eq!(lines(&[0; 5], 0).len(), 5);
        assert_eq!(lay_out(&[3, 5, 2, 1], 10).1, [7, 4]);
    }
}
