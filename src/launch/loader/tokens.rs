//! Dynamic string tokens (ld.so(8), "Dynamic string tokens"): `$ORIGIN`, `$LIB` and `$PLATFORM`, with or
//! without braces.

/// The values of the tokens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'a> {
    /// The directory of the object that contains the string, or of the program.
    pub origin: &'a [u8],
    /// `$LIB`; `None` if the loader does not support this token (musl).
    pub lib: Option<&'a [u8]>,
    /// `$PLATFORM`.
    pub platform: Option<&'a [u8]>,
}

/// The maximum length of a path that the kernel accepts (PATH_MAX).
const PATH_MAX: usize = 4096;

/// Expands the tokens in a string. Returns `None` if a token has no value, or if the result is too long
/// for a path. The loader drops such an element.
pub(super) fn expand(text: &[u8], tokens: Tokens<'_>) -> Option<Vec<u8>> {
    let mut expanded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'$', rest) {
        let (before, from) = rest.split_at_checked(at)?;
        expanded.extend_from_slice(before);
        let after = from.get(1..)?;
        let value = [
            (&b"ORIGIN"[..], Some(tokens.origin)),
            (b"LIB", tokens.lib),
            (b"PLATFORM", tokens.platform),
        ];
        let glibc = tokens.lib.is_some();
        let found = value
            .into_iter()
            .find_map(|(name, value)| Some((strip_token(after, name, glibc)?, value)));
        match found {
            Some((left, value)) => {
                expanded.extend_from_slice(value?);
                rest = left;
            }
            // Not a token: glibc keeps the `$`, musl rejects the string.
            None => {
                tokens.lib?;
                expanded.push(b'$');
                rest = after;
            }
        }
        if expanded.len() > PATH_MAX {
            return None;
        }
    }
    expanded.extend_from_slice(rest);
    (expanded.len() <= PATH_MAX).then_some(expanded)
}

/// Returns the text after a token if it begins with one. glibc does not treat `$ORIGINAL` as `$ORIGIN`.
fn strip_token<'a>(text: &'a [u8], name: &[u8], whole: bool) -> Option<&'a [u8]> {
    if let Some(braced) = text.strip_prefix(b"{") {
        return braced.strip_prefix(name)?.strip_prefix(b"}");
    }
    let rest = text.strip_prefix(name)?;
    // glibc, `is_dst`; musl, `fixup_rpath`.
    let next = rest.first();
    let ends = next.is_none_or(|&b| !b.is_ascii_alphanumeric() && b != b'_');
    (ends || !whole).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_with_and_without_braces() {
        let tokens = Tokens {
            origin: b"/opt/app/bin",
            lib: Some(b"lib64"),
            platform: None,
        };
        let of = |text: &str| {
            let expanded = expand(text.as_bytes(), tokens)?;
            Some(String::from_utf8(expanded).unwrap())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("$ORIGIN/../lib"), some("/opt/app/bin/../lib"));
        assert_eq!(of("/x/${ORIGIN}y/$LIB"), some("/x//opt/app/biny/lib64"));
        assert_eq!(of("$ORIGINAL/$"), some("$ORIGINAL/$"));
        assert_eq!(of("/lib/$PLATFORM"), None);
        assert_eq!(of(&"$ORIGIN/".repeat(1000)), None);
    }
}
