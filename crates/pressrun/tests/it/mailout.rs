//! What mail says and what comes back: copies, people without values, suppressed addresses, a server without mail.

use std::sync::Arc;

use jiff::SignedDuration;
use pressrun_domain::audit::Verb;
use pressrun_domain::bounce::{Bounce, BounceKind, Mailed, Report, ReturnPath};
use pressrun_domain::delivery::{DeliveryState, MailRole};
use pressrun_domain::destination::{Destination, EmailSettings, Person, Recipient};
use pressrun_domain::id::{DeliveryId, RecipientId, ScheduleId, UserId};
use pressrun_domain::output::Format;
use pressrun_domain::run::{RunKind, RunStatus};
use pressrun_domain::schedule::Definition;
use pressrun_domain::secret::Secret;
use pressrun_engine::EngineConfig;
use pressrun_engine::bounce::{Intake, Mailbox, TakenIn};
use pressrun_store::AuditQuery;
use pressrun_testkit::ReceivedMail;
use serde_json::{Value, json};

use crate::audiences::personal;
use crate::process::Site;
use crate::program::{Program, pressrun, stdout};
use crate::world::{World, ended};

/// The settings of a definition by mail.
fn mail(definition: &mut Definition) -> &mut EmailSettings {
    let Destination::Email(email) = &mut definition.destination else { panic!("it is mail") };
    email
}

fn place(address: &str) -> Recipient {
    Recipient { id: RecipientId::generate(), email: address.parse().unwrap(), person: Person::EmailOnly(UserId::generate()) }
}

fn to<'a>(mails: &'a [ReceivedMail], address: &str) -> &'a ReceivedMail {
    mails.iter().find(|mail| mail.to == [address.to_owned()]).unwrap_or_else(|| panic!("no mail to {address}"))
}

fn paths() -> ReturnPath {
    ReturnPath::new("bounces@reports.example.com", &Secret::new("k")).unwrap()
}

impl World {
    fn intake(&self) -> Intake {
        Intake {
            store: Arc::clone(&self.store),
            catalog: Arc::clone(&self.catalog),
            clock: Arc::clone(&self.clock) as _,
            return_path: paths(),
            config: Arc::new(EngineConfig::new("http://reports.example")),
        }
    }
}

/// A report about a piece, as a mail server sends it.
fn report(delivery: DeliveryId, status: &str, recipient: &str) -> String {
    report_to(&paths().of(delivery), status, recipient)
}

/// A report to a return path.
fn report_to(path: &str, status: &str, recipient: &str) -> String {
    format!(
        "To: {path}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/plain\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n\r\n\
         Final-Recipient: rfc822; {recipient}\r\nAction: failed\r\nStatus: {status}\r\nDiagnostic-Code: smtp; 550 {status} no such user\r\n--b--\r\n"
    )
}

#[tokio::test]
async fn p2_copies_are_pieces_of_their_own_and_show_what_their_reader_may_know() {
    let world = World::new().await;
    let mut definition = world.email(Format::LinkOnly, &["blob.ross@myorg.co"]);
    let email = mail(&mut definition);
    (email.cc, email.bcc) = (vec![place("cc@x.example"), place("BLOB.ROSS@myorg.co")], vec![place("bcc@x.example")]);
    email.reply_to = Some("author@myorg.co".parse().unwrap());
    let mut saved = definition.clone();
    mail(&mut saved).cc.truncate(1);
    let schedule = world.save(saved).await;
    // P7: an address that is on two lists gets one mail, as the first of them says.
    let run = world.enqueue(schedule, definition, RunKind::Manual).await;
    world.engine.drain().await.unwrap();
    let (run, pieces) = world.run(run).await;
    assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
    let roles: Vec<_> = pieces.iter().map(|piece| (piece.target.as_str(), piece.message.heading.role)).collect();
    assert_eq!(roles, [("blob.ross@myorg.co", MailRole::To), ("cc@x.example", MailRole::Cc), ("bcc@x.example", MailRole::Bcc)]);
    let mails = world.smtp.mails();
    assert_eq!(mails.len(), 3);
    for address in ["blob.ross@myorg.co", "cc@x.example", "bcc@x.example"] {
        let mail = to(&mails, address);
        assert_eq!(mail.header("To").as_deref(), Some("blob.ross@myorg.co"), "{address}");
        assert_eq!(mail.header("Cc").as_deref(), Some("cc@x.example"), "{address}");
        assert_eq!(mail.header("Reply-To").as_deref(), Some("author@myorg.co"), "{address}");
        assert!(address == "bcc@x.example" || !mail.text().contains("bcc@x.example"), "{address} does not see the blind copy");
    }
    let unsubscribe: std::collections::BTreeSet<_> = mails.iter().map(|mail| mail.header("List-Unsubscribe").unwrap()).collect();
    assert_eq!(unsubscribe.len(), 3, "P12: each has a way off of their own");
}

#[tokio::test]
async fn p2_copies_of_a_mail_to_several_people_name_none_of_them() {
    let world = World::new().await;
    let mut definition = world.email(Format::LinkOnly, &["blob.ross@myorg.co", "other@x.example"]);
    mail(&mut definition).cc = vec![place("cc@x.example")];
    let (run, _) = world.run_now(definition).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    let mails = world.smtp.mails();
    let copy = to(&mails, "cc@x.example");
    assert_eq!(copy.header("To").as_deref(), Some("undisclosed-recipients:;"));
    assert!(!copy.text().contains("other@x.example") && !copy.text().contains("blob.ross@myorg.co"), "{}", copy.text());
    assert_eq!(to(&mails, "other@x.example").header("To").as_deref(), Some("other@x.example"));
}

#[tokio::test]
async fn p6_copies_of_personal_mail_get_nothing() {
    let world = World::new().await;
    let mut definition = personal(&world, &[("us@x.example", Some(&["US"]))]).await;
    mail(&mut definition).bcc = vec![place("bcc@x.example")];
    let (run, pieces) = world.run_now(definition).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    let copy = pieces.iter().find(|piece| piece.target == "bcc@x.example").unwrap();
    assert_eq!(copy.state, DeliveryState::Skipped { reason: "copyOfPersonal".to_owned() });
    assert_eq!(world.smtp.mails().len(), 1);
}

#[tokio::test]
async fn m9_a_word_in_the_authors_text_deletes_nothing() {
    const WORDS: &str = "before cid:dashboard after https://dashboard.invalid/this-reader https://unsubscribe.invalid/this-recipient end";
    let world = World::new().await;
    for format in [Format::Png, Format::Csv] {
        let mut definition = world.email(format, &["blob.ross@myorg.co"]);
        definition.tile = Some("1".into());
        definition.name = format!("<!--note--> {WORDS}");
        let email = mail(&mut definition);
        (email.subject, email.text_body) = (WORDS.to_owned(), Some(format!("<!--note--> {WORDS}")));
        let (run, _) = world.run_now(definition).await;
        assert_eq!(ended(&run).0, RunStatus::Complete, "{:?}", run.record);
        let text = world.smtp.mails().pop().unwrap().text().replace("=\r\n", "").replace("=3D", "=");
        let html = text.split("Content-Type: text/html").nth(1).unwrap();
        assert!(html.contains(&format!("&#60;!--note--&#62; {WORDS}</p>")), "{format:?}: {html}");
        assert_eq!(html.matches(&format!("&#60;!--note--&#62; {WORDS}")).count(), 2, "text and name: {format:?}: {html}");
        assert_eq!(html.contains("<img src=\"cid:dashboard\""), format == Format::Png, "{format:?}");
        assert!(!html.contains("is not attached"), "{format:?}");
    }
}

#[tokio::test]
async fn n8_people_without_values_are_named_on_the_run_and_told_in_their_copy() {
    let people: [(&str, Option<&[&str]>); 5] =
        [("us@x.example", Some(&["US"])), ("a@x.example", None), ("b@x.example", None), ("c@x.example", None), ("d@x.example", None)];
    let world = World::new().await;
    let (run, pieces) = world.run_now(personal(&world, &people).await).await;
    assert_eq!((ended(&run).0, pieces.len()), (RunStatus::Complete, 5));
    let warning = run.record.warnings.iter().find(|warning| warning.starts_with("withoutValues")).expect("a warning");
    assert_eq!(
        warning,
        "withoutValues: 4 recipients have no value for `region`: a@x.example, b@x.example, c@x.example and 1 more; they see nothing of what \
         depends on it"
    );
    let mails = world.smtp.mails();
    let said = |address: &str| to(&mails, address).text().replace("=\r\n", "").contains("You have no value for");
    assert!(said("a@x.example") && !said("us@x.example"));
}

#[tokio::test]
async fn n8_people_without_values_are_skipped_when_the_schedule_says_so() {
    let world = World::new().await;
    let people: [(&str, Option<&[&str]>); 2] = [("us@x.example", Some(&["US"])), ("none@x.example", None)];
    let mut definition = personal(&world, &people).await;
    mail(&mut definition).skip_without_values = true;
    let (run, pieces) = world.run_now(definition).await;
    assert_eq!(ended(&run).0, RunStatus::Complete);
    let none = pieces.iter().find(|piece| piece.target == "none@x.example").unwrap();
    assert_eq!(none.state, DeliveryState::Skipped { reason: "withoutValues".to_owned() });
    assert!(run.record.warnings.iter().any(|warning| warning.ends_with("they are skipped")), "{:?}", run.record.warnings);
    assert_eq!(world.smtp.mails().len(), 1);

    let mut nobody = personal(&world, &[("none@x.example", None)]).await;
    mail(&mut nobody).skip_without_values = true;
    let (run, _) = world.run_now(nobody).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("noRecipients")));
}

#[tokio::test]
async fn verp_an_address_whose_mail_came_back_is_shown_told_and_gets_nothing_more_until_it_is_lifted() {
    let world = World::new().await;
    let schedule = world.save(world.email(Format::LinkOnly, &["blob.ross@myorg.co", "Gone@partner.example"])).await;
    let run = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    let (first, pieces) = world.run(run).await;
    assert_eq!(ended(&first).0, RunStatus::Complete);
    let gone = pieces.iter().find(|piece| piece.target == "Gone@partner.example").unwrap().id;
    let intake = world.intake();

    // Nobody is suppressed by what anybody could have written.
    let forged = report(gone, "5.1.1", "gone@partner.example").replace("bounces+", "bounces+0");
    assert_eq!(intake.take_in(forged.as_bytes()).await.unwrap(), TakenIn::NotOurs);
    let unknown = report(DeliveryId::generate(), "5.1.1", "gone@partner.example");
    assert_eq!(intake.take_in(unknown.as_bytes()).await.unwrap(), TakenIn::NotOurs, "signed, but of no piece");
    let late = report(gone, "4.4.7", "gone@partner.example");
    assert_eq!(intake.take_in(late.as_bytes()).await.unwrap(), TakenIn::Noted("Gone@partner.example".parse().unwrap()));
    let told = world.smtp.mails().len();
    let lasting = report(gone, "5.1.1", "gone@partner.example");
    assert_eq!(intake.take_in(lasting.as_bytes()).await.unwrap(), TakenIn::Suppressed("Gone@partner.example".parse().unwrap()));
    assert_eq!(intake.take_in(lasting.as_bytes()).await.unwrap(), TakenIn::Known("Gone@partner.example".parse().unwrap()));
    let pieces: Vec<_> = world.store.deliveries(run).await.unwrap().iter().map(|piece| piece.id).collect();
    let kinds: Vec<_> = world.store.bounces_of(&pieces).await.unwrap().iter().map(|bounce| bounce.report.kind.as_str()).collect();
    assert_eq!(kinds.len(), 2, "{kinds:?}");
    world.engine.drain().await.unwrap();
    let mails = world.smtp.mails();
    assert_eq!(mails.len(), told + 1, "the owner hears of it once");
    assert!(mails[told].text().replace("=\r\n", "").contains("550 5.1.1 no such user"), "{}", mails[told].text());

    let run = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    let (again, pieces) = world.run(run).await;
    assert_eq!(ended(&again).0, RunStatus::Complete, "S1: whoever is not to be mailed is skipped, like the deactivated (P10)");
    let piece = pieces.iter().find(|piece| piece.target == "Gone@partner.example").unwrap();
    assert_eq!(piece.state, DeliveryState::Skipped { reason: "suppressed".to_owned() });
    assert!(again.record.warnings.iter().any(|warning| warning == "recipientSkipped: Gone@partner.example (suppressed)"));

    let lifted = pressrun_store::sample::change(pressrun_domain::audit::Verb::AddressReleased);
    assert!(world.store.lift_suppression(&"gone@PARTNER.example".parse().unwrap(), &lifted).await.unwrap());
    let run = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    assert!(world.run(run).await.1.iter().all(|piece| matches!(piece.state, DeliveryState::Accepted { .. })));
}

#[tokio::test]
async fn verp_what_comes_back_between_promise_and_retry_ends_the_retry() {
    let world = World::new().await;
    let first = world.run_now(world.email(Format::LinkOnly, &["gone@partner.example"])).await.1.remove(0);
    world.smtp.follow(|script| script.greylist = 1);
    let schedule = world.save(world.email(Format::LinkOnly, &["gone@partner.example"])).await;
    let run = world.trigger(schedule).await;
    world.engine.drain().await.unwrap();
    let lasting = report(first.id, "5.1.1", "gone@partner.example");
    assert!(matches!(world.intake().take_in(lasting.as_bytes()).await.unwrap(), TakenIn::Suppressed(_)));
    let before = world.smtp.mails().iter().filter(|mail| mail.to == ["gone@partner.example".to_owned()]).count();
    world.pass(SignedDuration::from_mins(10)).await;
    let (run, pieces) = world.run(run).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("suppressed")));
    assert!(matches!(&pieces[0].state, DeliveryState::Failed { reason, .. } if reason == "suppressed"), "{:?}", pieces[0].state);
    assert_eq!(world.smtp.mails().iter().filter(|mail| mail.to == ["gone@partner.example".to_owned()]).count(), before);
}

#[tokio::test]
async fn verp_a_maildir_is_read_once_and_nothing_in_it_is_lost() {
    let world = World::new().await;
    let piece = world.run_now(world.email(Format::LinkOnly, &["gone@partner.example"])).await.1.remove(0);
    let folder = world.dir.path().join("bounces");
    for part in ["new", "cur", "tmp"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
    }
    std::fs::write(folder.join("new/2.host"), report(piece.id, "5.1.1", "gone@partner.example")).unwrap();
    std::fs::write(folder.join("new/1.host:2,"), "Subject: out of office\r\n\r\nBack on Monday.\r\n").unwrap();
    std::fs::write(folder.join("new/.hidden"), "no mail").unwrap();
    let (mailbox, intake) = (Mailbox::open(folder.clone()).unwrap(), world.intake());
    let looked = mailbox.look(&intake).await.unwrap();
    assert_eq!((looked.read, looked.suppressed, looked.more), (2, 1, false));
    let names = |part: &str| {
        let mut names: Vec<_> =
            std::fs::read_dir(folder.join(part)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!((names("new"), names("cur")), (vec![".hidden".to_owned()], vec!["1.host:2,S".to_owned(), "2.host:2,S".to_owned()]));
    assert_eq!(mailbox.look(&intake).await.unwrap().read, 0);
    assert!(Mailbox::open(world.dir.path().join("nowhere")).is_err_and(|error| error.to_string().contains("is no Maildir")));
}

#[tokio::test]
async fn h7_a_server_without_mail_says_so_and_no_run_by_mail_is_complete() {
    let site = Site::new("").await;
    let config = site.dir.path().join("pressrun.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let without: Vec<&str> = text.lines().filter(|line| !line.starts_with("url = 'smtp")).collect();
    assert_eq!(without.len() + 1, text.lines().count());
    std::fs::write(&config, without.join("\n")).unwrap();
    let server = site.start(None);
    let (run, pieces) = site.ended(site.due_once(Site::email(&["blob@x.example"])).await).await;
    assert_eq!(ended(&run), (RunStatus::Error, Some("notConfigured")));
    assert!(run.record.error.as_ref().is_some_and(|error| error.contains("mail is not configured") && error.contains("mail.url")));
    assert!(pieces.is_empty() && !site.dir.path().join("spool/mail").exists());
    assert!(server.log().contains("mail is not configured"), "{}", server.log());
    server.stop().await;
}

#[tokio::test]
async fn verp_a_bounce_posted_to_the_server_is_shown_with_its_run_and_ends_mail_to_the_address() {
    const GONE: &str = "gone@partner.example";
    let site = Site::new("").await;
    let config = site.dir.path().join("pressrun.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let path = "preview = false\nreturn_path = 'bounces@reports.example.com'\n";
    std::fs::write(&config, text.replacen("preview = false\n", path, 1)).unwrap();
    let file = config.display().to_string();
    let made = pressrun(&["key", "create", "--kind", "organization", "--member", "blob.ross@myorg.co", "--json", "--config", &file]);
    let token = serde_json::from_str::<Value>(&stdout(&made)).unwrap()["token"].as_str().unwrap().to_owned();
    let server = Program::serve(&config).await;
    let call = async |method: &str, path: &str, body: Option<Value>| {
        let (status, answer) = server.call(&token, method, &format!("/api/v1{path}"), body.as_ref()).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    };
    let schedule = json!({
        "identifier": "sales", "name": "Sales", "schedule": "0 9 ? * MON *", "timezone": "UTC", "format": "link_only",
        "destinationType": "email", "recipients": [GONE], "subject": "Sales",
    });
    let id = call("POST", "/schedules", Some(schedule.clone())).await["id"].as_str().unwrap().to_owned();
    call("POST", &format!("/schedules/{id}/trigger"), None).await;
    let mail = site.smtp.wait_for(1).await.remove(0);
    assert!(mail.from.starts_with("bounces+") && mail.from.ends_with("@reports.example.com"), "{}", mail.from);
    let run = site.ended(id.parse().unwrap()).await.0.id;

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |report: String| {
        let request = http.post(format!("{}/api/v1/mail/bounces", server.url)).bearer_auth(&token);
        let answer = request.header("Content-Type", "message/rfc822").body(report).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()
    };
    let forged = report_to("bounces+00@reports.example.com", "5.1.1", GONE);
    assert_eq!(post(forged).await, json!({"outcome": "notOurs", "email": null}));
    let long = report_to(&mail.from, "5.1.1", GONE) + &"x".repeat(3 << 20);
    assert_eq!(post(long).await, json!({"outcome": "suppressed", "email": GONE}));
    let shown = call("GET", &format!("/runs/{run}"), None).await;
    let bounce = &shown["deliveries"][0]["bounces"][0];
    assert_eq!(
        (&bounce["kind"], &bounce["status"], &bounce["detail"]),
        (&json!("bounced"), &json!("5.1.1"), &json!("550 5.1.1 no such user"))
    );
    assert_eq!(shown["status"], "COMPLETE", "S6: a run stays as it ended");
    let again = call("POST", "/schedules", Some(schedule)).await;
    assert!(again["warnings"].to_string().contains("gone@partner.example (550 5.1.1 no such user)"), "{again}");
    assert_eq!(call("GET", "/suppressions", None).await["records"][0]["runId"], json!(run.to_string()));
    call("DELETE", &format!("/suppressions/{GONE}"), None).await;
    assert_eq!(call("GET", "/suppressions", None).await["records"], json!([]));
}

#[tokio::test]
async fn h6_the_command_line_lists_and_lifts_suppressed_addresses() {
    let site = Site::new("").await;
    let config = site.dir.path().join("pressrun.toml").display().to_string();
    let cli = |arguments: &[&str]| pressrun(&[&["suppressions"], arguments, &["--config", &config]].concat());
    for (address, kind) in [("Gone@partner.example", BounceKind::Permanent), ("angry@elsewhere.example", BounceKind::Complaint)] {
        let report = Report { kind, status: Some("5.1.1".to_owned()), words: "550 no\nsuch user".to_owned() };
        let bounce = Bounce { delivery: DeliveryId::generate(), report, at: pressrun_store::sample::after(0) };
        let mailed = Mailed { email: address.parse().unwrap(), run: None, schedule: ScheduleId::generate() };
        assert!(site.store.record_bounce(&bounce, &mailed, &[]).await.unwrap());
    }
    let text = stdout(&cli(&["list"]));
    let [head, angry, gone]: [&str; 3] = text.lines().collect::<Vec<_>>().try_into().expect("a line each");
    assert!(angry.starts_with("angry@elsewhere.example") && gone.starts_with("Gone@partner.example"), "by address: {text}");
    assert_eq!(head.find("WHY"), angry.find("complaint"), "columns stand under their heads: {text}");
    assert!(gone.contains("bounced") && gone.contains("5.1.1") && gone.ends_with("550 no such user"), "{gone}");
    let listed: Value = serde_json::from_str(&stdout(&cli(&["list", "--email", "PARTNER", "--json"]))).unwrap();
    assert_eq!((listed.as_array().map(Vec::len), &listed[0]["reason"]), (Some(1), &json!("bounced")));

    assert_eq!(stdout(&cli(&["lift", "gone@PARTNER.example"])).trim(), "gone@PARTNER.example gets mail again");
    let again = cli(&["lift", "gone@partner.example"]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("is not suppressed"), "{again:?}");
    assert!(!stdout(&cli(&["list"])).contains("partner.example"));
    let told = site.store.audit(&AuditQuery { limit: 1, ..AuditQuery::default() }).await.unwrap();
    assert_eq!((told[0].change.verb, told[0].object.id.as_str()), (Verb::AddressReleased, "gone@partner.example"));
}
