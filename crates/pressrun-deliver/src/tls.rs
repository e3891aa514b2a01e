//! Which certificates we trust: the bundled roots, the system's, and the operator's own.

use std::io;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use crate::config::ConfigError;

/// TLS for clients: `ring`, TLS 1.2 and up, host names checked.
pub(crate) fn client(extra_roots: &[Vec<u8>]) -> Result<Arc<ClientConfig>, ConfigError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(system_roots());
    for root in extra_roots {
        roots.add(CertificateDer::from(root.clone())).map_err(ConfigError::Root)?;
    }
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// Why a handshake failed, in words that say whose certificate to look at.
pub(crate) fn explained(error: &io::Error) -> String {
    let found = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let Some(Error::InvalidCertificate(fault)) = found else { return error.to_string() };
    let words = match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "is for another host",
        CertificateError::UnknownIssuer => "is signed by itself or by an authority that is not trusted",
        CertificateError::Revoked => "is revoked",
        CertificateError::BadSignature => "has a wrong signature",
        _ => return format!("the server's certificate is not valid: {fault}"),
    };
    format!("the server's certificate {words}")
}

/// The system's authorities, without those that cannot be read: one odd certificate must not stop all mail.
fn system_roots() -> impl Iterator<Item = CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs().certs;
    found.into_iter().filter(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok())
}
