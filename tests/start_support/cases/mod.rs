//! The images that were made by hand, by what goes wrong in them.

use super::case::Case;

mod permissions;

/// All of them.
pub fn all() -> Vec<Case> {
    let classes: [(&'static str, fn() -> Vec<Case>); 1] = [("permissions", permissions::cases)];
    let named = classes.into_iter().flat_map(|(class, cases)| {
        cases().into_iter().map(move |case| Case { class, ..case })
    });
    named.collect()
}
