//! The schemas of the cache in `docs/index-format.md`. A test compares them with the stored types, so that a
//! change is seen in review. `IMGFS_RENEW=1 cargo test --lib schemas` writes them again, and fails if they
//! differed; a second run passes.

use crate::cache::Schema;
use crate::{image, layer, tree};

const BEGIN: &str = "<!-- schemas: made by `IMGFS_RENEW=1 cargo test --lib schemas` -->\n";
const END: &str = "<!-- end of schemas -->\n";

fn schemas() -> [(&'static str, &'static Schema); 4] {
    [
        ("layer", &layer::SCHEMA),
        ("tree", &tree::SCHEMA),
        ("archive", &image::ARCHIVE_SCHEMA),
        ("seen", &layer::VERIFIED_DIGESTS_SCHEMA),
    ]
}

#[test]
fn the_document_shows_the_stored_types() {
    let mut made = String::new();
    for (kind, schema) in schemas() {
        assert!(
            !schema.text().contains(" error: "),
            "{kind}: {}",
            schema.text()
        );
        let (version, text) = (schema.version(), schema.text());
        made += &format!("\n`{kind}`, version `{version:016x}`:\n\n```\n{text}```\n");
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/index-format.md");
    let document = std::fs::read_to_string(path).unwrap();
    let (before, rest) = document
        .split_once(BEGIN)
        .expect("the marker of the beginning");
    let (shown, after) = rest.split_once(END).expect("the marker of the end");
    if shown == made {
        return;
    }
    if std::env::var_os("IMGFS_RENEW").is_some_and(|value| value == "1") {
        std::fs::write(path, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        panic!("docs/index-format.md was renewed");
    }
    panic!(
        "docs/index-format.md does not show the stored types. \
         Run IMGFS_RENEW=1 cargo test --lib schemas, and review the change.\n{made}"
    );
}
