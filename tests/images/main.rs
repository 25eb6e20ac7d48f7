//! Tests with real images and real runs of their programs: they need root, FUSE, the packages of
//! `tests/run.sh` and a package mirror.

#[path = "../support/mod.rs"]
mod support;

mod failures;
mod findings_cases;
mod loader_agreement;
mod loader_run;
mod real_images;
mod run_failures;
mod start_agreement;
mod start_generated;
mod start_support;
