//! Images that are really started, and imgfs's predictions for them.
//!
//! A [`case::Case`] is an image of a few small layers on one of three root file systems. [`image`]
//! writes it as an OCI layout and as directories, [`real`] starts it as a container runtime does, under
//! strace(1), and [`predict`] asks imgfs how it would start. [`compare`] compares the two, and [`run`]
//! does all of this for many cases. [`known`] lists the cases that are left open.
#![allow(dead_code)] // Each test program uses only a part of this module.

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
