//! Signatures on mail, checked by a verifier that shares no line with the signer.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pressrun_deliver::{Carriers, DkimConfig, MailConfig, SmtpConfig, SmtpTls};
use pressrun_domain::mail::MailWords;
use pressrun_domain::output::Format;
use pressrun_domain::secret::Secret;
use pressrun_testkit::{KeyFile, SmtpScript, SmtpSink};
use ring::signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use sha2::{Digest, Sha256};

use crate::bench::{Bench, accepted, carriers, email, now};

/// The key of RFC 8463 §A.1 in PKCS #8, and its public half.
const ED25519_KEY: &str =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
const ED25519_PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// A public key as the DNS would have it.
enum Public {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ed25519(Vec<u8>),
}

impl Public {
    /// From the line that `ssh-keygen` writes: `ssh-rsa`, exponent and modulus, each with its length before it.
    fn of_line(line: &str) -> Self {
        let blob = BASE64.decode(line.split(' ').nth(1).expect("a blob")).expect("base64");
        let mut rest = blob.as_slice();
        let mut next = || {
            let length = u32::from_be_bytes(rest[..4].try_into().expect("four bytes")) as usize;
            let field = rest[4..4 + length].to_vec();
            rest = &rest[4 + length..];
            field.into_iter().skip_while(|byte| *byte == 0).collect::<Vec<u8>>()
        };
        let (_, e, n) = (next(), next(), next());
        Self::Rsa { n, e }
    }

    fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, text, signature).is_ok(),
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(&Sha256::digest(text), signature).is_ok(),
        }
    }
}

fn one_blank(text: &str) -> String {
    text.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Verifies signature number `nth` from the top.
fn verify(mail: &str, nth: usize, key: &Public) -> Result<(), &'static str> {
    let (head, body) = mail.split_once("\r\n\r\n").expect("head and body");
    // Unfolded, each as name and value.
    let unfolded = head.replace("\r\n\t", "\t").replace("\r\n ", " ");
    let mut headers: Vec<(String, String)> = unfolded
        .split("\r\n")
        .map(|line| line.split_once(':').expect("a header"))
        .map(|(name, value)| (name.to_lowercase(), one_blank(value)))
        .collect();
    let (_, signed) = headers.iter().filter(|(name, _)| name == "dkim-signature").nth(nth).cloned().ok_or("no signature")?;
    let tag = |name: &str| {
        let found = signed.split(';').map(str::trim).find_map(|tag| tag.strip_prefix(&format!("{name}=")));
        found.map(|value| value.replace(' ', "")).ok_or("a tag is missing")
    };
    if (tag("v")?.as_str(), tag("c")?.as_str()) != ("1", "relaxed/relaxed") {
        return Err("another version or form");
    }

    let lines: Vec<String> = body
        .split("\r\n")
        .map(|line| {
            let indented = line.starts_with([' ', '\t']) && !line.trim_matches([' ', '\t']).is_empty();
            format!("{}{}", if indented { " " } else { "" }, one_blank(line))
        })
        .collect();
    let text = lines.join("\r\n");
    let text = match text.trim_end_matches("\r\n") {
        "" => String::new(),
        text => format!("{text}\r\n"),
    };
    if BASE64.encode(Sha256::digest(text)) != tag("bh")? {
        return Err("the body was changed");
    }

    let mut text = String::new();
    for name in tag("h")?.to_lowercase().split(':') {
        if let Some(at) = headers.iter().rposition(|(found, _)| found == name) {
            let (name, value) = headers.remove(at);
            let _ = write!(text, "{name}:{value}\r\n");
        }
    }
    let (unsigned, signature) = signed.split_once("; b=").ok_or("no signature")?;
    let _ = write!(text, "dkim-signature:{unsigned}; b=");
    let signature = BASE64.decode(signature.replace(' ', "")).map_err(|_| "the signature is no base64")?;
    if key.verifies(text.as_bytes(), &signature) { Ok(()) } else { Err("the signature is wrong") }
}

fn key(selector: &str, private_key: &str) -> DkimConfig {
    DkimConfig { domain: "myorg.co".into(), selector: selector.into(), private_key: Secret::new(private_key) }
}

fn signing(sink: &SmtpSink, keys: Vec<DkimConfig>) -> Carriers {
    let mail = SmtpConfig {
        reply_to: Some("owner@myorg.co".into()),
        max_attachment_bytes: 1 << 20,
        ..SmtpConfig::new("localhost", sink.port(), SmtpTls::None, "Pressrün <reports@myorg.co>")
    };
    carriers(|config| (config.mail, config.dkim) = (MailConfig::Smtp(Box::new(mail)), keys))
}

#[tokio::test]
async fn rfc_6376_every_kind_of_mail_and_of_key_gives_a_signature_that_verifies() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let (pkcs1, pkcs8) = (KeyFile::generate("rsa -b 2048", "PEM", ""), KeyFile::generate("rsa -b 3072", "PKCS8", ""));
    let keys = vec![key("one", &pkcs1.private), key("two", &pkcs8.private), key("brisbane", ED25519_KEY)];
    let publics =
        [Public::of_line(&pkcs1.public), Public::of_line(&pkcs8.public), Public::Ed25519(BASE64.decode(ED25519_PUBLIC).expect("base64"))];
    let carriers = signing(&sink, keys);
    let mut odd = bench.csv();
    odd.message.subject =
        "Umsätze 東京 — a subject that is much longer than a line of a mail may be, so that it has to be folded somewhere".into();
    odd.message.text = "Line one  with blanks \t\r\n\r\n\r\n.\r\n From here\r\n\r\n\r\n".into();
    odd.message.unsubscribe = Some("https://pressrun.example/u/abc".into());
    let picture = bench.file("Orders.png", "image/png", &[0; 3000]);
    let mut empty = bench.link_only();
    (empty.message.text, empty.message.words, empty.message.subject) = (String::new(), Some(MailWords::default()), String::new());
    for parcel in [bench.link_only(), bench.pdf(70_000), odd, bench.parcel(Format::Png, Some(picture)), empty] {
        accepted(&carriers.deliver(&email(), &parcel, now()).await);
        let mail = sink.mails().pop().expect("a mail").text();
        for (nth, public) in publics.iter().enumerate() {
            verify(&mail, nth, public).unwrap_or_else(|error| panic!("{error}, signature {nth} of {mail}"));
        }
        assert!(mail.lines().all(|line| line.len() <= 998), "RFC 5322 §2.1.1");
    }
    let refused = carriers.deliver(&email(), &bench.pdf(2 << 20), now()).await;
    assert_eq!(refused.warnings, ["attachmentTooLarge"], "D12: signed without the file as well");
    verify(&sink.mails().pop().expect("a mail").text(), 0, &publics[0]).expect("verifies");
}

#[tokio::test]
async fn rfc_8058_nothing_that_a_reader_acts_on_can_be_changed_or_added() {
    let (bench, sink) = (Bench::new(), SmtpSink::start(SmtpScript::default()).await);
    let carriers = signing(&sink, vec![key("brisbane", ED25519_KEY)]);
    let mut parcel = bench.csv();
    parcel.message.unsubscribe = Some("https://pressrun.example/u/abc".into());
    accepted(&carriers.deliver(&email(), &parcel, now()).await);
    let mail = sink.mails().remove(0).text();
    let public = Public::Ed25519(BASE64.decode(ED25519_PUBLIC).expect("base64"));
    verify(&mail, 0, &public).expect("as it was sent");
    let relayed = format!("Received: from a\r\n\tby b\r\n{}", mail.replacen("Subject: ", "Subject:   ", 1));
    verify(&relayed, 0, &public).expect("relays add a line and fold differently");
    for (from, to) in [
        ("Subject: Daily", "Subject: Weekly"),
        ("From: ", "From: evil@myorg.co\r\nFrom: "),
        ("To: ", "To: evil@myorg.co\r\nTo: "),
        ("Subject: ", "Subject: other\r\nSubject: "),
        ("/u/abc>", "/u/abd>"),
        ("List-Unsubscribe=One-Click", "List-Unsubscribe=Two-Clicks"),
        ("multipart/mixed", "multipart/related"),
        ("filename=\"Orders.csv\"", "filename=\"Orders.exe\""),
        ("Here are the daily sales!", "Here are the daily losses!"),
    ] {
        let changed = mail.replacen(from, to, 1);
        assert_ne!(changed, mail, "{from} is in the mail");
        verify(&changed, 0, &public).expect_err(to);
    }
}

#[test]
fn d13_a_key_that_does_not_sign_is_refused_at_the_start_without_being_shown() {
    let weak = KeyFile::generate("rsa -b 1024", "PEM", "");
    let locked = KeyFile::generate("rsa -b 2048", "PKCS8", "pa55phrase");
    for private in [weak.private, locked.private, ED25519_KEY.replace("MC4C", "MC4D"), "nonsense".to_owned()] {
        let mut config =
            pressrun_deliver::CarrierConfig::new(MailConfig::File { folder: "unused".into(), from: "reports@myorg.co".into() });
        config.dkim = vec![key("one", &private)];
        let error = Carriers::new(config).err().expect("refused").to_string();
        assert!(error.contains("\"one\"") && error.contains("2048 bits"), "{error}");
        assert!(!error.contains(private.lines().nth(1).unwrap_or(&private)), "{error}");
    }
}
