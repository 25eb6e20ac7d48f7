//! Expansion of words (POSIX 2.6): tilde, parameters, command substitution, arithmetic, then field
//! splitting and pathnames.

mod arith;
mod braces;
mod fields;
mod glob;
mod parameter;
mod pattern;
mod transform;

use brush_parser::word::{self, TildeExpr, WordPiece, WordPieceWithSource};

use super::parser_options;
use super::run::{Flow, Shell};
use super::world::Word;
use crate::launch::environment::Value;

pub(super) use pattern::Pattern;

/// The maximum length of the value of a variable or word, in bytes.
pub(super) const MAX_VALUE: usize = 1 << 20;

/// The maximum number of words that an expansion may produce.
pub(super) const MAX_WORDS: usize = 1 << 16;

/// The maximum length of a word that is parsed, in bytes. Here-documents may be longer.
const MAX_WORD_TEXT: usize = 64 << 10;

/// A part of a word after expansion, before it is split into fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    /// Text. `split` is true if it comes from an expansion without quotes.
    Text {
        text: String,
        quoted: bool,
        split: bool,
    },
    /// Unknown text. Without quotes it may become any number of words.
    Unknown { quoted: bool },
    /// The end of one of the words of `"$@"`.
    Break,
    /// An unknown number of words.
    Many,
}

impl Chunk {
    fn value(value: Value, quoted: bool) -> Self {
        match value {
            Value::Known(text) => Self::Text {
                text,
                quoted,
                split: !quoted,
            },
            Value::Unknown => Self::Unknown { quoted },
        }
    }

    fn literal(text: &str, quoted: bool) -> Self {
        Self::Text {
            text: text.to_owned(),
            quoted,
            split: false,
        }
    }
}

/// The result of an expansion, or the control flow if it ends the shell or the command.
pub(super) type Expanded<T> = Result<T, Flow>;

impl Shell<'_> {
    /// Expands a word of a command into any number of words.
    pub(super) fn expand_words(&mut self, text: &str) -> Expanded<Vec<Word>> {
        let mut words = Vec::new();
        let alternatives = if self.dialect.has_braces() {
            braces::expand(text)
        } else {
            Some(vec![text.to_owned()])
        };
        let Some(alternatives) = alternatives else {
            return Ok(vec![Word::UnknownMany]);
        };
        for alternative in alternatives {
            let chunks = self.chunks_of(&alternative, false)?;
            let fields = fields::split(&chunks, self.separators().as_deref());
            for field in fields {
                words.extend(self.glob(field));
                if words.len() > MAX_WORDS {
                    return Ok(vec![Word::UnknownMany]);
                }
            }
        }
        // Charge for long lists, so that a loop cannot copy them forever.
        if !self.spend(words.len()) {
            return Err(Flow::Exit(self.give_up()));
        }
        Ok(words)
    }

    /// Expands a word that is neither split nor matched against path names: the value of an assignment,
    /// the word of `case`, the target of a redirection.
    pub(super) fn expand_string(&mut self, text: &str) -> Expanded<Value> {
        let chunks = self.chunks_of(text, false)?;
        Ok(self.concatenated(&chunks))
    }

    /// Expands the value of an assignment, in which a tilde also counts after a colon.
    pub(super) fn expand_assigned(&mut self, text: &str) -> Expanded<Value> {
        let chunks = self.chunks_of(text, true)?;
        Ok(self.concatenated(&chunks))
    }

    /// Expands a pattern, in which quoted characters stand for themselves. Returns `None` if part of it
    /// is unknown.
    pub(super) fn expand_pattern(&mut self, text: &str) -> Expanded<Option<Pattern>> {
        let chunks = self.chunks_of(text, false)?;
        Ok(Pattern::from_chunks(&chunks))
    }

    /// Expands the text of a here-document or of an arithmetic expression.
    pub(super) fn expand_quoted(&mut self, text: &str) -> Expanded<Value> {
        let Ok(pieces) = word::parse_heredoc(text, &parser_options::options(self.dialect)) else {
            return Ok(Value::Unknown);
        };
        let mut chunks = Vec::new();
        self.chunks(&pieces, true, &mut chunks)?;
        Ok(self.concatenated(&chunks))
    }

    /// Returns the text of chunks that are not split. The words of `"$@"` are joined with spaces.
    fn concatenated(&self, chunks: &[Chunk]) -> Value {
        let mut joined = String::new();
        for chunk in chunks {
            match chunk {
                Chunk::Text { text, .. } => joined.push_str(text),
                Chunk::Break => joined.push(' '),
                Chunk::Unknown { .. } | Chunk::Many => return Value::Unknown,
            }
            if joined.len() > MAX_VALUE {
                return Value::Unknown;
            }
        }
        Value::Known(joined)
    }

    /// Returns `IFS`; `None` if it is unknown.
    fn separators(&self) -> Option<String> {
        match self.state.get("IFS") {
            None => Some(" \t\n".to_owned()),
            Some(Value::Known(ifs)) => Some(ifs),
            Some(Value::Unknown) => None,
        }
    }

    fn chunks_of(&mut self, text: &str, assigned: bool) -> Expanded<Vec<Chunk>> {
        let mut chunks = Vec::new();
        if !self.spend(1 + text.len() / 256) || text.len() > MAX_WORD_TEXT {
            chunks.push(Chunk::Unknown { quoted: false });
            return Ok(chunks);
        }
        if is_plain(text) {
            chunks.push(Chunk::literal(text, false));
            return Ok(chunks);
        }
        let mut options = parser_options::options(self.dialect);
        options.tilde_expansion_after_colon = assigned;
        let Ok(pieces) = word::parse(text, &options) else {
            chunks.push(Chunk::Unknown { quoted: false });
            return Ok(chunks);
        };
        self.chunks(&pieces, false, &mut chunks)?;
        Ok(chunks)
    }

    fn chunks(
        &mut self,
        pieces: &[WordPieceWithSource],
        quoted: bool,
        out: &mut Vec<Chunk>,
    ) -> Expanded<()> {
        let mut dollar = false;
        for piece in pieces {
            let after_dollar = std::mem::replace(&mut dollar, false);
            match &piece.piece {
                WordPiece::Text(text) => {
                    if after_dollar && text.starts_with('{') {
                        self.bad_substitution()?;
                        out.push(Chunk::Unknown { quoted });
                        return Ok(());
                    }
                    dollar = text.ends_with('$');
                    out.push(Chunk::literal(text, quoted));
                }
                WordPiece::SingleQuotedText(text) => out.push(Chunk::literal(text, true)),
                WordPiece::AnsiCQuotedText(text) => {
                    if self.dialect == super::Dialect::Dash {
                        out.push(Chunk::literal("$", false));
                        out.push(Chunk::literal(text, true));
                    } else {
                        let value = transform::ansi_c(text);
                        out.push(match value {
                            Some(text) => Chunk::literal(&text, true),
                            None => Chunk::Unknown { quoted: true },
                        });
                    }
                }
                WordPiece::DoubleQuotedSequence(inner) => {
                    self.double_quoted(inner, out)?;
                }
                WordPiece::GettextDoubleQuotedSequence(inner) => {
                    if !self.dialect.is_bash() {
                        out.push(Chunk::literal("$", false));
                    }
                    self.double_quoted(inner, out)?;
                }
                WordPiece::TildeExpansion(tilde) => {
                    let value = self.tilde(tilde);
                    out.push(match value {
                        Value::Known(text) => Chunk::literal(&text, true),
                        Value::Unknown => Chunk::Unknown { quoted: true },
                    });
                }
                WordPiece::ParameterExpansion(expression) => {
                    self.parameter(expression, quoted, out)?;
                }
                WordPiece::CommandSubstitution(text) => {
                    let value = self.substitute(text)?;
                    out.push(Chunk::value(value, quoted));
                }
                WordPiece::BackquotedCommandSubstitution(text) => {
                    let text = transform::backquoted(text, quoted);
                    let value = self.substitute(&text)?;
                    out.push(Chunk::value(value, quoted));
                }
                WordPiece::EscapeSequence(text) => {
                    out.push(Chunk::literal(
                        text.strip_prefix('\\').unwrap_or(text),
                        true,
                    ));
                }
                WordPiece::ArithmeticExpression(expression) => {
                    let value = self.arithmetic(&expression.value)?;
                    let value = value.map_or(Value::Unknown, |n| Value::Known(n.to_string()));
                    out.push(Chunk::value(value, quoted));
                }
            }
            if out.len() > MAX_WORDS {
                out.clear();
                out.push(Chunk::Many);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Expands a double-quoted part. It produces a word even if it is empty, unless it only contains
    /// `$@` and there are no arguments.
    fn double_quoted(
        &mut self,
        inner: &[WordPieceWithSource],
        out: &mut Vec<Chunk>,
    ) -> Expanded<()> {
        let before = out.len();
        self.chunks(inner, true, out)?;
        let list = inner.iter().any(|piece| parameter::is_list(&piece.piece));
        if out.len() == before && !list {
            out.push(Chunk::literal("", true));
        }
        Ok(())
    }

    fn tilde(&mut self, tilde: &TildeExpr) -> Value {
        match tilde {
            TildeExpr::Home => self.state.get("HOME").unwrap_or(Value::Unknown),
            TildeExpr::WorkingDir if self.dialect.is_bash() => match &self.state.cwd {
                Some(cwd) => Value::Known(cwd.clone()),
                None => Value::Unknown,
            },
            TildeExpr::UserHome(user) => self.home_of(user),
            _ => Value::Unknown,
        }
    }

    /// Returns the home directory of a user, from `/etc/passwd`.
    fn home_of(&self, user: &str) -> Value {
        let Some(passwd) = self.world.read("/etc/passwd") else {
            return Value::Unknown;
        };
        let mut lines = passwd.lines().map(|line| line.split(':'));
        let home = lines.find_map(|mut fields| {
            (fields.next() == Some(user)).then(|| fields.nth(4).map(str::to_owned))?
        });
        home.map_or_else(|| Value::Known(format!("~{user}")), Value::Known)
    }

    /// Handles a `${` that does not begin an expansion of the dialect. The shell ends.
    fn bad_substitution(&mut self) -> Expanded<()> {
        match self.dialect {
            super::Dialect::Dash => Err(self.fatal(Some(2))),
            _ => {
                self.doubt();
                Ok(())
            }
        }
    }
}

/// Returns true if a word is text without any expansion or quotes.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('~') && !text.contains(['\\', '\'', '"', '$', '`', ':'])
}
