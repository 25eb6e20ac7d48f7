//! Converts the documents of a layout to checks. Each thing comes before the things that it refers to.

use std::collections::HashSet;
use std::rc::Rc;

use super::layout::{ConfigRead, Layout, LinkEntry, LinkRole, Manifest, ReadDocument};
use super::link::Link;
use super::plan::{Expected, Plan, PlannedLayer};
use super::reader::Reader;
use super::report::{Check, CheckProblem, Note, ProblemId, Thing};
use crate::blob::Codec;
use crate::image::Platform;
use crate::oci::{LayerFormat, is_index};

/// The layout, and what else is known about the archive.
struct Context<'a> {
    layout: &'a Layout,
    /// Whether the archive also has a `manifest.json`, which describes the image.
    docker: bool,
}

/// Adds checks of the selected parts of a layout to the plan. `docker` means that there is also a
/// `manifest.json`.
pub(super) fn add_checks(layout: &Layout, reader: &mut Reader<'_>, plan: &mut Plan, docker: bool) {
    plan.push(layout.marker.clone());
    let context = Context { layout, docker };
    let mut pending: Vec<(usize, Option<Rc<str>>)> = Vec::new();
    if let Some(index) = layout.documents.first() {
        plan.push(context.root(index));
        pending.extend(index.entries.iter().rev().map(|&n| (n, None)));
    }
    // Attestations and images are checked differently, so a document that is referred to as both gets
    // checks as both.
    let mut told: HashSet<(usize, bool)> = HashSet::new();
    while let Some((number, name)) = pending.pop() {
        let Some(entry) = layout.entries.get(number).filter(|e| e.selected) else {
            continue;
        };
        let own = entry.link.names.first();
        let name = own.map(|name| name.as_str().into()).or(name);
        let document = entry.to.and_then(|to| layout.documents.get(to));
        context.entry(entry, document, name.as_deref(), reader, plan);
        let attests = entry.role == LinkRole::Attestation;
        if let Some(to) = entry.to
            && let Some(document) = document
            && told.insert((to, attests))
        {
            if let Some(manifest) = &document.manifest {
                context.parts(entry, manifest, name.as_deref(), reader, plan);
            }
            let next = document.entries.iter().rev();
            pending.extend(next.map(|&n| (n, name.clone())));
        }
    }
}

impl Context<'_> {
    fn root(&self, index: &ReadDocument) -> Check {
        let mut check = Check::new(Thing::Index, "index.json");
        describe(&mut check, index);
        if let Some(media_type) = index.media_type.as_ref().filter(|m| !is_index(m)) {
            let wanted = "application/vnd.oci.image.index.v1+json";
            let problem = CheckProblem::differs(ProblemId::MediaTypeMismatch, wanted, media_type);
            check.problems.push(problem);
        }
        check
    }

    /// Adds a check of the blob that an entry refers to.
    fn entry(
        &self,
        entry: &LinkEntry,
        document: Option<&ReadDocument>,
        name: Option<&str>,
        reader: &mut Reader<'_>,
        plan: &mut Plan,
    ) {
        let link = &entry.link;
        let thing = match entry.role {
            LinkRole::Index => Thing::Index,
            LinkRole::Manifest => Thing::Manifest,
            LinkRole::Attestation => Thing::Attestation,
            LinkRole::Opaque => Thing::Blob,
        };
        let mut check = of_link(thing, link);
        check.image = name.map(str::to_owned);
        let Some(document) = document else {
            let mut blob = opaque(check, link);
            let absent = "it describes a manifest that is not here".to_owned();
            blob.elsewhere = entry.optional.then_some(absent);
            plan.blob(reader, blob);
            return;
        };
        describe(&mut check, document);
        let is_missing = |p: &CheckProblem| p.id == ProblemId::MissingBlob;
        if entry.optional && check.problems.iter().any(is_missing) {
            check.problems.retain(|p| !is_missing(p));
            let why = match entry.role {
                LinkRole::Attestation => "it describes an image, and is not part of it",
                _ => "nothing else refers to it",
            };
            check.note = Some(Note::Absent(why.to_owned()));
        }
        check.compare(Some(link.size), link.digest.as_ref().ok());
        if let Some(media_type) = document
            .media_type
            .as_ref()
            .filter(|m| **m != link.media_type)
        {
            let id = ProblemId::MediaTypeMismatch;
            let problem = CheckProblem::differs(id, &link.media_type, media_type);
            let detail = "the media type in the reference to it, compared with its own";
            check.problems.push(problem.with(detail));
        }
        if entry.role == LinkRole::Manifest {
            check.platform = self.layout.platform(entry);
            let config = document.manifest.as_ref().and_then(config_platform);
            if let (Some(index), Some(config)) = (&link.platform, config)
                && !agree(index, config)
            {
                let problem = CheckProblem::differs(ProblemId::PlatformMismatch, config, index);
                let detail = "the platform in the config, compared with that in the index";
                check.problems.push(problem.with(detail));
            }
            if document
                .manifest
                .as_ref()
                .is_some_and(|m| self.is_hollow(m))
            {
                let remark = "it has no layers; manifest.json says what they are";
                check.note = Some(Note::Remark(remark.to_owned()));
            }
        }
        plan.push(check);
    }

    /// Returns whether a manifest has no layers because the image is described in `manifest.json`:
    /// Docker 25 and later write such manifests for images that they did not pull.
    fn is_hollow(&self, manifest: &Manifest) -> bool {
        self.docker && manifest.layers.is_empty() && manifest.image.is_some()
    }

    /// Adds checks of the blobs that a manifest refers to.
    fn parts(
        &self,
        entry: &LinkEntry,
        manifest: &Manifest,
        name: Option<&str>,
        reader: &mut Reader<'_>,
        plan: &mut Plan,
    ) {
        let platform = self.layout.platform(entry);
        let part = |thing, link| {
            let mut check = of_link(thing, link);
            check.image = name.map(str::to_owned);
            check.platform.clone_from(&platform);
            check
        };
        let image = manifest.image.as_deref();
        let Some(image) = image.filter(|_| entry.role == LinkRole::Manifest) else {
            for link in [&manifest.config].into_iter().chain(&manifest.layers) {
                let mut blob = opaque(of_link(Thing::Blob, link), link);
                blob.check.image = name.map(str::to_owned);
                plan.blob(reader, blob);
            }
            return;
        };
        let mut config = part(Thing::Config, &manifest.config);
        compare_config(&mut config, image, &manifest.config);
        let summary = image.summary.as_ref().ok();
        let layers = manifest.layers.iter().enumerate().map(|(number, link)| {
            let mut layer = opaque(part(Thing::Layer, link), link);
            layer.check.number = Some(number);
            layer.expected.diff_id = summary.and_then(|s| s.diff_ids.get(number).cloned());
            layer.expected.codec = Codec::of_media_type(&link.media_type);
            layer.opaque = LayerFormat::of(&link.media_type) != LayerFormat::Tar;
            if layer.opaque {
                let id = ProblemId::UnknownLayerFormat;
                let detail = format!(
                    "it is {}: its files cannot be shown, and its diff_id is not checked",
                    link.media_type
                );
                layer.check.problems.push(CheckProblem::because(id, detail));
            }
            layer
        });
        let layers = layers.collect();
        let summary = summary.filter(|_| !self.is_hollow(manifest));
        plan.image(reader, config, summary, layers);
    }
}

fn of_link(thing: Thing, link: &Link) -> Check {
    let mut check = Check::new(thing, link.name());
    check.problems = link.problems();
    check
}

/// Creates the check of a blob of which only the size and the digest are known.
fn opaque(check: Check, link: &Link) -> PlannedLayer {
    let elsewhere = link.elsewhere.as_ref();
    PlannedLayer {
        check,
        path: link.path(),
        expected: Expected {
            size: Some(link.size),
            digest: link.digest.as_ref().ok().cloned(),
            ..Expected::default()
        },
        opaque: true,
        elsewhere: elsewhere.map(|url| format!("it is a foreign layer, at {url}")),
    }
}

fn describe(check: &mut Check, read: &ReadDocument) {
    check.size = read.size;
    check.digest.clone_from(&read.digest);
    check.problems.extend(read.problems.iter().cloned());
}

fn compare_config(check: &mut Check, read: &ConfigRead, link: &Link) {
    check.size = read.size;
    check.digest.clone_from(&read.digest);
    check.compare(Some(link.size), link.digest.as_ref().ok());
    check.problems.extend(read.summary.as_ref().err().cloned());
}

fn config_platform(manifest: &Manifest) -> Option<&Platform> {
    let summary = manifest.image.as_ref()?.summary.as_ref();
    Some(&summary.ok()?.platform)
}

/// Returns whether two platforms may be equal. A missing variant is compatible with any variant.
fn agree(a: &Platform, b: &Platform) -> bool {
    let variants = a.variant.as_ref().zip(b.variant.as_ref());
    a.os == b.os && a.arch == b.arch && variants.is_none_or(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_that_is_left_out_contradicts_nothing() {
        let platform = |text: &str| text.parse::<Platform>().unwrap();
        let agrees = |a, b| agree(&platform(a), &platform(b));
        assert!(agrees("linux/arm64/v8", "linux/arm64"));
        assert!(agrees("linux/arm64", "linux/arm64/v8"));
        assert!(!agrees("linux/arm/v6", "linux/arm/v7"));
        assert!(!agrees("linux/arm64", "linux/amd64"));
        assert!(!agrees("linux/amd64", "windows/amd64"));
    }
}
