//! The keys of cache files.

use sha2::{Digest as _, Sha256};

use super::{Identity, Schema};

/// What a cache file contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CacheKind {
    /// The index of one layer.
    Layer,
    /// The tree that a sequence of layers merges into.
    Tree,
    /// The spans and members of a compressed archive.
    Archive,
    /// The digests verified so far of blobs in a file outside the cache.
    VerifiedDigests,
    /// Decoded data of a layer or archive that can only be reached by decoding from an earlier seek
    /// point, stored in blocks.
    SideFile,
    /// The digests of a layer's files.
    FileDigests,
}

impl CacheKind {
    pub(super) const ALL: [Self; 6] = [
        Self::Layer,
        Self::Tree,
        Self::Archive,
        Self::VerifiedDigests,
        Self::SideFile,
        Self::FileDigests,
    ];

    /// The number of the kind in the header.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Layer => 1,
            Self::Tree => 2,
            Self::Archive => 3,
            Self::VerifiedDigests => 4,
            Self::SideFile => 5,
            Self::FileDigests => 6,
        }
    }

    /// The name of the kind's directory.
    pub fn name(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::Tree => "tree",
            Self::Archive => "archive",
            Self::VerifiedDigests => "seen",
            Self::SideFile => "aside",
            Self::FileDigests => "digests",
        }
    }
}

/// The key of a cache file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheKey {
    kind: CacheKind,
    text: String,
    /// The version of the schema of the contents. Not part of the file's name.
    schema: u64,
}

impl CacheKey {
    /// The key of a layer's index, from the verified digest of the layer's blob.
    pub fn layer(digest: &str) -> Self {
        let text = digest.to_owned();
        Self {
            kind: CacheKind::Layer,
            text,
            schema: 0,
        }
    }

    /// The key of a tree, from the digests of its layers' blobs, lowest first.
    pub fn tree<'a>(digests: impl Iterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for digest in digests {
            text.push_str(digest);
            text.push('\n');
        }
        Self {
            kind: CacheKind::Tree,
            text,
            schema: 0,
        }
    }

    /// The key of a compressed archive, from the identity of its file.
    pub fn archive(file: &Identity) -> Self {
        let text = file.text();
        Self {
            kind: CacheKind::Archive,
            text,
            schema: 0,
        }
    }

    /// The key of the digests verified in a file.
    pub fn verified_digests(file: &Identity) -> Self {
        let text = file.text();
        Self {
            kind: CacheKind::VerifiedDigests,
            text,
            schema: 0,
        }
    }

    /// The key of the digests of a layer's files, from the verified digest of the layer's blob.
    pub fn file_digests(layer: &str) -> Self {
        let text = layer.to_owned();
        Self {
            kind: CacheKind::FileDigests,
            text,
            schema: 0,
        }
    }

    /// The key of a blob's side file, with the data decoded from span number `head` on. `hash` is
    /// the hash of the key of the file that contains the blob's spans.
    pub(super) fn side_file(hash: &[u8; 32], head: u64) -> Self {
        let text = format!("{} {head}", hex(hash));
        Self {
            kind: CacheKind::SideFile,
            text,
            schema: 0,
        }
    }

    /// The same key, for files whose contents have this schema. A file with another schema is made again.
    #[must_use]
    pub(crate) fn with_schema(self, schema: &Schema) -> Self {
        Self {
            schema: schema.version(),
            ..self
        }
    }

    /// The version of the schema of the contents. 0 if the kind has none.
    pub(super) fn schema(&self) -> u64 {
        self.schema
    }

    /// The kind of file that this key identifies.
    pub fn kind(&self) -> CacheKind {
        self.kind
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// The name of the file: the hash of the key in hex or, to be readable, a layer's digest.
    pub(super) fn file_name(&self) -> String {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b':';
        let is_digest = self.text.len() <= 200 && self.text.bytes().all(plain);
        if self.kind == CacheKind::Layer && is_digest && self.text.matches(':').count() == 1 {
            return self.text.replace(':', "-");
        }
        hex(&self.hash())
    }
}

/// The name to show to users: the file name, with the colon of a layer's digest restored.
pub(super) fn shown_name(kind: CacheKind, file_name: &str) -> String {
    match kind {
        CacheKind::Layer => file_name.replacen('-', ":", 1),
        _ => file_name.to_owned(),
    }
}

/// Whether a file whose header has this key hash has the right file name.
pub(super) fn is_name_of(kind: CacheKind, file_name: &str, hash: &[u8; 32]) -> bool {
    hex(hash) == file_name
        || (kind == CacheKind::Layer
            && CacheKey::layer(&shown_name(kind, file_name)).hash() == *hash)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else_and_back_to_the_key() {
        let digest = format!("sha256:{:064}", 7);
        for (text, name) in [
            (digest.as_str(), Some(format!("sha256-{:064}", 7))),
            ("sha256:../../x", None),
            ("..", None),
            (".new-1", None),
            ("", None),
        ] {
            let key = CacheKey::layer(text);
            let found = key.file_name();
            assert_eq!(found, name.unwrap_or_else(|| hex(&key.hash())));
            assert!(is_name_of(CacheKind::Layer, &found, &key.hash()));
            assert!(!is_name_of(CacheKind::Layer, &found, &[0; 32]));
        }
        let key = CacheKey::tree(["a", "b"].into_iter());
        assert!(is_name_of(CacheKind::Tree, &key.file_name(), &key.hash()));
        assert_ne!(key, CacheKey::tree(["ab"].into_iter()));
        assert_eq!(shown_name(CacheKind::Layer, "sha256-0a"), "sha256:0a");
    }
}
