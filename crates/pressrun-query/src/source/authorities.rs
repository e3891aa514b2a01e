//! Authorities of certificates that are trusted when a connection names none.

use rustls::RootCertStore;

/// The bundled authorities and the system's, without those that cannot be read: one odd certificate must not stop all queries.
pub(super) fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
