//! Signatures in the form of Standard Webhooks 1.0: `v1,` and HMAC-SHA-256 over `id.timestamp.body`, base64.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use pressrun_domain::secret::Secret;
use sha2::Sha256;

use super::body::Payload;

/// The key inside a secret: what follows `whsec_` decoded as base64, any other text as its bytes.
fn mac(secret: &Secret) -> Option<Hmac<Sha256>> {
    let text = secret.expose();
    let decoded = text.strip_prefix("whsec_").and_then(|encoded| BASE64.decode(encoded).ok());
    Hmac::new_from_slice(decoded.as_deref().unwrap_or(text.as_bytes())).ok()
}

fn finish(macs: Vec<Hmac<Sha256>>) -> String {
    let signatures: Vec<String> = macs.into_iter().map(|mac| format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))).collect();
    signatures.join(" ")
}

/// The `webhook-signature` of a body in memory: one signature for each secret, so that secrets can be replaced without a gap.
#[must_use]
pub fn signature(secrets: &[Secret], id: &str, timestamp: i64, body: &[u8]) -> String {
    finish(secrets.iter().filter_map(mac).map(|mac| mac.chain_update(format!("{id}.{timestamp}.")).chain_update(body)).collect())
}

/// The same over a body that is partly a file; reads the file once.
pub(super) async fn sign_payload(secrets: &[Secret], id: &str, timestamp: i64, payload: &Payload) -> io::Result<String> {
    let mut macs: Vec<_> = secrets.iter().filter_map(mac).map(|mac| mac.chain_update(format!("{id}.{timestamp}."))).collect();
    payload
        .for_each(|piece| {
            for mac in &mut macs {
                mac.update(piece);
            }
        })
        .await?;
    Ok(finish(macs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d4_the_published_example_of_standard_webhooks_verifies() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signed = signature(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn d4_each_secret_signs() {
        let both = signature(&[Secret::new("new"), Secret::new("old")], "id", 1, b"x");
        let (new, old) = (signature(&[Secret::new("new")], "id", 1, b"x"), signature(&[Secret::new("old")], "id", 1, b"x"));
        assert_eq!(both, format!("{new} {old}"));
        assert_eq!(signature(&[], "id", 1, b"x"), "");
    }
}
