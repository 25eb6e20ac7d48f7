//! Libraries that are loaded before those that a program needs: LD_PRELOAD, `--preload` and
//! `/etc/ld.so.preload` (ld.so(8); glibc, `handle_preload_list` and `dl_main` in `elf/rtld.c`; musl,
//! `load_preload` in `ldso/dynlink.c`).

/// Names of this length or longer are not preloaded into privileged processes (glibc,
/// `SECURE_NAME_LIMIT`).
const SECURE_NAME_LIMIT: usize = 255;

/// The file that glibc reads, and the maximum number of bytes that are read of it.
pub(super) const FILE: &[u8] = b"/etc/ld.so.preload";
pub(super) const FILE_LIMIT: u64 = 64 << 10;

/// Returns the names in a list as glibc splits it, at colons and spaces. In a privileged process, names
/// with slashes and names that are too long are left out.
pub(super) fn glibc(list: &[u8], secure: bool) -> impl Iterator<Item = &[u8]> {
    let names = list.split(|b| b": ".contains(b));
    names.filter(move |name| {
        let trusted = name.len() < SECURE_NAME_LIMIT && memchr::memchr(b'/', name).is_none();
        !name.is_empty() && (!secure || trusted)
    })
}

/// Returns the names in `/etc/ld.so.preload`. A `#` begins a comment.
pub(super) fn file(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|&b| b == b'\n');
    let lines = lines.filter_map(|line| line.split(|&b| b == b'#').next());
    let names = lines.flat_map(|line| line.split(|b| b" \t:".contains(b)));
    names.filter(|name| !name.is_empty())
}

/// Returns the names in a list as musl splits it, at colons and white space.
pub(super) fn musl(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let names = list.split(|b| b":".contains(b) || b.is_ascii_whitespace() || *b == 0x0b);
    names.filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_split_as_each_loader_does() {
        let text = |names: Vec<&[u8]>| -> Vec<String> {
            let text = names.into_iter().map(String::from_utf8_lossy);
            text.map(String::from).collect()
        };
        assert_eq!(
            text(glibc(b"a.so:/b.so c.so", false).collect()),
            ["a.so", "/b.so", "c.so"]
        );
        assert_eq!(
            text(glibc(b"a.so:/b.so c.so", true).collect()),
            ["a.so", "c.so"]
        );
        assert_eq!(
            text(musl(b"a.so:/b.so\tc.so").collect()),
            ["a.so", "/b.so", "c.so"]
        );
        let lines = b"# none\na.so  b.so # c.so\n\n:d.so";
        assert_eq!(text(file(lines).collect()), ["a.so", "b.so", "d.so"]);
    }
}
