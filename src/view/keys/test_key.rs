//! A key that only the tests have. It shows that a row is enough: `tests.rs` finds it in every format.

use super::Derive::FromBinary;
use super::ValueOf::Number;
use super::{Group, Key};

pub(super) const TEST: Group = Group {
    title: "Test",
    summary: "only in tests",
    keys: &[Key {
        name: "TEST_LIBRARIES",
        value: Number(FromBinary(|binary| {
            let count = binary.needed.len() as u64;
            (count > 0).then_some(count)
        })),
        doc: "number of the libraries in `NEEDED`",
    }],
};
