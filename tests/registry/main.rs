//! Tests against a registry: they need root, FUSE, docker-registry and skopeo.

#[path = "../support/mod.rs"]
mod support;

mod pull_command;
mod pull_faults;
mod pull_support;
mod registry_client;
mod registry_faults;
mod registry_support;
mod store_damage;
mod store_docker;
mod store_storm;
mod store_users;
