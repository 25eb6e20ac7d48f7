//! Tests that need neither privileges, nor FUSE, nor other programs than a Rust toolchain brings.

#[path = "../support/mod.rs"]
mod support;

mod ambiguous_documents;
mod aside;
mod attribution;
mod cache_command;
mod check_command;
mod diff_facts;
mod diff_model;
mod explain_command;
mod history_command;
mod inspect;
mod inspect_damage;
mod inspect_formats;
mod inspect_go;
mod inspect_golden;
mod inspect_support;
mod platforms_open;
mod platforms_view;
mod span_cache;
mod store_model;
mod store_names;
mod tree_damage;
mod verify_command;
mod verify_damage;
