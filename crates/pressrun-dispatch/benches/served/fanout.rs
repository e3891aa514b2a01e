//! Personal copies by mail from the server to a mail server on this machine: `PRESSRUN_BENCH_MAILS` in `PRESSRUN_BENCH_AUDIENCES`, over
//! `PRESSRUN_BENCH_CONNECTIONS`.

use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pressrun_domain::audit::Verb;
use pressrun_domain::catalog::{AttributeValue, Scalar};
use pressrun_domain::destination::{Destination, EmailSettings, Person, Recipient};
use pressrun_domain::id::RecipientId;
use pressrun_domain::output::Format;
use pressrun_domain::schedule::Definition;
use pressrun_store::{People as _, sample};

use crate::Figures;
use crate::figures::print;
use crate::receiver::Receiver;
use crate::server::Server;
use crate::shared::setting;
use crate::site::Site;

pub(crate) async fn run() {
    let of = |name, usual| usize::try_from(setting(name, usual)).unwrap();
    let (mails, audiences) = (of("PRESSRUN_BENCH_MAILS", 10_000), of("PRESSRUN_BENCH_AUDIENCES", 12));
    let connections = of("PRESSRUN_BENCH_CONNECTIONS", 8);
    let mut figures = Figures::new();
    for _ in 0..of("PRESSRUN_BENCH_RUNS", 3) {
        fan_out(mails, audiences, connections, &mut figures).await;
    }
    let title =
        format!("{mails} personal mails in {audiences} audiences, csv by SMTP over {connections} connections to a sink on this machine");
    print("fanout", &title, &mut figures);
}

async fn fan_out(mails: usize, audiences: usize, connections: usize, figures: &mut Figures) {
    let smtp = Receiver::of_mails();
    let mail =
        format!("[mail]\nurl = 'smtp+plain://127.0.0.1:{}'\nfrom = 'Reports <reports@myorg.co>'\nconnections = {connections}\n", smtp.port);
    let mut site = Site::new(&mail).await;
    let rows = (0..audiences).map(|region| format!("2025-07-21,R{region:05},{}\n", region + 1)).collect::<Vec<_>>().concat();
    std::fs::write(site.path("catalog/data/sales.csv"), format!("day,region,amount\n{rows}")).unwrap();
    let at = Timestamp::from_second((Timestamp::now().as_second() + 25) / 60 * 60 + 60).unwrap();
    site.save(definition(&site, mails, audiences, at).await).await;
    let (server, _) = Server::start(site.folder.path(), site.port);
    let left = (at - SignedDuration::from_secs(1)).duration_since(Timestamp::now());
    tokio::time::sleep(Duration::try_from(left).unwrap_or_default()).await;
    let cpu = server.cpu_seconds();
    let due = Instant::now() + Duration::from_secs(1);
    while smtp.taken() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let first = Instant::now();
    while site.count(at, "ended").await == 0 {
        assert!(first.elapsed() < Duration::from_secs(600), "it takes too long: {}", server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let sending = first.elapsed();
    assert_eq!(smtp.taken(), mails, "each comes once");
    for (name, value) in [
        ("mails sent, a second", mails as f64 / sending.as_secs_f64()),
        ("CPU of the server and its children, µs a mail", (server.cpu_seconds() - cpu) / mails as f64 * 1e6),
        ("until the first mail, s", first.saturating_duration_since(due).as_secs_f64()),
        ("memory of the server at most, MiB", server.memory().1),
    ] {
        figures.entry(name).or_default().push(value);
    }
}

/// One schedule for all of them: each of the people outside has the region of an audience.
async fn definition(site: &Site, mails: usize, audiences: usize, at: Timestamp) -> Definition {
    let region = |number: usize| AttributeValue::Many(vec![Scalar::Text(format!("R{:05}", number % audiences))]);
    let people: Vec<_> = (0..mails)
        .map(|number| {
            let set = [("region".to_owned(), Some(region(number)))];
            (format!("p{number}@x.example").parse().unwrap(), set.into_iter().collect())
        })
        .collect();
    let users = site.store.upsert_users(&people, &sample::change(Verb::UserCreated)).await.unwrap();
    let recipients =
        users.iter().map(|user| Recipient { id: RecipientId::generate(), email: user.email.clone(), person: Person::EmailOnly(user.id) });
    let email = EmailSettings { recipients: recipients.collect(), subject: "Sales".to_owned(), fan_out: true, ..EmailSettings::default() };
    Definition {
        cron: at.to_zoned_datetime(TimeZone::UTC).strftime("%M %H %d %m ? %Y").to_string(),
        format: Format::Csv,
        tile: Some("1".into()),
        destination: Destination::Email(email),
        ..Site::webhook(9, "* * ? * * *")
    }
}
