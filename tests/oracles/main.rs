//! Tests that compare imgfs with other programs: they need root, FUSE and the packages of
//! `tests/run.sh`.

#[path = "../support/mod.rs"]
mod support;

mod accepted_images;
mod ambiguous_archive;
mod attributes;
mod diff_command;
mod elf_exec_error;
mod elf_facts;
mod elf_patch;
mod elf_runtime;
mod elf_runtime_limits;
mod export_command;
mod export_support;
mod export_unpacked;
mod go_facts;
mod image_kinds;
mod merge_links;
mod merge_plnk;
mod merge_support;
mod readme;
mod recipes;
mod store_commands;
mod system_calls;
mod tar_readers;
mod tar_support;
mod xz;
