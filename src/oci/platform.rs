//! Platforms: operating system, architecture and variant, with the names of the OCI image-spec
//! (image-index.md, "platform"), which are those of Go.

use std::fmt;
use std::str::FromStr;

/// A platform, for example `linux/arm64` or `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// The operating system (GOOS).
    pub os: String,
    /// The architecture (GOARCH).
    pub arch: String,
    /// The CPU variant: `v7`, `v8`.
    pub variant: Option<String>,
}

/// The error for a string that is not a platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a platform; write OS/ARCH[/VARIANT], for example linux/arm64 or linux/arm/v7"
)]
pub struct PlatformError(String);

impl Platform {
    /// Returns the platform of the host, in Go's names. The operating system is always `linux`, the one
    /// that imgfs runs on.
    pub fn host() -> Self {
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "loongarch64" => "loong64",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            "powerpc64" => "ppc64",
            "mips64" if cfg!(target_endian = "little") => "mips64le",
            "mips" if cfg!(target_endian = "little") => "mipsle",
            other => other,
        };
        Self {
            os: "linux".to_owned(),
            arch: arch.to_owned(),
            variant: None,
        }
    }

    /// Returns whether the platform has neither operating system nor architecture. Docker and Podman
    /// assume that such an image is for the host.
    pub fn is_unknown(&self) -> bool {
        self.os.is_empty() && self.arch.is_empty()
    }

    /// Returns how well an image for platform `offered` suits this one (higher is better), or `None` if
    /// it does not. A missing variant means the usual one: v7 for arm, v8 for arm64, v1 for amd64.
    pub fn accepts(&self, offered: &Self) -> Option<u8> {
        if self.os != offered.os || self.arch != offered.arch {
            return None;
        }
        let usual = |platform: &Self| match (&platform.variant, platform.arch.as_str()) {
            (Some(variant), _) => variant.clone(),
            (None, "arm") => "v7".to_owned(),
            (None, "arm64") => "v8".to_owned(),
            (None, "amd64") => "v1".to_owned(),
            (None, _) => String::new(),
        };
        let (wanted, offered_variant) = (usual(self), usual(offered));
        if wanted == offered_variant {
            return Some(u8::MAX);
        }
        // Within arm and amd64, a newer CPU runs programs for an older variant.
        let level = |v: &str| v.strip_prefix('v').and_then(|n| n.parse::<u8>().ok());
        match (level(&wanted), level(&offered_variant)) {
            (Some(wanted), Some(offered)) if offered < wanted && offered < u8::MAX => Some(offered),
            // If no variant was requested, any variant is better than none.
            _ if self.variant.is_none() => Some(0),
            _ => None,
        }
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let error = || PlatformError(text.to_owned());
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|p| p.is_empty()) {
            return Err(error());
        }
        let (os, arch, variant) = match *parts.as_slice() {
            [os, arch] => (os, arch, None),
            [os, arch, variant] => (os, arch, Some(variant.to_owned())),
            _ => return Err(error()),
        };
        // Like docker, accept the architecture names of uname and Rust too.
        let arch = match arch {
            "x86_64" | "x86-64" => "amd64",
            "aarch64" => "arm64",
            "armhf" | "armv7l" => "arm",
            "i386" | "i686" => "386",
            other => other,
        };
        Ok(Self {
            os: os.to_owned(),
            arch: arch.to_owned(),
            variant,
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_unknown() {
            return f.write_str("unknown");
        }
        let named = |name: &'_ str| match name {
            "" => "unknown".to_owned(),
            name => name.to_owned(),
        };
        write!(f, "{}/{}", named(&self.os), named(&self.arch))?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    #[test]
    fn an_exact_variant_is_better_than_an_older_one_and_a_newer_one_is_none() {
        let v7 = platform("linux/arm/v7");
        assert_eq!(v7.accepts(&v7), Some(u8::MAX));
        assert_eq!(v7.accepts(&platform("linux/arm")), Some(u8::MAX));
        assert_eq!(v7.accepts(&platform("linux/arm/v6")), Some(6));
        assert_eq!(platform("linux/arm/v6").accepts(&v7), None);
        assert_eq!(v7.accepts(&platform("linux/arm64")), None);
        let arm64 = platform("linux/arm64");
        assert_eq!(arm64.accepts(&platform("linux/arm64/v8")), Some(u8::MAX));
        assert_eq!(arm64.accepts(&platform("linux/arm64/v9")), Some(0));
    }

    #[test]
    fn spelling() {
        assert_eq!(platform("linux/arm/v7").to_string(), "linux/arm/v7");
        assert_eq!(platform("linux/x86_64").to_string(), "linux/amd64");
        for bad in ["linux", "linux/", "/amd64", "a/b/c/d", ""] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }
}
