//! The public API is the one that `docs/public-api.txt` lists. A change of the API is then visible in
//! every diff.
//!
//! `cargo test` does not run this test, because it builds the documentation, and because the JSON that
//! rustdoc writes depends on the version of Rust. `tests/run.sh` does.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// Set this variable to write the list instead of comparing it.
const UPDATE: &str = "UPDATE_PUBLIC_API";

#[test]
fn the_public_api_is_the_one_in_the_list() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = root.join("docs/public-api.txt");
    let actual = public_api(root);
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&list, actual).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&list).unwrap();
    let lines = |text: &'_ str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (old, new) = (lines(&expected), lines(&actual));
    let removed = old.difference(&new).map(|line| format!("- {line}\n"));
    let added = new.difference(&old).map(|line| format!("+ {line}\n"));
    let diff: String = removed.chain(added).collect();
    assert!(
        diff.is_empty(),
        "the public API has changed:\n{diff}\
         If that is intended, update the list, and say so in CHANGELOG.md:\n\
         {UPDATE}=1 cargo test --test public_api"
    );
}

/// Returns the public items of the library with all features, one per line.
fn public_api(root: &Path) -> String {
    let status = Command::new(env!("CARGO"))
        .current_dir(root)
        .env("RUSTDOC", root.join("tests/public_api/rustdoc.sh"))
        .args([
            "rustdoc",
            "--lib",
            "--locked",
            "--all-features",
            "--quiet",
            "--",
        ])
        .args([
            "-Z",
            "unstable-options",
            "--output-format",
            "json",
            "--cap-lints",
            "allow",
        ])
        .status()
        .unwrap();
    assert!(status.success(), "rustdoc failed: {status}");
    // The directory for temporary files of tests is in the target directory.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let api = public_api::Builder::from_rustdoc_json(target.join("doc/imgfs.json"))
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .unwrap_or_else(|error| panic!("the list is made with Rust 1.95: {error}"));
    api.items().map(|item| format!("{item}\n")).collect()
}
