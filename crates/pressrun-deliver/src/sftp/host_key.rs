//! The host key that a server must show (D7).

use pressrun_domain::destination::{HostKey, InvalidHostKey};
use russh::keys::{Algorithm, HashAlg, PublicKey};

/// What was pinned, or given in advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pinned {
    /// The key itself.
    Key(Box<PublicKey>),
    /// Its SHA-256 fingerprint, `SHA256:…`.
    Fingerprint(String),
}

impl Pinned {
    /// Reads what is stored for a host key.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidHostKey> {
        let key = HostKey::of_stored(text)?;
        match &key {
            HostKey::Key { .. } => {
                PublicKey::from_openssh(&key.to_string()).map(|key| Self::Key(Box::new(key))).map_err(|_| InvalidHostKey::Form)
            }
            HostKey::Fingerprint(_) => Ok(Self::Fingerprint(key.to_string())),
        }
    }

    /// Whether `shown` is that key.
    pub(super) fn is(&self, shown: &PublicKey) -> bool {
        match self {
            Self::Key(key) => key.key_data() == shown.key_data(),
            Self::Fingerprint(print) => shown.fingerprint(HashAlg::Sha256).to_string() == *print,
        }
    }

    /// The kind of key to ask the server for, when it is known.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        match self {
            Self::Key(key) => Some(key.algorithm()),
            Self::Fingerprint(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn d7_a_host_key_is_given_as_people_have_it() {
        let key = PublicKey::from_openssh(KEY).expect("a key");
        let print = key.fingerprint(HashAlg::Sha256).to_string();
        for text in [KEY.to_owned(), format!("[sftp.blobsrus.com]:2222,10.0.0.1 {KEY} comment"), print.clone(), format!("{print}=")] {
            assert!(Pinned::parse(&text).is_ok_and(|pinned| pinned.is(&key)), "{text}");
        }
        for text in ["", "garbage", "ssh-ed25519 nonsense", "SHA256:short"] {
            assert_eq!(Pinned::parse(text), Err(InvalidHostKey::Form), "{text}");
        }
    }
}
