//! D6 and D7, against OpenSSH and against a server that misbehaves.

use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{Destination, SftpSettings};
use pressrun_domain::secret::Secret;
use pressrun_testkit::{Fault, KeyFile, OpenSshServer, Proxy, SftpPhase, SftpScript, SftpServer, SftpStatus, SshKey, Way};

use crate::bench::{Bench, LINK, accepted, carriers, names, noise, now, rejected, retry, sftp, with_password};

const PASSWORD: &str = "1am@g00dBL0b";

async fn server(script: SftpScript) -> SftpServer {
    SftpServer::start("blobby", PASSWORD, script).await
}

fn with_key(server: &OpenSshServer, key: &SshKey) -> SftpSettings {
    SftpSettings { private_key: Some(Secret::new(key.private_text())), ..sftp(server.address().port(), server.user()) }
}

#[tokio::test]
async fn d6_openssh_gets_the_whole_file_under_its_final_name_and_a_repeat_replaces_it() {
    let (bench, key) = (Bench::new(), SshKey::generate());
    let server = OpenSshServer::start(&key);
    std::fs::create_dir(server.files().join("in")).expect("folder");
    let path = server.files().join("in").to_string_lossy().into_owned();
    let destination = Destination::Sftp(SftpSettings { path: Some(path), ..with_key(&server, &key) });
    let mut parcel = bench.pdf(3_000_001);
    parcel.artifact.as_mut().expect("a file").name = "Umsätze 2026.pdf".into();
    let carriers = carriers(|_| {});
    let first = carriers.deliver(&destination, &parcel, now()).await;
    assert!(accepted(&first).ends_with("/in/Umsätze 2026.pdf written, 3000001 bytes"), "{first:?}");
    assert_eq!(first.learnt_host_key.as_deref(), Some(server.host_key().as_str()), "D7: learnt at first success");
    assert_eq!(std::fs::read(server.files().join("in/Umsätze 2026.pdf")).expect("file"), noise(3_000_001));

    accepted(&carriers.deliver(&destination, &parcel, now()).await);
    assert_eq!(names(&server.files().join("in")), ["Umsätze 2026.pdf"], "I6: one file, nothing unfinished");
}

#[tokio::test]
async fn d7_openssh_takes_the_key_with_and_without_passphrase_and_refuses_another() {
    let (bench, key) = (Bench::new(), SshKey::generate());
    let server = OpenSshServer::start(&key);
    let carriers = carriers(|_| {});
    let sealed = |passphrase: Option<&str>| {
        Destination::Sftp(SftpSettings {
            private_key: Some(Secret::new(key.encrypted_text("pa55phrase"))),
            passphrase: passphrase.map(Secret::new),
            ..with_key(&server, &key)
        })
    };
    accepted(&carriers.deliver(&sealed(Some("pa55phrase")), &bench.csv(), now()).await);
    assert_eq!(names(&server.files()), ["Orders.csv"], "the login folder when there is no path");
    assert!(rejected(&carriers.deliver(&sealed(None), &bench.csv(), now()).await).contains("passphrase"));
    let wrong = carriers.deliver(&sealed(Some("wr0ng-phrase")), &bench.csv(), now()).await;
    assert!(rejected(&wrong).contains("passphrase") && !format!("{wrong:?}").contains("wr0ng-phrase"), "{wrong:?}");
    let stranger = Destination::Sftp(with_key(&server, &SshKey::generate()));
    let refused = carriers.deliver(&stranger, &bench.csv(), now()).await;
    assert_eq!(rejected(&refused), "sftp: login: the server refused the user name or the private key");
    assert_eq!(refused.learnt_host_key, None, "nothing is learnt from a failure");
}

#[tokio::test]
async fn d7_openssh_takes_every_kind_of_key_in_every_form_that_its_own_tool_writes() {
    let bench = Bench::new();
    let mut keys = Vec::new();
    for kind in ["ed25519", "rsa -b 2048", "ecdsa -b 256", "ecdsa -b 384", "ecdsa -b 521"] {
        for passphrase in ["", "pa55 phräse"] {
            keys.push((kind, "RFC4716", passphrase));
        }
    }
    for form in ["PEM", "PKCS8"] {
        keys.extend([("rsa -b 2048", form, ""), ("rsa -b 2048", form, "pa55phrase")]);
        keys.extend([("ecdsa -b 256", form, ""), ("ecdsa -b 384", form, ""), ("ecdsa -b 521", form, "")]);
    }
    keys.push(("ecdsa -b 256", "PKCS8", "pa55phrase"));
    let files: Vec<KeyFile> = keys.iter().map(|(kind, form, passphrase)| KeyFile::generate(kind, form, passphrase)).collect();
    let server = OpenSshServer::start_for(&files.iter().map(|file| file.public.clone()).collect::<Vec<_>>(), "");
    let carriers = carriers(|_| {});
    for ((kind, form, passphrase), file) in keys.iter().zip(files) {
        let settings = SftpSettings {
            private_key: Some(Secret::new(&*file.private)),
            passphrase: (!passphrase.is_empty()).then(|| Secret::new(*passphrase)),
            ..sftp(server.address().port(), server.user())
        };
        let delivered = carriers.deliver(&Destination::Sftp(settings.clone()), &bench.csv(), now()).await;
        assert!(matches!(delivered.outcome, Outcome::Accepted { .. }), "{kind} {form} {passphrase:?}: {delivered:?}");
        // Pasted on Windows, and with a passphrase that it does not need.
        let pasted = Some(Secret::new(file.private.replace('\n', "\r\n  ")));
        let unneeded = settings.passphrase.clone().or_else(|| Some(Secret::new("unneeded")));
        let pasted = Destination::Sftp(SftpSettings { private_key: pasted, passphrase: unneeded, ..settings.clone() });
        let delivered = carriers.deliver(&pasted, &bench.csv(), now()).await;
        assert!(matches!(delivered.outcome, Outcome::Accepted { .. }), "{kind} {form} {passphrase:?} pasted: {delivered:?}");
        if !passphrase.is_empty() {
            let locked = Destination::Sftp(SftpSettings { passphrase: Some(Secret::new("wr0ng-phrase")), ..settings });
            let refused = carriers.deliver(&locked, &bench.csv(), now()).await;
            assert!(rejected(&refused).contains("wrong passphrase"), "{kind} {form}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn d7_a_changed_host_key_is_refused_before_any_credential_leaves() {
    let bench = Bench::new();
    let other = SshKey::generate();
    let mine = SshKey::generate();
    let server = server(SftpScript::default()).await;
    let with_key = SftpSettings { private_key: Some(Secret::new(mine.private_text())), password: None, ..with_password(&server, PASSWORD) };
    for settings in [with_password(&server, PASSWORD), with_key] {
        for pinned in [other.public_text(), other.fingerprint(), format!("[127.0.0.1]:{} {}", server.address().port(), other.public_text())]
        {
            let destination = Destination::Sftp(SftpSettings { host_key: Some(pinned), ..settings.clone() });
            let changed = carriers(|_| {}).deliver(&destination, &bench.csv(), now()).await;
            assert!(rejected(&changed).contains("host key is not the pinned one"), "{changed:?}");
            assert_eq!(changed.learnt_host_key, None);
        }
    }
    assert_eq!((server.logins_seen(), server.passwords_seen().len()), (0, 0), "no request to log in, not even an empty one");
    assert!(names(&server.files()).is_empty());
}

#[tokio::test]
async fn d7_a_host_key_given_in_advance_is_recognised_and_nothing_is_learnt() {
    let (bench, server) = (Bench::new(), server(SftpScript::default()).await);
    let carriers = carriers(|_| {});
    let pinned = |key: String| Destination::Sftp(SftpSettings { host_key: Some(key), ..with_password(&server, PASSWORD) });
    for given in [format!("{} a comment", server.host_key()), format!("sftp.blobsrus.com {}", server.host_key()), server.fingerprint()] {
        let known = carriers.deliver(&pinned(given), &bench.csv(), now()).await;
        accepted(&known);
        assert_eq!(known.learnt_host_key, None, "nothing new to learn");
    }
    for nonsense in ["ssh-ed25519 nonsense", "SHA256:nonsense", ""] {
        assert!(rejected(&carriers.deliver(&pinned(nonsense.into()), &bench.csv(), now()).await).contains("pinned host key"), "{nonsense}");
    }
}

#[tokio::test]
async fn d6_openssh_that_is_read_only_is_a_named_reason() {
    let (bench, key) = (Bench::new(), SshKey::generate());
    let server = OpenSshServer::start_for(&[key.public_text()], "-R");
    let delivered = carriers(|_| {}).deliver(&Destination::Sftp(with_key(&server, &key)), &bench.csv(), now()).await;
    let reason = rejected(&delivered);
    assert!(reason.starts_with("sftp: create the file: permission denied for Orders.csv.") && reason.contains("uploadMode"), "{reason}");
}

#[tokio::test]
async fn d6_openssh_cut_off_in_the_middle_shows_no_final_file_and_the_next_attempt_a_whole_one() {
    let (bench, key) = (Bench::new(), SshKey::generate());
    let server = OpenSshServer::start(&key);
    let proxy = Proxy::to(server.address()).await;
    let destination = Destination::Sftp(SftpSettings { port: proxy.address().port(), ..with_key(&server, &key) });
    let (carriers, parcel) = (carriers(|_| {}), bench.pdf(1_500_000));
    std::fs::write(server.files().join("Orders.pdf"), "yesterday's").expect("file");
    for after in [200_000, 900_000, 1_400_000] {
        proxy.break_with(Some(Fault { way: Way::Up, after, cut: true }));
        retry(&carriers.deliver(&destination, &parcel, now()).await);
        assert_eq!(std::fs::read(server.files().join("Orders.pdf")).expect("file"), b"yesterday's", "the old file is whole");
        assert!(
            names(&server.files())
                .iter()
                .filter(|name| *name != "Orders.pdf")
                .all(|name| name.starts_with('.') && name.strip_suffix(".part").is_some())
        );
    }
    proxy.break_with(None);
    accepted(&carriers.deliver(&destination, &parcel, now()).await);
    assert_eq!(names(&server.files()), ["Orders.pdf"], "one temporary name, used by every attempt and gone at the end");
    assert!(std::fs::read(server.files().join("Orders.pdf")).expect("file") == noise(1_500_000));
}

#[tokio::test]
async fn d6_every_status_at_every_request_has_its_decision() {
    let (bench, server) = (Bench::new(), server(SftpScript::default()).await);
    let destination = Destination::Sftp(SftpSettings { path: Some("in".into()), ..with_password(&server, PASSWORD) });
    std::fs::create_dir(server.files().join("in")).expect("folder");
    let carriers = carriers(|_| {});
    for phase in SftpPhase::REQUESTS {
        for (status, for_good) in [
            (SftpStatus::NoSuchFile, true),
            (SftpStatus::PermissionDenied, true),
            (SftpStatus::OpUnsupported, true),
            (SftpStatus::Failure, false),
            (SftpStatus::BadMessage, false),
            (SftpStatus::ConnectionLost, false),
        ] {
            let plain_version_3 = phase == SftpPhase::Remove;
            server.follow(|script| *script = SftpScript { fail_at: Some((phase, status)), plain_version_3, ..SftpScript::default() });
            std::fs::write(server.files().join("in/Orders.csv"), "yesterday's").expect("file");
            let delivered = carriers.deliver(&destination, &bench.csv(), now()).await;
            let looks = matches!(phase, SftpPhase::Folder | SftpPhase::Check);
            let says_nothing = matches!(status, SftpStatus::PermissionDenied | SftpStatus::OpUnsupported | SftpStatus::Failure);
            // F11: accounts that may only write are told nothing.
            let arrived = (looks && says_nothing) || (phase == SftpPhase::Check && status == SftpStatus::NoSuchFile);
            match &delivered.outcome {
                Outcome::Accepted { .. } => assert!(arrived, "{phase:?} {status:?}: {delivered:?}"),
                Outcome::Rejected { .. } => assert!(!arrived && for_good, "{phase:?} {status:?}: {delivered:?}"),
                Outcome::Retry { .. } => assert!(!arrived && !for_good, "{phase:?} {status:?}: {delivered:?}"),
                Outcome::Held { .. } => panic!("only a mail relay holds what it gets: {delivered:?}"),
            }
            let found = std::fs::read(server.files().join("in/Orders.csv")).expect("file");
            assert_eq!(found != b"yesterday's", arrived, "{phase:?} {status:?}: the old file is whole until the new one is");
        }
    }
    server.follow(|script| *script = SftpScript::default());
    accepted(&carriers.deliver(&destination, &bench.csv(), now()).await);
}

#[tokio::test]
async fn d7_passwords_are_taken_directly_or_as_an_answer() {
    let bench = Bench::new();
    for asks_questions in [false, true] {
        let server = server(SftpScript { asks_questions, ..SftpScript::default() }).await;
        let delivered = carriers(|_| {}).deliver(&Destination::Sftp(with_password(&server, PASSWORD)), &bench.csv(), now()).await;
        accepted(&delivered);
        assert_eq!(delivered.learnt_host_key, Some(server.host_key()));
        let wrong = carriers(|_| {}).deliver(&Destination::Sftp(with_password(&server, "wr0ng-p4ss")), &bench.csv(), now()).await;
        assert!(rejected(&wrong).starts_with("sftp: login: wrong user name or password"), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_server_without_sftp_is_a_named_reason() {
    let script = SftpScript { fail_at: Some((SftpPhase::Subsystem, SftpStatus::Failure)), ..SftpScript::default() };
    let (bench, server) = (Bench::new(), server(script).await);
    let delivered = carriers(|_| {}).deliver(&Destination::Sftp(with_password(&server, PASSWORD)), &bench.csv(), now()).await;
    assert_eq!(rejected(&delivered), "sftp: start of SFTP: the server lets this user in, but offers no SFTP");
}

#[tokio::test]
async fn d6_without_posix_rename_an_existing_file_is_still_replaced() {
    let (bench, server) = (Bench::new(), server(SftpScript { plain_version_3: true, ..SftpScript::default() }).await);
    let destination = Destination::Sftp(with_password(&server, PASSWORD));
    std::fs::write(server.files().join("Orders.csv"), "old").expect("file");
    let parcel = bench.csv();
    for _ in 0..2 {
        accepted(&carriers(|_| {}).deliver(&destination, &parcel, now()).await);
    }
    assert_eq!(names(&server.files()), ["Orders.csv"]);
    let found = std::fs::read(server.files().join("Orders.csv")).expect("file");
    assert_eq!(found, std::fs::read(&parcel.artifact.expect("a file").path).expect("spool"));
}

#[tokio::test]
async fn d6_a_missing_directory_is_named_and_not_made() {
    let (bench, key) = (Bench::new(), SshKey::generate());
    let open_ssh = OpenSshServer::start(&key);
    let scripted = server(SftpScript::default()).await;
    for settings in [with_key(&open_ssh, &key), with_password(&scripted, PASSWORD)] {
        let destination = Destination::Sftp(SftpSettings { path: Some("no/such".into()), ..settings });
        let delivered = carriers(|_| {}).deliver(&destination, &bench.csv(), now()).await;
        assert!(rejected(&delivered).contains("directory no/such does not exist"), "{delivered:?}");
    }
    std::fs::write(scripted.files().join("file"), "x").expect("file");
    let destination = Destination::Sftp(SftpSettings { path: Some("file".into()), ..with_password(&scripted, PASSWORD) });
    assert_eq!(rejected(&carriers(|_| {}).deliver(&destination, &bench.csv(), now()).await), "sftp: file is not a directory");
}

#[tokio::test]
async fn d6_an_interrupted_upload_leaves_no_final_file() {
    let (bench, server) = (Bench::new(), server(SftpScript { cut_after_bytes: Some(300_000), ..SftpScript::default() }).await);
    let destination = Destination::Sftp(with_password(&server, PASSWORD));
    let parcel = bench.pdf(2_000_000);
    retry(&carriers(|_| {}).deliver(&destination, &parcel, now()).await);
    let left = names(&server.files());
    assert!(left.iter().all(|name| name.starts_with(".Orders.pdf.") && name.strip_suffix(".part").is_some()), "{left:?}");
    server.follow(|script| script.cut_after_bytes = None);
    accepted(&carriers(|_| {}).deliver(&destination, &parcel, now()).await);
    assert_eq!(names(&server.files()), ["Orders.pdf"], "the next attempt used the same temporary name");
}

#[tokio::test]
async fn d6_a_full_disk_may_pass_and_a_forbidden_folder_does_not() {
    let full = SftpScript { fail_at: Some((SftpPhase::Write, SftpStatus::Failure)), ..SftpScript::default() };
    let (bench, server) = (Bench::new(), server(full).await);
    let destination = Destination::Sftp(with_password(&server, PASSWORD));
    assert!(retry(&carriers(|_| {}).deliver(&destination, &bench.csv(), now()).await).contains("disk full"));
    assert!(names(&server.files()).is_empty(), "the unfinished file was removed");
    server.follow(|script| script.fail_at = Some((SftpPhase::Open, SftpStatus::PermissionDenied)));
    assert!(rejected(&carriers(|_| {}).deliver(&destination, &bench.csv(), now()).await).contains("permission denied"));
}

#[tokio::test]
async fn s9_silence_and_cuts_are_retried_with_the_phase_named() {
    let bench = Bench::new();
    for (phase, name) in [
        (SftpPhase::Connect, "SSH handshake"),
        (SftpPhase::Login, "login"),
        (SftpPhase::Channel, "open channel"),
        (SftpPhase::Subsystem, "start of SFTP"),
        (SftpPhase::Start, "start of SFTP"),
        (SftpPhase::Folder, "look at the directory"),
        (SftpPhase::Open, "create the file"),
        (SftpPhase::Write, "write"),
        (SftpPhase::Flush, "flush to disk"),
        (SftpPhase::Close, "close the file"),
        (SftpPhase::Check, "check the file"),
        (SftpPhase::Rename, "rename"),
    ] {
        let server = server(SftpScript { hang_at: Some(phase), ..SftpScript::default() }).await;
        let settings = SftpSettings { path: Some(".".into()), ..with_password(&server, PASSWORD) };
        let (carriers, destination, parcel) = (carriers(|_| {}), Destination::Sftp(settings), bench.csv());
        let hang = server.hang();
        let (delivered, ()) = tokio::join!(carriers.deliver(&destination, &parcel, now()), hang.let_deadlines_pass());
        tokio::time::resume();
        assert_eq!(retry(&delivered), format!("sftp: {name}: timed out"));
    }
    let server = server(SftpScript { drop_at_login: true, ..SftpScript::default() }).await;
    let delivered = carriers(|_| {}).deliver(&Destination::Sftp(with_password(&server, PASSWORD)), &bench.csv(), now()).await;
    assert!(retry(&delivered).starts_with("sftp: login: "), "{delivered:?}");
    let port = server.address().port();
    drop(server);
    tokio::task::yield_now().await;
    let gone = Destination::Sftp(SftpSettings { password: Some(Secret::new(PASSWORD)), ..sftp(port, "blobby") });
    assert!(retry(&carriers(|_| {}).deliver(&gone, &bench.csv(), now()).await).starts_with("sftp: "));
}

#[tokio::test]
async fn r1_link_only_is_a_small_json_file() {
    let (bench, server) = (Bench::new(), server(SftpScript::default()).await);
    accepted(&carriers(|_| {}).deliver(&Destination::Sftp(with_password(&server, PASSWORD)), &bench.link_only(), now()).await);
    let [name] = names(&server.files()).try_into().expect("one file");
    assert_eq!(name, "Daily Orders_2026-11-24_090000.json");
    assert_eq!(std::fs::read_to_string(server.files().join(name)).expect("file"), format!("{{\"url\":\"{LINK}\"}}\n"));
}

#[tokio::test]
async fn d5_the_egress_policy_holds_for_sftp_and_addresses_are_checked() {
    let (bench, server) = (Bench::new(), server(SftpScript::default()).await);
    let closed = carriers(|config| config.egress = pressrun_deliver::EgressPolicy::default());
    let delivered = closed.deliver(&Destination::Sftp(with_password(&server, PASSWORD)), &bench.csv(), now()).await;
    assert!(rejected(&delivered).contains("private or local address"), "{delivered:?}");
    assert!(server.passwords_seen().is_empty());
    for address in ["sftp://127.0.0.1:22", "blobby@127.0.0.1", "ftp://127.0.0.1"] {
        let destination = Destination::Sftp(SftpSettings { address: address.into(), ..with_password(&server, PASSWORD) });
        let delivered = carriers(|_| {}).deliver(&destination, &bench.csv(), now()).await;
        assert!(rejected(&delivered).starts_with("Invalid SFTP address: "), "{delivered:?}");
    }
}

#[tokio::test]
async fn m5_what_an_older_version_stored_ends_the_run_with_what_is_wrong_before_a_password_is_sent() {
    let (bench, server) = (Bench::new(), server(SftpScript::default()).await);
    let settings = with_password(&server, PASSWORD);
    for (stored, fault) in [
        (SftpSettings { address: "127.1".into(), ..settings.clone() }, "Invalid SFTP address: the host would be read as 127.0.0.1"),
        (
            SftpSettings { host_key: Some("garbage".into()), ..settings.clone() },
            "sftp: the pinned host key cannot be used: Invalid host key: give it as `ssh-keyscan` prints it",
        ),
        (SftpSettings { path: Some("in\nout".into()), ..settings }, "sftp: Invalid path: it contains the control character U+000A"),
    ] {
        let delivered = carriers(|_| {}).deliver(&Destination::Sftp(stored), &bench.csv(), now()).await;
        assert!(rejected(&delivered).starts_with(fault), "{delivered:?}");
    }
    assert!(server.passwords_seen().is_empty());
}

#[tokio::test]
async fn d9_a_file_name_cannot_leave_the_folder() {
    let (bench, server) = (Bench::new(), server(SftpScript::default()).await);
    let mut parcel = bench.csv();
    parcel.artifact.as_mut().expect("a file").name = "../../x/y.csv".into();
    accepted(&carriers(|_| {}).deliver(&Destination::Sftp(with_password(&server, PASSWORD)), &parcel, now()).await);
    assert_eq!(names(&server.files()), [".._.._x_y.csv"]);
}
