//! Sidecars: the virtual file `NAME.arch` next to an executable NAME, with its facts as `KEY=value`
//! lines. It is meant for grep, not for the shell's `source`.

use super::facts::Fact;

/// The suffix that is added to the name of the executable.
pub(crate) const SUFFIX: &[u8] = b".arch";

/// How sidecars appear next to their executables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sidecars {
    /// Listed, like any file.
    #[default]
    Listed,
    /// Not listed, but found by name.
    Hidden,
    /// Not available. `/.imgfs/arch` still has them.
    Off,
}

/// Returns the text of a sidecar.
pub fn text(facts: &[Fact]) -> Vec<u8> {
    let mut text = Vec::with_capacity(1024);
    for fact in facts {
        text.extend_from_slice(fact.key.as_bytes());
        text.push(b'=');
        text.extend_from_slice(&fact.value.escaped());
        text.push(b'\n');
    }
    text
}

/// Returns the length of [`text()`] in bytes, without building the text.
pub(crate) fn len(facts: &[Fact]) -> usize {
    let line = |fact: &Fact| fact.key.len() + "=".len() + fact.value.escaped_len() + "\n".len();
    facts.iter().map(line).sum()
}

/// Returns the name of an executable's sidecar, or `None` if it would be too long for a file name.
pub(crate) fn name(executable: &[u8]) -> Option<Vec<u8>> {
    let name = [executable, SUFFIX].concat();
    (name.len() <= 255).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::super::facts::{Subject, Value, of_binary};
    use super::*;
    use crate::inspect::{Binary, GoBuild, inspect};

    fn subject(path: &[u8]) -> Subject<'_> {
        Subject {
            path,
            size: 1 << 40,
            mode: 0o4755,
            uid: 0,
            gid: 65534,
        }
    }

    /// Every example file of a format, with its real facts.
    #[test]
    fn the_length_is_that_of_the_text_for_every_example() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/inspect");
        let mut count = 0;
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap_or_default();
            if let Some(binary) = inspect(&bytes) {
                let facts = of_binary(subject(b"/a\\b\n"), &binary);
                assert_eq!(len(&facts), text(&facts).len(), "{}", path.display());
                count += 1;
            }
        }
        assert!(count > 40, "{count}");
    }

    proptest! {
        #[test]
        fn the_length_is_that_of_the_text(
            path in vec(any::<u8>(), 0..40),
            needed in vec(vec(any::<u8>(), 0..10), 0..4),
            interpreter in proptest::option::of(vec(0u8..0x60, 0..20)),
            flags in ".{0,20}",
            bits in proptest::option::of(any::<u8>()),
            nx in proptest::option::of(any::<bool>()),
        ) {
            let binary = Binary {
                needed,
                interpreter,
                bits,
                nx,
                go: Some(GoBuild {
                    settings: vec![("-ldflags".to_owned(), flags)],
                    ..GoBuild::default()
                }),
                ..Binary::default()
            };
            let facts = of_binary(subject(&path), &binary);
            prop_assert_eq!(len(&facts), text(&facts).len());
        }

        #[test]
        fn the_length_of_any_list_is_that_of_its_text(
            values in vec(vec(any::<u8>(), 0..10), 0..5),
        ) {
            let value = Value::List(values);
            prop_assert_eq!(value.escaped_len(), value.escaped().len());
        }
    }
}
