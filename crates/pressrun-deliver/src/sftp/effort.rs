//! How much work a passphrase takes: the key itself says it, and whoever pastes a key could say a century.
//!
//! Neither the library nor a deadline stops such work once it has begun.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// Rounds of bcrypt; `ssh-keygen` takes 16 to 24.
const BCRYPT_ROUNDS_MAX: u64 = 1_000;
/// Iterations of PBKDF2; OpenSSL takes 2,048, careful people some hundred thousand.
const PBKDF2_ITERATIONS_MAX: u64 = 2_000_000;
/// Cost times block size times lanes of scrypt: 128 MiB.
const SCRYPT_EFFORT_MAX: u64 = 1 << 20;
/// KiB of Argon2; `puttygen` takes 8,192.
const ARGON2_KIB_MAX: u64 = 1 << 17;
/// Passes of Argon2; `puttygen` measures them out for a tenth of a second.
const ARGON2_PASSES_MAX: u64 = 200;

/// Object identifiers in DER: PBKDF2 (1.2.840.113549.1.5.12) and scrypt (1.3.6.1.4.1.11591.4.11).
const PBKDF2: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const SCRYPT: &[u8] = &[0x06, 0x09, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b];

/// The first lines of what the library reads.
const BEGINNINGS: [&str; 5] = [
    "-----BEGIN OPENSSH PRIVATE KEY-----",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----BEGIN ENCRYPTED PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN EC PRIVATE KEY-----",
];

/// Whether opening the key is the work of a moment; `None` when that cannot be told, because it is no key.
pub(super) fn is_moderate(key: &str) -> Option<bool> {
    if key.trim().starts_with("PuTTY-User-Key-File-") {
        let number = |name: &str| key.lines().find_map(|line| line.trim().strip_prefix(name)?.trim().parse::<u64>().ok()).unwrap_or(0);
        return Some(number("Argon2-Memory:") <= ARGON2_KIB_MAX && number("Argon2-Passes:") <= ARGON2_PASSES_MAX);
    }
    let body = BASE64.decode(body(key)).ok()?;
    match body.strip_prefix(b"openssh-key-v1\0") {
        Some(rest) => bcrypt_rounds(rest).map(|rounds| rounds <= BCRYPT_ROUNDS_MAX),
        None => Some(
            iterations(&body, PBKDF2, 1).is_none_or(|n| n <= PBKDF2_ITERATIONS_MAX)
                && iterations(&body, SCRYPT, 3).is_none_or(|n| n <= SCRYPT_EFFORT_MAX),
        ),
    }
}

/// The lines between the first beginning and the end, as the library takes them together.
fn body(key: &str) -> String {
    let lines = key.lines().skip_while(|line| !BEGINNINGS.contains(line)).skip(1).take_while(|line| !line.starts_with("-----END "));
    let plain = |line: &&str| line.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(&b));
    lines.filter(plain).collect()
}

/// Rounds in the head of an OpenSSH key: cipher, function, and the function's salt and rounds.
fn bcrypt_rounds(head: &[u8]) -> Option<u64> {
    let (_cipher, rest) = field(head)?;
    let (_function, rest) = field(rest)?;
    let (options, _) = field(rest)?;
    if options.is_empty() {
        return Some(0);
    }
    let (_salt, rounds) = field(options)?;
    Some(u32::from_be_bytes(*rounds.first_chunk::<4>()?).into())
}

/// A field with its length in four bytes before it (RFC 4251 §5), and the rest.
fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// The product of the first `numbers` integers behind the salt of a function, when it is used at all; a form that is not understood is endless.
fn iterations(der: &[u8], function: &[u8], numbers: usize) -> Option<u64> {
    let at = der.windows(function.len()).position(|window| window == function)?;
    let product = || {
        let (_, parameters, _) = element(&der[at + function.len()..])?;
        let (_, _salt, mut rest) = element(parameters)?;
        let mut product = 1_u64;
        for _ in 0..numbers {
            let (tag, digits, more) = element(rest)?;
            if tag != 0x02 || digits.len() > 8 {
                return None;
            }
            product = product.checked_mul(digits.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))?;
            rest = more;
        }
        Some(product)
    };
    Some(product().unwrap_or(u64::MAX))
}

/// Tag and content of a DER element, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(name: &str, body: &[u8]) -> String {
        format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", BASE64.encode(body))
    }

    fn openssh(rounds: u32) -> String {
        let text = |text: &[u8]| [&u32::try_from(text.len()).expect("short").to_be_bytes(), text].concat();
        let options = text(&[text(b"0123456789abcdef"), rounds.to_be_bytes().to_vec()].concat());
        pem("OPENSSH PRIVATE KEY", &[b"openssh-key-v1\0".to_vec(), text(b"aes256-ctr"), text(b"bcrypt"), options, vec![0; 40]].concat())
    }

    fn pkcs8(function: &[u8], integers: &[&[u8]]) -> String {
        let element = |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).expect("short")], content].concat();
        let numbers: Vec<u8> = integers.iter().flat_map(|digits| element(0x02, digits)).collect();
        let parameters = element(0x30, &[element(0x04, b"saltsalt"), numbers].concat());
        pem("ENCRYPTED PRIVATE KEY", &element(0x30, &[function.to_vec(), parameters].concat()))
    }

    #[test]
    fn m5_a_key_that_takes_a_century_to_open_is_known_by_its_head() {
        for (case, key, expected) in [
            ("bcrypt as ssh-keygen has it", openssh(24), Some(true)),
            ("bcrypt for ever", openssh(u32::MAX), Some(false)),
            ("pbkdf2 as openssl has it", pkcs8(PBKDF2, &[&[0x08, 0x00]]), Some(true)),
            ("pbkdf2 for ever", pkcs8(PBKDF2, &[&[0x7f, 0xff, 0xff, 0xff]]), Some(false)),
            ("scrypt as openssl has it", pkcs8(SCRYPT, &[&[0x40, 0x00], &[8], &[1]]), Some(true)),
            ("scrypt in all memory", pkcs8(SCRYPT, &[&[0x40, 0x00, 0x00, 0x00], &[8], &[1]]), Some(false)),
            ("scrypt without numbers", pkcs8(SCRYPT, &[]), Some(false)),
            ("not encrypted", pem("RSA PRIVATE KEY", &[0x30, 0x03, 0x02, 0x01, 0x00]), Some(true)),
            ("a decoy before it", format!("-----BEGIN NOTHING-----\nAAAA\n{}", openssh(u32::MAX)), Some(false)),
            ("argon2", "PuTTY-User-Key-File-3: ssh-ed25519\nArgon2-Memory: 8192\nArgon2-Passes: 13\n".to_owned(), Some(true)),
            ("argon2 in all memory", "PuTTY-User-Key-File-3: ssh-ed25519\nArgon2-Memory: 99999999\n".to_owned(), Some(false)),
            ("cut", pem("OPENSSH PRIVATE KEY", b"openssh-key-v1\0\0\0\0\x0aaes"), None),
            ("nonsense", pem("OPENSSH PRIVATE KEY", b"").replace('\n', "\nA"), None),
        ] {
            assert_eq!(is_moderate(&key), expected, "{case}");
        }
    }
}
