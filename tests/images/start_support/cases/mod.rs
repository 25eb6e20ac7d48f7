//! The images that were made by hand, by the kind of error in them.

use super::case::Case;

mod entrypoints;
mod formats;
mod launchers;
mod layers;
mod loaders;
mod lookup;
mod permissions;
mod shebangs;
mod shell;

/// A class of images.
type Class = (&'static str, fn() -> Vec<Case>);

/// The classes.
const CLASSES: &[Class] = &[
    ("permissions", permissions::cases),
    ("formats", formats::cases),
    ("shebangs", shebangs::cases),
    ("lookup", lookup::cases),
    ("loaders", loaders::loaders),
    ("libraries", loaders::libraries),
    ("symbols", loaders::symbols),
    ("layers", layers::cases),
    ("shell", shell::shell),
    ("launchers", launchers::cases),
    ("entrypoint scripts", entrypoints::cases),
    ("health checks", launchers::health),
];

/// Returns all images.
pub fn all() -> Vec<Case> {
    let named = CLASSES
        .iter()
        .flat_map(|&(class, cases)| cases().into_iter().map(move |case| Case { class, ..case }));
    named.collect()
}
