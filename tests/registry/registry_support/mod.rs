//! Shared by the tests of the registry client: an image in a registry, and clients that retry quickly
//! and ignore the configuration of this machine.
#![allow(dead_code)] // Each test program uses only a part of this module.

use std::path::Path;
use std::time::Duration;

use imgfs::internals::blob::Digest;
use imgfs::internals::registry::{
    Client, ClientOptions, Environment, Patience, RegistryError, RegistryReference,
};
use tempfile::TempDir;

use crate::support::registry::Registry;
use crate::support::{OciImage, oci_dir, sha256};

/// Returns bytes that do not compress and are the same in each run.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut step = || {
        // xorshift64, Marsaglia 2003.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| step()).collect();
    bytes.truncate(length);
    bytes
}

/// An image with one layer of noise.
pub struct Sample {
    pub dir: TempDir,
    pub layer: Vec<u8>,
    pub digest: Digest,
    pub manifest: Vec<u8>,
}

impl Sample {
    pub fn of(length: usize) -> Self {
        let layer = noise(length);
        let dir = oci_dir(&OciImage::plain(std::slice::from_ref(&layer)));
        let digest = sha256(&layer).parse().unwrap();
        let index = std::fs::read(dir.path().join("index.json")).unwrap();
        let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
        let manifest = blob(
            dir.path(),
            index["manifests"][0]["digest"].as_str().unwrap(),
        );
        Self {
            dir,
            layer,
            digest,
            manifest,
        }
    }

    /// Makes an image of 3 MB, and a registry with it as `a/b:1`.
    pub fn pushed() -> (Self, Registry) {
        let (sample, registry) = (Self::of(3_000_000), Registry::plain());
        registry.push(sample.dir.path(), "a/b:1");
        (sample, registry)
    }

    /// Fetches its layer through a client; checks that each byte arrives once and in order.
    pub fn pull(&self, client: &Client, name: &str) -> Result<(), RegistryError> {
        self.pull_from(client, name, 0)
    }

    pub fn pull_from(&self, client: &Client, name: &str, from: usize) -> Result<(), RegistryError> {
        let mut got = Vec::new();
        let size = self.layer.len() as u64;
        let mut sink = |piece: &[u8]| {
            got.extend_from_slice(piece);
            Ok(())
        };
        client.blob(&reference(name), &self.digest, size, from as u64, &mut sink)?;
        assert!(got == self.layer[from..], "{} bytes came", got.len());
        Ok(())
    }
}

pub fn blob(layout: &Path, digest: &str) -> Vec<u8> {
    std::fs::read(layout.join("blobs").join(digest.replace(':', "/"))).unwrap()
}

pub fn reference(name: &str) -> RegistryReference {
    name.parse().unwrap()
}

/// Returns options with short waits, for a user and a machine without any configuration.
pub fn options() -> ClientOptions {
    with_environment([])
}

/// Like [`options`], with environment variables; `/etc` and `/run` are empty.
pub fn with_environment<const N: usize>(variables: [(&str, &str); N]) -> ClientOptions {
    ClientOptions {
        patience: Patience {
            first_wait: Duration::from_millis(4),
            longest_wait: Duration::from_millis(40),
            silence: Duration::from_secs(5),
            ..Patience::default()
        },
        environment: Environment::new(variables, "/nonexistent"),
        ..ClientOptions::default()
    }
}

pub fn client(options: &ClientOptions) -> Client {
    Client::new(options).unwrap_or_else(|e| panic!("{e}"))
}

/// Returns the text that the client would log for an error, to check that it contains no secrets.
pub fn text_of(error: &RegistryError) -> String {
    format!("{error} {error:?}")
}
