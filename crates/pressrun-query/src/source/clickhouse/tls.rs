//! TLS with the authorities of the connection, or the system's and the bundled ones.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::{QueryError, QueryErrorKind};
use crate::source::system_roots;

/// How certificates are judged; where no TLS `is_spoken`, no authority is read.
///
/// # Errors
/// The file has none.
pub(super) fn config(is_spoken: bool, authorities: Option<&Path>) -> Result<ClientConfig, QueryError> {
    let roots = match authorities {
        _ if !is_spoken => RootCertStore::empty(),
        None => system_roots(),
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(read.unwrap_or_default());
            if roots.is_empty() {
                return Err(QueryError::new(QueryErrorKind::Login, "the file of `sslrootcert` cannot be read")
                    .hint("name a PEM file with certificates, which the server may read"));
            }
            roots
        }
    };
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider())).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| QueryError::new(QueryErrorKind::Internal, error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
