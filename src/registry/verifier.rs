//! Verifies a host's certificate: it must be issued by a trusted authority, or be itself one of the
//! trusted certificates.
//!
//! rustls does not support the second case. Docker's own instructions for a private registry,
//! `openssl req -x509`, create a self-signed certificate that is marked as an authority, and copy
//! it to `certs.d/HOST/ca.crt`. curl, Go and browsers accept it. webpki rejects every authority as
//! a host's own certificate (`CaUsedAsEndEntity`), after it has checked the validity period. What
//! remains to check is whether exactly this certificate is trusted, and whether it is valid for
//! this name.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};

/// Verifies a host's certificate.
#[derive(Debug)]
pub(super) struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    trusted: Trusted,
}

#[derive(Debug)]
enum Trusted {
    Anyone,
    /// There are no trusted roots.
    Nobody,
    These {
        by_authority: Arc<WebPkiServerVerifier>,
        roots: Vec<CertificateDer<'static>>,
    },
}

impl Verifier {
    /// Trusts these roots. Those that cannot be parsed are skipped, as other programs do, because
    /// real bundles contain some.
    pub(super) fn new(
        roots: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let trusted = if store.is_empty() {
            Trusted::Nobody
        } else {
            let builder =
                WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone());
            let by_authority = builder.build().map_err(|e| Error::General(e.to_string()))?;
            Trusted::These {
                by_authority,
                roots,
            }
        };
        Ok(Self {
            algorithms: provider.signature_verification_algorithms,
            trusted,
        })
    }

    /// Accepts any certificate, but still checks that the peer has its private key.
    pub(super) fn of_anyone(provider: &CryptoProvider) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
            trusted: Trusted::Anyone,
        }
    }
}

/// Whether the only thing wrong with a certificate is that it is an authority's.
fn is_authority(error: &Error) -> bool {
    let Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) = error else {
        return false;
    };
    inner.downcast_ref::<webpki::Error>() == Some(&webpki::Error::CaUsedAsEndEntity)
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (by_authority, roots) = match &self.trusted {
            Trusted::Anyone => return Ok(ServerCertVerified::assertion()),
            Trusted::Nobody => return Err(CertificateError::UnknownIssuer.into()),
            Trusted::These {
                by_authority,
                roots,
            } => (by_authority, roots),
        };
        let verified = by_authority.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verified {
            Err(error) if is_authority(&error) => {
                if !roots
                    .iter()
                    .any(|root| root.as_ref() == end_entity.as_ref())
                {
                    return Err(CertificateError::UnknownIssuer.into());
                }
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
