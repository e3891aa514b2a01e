//! Which SSH algorithms we take, and words for when a server has none of them.
//!
//! What is taken without asking is what OpenSSH's client takes today. Partners' servers live long: what is weaker (SHA-1 in the key exchange,
//! CBC ciphers) is taken only for a schedule that says `legacyAlgorithms`, because whoever reads the file on the wire is the schedule owner's
//! risk to take. Groups of 1024 bits, RC4 and 3DES are taken for nobody.

use std::borrow::Cow;

use russh::keys::Algorithm;
use russh::{AlgorithmKind, Error, Preferred, cipher, kex, mac};

/// Added to the library's own choice for everybody: what OpenSSH takes besides.
const MORE_KEX: [kex::Name; 3] = [kex::ECDH_SHA2_NISTP256, kex::ECDH_SHA2_NISTP384, kex::ECDH_SHA2_NISTP521];
/// SHA-1 is broken for signatures; as a keyed checksum it is not.
const MORE_MACS: [mac::Name; 2] = [mac::HMAC_SHA1_ETM, mac::HMAC_SHA1];

const MORE_CIPHERS: [cipher::Name; 1] = [cipher::AES_128_GCM];

const LEGACY_KEX: [kex::Name; 2] = [kex::DH_G14_SHA1, kex::DH_GEX_SHA1];
const LEGACY_CIPHERS: [cipher::Name; 3] = [cipher::AES_256_CBC, cipher::AES_192_CBC, cipher::AES_128_CBC];

/// What to offer a server, strongest first; a host key of kind `wanted` before the others, and none of the kinds in `without`.
pub(super) fn offer(legacy: bool, wanted: Option<&Algorithm>, without: &[Algorithm]) -> Preferred {
    let Preferred { kex, key, cipher, mac, .. } = Preferred::DEFAULT;
    let legacy_kex = if legacy { &LEGACY_KEX[..] } else { &[] };
    let legacy_ciphers = if legacy { &LEGACY_CIPHERS[..] } else { &[] };
    let is = |one: &Algorithm, other: &Algorithm| one == other || (one.clone().is_rsa() && other.clone().is_rsa());
    let keys = key.iter().filter(|algorithm| !without.iter().any(|not| is(not, algorithm))).cloned();
    let (first, rest): (Vec<_>, Vec<_>) = keys.partition(|algorithm| wanted.is_some_and(|wanted| is(wanted, algorithm)));
    Preferred {
        kex: Cow::Owned(kex.iter().chain(&MORE_KEX).chain(legacy_kex).copied().collect()),
        key: Cow::Owned(first.into_iter().chain(rest).collect()),
        cipher: Cow::Owned(cipher.iter().chain(&MORE_CIPHERS).chain(legacy_ciphers).copied().collect()),
        mac: Cow::Owned(mac.iter().chain(&MORE_MACS).copied().collect()),
        ..Preferred::DEFAULT
    }
}

/// What to say of a server that has no algorithm of ours; `None` for every other error.
pub(super) fn mismatch(error: &Error, legacy: bool) -> Option<String> {
    let Error::NoCommonAlgo { kind, ours, theirs } = error else { return None };
    let what = match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "kind of host key",
        AlgorithmKind::Cipher => "cipher",
        AlgorithmKind::Compression => "compression",
        AlgorithmKind::Mac => "MAC",
    };
    // Markers of protocol extensions stand in the same list; they exchange no keys.
    let named = |names: &[String]| {
        let real: Vec<&str> =
            names.iter().map(String::as_str).filter(|name| !name.starts_with("ext-info-") && !name.starts_with("kex-strict-")).collect();
        if real.is_empty() { "none".to_owned() } else { real.join(", ") }
    };
    let is_legacy = |name: &String| {
        LEGACY_KEX.iter().map(AsRef::<str>::as_ref).any(|own| own == name)
            || LEGACY_CIPHERS.iter().map(AsRef::<str>::as_ref).any(|own| own == name)
    };
    let hint = if !legacy && theirs.iter().any(is_legacy) {
        "; the partner should offer a current one; until then, legacyAlgorithms on this schedule takes the old ones"
    } else {
        ""
    };
    Some(format!("no {what} in common: the server offers {}; we take {}{hint}", named(theirs), named(ours)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names<T: AsRef<str>>(list: &[T]) -> Vec<&str> {
        list.iter().map(AsRef::as_ref).collect()
    }

    #[test]
    fn f5_weak_algorithms_are_offered_to_nobody_who_did_not_ask() {
        let (usual, legacy) = (offer(false, None, &[]), offer(true, None, &[]));
        for weak in ["diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"] {
            assert!(!names(&usual.kex).contains(&weak) && names(&legacy.kex).contains(&weak), "{weak}");
        }
        for weak in ["aes128-cbc", "aes192-cbc", "aes256-cbc"] {
            assert!(!names(&usual.cipher).contains(&weak) && names(&legacy.cipher).contains(&weak), "{weak}");
        }
        for never in ["diffie-hellman-group1-sha1", "none", "clear", "3des-cbc"] {
            assert!(![names(&legacy.kex), names(&legacy.cipher), names(&legacy.mac)].concat().contains(&never), "{never}");
        }
        assert_eq!(names(&usual.mac).last(), Some(&"hmac-sha1"), "the weakest is the last choice");
    }

    #[test]
    fn f5_a_mismatch_names_both_offers_and_the_setting_only_where_it_helps() {
        let mismatch_of = |kind, theirs: &str, legacy| {
            let ours = vec!["aes256-ctr".to_owned(), "ext-info-c".to_owned()];
            mismatch(&Error::NoCommonAlgo { kind, ours, theirs: vec![theirs.to_owned()] }, legacy).expect("a mismatch")
        };
        let old = mismatch_of(AlgorithmKind::Cipher, "aes128-cbc", false);
        assert!(
            old.starts_with("no cipher in common: the server offers aes128-cbc; we take aes256-ctr; ") && old.contains("legacyAlgorithms"),
            "{old}"
        );
        assert!(!mismatch_of(AlgorithmKind::Cipher, "aes128-cbc", true).contains("legacyAlgorithms"));
        assert!(!mismatch_of(AlgorithmKind::Cipher, "arcfour", false).contains("legacyAlgorithms"), "it would not help");
        assert_eq!(mismatch(&Error::Disconnect, false), None);
    }
}
