//! `--host`: reports whether this host can run the platform of an image.

use std::path::Path;

use crate::findings::{Finding, Id, Level};
use crate::host::{Binfmt, LookError, Support};
use crate::image::Platform;

/// This host: its platform and its binfmt_misc handlers.
pub(super) struct HostSupport {
    platform: Platform,
    binfmt: Binfmt,
}

impl HostSupport {
    pub(super) fn look() -> Result<Self, LookError> {
        Ok(Self {
            platform: Platform::host(),
            binfmt: Binfmt::read(Path::new("/"))?,
        })
    }

    /// Returns the finding for an image of this platform, or `None` if the host runs it natively.
    pub(super) fn finding(&self, platform: &Platform) -> Option<Finding> {
        let here = &self.platform;
        let (detail, hint) = if platform.os != here.os {
            let detail = format!("this host is {here} and cannot run {platform}");
            (detail, format!("run it on a {} host", platform.os))
        } else {
            let cure = format!("imgfs doctor --platform {platform} shows how to fix that");
            match self.binfmt.support(&here.arch, &platform.arch) {
                Support::Native => return None,
                Support::Emulated(handler) => {
                    let interpreter = handler.interpreter.display();
                    let detail = format!("this host is {here}; {interpreter} runs {platform}");
                    (detail, "expect it to be several times slower".to_owned())
                }
                Support::Broken(handler, fault) => {
                    let (name, why) = (&handler.name, fault.describe());
                    let detail = format!(
                        "this host is {here}; its handler {name} does not work for {platform}: {why}"
                    );
                    (detail, cure)
                }
                Support::None => {
                    let detail = format!(
                        "this host is {here} and has no handler for {platform}: exec format error"
                    );
                    (detail, cure)
                }
            }
        };
        Some(Finding {
            id: Id::NeedsEmulation,
            level: Level::Info,
            path: Box::default(),
            node: None,
            layer: None,
            detail,
            hint,
        })
    }
}
