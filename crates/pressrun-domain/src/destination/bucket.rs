//! Names in object storage: bucket, region, role, prefix of keys.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// Longest prefix in bytes: with a file's name behind it, it stays within the 1024 of a key.
const PREFIX_BYTES_MAX: usize = 1024 - 256;

/// A bucket: 3 to 63 lower-case letters, digits, `-` and `.` (contract §5.1.4), with the letters where S3 wants them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket(String);

/// The text is no bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBucket {
    /// Characters or length.
    #[error("Invalid bucket name: 3 to 63 lower-case letters, digits, hyphens and periods")]
    Form,
    /// A hyphen or a period where it may not stand.
    #[error("Invalid bucket name: each part between periods begins and ends with a letter or a digit")]
    Edge,
    /// `192.0.2.7`.
    #[error("Invalid bucket name: it must not look like an IP address")]
    Address,
}

impl FromStr for Bucket {
    type Err = InvalidBucket;

    fn from_str(text: &str) -> Result<Self, InvalidBucket> {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        let edges = text.starts_with('-') || text.ends_with('-');
        if !(3..=63).contains(&text.len()) || !text.bytes().all(known) || text.split('.').any(str::is_empty) || edges {
            return Err(InvalidBucket::Form);
        }
        if text.split('.').any(|part| part.starts_with('-') || part.ends_with('-')) {
            return Err(InvalidBucket::Edge);
        }
        if text.parse::<Ipv4Addr>().is_ok() {
            return Err(InvalidBucket::Address);
        }
        Ok(Self(text.to_owned()))
    }
}

/// A region: `us-east-1`, or a word such as `auto` of another store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region(String);

/// The text is no region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid region: lower-case letters, digits and hyphens, such as us-east-1")]
pub struct InvalidRegion;

impl FromStr for Region {
    type Err = InvalidRegion;

    fn from_str(text: &str) -> Result<Self, InvalidRegion> {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let valid = !text.is_empty() && text.len() <= 63 && text.bytes().all(known) && !text.starts_with('-') && !text.ends_with('-');
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidRegion) }
    }
}

/// The partitions of Amazon: how their regions begin, their name in ARNs, and under which name their services stand.
const PARTITIONS: [(&str, &str, &str); 5] = [
    ("cn-", "aws-cn", "amazonaws.com.cn"),
    ("us-gov-", "aws-us-gov", "amazonaws.com"),
    ("us-isob-", "aws-iso-b", "sc2s.sgov.gov"),
    ("us-iso-", "aws-iso", "c2s.ic.gov"),
    ("eusc-", "aws-eusc", "amazonaws.eu"),
];

impl Region {
    /// Amazon's partition of this region, as ARNs name it.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        self.row().map_or("aws", |row| row.1)
    }

    /// Under which name Amazon's services of this region stand: `amazonaws.com` but in partitions of their own.
    #[must_use]
    pub fn dns_suffix(&self) -> &'static str {
        self.row().map_or("amazonaws.com", |row| row.2)
    }

    fn row(&self) -> Option<&'static (&'static str, &'static str, &'static str)> {
        PARTITIONS.iter().find(|row| self.0.starts_with(row.0))
    }
}

/// A role: `arn:aws:iam::123456789012:role/deliver`, or one of another store's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleArn {
    text: String,
    partition: String,
}

/// The text is no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRoleArn {
    /// Another form.
    #[error("Invalid role ARN: write it as arn:aws:iam::123456789012:role/name")]
    Form,
    /// A region where the role is not known.
    #[error("Invalid role ARN: the role belongs to another partition of Amazon than the region")]
    Partition,
}

impl FromStr for RoleArn {
    type Err = InvalidRoleArn;

    fn from_str(text: &str) -> Result<Self, InvalidRoleArn> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", partition, "iam", "", account, resource] = parts[..] else { return Err(InvalidRoleArn::Form) };
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        // Other stores number no accounts.
        let account_fits = digits || (account.is_empty() && !is_amazons(partition));
        let name = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        let role = resource.strip_prefix("role/").unwrap_or_default();
        let role_fits = role.len() <= 576 && role.split('/').all(|part| !part.is_empty() && part.bytes().all(name));
        if partition.is_empty() || !partition.bytes().all(word) || !account_fits || !role_fits {
            return Err(InvalidRoleArn::Form);
        }
        Ok(Self { text: text.to_owned(), partition: partition.to_owned() })
    }
}

fn is_amazons(partition: &str) -> bool {
    partition == "aws" || partition.starts_with("aws-")
}

impl RoleArn {
    /// Checks that the role can be assumed in this region.
    ///
    /// # Errors
    /// [`InvalidRoleArn::Partition`].
    pub fn fits(&self, region: &Region) -> Result<(), InvalidRoleArn> {
        if is_amazons(&self.partition) && self.partition != region.partition() { Err(InvalidRoleArn::Partition) } else { Ok(()) }
    }

    /// The role's ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What keys begin with: no slash at the beginning, one at the end unless empty (D8).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ObjectKeyPrefix(String);

/// The text begins no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyPrefix {
    /// `..`, which other programs resolve.
    #[error("Invalid key prefix: leave out the .. parts")]
    Up,
    /// `.`, likewise.
    #[error("Invalid key prefix: leave out the . parts")]
    Here,
    /// A control character.
    #[error("Invalid key prefix: it contains a control character; take that out")]
    Control,
    /// Longer than a key may be.
    #[error("Invalid key prefix: it is longer than 768 bytes")]
    Long,
}

impl FromStr for ObjectKeyPrefix {
    type Err = InvalidKeyPrefix;

    /// `/a//b/` becomes `a/b/`.
    fn from_str(text: &str) -> Result<Self, InvalidKeyPrefix> {
        if text.chars().any(char::is_control) {
            return Err(InvalidKeyPrefix::Control);
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        if parts.contains(&"..") {
            return Err(InvalidKeyPrefix::Up);
        }
        if parts.contains(&".") {
            return Err(InvalidKeyPrefix::Here);
        }
        let prefix = if parts.is_empty() { String::new() } else { format!("{}/", parts.join("/")) };
        if prefix.len() > PREFIX_BYTES_MAX { Err(InvalidKeyPrefix::Long) } else { Ok(Self(prefix)) }
    }
}

macro_rules! text_of {
    ($($name:ident),*) => {$(
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text_of!(Bucket, Region, ObjectKeyPrefix);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn m5_a_bucket_is_one_that_s3_could_have() {
        let (longest, longer) = ("b".repeat(63), "b".repeat(64));
        for (text, valid) in [
            ("blob-reports", true),
            ("a.b.c", true),
            ("123", true),
            (longest.as_str(), true),
            (longer.as_str(), false),
            ("ab", false),
            ("a.-b", false),
            ("a-.b", false),
            ("-ab", false),
            ("ab-", false),
            (".ab", false),
            ("a..b", false),
            ("UPPER", false),
            ("a_b", false),
            ("a/../b", false),
            ("192.0.2.7", false),
            ("bücket", false),
            ("abc\n", false),
        ] {
            assert_eq!(text.parse::<Bucket>().is_ok(), valid, "{text:?}");
        }
    }

    #[test]
    fn m5_a_region_is_one_word_and_knows_its_partition() {
        for (text, expected) in [
            ("us-east-1", Some(("aws", "amazonaws.com"))),
            ("cn-north-1", Some(("aws-cn", "amazonaws.com.cn"))),
            ("us-gov-west-1", Some(("aws-us-gov", "amazonaws.com"))),
            ("us-iso-east-1", Some(("aws-iso", "c2s.ic.gov"))),
            ("auto", Some(("aws", "amazonaws.com"))),
            ("EU West 1", None),
            ("us_east_1", None),
            ("us-east-1.evil.example/", None),
            ("-x", None),
            ("", None),
        ] {
            let read = text.parse::<Region>().ok();
            assert_eq!(read.as_ref().map(|region| (region.partition(), region.dns_suffix())), expected, "{text:?}");
        }
    }

    #[test]
    fn m5_a_role_is_an_arn_of_a_role() {
        let of = |text: &str| text.parse::<RoleArn>();
        for (text, valid) in [
            ("arn:aws:iam::123456789012:role/deliver", true),
            ("arn:aws-cn:iam::123456789012:role/path/to/deliver+x@y", true),
            ("arn:minio:iam:::role/dummy-internal", true),
            ("x", false),
            ("arn:aws:iam::1:role/x", false),
            ("arn:aws:iam:::role/x", false),
            ("arn:aws:iam::123456789012:user/x", false),
            ("arn:aws:iam::123456789012:role/", false),
            ("arn:aws:iam::123456789012:role/a//b", false),
            ("arn:aws:iam:us-east-1:123456789012:role/x", false),
            ("arn:aws:s3::123456789012:role/x", false),
            ("arn:aws:iam::123456789012:role/a b", false),
            (" arn:aws:iam::123456789012:role/x", false),
        ] {
            assert_eq!(of(text).is_ok(), valid, "{text:?}");
        }
        let region = |text: &str| text.parse::<Region>().expect("a region");
        let (china, gov) =
            (of("arn:aws-cn:iam::123456789012:role/x").expect("a role"), of("arn:aws-us-gov:iam::123456789012:role/x").expect("a role"));
        assert_eq!(china.fits(&region("cn-north-1")), Ok(()));
        assert_eq!(china.fits(&region("us-east-1")), Err(InvalidRoleArn::Partition));
        assert_eq!(gov.fits(&region("us-gov-west-1")), Ok(()));
        assert_eq!(of("arn:minio:iam:::role/x").expect("a role").fits(&region("us-east-1")), Ok(()));
    }

    #[test]
    fn d8_key_prefixes_are_normalised() {
        let long = "a".repeat(768);
        for (text, expected) in [
            ("/a//b/", Some("a/b/")),
            ("", Some("")),
            ("/", Some("")),
            ("a", Some("a/")),
            ("a/../b", None),
            ("./a", None),
            ("a\u{0}", None),
            ("a\nb", None),
            (long.as_str(), None),
        ] {
            assert_eq!(text.parse::<ObjectKeyPrefix>().ok().as_ref().map(ObjectKeyPrefix::as_str), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn m5_accepted_names_of_object_storage_round_trip(text in "[a-z0-9./ \u{0}-]{0,20}") {
            if let Ok(bucket) = text.parse::<Bucket>() {
                prop_assert_eq!(bucket.as_str(), &text);
            }
            if let Ok(region) = text.parse::<Region>() {
                prop_assert_eq!(region.as_str(), &text);
            }
            if let Ok(prefix) = text.parse::<ObjectKeyPrefix>() {
                prop_assert_eq!(prefix.as_str().parse::<ObjectKeyPrefix>().ok(), Some(prefix.clone()));
            }
        }
    }
}
