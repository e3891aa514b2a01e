//! Whose certificates are good enough.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};

use super::certificate::Certificate;

/// Who is trusted.
#[derive(Debug)]
pub(super) enum Trust {
    /// Whoever answers: the connection is encrypted and nothing more.
    Anybody,
    /// Authorities, and the certificates of `sslrootcert`, which may also be a server's own.
    Authorities { roots: RootCertStore, own: Vec<CertificateDer<'static>> },
}

/// Judges a server's certificate.
#[derive(Debug)]
pub(super) struct Verifier {
    trust: Trust,
    /// Whether the certificate has to be for the host.
    names: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Why a certificate is not taken, and what to do about it.
#[derive(Debug)]
pub(super) struct CertificateFault {
    pub(super) message: String,
    pub(super) hint: String,
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CertificateFault {}

fn fault(message: String, hint: impl Into<String>) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(CertificateFault { message, hint: hint.into() }))))
}

fn unread() -> Error {
    fault("the database's certificate cannot be read".to_owned(), "look at the certificate that the server shows")
}

impl Verifier {
    pub(super) fn new(trust: Trust, names: bool, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { trust, names, algorithms }
    }

    fn trusted(
        &self,
        der: &CertificateDer<'_>,
        shown: &Certificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let Trust::Authorities { roots, own } = &self.trust else { return Ok(()) };
        in_its_time(shown, now)?;
        // The server's own certificate is trusted as it is, also when it says that it belongs to an authority.
        if own.iter().any(|own| own.as_ref() == der.as_ref()) || own.iter().any(|own| self.is_signed_by(shown, own)) {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(der);
        let chain = parsed.and_then(|end| verify_server_cert_signed_by_trust_anchor(&end, roots, intermediates, now, self.algorithms.all));
        chain.map_err(|error| {
            let hint = if own.is_empty() {
                "name the authority's certificate, or the server's own, in `sslrootcert`; sslmode=require encrypts without looking at it"
            } else {
                "name the authority's certificate, or the server's own, in `sslrootcert`: it is neither of what is named there"
            };
            let why = match error {
                Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
                    "has an authority whose certificate has expired"
                }
                Error::InvalidCertificate(CertificateError::BadSignature) => "has a wrong signature",
                _ => "is of no authority that is trusted",
            };
            fault(format!("the database's certificate ({}) {why}", shown.described()), hint)
        })
    }

    /// Whether `issuer` itself signed a certificate of version 1, which is what the recipe of PostgreSQL's manual makes. The library reads none
    /// of them; of others it builds the chain, and looks at what they are for.
    fn is_signed_by(&self, shown: &Certificate<'_>, issuer: &CertificateDer<'_>) -> bool {
        let Some(issuer) = Certificate::read(issuer) else { return false };
        let fits = |algorithm: &&&'static dyn rustls::pki_types::SignatureVerificationAlgorithm| {
            algorithm.signature_alg_id().as_ref() == shown.signature_algorithm
                && algorithm.public_key_alg_id().as_ref() == issuer.key_algorithm
        };
        shown.is_version_one
            && issuer.subject == shown.issuer
            && self
                .algorithms
                .all
                .iter()
                .filter(fits)
                .any(|algorithm| algorithm.verify_signature(issuer.key, shown.signed, shown.signature).is_ok())
    }

    fn is_for(&self, der: &CertificateDer<'_>, shown: &Certificate<'_>, host: &ServerName<'_>) -> Result<(), Error> {
        if !self.names || matches!(self.trust, Trust::Anybody) {
            return Ok(());
        }
        let good = if shown.names.is_empty() {
            // Certificates made by hand have their host there, and libpq looks.
            shown.common_name().is_some_and(|name| carries(&name, &host.to_str()))
        } else {
            ParsedCertificate::try_from(der).and_then(|parsed| verify_server_name(&parsed, host)).is_ok()
        };
        if good {
            return Ok(());
        }
        let names = if shown.names.is_empty() { shown.common_name().into_iter().collect() } else { shown.names.clone() };
        Err(fault(
            format!("the database's certificate is for `{}` and not for `{}`", names.join("`, `"), host.to_str()),
            "write the name of the certificate as host, with the address in `hostaddr`; sslmode=verify-ca takes it for every host",
        ))
    }
}

fn in_its_time(shown: &Certificate<'_>, now: UnixTime) -> Result<(), Error> {
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let day = |second| jiff::Timestamp::from_second(second).map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%d").to_string());
    if now > shown.not_after {
        let message = format!("the database's certificate ({}) expired on {}", shown.described(), day(shown.not_after));
        return Err(fault(message, "renew it at the server"));
    }
    if now < shown.not_before {
        let message = format!("the database's certificate ({}) is not valid before {}", shown.described(), day(shown.not_before));
        return Err(fault(message, "check the clocks of both machines"));
    }
    Ok(())
}

/// A star stands for one whole label, the first (libpq does the same).
fn carries(name: &str, host: &str) -> bool {
    let (name, host) = (name.trim_end_matches('.').to_ascii_lowercase(), host.trim_end_matches('.').to_ascii_lowercase());
    match name.strip_prefix("*.") {
        Some(parent) => parent.contains('.') && host.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == parent),
        None => name == host,
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Certificate::read(end).ok_or_else(unread)?;
        self.trusted(end, &shown, intermediates, now)?;
        self.is_for(end, &shown, host)?;
        Ok(ServerCertVerified::assertion())
    }

    /// Whoever shows the certificate has its key, in every mode: a session that anybody can take over is not encrypted.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        end: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let shown = Certificate::read(end).ok_or_else(unread)?;
        let algorithms = self.algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme).flat_map(|(_, found)| found.iter());
        let good = algorithms
            .filter(|algorithm| algorithm.public_key_alg_id().as_ref() == shown.key_algorithm)
            .any(|algorithm| algorithm.verify_signature(shown.key, message, signed.signature()).is_ok());
        if good { Ok(HandshakeSignatureValid::assertion()) } else { Err(Error::InvalidCertificate(CertificateError::BadSignature)) }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        end: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let shown = Certificate::read(end).ok_or_else(unread)?;
        verify_tls13_signature_with_raw_key(message, &SubjectPublicKeyInfoDer::from(shown.key_info), signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::carries;

    #[test]
    fn a10_common_names_are_compared_as_libpq_does() {
        for (name, host, expected) in [
            ("db.example.com", "DB.example.com", true),
            ("db.example.com", "db.example.org", false),
            ("*.example.com", "db.example.com", true),
            ("*.example.com", "a.db.example.com", false),
            ("*.example.com", "example.com", false),
            ("*.com", "example.com", false),
            ("*", "localhost", false),
            ("localhost", "localhost", true),
        ] {
            assert_eq!(carries(name, host), expected, "{name} {host}");
        }
    }
}
