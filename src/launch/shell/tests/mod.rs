//! Tests with a world that records the commands that it is asked to run.

mod basic;
mod differential;
mod entrypoints;
mod generator;
mod hostile;
mod recorder;
