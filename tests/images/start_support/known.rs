//! Cases that imgfs leaves open or predicts wrongly, and why that is accepted.

/// nginx's entrypoint reads the names of the programs that it starts from a pipe.
const PIPE: &str = "the scripts that it starts are read from the output of find";

/// A step that may be reached fails.
const MAY_FAIL: &str = "it depends on files that the running container writes";

/// Cases whose start cannot be predicted, and why.
const OPEN: &[(&str, &str)] = &[
    (
        "double-brackets-ash",
        "a construct of busybox that the parser reads in another way",
    ),
    (
        "elf-cut-in-the-middle",
        "whether it is killed depends on which of its bytes it touches: check warns",
    ),
    (
        "glibc-symbol-mode-3-lazy",
        "a function that is bound lazily is looked up at its first call",
    ),
    ("mysql-without-gosu", MAY_FAIL),
    ("mysql-without-the-server", MAY_FAIL),
    ("nginx", PIPE),
    ("nginx-with-a-snippet-that-fails", PIPE),
    ("nginx-with-a-snippet-without-interpreter", PIPE),
    ("nginx-with-a-snippet-without-x", PIPE),
    ("nginx-with-an-environment-snippet", PIPE),
    ("nginx-without-a-library", PIPE),
    ("nginx-without-find", PIPE),
    ("nginx-without-nginx", PIPE),
    ("postgres-for-another-machine", MAY_FAIL),
    ("postgres-server-only-for-root", MAY_FAIL),
    ("postgres-with-an-init-script-that-fails", MAY_FAIL),
    ("postgres-with-an-init-script-without-interpreter", MAY_FAIL),
    ("postgres-without-a-library", MAY_FAIL),
    ("postgres-without-the-server", MAY_FAIL),
];

/// Cases with a difference, and why it is accepted.
const EXPLAINED: &[(&str, &str)] = &[
    (
        "mysql-without-a-password",
        "the script itself refuses to go on, behind a condition that is not known",
    ),
    (
        "nginx-with-a-snippet-that-fails",
        "which snippets are run comes out of a pipe, and this one ends by itself",
    ),
    (
        "postgres-for-another-machine",
        "it fails where it should, but bash -e ends with 1 after a binary file that it cannot execute",
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

/// Returns why the start of a case cannot be predicted.
pub fn open(name: &str) -> Option<&'static str> {
    reason(OPEN, name)
}

/// Returns why a difference is accepted.
pub fn explained(name: &str) -> Option<&'static str> {
    reason(EXPLAINED, name)
}
