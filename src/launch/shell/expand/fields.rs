//! Field splitting (POSIX 2.6.5).

use super::{Chunk, MAX_WORDS};

/// One field: a word that still distinguishes its quoted and unquoted parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// Text, and whether it was quoted.
    pub parts: Vec<(String, bool)>,
    /// Whether part of the text is unknown.
    pub unknown: bool,
    /// Whether it may be any number of words.
    pub many: bool,
}

impl Field {
    fn push(&mut self, text: &str, quoted: bool) {
        match self.parts.last_mut() {
            Some((last, same)) if *same == quoted => last.push_str(text),
            _ => self.parts.push((text.to_owned(), quoted)),
        }
    }
}

struct Splitter {
    done: Vec<Field>,
    current: Option<Field>,
    /// Whether the last field ended with white space, so that a following separator belongs to its end.
    after_blank: bool,
}

impl Splitter {
    fn field(&mut self) -> &mut Field {
        self.after_blank = false;
        self.current.get_or_insert_with(Field::default)
    }

    fn finish(&mut self) -> bool {
        match self.current.take() {
            Some(field) => {
                self.done.push(field);
                true
            }
            None => false,
        }
    }

    fn split(&mut self, text: &str, separators: &str) {
        for part in text.split_inclusive(|c| separators.contains(c)) {
            let last = part.chars().next_back().filter(|c| separators.contains(*c));
            let kept = match last {
                Some(separator) => part.strip_suffix(separator).unwrap_or(part),
                None => part,
            };
            if !kept.is_empty() {
                self.field().push(kept, false);
            }
            match last {
                Some(' ' | '\t' | '\n') => self.after_blank |= self.finish(),
                Some(_) if self.finish() => self.after_blank = false,
                Some(_) if self.after_blank => self.after_blank = false,
                Some(_) => self.done.push(Field::default()),
                None => {}
            }
            if self.done.len() > MAX_WORDS {
                return;
            }
        }
    }
}

/// Splits the result of expanding a word. `separators` is `IFS`; `None` if it is unknown.
pub(super) fn split(chunks: &[Chunk], separators: Option<&str>) -> Vec<Field> {
    let mut splitter = Splitter {
        done: Vec::new(),
        current: None,
        after_blank: false,
    };
    for chunk in chunks {
        match chunk {
            Chunk::Text {
                text,
                quoted: false,
                split: true,
            } => match separators {
                Some(separators) => splitter.split(text, separators),
                None => splitter.field().many = true,
            },
            Chunk::Text { text, quoted, .. } => {
                if *quoted || !text.is_empty() {
                    splitter.field().push(text, *quoted);
                }
            }
            Chunk::Unknown { quoted: true } => splitter.field().unknown = true,
            Chunk::Unknown { quoted: false } | Chunk::Many => splitter.field().many = true,
            Chunk::Break => {
                splitter.finish();
                splitter.after_blank = false;
            }
        }
    }
    splitter.finish();
    splitter.done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, separators: &str) -> Vec<String> {
        let chunk = Chunk::Text {
            text: text.to_owned(),
            quoted: false,
            split: true,
        };
        let fields = split(&[chunk], Some(separators));
        let joined = |field: Field| field.parts.into_iter().map(|(text, _)| text).collect();
        fields.into_iter().map(joined).collect()
    }

    // The expected words are the output of `IFS=...; set -- $x; printf '[%s]' "$@"` in dash, bash and
    // busybox.
    #[test]
    fn separators_end_fields_and_white_space_is_collapsed() {
        assert_eq!(words("  a b  c ", " \t\n"), ["a", "b", "c"]);
        assert_eq!(words(":a::b:", ":"), ["", "a", "", "b"]);
        assert_eq!(words("a : b :: c", " :"), ["a", "b", "", "c"]);
        assert_eq!(words("a b", ""), ["a b"]);
        assert_eq!(words("", " "), Vec::<String>::new());
    }
}
