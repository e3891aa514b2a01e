//! The host key that a server must show (D7).

use russh::keys::{Algorithm, HashAlg, PublicKey};

/// What was pinned, or given in advance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pinned {
    /// The key itself.
    Key(Box<PublicKey>),
    /// Its SHA-256 fingerprint, `SHA256:…`, as `ssh-keygen -l` and consoles show it.
    Fingerprint(String),
}

impl Pinned {
    /// `ssh-ed25519 AAAA…`, a line of `known_hosts` or `ssh-keyscan`, or a fingerprint; `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let words: Vec<&str> = text.split_whitespace().collect();
        if let [print] = words[..]
            && let Some(digest) = print.strip_prefix("SHA256:")
        {
            let letters = digest.trim_end_matches('=');
            let valid = letters.len() == 43 && letters.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
            return valid.then(|| Self::Fingerprint(format!("SHA256:{letters}")));
        }
        let begins = words.iter().take(2).position(|word| word.starts_with("ssh-") || word.starts_with("ecdsa-sha2-"))?;
        let key = PublicKey::from_openssh(&words[begins..].join(" ")).ok()?;
        Some(Self::Key(Box::new(key)))
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
        for text in [
            KEY.to_owned(),
            format!("  {KEY} root@sftp\n"),
            format!("sftp.blobsrus.com {KEY}"),
            format!("[sftp.blobsrus.com]:2222,10.0.0.1 {KEY} comment"),
            print.clone(),
            format!("{print}="),
        ] {
            assert!(Pinned::parse(&text).is_some_and(|pinned| pinned.is(&key)), "{text}");
        }
        for text in
            ["", "ssh-ed25519", "ssh-ed25519 nonsense", "SHA256:short", "MD5:aa:bb", "a b c ssh-ed25519 AAAA", "ssh-ed25519 AAAA\u{0}"]
        {
            assert_eq!(Pinned::parse(text), None, "{text}");
        }
    }
}
