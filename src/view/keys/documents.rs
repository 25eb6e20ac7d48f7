//! The tables of keys in the documents. A test compares each with the declarations.
//! `IMGFS_RENEW=1 cargo test --lib view::keys` writes them again, and fails if they differed; a second run
//! passes.

use super::{GROUPS, Group, Key, Source, ValueOf};

const BEGIN: &str = "<!-- keys: made by `IMGFS_RENEW=1 cargo test --lib view::keys` -->\n";
const END: &str = "<!-- end of keys -->\n";

/// The groups, without the one that only the tests have.
fn groups() -> impl Iterator<Item = &'static Group> {
    GROUPS.iter().filter(|group| group.title != "Test")
}

/// The table in the README: a row for each group.
fn overview() -> String {
    let row = |group: &Group| {
        let names: Vec<_> = group.keys.iter().map(|key| key.name).collect();
        format!("| `{}` | {} |\n", names.join(" "), group.summary)
    };
    let rows: String = groups().map(row).collect();
    format!("| keys | meaning |\n|---|---|\n{rows}")
}

fn type_name(key: &Key) -> &'static str {
    match key.value {
        ValueOf::Text(_) => "text",
        ValueOf::Flag(_) => "`yes` or `no`",
        ValueOf::Number(_) => "number",
        ValueOf::List(_) => "list",
        ValueOf::TextOrList(_) => "text or list",
    }
}

/// The tables in `docs/keys.md`: one for each group, with a row for each key.
fn reference() -> String {
    let mut text = String::new();
    for group in groups() {
        let mut summary = group.summary.replace("](docs/", "](");
        if let Some(first) = summary.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        text += &format!("\n## {}\n\n{summary}.\n\n", group.title);
        text += "| key | value | meaning |\n|---|---|---|\n";
        for key in group.keys {
            let findings = match key.value.source() {
                Source::Findings => "; requires an examination of the whole image",
                _ => "",
            };
            let (name, value) = (key.name, type_name(key));
            text += &format!("| `{name}` | {value} | {}{findings} |\n", key.doc);
        }
    }
    text + "\n"
}

/// Compares a table with the one between the markers of a document, or writes it there.
fn check(document: &str, table: &str) {
    let path = format!("{}/{document}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the marker of the beginning");
    let (shown, after) = rest.split_once(END).expect("the marker of the end");
    if shown == table {
        return;
    }
    if std::env::var_os("IMGFS_RENEW").is_some_and(|value| value == "1") {
        std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        panic!("{document} was renewed");
    }
    panic!(
        "the table in {document} does not show the declared keys. \
         Run IMGFS_RENEW=1 cargo test --lib view::keys, and review the change.\n{table}"
    );
}

#[test]
fn the_readme_shows_the_declared_keys() {
    check("README.md", &overview());
}

#[test]
fn the_reference_shows_the_declared_keys() {
    check("docs/keys.md", &reference());
}

#[test]
fn rows_fit_in_a_table_and_names_are_distinct() {
    let mut names: Vec<_> = super::all().map(|key| key.name).collect();
    for key in super::all() {
        assert!(
            !key.doc.is_empty() && !key.doc.contains(['|', '\n']),
            "{}",
            key.name
        );
        let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        assert!(key.name.chars().all(allowed), "{}", key.name);
    }
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}
