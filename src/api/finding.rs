//! [`Finding`]: something that will not run in an image, and why.

use std::path::Path;

use super::path::path;
use crate::findings::{self, Level};

/// Something that will not run in an image, or something wrong with the image itself.
///
/// ```
/// # mod doc { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/doc_image.rs")); }
/// # let _dir = doc::enter();
/// # fn main() -> imgfs::Result<()> {
/// # let image = imgfs::open(&"app.tar".parse()?, &Default::default())?;
/// use imgfs::Level;
///
/// let findings = image.findings()?;
/// let bad = findings.iter().filter(|finding| finding.level() >= Level::Warn);
/// for finding in bad {
///     println!("{} (to fix it: {})", finding.detail(), finding.hint());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding(findings::Finding);

impl Finding {
    pub(super) fn of(finding: findings::Finding) -> Self {
        Self(finding)
    }

    /// The id, such as `missing-library`. Ids are stable; `docs/findings.md` explains each.
    pub fn id(&self) -> &'static str {
        self.0.id.name()
    }

    /// The severity.
    pub fn level(&self) -> Level {
        self.0.level
    }

    /// The path of the file. `None` if the finding is about the whole image.
    pub fn path(&self) -> Option<&Path> {
        match &*self.0.path {
            [] => None,
            bytes => Some(path(bytes)),
        }
    }

    /// The number of the layer that the file comes from, from 0 for the lowest.
    pub fn layer(&self) -> Option<usize> {
        self.0.layer.map(|layer| layer as usize)
    }

    /// The reason, in one line: what was found, and what was expected.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// How to fix it, in one line.
    pub fn hint(&self) -> &str {
        &self.0.hint
    }
}
