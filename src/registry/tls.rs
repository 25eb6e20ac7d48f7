//! Trusted certificates: the system's roots (or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`), files
//! that the user names, and those stored for one registry by docker and podman
//! (containers-certs.d(5)), where a client certificate may be stored too.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::environment::read_limited;
use super::verifier::Verifier;
use super::{ClientOptions, RegistryError};

/// The maximum size of a file in bytes. A bundle of all web roots has a quarter of a megabyte.
const LONGEST: u64 = 16 << 20;

/// The trusted certificates.
pub(super) struct Trust {
    /// The system's roots. Read at the first TLS connection.
    system: OnceLock<Vec<CertificateDer<'static>>>,
    extra: Vec<CertificateDer<'static>>,
    directories: Vec<PathBuf>,
    provider: Arc<CryptoProvider>,
}

impl Trust {
    /// # Errors
    /// If a file of the options contains no certificates.
    pub(super) fn new(options: &ClientOptions) -> Result<Self, RegistryError> {
        let mut extra = Vec::new();
        for path in &options.roots {
            extra.extend(chain(path)?);
        }
        let etc = options.environment.etc();
        let user = options.environment.config_home();
        let mut directories: Vec<_> = user
            .into_iter()
            .map(|d| d.join("containers/certs.d"))
            .collect();
        directories.push(etc.join("containers/certs.d"));
        directories.push(etc.join("docker/certs.d"));
        Ok(Self {
            system: OnceLock::new(),
            extra,
            directories,
            provider: Arc::new(ring::default_provider()),
        })
    }

    /// Returns the TLS configuration for a host (with its port, if it has one). With `insecure`,
    /// any certificate is accepted.
    ///
    /// # Errors
    /// If the files stored for this host are invalid.
    pub(super) fn of(
        &self,
        host: &str,
        insecure: bool,
    ) -> Result<Arc<ClientConfig>, RegistryError> {
        let mut roots = Vec::new();
        let mut own = None;
        // A redirect may name any host. A host made only of dots would name a parent directory.
        let is_name = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        let mut kept = self.directories.iter().map(|dir| dir.join(host));
        if let Some(directory) = kept.find(|dir| is_name && dir.is_dir()) {
            roots = authorities(&directory)?;
            own = client(&directory)?;
        }
        if !insecure {
            roots.extend(self.extra.iter().cloned());
            roots.extend(self.system.get_or_init(system).iter().cloned());
        }
        let wrong = |error: rustls::Error| RegistryError::Options(format!("TLS: {error}"));
        let verifier = if insecure {
            Verifier::of_anyone(&self.provider)
        } else {
            Verifier::new(roots, &self.provider).map_err(wrong)?
        };
        let builder = ClientConfig::builder_with_provider(self.provider.clone());
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(wrong)?;
        let builder = builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder
                .with_client_auth_cert(own.chain, own.key)
                .map_err(|error| RegistryError::File {
                    path: own.path,
                    detail: format!("does not match the certificate next to it: {error}"),
                })?,
        };
        Ok(Arc::new(config))
    }
}

/// Returns the system's roots. Errors are only logged: if roots are missing, the connection error
/// says which certificate is not trusted.
fn system() -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!("the system's certificates: {error}");
    }
    found.certs
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, RegistryError> {
    let wrong = |detail: String| RegistryError::File {
        path: path.to_owned(),
        detail,
    };
    let pem = read_limited(path, LONGEST).map_err(|e| wrong(e.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        Ok(_) => Err(wrong("no certificate (PEM) in it".to_owned())),
        Err(error) => Err(wrong(format!("not PEM: {error}"))),
    }
}

/// Reads `*.crt`: authorities that may have issued this host's certificate.
fn authorities(directory: &Path) -> Result<Vec<CertificateDer<'static>>, RegistryError> {
    let mut roots = Vec::new();
    for path in listed(directory, "crt") {
        roots.extend(chain(&path)?);
    }
    Ok(roots)
}

/// A client certificate with its key.
struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// The file of the key, for messages.
    path: PathBuf,
}

/// Returns the first `NAME.cert` and its `NAME.key`.
fn client(directory: &Path) -> Result<Option<ClientCertificate>, RegistryError> {
    let Some(certificate) = listed(directory, "cert").into_iter().next() else {
        return Ok(None);
    };
    let chain = chain(&certificate)?;
    let path = certificate.with_extension("key");
    let wrong = |detail: String| RegistryError::File {
        path: path.clone(),
        detail,
    };
    let pem = read_limited(&path, LONGEST).map_err(|e| wrong(e.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(&pem);
    let key = key.map_err(|_| wrong("no private key (PEM) in it".to_owned()))?;
    Ok(Some(ClientCertificate { chain, key, path }))
}

fn listed(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|e| e.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == extension));
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Environment;

    #[test]
    fn a_file_without_certificates_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        fs::write(&path, "nothing").unwrap();
        for roots in [vec![path], vec![dir.path().join("absent.pem")]] {
            let options = ClientOptions {
                roots,
                ..ClientOptions::default()
            };
            let error = Trust::new(&options).err().unwrap();
            assert!(matches!(error, RegistryError::File { .. }), "{error}");
        }
    }

    #[test]
    fn what_is_kept_for_a_host_must_be_usable() {
        let dir = tempfile::tempdir().unwrap();
        let host = dir.path().join("etc/docker/certs.d/r.example:5000");
        fs::create_dir_all(&host).unwrap();
        fs::write(host.join("ca.crt"), "-----BEGIN CERTIFICATE-----\n!\n").unwrap();
        let options = ClientOptions {
            environment: Environment::new::<&str, &str>([], dir.path()),
            ..ClientOptions::default()
        };
        let trust = Trust::new(&options).unwrap();
        assert!(trust.of("r.example:5000", false).is_err());
        assert!(trust.of("r.example", true).is_ok());
    }
}
