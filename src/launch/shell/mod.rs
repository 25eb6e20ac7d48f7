//! Shell code, evaluated without running it: which programs a script starts, with which arguments and
//! which environment, as far as that can be known.
//!
//! The evaluator interprets the syntax tree of a script. Values that depend on something outside the
//! image are unknown, and so are conditions on them: both branches are then followed, and what they
//! start is possible instead of certain. Programs are not part of this module: the evaluator asks its
//! [`World`] what starting one does.

mod world;

pub(crate) use world::{Command, Ended, FileTest, Place, Word, World};
