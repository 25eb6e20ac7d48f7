//! The JSON grammar (RFC 8259). Like Go, this checks a whole document before anything is decoded
//! (`checkValid` in `encoding/json/scanner.go`).
//!
//! The check does not recurse. Its time is proportional to the length of the document, and its memory is
//! one byte for each open bracket, even for hostile documents.

use super::error::JsonError;
use super::values::is_space;

/// The maximum nesting depth of arrays and objects: Go's limit (`maxNestingDepth` in
/// `encoding/json/scanner.go`).
const MAX_NESTING: usize = 10_000;

/// Checks that `bytes` is a single JSON value with optional white space around it.
///
/// Strings need not be valid UTF-8, and surrogates need not be paired: Go replaces both when it decodes
/// a string.
pub(super) fn check(bytes: &[u8]) -> Result<(), JsonError> {
    let mut cursor = Cursor { bytes, at: 0 };
    // The closing brackets of all open arrays and objects, innermost last.
    let mut open: Vec<u8> = Vec::new();
    'value: loop {
        cursor.skip_space();
        match cursor.next() {
            Some(bracket @ (b'{' | b'[')) => {
                let close = if bracket == b'{' { b'}' } else { b']' };
                if open.len() == MAX_NESTING {
                    return Err(cursor.error("nests too deep"));
                }
                cursor.skip_space();
                if cursor.peek() == Some(close) {
                    cursor.at += 1;
                } else {
                    open.push(close);
                    if close == b'}' {
                        cursor.name()?;
                    }
                    continue 'value;
                }
            }
            Some(b'"') => cursor.string()?,
            Some(first @ (b'-' | b'0'..=b'9')) => cursor.number(first)?,
            Some(b't') => cursor.literal(b"rue")?,
            Some(b'f') => cursor.literal(b"alse")?,
            Some(b'n') => cursor.literal(b"ull")?,
            Some(_) => return Err(cursor.error("is not the start of a value")),
            None => return Err(cursor.end()),
        }
        loop {
            cursor.skip_space();
            let Some(&close) = open.last() else {
                return match cursor.next() {
                    None => Ok(()),
                    Some(_) => Err(cursor.error("follows the document's value")),
                };
            };
            match cursor.next() {
                Some(b',') => {
                    if close == b'}' {
                        cursor.skip_space();
                        cursor.name()?;
                    }
                    continue 'value;
                }
                Some(byte) if byte == close => {
                    open.pop();
                }
                Some(_) => return Err(cursor.error("is neither a comma nor the closing bracket")),
                None => return Err(cursor.end()),
            }
        }
    }
}

/// A position in a document that is being checked.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// Returns the error about the byte that `next` returned last.
    fn error(&self, problem: &'static str) -> JsonError {
        JsonError::Syntax {
            offset: self.at.saturating_sub(1),
            problem,
        }
    }

    fn end(&self) -> JsonError {
        JsonError::Syntax {
            offset: self.at,
            problem: "is the end of a document that is cut off",
        }
    }

    /// Checks a member's name and the colon after it.
    fn name(&mut self) -> Result<(), JsonError> {
        match self.next() {
            Some(b'"') => self.string()?,
            Some(_) => return Err(self.error("is not the start of a name")),
            None => return Err(self.end()),
        }
        self.skip_space();
        match self.next() {
            Some(b':') => Ok(()),
            Some(_) => Err(self.error("is not the colon after a name")),
            None => Err(self.end()),
        }
    }

    /// Checks the rest of a string, after its opening quote.
    fn string(&mut self) -> Result<(), JsonError> {
        loop {
            match self.next() {
                Some(b'"') => return Ok(()),
                Some(b'\\') => match self.next() {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                    Some(b'u') => {
                        for _ in 0..4 {
                            match self.next() {
                                Some(digit) if digit.is_ascii_hexdigit() => {}
                                Some(_) => return Err(self.error("is not a hexadecimal digit")),
                                None => return Err(self.end()),
                            }
                        }
                    }
                    Some(_) => return Err(self.error("is not a valid escape")),
                    None => return Err(self.end()),
                },
                Some(0..0x20) => return Err(self.error("is a control character in a string")),
                Some(_) => {}
                None => return Err(self.end()),
            }
        }
    }

    /// Checks the rest of a number, after its first byte.
    fn number(&mut self, first: u8) -> Result<(), JsonError> {
        let mut leading = first;
        if first == b'-' {
            leading = self.digit()?;
        }
        if leading != b'0' {
            self.skip_digits();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digit()?;
            self.skip_digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digit()?;
            self.skip_digits();
        }
        Ok(())
    }

    fn digit(&mut self) -> Result<u8, JsonError> {
        match self.next() {
            Some(digit @ b'0'..=b'9') => Ok(digit),
            Some(_) => Err(self.error("is not a digit of a number")),
            None => Err(self.end()),
        }
    }

    fn skip_digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// Checks the rest of `true`, `false` or `null`.
    fn literal(&mut self, rest: &[u8]) -> Result<(), JsonError> {
        for &wanted in rest {
            match self.next() {
                Some(byte) if byte == wanted => {}
                Some(_) => return Err(self.error("is in a word other than true, false and null")),
                None => return Err(self.end()),
            }
        }
        Ok(())
    }
}
