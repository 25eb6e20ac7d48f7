//! References: the image names that users type, in the syntax of containers-transports(5).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::store::{Store, StoredImage};

/// An image name as typed by the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The format of the image, if the reference says so.
    pub transport: Transport,
    /// The path of the file or directory; for an image in the store, the directory of the store. Empty
    /// for standard input and for an image in a registry.
    pub path: PathBuf,
    /// Selects one of several images.
    pub name: Option<String>,
    text: String,
}

/// Where an image is and how it is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A path. The format is detected.
    Sniffed,
    /// `docker-archive:PATH[:REF]`: an archive that `docker save` writes.
    DockerArchive,
    /// `oci-archive:PATH[:REF]`: an image layout in a tar archive.
    OciArchive,
    /// `oci:DIR[:REF]`: an image layout in a directory.
    Oci,
    /// `-`: an archive on standard input.
    Stdin,
    /// `docker://HOST/NAME[:TAG|@DIGEST]`: an image in a registry. It has to be pulled into the store
    /// first, and is opened from there.
    Docker,
    /// An image in the store, by its name there.
    Store,
}

/// An error in a reference.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// The reference is empty.
    #[error(
        "an image is needed: a path, docker-archive:PATH, oci-archive:PATH, oci:DIR, docker://NAME, \
         a name in the store, or -"
    )]
    Empty,
    /// `docker:` without slashes.
    #[error("{0}: write docker://NAME for an image of a registry")]
    Slashes(String),
    /// A transport that imgfs does not read.
    #[error(
        "{0} images are not read directly; copy it first: skopeo copy {1} oci-archive:image.tar"
    )]
    Transport(String, String),
}

/// Transports of containers-transports(5) that imgfs does not read.
const OTHERS: [&str; 5] = [
    "containers-storage",
    "docker-daemon",
    "ostree",
    "sif",
    "dir",
];

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (transport, rest) = match text.split_once(':') {
            Some(("docker-archive", rest)) => (Transport::DockerArchive, rest),
            Some(("oci-archive", rest)) => (Transport::OciArchive, rest),
            Some(("oci", rest)) => (Transport::Oci, rest),
            Some(("docker", rest)) => match rest.strip_prefix("//") {
                Some("") => return Err(ReferenceError::Empty),
                Some(name) => {
                    return Ok(Self {
                        transport: Transport::Docker,
                        path: PathBuf::new(),
                        name: Some(name.to_owned()),
                        text: text.to_owned(),
                    });
                }
                None => return Err(ReferenceError::Slashes(text.to_owned())),
            },
            Some((other, _)) if OTHERS.contains(&other) => {
                return Err(ReferenceError::Transport(other.to_owned(), text.to_owned()));
            }
            _ if text == "-" => (Transport::Stdin, ""),
            // A path without a transport may contain colons.
            _ => (Transport::Sniffed, text),
        };
        let (path, name) = match transport {
            Transport::Sniffed | Transport::Stdin => (rest, None),
            _ => match rest.split_once(':') {
                Some((path, name)) if !name.is_empty() => (path, Some(name.to_owned())),
                _ => (rest.strip_suffix(':').unwrap_or(rest), None),
            },
        };
        if path.is_empty() && transport != Transport::Stdin {
            return Err(ReferenceError::Empty);
        }
        Ok(Self {
            transport,
            path: PathBuf::from(path),
            name,
            text: text.to_owned(),
        })
    }
}

impl Reference {
    /// Creates a reference to the image at a path, whose format is detected.
    pub fn to_path(path: &Path) -> Self {
        Self {
            transport: Transport::Sniffed,
            path: path.to_owned(),
            name: None,
            text: path.display().to_string(),
        }
    }

    /// Creates a reference to an image in the store at `store`, by its name or digest. `text` is what
    /// the user typed.
    pub fn in_store(store: &Path, name: &str, text: &str) -> Self {
        Self {
            transport: Transport::Store,
            path: store.to_owned(),
            name: Some(name.to_owned()),
            text: text.to_owned(),
        }
    }

    /// Creates a reference to an image that was found in a store.
    pub fn to_stored(store: &Store, image: &StoredImage) -> Self {
        let name = image.shown();
        Self::in_store(store.path(), &name, &name)
    }

    /// Returns the reference as the user typed it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.transport {
            Transport::Stdin => f.write_str("standard input"),
            _ => f.write_str(&self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Transport, String, Option<String>) {
        let reference: Reference = text.parse().unwrap();
        let path = reference.path.display().to_string();
        (reference.transport, path, reference.name)
    }

    #[test]
    fn the_words_of_containers_transports() {
        let name = |s: &str| Some(s.to_owned());
        let path = |s: &str| s.to_owned();
        assert_eq!(
            parse("docker-archive:/a/b.tar:app:1.0"),
            (Transport::DockerArchive, path("/a/b.tar"), name("app:1.0"))
        );
        assert_eq!(
            parse("oci-archive:b.tar"),
            (Transport::OciArchive, path("b.tar"), None)
        );
        assert_eq!(
            parse("oci:dir:v1"),
            (Transport::Oci, path("dir"), name("v1"))
        );
        assert_eq!(
            parse("docker://quay.io/app:1"),
            (Transport::Docker, path(""), name("quay.io/app:1"))
        );
        assert_eq!(parse("-"), (Transport::Stdin, path(""), None));
        assert_eq!(
            parse("./app:1.tar"),
            (Transport::Sniffed, path("./app:1.tar"), None)
        );
    }

    #[test]
    fn what_is_not_read_says_what_to_do() {
        let error = "docker-daemon:app".parse::<Reference>().unwrap_err();
        let said = error.to_string();
        assert!(said.contains("skopeo copy docker-daemon:app"), "{said}");
        let error = "docker:alpine".parse::<Reference>().unwrap_err();
        assert!(error.to_string().contains("docker://NAME"));
        assert_eq!("docker://".parse::<Reference>(), Err(ReferenceError::Empty));
        assert_eq!("".parse::<Reference>(), Err(ReferenceError::Empty));
        assert_eq!("oci:".parse::<Reference>(), Err(ReferenceError::Empty));
    }
}
