//! Private keys as operators have them: PEM, RSA in PKCS #1 or #8, Ed25519 in PKCS #8.

use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

/// A key that signs.
pub(super) enum Key {
    /// `rsa-sha256` (RFC 6376 §3.3.1).
    Rsa(Box<RsaKeyPair>),
    /// `ed25519-sha256` (RFC 8463).
    Ed25519(Box<Ed25519KeyPair>),
}

impl Key {
    /// `None` when the text holds no key that signs mail.
    pub(super) fn parse(pem: &str) -> Option<Self> {
        match PrivateKeyDer::from_pem_slice(pem.trim().as_bytes()).ok()? {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok().map(|key| Self::Rsa(Box::new(key))),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                let rsa = RsaKeyPair::from_pkcs8(der).ok().map(|key| Self::Rsa(Box::new(key)));
                // Tools other than ours leave the public half out, which `maybe_unchecked` allows.
                rsa.or_else(|| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).ok().map(|key| Self::Ed25519(Box::new(key))))
            }
            _ => None,
        }
    }

    /// The value of `a=`.
    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    /// `None` only when the system has no randomness left.
    pub(super) fn sign(&self, data: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), data, &mut signature).ok()?;
                Some(signature)
            }
            // RFC 8463 §3: what is signed is the hash.
            Self::Ed25519(key) => Some(key.sign(&Sha256::digest(data)).as_ref().to_vec()),
        }
    }
}
