//! The keys of all facts, in the order in which they are written. They are the columns of
//! `binaries.tsv` and the names that a query may use.

/// All keys.
pub const KEYS: [&str; 63] = [
    "IMGFS_ARCH",
    "PATH",
    "FORMAT",
    "TYPE",
    "GOOS",
    "GOARCH",
    "GOOS_SOURCE",
    "GOARCH_SOURCE",
    "GOAMD64",
    "GO386",
    "GOARM",
    "GOARM64",
    "GOMIPS",
    "GOMIPS64",
    "GOPPC64",
    "GORISCV64",
    "PLATFORM",
    "BITS",
    "ENDIAN",
    "LINKAGE",
    "STATIC",
    "LIBC",
    "LIBC_REQUIRED",
    "INTERPRETER",
    "INTERPRETER_STATUS",
    "NEEDED",
    "MISSING",
    "RPATH",
    "RUNPATH",
    "SONAME",
    "STRIPPED",
    "PIE",
    "RELRO",
    "NX",
    "CANARY",
    "FORTIFY",
    "BUILD_ID",
    "GO_VERSION",
    "GO_PATH",
    "GO_MODULE",
    "GO_MODULE_VERSION",
    "CGO_ENABLED",
    "GO_BUILDMODE",
    "GO_LDFLAGS",
    "GO_TAGS",
    "GO_TRIMPATH",
    "VCS_REVISION",
    "VCS_TIME",
    "VCS_MODIFIED",
    "BUILD_GOOS",
    "BUILD_GOARCH",
    "GOHOSTOS",
    "GOHOSTARCH",
    "EXECUTABLE",
    "SIZE",
    "MODE",
    "UID",
    "GID",
    "LAYER",
    "LAYER_DIGEST",
    "CREATED_BY",
    "VERDICT",
    "FINDINGS",
];

#[cfg(test)]
mod tests {
    use super::KEYS;
    use crate::inspect::VARIANTS;

    #[test]
    fn variants_are_among_them_in_their_order() {
        let known: Vec<_> = KEYS
            .into_iter()
            .filter(|key| VARIANTS.contains(key))
            .collect();
        assert_eq!(known, VARIANTS);
    }
}
