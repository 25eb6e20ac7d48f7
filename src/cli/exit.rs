//! Exit codes that several commands share.

/// Exit code of a command that answers a question (0 yes, 1 no) if it cannot find the answer. Invalid
/// arguments give the same exit code.
pub(crate) const NO_ANSWER: u8 = 2;
