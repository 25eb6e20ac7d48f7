//! Parses text to a syntax tree, within limits: a script may be hostile, and the parser is recursive
//! and tries alternatives.

use std::panic::{AssertUnwindSafe, catch_unwind};

use brush_parser::Parser;
use brush_parser::ast::CompoundList;

use super::dialect::Dialect;
use super::parser_options::options;
use super::{guard, syntax};

/// The maximum size of a text in bytes. Scripts that start a container are smaller.
pub(super) const MAX_TEXT: usize = 256 << 10;

/// A complete command, and the number of lines before the text from which it was parsed.
pub(super) struct Complete {
    pub list: CompoundList,
    pub line_base: u32,
}

/// The reason why the rest of a text is not parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ParseFailure {
    /// The shell reports a syntax error there.
    Syntax,
    /// The parser does not support it, or it is too large.
    Unknown,
}

/// A text as a shell reads it: complete commands, up to the first one that it cannot read.
pub(super) struct Text {
    pub commands: Vec<Complete>,
    pub failure: Option<ParseFailure>,
}

/// Parses a text. A shell reads and runs one complete command after the other, so it runs the commands
/// before a syntax error.
pub(super) fn parse(text: &str, dialect: Dialect) -> Text {
    let mut parsed = Text {
        commands: Vec::new(),
        failure: None,
    };
    if text.len() > MAX_TEXT || !guard::is_harmless(text) {
        parsed.failure = Some(ParseFailure::Unknown);
        return parsed;
    }
    // The parser treats `function f {` as a definition, which dash does not support.
    if dialect == Dialect::Dash
        && let Some(failure) = function_keyword(text)
    {
        parsed.failure = Some(failure);
        return parsed;
    }
    if let Some(commands) = program(text, dialect) {
        parsed.commands = commands
            .into_iter()
            .map(|list| Complete { list, line_base: 0 })
            .collect();
        return parsed;
    }
    by_commands(text, dialect, &mut parsed);
    parsed
}

/// Returns dash's reaction to a text with the word `function`, which dash treats as the name of a
/// command. A definition on one line is a syntax error. The lines of a longer definition run as separate
/// commands, so the effect is unknown.
fn function_keyword(text: &str) -> Option<ParseFailure> {
    text.lines().find_map(|line| {
        let rest = line.trim_start().strip_prefix("function")?;
        let definition = rest.strip_prefix([' ', '\t'])?;
        Some(match definition.contains(['(', '}']) {
            true => ParseFailure::Syntax,
            false => ParseFailure::Unknown,
        })
    })
}

fn program(text: &str, dialect: Dialect) -> Option<Vec<CompoundList>> {
    // The parser unwraps the numbers that it reads. `guard` rejects those that are too large.
    let parsed = catch_unwind(AssertUnwindSafe(|| {
        Parser::new(text.as_bytes(), &options(dialect)).parse_program()
    }));
    Some(parsed.ok()?.ok()?.complete_commands)
}

/// Parses the commands before an error: adds lines until they form a complete command.
fn by_commands(text: &str, dialect: Dialect, parsed: &mut Text) {
    // The number of bytes that may be given to the parser, over all attempts.
    let mut budget = 16 * MAX_TEXT;
    let mut rest = text;
    let mut line_base = 0;
    'commands: while !rest.trim().is_empty() {
        let mut end = 0;
        for line in rest.split_inclusive('\n') {
            end += line.len();
            let Some(piece) = rest.get(..end) else { break };
            if budget < piece.len() {
                parsed.failure = Some(ParseFailure::Unknown);
                return;
            }
            budget -= piece.len();
            if syntax::may_be_complete(piece)
                && let Some(commands) = program(piece, dialect)
            {
                let lists = commands
                    .into_iter()
                    .map(|list| Complete { list, line_base });
                parsed.commands.extend(lists);
                line_base += u32::try_from(piece.matches('\n').count()).unwrap_or(0);
                rest = rest.get(end..).unwrap_or("");
                continue 'commands;
            }
        }
        let failure = if syntax::is_wrong(rest, dialect) {
            ParseFailure::Syntax
        } else {
            ParseFailure::Unknown
        };
        parsed.failure = Some(failure);
        return;
    }
}

/// Returns true if every shell of the dialect reports a syntax error for a text and runs none of it.
pub(super) fn is_wrong(text: &str, dialect: Dialect) -> bool {
    let parsed = parse(text, dialect);
    parsed.failure == Some(ParseFailure::Syntax) && parsed.commands.is_empty()
}
