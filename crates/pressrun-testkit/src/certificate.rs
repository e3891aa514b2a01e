//! Certificates made for one test.

use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A server certificate for `localhost` and 127.0.0.1, and the authority that signed it.
#[derive(Clone)]
pub struct TestCertificate {
    /// The authority in DER form, to be trusted by the client under test.
    pub authority_der: Vec<u8>,
    /// The same in PEM form.
    pub authority_pem: String,
    /// The server's certificate in PEM form, for servers that are other programs.
    pub server_pem: String,
    /// Its key in PEM form.
    pub key_pem: String,
    /// What the server uses.
    pub server: Arc<ServerConfig>,
}

impl TestCertificate {
    /// Makes a new one.
    #[must_use]
    pub fn generate() -> Self {
        Self::signed(|_| {})
    }

    /// One that ended in 2020.
    #[must_use]
    pub fn expired() -> Self {
        Self::signed(|params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        })
    }

    /// One for `elsewhere.example` alone.
    #[must_use]
    pub fn for_another_host() -> Self {
        Self::signed(|params| {
            params.subject_alt_names = vec![SanType::DnsName("elsewhere.example".try_into().expect("a name"))];
        })
    }

    /// One that signed itself; its authority is itself.
    #[must_use]
    pub fn self_signed() -> Self {
        Self::by_itself(names())
    }

    /// One that signed itself and says that it is an authority's, as the usual commands make them.
    #[must_use]
    pub fn self_signed_authority() -> Self {
        let mut params = names();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self::by_itself(params)
    }

    fn by_itself(params: CertificateParams) -> Self {
        let key = KeyPair::generate().expect("key");
        let certificate = params.self_signed(&key).expect("certificate");
        Self::new(&certificate, &certificate, &key)
    }

    fn signed(change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("key")).expect("authority");
        let key = KeyPair::generate().expect("key");
        let mut params = names();
        change(&mut params);
        let certificate = params.signed_by(&key, &authority).expect("certificate");
        Self::new(authority.as_ref(), &certificate, &key)
    }

    fn new(authority: &Certificate, certificate: &Certificate, key: &KeyPair) -> Self {
        Self {
            authority_der: authority.der().to_vec(),
            authority_pem: authority.pem(),
            server_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            server: server(certificate.der().to_vec(), key),
        }
    }
}

fn names() -> CertificateParams {
    CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).expect("names")
}

fn server(certificate: Vec<u8>, key: &KeyPair) -> Arc<ServerConfig> {
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(certificate)], private)
        .expect("server configuration");
    Arc::new(server)
}
