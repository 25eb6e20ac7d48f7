//! Tests that mount images: they need root and FUSE.

#[path = "../support/mod.rs"]
mod support;

mod bad_bytes;
mod bad_images;
mod bad_input;
mod control;
mod digests;
mod doctor;
mod endings;
mod find_command;
mod findings_faces;
mod hidden;
mod image_choice;
mod inspect_command;
mod lifecycle;
mod ls_command;
mod merge_cases;
mod merge_model;
mod no_fuse;
mod other_user;
mod platforms_mount;
mod reads;
mod remount;
mod various;
