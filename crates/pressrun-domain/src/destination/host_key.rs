//! The key by which an SSH server is known (D7).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// A host key, or its fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKey {
    /// `ssh-ed25519 AAAA…`, without comment and host names.
    Key {
        /// Its kind, such as `ssh-ed25519`.
        algorithm: String,
        /// The key in its wire form (RFC 4253 §6.6).
        blob: Vec<u8>,
    },
    /// The 43 letters behind `SHA256:`, as `ssh-keygen -l` and consoles show them.
    Fingerprint(String),
}

/// The text is no host key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHostKey {
    /// It is something else.
    #[error(
        "Invalid host key: give it as `ssh-keyscan` prints it (ssh-ed25519 AAAA…), or the fingerprint that `ssh-keygen -l` prints (SHA256:…)"
    )]
    Form,
    /// There is more than one, as `ssh-keyscan` prints them without `-t`.
    #[error(
        "Invalid host key: {0} lines are given, and one key is trusted; give the line of the one that the server shows, best its ssh-ed25519"
    )]
    Several(usize),
}

impl FromStr for HostKey {
    type Err = InvalidHostKey;

    /// Reads `ssh-ed25519 AAAA… comment`, a line of `known_hosts` or of `ssh-keyscan`, or a fingerprint.
    fn from_str(text: &str) -> Result<Self, InvalidHostKey> {
        if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
            return Err(InvalidHostKey::Form);
        }
        let mut lines = lines(text);
        let line = lines.next().ok_or(InvalidHostKey::Form)?;
        match lines.count() {
            0 => Self::of_line(line),
            more => Err(InvalidHostKey::Several(1 + more)),
        }
    }
}

impl HostKey {
    /// What is trusted of a text that an older version took: of several lines it went by the first.
    ///
    /// # Errors
    /// [`InvalidHostKey`].
    pub fn of_stored(text: &str) -> Result<Self, InvalidHostKey> {
        match text.parse() {
            Err(InvalidHostKey::Several(_)) => Self::of_line(lines(text).next().unwrap_or_default()),
            read => read,
        }
    }

    fn of_line(line: &str) -> Result<Self, InvalidHostKey> {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let [print] = words[..]
            && let Some(digest) = print.strip_prefix("SHA256:")
        {
            let letters = digest.trim_end_matches('=');
            let valid = letters.len() == 43 && letters.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'));
            return if valid { Ok(Self::Fingerprint(letters.to_owned())) } else { Err(InvalidHostKey::Form) };
        }
        let begins = words.iter().take(2).position(|word| key_fields(word).is_some()).ok_or(InvalidHostKey::Form)?;
        let (algorithm, encoded) = (words[begins], words.get(begins + 1).ok_or(InvalidHostKey::Form)?);
        let blob = BASE64.decode(encoded).map_err(|_| InvalidHostKey::Form)?;
        if is_whole(algorithm, &blob) { Ok(Self::Key { algorithm: algorithm.to_owned(), blob }) } else { Err(InvalidHostKey::Form) }
    }
}

/// Lines with something on them; `ssh-keyscan` writes remarks between keys.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { algorithm, blob } => write!(f, "{algorithm} {}", BASE64.encode(blob)),
            Self::Fingerprint(letters) => write!(f, "SHA256:{letters}"),
        }
    }
}

/// How many fields follow the kind's name inside a key of this kind.
fn key_fields(algorithm: &str) -> Option<usize> {
    match algorithm {
        "ssh-ed25519" => Some(1),
        "ssh-rsa" | "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521" => Some(2),
        _ => None,
    }
}

/// Whether `blob` is the kind's name and exactly its fields, each of a length that can be right.
fn is_whole(algorithm: &str, blob: &[u8]) -> bool {
    let mut rest = blob;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let Some((length, after)) = rest.split_first_chunk::<4>() else { return false };
        let length = u32::from_be_bytes(*length) as usize;
        let Some((field, after)) = after.split_at_checked(length) else { return false };
        fields.push(field);
        rest = after;
    }
    if fields.first() != Some(&algorithm.as_bytes()) || key_fields(algorithm) != Some(fields.len() - 1) {
        return false;
    }
    let point = |bytes: usize| fields[2].len() == bytes && fields[2][0] == 4 && fields[1] == &algorithm.as_bytes()["ecdsa-sha2-".len()..];
    match algorithm {
        "ssh-ed25519" => fields[1].len() == 32,
        "ecdsa-sha2-nistp256" => point(65),
        "ecdsa-sha2-nistp384" => point(97),
        "ecdsa-sha2-nistp521" => point(133),
        // An exponent, and a modulus of 1024 bits at least.
        "ssh-rsa" => !fields[1].is_empty() && fields[2].len() >= 128,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const ECDSA: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=";

    #[test]
    fn m5_a_host_key_is_given_as_people_have_it() {
        let print = format!("SHA256:{}", "a".repeat(43));
        for (text, expected) in [
            (ED25519.to_owned(), ED25519),
            (ECDSA.to_owned(), ECDSA),
            (format!("  {ED25519} root@sftp\n"), ED25519),
            (format!("sftp.blobsrus.com {ED25519}"), ED25519),
            (format!("[sftp.blobsrus.com]:2222,10.0.0.1 {ED25519} comment"), ED25519),
            (print.clone(), print.as_str()),
            (format!("{print}="), print.as_str()),
        ] {
            let key: HostKey = text.parse().unwrap_or_else(|_| panic!("{text}"));
            assert_eq!(key.to_string(), expected);
            assert_eq!(key.to_string().parse::<HostKey>(), Ok(key), "it round-trips");
        }
        let swapped = ED25519.replace("ssh-ed25519 ", "ssh-rsa ");
        let cut = &ED25519[..ED25519.len() - 4];
        for text in [
            "",
            "garbage",
            "ssh-ed25519",
            "ssh-ed25519 nonsense",
            "ssh-ed25519 AAAA",
            cut,
            swapped.as_str(),
            "SHA256:short",
            "MD5:aa:bb",
            "a b c ssh-ed25519 AAAA",
            "ssh-ed25519 AAAA\u{0}",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert_eq!(text.parse::<HostKey>(), Err(InvalidHostKey::Form), "{text}");
        }
    }
    #[test]
    fn m5_several_host_keys_are_refused_and_not_all_but_the_first_forgotten() {
        let scanned = format!("# sftp.blobsrus.com:22 SSH-2.0-OpenSSH_9.6\nsftp.blobsrus.com {ED25519}\n");
        assert_eq!(scanned.parse::<HostKey>().map(|key| key.to_string()).as_deref(), Ok(ED25519), "a remark is no key");
        let several = format!("{scanned}sftp.blobsrus.com {ECDSA}\n");
        assert_eq!(several.parse::<HostKey>(), Err(InvalidHostKey::Several(2)));
        assert_eq!(HostKey::of_stored(&several).map(|key| key.to_string()).as_deref(), Ok(ED25519), "what was stored goes on");
        assert_eq!(HostKey::of_stored("garbage"), Err(InvalidHostKey::Form));
    }
}
