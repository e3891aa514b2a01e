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

/// Reads a key in OpenSSH or PEM form.
pub(super) fn read(key: &Secret, passphrase: Option<&Secret>) -> Result<PrivateKey, InvalidPrivateKey> {
    match effort::is_moderate(key.expose()) {
        Some(true) => {}
        Some(false) => return Err(InvalidPrivateKey::Costly),
        None => return Err(InvalidPrivateKey::Unreadable),
    }
    decode_secret_key(key.expose(), passphrase.map(Secret::expose)).map_err(|error| match error {
        Error::KeyIsEncrypted => InvalidPrivateKey::Encrypted,
        // The library's words may quote the key; ours do not.
        _ => InvalidPrivateKey::Unreadable,
    })
}

/// Checks that a delivery will be able to read this key; decrypting one takes a moment of CPU.
///
/// # Errors
/// [`InvalidPrivateKey`].
pub fn check_private_key(key: &Secret, passphrase: Option<&Secret>) -> Result<(), InvalidPrivateKey> {
    read(key, passphrase).map(drop)
}
