//! The C library of a Windows program, determined from its imports.

use crate::inspect::binary::Libc;

/// Determines the C library from the names of the DLLs that a Windows program imports.
pub(super) fn of_dlls(needed: &[Vec<u8>], go: bool) -> Libc {
    let needed: Vec<_> = needed
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let any = |prefixes: &[&[u8]]| {
        let mut names = needed.iter();
        names.any(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
    };
    if any(&[b"ucrtbase", b"api-ms-win-crt-", b"vcruntime"]) {
        Libc::Ucrt
    // `msvcrt.dll` is part of Windows, `msvcr70.dll` to `msvcr120.dll` came with compilers.
    } else if any(&[b"msvcrt", b"msvcr7", b"msvcr8", b"msvcr9", b"msvcr1"]) {
        Libc::Msvcrt
    } else if any(&[b"cygwin1.dll", b"msys-2.0.dll"]) {
        Libc::Unknown
    // A C library needs `kernel32.dll`; drivers use the kernel; Go uses no C library.
    } else if go || needed.is_empty() || any(&[b"ntoskrnl.exe", b"hal.dll"]) {
        Libc::None
    } else {
        // One may be linked statically.
        Libc::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_dlls() {
        let of = |names: &[&str], go| {
            let names: Vec<_> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
            of_dlls(&names, go)
        };
        assert_eq!(of(&["KERNEL32.dll", "VCRUNTIME140.dll"], false), Libc::Ucrt);
        assert_eq!(of(&["api-ms-win-crt-heap-l1-1-0.dll"], false), Libc::Ucrt);
        assert_eq!(of(&["KERNEL32.dll", "msvcrt.dll"], false), Libc::Msvcrt);
        assert_eq!(of(&["msvcrt.dll"], true), Libc::Msvcrt);
        assert_eq!(of(&["kernel32.dll"], true), Libc::None);
        assert_eq!(of(&["kernel32.dll"], false), Libc::Unknown);
        assert_eq!(of(&["ntoskrnl.exe"], false), Libc::None);
        assert_eq!(of(&[], false), Libc::None);
    }
}
