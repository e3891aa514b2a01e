//! Secrets at rest (D13).
//!
//! AES-256-GCM-SIV under keys that live outside the database. The sealed form is
//! `version (1) ‖ key id (8) ‖ nonce (12) ‖ ciphertext and tag`; table, row and column are authenticated with it, so that a sealed value
//! copied to another place does not open. The first key seals, every key opens: to rotate, put a new key first, call
//! [`Seals::reseal_all`](crate::Seals::reseal_all), then drop the old key. A sealer that [follows](Sealer::following) its keys takes all
//! three steps while it runs.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aes_gcm_siv::aead::{Aead, KeyInit, Payload};
use aes_gcm_siv::{Aes256GcmSiv, Nonce};
use pressrun_domain::secret::Secret;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::StoreError;

const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 12;
const HEADER: usize = 1 + KEY_ID + NONCE;

/// One 256-bit key. `Debug` shows its id only.
pub struct SealingKey {
    id: [u8; KEY_ID],
    cipher: Aes256GcmSiv,
}

impl SealingKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        let digest = Sha256::new().chain_update(b"pressrun sealing key id").chain_update(bytes).finalize();
        let mut id = [0; KEY_ID];
        id.copy_from_slice(&digest[..KEY_ID]);
        Self { id, cipher: Aes256GcmSiv::new(&(*bytes).into()) }
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", hex::encode(self.id))
    }
}

/// Where a sealed value stands; it opens nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Table.
    pub table: &'a str,
    /// Primary key.
    pub row: &'a str,
    /// Column.
    pub column: &'a str,
}

impl Place<'_> {
    /// The three names with their lengths, so that no two places give the same bytes.
    fn authenticated(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.table.len() + self.row.len() + self.column.len() + 24);
        for name in [self.table, self.row, self.column] {
            bytes.extend_from_slice(&(name.len() as u64).to_be_bytes());
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes
    }
}

/// Where keys stand when they may change: 64 hexadecimal digits each, the present one first.
type KeySource = Box<dyn Fn() -> Result<Vec<Secret>, StoreError> + Send + Sync>;

/// Seals and opens secrets.
pub struct Sealer {
    keys: RwLock<Keyring>,
    source: Option<KeySource>,
}

/// The present key first; those that only open after it.
type Keyring = Arc<Vec<Arc<SealingKey>>>;

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("keys", &self.keyring()).finish_non_exhaustive()
    }
}

impl Sealer {
    /// A sealer of these keys, the present one first.
    ///
    /// # Errors
    /// [`StoreError::Sealing`] when there is none.
    pub fn new(keys: Vec<SealingKey>) -> Result<Self, StoreError> {
        if keys.is_empty() {
            return Err(no_key());
        }
        Ok(Self { keys: RwLock::new(Arc::new(keys.into_iter().map(Arc::new).collect())), source: None })
    }

    /// A sealer that looks its keys up again before it seals, and when it meets a secret of a key that it does not know: a rotation needs no
    /// restart. Keys that it has once known go on opening.
    ///
    /// # Errors
    /// As [`Sealer::from_hex_keys`], and those of `source`.
    pub fn following(source: impl Fn() -> Result<Vec<Secret>, StoreError> + Send + Sync + 'static) -> Result<Self, StoreError> {
        let sealer = Self::from_hex_keys(&source()?)?;
        Ok(Self { source: Some(Box::new(source)), ..sealer })
    }

    /// A sealer of keys written as 64 hexadecimal digits, the present one first; white space around them is ignored.
    ///
    /// # Errors
    /// [`StoreError::Sealing`] when there is none or one has another form; the message tells which, never what.
    pub fn from_hex_keys(keys: &[Secret]) -> Result<Self, StoreError> {
        let parsed = keys.iter().enumerate().map(|(at, key)| {
            let mut bytes = Zeroizing::new([0; 32]);
            hex::decode_to_slice(key.expose().trim(), bytes.as_mut_slice()).map_err(|_| {
                StoreError::Sealing(format!("sealing key {} is not 64 hexadecimal digits; make one with `openssl rand -hex 32`", at + 1))
            })?;
            Ok(SealingKey::new(&bytes))
        });
        Self::new(parsed.collect::<Result<_, StoreError>>()?)
    }

    fn keyring(&self) -> Keyring {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The keys as they are now.
    fn renewed(&self) -> Result<Keyring, StoreError> {
        let Some(source) = &self.source else { return Ok(self.keyring()) };
        let listed = Self::from_hex_keys(&source()?)?.keyring();
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if listed.first().map(|key| key.id) != keys.first().map(|key| key.id) || listed.iter().any(|key| !holds(&keys, key.id)) {
            let former: Vec<_> = keys.iter().filter(|key| !holds(&listed, key.id)).cloned().collect();
            *keys = Arc::new(listed.iter().cloned().chain(former).collect());
        }
        Ok(Arc::clone(&keys))
    }

    fn present(&self) -> Result<Arc<SealingKey>, StoreError> {
        self.renewed()?.first().cloned().ok_or_else(no_key)
    }

    /// What every secret begins with that was sealed under the present key.
    ///
    /// # Errors
    /// [`StoreError::Sealing`] when the keys cannot be looked up.
    pub(crate) fn present_mark(&self) -> Result<Vec<u8>, StoreError> {
        Ok([&[VERSION][..], self.present()?.id.as_slice()].concat())
    }

    /// A new random key as 64 hexadecimal digits, to be kept in a key file.
    ///
    /// # Errors
    /// [`StoreError::Sealing`] when the operating system has no randomness to give.
    pub fn generate_key() -> Result<Secret, StoreError> {
        let mut bytes = Zeroizing::new([0; 32]);
        fill(bytes.as_mut_slice())?;
        let text = Zeroizing::new(hex::encode(bytes.as_slice()));
        Ok(Secret::new(text.as_str()))
    }

    /// Seals under the first key.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let key = self.present()?;
        let mut nonce = [0; NONCE];
        fill(&mut nonce)?;
        let aad = place.authenticated();
        let cipher_text = key
            .cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: plain, aad: &aad })
            .map_err(|_| StoreError::Sealing("the value is too long to be sealed".into()))?;
        let mut sealed = Vec::with_capacity(HEADER + cipher_text.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&cipher_text);
        Ok(sealed)
    }

    /// Opens what [`Sealer::seal`] made at the same place.
    ///
    /// # Errors
    /// [`StoreError::Sealing`] when its key is not configured, or when it was altered or moved.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let header: &[u8; HEADER] =
            sealed.first_chunk().filter(|header| header[0] == VERSION).ok_or_else(|| damaged(place, "has an unknown form"))?;
        let (id, nonce) = header[1..].split_at(KEY_ID);
        let find = |keys: &Keyring| keys.iter().find(|key| key.id == id).cloned();
        let key = match find(&self.keyring()) {
            Some(key) => key,
            None => find(&self.renewed()?).ok_or_else(|| {
                damaged(
                    place,
                    &format!("was sealed with key {}, which is not configured; add that key after the present one", hex::encode(id)),
                )
            })?,
        };
        let nonce = Nonce::try_from(nonce).map_err(|_| damaged(place, "has an unknown form"))?;
        let aad = place.authenticated();
        let plain = key.cipher.decrypt(&nonce, Payload { msg: &sealed[HEADER..], aad: &aad });
        plain.map(Zeroizing::new).map_err(|_| damaged(place, "was altered or moved here from another row"))
    }
}

fn holds(keys: &Keyring, id: [u8; KEY_ID]) -> bool {
    keys.iter().any(|key| key.id == id)
}

fn no_key() -> StoreError {
    StoreError::Sealing("no key is configured".into())
}

fn damaged(place: Place<'_>, fault: &str) -> StoreError {
    StoreError::Sealing(format!("{}.{} of row {} {fault}", place.table, place.column, place.row))
}

fn fill(bytes: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|fault| StoreError::Sealing(format!("no randomness: {fault}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Place<'static> = Place { table: "schedules", row: "1", column: "sealed" };

    fn sealer(keys: &[u8]) -> Sealer {
        Sealer::new(keys.iter().map(|byte| SealingKey::new(&[*byte; 32])).collect()).unwrap()
    }

    #[test]
    fn d13_what_is_sealed_opens_again_and_shows_nothing() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal(HERE, b"1am@g00dBL0b").unwrap();
        assert!(!sealed.windows(8).any(|part| part == b"1am@g00d"));
        assert_eq!(sealer.open(HERE, &sealed).unwrap().as_slice(), b"1am@g00dBL0b");
        assert_ne!(sealed, sealer.seal(HERE, b"1am@g00dBL0b").unwrap(), "a nonce is never used twice");
    }

    #[test]
    fn d13_a_sealed_value_opens_at_its_place_only() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal(HERE, b"secret").unwrap();
        for place in [
            Place { row: "2", ..HERE },
            Place { table: "runs", ..HERE },
            Place { column: "other", ..HERE },
            Place { table: "schedules1", row: "", column: "sealed" },
        ] {
            assert!(matches!(sealer.open(place, &sealed), Err(StoreError::Sealing(_))), "{place:?}");
        }
    }

    #[test]
    fn d13_an_altered_value_does_not_open() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal(HERE, b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(sealer.open(HERE, &altered).is_err(), "byte {at}");
        }
        for length in 0..sealed.len() {
            assert!(sealer.open(HERE, &sealed[..length]).is_err(), "first {length} bytes");
        }
    }

    #[test]
    fn d13_the_first_key_seals_and_every_key_opens() {
        let sealed = sealer(&[1]).seal(HERE, b"secret").unwrap();
        let rotated = sealer(&[2, 1]);
        let mark = rotated.present_mark().unwrap();
        assert!(!sealed.starts_with(&mark));
        let plain = rotated.open(HERE, &sealed).unwrap();
        let again = rotated.seal(HERE, &plain).unwrap();
        assert!(again.starts_with(&mark));
        assert!(sealer(&[1]).open(HERE, &again).is_err());
        assert_eq!(sealer(&[2]).open(HERE, &again).unwrap().as_slice(), b"secret");
    }

    #[test]
    fn d13_keys_that_change_are_followed_and_former_ones_go_on_opening() {
        let key = |digit: &str| Secret::new(digit.repeat(64));
        let listed = Arc::new(RwLock::new(vec![key("1")]));
        let source = Arc::clone(&listed);
        let sealer = Sealer::following(move || Ok(source.read().unwrap().clone())).unwrap();
        let first = sealer.seal(HERE, b"secret").unwrap();
        let elsewhere = Sealer::from_hex_keys(&[key("2")]).unwrap();
        let foreign = elsewhere.seal(HERE, b"resealed").unwrap();
        assert!(sealer.open(HERE, &foreign).is_err());
        *listed.write().unwrap() = vec![key("2"), key("1")];
        assert_eq!(sealer.open(HERE, &foreign).unwrap().as_slice(), b"resealed");
        *listed.write().unwrap() = vec![key("2")];
        assert!(sealer.seal(HERE, b"secret").unwrap().starts_with(&elsewhere.present_mark().unwrap()));
        assert_eq!(sealer.open(HERE, &first).unwrap().as_slice(), b"secret");
        listed.write().unwrap().clear();
        assert!(sealer.seal(HERE, b"secret").is_err(), "never under a key that may have been dropped");
    }

    #[test]
    fn keys_are_64_hex_digits_and_are_never_printed() {
        let key = Sealer::generate_key().unwrap();
        assert_eq!(key.expose().len(), 64);
        let sealer = Sealer::from_hex_keys(&[Secret::new(format!(" {}\n", key.expose()))]).unwrap();
        assert!(!format!("{sealer:?}").contains(key.expose()));
        for bad in ["", "abc", &"g".repeat(64), &"a".repeat(63), &"a".repeat(66)] {
            let error = Sealer::from_hex_keys(&[Secret::new(bad)]).unwrap_err().to_string();
            assert!(error.contains("key 1") && (bad.len() < 10 || !error.contains(bad)), "{error}");
        }
        assert!(Sealer::from_hex_keys(&[]).is_err());
    }
}
