//! Names of images in a registry as users write them: `alpine`, `quay.io/app:1.2`,
//! `[::1]:5000/app@sha256:…`.
//!
//! The grammar is Docker's (github.com/distribution/reference, `regexp.go` and `normalize.go`),
//! which all tools have adopted. `oci_spec` has a parser too, but it uses a regular expression that
//! takes 35 ms to compile, and it does not support IPv6. Names that both parsers accept are parsed
//! alike.

use oci_spec::distribution::Reference;

use crate::blob::{Digest, DigestError};

/// The maximum length of a repository, in bytes (github.com/distribution/reference,
/// `RepositoryNameTotalLengthMax`).
const MAX_REPOSITORY: usize = 255;
/// The maximum length of a tag, in bytes (distribution-spec, "Pulling manifests").
const MAX_TAG: usize = 128;

/// The registry of names without a host.
const DOCKER_HUB: &str = "docker.io";

/// The reason why a text is not the name of an image in a registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    /// The text is empty.
    #[error("it is empty")]
    Empty,
    /// The part before the first slash is not a valid host.
    #[error("{0:?} is not a host")]
    Host(String),
    /// The repository has an upper-case letter.
    #[error("{0:?} has an upper-case letter, and a repository must not")]
    UpperCase(String),
    /// The repository is invalid.
    #[error(
        "{0:?} is not a repository: it must be parts of letters and digits, with . _ __ or - between \
         them"
    )]
    Repository(String),
    /// The repository is too long.
    #[error("its repository is longer than {MAX_REPOSITORY} bytes")]
    TooLong,
    /// The tag is invalid.
    #[error(
        "{0:?} is not a tag: it must be at most {MAX_TAG} letters, digits and _ . - (but not . or - \
         first)"
    )]
    Tag(String),
    /// The digest is invalid.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// Parses the name of an image: `[HOST/]REPOSITORY[:TAG][@DIGEST]`. Without a host, the registry is
/// Docker Hub, where images without a namespace are in `library`. Without a tag and a digest, the
/// tag is `latest`.
///
/// # Errors
/// If the text is not such a name.
pub(crate) fn parse_name(text: &str) -> Result<Reference, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let (tagged, digest) = match text.split_once('@') {
        Some((tagged, digest)) => (tagged, Some(digest.parse::<Digest>()?.to_string())),
        None => (text, None),
    };
    // A colon before the last slash belongs to a port.
    let (name, tag) = match tagged.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (tagged, None),
    };
    if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
        return Err(NameError::Tag(tag.to_owned()));
    }
    let (host, path) = match name.split_once('/') {
        Some((host, path)) if names_host(host) => (host, path),
        _ => (DOCKER_HUB, name),
    };
    // `oci_spec` also accepts a repository component, which may contain underscores, as a host.
    if !is_host(host) && !is_component(host) {
        return Err(NameError::Host(host.to_owned()));
    }
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(NameError::UpperCase(path.to_owned()));
    }
    if !path.split('/').all(is_component) {
        return Err(NameError::Repository(path.to_owned()));
    }
    let host = match host {
        "index.docker.io" => DOCKER_HUB,
        host => host,
    };
    let repository = match host == DOCKER_HUB && !path.contains('/') {
        true => format!("library/{path}"),
        false => path.to_owned(),
    };
    if repository.len() > MAX_REPOSITORY {
        return Err(NameError::TooLong);
    }
    let (host, tag) = (host.to_owned(), tag.map(str::to_owned));
    Ok(match (tag, digest) {
        (Some(tag), Some(digest)) => Reference::with_tag_and_digest(host, repository, tag, digest),
        (None, Some(digest)) => Reference::with_digest(host, repository, digest),
        (Some(tag), None) => Reference::with_tag(host, repository, tag),
        (None, None) => Reference::with_tag(host, repository, "latest".to_owned()),
    })
}

/// Whether the part before the first slash is a host (`splitDockerDomain`).
fn names_host(text: &str) -> bool {
    text.contains(['.', ':']) || text == "localhost" || text.bytes().any(|b| b.is_ascii_uppercase())
}

/// Whether the text is a `domain`: a host name or an IPv6 address in brackets, with an optional
/// port.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address are inside its brackets.
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (text, None),
    };
    let is_label = |label: &str| {
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = label.as_bytes();
        let inside = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
        edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inside)
    };
    let address = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let is_name = match address {
        Some(address) => {
            let inside = |b: u8| b.is_ascii_hexdigit() || b == b':';
            !address.is_empty() && address.bytes().all(inside)
        }
        None => name.split('.').all(is_label),
    };
    is_name && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether the text is a `path-component`: runs of letters and digits, separated by a dot, one or
/// two underscores, or dashes.
fn is_component(text: &str) -> bool {
    let is_word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut runs = text.as_bytes().chunk_by(|a, b| is_word(a) == is_word(b));
    let word = |run: Option<&[u8]>| run.is_some_and(|run| run.iter().all(is_word));
    if !word(runs.next()) {
        return false;
    }
    while let Some(separator) = runs.next() {
        let known =
            matches!(separator, b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-');
        if !known || !word(runs.next()) {
            return false;
        }
    }
    true
}

/// Whether the text is a `tag`.
fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.bytes().next().is_some_and(word)
        && text.len() <= MAX_TAG
        && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHA256: &str = "@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

    #[test]
    fn names_as_docker_reads_them() {
        for (name, whole) in [
            ("alpine", "docker.io/library/alpine:latest"),
            ("alpine:3", "docker.io/library/alpine:3"),
            ("docker.io/alpine", "docker.io/library/alpine:latest"),
            ("index.docker.io/a/b", "docker.io/a/b:latest"),
            ("a/b", "docker.io/a/b:latest"),
            ("a.b", "docker.io/library/a.b:latest"),
            (
                "quay.io/a--b/c__d/e.f:v1.2-x_Y",
                "quay.io/a--b/c__d/e.f:v1.2-x_Y",
            ),
            ("localhost/a", "localhost/a:latest"),
            ("localhost:5000", "docker.io/library/localhost:5000"),
            ("localhost:5000/a:1", "localhost:5000/a:1"),
            ("Host/app", "Host/app:latest"),
            ("127.0.0.1:5000/a", "127.0.0.1:5000/a:latest"),
            ("[::1]:5000/a", "[::1]:5000/a:latest"),
            ("[fe80::1]/a:1", "[fe80::1]/a:1"),
            ("my_host.lan/a:1", "my_host.lan/a:1"),
        ] {
            let parsed = parse_name(name).map(|name| name.whole());
            assert_eq!(parsed.as_deref(), Ok(whole), "{name}");
        }
        let both = parse_name(&format!("quay.io/a:1{SHA256}")).unwrap();
        assert_eq!((both.tag(), both.digest()), (Some("1"), Some(&SHA256[1..])));
        let digest = parse_name(&format!("a{SHA256}")).unwrap();
        assert_eq!((digest.tag(), digest.digest()), (None, Some(&SHA256[1..])));
        let long = "a".repeat(255);
        assert!(parse_name(&format!("x.io/{long}")).is_ok());
        assert!(parse_name(&format!("a:{}", "t".repeat(128))).is_ok());
    }

    #[test]
    fn what_is_no_name_is_told() {
        use NameError::*;
        let text = str::to_owned;
        for (name, error) in [
            ("", Empty),
            (":1", Repository(text(""))),
            ("quay.io/", Repository(text(""))),
            ("/a", Repository(text("/a"))),
            ("a//b", Repository(text("a//b"))),
            ("a.", Repository(text("a."))),
            ("a/-b", Repository(text("a/-b"))),
            ("a..b/c", Host(text("a..b"))),
            ("a___b", Repository(text("a___b"))),
            ("a b", Repository(text("a b"))),
            ("App", UpperCase(text("App"))),
            ("quay.io/App", UpperCase(text("App"))),
            ("a:", Tag(text(""))),
            ("a:-1", Tag(text("-1"))),
            ("a:ä", Tag(text("ä"))),
            ("-a.io/b", Host(text("-a.io"))),
            ("a.io:x/b", Host(text("a.io:x"))),
            ("a.io:/b", Host(text("a.io:"))),
            ("a_b:5/c", Host(text("a_b:5"))),
            ("[::1/b", Host(text("[::1"))),
            ("[]:1/b", Host(text("[]:1"))),
            ("[::g]:1/b", Host(text("[::g]:1"))),
            ("https://a.io/b", Host(text("https:"))),
        ] {
            assert_eq!(parse_name(name), Err(error), "{name}");
        }
        let tag = "t".repeat(129);
        assert_eq!(parse_name(&format!("a:{tag}")), Err(Tag(tag)));
        let long = "a".repeat(256);
        assert_eq!(parse_name(&format!("x.io/{long}")), Err(TooLong));
        for digest in ["sha256:00", "", "md5:d41d8cd98f00b204e9800998ecf8427e"] {
            let parsed = parse_name(&format!("a@{digest}"));
            assert!(matches!(parsed, Err(Digest(_))), "{digest}");
        }
        let upper = SHA256.replace("2c26b", "2C26B");
        assert!(matches!(parse_name(&format!("a{upper}")), Err(Digest(_))));
    }

    proptest! {
        /// Every name that both parsers accept means the same, and `oci_spec` accepts every name
        /// that is accepted here. There are two exceptions: `oci_spec` does not support IPv6
        /// addresses, and it takes a host that is recognizable only by an upper-case letter as the
        /// beginning of a repository, which no registry has.
        #[test]
        fn as_oci_spec_reads_them(
            name in prop_oneof![
                "[a-b0A_.:/@-]{0,12}",
                "(\\[[0-9a-f:]{0,4}\\]|[aA0][a_.-]{0,3}(\\.io|host)?)?(:[0-9]{0,3})?(/[a0A_.-]{1,4}){1,3}(:[a_.-]{0,3})?",
            ],
            digest in prop_oneof![9 => Just(""), 1 => Just(SHA256)],
        ) {
            let name = format!("{name}{digest}");
            let upper = |text: &str| text.bytes().any(|b| b.is_ascii_uppercase());
            match (parse_name(&name), name.parse::<Reference>()) {
                (Ok(ours), Ok(theirs)) if upper(theirs.repository()) => {
                    prop_assert_eq!(theirs.registry(), "docker.io");
                    prop_assert_eq!(ours.whole(), theirs.whole().replacen("docker.io/", "", 1));
                }
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
                (Ok(_), Err(_)) => prop_assert!(name.starts_with('['), "{}", name),
                (Err(e), Ok(theirs)) => prop_assert!(upper(theirs.repository()), "{} {}", name, e),
                (Err(_), Err(_)) => {}
            }
        }
    }
}
