//! The few fields of a certificate (RFC 5280) that the TLS library keeps to itself.
//!
//! Certificates of databases are made by hand: of version 1, without alternative names, an authority's as a server's own. The library reads
//! none of them, and libpq takes them all.

use std::net::IpAddr;

use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;

/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// 2.5.29.17
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

/// One value of DER.
#[derive(Clone, Copy)]
struct Value<'a> {
    tag: u8,
    content: &'a [u8],
    /// With tag and length.
    whole: &'a [u8],
}

/// Values one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<Value<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let whole = self.0.get(..self.0.len() - rest.len())?;
        self.0 = rest;
        Some(Value { tag, content, whole })
    }

    fn expect(&mut self, tag: u8) -> Option<Value<'a>> {
        self.next().filter(|value| value.tag == tag)
    }

    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        Reader::next(self)
    }
}

/// What is read of a certificate.
pub(super) struct Certificate<'a> {
    /// Of version 1, which has no extensions and so says nothing of what it is for.
    pub(super) is_version_one: bool,
    /// What is signed.
    pub(super) signed: &'a [u8],
    /// Algorithm of the signature, without the outer sequence.
    pub(super) signature_algorithm: &'a [u8],
    pub(super) signature: &'a [u8],
    /// As DER, to compare.
    pub(super) issuer: &'a [u8],
    /// As DER, to compare.
    pub(super) subject: &'a [u8],
    /// Seconds since 1970.
    pub(super) not_before: i64,
    /// Seconds since 1970.
    pub(super) not_after: i64,
    /// Algorithm and key as one value.
    pub(super) key_info: &'a [u8],
    /// Algorithm of the key, without the outer sequence.
    pub(super) key_algorithm: &'a [u8],
    pub(super) key: &'a [u8],
    /// Names of hosts and addresses.
    pub(super) names: Vec<String>,
}

impl<'a> Certificate<'a> {
    /// Reads DER; `None` when it is no certificate.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Reader(Reader(der).expect(SEQUENCE)?.content);
        let signed = outer.expect(SEQUENCE)?;
        let signature_algorithm = outer.expect(SEQUENCE)?.content;
        let signature = bits(outer.expect(BIT_STRING)?)?;
        let mut fields = Reader(signed.content);
        let is_version_one = fields.peek() != Some(VERSION);
        if !is_version_one {
            fields.next();
        }
        fields.expect(INTEGER)?;
        fields.expect(SEQUENCE)?;
        let issuer = fields.expect(SEQUENCE)?.whole;
        let mut validity = Reader(fields.expect(SEQUENCE)?.content);
        let (not_before, not_after) = (time(validity.next()?)?, time(validity.next()?)?);
        let subject = fields.expect(SEQUENCE)?.whole;
        let key_info = fields.expect(SEQUENCE)?;
        let mut key = Reader(key_info.content);
        let (key_algorithm, key) = (key.expect(SEQUENCE)?.content, bits(key.expect(BIT_STRING)?)?);
        let names = fields.find(|field| field.tag == EXTENSIONS).map(alternative_names).unwrap_or_default();
        Some(Self {
            is_version_one,
            signed: signed.whole,
            signature_algorithm,
            signature,
            issuer,
            subject,
            not_before,
            not_after,
            key_info: key_info.whole,
            key_algorithm,
            key,
            names,
        })
    }

    /// The subject's common name.
    pub(super) fn common_name(&self) -> Option<String> {
        common_name(self.subject)
    }

    /// Whom the certificate is for and who issued it, in words.
    pub(super) fn described(&self) -> String {
        let name = |name: &[u8]| common_name(name).unwrap_or_else(|| "somebody without a name".to_owned());
        if self.subject == self.issuer {
            format!("of `{}`, signed by itself", name(self.subject))
        } else {
            format!("of `{}`, issued by `{}`", name(self.subject), name(self.issuer))
        }
    }
}

/// The bits of a string of whole bytes.
fn bits(value: Value<'_>) -> Option<&[u8]> {
    value.content.split_first().filter(|(unused, _)| **unused == 0).map(|(_, bits)| bits)
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn time(value: Value<'_>) -> Option<i64> {
    let text = std::str::from_utf8(value.content).ok()?.strip_suffix('Z')?;
    let text = match value.tag {
        // Fifty years in either direction (RFC 5280, section 4.1.2.5.1).
        UTC_TIME => format!("{}{text}", if text.get(..2)?.parse::<u8>().ok()? < 50 { "20" } else { "19" }),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i16>().ok();
    let part = |at: usize| Some(number(at..at + 2)? as i8);
    let civil = jiff::civil::DateTime::new(number(0..4)?, part(4)?, part(6)?, part(8)?, part(10)?, part(12)?, 0).ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(civil).ok()?.as_second())
}

/// The last, which is the most specific one.
fn common_name(name: &[u8]) -> Option<String> {
    let sets = Reader(Reader(name).expect(SEQUENCE)?.content);
    let pairs = sets.filter(|set| set.tag == SET).flat_map(|set| Reader(set.content));
    let found = pairs.filter_map(|pair| {
        let mut pair = Reader(pair.content);
        (pair.expect(OBJECT)?.content == COMMON_NAME).then(|| pair.next()).flatten()
    });
    found.last().map(|value| String::from_utf8_lossy(value.content).chars().filter(|c| !c.is_control()).collect())
}

fn alternative_names(extensions: Value<'_>) -> Vec<String> {
    let Some(list) = Reader(extensions.content).expect(SEQUENCE) else { return Vec::new() };
    let found = Reader(list.content).find_map(|extension| {
        let mut parts = Reader(extension.content);
        let is_it = parts.expect(OBJECT)?.content == ALTERNATIVE_NAME;
        let value = parts.filter(|part| part.tag == OCTET_STRING).last()?;
        is_it.then_some(value.content)
    });
    let names = found.and_then(|value| Reader(value).expect(SEQUENCE)).map(|names| Reader(names.content));
    names
        .into_iter()
        .flatten()
        .filter_map(|name| match name.tag {
            DNS_NAME => Some(String::from_utf8_lossy(name.content).into_owned()),
            IP_ADDRESS => {
                let four = <[u8; 4]>::try_from(name.content).map(IpAddr::from);
                four.or_else(|_| <[u8; 16]>::try_from(name.content).map(IpAddr::from)).ok().map(|address| address.to_string())
            }
            _ => None,
        })
        .collect()
}

/// What a login is bound to: the certificate's hash, by the algorithm of its signature, or SHA-256 where that is no longer good (RFC 5929,
/// section 4.1). `None` for signatures without one hash, such as Ed25519.
pub(super) fn end_point(der: &[u8]) -> Option<Vec<u8>> {
    let mut algorithm = Reader(Certificate::read(der)?.signature_algorithm);
    let object = algorithm.expect(OBJECT)?.content;
    // 1.2.840.113549.1.1 is RSA, 1.2.840.10045.4 ECDSA.
    let hash = match object {
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a] => pss_hash(algorithm.next())?,
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, which] => match which {
            4 | 5 | 11 => Hash::Sha256,
            12 => Hash::Sha384,
            13 => Hash::Sha512,
            14 => Hash::Sha224,
            _ => return None,
        },
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x01] => Hash::Sha256,
        [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, which] => match which {
            1 => Hash::Sha224,
            2 => Hash::Sha256,
            3 => Hash::Sha384,
            4 => Hash::Sha512,
            _ => return None,
        },
        _ => return None,
    };
    Some(match hash {
        Hash::Sha224 => Sha224::digest(der).to_vec(),
        Hash::Sha256 => Sha256::digest(der).to_vec(),
        Hash::Sha384 => Sha384::digest(der).to_vec(),
        Hash::Sha512 => Sha512::digest(der).to_vec(),
    })
}

enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash of RSASSA-PSS parameters (RFC 4055); SHA-1, which becomes SHA-256, when they name none.
fn pss_hash(parameters: Option<Value<'_>>) -> Option<Hash> {
    let Some(named) = parameters.and_then(|parameters| Reader(parameters.content).find(|part| part.tag == 0xa0)) else {
        return Some(Hash::Sha256);
    };
    let mut algorithm = Reader(Reader(named.content).expect(SEQUENCE)?.content);
    // 2.16.840.1.101.3.4.2
    match algorithm.expect(OBJECT)?.content {
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, which] => match which {
            1 => Some(Hash::Sha256),
            2 => Some(Hash::Sha384),
            3 => Some(Hash::Sha512),
            4 => Some(Hash::Sha224),
            _ => None,
        },
        [0x2b, 0x0e, 0x03, 0x02, 0x1a] => Some(Hash::Sha256),
        _ => None,
    }
}
