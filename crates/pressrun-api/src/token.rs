//! API tokens: made from the system's randomness, checked by a checksum, kept only as SHA-256.

use jiff::Timestamp;
use pressrun_domain::id::{ApiKeyId, MembershipId};
use pressrun_domain::key::{ApiKey, KeyKind, Scopes};
use pressrun_domain::secret::Secret;
use sha2::{Digest, Sha256};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Random characters of a token: 297 bits.
const RANDOM_CHARS: usize = 50;

/// Characters of the checksum at its end, by which a scanner knows a token from noise.
const CHECKSUM_CHARS: usize = 6;

/// Characters of a token that may be shown in lists: prefix and four of the random ones.
const SHOWN_CHARS: usize = 11;

/// Makes a key: the token, to be shown once, the row to store, and the hash to store it under.
///
/// # Errors
/// The system gave no randomness.
pub fn mint(kind: KeyKind, member: MembershipId, name: &str, now: Timestamp) -> Result<(Secret, ApiKey, [u8; 32]), getrandom::Error> {
    let prefix = match kind {
        KeyKind::Organization => "pr_osk_",
        KeyKind::Personal => "pr_pat_",
    };
    let mut token = String::from(prefix);
    extend_randomly(&mut token, prefix.len() + RANDOM_CHARS)?;
    let sum = checksum(&token);
    token.push_str(&sum);
    let key = ApiKey {
        id: ApiKeyId::generate(),
        kind,
        member,
        name: name.to_owned(),
        prefix: token.chars().take(SHOWN_CHARS).collect(),
        scopes: Scopes::ALL,
        created_at: now,
        expires_at: None,
        last_used_at: None,
        revoked_at: None,
    };
    let hash = hash(&token);
    Ok((Secret::new(token), key, hash))
}

/// A secret for the cookie of a session, as random as a token.
///
/// # Errors
/// The system gave no randomness.
pub fn session_secret() -> Result<Secret, getrandom::Error> {
    let mut secret = String::new();
    extend_randomly(&mut secret, RANDOM_CHARS)?;
    Ok(Secret::new(secret))
}

/// Adds fair random characters until `text` has `length`.
fn extend_randomly(text: &mut String, length: usize) -> Result<(), getrandom::Error> {
    while text.len() < length {
        let mut bytes = [0_u8; 64];
        getrandom::fill(&mut bytes)?;
        // Bytes from 248 on would make some characters likelier than others.
        let fair = bytes.iter().filter(|byte| **byte < 248).map(|byte| char::from(ALPHABET[usize::from(*byte) % 62]));
        text.extend(fair.take(length - text.len()));
    }
    Ok(())
}

/// What a token is stored and looked up under.
#[must_use]
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn checksum(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(CHECKSUM_CHARS).map(|byte| char::from(ALPHABET[usize::from(*byte) % 62])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_prefix_randomness_and_checksum_and_are_never_the_same() {
        let member = MembershipId::generate();
        let (token, key, stored) = mint(KeyKind::Organization, member, "ci", Timestamp::UNIX_EPOCH).expect("randomness");
        let (other, ..) = mint(KeyKind::Organization, member, "ci", Timestamp::UNIX_EPOCH).expect("randomness");
        let text = token.expose();
        assert_eq!(text.len(), 7 + RANDOM_CHARS + CHECKSUM_CHARS);
        assert!(text.starts_with("pr_osk_") && text[7..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(text[57..], checksum(&text[..57]));
        assert_eq!(stored, hash(text));
        assert!(text.starts_with(&key.prefix) && key.prefix.len() == SHOWN_CHARS);
        assert_ne!(token, other);
    }
}
