//! Tests: rules of Go one by one, and random documents that a program in Go reads too.

mod differential;
mod exact;
mod facts;
mod generator;
mod rules;
