//! Images that are started for real, and what imgfs predicts of them.
//!
//! A [`case::Case`] is an image of a few small layers over one of three root file systems.
//! [`image`] writes it as an OCI layout and as directories, [`real`] starts it as a container runtime
//! does, under strace(1), and [`predict`] asks imgfs how it would start. [`compare`] holds one against
//! the other, and [`run`] does all of it for many cases. [`known`] lists what is left open.
#![allow(dead_code)] // Each test program uses its own part of this.

pub mod case;
pub mod cases;
pub mod compare;
pub mod generate;
pub mod image;
pub mod known;
pub mod parts;
pub mod predict;
pub mod real;
pub mod run;
pub mod trace;
