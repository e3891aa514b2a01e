//! Servers as partners run them: OpenSSH with the algorithms of its youth, ProFTPD with rights taken away, and one that plays mailboxes.

use pressrun_deliver::Carriers;
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{Destination, SftpSettings};
use pressrun_domain::secret::Secret;
use pressrun_domain::sftp_quirks::{SftpQuirks, UploadMode};
use pressrun_testkit::{KeyFile, OpenSshServer, ProFtpd, SftpLogin, SftpPhase, SftpScript, SftpServer, SftpStatus, SshKey};

use crate::bench::{Bench, accepted, carriers, names, now, rejected, retry, sftp, with_password};

const PASSWORD: &str = "1am@g00dBL0b";

fn direct() -> SftpQuirks {
    SftpQuirks { upload_mode: UploadMode::Direct, ..SftpQuirks::default() }
}

fn legacy() -> SftpQuirks {
    SftpQuirks { legacy_algorithms: true, ..SftpQuirks::default() }
}

async fn scripted(script: SftpScript) -> SftpServer {
    SftpServer::start("blobby", PASSWORD, script).await
}

/// A key that `ssh-keygen` made, and a destination at ProFTPD with it and the password.
fn proftpd(lines: &str) -> (ProFtpd, SftpSettings) {
    let key = KeyFile::generate("ed25519", "RFC4716", "");
    let server = ProFtpd::start("blobby", PASSWORD, &key, lines);
    let settings = SftpSettings {
        password: Some(Secret::new(PASSWORD)),
        private_key: Some(Secret::new(key.private)),
        ..sftp(server.address().port(), "blobby")
    };
    (server, settings)
}

/// OpenSSH with these lines, and a destination there.
fn openssh(lines: &str) -> (OpenSshServer, SftpSettings) {
    let (key, host_key) = (SshKey::generate(), KeyFile::generate("ed25519", "RFC4716", ""));
    let server = OpenSshServer::start_with(&[key.public_text()], "", &[host_key], lines);
    let settings = SftpSettings { private_key: Some(Secret::new(key.private_text())), ..sftp(server.address().port(), server.user()) };
    (server, settings)
}

async fn deliver(carriers: &Carriers, settings: &SftpSettings) -> Outcome {
    carriers.deliver(&Destination::Sftp(settings.clone()), &Bench::new().csv(), now()).await.outcome
}

#[tokio::test]
async fn f3_proftpd_that_wants_key_and_password_gets_both_and_says_what_is_missing() {
    let (bench, carriers) = (Bench::new(), carriers(|_| {}));
    for methods in ["publickey+password", "password+publickey"] {
        let (server, both) = proftpd(&format!("SFTPAuthMethods {methods}"));
        let delivered = carriers.deliver(&Destination::Sftp(both.clone()), &bench.csv(), now()).await;
        accepted(&delivered);
        assert_eq!(names(&server.files()), ["Orders.csv"], "{methods}");
        assert_eq!(delivered.learnt_host_key, Some(server.host_key()));
        let no_password = SftpSettings { password: None, ..both.clone() };
        let wrong_password = SftpSettings { password: Some(Secret::new("wr0ng-p4ss")), ..both.clone() };
        let no_key = SftpSettings { private_key: None, ..both };
        for settings in [no_password, wrong_password, no_key] {
            let outcome = deliver(&carriers, &settings).await;
            assert!(matches!(&outcome, Outcome::Rejected { reason } if reason.starts_with("sftp: login: ")), "{methods}: {outcome:?}");
            assert!(!format!("{outcome:?}").contains("wr0ng-p4ss"));
        }
    }
    let (_server, both) = proftpd("SFTPAuthMethods publickey+password");
    let missing = Destination::Sftp(SftpSettings { password: None, ..both });
    assert_eq!(
        rejected(&carriers.deliver(&missing, &bench.csv(), now()).await),
        "sftp: login: the server takes the private key and wants more (password): set the password too"
    );
}

#[tokio::test]
async fn f3_key_and_password_are_one_after_the_other_or_either_as_the_server_wants() {
    use SftpLogin::{Key, Password, Questions};
    let (bench, carriers, key) = (Bench::new(), carriers(|_| {}), SshKey::generate());
    for wants in
        [vec![Key, Password], vec![Key, Questions], vec![Password, Key], vec![Questions, Key], vec![Key], vec![Password], vec![Questions]]
    {
        let script = SftpScript { wants: wants.clone(), authorized: Some(key.public_text()), ..SftpScript::default() };
        let server = scripted(script).await;
        let both = SftpSettings { private_key: Some(Secret::new(key.private_text())), ..with_password(&server, PASSWORD) };
        let delivered = carriers.deliver(&Destination::Sftp(both), &bench.csv(), now()).await;
        assert!(matches!(delivered.outcome, Outcome::Accepted { .. }), "{wants:?}: {delivered:?}");
        let tried = server.passwords_seen();
        assert!(tried.len() <= 1, "{wants:?}: no password is tried twice: {} times", tried.len());
    }
}

#[tokio::test]
async fn f3_a_wrong_password_is_tried_once() {
    let bench = Bench::new();
    let server = scripted(SftpScript::default()).await;
    let stranger =
        SftpSettings { private_key: Some(Secret::new(SshKey::generate().private_text())), ..with_password(&server, "wr0ng-p4ss") };
    let refused = carriers(|_| {}).deliver(&Destination::Sftp(stranger), &bench.csv(), now()).await;
    assert_eq!(rejected(&refused), "sftp: login: the server refused the user name, or both the private key and the password");
    assert_eq!(server.passwords_seen(), ["wr0ng-p4ss"]);
}

#[tokio::test]
async fn f4_openssh_with_one_key_exchange_is_reached_and_sha1_only_when_the_schedule_says_so() {
    let carriers = carriers(|_| {});
    for kex in [
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "curve25519-sha256",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group-exchange-sha256",
    ] {
        let (server, settings) = openssh(&format!("KexAlgorithms {kex}"));
        let outcome = deliver(&carriers, &settings).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{kex}: {outcome:?}");
        assert_eq!(names(&server.files()), ["Orders.csv"]);
    }
    for kex in ["diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"] {
        let (server, settings) = openssh(&format!("KexAlgorithms {kex}"));
        let refused = deliver(&carriers, &settings).await;
        let Outcome::Rejected { reason } = &refused else { panic!("{kex}: waiting does not help: {refused:?}") };
        assert!(reason.contains(&format!("no key exchange in common: the server offers {kex}; we take ")), "{reason}");
        assert!(reason.contains("curve25519-sha256") && reason.contains("legacyAlgorithms"), "{reason}");
        assert!(names(&server.files()).is_empty());
        let outcome = deliver(&carriers, &SftpSettings { quirks: legacy(), ..settings }).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{kex}: {outcome:?}");
    }
    let (_server, settings) = openssh("KexAlgorithms diffie-hellman-group1-sha1");
    let refused = deliver(&carriers, &SftpSettings { quirks: legacy(), ..settings }).await;
    assert!(
        matches!(&refused, Outcome::Rejected { reason } if !reason.contains("legacyAlgorithms")),
        "nobody takes 1024 bits: {refused:?}"
    );
}

#[tokio::test]
async fn f5_openssh_with_hmac_sha1_is_reached_and_cbc_only_when_the_schedule_says_so() {
    let carriers = carriers(|_| {});
    for lines in [
        "MACs hmac-sha1\nCiphers aes256-ctr",
        "MACs hmac-sha1-etm@openssh.com\nCiphers aes128-ctr",
        "MACs hmac-sha2-256\nCiphers aes192-ctr",
        "Ciphers aes128-gcm@openssh.com",
        "Ciphers aes256-gcm@openssh.com",
        "Ciphers chacha20-poly1305@openssh.com",
    ] {
        let (_server, settings) = openssh(lines);
        let outcome = deliver(&carriers, &settings).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{lines}: {outcome:?}");
    }
    for cipher in ["aes128-cbc", "aes192-cbc", "aes256-cbc"] {
        for mac in ["hmac-sha1", "hmac-sha2-256-etm@openssh.com"] {
            let (_server, settings) = openssh(&format!("Ciphers {cipher}\nMACs {mac}"));
            let refused = deliver(&carriers, &settings).await;
            let Outcome::Rejected { reason } = &refused else { panic!("{cipher}: waiting does not help: {refused:?}") };
            assert!(reason.contains(&format!("no cipher in common: the server offers {cipher}; we take ")), "{reason}");
            let outcome = deliver(&carriers, &SftpSettings { quirks: legacy(), ..settings }).await;
            assert!(matches!(outcome, Outcome::Accepted { .. }), "{cipher} {mac}: {outcome:?}");
        }
    }
    let (_server, settings) = openssh("Ciphers aes256-ctr\nMACs hmac-md5");
    let refused = deliver(&carriers, &SftpSettings { quirks: legacy(), ..settings }).await;
    let Outcome::Rejected { reason } = &refused else { panic!("waiting does not help: {refused:?}") };
    assert!(reason.contains("no MAC in common: the server offers hmac-md5; we take ") && !reason.contains("legacyAlgorithms"), "{reason}");
}

#[tokio::test]
async fn d7_a_host_key_of_every_kind_is_learnt_and_recognised_as_key_and_as_fingerprint() {
    let (bench, carriers, key) = (Bench::new(), carriers(|_| {}), SshKey::generate());
    let kinds = ["ed25519", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521", "rsa -b 2048"];
    let host_keys: Vec<KeyFile> = kinds.iter().map(|kind| KeyFile::generate(kind, "RFC4716", "")).collect();
    let at = |server: &OpenSshServer, pinned: Option<String>| {
        let private_key = Some(Secret::new(key.private_text()));
        Destination::Sftp(SftpSettings { private_key, host_key: pinned, ..sftp(server.address().port(), server.user()) })
    };
    for (kind, host_key) in kinds.iter().zip(&host_keys) {
        let server = OpenSshServer::start_with(&[key.public_text()], "", std::slice::from_ref(host_key), "");
        let first = carriers.deliver(&at(&server, None), &bench.csv(), now()).await;
        assert!(matches!(first.outcome, Outcome::Accepted { .. }), "{kind}: {first:?}");
        assert_eq!(first.learnt_host_key, Some(server.host_key()), "{kind}");
        accepted(&carriers.deliver(&at(&server, first.learnt_host_key), &bench.csv(), now()).await);
    }
    // A server with all of them shows the strongest; whoever pinned another one is asked for that.
    let server = OpenSshServer::start_with(&[key.public_text()], "", &host_keys, "");
    for (kind, host_key) in kinds.iter().zip(&host_keys) {
        for pinned in [host_key.public.clone(), host_key.fingerprint()] {
            let found = carriers.deliver(&at(&server, Some(pinned.clone())), &bench.csv(), now()).await;
            assert!(matches!(found.outcome, Outcome::Accepted { .. }), "{kind} {pinned}: {found:?}");
        }
    }
    let stranger = carriers.deliver(&at(&server, Some(SshKey::generate().fingerprint())), &bench.csv(), now()).await;
    assert!(rejected(&stranger).contains("host key is not the pinned one"), "{stranger:?}");
}

#[tokio::test]
async fn f9_a_server_that_lets_nobody_remove_takes_the_first_file_of_a_name_and_keeps_it() {
    let bench = Bench::new();
    let script = SftpScript { plain_version_3: true, forbids: vec![SftpPhase::Remove], ..SftpScript::default() };
    let server = scripted(script).await;
    let carriers = carriers(|_| {});
    let destination = Destination::Sftp(with_password(&server, PASSWORD));
    accepted(&carriers.deliver(&destination, &bench.csv(), now()).await);
    assert_eq!(names(&server.files()), ["Orders.csv"], "renamed first, and nothing removed");
    let before = std::fs::read(server.files().join("Orders.csv")).expect("file");
    let again = carriers.deliver(&destination, &bench.pdf_named("Orders.csv", 9_000), now()).await;
    let reason = rejected(&again);
    assert!(reason.starts_with("sftp: replace: permission denied for Orders.csv: it is there already"), "{reason}");
    assert!(reason.contains("put the date into the file's name") && reason.contains("uploadMode"), "{reason}");
    assert_eq!(std::fs::read(server.files().join("Orders.csv")).expect("file"), before, "the old file is as it was");
}

#[tokio::test]
async fn f9_proftpd_without_the_right_to_delete_takes_a_file() {
    let (server, settings) = proftpd("SFTPAuthMethods password\n<Limit DELE>\nDenyAll\n</Limit>\nSFTPExtensions -posixRename");
    let outcome = deliver(&carriers(|_| {}), &settings).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(names(&server.files()), ["Orders.csv"]);
}

#[tokio::test]
async fn f10_a_vague_answer_about_a_missing_file_stops_nothing() {
    let (bench, carriers) = (Bench::new(), carriers(|_| {}));
    let server = scripted(SftpScript { plain_version_3: true, vague_removals: true, ..SftpScript::default() }).await;
    let destination = Destination::Sftp(with_password(&server, PASSWORD));
    for _ in 0..2 {
        accepted(&carriers.deliver(&destination, &bench.csv(), now()).await);
    }
    assert_eq!(names(&server.files()), ["Orders.csv"]);
}

#[tokio::test]
async fn f11_an_account_that_may_only_write_gets_its_file_unchecked() {
    let (bench, carriers) = (Bench::new(), carriers(|_| {}));
    for plain_version_3 in [false, true] {
        let forbids = vec![SftpPhase::Folder, SftpPhase::Check];
        let server = scripted(SftpScript { forbids, plain_version_3, ..SftpScript::default() }).await;
        std::fs::create_dir(server.files().join("in")).expect("folder");
        let destination = Destination::Sftp(SftpSettings { path: Some("in".into()), ..with_password(&server, PASSWORD) });
        for _ in 0..2 {
            let delivered = carriers.deliver(&destination, &bench.csv(), now()).await;
            assert!(accepted(&delivered).ends_with("; the server does not tell its size"), "{delivered:?}");
        }
        assert_eq!(names(&server.files().join("in")), ["Orders.csv"]);
    }
}

#[tokio::test]
async fn f12_where_renaming_is_forbidden_the_reason_names_the_setting_and_the_setting_works() {
    let (bench, carriers) = (Bench::new(), carriers(|_| {}));
    for plain_version_3 in [false, true] {
        let server = scripted(SftpScript { forbids: vec![SftpPhase::Rename], plain_version_3, ..SftpScript::default() }).await;
        std::fs::write(server.files().join("Orders.csv"), "yesterday's").expect("file");
        let refused = carriers.deliver(&Destination::Sftp(with_password(&server, PASSWORD)), &bench.csv(), now()).await;
        let reason = rejected(&refused);
        assert!(
            reason.starts_with("sftp: rename: the server does not let .Orders.csv.") && reason.contains("set uploadMode to direct"),
            "{reason}"
        );
        assert_eq!(names(&server.files()), ["Orders.csv"], "nothing unfinished is left behind");
        assert_eq!(
            std::fs::read(server.files().join("Orders.csv")).expect("file"),
            b"yesterday's",
            "nothing is removed for a rename that is forbidden"
        );
        let at_once = Destination::Sftp(SftpSettings { quirks: direct(), ..with_password(&server, PASSWORD) });
        let parcel = bench.csv();
        for _ in 0..2 {
            accepted(&carriers.deliver(&at_once, &parcel, now()).await);
        }
        assert_eq!(names(&server.files()), ["Orders.csv"]);
        let sent = std::fs::read(&parcel.artifact.expect("a file").path).expect("spool");
        assert_eq!(std::fs::read(server.files().join("Orders.csv")).expect("file"), sent);
    }
}

#[tokio::test]
async fn f12_proftpd_without_the_right_to_rename_takes_a_file_under_its_name() {
    let (server, settings) = proftpd("SFTPAuthMethods password\n<Limit RNFR RNTO>\nDenyAll\n</Limit>");
    let carriers = carriers(|_| {});
    let refused = deliver(&carriers, &settings).await;
    assert!(matches!(&refused, Outcome::Rejected { reason } if reason.contains("set uploadMode to direct")), "{refused:?}");
    assert!(names(&server.files()).is_empty(), "{:?}", names(&server.files()));
    let outcome = deliver(&carriers, &SftpSettings { quirks: direct(), ..settings }).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(names(&server.files()), ["Orders.csv"]);
}

#[tokio::test]
async fn f13_a_mailbox_that_takes_files_on_close_is_named_and_gets_the_final_name_by_the_setting() {
    let (bench, carriers) = (Bench::new(), carriers(|_| {}));
    let server = scripted(SftpScript { takes_on_close: true, ..SftpScript::default() }).await;
    let refused = carriers.deliver(&Destination::Sftp(with_password(&server, PASSWORD)), &bench.csv(), now()).await;
    let reason = rejected(&refused);
    assert!(
        reason.contains("took .Orders.csv.") && reason.contains("away as soon as it was closed") && reason.contains("uploadMode"),
        "{reason}"
    );
    assert_eq!(server.taken().len(), 1, "and it is not sent again and again");

    let parcel = bench.csv();
    let at_once = Destination::Sftp(SftpSettings { quirks: direct(), ..with_password(&server, PASSWORD) });
    let delivered = carriers.deliver(&at_once, &parcel, now()).await;
    assert!(accepted(&delivered).ends_with("; the server does not show it any more"), "{delivered:?}");
    let sent = std::fs::read(&parcel.artifact.expect("a file").path).expect("spool");
    assert_eq!(server.taken().last(), Some(&("Orders.csv".to_owned(), sent)));
}

#[tokio::test]
async fn f13_a_mailbox_is_not_given_half_a_file_when_the_upload_fails() {
    let bench = Bench::new();
    let script = SftpScript { takes_on_close: true, fail_at: Some((SftpPhase::Write, SftpStatus::Failure)), ..SftpScript::default() };
    let server = scripted(script).await;
    let at_once = Destination::Sftp(SftpSettings { quirks: direct(), ..with_password(&server, PASSWORD) });
    retry(&carriers(|_| {}).deliver(&at_once, &bench.csv(), now()).await);
    assert!(server.taken().is_empty() && names(&server.files()).is_empty(), "removed before it is closed");
}

#[tokio::test]
async fn f14_a_server_that_refuses_names_with_a_dot_gets_another_temporary_name() {
    let (bench, carriers) = (Bench::new(), carriers(|_| {}));
    let server = scripted(SftpScript { no_dot_names: true, ..SftpScript::default() }).await;
    let destination = Destination::Sftp(with_password(&server, PASSWORD));
    accepted(&carriers.deliver(&destination, &bench.csv(), now()).await);
    assert_eq!(names(&server.files()), ["Orders.csv"]);

    let (server, settings) = proftpd("SFTPAuthMethods password\nPathDenyFilter \"(^|/)[.][^/]+$\"");
    let outcome = deliver(&carriers, &settings).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(names(&server.files()), ["Orders.csv"]);
}

#[tokio::test]
async fn f14_the_words_name_the_path_that_was_refused_and_what_to_set() {
    let (bench, carriers) = (Bench::new(), carriers(|_| {}));
    // Only names that end with .tmp or .csv may be made.
    let (server, settings) = proftpd("SFTPAuthMethods password\nPathAllowFilter \"[.](tmp|csv)$\"");
    let destination = |quirks: SftpQuirks| Destination::Sftp(SftpSettings { quirks, ..settings.clone() });
    let refused = carriers.deliver(&destination(SftpQuirks::default()), &bench.csv(), now()).await;
    let reason = rejected(&refused);
    assert!(reason.starts_with("sftp: create the file: permission denied for Orders.csv.") && reason.contains(".part; "), "{reason}");
    assert!(reason.contains("temporaryName") && reason.contains("uploadMode"), "{reason}");
    let pattern = SftpQuirks { temporary_name: Some("{mark}-{name}.tmp".parse().expect("a pattern")), ..SftpQuirks::default() };
    accepted(&carriers.deliver(&destination(pattern), &bench.csv(), now()).await);
    assert_eq!(names(&server.files()), ["Orders.csv"]);
}

#[tokio::test]
async fn d6_a_direct_upload_that_may_not_begin_leaves_the_old_file_alone() {
    let bench = Bench::new();
    let server = scripted(SftpScript { forbids: vec![SftpPhase::Open], ..SftpScript::default() }).await;
    std::fs::write(server.files().join("Orders.csv"), "yesterday's").expect("file");
    let at_once = Destination::Sftp(SftpSettings { quirks: direct(), ..with_password(&server, PASSWORD) });
    let refused = carriers(|_| {}).deliver(&at_once, &bench.csv(), now()).await;
    assert_eq!(rejected(&refused), "sftp: create the file: permission denied for Orders.csv");
    assert_eq!(std::fs::read(server.files().join("Orders.csv")).expect("file"), b"yesterday's");
}
