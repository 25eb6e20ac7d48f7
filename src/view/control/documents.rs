//! The files of `/.imgfs` whose text is available as a whole: the documents as shipped, the history
//! and the findings.

use std::borrow::Cow;

use super::super::{ImageFs, ViewError, facts};
use super::ControlFile;
use crate::findings::Findings;

impl ImageFs {
    pub(super) fn document(&self, place: ControlFile) -> Result<Cow<'_, [u8]>, ViewError> {
        let documents = &self.image.documents;
        Ok(match place {
            ControlFile::Config => Cow::Borrowed(&documents.config),
            ControlFile::Manifest => Cow::Borrowed(&documents.manifest),
            ControlFile::Index => documents.index.as_deref().unwrap_or_default().into(),
            ControlFile::History => self.history_text().into(),
            ControlFile::Findings => self.findings_text()?.into(),
            _ => return Err(ViewError::NotFound),
        })
    }

    /// The text of `findings.tsv`.
    fn findings_text(&self) -> Result<&[u8], ViewError> {
        let found = self.found()?;
        Ok(self.findings_text.get_or_init(|| {
            findings_table(found, |layer| {
                let layer = self.image.layers.get(layer as usize)?;
                layer.created_by.clone()
            })
        }))
    }

    /// The history, one line per command: the number of the layer that the command made, or `-` if it
    /// made none; a tab; the command. If the history does not match the layers, it is unknown which
    /// command made which layer, and the first column is `?`.
    fn history_text(&self) -> Vec<u8> {
        let config = &self.image.config;
        let fits = !config.history_mismatch(self.image.layers.len());
        let mut text = Vec::new();
        let mut layer = 0;
        for line in &config.history {
            let number = match (line.empty_layer, fits) {
                (true, _) => "-".to_owned(),
                (false, false) => "?".to_owned(),
                (false, true) => {
                    layer += 1;
                    (layer - 1).to_string()
                }
            };
            text.extend_from_slice(number.as_bytes());
            text.push(b'\t');
            let command = line.created_by.as_deref().unwrap_or_default();
            facts::escape(command.as_bytes(), false, &mut text);
            text.push(b'\n');
        }
        text
    }
}

/// Returns the table of an image's findings: a header line, then a line for each finding. Columns are
/// separated by tabs and escaped like values.
fn findings_table(findings: &Findings, created_by: impl Fn(u32) -> Option<String>) -> Vec<u8> {
    let mut table = b"level\tid\tpath\tlayer\tcreated_by\tdetail\thint\n".to_vec();
    for finding in findings.list() {
        let layer = finding.layer.map(|layer| layer.to_string());
        let line = finding.layer.and_then(&created_by);
        let columns: [&[u8]; 7] = [
            finding.level.name().as_bytes(),
            finding.id.name().as_bytes(),
            &finding.path,
            layer.as_deref().unwrap_or_default().as_bytes(),
            line.as_deref().unwrap_or_default().as_bytes(),
            finding.detail.as_bytes(),
            finding.hint.as_bytes(),
        ];
        for (i, column) in columns.into_iter().enumerate() {
            if i > 0 {
                table.push(b'\t');
            }
            facts::escape(column, false, &mut table);
        }
        table.push(b'\n');
    }
    table
}
