//! Manifests and indexes as received: limited in length, checked against their digest, and
//! classified by their content, not only by the Content-Type header.

use std::io::Read;
use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::Body;
use ureq::http::Response;

use super::connections::Connections;
use super::error::RequestContext;
use super::error_body::one_line;
use super::redirect::{connection_failed, header};
use super::retry::FailedRequest;
use crate::blob::{Digest, Hasher};
use crate::oci;

/// The maximum length in bytes. distribution-spec, "Pushing Manifests": registries should accept up
/// to 4 MiB.
const LONGEST: u64 = 4 << 20;
/// The time limit for a whole document, in case a server sends it byte by byte.
const PATIENCE: Duration = Duration::from_secs(120);

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const KNOWN: [&str; 4] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];

/// The Accept header. Without it, registries send obsolete formats.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// A manifest or an index, exactly as it was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Its bytes, at most 4 MiB.
    pub bytes: Vec<u8>,
    /// Its media type: that of an OCI or Docker manifest or index.
    pub media_type: String,
    /// The digest of the bytes: the one requested, or the one that the registry sent.
    pub digest: Digest,
}

/// The fields of a document that show its kind.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Shape {
    media_type: Option<String>,
    schema_version: Option<u64>,
    manifests: Option<serde_json::Value>,
    layers: Option<serde_json::Value>,
    config: Option<serde_json::Value>,
    fs_layers: Option<serde_json::Value>,
}

/// Reads the document from a response. `wanted` is the digest by which it was requested.
pub(super) fn read(
    connections: &Connections,
    context: &RequestContext,
    host: &str,
    response: Response<Body>,
    wanted: Option<&Digest>,
) -> Result<Fetched, FailedRequest> {
    let content_type = header(&response, "content-type")
        .unwrap_or_default()
        .to_owned();
    // A digest with an unknown algorithm cannot be compared and is ignored.
    let told =
        header(&response, "docker-content-digest").and_then(|text| text.parse::<Digest>().ok());
    if header(&response, "content-encoding").is_some_and(|e| !e.eq_ignore_ascii_case("identity")) {
        return Err(context
            .answer("it was sent compressed, which was not requested")
            .into());
    }
    if response
        .body()
        .content_length()
        .is_some_and(|length| length > LONGEST)
    {
        return Err(too_long(context));
    }
    let bytes = bytes(connections, context, host, response.into_body())?;
    let digest = match wanted.or(told.as_ref()) {
        Some(digest) if digest.matches(&bytes) => digest.clone(),
        // The bytes may have been damaged in transit, so a retry may help.
        Some(digest) => {
            let detail = format!("the answer does not match the digest {digest}");
            return Err(FailedRequest::for_now(context.answer(detail)));
        }
        None => {
            let mut hasher = Hasher::sha256();
            hasher.update(&bytes);
            hasher.finish()
        }
    };
    let media_type = kind(&bytes, &content_type).map_err(|detail| context.document(detail))?;
    Ok(Fetched {
        bytes,
        media_type: media_type.to_owned(),
        digest,
    })
}

fn bytes(
    connections: &Connections,
    context: &RequestContext,
    host: &str,
    body: Body,
) -> Result<Vec<u8>, FailedRequest> {
    let until = Instant::now() + PATIENCE;
    let mut reader = body.into_reader().take(LONGEST + 1);
    let mut bytes = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let n = reader
            .read(&mut piece)
            .map_err(|e| connection_failed(context, host, connections.broken_io(e)))?;
        bytes.extend_from_slice(piece.get(..n).unwrap_or_default());
        if n == 0 {
            break;
        }
        if Instant::now() > until {
            return Err(FailedRequest::for_now(
                context.connection(format!("{host}: the answer is too slow")),
            ));
        }
    }
    if bytes.len() as u64 > LONGEST {
        return Err(too_long(context));
    }
    Ok(bytes)
}

fn too_long(context: &RequestContext) -> FailedRequest {
    let mib = LONGEST >> 20;
    FailedRequest::for_good(
        context.document(format!("it is longer than {mib} MiB, which no manifest is")),
    )
}

/// Returns the media type: the document's own if it is a known one, else that of the header, else
/// the one that fits the document's fields (image-spec, manifest.md, "mediaType": it should be
/// present and match).
fn kind(bytes: &[u8], content_type: &str) -> Result<&'static str, String> {
    let header = content_type.split(';').next().unwrap_or_default().trim();
    let known = |name: &str| {
        KNOWN
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(name))
    };
    let Ok(shape) = oci::parse::<Shape>(bytes) else {
        let what = if header.is_empty() {
            "no media type"
        } else {
            header
        };
        return Err(format!(
            "the answer is neither a manifest nor an index ({}); is this a registry?",
            one_line(what)
        ));
    };
    let own = shape.media_type.as_deref();
    if shape.schema_version == Some(1)
        || shape.fs_layers.is_some()
        || [own.unwrap_or_default(), header]
            .iter()
            .any(|t| t.contains("docker.distribution.manifest.v1+"))
    {
        return Err(
            "it is in Docker's old format (schema 1), which is not read; pull it with a docker \
             before 28 and push it again"
                .to_owned(),
        );
    }
    // image-spec, manifest.md and index.md: different programs read a document that is both a
    // manifest and an index differently (CVE-2021-41190).
    let is_index = shape.manifests.is_some();
    let is_manifest = shape.layers.is_some() || shape.config.is_some();
    if is_index && is_manifest {
        return Err(
            "it is both a manifest and an index, so different programs read different images from it"
                .to_owned(),
        );
    }
    let fits = |name: &&'static str| {
        let index = [OCI_INDEX, DOCKER_LIST].contains(name);
        if index { !is_manifest } else { !is_index }
    };
    let told = own.and_then(known).or_else(|| known(header));
    match told {
        Some(told) if fits(&told) => Ok(told),
        Some(told) => Err(format!("its media type is {told}, but its content is not")),
        None if is_index => Ok(OCI_INDEX),
        None if is_manifest => Ok(OCI_MANIFEST),
        None => Err(format!(
            "it is neither a manifest nor an index ({})",
            one_line(own.unwrap_or(header))
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, header: &str) -> Result<&'static str, String> {
        kind(text.as_bytes(), header)
    }

    #[test]
    fn its_own_word_then_the_header_then_its_form() {
        let manifest = r#"{"schemaVersion":2,"config":{},"layers":[]}"#;
        let index = r#"{"schemaVersion":2,"manifests":[]}"#;
        assert_eq!(of(manifest, "application/json"), Ok(OCI_MANIFEST));
        assert_eq!(of(index, ""), Ok(OCI_INDEX));
        assert_eq!(of(manifest, DOCKER_MANIFEST), Ok(DOCKER_MANIFEST));
        assert_eq!(
            of(index, &format!("{DOCKER_LIST}; charset=utf-8")),
            Ok(DOCKER_LIST)
        );
        let own = format!(r#"{{"mediaType":"{DOCKER_MANIFEST}","config":{{}},"layers":[]}}"#);
        assert_eq!(of(&own, OCI_MANIFEST), Ok(DOCKER_MANIFEST));
        assert_eq!(of(&own, "text/plain"), Ok(DOCKER_MANIFEST));
    }

    #[test]
    fn what_is_refused() {
        let both = r#"{"config":{},"layers":[],"manifests":[]}"#;
        assert!(
            of(both, OCI_INDEX)
                .unwrap_err()
                .contains("both a manifest and an index")
        );
        for (text, header) in [
            (r#"{"schemaVersion":1,"fsLayers":[]}"#, "application/json"),
            (
                "{}",
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
            ),
        ] {
            assert!(of(text, header).unwrap_err().contains("schema 1"), "{text}");
        }
        assert!(
            of(r#"{"manifests":[]}"#, OCI_MANIFEST)
                .unwrap_err()
                .contains("is not")
        );
        assert!(of("<html>", "text/html").unwrap_err().contains("text/html"));
        assert!(of("{}", "application/json").is_err());
        assert!(of("[]", "").is_err());
        assert!(of("", "").unwrap_err().contains("no media type"));
    }
}
