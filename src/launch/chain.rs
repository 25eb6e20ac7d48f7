//! The chain: every program that a container starts, one after the other, and how each start ends.

/// The number of a step in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct StepId(pub u32);
