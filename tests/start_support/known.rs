//! Cases that imgfs leaves open or foresees otherwise, and why that is accepted.

/// bash's entrypoints ask FUNCNAME whether they are sourced.
const SOURCED: &str =
    "whether bash sources the script (FUNCNAME) is not modelled, so all of _main is possible";

/// What nginx's entrypoint starts comes out of a pipe.
const PIPE: &str = "the scripts that it starts are read from the output of find";

/// Cases whose start cannot be told, and why.
const OPEN: &[(&str, &str)] = &[
    (
        "glibc-symbol-mode-3-lazy",
        "a function that is bound lazily is looked up at its first call",
    ),
    ("mysql-without-gosu", SOURCED),
    ("nginx", PIPE),
    ("nginx-with-a-snippet-that-fails", PIPE),
    ("nginx-with-a-snippet-without-interpreter", PIPE),
    ("nginx-with-a-snippet-without-x", PIPE),
    ("nginx-with-an-environment-snippet", PIPE),
    ("nginx-without-a-library", PIPE),
    ("nginx-without-find", PIPE),
    ("nginx-without-nginx", PIPE),
    ("postgres-for-another-machine", SOURCED),
    ("postgres-server-only-for-root", SOURCED),
    ("postgres-with-an-init-script-that-fails", SOURCED),
    ("postgres-with-an-init-script-without-interpreter", SOURCED),
    ("postgres-without-a-library", SOURCED),
    ("postgres-without-the-server", SOURCED),
];

/// Cases in which something differs, and why that is accepted.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "mysql-without-a-password",
        "the script itself refuses to go on, behind a condition that is not known (FUNCNAME)",
    ),
    (
        "wordpress-without-its-source",
        "cp is there and starts; that it fails by itself is not foreseen",
    ),
    ("xargs-in-a-script", "what xargs executes is not followed"),
];

fn reason(list: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    list.iter().find(|each| each.0 == name).map(|each| each.1)
}

/// Why the start of a case cannot be told.
pub fn open(name: &str) -> Option<&'static str> {
    reason(OPEN, name)
}

/// Why a difference is accepted.
pub fn explained(name: &str) -> Option<&'static str> {
    reason(EXPLAINED, name)
}
