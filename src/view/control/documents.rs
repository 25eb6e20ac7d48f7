//! The files of `/.imgfs` whose text is available as a whole: the documents as shipped, the history
//! and the findings.

use std::borrow::Cow;

use super::super::{ImageFs, ViewError, facts};
use super::ControlFile;

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
            facts::findings_table(found, |layer| {
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
