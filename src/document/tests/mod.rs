//! Tests of Go's rules one by one, and a comparison with a Go program on random documents.

mod differential;
mod exact;
mod facts;
mod generator;
mod rules;
