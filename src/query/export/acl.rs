//! POSIX access control lists as text. An image stores them as extended attributes in the kernel's
//! binary format, and GNU tar restores those unchanged. But `tar --acls` and bsdtar use star's text
//! records instead, and remove entries that the records do not contain.

/// The attributes that hold access control lists, and the PAX records for them.
const RECORDS: [(&[u8], &[u8]); 2] = [
    (b"system.posix_acl_access", b"SCHILY.acl.access"),
    (b"system.posix_acl_default", b"SCHILY.acl.default"),
];

/// Returns the record for an attribute and its value, or `None` if it is not an access control list.
pub(super) fn record(name: &[u8], value: &[u8]) -> Option<(&'static [u8], String)> {
    let (_, key) = RECORDS.iter().find(|(xattr, _)| *xattr == name)?;
    Some((key, text(value)?))
}

/// Returns the entries of a list in star's format, `user:NAME:PERMISSIONS:UID`. The name is the number,
/// because the attribute contains no names (Linux, posix_acl_xattr.h).
fn text(value: &[u8]) -> Option<String> {
    let (version, entries) = value.split_first_chunk()?;
    if u32::from_le_bytes(*version) != 2 || entries.is_empty() {
        return None;
    }
    let (entries, rest) = entries.as_chunks::<8>();
    if !rest.is_empty() {
        return None;
    }
    let mut texts = Vec::new();
    for &[t0, t1, p0, p1, i0, i1, i2, i3] in entries {
        let id = u32::from_le_bytes([i0, i1, i2, i3]);
        let (who, id) = match u16::from_le_bytes([t0, t1]) {
            0x01 => ("user", None),
            0x02 => ("user", Some(id)),
            0x04 => ("group", None),
            0x08 => ("group", Some(id)),
            0x10 => ("mask", None),
            0x20 => ("other", None),
            _ => return None,
        };
        let bits = u16::from_le_bytes([p0, p1]);
        if bits > 7 {
            return None;
        }
        let bit = |bit: u16, letter| if bits & bit == 0 { '-' } else { letter };
        let can: String = [bit(4, 'r'), bit(2, 'w'), bit(1, 'x')].iter().collect();
        texts.push(match id {
            Some(id) => format!("{who}:{id}:{can}:{id}"),
            None => format!("{who}::{can}"),
        });
    }
    Some(texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, can, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(can.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn lists_as_text() {
        let none = u32::MAX;
        let list = list(&[
            (1, 7, none),
            (2, 5, 1000),
            (4, 0, none),
            (16, 5, none),
            (32, 1, none),
        ]);
        let (key, text) = record(b"system.posix_acl_default", &list).unwrap();
        assert_eq!(key, b"SCHILY.acl.default");
        assert_eq!(
            text,
            "user::rwx,user:1000:r-x:1000,group::---,mask::r-x,other::--x"
        );
        assert_eq!(record(b"user.x", &list), None);
    }

    #[test]
    fn what_is_no_list_has_no_text() {
        for bad in [
            &b""[..],
            b"\x02\0\0\0",
            b"\x01\0\0\0\x01\0\x07\0\xff\xff\xff\xff",
            b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff",
            &list(&[(64, 7, 0)]),
            &list(&[(1, 8, 0)]),
        ] {
            assert_eq!(text(bad), None, "{}", bad.escape_ascii());
        }
    }
}
