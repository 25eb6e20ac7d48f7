//! Traversal of indexes down to their manifests. An index may list further indexes.

use std::collections::HashSet;

use oci_spec::image::{Descriptor, ImageIndex};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{
    MAX_DEPTH, MAX_MANIFESTS, digest_of, is_general, is_index, is_manifest, names, parse, read_into,
};
use crate::blob::Digest;

/// A manifest that an index leads to.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// The descriptor that refers to it.
    pub descriptor: Descriptor,
    /// The names in the annotations of the manifest and of the indexes that lead to it, outermost first.
    pub names: Vec<String>,
    /// The number of the root that leads to it.
    pub root: usize,
}

/// The result of a traversal.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// The manifests, in document order.
    pub manifests: Vec<Listed>,
    /// The indexes that were read, byte for byte.
    pub indexes: Vec<(Digest, Vec<u8>)>,
    /// Missing indexes. An image that was copied partially may list more than it contains.
    pub missing: Vec<Digest>,
    /// Parts of these indexes in which two readers see different images, for messages.
    pub ambiguities: Vec<String>,
}

/// Why a traversal failed.
#[derive(Debug)]
pub(crate) enum WalkError<E> {
    /// A document could not be fetched.
    Fetch(E),
    /// A document is not an index, or a limit is exceeded.
    Document {
        /// The name of the document.
        document: String,
        /// The problem, for messages.
        detail: String,
    },
}

/// A function that returns the bytes of a document, verified against its digest, or `None` if it is
/// missing.
pub(crate) type Fetch<'a, E> = dyn FnMut(&Digest) -> Result<Option<Vec<u8>>, E> + 'a;

/// Follows `roots` to all manifests that they lead to.
///
/// # Errors
/// If `fetch` fails, if a document that is an index cannot be parsed, if indexes are nested more than
/// [`MAX_DEPTH`] deep, or if they list more than [`MAX_MANIFESTS`] manifests.
pub(crate) fn walk<E>(
    roots: &[Descriptor],
    fetch: &mut Fetch<'_, E>,
) -> Result<Walk, WalkError<E>> {
    let mut found = Walk::default();
    let mut seen = HashSet::new();
    let roots = roots.iter().enumerate();
    let mut pending: Vec<(Listed, usize)> = roots
        .map(|(root, descriptor)| (listed(descriptor, &[], root), 0))
        .collect();
    // Entries are taken from the end, so the reversal keeps document order.
    pending.reverse();
    while let Some((entry, depth)) = pending.pop() {
        if found.manifests.len() + pending.len() > MAX_MANIFESTS || depth > MAX_DEPTH {
            return Err(WalkError::Document {
                document: "its index".to_owned(),
                detail: "refers to more manifests than any image has".to_owned(),
            });
        }
        let media_type = entry.descriptor.media_type().as_ref();
        if is_manifest(media_type) || !(is_index(media_type) || is_general(media_type)) {
            found.manifests.push(entry);
            continue;
        }
        let digest = digest_of(&entry.descriptor).map_err(|detail| WalkError::Document {
            document: "a descriptor".to_owned(),
            detail,
        })?;
        let Some(bytes) = fetch(&digest).map_err(WalkError::Fetch)? else {
            found.missing.push(digest);
            continue;
        };
        if !is_index(media_type) && !lists_manifests(&bytes) {
            found.manifests.push(entry);
            continue;
        }
        let document = format!("index {digest}");
        let index = read_into(&document, &bytes, &mut found.ambiguities);
        let index: ImageIndex = index.map_err(|detail| WalkError::Document { document, detail })?;
        let children = index.manifests().iter().rev();
        pending.extend(children.map(|child| (listed(child, &entry.names, entry.root), depth + 1)));
        if seen.insert(digest.clone()) {
            found.indexes.push((digest, bytes));
        }
    }
    Ok(found)
}

fn listed(descriptor: &Descriptor, outer: &[String], root: usize) -> Listed {
    let mut all = outer.to_vec();
    all.extend(names(descriptor));
    Listed {
        descriptor: descriptor.clone(),
        names: all,
        root,
    }
}

/// Returns whether a document has the form of an index.
fn lists_manifests(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Shape {
        manifests: Option<IgnoredAny>,
    }
    parse::<Shape>(bytes).is_ok_and(|shape| shape.manifests.is_some())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::convert::Infallible;

    use serde_json::{Value, json};

    use super::*;
    use crate::blob::Hasher;
    use crate::oci::REF_NAME;

    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

    /// Documents in memory, by digest.
    #[derive(Default)]
    struct Documents(HashMap<String, Vec<u8>>);

    impl Documents {
        fn put(&mut self, media_type: &str, bytes: &[u8]) -> Value {
            let mut hasher = Hasher::sha256();
            hasher.update(bytes);
            let digest = hasher.finish().to_string();
            self.0.insert(digest.clone(), bytes.to_vec());
            json!({"mediaType": media_type, "digest": digest, "size": bytes.len()})
        }

        fn index(&mut self, media_type: &str, manifests: &Value) -> Value {
            let index = json!({"schemaVersion": 2, "manifests": manifests});
            self.put(media_type, index.to_string().as_bytes())
        }

        fn walk(&self, roots: &[&Value]) -> Result<Walk, WalkError<Infallible>> {
            let roots = roots.iter().map(|root| (*root).clone());
            let roots: Vec<Descriptor> =
                roots.map(|r| serde_json::from_value(r).unwrap()).collect();
            walk(&roots, &mut |digest| {
                Ok(self.0.get(&digest.to_string()).cloned())
            })
        }
    }

    fn named(mut descriptor: Value, name: &str) -> Value {
        descriptor["annotations"] = json!({REF_NAME: name});
        descriptor
    }

    #[test]
    fn manifests_come_in_the_order_of_the_documents_with_the_names_on_the_way() {
        let mut documents = Documents::default();
        let [a, b, c] = [b"a", b"b", b"c"].map(|bytes| documents.put(MANIFEST, bytes));
        let inner = documents.index(INDEX, &json!([named(b.clone(), "inner"), c]));
        let walk = documents.walk(&[&a, &named(inner, "outer")]).unwrap();
        let names: Vec<(usize, Vec<String>)> = walk
            .manifests
            .iter()
            .map(|m| (m.root, m.names.clone()))
            .collect();
        let outer = || "outer".to_owned();
        assert_eq!(
            names,
            [
                (0, vec![]),
                (1, vec![outer(), "inner".to_owned()]),
                (1, vec![outer()])
            ]
        );
        assert_eq!(walk.indexes.len(), 1);
    }

    #[test]
    fn an_index_is_told_by_its_form_where_its_media_type_says_nothing() {
        let mut documents = Documents::default();
        let manifest = documents.put(MANIFEST, b"a");
        let index = documents.index("application/octet-stream", &json!([manifest]));
        let walk = documents.walk(&[&index]).unwrap();
        assert_eq!(walk.manifests[0].descriptor.media_type().as_ref(), MANIFEST);
        // A document that declares another media type is not opened.
        let other = json!({"mediaType": "application/xml", "digest": index["digest"], "size": 1});
        assert_eq!(documents.walk(&[&other]).unwrap().indexes.len(), 0);
    }

    #[test]
    fn an_index_without_manifests_and_one_that_is_missing() {
        let mut documents = Documents::default();
        let empty = documents.index(INDEX, &Value::Null);
        assert_eq!(documents.walk(&[&empty]).unwrap().manifests.len(), 0);
        documents.0.clear();
        assert_eq!(documents.walk(&[&empty]).unwrap().missing.len(), 1);
    }

    #[test]
    fn indexes_nested_too_deeply_and_too_many_manifests_are_refused() {
        let mut documents = Documents::default();
        let mut root = documents.put(MANIFEST, b"a");
        for depth in 0..=MAX_DEPTH {
            assert!(documents.walk(&[&root]).is_ok(), "{depth}");
            root = documents.index(INDEX, &json!([root]));
        }
        let refused = |error| matches!(error, WalkError::Document { detail, .. } if detail.contains("more manifests"));
        assert!(refused(documents.walk(&[&root]).unwrap_err()));
        // Three levels of indexes with a thousand entries each would list a billion manifests.
        let mut root = documents.put(MANIFEST, b"a");
        for _ in 0..3 {
            root = documents.index(INDEX, &json!(vec![root; 1000]));
        }
        assert!(refused(documents.walk(&[&root]).unwrap_err()));
    }

    /// With verified digests an index cannot list itself, but this module does not verify them.
    #[test]
    fn an_index_that_leads_to_itself_is_refused() {
        let mut documents = Documents::default();
        let root = documents.index(INDEX, &json!([]));
        for copies in [1, 2] {
            let manifests = vec![root.clone(); copies];
            let index = json!({"schemaVersion": 2, "manifests": manifests});
            let digest = root["digest"].as_str().unwrap().to_owned();
            documents.0.insert(digest, index.to_string().into_bytes());
            assert!(documents.walk(&[&root]).is_err(), "{copies}");
        }
    }

    #[test]
    fn a_wide_index_is_read_up_to_the_limit() {
        let mut documents = Documents::default();
        let manifest = documents.put(MANIFEST, b"a");
        let root = documents.index(INDEX, &json!(vec![manifest.clone(); MAX_MANIFESTS]));
        let walk = documents.walk(&[&root]).unwrap();
        assert_eq!(walk.manifests.len(), MAX_MANIFESTS);
        let root = documents.index(INDEX, &json!(vec![manifest; 2 * MAX_MANIFESTS]));
        assert!(documents.walk(&[&root]).is_err());
    }

    #[test]
    fn a_broken_index_is_named() {
        let mut documents = Documents::default();
        let broken = documents.put(INDEX, b"{");
        let Err(WalkError::Document { document, .. }) = documents.walk(&[&broken]) else {
            panic!("read");
        };
        assert_eq!(
            document,
            format!("index {}", broken["digest"].as_str().unwrap())
        );
    }
}
