//! docker-archive: checks everything that `manifest.json` leads to. Layers have no digest except that of
//! their uncompressed bytes, in the config. The config has a digest if its name is one.

use std::collections::HashMap;
use std::rc::Rc;

use super::layout::{ConfigRead, parse, summarise};
use super::plan::{Expected, Plan, PlannedLayer};
use super::reader::Reader;
use super::report::{Check, ProblemId, Thing};
use crate::blob::Digest;
use crate::image::archive::clean;
use crate::image::docker_archive::{Item, choose};
use crate::image::{ImageError, Platform, Reference};

/// The images of a docker-archive.
pub(super) struct Docker {
    manifest: Check,
    items: Vec<Item>,
    configs: Vec<Rc<ConfigRead>>,
    selected: Vec<bool>,
}

impl Docker {
    /// Reads all documents.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let mut manifest = Check::new(Thing::Manifest, "manifest.json");
        let document = reader.document("manifest.json", None, ProblemId::MissingFile);
        manifest.size = document.size;
        manifest.digest = document.digest;
        let items = document.bytes.and_then(|bytes| {
            let items: Vec<Item> = parse(&bytes)?;
            let layers = |item: &Item| item.layers.as_ref().map_or(0, Vec::len);
            reader.spend(items.iter().map(|item| layers(item) + 2).sum())?;
            Ok(items)
        });
        let items = items.unwrap_or_else(|problem| {
            manifest.problems.push(problem);
            Vec::new()
        });
        let mut known: HashMap<&str, Rc<ConfigRead>> = HashMap::new();
        let mut configs = Vec::with_capacity(items.len());
        for item in &items {
            let config = known.entry(&item.config);
            let config = config.or_insert_with(|| Rc::new(read_config(reader, &item.config)));
            configs.push(config.clone());
        }
        Self {
            manifest,
            selected: vec![true; items.len()],
            items,
            configs,
        }
    }

    /// Selects only the image that the name of a reference means.
    pub(super) fn choose_name(&mut self, reference: &Reference) -> Result<(), ImageError> {
        let chosen = choose(reference, &self.items)?;
        let is_chosen = |item: &Item| std::ptr::eq(item, chosen);
        self.selected = self.items.iter().map(is_chosen).collect();
        Ok(())
    }

    /// Selects only the images for a platform. An image whose config cannot be read stays selected.
    pub(super) fn choose_platform(
        &mut self,
        reference: &Reference,
        wanted: &Platform,
    ) -> Result<(), ImageError> {
        let mut platforms = Vec::new();
        for (selected, config) in self.selected.iter_mut().zip(&self.configs) {
            if let Ok(summary) = &config.summary
                && *selected
            {
                platforms.push(summary.platform.to_string());
                *selected = wanted.accepts(&summary.platform).is_some();
            }
        }
        if self.items.is_empty() || self.selected.contains(&true) {
            return Ok(());
        }
        platforms.dedup();
        Err(ImageError::NoSuchPlatform {
            image: reference.to_string(),
            wanted: wanted.clone(),
            platforms,
        })
    }

    /// Marks all files that the images refer to as used, so that they are not reported as unreferenced.
    pub(super) fn mark_used(&self, reader: &mut Reader<'_>) {
        reader.mark_used("repositories");
        for layer in self
            .items
            .iter()
            .filter_map(|i| i.layers.as_ref())
            .flatten()
        {
            reader.mark_used(layer);
        }
        reader.legacy = true;
    }

    /// Adds checks of everything that is selected to the plan.
    pub(super) fn add_checks(&self, reader: &mut Reader<'_>, plan: &mut Plan) {
        plan.push(self.manifest.clone());
        let images = self.items.iter().zip(&self.configs).zip(&self.selected);
        for ((item, config), _) in images.filter(|(_, selected)| **selected) {
            let name = item.repo_tags.iter().flatten().next().cloned();
            let summary = config.summary.as_ref().ok();
            let platform = summary.map(|s| s.platform.clone());
            let part = |thing, path: &str| {
                let mut check = Check::new(thing, path);
                check.image.clone_from(&name);
                check.platform.clone_from(&platform);
                check
            };
            let mut check = part(Thing::Config, &item.config);
            check.size = config.size;
            check.digest.clone_from(&config.digest);
            check.compare(None, named(&item.config).as_ref());
            check
                .problems
                .extend(config.summary.as_ref().err().cloned());
            let paths = item.layers.iter().flatten().enumerate();
            let layers = paths.map(|(number, path)| PlannedLayer {
                check: Check {
                    number: Some(number),
                    ..part(Thing::Layer, path)
                },
                // A normalized path, so that a file is read only once even if its path is written in
                // several ways.
                path: Some(clean(path).unwrap_or_else(|| path.clone())),
                expected: Expected {
                    digest: blob(path),
                    diff_id: summary.and_then(|s| s.diff_ids.get(number).cloned()),
                    ..Expected::default()
                },
                opaque: false,
                elsewhere: None,
            });
            let layers = layers.collect();
            plan.image(reader, check, summary, layers);
        }
    }
}

fn read_config(reader: &mut Reader<'_>, path: &str) -> ConfigRead {
    let named = named(path);
    let document = reader.document(path, named.as_ref(), ProblemId::MissingBlob);
    ConfigRead {
        size: document.size,
        digest: document.digest,
        summary: document.bytes.and_then(|bytes| summarise(reader, &bytes)),
    }
}

/// Returns the digest in a path of the form `blobs/ALGORITHM/HEX`.
fn blob(path: &str) -> Option<Digest> {
    let path = clean(path)?;
    let (algorithm, hex) = path.strip_prefix("blobs/")?.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}

/// Returns the digest in the name of a config: `blobs/sha256/HEX`, `HEX.json` (docker and podman), or
/// `sha256:HEX` (go-containerregistry).
fn named(path: &str) -> Option<Digest> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let hex = |name: &str| format!("sha256:{name}").parse().ok();
    blob(path)
        .or_else(|| name.parse().ok())
        .or_else(|| hex(name.strip_suffix(".json")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_digests() {
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for path in [
            format!("{hex}.json"),
            format!("./{hex}.json"),
            format!("blobs/sha256/{hex}"),
            format!("sha256:{hex}"),
        ] {
            let digest = named(&path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(digest.hex(), hex);
        }
        for path in ["config.json", "", "blobs/sha256/abc", &format!("{hex}.tar")] {
            assert_eq!(named(path), None, "{path}");
        }
    }
}
