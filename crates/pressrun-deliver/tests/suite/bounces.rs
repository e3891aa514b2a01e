//! Reports of mail servers and mailbox providers, as they come.

use pressrun_deliver::bounce::{REPORT_BYTES_MAX, read};
use pressrun_domain::bounce::{BounceKind, Report, ReturnPath};
use pressrun_domain::email::EmailAddress;
use pressrun_domain::id::DeliveryId;
use pressrun_domain::secret::Secret;
use proptest::prelude::*;

const PATH: &str = "bounces+0198c0ffee@reports.example.com";

/// As Postfix writes it; `%` stands for action, status and words.
fn postfix(action: &str, status: &str, words: &str) -> String {
    format!(
        "Return-Path: <>\r\nDelivered-To: {PATH}\r\nFrom: MAILER-DAEMON@mx.example.com (Mail Delivery System)\r\nTo: {PATH}\r\n\
         Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"B1/mx.example.com\"\r\n\r\n\
         This is a MIME-encapsulated message.\r\n\r\n--B1/mx.example.com\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n\
         I'm sorry to have to inform you that your message could not be delivered.\r\n\r\n--B1/mx.example.com\r\n\
         Content-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example.com\r\nX-Postfix-Queue-ID: 4Z\r\nArrival-Date: Sun, 29 Nov 2026 09:00:00 +0000 (UTC)\r\n\r\n\
         Final-Recipient: rfc822; gone@partner.example\r\nOriginal-Recipient: rfc822;gone@partner.example\r\nAction: {action}\r\n\
         Status: {status}\r\nRemote-MTA: dns; mx.partner.example\r\nDiagnostic-Code: smtp; {words}\r\n\r\n\
         --B1/mx.example.com\r\nContent-Type: message/rfc822\r\n\r\n\
         Return-Path: <{PATH}>\r\nFrom: reports@example.com\r\nTo: gone@partner.example\r\nSubject: Sales\r\n\r\nHello\r\n\
         --B1/mx.example.com--\r\n"
    )
}

const COMPLAINT: &str = "From: <abusedesk@provider.example>\r\nTo: <abuse@example.com>\r\nSubject: FW: Sales\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/report; report-type=feedback-report; boundary=\"part1\"\r\n\r\n--part1\r\nContent-Type: text/plain\r\n\r\n\
    This is an email abuse report.\r\n\r\n--part1\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\
    User-Agent: SomeGenerator/1.0\r\nVersion: 1\r\n\r\n--part1\r\nContent-Type: message/rfc822\r\n\r\n\
    Return-Path: <bounces+0198c0ffee@reports.example.com>\r\nFrom: reports@example.com\r\nTo: <somebody@provider.example>\r\n\r\nHello\r\n--part1--\r\n";

fn gone() -> EmailAddress {
    "gone@partner.example".parse().expect("an address")
}

fn about(mail: &str) -> Option<Report> {
    read(mail.as_bytes())?.about(&gone())
}

#[test]
fn a_report_tells_whom_it_came_to_what_happened_and_in_which_words() {
    let words = "550 5.1.1 <gone@partner.example>: Recipient address rejected:\r\n    User unknown";
    let returned = read(postfix("failed", "5.1.1", words).as_bytes()).expect("a report");
    assert!(returned.addresses.iter().any(|address| address == PATH), "{:?}", returned.addresses);
    let report = returned.about(&gone()).expect("about the recipient");
    assert_eq!((report.kind, report.status.as_deref()), (BounceKind::Permanent, Some("5.1.1")));
    assert_eq!(report.words, "550 5.1.1 <gone@partner.example>: Recipient address rejected: User unknown");
    for (case, mail, expected) in [
        ("late", postfix("delayed", "4.4.1", "connect: timed out"), Some(BounceKind::Transient)),
        ("given up", postfix("failed", "4.4.7", "delivery time expired"), Some(BounceKind::Transient)),
        ("a full mailbox", postfix("failed", "5.2.2", "552 5.2.2 over quota"), Some(BounceKind::Transient)),
        ("no status but a reply", postfix("failed", "", "550 no such user"), Some(BounceKind::Permanent)),
        ("a status with a comment", postfix("failed", "5.1.1 (bad mailbox)", "x"), Some(BounceKind::Permanent)),
        ("arrived", postfix("delivered", "2.0.0", "250 ok"), None),
        ("no MIME", postfix("failed", "5.1.1", "x").replace("multipart/report", "multipart/mixed"), None),
        (
            "an answer",
            format!("From: gone@partner.example\r\nTo: {PATH}\r\nSubject: Re: Sales\r\n\r\nStatus: 5.1.1\r\nAction: failed\r\n"),
            None,
        ),
        (
            "utf-8",
            postfix("failed", "5.1.1", "550 Empfänger unbekannt").replace("delivery-status\r\n", "global-delivery-status\r\n"),
            Some(BounceKind::Permanent),
        ),
    ] {
        assert_eq!(about(&mail).map(|report| report.kind), expected, "{case}");
    }
}

#[test]
fn a_lasting_failure_of_somebody_else_does_not_end_mail_to_the_address() {
    let forwarded = postfix("failed", "5.1.1", "550 no such user").replace("gone@partner.example", "forwarded@elsewhere.example");
    let report = about(&forwarded).expect("noted");
    assert_eq!((report.kind, report.words.as_str()), (BounceKind::Transient, "550 no such user"));
    let own = postfix("failed", "5.1.1", "550 no such user");
    let list = own.replace(
        "Action: failed",
        "Action: delivered\r\nStatus: 2.0.0\r\n\r\nFinal-Recipient: rfc822; other@partner.example\r\nAction: failed",
    );
    assert_eq!(about(&list).expect("noted").kind, BounceKind::Transient, "a member of a list");
}

#[test]
fn a_complaint_is_found_by_the_mail_that_it_returns() {
    let returned = read(COMPLAINT.as_bytes()).expect("a complaint");
    assert!(returned.addresses.iter().any(|address| address == PATH), "{:?}", returned.addresses);
    let report = returned.about(&gone()).expect("names nobody, so that it is about whoever it was sent to");
    assert_eq!((report.kind, report.words.as_str()), (BounceKind::Complaint, "abuse (reported by SomeGenerator/1.0)"));
    let mailed_from = COMPLAINT.replace("Version: 1", "Original-Mail-From: <bounces+aa@reports.example.com>\r\nVersion: 1");
    let addresses = read(mailed_from.as_bytes()).expect("a complaint").addresses;
    assert!(addresses.iter().any(|address| address == "bounces+aa@reports.example.com"), "{addresses:?}");
    assert_eq!(read(COMPLAINT.replace("Feedback-Type: abuse", "Feedback-Type: not-spam").as_bytes()), None);
}

#[test]
fn a_huge_mail_is_read_at_its_beginning_only() {
    let mail = postfix("failed", "5.1.1", "550 no such user").replace("Hello", &"x".repeat(8 << 20));
    assert_eq!(about(&mail).expect("a report").kind, BounceKind::Permanent);
    let late = format!("{}{}", "x".repeat(REPORT_BYTES_MAX), postfix("failed", "5.1.1", "x"));
    assert_eq!(read(late.as_bytes()), None);
    let many = postfix("failed", "5.1.1", "x").replace("To: ", &format!("To: {}", "a@b.co, ".repeat(5_000)));
    assert!(read(many.as_bytes()).is_none_or(|returned| returned.addresses.len() <= 50));
}

proptest! {
    #[test]
    fn whatever_comes_in_nothing_breaks_and_no_path_is_made_up(cut in 0_usize..1600, noise in proptest::collection::vec(any::<u8>(), 0..64), at in 0_usize..1600) {
        let paths = ReturnPath::new("bounces@reports.example.com", &Secret::new("k")).expect("an address");
        let own = paths.of(DeliveryId::generate());
        let mut mail = postfix("failed", "5.1.1", "550 no such user").replace(PATH, &own).into_bytes();
        let at = at.min(mail.len());
        mail.splice(at..at, noise);
        mail.truncate(cut.max(1));
        if let Some(returned) = read(&mail) {
            let found: Vec<_> = returned.addresses.iter().filter(|address| paths.read(address).is_some()).collect();
            prop_assert!(found.iter().all(|address| **address == own));
            let _ = returned.about(&gone());
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(mail in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let _ = read(&mail);
    }
}
