//! Checks syntax after a failure of the parser: is the text invalid, or does the parser not support it?
//!
//! Only reserved words, separators and brackets are checked. A text is invalid if these do not match in
//! any shell.

use brush_parser::{Token, TokenizerError, uncached_tokenize_str};

use super::dialect::Dialect;
use super::parser_options::options;

/// Returns true if a piece of a script may be a complete command. It is not one if this returns false.
pub(super) fn may_be_complete(piece: &str) -> bool {
    let last = piece.trim_end_matches('\n');
    !last.ends_with('\\') && !last.ends_with("&&") && !last.ends_with("||")
}

/// Returns true if the shells of the dialect report a syntax error for the complete command that the
/// text starts with.
pub(super) fn is_wrong(text: &str, dialect: Dialect) -> bool {
    match uncached_tokenize_str(text, &options(dialect).tokenizer_options()) {
        Ok(tokens) => Structure::new(dialect).is_wrong(&tokens),
        Err(
            TokenizerError::UnterminatedSingleQuote(_) | TokenizerError::UnterminatedDoubleQuote(_),
        ) => has_open_quote(text),
        Err(_) => false,
    }
}

/// Returns true if a quote is open at the end. Returns false for texts with here-documents, command
/// substitutions or `${`, which have their own quoting.
fn has_open_quote(text: &str) -> bool {
    if ["<<", "$(", "${", "`", "$'"]
        .iter()
        .any(|other| text.contains(other))
    {
        return false;
    }
    let mut open = None;
    let mut before = ' ';
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, open) {
            ('\'', Some('\'')) | ('"', Some('"')) => open = None,
            ('\\', None | Some('"')) => {
                characters.next();
            }
            ('\'' | '"', None) => open = Some(c),
            // A comment ends with its line.
            ('#', None) if before.is_whitespace() || before == ';' => {
                characters.find(|c| *c == '\n');
            }
            _ => {}
        }
        before = c;
    }
    open.is_some()
}

/// An open construct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    If,
    Then,
    Else,
    /// `while`, `until`, or `for` before its `do`.
    Loop,
    Do,
    /// `case`, where a pattern comes next.
    Pattern,
    /// The commands after a pattern.
    Arm,
    Brace,
    Paren,
}

struct Structure {
    dialect: Dialect,
    open: Vec<Open>,
    /// Whether a command may start here.
    start: bool,
    /// Whether no command has followed the last opening word or separator that needs one.
    empty: bool,
    any: bool,
}

/// The result of checking a token.
enum Seen {
    Fine,
    Wrong,
    /// The first complete command ends, or there is syntax that is not checked.
    End,
}

impl Structure {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            open: Vec::new(),
            start: true,
            empty: true,
            any: false,
        }
    }

    fn is_wrong(&mut self, tokens: &[Token]) -> bool {
        let mut rest = tokens;
        while let Some((token, after)) = rest.split_first() {
            rest = after;
            let seen = match token {
                Token::Word(word, _) => self.word(word, &mut rest),
                Token::Operator(operator, _) => self.operator(operator, &mut rest),
            };
            match seen {
                Seen::Fine => {}
                Seen::Wrong => return true,
                Seen::End => return false,
            }
        }
        !self.open.is_empty()
    }

    fn opens(&mut self, open: Open) -> Seen {
        self.open.push(open);
        (self.start, self.empty, self.any) = (true, true, true);
        Seen::Fine
    }

    /// Handles a word that continues a construct: `then`, `do`, ...
    fn goes_on(&mut self, from: &[Open], to: Open) -> Seen {
        match self.open.last() {
            Some(last) if from.contains(last) && !self.empty => {
                self.open.pop();
                self.opens(to)
            }
            _ => Seen::Wrong,
        }
    }

    fn closes(&mut self, from: &[Open]) -> Seen {
        match self.open.last() {
            Some(last)
                if from.contains(last)
                    && (!self.empty || *last == Open::Pattern || *last == Open::Arm) =>
            {
                self.open.pop();
                (self.start, self.empty) = (false, false);
                Seen::Fine
            }
            _ => Seen::Wrong,
        }
    }

    fn word(&mut self, word: &str, rest: &mut &[Token]) -> Seen {
        if self.open.last() == Some(&Open::Pattern) {
            if word == "esac" && self.start {
                return self.closes(&[Open::Pattern]);
            }
            self.start = false;
            return Seen::Fine;
        }
        if !self.start {
            return Seen::Fine;
        }
        match word {
            "if" => self.opens(Open::If),
            "while" | "until" => self.opens(Open::Loop),
            "for" => {
                // `for NAME in WORDS` up to the separator before `do`.
                let seen = self.opens(Open::Loop);
                (self.start, self.empty) = (false, false);
                seen
            }
            "case" => match rest {
                [Token::Word(..), Token::Word(word, _), after @ ..] if word == "in" => {
                    *rest = after;
                    self.opens(Open::Pattern)
                }
                [Token::Word(..), Token::Operator(..), ..] => Seen::End,
                _ => Seen::Wrong,
            },
            "{" => self.opens(Open::Brace),
            "!" => Seen::Fine,
            "then" => self.goes_on(&[Open::If], Open::Then),
            "elif" => self.goes_on(&[Open::Then], Open::If),
            "else" => self.goes_on(&[Open::Then], Open::Else),
            "do" => self.goes_on(&[Open::Loop], Open::Do),
            "fi" => self.closes(&[Open::Then, Open::Else]),
            "done" => self.closes(&[Open::Do]),
            "esac" => self.closes(&[Open::Arm]),
            "}" => self.closes(&[Open::Brace]),
            "[[" | "function" | "select" | "coproc" | "time" if self.dialect.has_extensions() => {
                Seen::End
            }
            _ => {
                (self.start, self.empty, self.any) = (false, false, true);
                match rest.first() {
                    Some(Token::Operator(operator, _)) if operator == "(" => {
                        self.paren_after_word(rest)
                    }
                    _ => Seen::Fine,
                }
            }
        }
    }

    /// Handles a parenthesis after a word. `name ()` starts a function; any other parenthesis is an
    /// error in dash.
    fn paren_after_word(&mut self, rest: &mut &[Token]) -> Seen {
        match rest {
            [_, Token::Operator(close, _), after @ ..] if close == ")" => {
                *rest = after;
                while let Some((Token::Operator(newline, _), after)) = rest.split_first()
                    && newline == "\n"
                {
                    *rest = after;
                }
                (self.start, self.empty) = (true, true);
                Seen::Fine
            }
            _ if self.dialect == Dialect::Dash => Seen::Wrong,
            _ => Seen::End,
        }
    }

    fn operator(&mut self, operator: &str, rest: &mut &[Token]) -> Seen {
        let pattern = self.open.last() == Some(&Open::Pattern);
        match operator {
            "\n" => {
                if self.open.is_empty() && self.any && !self.empty {
                    return Seen::End;
                }
                self.start = true;
                Seen::Fine
            }
            ")" if pattern => {
                self.open.pop();
                self.opens(Open::Arm)
            }
            "(" | "|" if pattern => Seen::Fine,
            ";;" | ";&" | ";;&" => match self.open.last() {
                Some(Open::Arm) => {
                    self.open.pop();
                    self.opens(Open::Pattern)
                }
                _ => Seen::Wrong,
            },
            ";" | "&" => {
                if self.empty || self.start {
                    return Seen::Wrong;
                }
                self.start = true;
                Seen::Fine
            }
            "|" | "&&" | "||" => {
                if self.empty || self.start {
                    return Seen::Wrong;
                }
                (self.start, self.empty) = (true, true);
                Seen::Fine
            }
            "(" if self.start => self.opens(Open::Paren),
            "(" if self.dialect == Dialect::Dash => Seen::Wrong,
            "(" => Seen::End,
            ")" => self.closes(&[Open::Paren]),
            "<<" | "<<-" => {
                // The tag, the document and the tag again.
                *rest = rest.get(3..).unwrap_or_default();
                (self.start, self.empty, self.any) = (self.start && self.empty, false, true);
                Seen::Fine
            }
            _ if operator.starts_with(['<', '>']) => match rest.split_first() {
                Some((Token::Word(..), after)) => {
                    *rest = after;
                    (self.empty, self.any) = (false, true);
                    Seen::Fine
                }
                Some((Token::Operator(next, _), _)) if next == "\n" => Seen::Wrong,
                None => Seen::Wrong,
                _ => Seen::End,
            },
            _ => Seen::End,
        }
    }
}
