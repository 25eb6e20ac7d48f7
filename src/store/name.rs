//! Image names: as typed by users, and as stored in `index.json` in the annotation
//! `org.opencontainers.image.ref.name`.
//!
//! A pulled image is stored under its full name, `docker.io/library/app:1`, so that it can be
//! pulled again by that name. A name that a user gives is kept as it is, with `:latest` appended if
//! it has no tag. Names that docker treats as equal are equal here: `app`, `app:latest` and
//! `docker.io/library/app:latest`.

use super::StoreError;

/// The maximum length of a name in bytes. No registry has longer ones (distribution-spec, "Pulling
/// manifests": 255 with the host).
const MAX_LEN: usize = 512;

/// Strips the parts of a name that docker omits and podman writes, as in
/// `docker.io/library/app:latest`.
pub(crate) fn short(name: &str) -> &str {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    name.strip_suffix(":latest").unwrap_or(name)
}

/// Returns the name under which an image is stored: with a tag or a digest.
///
/// # Errors
/// If other programs could not read the name (OCI image-spec, annotations.md, the grammar of
/// `org.opencontainers.image.ref.name`).
pub(super) fn complete(name: &str) -> Result<String, StoreError> {
    let bad = |detail| StoreError::BadName {
        name: name.chars().take(MAX_LEN).collect(),
        detail,
    };
    if name.len() > MAX_LEN {
        return Err(bad("it is too long"));
    }
    if name.is_empty() {
        return Err(bad("it is empty"));
    }
    // component ::= alphanum (separator alphanum)*, separator ::= [-._:@+] | "--", joined by "/".
    // Repositories may have "__" as well (distribution-spec, "Pulling manifests").
    let alphanumeric = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    for component in name.split('/') {
        let bytes = component.as_bytes();
        if !alphanumeric(bytes.first()) || !alphanumeric(bytes.last()) {
            return Err(bad("each part must begin and end with a letter or a digit"));
        }
        let separator = |b: &u8| b"-._:@+".contains(b);
        if !bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || separator(b))
        {
            return Err(bad("it may contain only letters, digits and / - . _ : @ +"));
        }
        let twice = |pair: &[u8]| match pair {
            [a, b] => separator(a) && separator(b) && !(a == b && matches!(a, b'-' | b'_')),
            _ => false,
        };
        if bytes.windows(2).any(twice) {
            return Err(bad("two of - . _ : @ + are next to each other"));
        }
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    Ok(match last.contains([':', '@']) {
        true => name.to_owned(),
        false => format!("{name}:latest"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_docker_and_podman_write_them() {
        assert_eq!(short("docker.io/library/app:latest"), "app");
        assert_eq!(short("app"), "app");
        assert_eq!(short("quay.io/app:1"), "quay.io/app:1");
    }

    #[test]
    fn a_name_gets_a_tag_if_it_has_none() {
        let complete = |name| complete(name).unwrap();
        assert_eq!(complete("app"), "app:latest");
        assert_eq!(complete("app:1"), "app:1");
        assert_eq!(complete("localhost:5000/app"), "localhost:5000/app:latest");
        assert_eq!(complete("a/b@sha256:00"), "a/b@sha256:00");
        assert_eq!(complete("a--b__c/d_e"), "a--b__c/d_e:latest");
    }

    #[test]
    fn what_others_could_not_read_is_refused() {
        for bad in [
            "", "/app", "app/", "a//b", "-app", "app:", "a..b", "a:@b", "a._b", "a b", "a\nb",
            "näme", "..",
        ] {
            assert!(complete(bad).is_err(), "{bad:?}");
        }
        assert!(complete(&"a".repeat(513)).is_err());
    }
}
