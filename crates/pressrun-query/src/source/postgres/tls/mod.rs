//! TLS, with `sslmode` as libpq means it.

mod certificate;
mod verifier;

use std::path::Path;
use std::sync::Arc;

use pressrun_domain::postgres::{PostgresAddress, SslMode};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use self::verifier::{CertificateFault, Trust, Verifier};
use super::failure::Fault;
use crate::source::system_roots;

/// How servers that begin with TLS at once are told what is spoken inside (RFC 7301).
const PROTOCOL: &[u8] = b"postgresql";

/// Makes TLS connections; none where `sslmode` is `disable`.
#[derive(Clone)]
pub(super) struct Tls(Option<Arc<ClientConfig>>);

impl Tls {
    /// Reads the files that `address` names.
    pub(super) fn new(address: &PostgresAddress) -> Result<Self, Fault> {
        let mode = address.ssl_mode();
        if mode == SslMode::Disable {
            return Ok(Self(None));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = match (address.ssl_root_cert.as_deref(), mode) {
            (None, SslMode::Disable | SslMode::Allow | SslMode::Prefer | SslMode::Require) => Trust::Anybody,
            (None | Some("system"), _) => Trust::Authorities { roots: system_roots(), own: Vec::new() },
            (Some(path), _) => {
                let own = certificates(Path::new(path), "sslrootcert")?;
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(own.iter().cloned());
                Trust::Authorities { roots, own }
            }
        };
        let verifier = Verifier::new(trust, mode == SslMode::VerifyFull, provider.signature_verification_algorithms);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| explained(&error))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match (&address.ssl_cert, &address.ssl_key) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate, "sslcert")?;
                let key = PrivateKeyDer::from_pem_file(key).map_err(|_| unreadable("sslkey", "with a private key without a password"))?;
                config.with_client_auth_cert(chain, key).map_err(|_| Fault::Settings {
                    message: "`sslkey` does not belong to `sslcert`".to_owned(),
                    hint: "name the key with which the certificate was made".to_owned(),
                })?
            }
            _ => config.with_no_client_auth(),
        };
        if address.ssl_direct {
            config.alpn_protocols = vec![PROTOCOL.to_vec()];
        }
        Ok(Self(Some(Arc::new(config))))
    }

    /// Encrypts `stream`; also what a login may be bound to (RFC 5929, section 4), where the certificate has it.
    pub(super) async fn handshake(&self, stream: TcpStream, host: &str) -> Result<(TlsStream<TcpStream>, Option<Vec<u8>>), Fault> {
        let no_name = || Fault::Settings {
            message: "the host has no name that a certificate could carry".to_owned(),
            hint: "write its name or its address".to_owned(),
        };
        let (Some(config), Ok(name)) = (&self.0, ServerName::try_from(host.to_owned())) else { return Err(no_name()) };
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
        let binding = shown.and_then(|certificate| certificate::end_point(certificate));
        Ok((stream, binding))
    }
}

fn certificates(path: &Path, key: &str) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(unreadable(key, "with certificates")),
    }
}

fn unreadable(key: &str, what: &str) -> Fault {
    Fault::Settings {
        message: format!("the file of `{key}` cannot be read"),
        hint: format!("name a PEM file {what}, which the server may read"),
    }
}

/// A failure of TLS in words.
pub(super) fn explained(error: &rustls::Error) -> Fault {
    let told = |message: String, hint: Option<&str>, broken_off| Fault::Tls { message, hint: hint.map(str::to_owned), broken_off };
    match error {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) if other.0.is::<CertificateFault>() => {
            match other.0.downcast_ref::<CertificateFault>() {
                Some(fault) => told(fault.message.clone(), Some(&fault.hint), false),
                None => told(other.to_string(), None, false),
            }
        }
        rustls::Error::InvalidCertificate(other) => {
            told(format!("the database's certificate is not valid: {other}"), Some("look at the certificate that the server shows"), false)
        }
        rustls::Error::InvalidMessage(_) => {
            told("what the database's server said is no TLS".to_owned(), Some("check host and port"), false)
        }
        rustls::Error::AlertReceived(
            alert @ (AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::DecryptError),
        ) => told(
            format!("the database's server does not take the certificate of this client ({alert:?})"),
            Some("name one that the server trusts in `sslcert`, and its key in `sslkey`"),
            false,
        ),
        rustls::Error::AlertReceived(alert) => told(format!("the database's server broke the TLS handshake off ({alert:?})"), None, true),
        other => told(format!("TLS with the database's server failed: {other}"), None, true),
    }
}
