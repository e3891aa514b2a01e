//! Private keys as people paste them.

use pressrun_domain::secret::Secret;
use russh::keys::{Error, PrivateKey, decode_secret_key};

use super::effort;

/// Why a private key cannot be used. No text quotes the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrivateKey {
    /// It is encrypted, and there is no passphrase.
    #[error("the private key is encrypted; give its passphrase")]
    Encrypted,
    /// Opening it would keep a processor busy for longer than anybody waits.
    #[error("the private key takes too much work to open; change its passphrase with fewer rounds (ssh-keygen -p -a 100)")]
    Costly,
    /// It is damaged or of another kind, or the passphrase is wrong.
    #[error("the private key cannot be read: wrong passphrase, or neither OpenSSH nor PEM form")]
    Unreadable,
}

/// Reads a key in OpenSSH or PEM form, as people paste it: with blanks around its lines, and with a passphrase that it may not need.
pub(super) fn read(key: &Secret, passphrase: Option<&Secret>) -> Result<PrivateKey, InvalidPrivateKey> {
    let text = key.expose().trim().lines().map(str::trim).collect::<Vec<_>>().join("\n");
    match effort::is_moderate(&text) {
        Some(true) => {}
        Some(false) => return Err(InvalidPrivateKey::Costly),
        None => return Err(InvalidPrivateKey::Unreadable),
    }
    let read = |passphrase: Option<&Secret>| {
        decode_secret_key(&text, passphrase.map(Secret::expose)).map_err(|error| match error {
            Error::KeyIsEncrypted => InvalidPrivateKey::Encrypted,
            // The library's words may quote the key; ours do not.
            _ => InvalidPrivateKey::Unreadable,
        })
    };
    let found = read(passphrase);
    if found.is_ok() || passphrase.is_none() { found } else { read(None).or(found) }
}

/// Checks that a delivery will be able to read this key; decrypting one takes a moment of CPU.
///
/// # Errors
/// [`InvalidPrivateKey`].
pub fn check_private_key(key: &Secret, passphrase: Option<&Secret>) -> Result<(), InvalidPrivateKey> {
    read(key, passphrase).map(drop)
}
