//! Tests with a world that records what it is asked to run.

mod basic;
mod entrypoints;
mod hostile;
mod differential;
mod generator;
mod recorder;
