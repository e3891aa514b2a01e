//! AWS Signature Version 4: canonical request, string to sign, derived key.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use url::Url;

use crate::config::S3Credentials;
use crate::http::authority;

/// What is signed.
pub(super) struct Unsigned<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a Url,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    /// SHA-256 of the body in lower-case hex.
    pub(super) body_sha256: &'a str,
    /// Further headers, names in lower case.
    pub(super) headers: Vec<(&'static str, String)>,
}

/// Every header to send: those given, the date, the token and the signature.
pub(super) fn sign(request: &Unsigned<'_>, credentials: &S3Credentials, now: Timestamp) -> Vec<(String, String)> {
    let moment = now.to_zoned_datetime(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = &moment[..8];
    let mut headers: BTreeMap<String, String> =
        request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.trim().to_owned())).collect();
    headers.insert("host".to_owned(), authority(request.url));
    headers.insert("x-amz-date".to_owned(), moment.clone());
    if request.service == "s3" {
        headers.insert("x-amz-content-sha256".to_owned(), request.body_sha256.to_owned());
    }
    if let Some(token) = &credentials.session_token {
        headers.insert("x-amz-security-token".to_owned(), token.expose().to_owned());
    }
    let names = headers.keys().map(String::as_str).collect::<Vec<_>>().join(";");
    let canonical_headers = headers.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "{name}:{value}");
        text
    });
    let canonical = format!(
        "{}\n{}\n{}\n{canonical_headers}\n{names}\n{}",
        request.method,
        request.url.path(),
        canonical_query(request.url),
        request.body_sha256
    );
    let scope = format!("{date}/{}/{}/aws4_request", request.region, request.service);
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex::encode(Sha256::digest(canonical)));
    let mut key = mac(format!("AWS4{}", credentials.secret_access_key.expose()).as_bytes(), date.as_bytes());
    for part in [request.region, request.service, "aws4_request"] {
        key = mac(&key, part.as_bytes());
    }
    let signature = hex::encode(mac(&key, to_sign.as_bytes()));
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", credentials.access_key_id);
    headers.remove("host");
    headers.into_iter().chain([("authorization".to_owned(), authorization)]).collect()
}

/// Percent-encodes everything but unreserved characters; `/` stays in paths.
pub(super) fn encode(text: &str, keep_slash: bool) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || (keep_slash && byte == b'/') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// Names and values encoded, sorted by name, then by value.
fn canonical_query(url: &Url) -> String {
    let mut pairs: Vec<(String, String)> = url.query_pairs().map(|(name, value)| (encode(&name, false), encode(&value, false))).collect();
    pairs.sort();
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    // An HMAC takes keys of any length.
    Hmac::<Sha256>::new_from_slice(key).map(|mac| mac.chain_update(message).finalize().into_bytes().to_vec()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use pressrun_domain::secret::Secret;

    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn example() -> S3Credentials {
        S3Credentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        }
    }

    fn signature(request: &Unsigned<'_>, credentials: &S3Credentials, now: &str) -> String {
        let headers = sign(request, credentials, now.parse().expect("instant"));
        let (_, value) = headers.into_iter().find(|(name, _)| name == "authorization").expect("signed");
        value.rsplit_once("Signature=").expect("signature").1.to_owned()
    }

    #[test]
    fn d8_the_published_s3_examples_have_their_published_signatures() {
        let now = "2013-05-24T00:00:00Z";
        for (case, method, url, sha, headers, expected) in [
            (
                "get object",
                "GET",
                "https://examplebucket.s3.amazonaws.com/test.txt",
                EMPTY,
                vec![("range", "bytes=0-9".to_owned())],
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (
                "put object",
                "PUT",
                "https://examplebucket.s3.amazonaws.com/test%24file.text",
                "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
                vec![("date", "Fri, 24 May 2013 00:00:00 GMT".to_owned()), ("x-amz-storage-class", "REDUCED_REDUNDANCY".to_owned())],
                "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            ),
            (
                "bucket lifecycle",
                "GET",
                "https://examplebucket.s3.amazonaws.com/?lifecycle",
                EMPTY,
                vec![],
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                "list objects",
                "GET",
                "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J",
                EMPTY,
                vec![],
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            let url = Url::parse(url).expect("url");
            let request = Unsigned { method, url: &url, region: "us-east-1", service: "s3", body_sha256: sha, headers };
            assert_eq!(signature(&request, &example(), now), expected, "{case}");
        }
    }

    #[test]
    fn d8_the_published_iam_example_has_its_published_signature() {
        let credentials = S3Credentials {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        let url = Url::parse("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08").expect("url");
        let headers = vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        let request = Unsigned { method: "GET", url: &url, region: "us-east-1", service: "iam", body_sha256: EMPTY, headers };
        assert_eq!(
            signature(&request, &credentials, "2015-08-30T12:36:00Z"),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }
}
