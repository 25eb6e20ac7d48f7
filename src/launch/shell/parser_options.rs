//! The options of the parser for each dialect.

use brush_parser::{ParserImpl, ParserOptions};

use super::dialect::Dialect;

/// Returns the parser's options for a dialect.
pub(super) fn options(dialect: Dialect) -> ParserOptions {
    ParserOptions {
        enable_extended_globbing: dialect.is_bash(),
        posix_mode: dialect == Dialect::Dash,
        sh_mode: !dialect.has_extensions(),
        tilde_expansion_at_word_start: true,
        tilde_expansion_after_colon: false,
        parser_impl: ParserImpl::Peg,
    }
}
