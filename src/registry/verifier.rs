//! Whether a host is who it says: its certificate is of an authority that is trusted, or is itself one of
//! those that are.
//!
//! The second is what rustls leaves out. Docker's own recipe for a registry at home, `openssl req -x509`,
//! makes a certificate that signs itself and calls itself an authority, and has it copied to
//! `certs.d/HOST/ca.crt`. curl, Go and browsers take it; webpki refuses every authority as a host's own
//! certificate (`CaUsedAsEndEntity`), after it has looked at the time that it is valid for. So what is left
//! to ask is whether exactly this certificate is trusted, and whether it is for this name.

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

/// Whether a host is who it says.
#[derive(Debug)]
pub(super) struct Verifier {
    algorithms: WebPkiSupportedAlgorithms,
    whom: Whom,
}

#[derive(Debug)]
enum Whom {
    Anyone,
    /// There are no roots.
    Nobody,
    These {
        by_authority: Arc<WebPkiServerVerifier>,
        roots: Vec<CertificateDer<'static>>,
    },
}

impl Verifier {
    /// Trusts these. Those that cannot be parsed are passed over, as everywhere: bundles have some.
    pub(super) fn new(
        roots: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let whom = if store.is_empty() {
            Whom::Nobody
        } else {
            let builder =
                WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone());
            let by_authority = builder.build().map_err(|e| Error::General(e.to_string()))?;
            Whom::These {
                by_authority,
                roots,
            }
        };
        Ok(Self {
            algorithms: provider.signature_verification_algorithms,
            whom,
        })
    }

    /// Takes any certificate, but not a handshake by who does not have its key.
    pub(super) fn of_anyone(provider: &CryptoProvider) -> Self {
        Self {
            algorithms: provider.signature_verification_algorithms,
            whom: Whom::Anyone,
        }
    }
}

/// Whether the one thing that is wrong with a certificate is that it is an authority's.
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
        let (by_authority, roots) = match &self.whom {
            Whom::Anyone => return Ok(ServerCertVerified::assertion()),
            Whom::Nobody => return Err(CertificateError::UnknownIssuer.into()),
            Whom::These {
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
