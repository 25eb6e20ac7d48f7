//! Tests with a world that records what it is asked to run.

mod basic;
mod differential;
mod generator;
mod recorder;
