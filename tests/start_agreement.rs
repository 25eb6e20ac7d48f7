//! How the images start: each is started for real, and what happens is compared with what imgfs
//! predicts.

#![cfg(target_arch = "x86_64")]

mod common;
mod start_support;

use start_support::{cases, real};

#[test]
fn truth() {
    for case in cases::all() {
        let dir = tempfile::tempdir().unwrap();
        let real = real::start(&case, dir.path());
        eprintln!("{} {:?} {:?}", case.name, case.expect, real);
    }
}
