//! The host of an SFTP destination as people type it (contract §5.1.4).

use url::Host;

/// The text is no SFTP host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid SFTP address")]
pub struct InvalidSftpAddress;

/// `sftp.example.com` or `sftp://sftp.example.com`, with no port and no user inside.
///
/// # Errors
/// [`InvalidSftpAddress`], whose text is the contract's.
pub fn parse_sftp_address(text: &str) -> Result<Host, InvalidSftpAddress> {
    let text = text.trim();
    let host = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sftp") => rest.strip_suffix('/').unwrap_or(rest),
        Some(_) => return Err(InvalidSftpAddress),
        None => text,
    };
    if let Ok(v6) = host.parse::<std::net::Ipv6Addr>() {
        return Ok(Host::Ipv6(v6));
    }
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (!bracketed && host.contains([':', '@', '/', '?', '#', '%'])) {
        return Err(InvalidSftpAddress);
    }
    match Host::parse(host) {
        Ok(Host::Domain(name)) if name.starts_with('-') || name.starts_with('.') => Err(InvalidSftpAddress),
        Ok(host) => Ok(host),
        Err(_) => Err(InvalidSftpAddress),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sftp_address_is_a_bare_host_or_a_url_without_port_and_user() {
        for (text, expected) in [
            ("sftp.blobsrus.com", Some("sftp.blobsrus.com")),
            ("sftp://sftp.blobsrus.com", Some("sftp.blobsrus.com")),
            ("SFTP://sftp.blobsrus.com/", Some("sftp.blobsrus.com")),
            (" sftp.blobsrus.com ", Some("sftp.blobsrus.com")),
            ("93.184.216.34", Some("93.184.216.34")),
            ("2606:4700::1", Some("[2606:4700::1]")),
            ("sftp://[::1]", Some("[::1]")),
            ("0x7f.1", Some("127.0.0.1")),
            ("sftp://sftp.blobsrus.com:22", None),
            ("sftp.blobsrus.com:22", None),
            ("sftp://blobby@sftp.blobsrus.com", None),
            ("blobby@sftp.blobsrus.com", None),
            ("sftp://sftp.blobsrus.com/in", None),
            ("ftp://sftp.blobsrus.com", None),
            ("https://sftp.blobsrus.com", None),
            ("two words", None),
            ("-oProxyCommand=x", None),
            ("sftp://", None),
            ("", None),
        ] {
            assert_eq!(parse_sftp_address(text).ok().map(|found| format!("{found}")).as_deref(), expected, "{text:?}");
        }
    }
}
