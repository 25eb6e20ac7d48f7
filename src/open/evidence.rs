//! The [`Evidence`] implementation: gives the search for findings access to an image's facts and
//! bytes.

use std::io;
use std::sync::Arc;

use super::OpenImage;
use crate::findings::{self, Findings};
use crate::inspect::{self, Binary, Symbols};
use crate::launch::{self, Chain, ChainStart, Declared, Evidence};
use crate::tree::{NodeId, Removed};

/// Starts a thread that computes the findings of images, one image after the other, so that later
/// requests wait less.
#[cfg_attr(not(feature = "fuse"), allow(dead_code))]
pub(crate) fn begin_findings(images: Vec<Arc<OpenImage>>) {
    let find = move || {
        for image in images {
            // `findings` logs errors. Nothing is lost if the process exits before this ends.
            let _ = image.findings();
        }
    };
    let named = std::thread::Builder::new().name("findings".to_owned());
    if let Err(error) = named.spawn(find) {
        tracing::debug!("findings are computed only on request: {error}");
    }
}

impl OpenImage {
    /// Returns what the image declares about itself.
    pub fn declared(&self) -> Declared {
        let lines = self.layers.iter().map(|layer| layer.created_by.clone());
        Declared {
            platform: self.platform.clone(),
            index_platform: self.index_platform.clone(),
            start: self.config.start.clone(),
            created_by: lines.collect(),
            problems: self.problems.clone(),
            ambiguities: self.ambiguities.clone(),
        }
    }

    /// Resolves what would be executed from each origin, step by step. Executes nothing.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub fn explain(&self, origins: &[ChainStart]) -> io::Result<Vec<Chain>> {
        launch::explain(&self.tree, &self.declared(), self, origins)
    }

    /// Whether [`OpenImage::findings`] returns without computing anything.
    pub fn has_findings(&self) -> bool {
        self.findings.get().is_some()
    }

    /// Returns the findings: what will not run, and why. Computed on the first call and kept.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub fn findings(&self) -> io::Result<&Findings> {
        let found = self.findings.get_or_init(|| {
            let found = findings::find(&self.tree, &self.declared(), self);
            found.map_err(|error| {
                tracing::warn!(
                    "{}: cannot find out which programs will not run: {error}",
                    self.name
                );
                error.to_string()
            })
        });
        found
            .as_ref()
            .map_err(|text| io::Error::other(text.clone()))
    }
}

impl Evidence for OpenImage {
    fn binary(&self, node: NodeId) -> io::Result<Option<Binary>> {
        Self::binary(self, node)
    }

    fn read(&self, node: NodeId, limit: u64) -> io::Result<Vec<u8>> {
        let len = usize::try_from(limit).unwrap_or(usize::MAX);
        self.bytes(&self.tree, node, 0, len)
            .map(|bytes| bytes.to_vec())
    }

    fn symbols(&self, node: NodeId) -> io::Result<Option<Symbols>> {
        Ok(inspect::symbols(&self.source(node)))
    }

    fn contains(&self, node: NodeId, strings: &[&[u8]]) -> io::Result<Vec<bool>> {
        Ok(inspect::contains(&self.source(node), strings))
    }

    fn removed(&self, path: &[u8]) -> io::Result<Option<Removed>> {
        self.ask_removals(|removals| removals.removed(path))
    }

    fn removed_named(&self, name: &[u8]) -> io::Result<Vec<Removed>> {
        self.ask_removals(|removals| removals.removed_named(name))
    }
}

/// A file of an image, as a source for [`inspect`].
struct NodeSource<'a> {
    image: &'a OpenImage,
    node: NodeId,
    len: u64,
}

impl OpenImage {
    fn source(&self, node: NodeId) -> NodeSource<'_> {
        let len = self.tree.node(node).map_or(0, |node| node.size);
        NodeSource {
            image: self,
            node,
            len,
        }
    }
}

impl inspect::Source for NodeSource<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        let read = self.image.read(&self.image.tree, self.node, buf, offset)?;
        match read == buf.len() {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
