//! Everything follows from the declaration of a key.

use super::*;
use crate::inspect::Binary;
use crate::tree::Xattr;
use crate::view::control::table;
use crate::view::facts::{Subject, of_binary};
use crate::view::{json, sidecar, xattr};

fn example() -> Vec<Fact> {
    let subject = Subject {
        path: b"/bin/app",
        size: 1000,
        mode: 0o755,
        uid: 1,
        gid: 2,
    };
    let binary = Binary {
        needed: vec![b"libc.so.6".to_vec(), b"libm.so.6".to_vec()],
        nx: Some(true),
        ..Binary::default()
    };
    of_binary(subject, &binary)
}

/// `TEST_LIBRARIES` is declared in `test_key.rs`, and named nowhere else outside tests.
#[test]
fn a_declared_key_is_in_every_format() {
    let facts = example();

    let text = sidecar::text(&facts);
    let text = String::from_utf8(text).unwrap();
    assert!(
        text.contains("\nNX=yes\nTEST_LIBRARIES=2\nEXECUTABLE=yes\n"),
        "{text}"
    );

    let attribute = b"user.imgfs.test.libraries";
    let names = xattr::list(&[], &facts);
    assert!(names.split(|byte| *byte == 0).any(|name| name == attribute));
    assert_eq!(xattr::get(attribute, &[], &facts).unwrap(), b"2");
    let shipped = [Xattr {
        name: attribute,
        value: b"9",
    }];
    assert_eq!(xattr::get(attribute, &shipped, &facts).unwrap(), b"2");

    let object = json::object(&facts);
    assert!(
        object.contains(r#","NX":"yes","TEST_LIBRARIES":"2","EXECUTABLE":"yes","#),
        "{object}"
    );

    let (mut line, header) = (Vec::new(), table::header());
    table::line(&facts, &mut line);
    let column = |line: &[u8], number| {
        let mut columns = line.split(|byte| *byte == b'\t');
        columns.nth(number).map(<[u8]>::to_vec)
    };
    let number = KEYS
        .iter()
        .position(|name| *name == "TEST_LIBRARIES")
        .unwrap();
    assert_eq!(column(&header, number).unwrap(), b"TEST_LIBRARIES");
    assert_eq!(column(&line, number).unwrap(), b"2");
}

/// A key that does not apply is absent everywhere, and the value of a key has the declared type.
#[test]
fn facts_are_in_the_order_of_the_declarations_and_of_their_types() {
    let facts = example();
    let order: Vec<_> = all().map(|key| key.name).collect();
    let places: Vec<_> = facts
        .iter()
        .map(|fact| order.iter().position(|name| *name == fact.key).unwrap())
        .collect();
    assert!(places.is_sorted());
    for fact in &facts {
        let key = column(fact.key).unwrap();
        match (&key.value, &fact.value) {
            (ValueOf::List(_), Value::List(_)) => {}
            (ValueOf::List(_), Value::One(_)) | (_, Value::List(_)) => panic!("{}", fact.key),
            (_, Value::One(value)) => assert_eq!(key.mismatch(value), None, "{}", fact.key),
        }
    }
    assert!(
        facts
            .iter()
            .all(|fact| fact.key != "SONAME" && fact.key != "LAYER")
    );
}

#[test]
fn columns_are_the_keys_of_the_merged_tree() {
    let names: Vec<_> = columns().map(|key| key.name).collect();
    assert_eq!(names, KEYS);
    for name in ["HIDDEN_BY", "SHA256", "CONTENT_LAYER"] {
        assert!(column(name).is_none(), "{name}");
    }
}

#[test]
fn keys_on_request_are_no_columns() {
    let names: Vec<_> = on_request().map(|key| key.name).collect();
    let expected = [
        "SHA256",
        "CONTENT_LAYER",
        "CONTENT_LAYER_DIGEST",
        "CONTENT_CREATED_BY",
    ];
    assert_eq!(names, expected);
}
