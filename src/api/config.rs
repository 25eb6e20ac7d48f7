//! [`ImageConfig`]: what an image declares about itself.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::image::Config;
use crate::open::OpenImage;

/// What an image declares about itself (OCI image-spec, config.md).
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> imgfs::Result<()> {
/// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
/// let config = image.config();
/// assert_eq!(config.entrypoint(), ["/usr/bin/app"]);
/// assert_eq!(config.label("org.opencontainers.image.version"), Some("1.0"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ImageConfig {
    config: Config,
    labels: BTreeMap<String, String>,
}

/// The labels in a config document. Nothing else in this crate uses them, so an error in them is not
/// an error of the image.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    config: Container,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Container {
    labels: BTreeMap<String, String>,
}

impl ImageConfig {
    pub(super) fn of(image: &OpenImage) -> Self {
        let document: Document = crate::oci::parse(&image.documents.config).unwrap_or_default();
        Self {
            config: image.config.clone(),
            labels: document.config.labels,
        }
    }

    /// The program that a container starts, and its first arguments.
    pub fn entrypoint(&self) -> &[String] {
        &self.config.start.entrypoint
    }

    /// The remaining arguments, or the program if there is no entrypoint.
    pub fn cmd(&self) -> &[String] {
        &self.config.start.cmd
    }

    /// The environment, as `NAME=value`.
    pub fn env(&self) -> &[String] {
        &self.config.start.env
    }

    /// The user, as `USER[:GROUP]`, by name or number. `None` means root.
    pub fn user(&self) -> Option<&str> {
        self.config.start.user.as_deref()
    }

    /// The working directory. `None` means `/`.
    pub fn working_dir(&self) -> Option<&str> {
        self.config.start.working_dir.as_deref()
    }

    /// The time of creation, in RFC 3339 format.
    pub fn created(&self) -> Option<&str> {
        self.config.created.as_deref()
    }

    /// Returns the value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).map(String::as_str)
    }

    /// Returns the labels, names and values, sorted by name.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let labels = self.labels.iter();
        labels.map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
