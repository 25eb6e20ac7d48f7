//! Findings about the archive itself, and about files and attributes of the image that collide with
//! imgfs's own.

use super::draft::Drafts;
use super::finding::{Id, Level};
use crate::launch::image::Image;
use crate::layer::{LayerProblem, ProblemKind};
use crate::tree::NodeId;

/// The suffix that a sidecar's name adds to the name of its executable.
const SUFFIX: &[u8] = b".arch";

/// The tar type of GNU tar's volume label, for which no reader creates a file.
const VOLUME_LABEL: u8 = b'V';

/// The prefix of imgfs's own attributes.
const PREFIX: &[u8] = b"user.imgfs.";

/// Reports the problems of the layers, and shadowed sidecars and attributes.
pub(super) fn check(image: &Image<'_>, drafts: &mut Drafts) {
    for problem in &image.declared.problems {
        let Some((id, hint)) = of(problem) else {
            continue;
        };
        let mut path = problem.path.to_vec();
        if !path.is_empty() && !path.starts_with(b"/") {
            path.insert(0, b'/');
        }
        let layer = u32::try_from(problem.layer).ok();
        let detail = problem.kind.to_string();
        drafts.image(id, Level::Warn, &path, layer, (detail, hint.to_owned()));
    }
    for ambiguity in &image.declared.ambiguities {
        let hint =
            "two readers see two images: save or build it again, and do not trust its origin";
        let text = (ambiguity.clone(), hint.to_owned());
        drafts.image(Id::AmbiguousArchive, Level::Warn, b"", None, text);
    }
    shadows(image, drafts);
}

/// Returns the finding id of a problem, and the hint how to fix it. Problems without an id appear only
/// in the log.
fn of(problem: &LayerProblem) -> Option<(Id, &'static str)> {
    Some(match problem.kind {
        ProblemKind::Ambiguous(_) => (
            Id::AmbiguousArchive,
            "two readers see two images: make the layer again with a tool that writes plain PAX or GNU tar",
        ),
        ProblemKind::UnknownType(flag) if flag != VOLUME_LABEL => (
            Id::AmbiguousArchive,
            "GNU tar and libarchive make a regular file of it, container engines refuse the layer: leave it \
             out when the layer is made",
        ),
        ProblemKind::BadWhiteout => (
            Id::BadWhiteout,
            "a whiteout is .wh. and the name of the file that it removes: make the layer again",
        ),
        ProblemKind::DuplicateEntry => (
            Id::DuplicateEntry,
            "make the layer with a tool that writes each path once",
        ),
        ProblemKind::EscapingPath => (
            Id::EscapingPath,
            "no path of a layer may lead out of its root: do not trust its origin",
        ),
        ProblemKind::MediaType { .. } => (
            Id::MediaTypeMismatch,
            "push the image again with a tool that writes the media type of the compression that it uses",
        ),
        ProblemKind::TruncatedBinary => (
            Id::TruncatedBinary,
            "the file was cut short before it came into the layer: copy it again",
        ),
        _ => return None,
    })
}

fn shadows(image: &Image<'_>, drafts: &mut Drafts) {
    let tree = image.tree;
    for id in tree.dentries() {
        let Some(dentry) = tree.dentry(id) else {
            continue;
        };
        let described = dentry.name.strip_suffix(SUFFIX);
        let beside = described.and_then(|name| tree.lookup(dentry.parent, name));
        if beside.is_some_and(|(beside, _)| tree.executable(beside).is_some()) {
            let path = tree.path(id);
            let layer = tree.node(dentry.node).map(|node| node.layer);
            let text = (
                "the image ships a file with the name that the sidecar of the executable next to it \
                 would have: its content does not come from imgfs"
                    .to_owned(),
                "read the sidecar in /.imgfs/arch, or rename the file".to_owned(),
            );
            drafts.image(Id::ShadowedSidecar, Level::Warn, &path, layer, text);
        }
    }
    let shipped = |id: &NodeId| {
        let node = tree.node(*id);
        node.is_some_and(|node| {
            tree.xattrs(&node)
                .iter()
                .any(|x| x.name.starts_with(PREFIX))
        })
    };
    for id in tree.nodes().filter(shipped) {
        let text = (
            "the image ships attributes under user.imgfs.: they are shown under user.imgfs.image."
                .to_owned(),
            "leave user.imgfs. to imgfs: copy files from a mount without their xattrs".to_owned(),
        );
        drafts.node(Id::ShadowedXattr, Level::Warn, image, id, text);
    }
}
