//! Extended attributes: those of the image, byte for byte, and the facts under `user.imgfs.`.
//!
//! An image may itself have attributes with that prefix. They are shown under `user.imgfs.image.`, so
//! that an image cannot forge the facts of imgfs.

use super::ViewError;
use super::facts::Fact;
use crate::tree::Xattr;

const PREFIX: &[u8] = b"user.imgfs.";
const SHIPPED: &[u8] = b"user.imgfs.image.";

/// The namespaces that allow arbitrary names (xattr(7)).
const NAMESPACES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
/// The only attributes in the namespace `system.`: the access control lists of acl(5).
const ACLS: [&[u8]; 2] = [b"system.posix_acl_access", b"system.posix_acl_default"];

/// The name of the attribute for a key: `GO_VERSION` becomes `user.imgfs.go.version`.
pub(super) fn name_of(key: &str) -> Vec<u8> {
    let key = key.to_ascii_lowercase().replace('_', ".");
    [PREFIX, key.as_bytes()].concat()
}

/// Returns whether the attribute for a key has this name.
pub(super) fn is_name_of(name: &[u8], key: &str) -> bool {
    name.starts_with(PREFIX) && name == name_of(key)
}

/// The name under which an attribute of the image is shown.
fn shown(shipped: &[u8]) -> Vec<u8> {
    match shipped.strip_prefix(PREFIX) {
        Some(rest) => [SHIPPED, rest].concat(),
        None => shipped.to_vec(),
    }
}

/// Returns all names, each followed by a NUL, in the format of listxattr(2).
pub(super) fn list(shipped: &[Xattr<'_>], facts: &[Fact]) -> Vec<u8> {
    let mut names = Vec::new();
    let shipped = shipped.iter().map(|x| shown(x.name));
    for name in shipped.chain(facts.iter().map(|f| name_of(f.key))) {
        names.extend_from_slice(&name);
        names.push(0);
    }
    names
}

/// Returns the value of an attribute.
pub(super) fn get(name: &[u8], shipped: &[Xattr<'_>], facts: &[Fact]) -> Option<Vec<u8>> {
    if let Some(xattr) = shipped.iter().find(|x| shown(x.name) == name) {
        return Some(xattr.value.to_vec());
    }
    let fact = facts.iter().find(|fact| is_name_of(name, fact.key))?;
    Some(fact.value.escaped())
}

/// Returns the reason why a file has no attribute with that name. FUSE passes all names on, while for
/// other file systems the kernel checks the namespace (fs/xattr.c, `xattr_resolve_name`). The result is
/// the same as for ext4.
pub(super) fn absent(name: &[u8]) -> ViewError {
    let rest = NAMESPACES
        .iter()
        .find_map(|space| name.strip_prefix(*space));
    match rest {
        Some(b"") => ViewError::OnlyNamespace,
        Some(_) => ViewError::NoAttribute,
        None if ACLS.contains(&name) => ViewError::NoAttribute,
        None => ViewError::NoNamespace,
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::Value;
    use super::*;

    #[test]
    fn an_image_cannot_forge_a_fact() {
        let forged = Xattr {
            name: b"user.imgfs.goarch",
            value: b"arm64",
        };
        let fact = Fact {
            key: "GOARCH",
            value: Value::One(b"amd64".to_vec()),
        };
        let (shipped, facts) = ([forged], [fact]);
        let get = |name: &[u8]| get(name, &shipped, &facts);
        assert_eq!(get(b"user.imgfs.goarch").unwrap(), b"amd64");
        assert_eq!(get(b"user.imgfs.image.goarch").unwrap(), b"arm64");
        assert_eq!(
            list(&shipped, &facts),
            b"user.imgfs.image.goarch\0user.imgfs.goarch\0"
        );
    }

    #[test]
    fn namespaces_are_those_of_the_kernel() {
        assert!(matches!(absent(b"user.a"), ViewError::NoAttribute));
        assert!(matches!(absent(b"security."), ViewError::OnlyNamespace));
        for name in [
            &b"user"[..],
            b"",
            b"system.",
            b"system.posix_acl_accessx",
            b"imgfs.a",
        ] {
            assert!(matches!(absent(name), ViewError::NoNamespace), "{name:?}");
        }
        for name in ACLS {
            assert!(matches!(absent(name), ViewError::NoAttribute));
        }
    }
}
