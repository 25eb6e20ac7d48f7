//! Resolves a reference to an image on disk: a name that is not a path is looked up in the store.

use std::path::Path;

use super::{ImageError, Reference, Transport};
use crate::oci::parse_name;
use crate::store::{Store, StoreError};

/// The ends of file names that are plainly not names of images in a store.
const ARCHIVES: [&str; 5] = [".tar", ".tgz", ".gz", ".zst", ".tzst"];

/// Resolves a reference to an image on disk. A path stays as it is. A name, and an image of a registry
/// (`docker://`), are looked up in the store in the directory `store`; without one, they are not found.
/// Pulls nothing.
///
/// # Errors
/// If there is no such file and no such image in the store, or the store cannot be read.
pub(crate) fn locate(reference: &Reference, store: Option<&Path>) -> Result<Reference, ImageError> {
    match reference.transport {
        Transport::Sniffed => path_or_name(reference, store),
        Transport::Docker => pulled(reference, store),
        _ => Ok(reference.clone()),
    }
}

/// Looks up a text without a transport. A file of that name has precedence over the store.
fn path_or_name(reference: &Reference, store: Option<&Path>) -> Result<Reference, ImageError> {
    let path = &reference.path;
    let text = reference.text();
    // A directory may happen to have the name of an image.
    let is_image = match path.is_dir() {
        true => ["index.json", "manifest.json"]
            .iter()
            .any(|name| path.join(name).exists()),
        false => path.symlink_metadata().is_ok(),
    };
    let (Some(store), false) = (store, is_image || is_plainly_a_path(path, text)) else {
        return Ok(reference.clone());
    };
    let found = Store::existing(store)?.map(|store| (store.find(text), store));
    match found {
        Some((Ok(image), store)) => Ok(Reference::in_store(store.path(), &image.shown(), text)),
        Some((Err(StoreError::NoSuchName { .. }), _)) | None => match path.exists() {
            true => Ok(reference.clone()),
            false => Err(ImageError::NoSuchImage {
                text: text.to_owned(),
            }),
        },
        Some((Err(error), _)) => Err(error.into()),
    }
}

/// Looks up an image of a registry, by its full name.
fn pulled(reference: &Reference, store: Option<&Path>) -> Result<Reference, ImageError> {
    let text = reference.text();
    let name = reference.name.as_deref().unwrap_or_default();
    let parsed = parse_name(name).map_err(|error| ImageError::BadName {
        text: text.to_owned(),
        detail: error.to_string(),
    })?;
    let store = match store {
        Some(dir) => Store::existing(dir)?,
        None => None,
    };
    let missing = || ImageError::NotStored {
        name: name.to_owned(),
    };
    let store = store.ok_or_else(missing)?;
    match store.find(&parsed.whole()) {
        Ok(image) => Ok(Reference::in_store(store.path(), &image.shown(), text)),
        Err(StoreError::NoSuchName { .. }) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

/// Whether the text looks like a path and not like the name of an image.
fn is_plainly_a_path(path: &Path, text: &str) -> bool {
    path.is_absolute() || text.starts_with('.') || ARCHIVES.iter().any(|end| text.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_store_a_name_is_a_path_and_an_image_of_a_registry_is_missing() {
        let name: Reference = "no-such-image".parse().unwrap();
        assert_eq!(locate(&name, None).unwrap(), name);
        let name: Reference = "docker://alpine".parse().unwrap();
        let error = locate(&name, None).unwrap_err();
        assert!(matches!(error, ImageError::NotStored { .. }), "{error}");
        let name: Reference = "docker://Alpine".parse().unwrap();
        let error = locate(&name, None).unwrap_err();
        assert!(matches!(error, ImageError::BadName { .. }), "{error}");
    }

    #[test]
    fn what_looks_like_a_path_is_not_looked_up() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["/no/such", "./app", "app.tar"] {
            let name: Reference = text.parse().unwrap();
            assert_eq!(locate(&name, Some(dir.path())).unwrap(), name);
        }
        let name: Reference = "app:1".parse().unwrap();
        let error = locate(&name, Some(dir.path())).unwrap_err();
        assert!(matches!(error, ImageError::NoSuchImage { .. }), "{error}");
    }
}
