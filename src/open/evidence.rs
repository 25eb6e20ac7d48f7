//! What the findings are asked of: an image's facts and bytes.

use std::io;

use super::OpenImage;
use crate::findings::{self, Declared, Evidence, Findings};
use crate::inspect::{Binary, Undefined};
use crate::tree::NodeId;

impl OpenImage {
    /// What the image claims of itself.
    pub fn declared(&self) -> Declared {
        let start = self.config.start.clone();
        let lines = self.layers.iter().map(|layer| layer.created_by.clone());
        Declared {
            platform: self.platform.clone(),
            index_platform: self.index_platform.clone(),
            entrypoint: start.entrypoint,
            cmd: start.cmd,
            env: start.env,
            user: start.user,
            working_dir: start.working_dir,
            created_by: lines.collect(),
            problems: self.problems.clone(),
        }
    }

    /// What will not run, and why. Found out when somebody asks first, and kept.
    ///
    /// # Errors
    /// If the image cannot be read.
    pub fn findings(&self) -> io::Result<&Findings> {
        let found = self.findings.get_or_init(|| {
            let found = findings::find(&self.tree, &self.declared(), self);
            found.map_err(|error| error.to_string())
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
        self.bytes(node, 0, len).map(|bytes| bytes.to_vec())
    }

    fn undefined(&self, _node: NodeId) -> io::Result<Vec<Undefined>> {
        Ok(Vec::new())
    }

    fn exports(&self, _node: NodeId, names: &[&[u8]]) -> io::Result<Vec<bool>> {
        Ok(vec![true; names.len()])
    }

    fn contains(&self, _node: NodeId, strings: &[&[u8]]) -> io::Result<Vec<bool>> {
        Ok(vec![false; strings.len()])
    }
}
