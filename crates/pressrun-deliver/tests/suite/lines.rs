//! No line of any part of a mail is longer than 998 bytes (RFC 5322 §2.1.1), whatever somebody typed.

use pressrun_deliver::{MailConfig, Parcel};
use pressrun_domain::mail::{MailPart, MailWords, Slot};
use pressrun_testkit::temp_dir;
use proptest::prelude::*;

use crate::bench::{Bench, LINK, accepted, carriers, email, now};

/// The mail as a file.
fn written(parcel: &Parcel, from: String) -> Vec<u8> {
    let folder = temp_dir();
    let mail = MailConfig::File { folder: folder.path().to_owned(), from };
    let carriers = carriers(|config| config.mail = mail);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let delivered = runtime.block_on(carriers.deliver(&email(), parcel, now()));
    accepted(&delivered);
    let file = std::fs::read_dir(folder.path()).expect("folder").next().expect("one mail").expect("entry").path();
    std::fs::read(file).expect("mail")
}

/// Text as nobody expects it: long without a blank, in other scripts, with line ends of every kind.
fn typed() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{0,1200}",
        "[äß東🌍]{0,600}",
        "[ -~]{0,200}",
        "\\PC{0,100}",
        Just("\r".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n.\r\n".to_owned()),
        Just(" ".repeat(1100)),
        Just("\t".repeat(1100)),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn edge_no_line_of_a_mail_is_longer_than_998_bytes(
        subject in typed(), text in typed(), html in typed(), name in typed(), media in typed(), link in typed(), key in typed(),
        sender in "[a-zA-Z ]{0,600}", local in "[a-z]{1,64}", with_html in any::<bool>(), too_large in any::<bool>(), copies in 0_usize..30,
    ) {
        let bench = Bench::new();
        let mut parcel = bench.pdf(if too_large { 21 << 20 } else { 100 });
        let words = |text: String| vec![MailPart::Words(text), MailPart::Value(Slot::Link)];
        parcel.message.words = with_html.then(|| MailWords { html: words(html), text: words(text.clone()) });
        parcel.message.heading.cc = vec![format!("{local}@{}.example", "b".repeat(60)).parse().expect("an address"); copies];
        (parcel.message.subject, parcel.message.text, parcel.idempotency_key) = (subject, text, key);
        (parcel.message.unsubscribe, parcel.message.link) = (Some(format!("{LINK}{link}")), Some(link));
        parcel.target = format!("{local}@{}.example", "a".repeat(60));
        let file = parcel.artifact.as_mut().expect("a file");
        (file.name, file.media_type) = (name, media);
        let mail = written(&parcel, format!("\"{sender}\" <reports@myorg.co>"));
        for line in mail.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r\n");
            prop_assert!(line.is_some(), "a lone line feed");
            let line = line.unwrap_or_default();
            prop_assert!(line.len() <= 998, "{} bytes: {:?}", line.len(), String::from_utf8_lossy(&line[..100]));
            prop_assert!(!line.contains(&b'\r'), "a lone carriage return: {:?}", String::from_utf8_lossy(line));
        }
    }
}
