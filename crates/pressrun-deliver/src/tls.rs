//! Which certificates we trust: the bundled roots, the system's, and the operator's own.

use std::sync::Arc;
use std::{fmt, io};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::config::ConfigError;

/// TLS for clients: `ring`, TLS 1.2 and up, host names checked.
pub(crate) fn client(extra_roots: &[Vec<u8>]) -> Result<Arc<ClientConfig>, ConfigError> {
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Tls)?
        .with_root_certificates(roots(extra_roots)?)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The same, and these certificates of an operator's in PEM form: authorities, or servers' own.
///
/// A server's own certificate is trusted as it is, also when it says that it belongs to an authority, as those made by hand mostly do: the
/// library takes no such certificate for a server's. It still has to carry the host's name and be in its time.
pub(crate) fn client_trusting(extra_roots: &[Vec<u8>], pem: &str) -> Result<Arc<ClientConfig>, ConfigError> {
    let own: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(|_| ConfigError::MailAuthority)?;
    if own.is_empty() {
        return Err(ConfigError::MailAuthority);
    }
    let mut roots = roots(extra_roots)?;
    roots.add_parsable_certificates(own.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|_| ConfigError::MailAuthority)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(ConfigError::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(OwnOrUsual { own, usual }))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn roots(extra: &[Vec<u8>]) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(system_roots());
    for root in extra {
        roots.add(CertificateDer::from(root.clone())).map_err(ConfigError::Root)?;
    }
    Ok(roots)
}

/// Takes what the library takes, and certificates that the operator named.
#[derive(Debug)]
struct OwnOrUsual {
    own: Vec<CertificateDer<'static>>,
    usual: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for OwnOrUsual {
    fn verify_server_cert(
        &self,
        server: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.usual.verify_server_cert(server, intermediates, name, ocsp, now);
        // The library looks at the time before it looks at what the certificate says it is.
        if verified.as_ref().is_err_and(is_about_authority) && self.own.iter().any(|own| own.as_ref() == server.as_ref()) {
            rustls::client::verify_server_name(&ParsedCertificate::try_from(server)?, name)?;
            return Ok(ServerCertVerified::assertion());
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

/// Whether a certificate of an authority was shown as a server's own.
fn is_about_authority(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => true,
        // The library hands this one through without a name of its own.
        Error::InvalidCertificate(CertificateError::Other(other)) => other.to_string().contains("CaUsedAsEndEntity"),
        _ => false,
    }
}

/// Why no TLS came of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsFault {
    /// The certificate is of nobody whom we trust.
    Untrusted,
    /// Something else is wrong with the certificate.
    Certificate,
    /// What answered speaks no TLS.
    NoTls,
    /// The handshake broke off.
    Handshake,
}

/// The same in words, which say whose certificate to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsError {
    pub(crate) fault: TlsFault,
    words: String,
}

impl TlsError {
    /// There is no name that a certificate could carry.
    pub(crate) fn no_name() -> Self {
        Self { fault: TlsFault::Handshake, words: "the host is no valid name".to_owned() }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// Why a handshake failed.
pub(crate) fn explained(error: &io::Error) -> TlsError {
    let found = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let (fault, words) = match found {
        Some(error @ Error::InvalidCertificate(_)) if is_about_authority(error) => {
            (TlsFault::Untrusted, "the server's certificate is signed by itself or by an authority that is not trusted".to_owned())
        }
        Some(Error::InvalidCertificate(fault)) => (TlsFault::Certificate, format!("the server's certificate {}", about(fault))),
        Some(Error::InvalidMessage(_)) => (TlsFault::NoTls, "what the server said is no TLS".to_owned()),
        Some(Error::AlertReceived(alert)) => (TlsFault::Handshake, format!("the server broke the handshake off: {alert:?}")),
        _ => (TlsFault::Handshake, error.to_string()),
    };
    TlsError { fault, words }
}

fn about(fault: &CertificateError) -> String {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "is not valid yet".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "is for another host".to_owned(),
        CertificateError::Revoked => "is revoked".to_owned(),
        CertificateError::BadSignature => "has a wrong signature".to_owned(),
        other => format!("is not valid: {other}"),
    }
}

/// The system's authorities, without those that cannot be read: one odd certificate must not stop all mail.
fn system_roots() -> impl Iterator<Item = CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs().certs;
    found.into_iter().filter(|certificate| RootCertStore::empty().add(certificate.clone()).is_ok())
}
