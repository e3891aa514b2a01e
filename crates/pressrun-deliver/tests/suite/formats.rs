//! R1: every format at every destination, in the form that it has there.

use pressrun_domain::output::Format;
use pressrun_testkit::ReceivedRequest;

use crate::aim::{Speech, aim};
use crate::bench::{Bench, LINK, accepted};
use crate::servers::Server;

/// Format, file name and media type; no file for a link.
const FORMATS: [(Format, Option<(&str, &str)>); 7] = [
    (Format::Pdf, Some(("Orders.pdf", "application/pdf"))),
    (Format::Png, Some(("Orders.png", "image/png"))),
    (Format::Csv, Some(("Orders.csv", "text/csv"))),
    (Format::Csv, Some(("Orders.zip", "application/zip"))),
    (Format::Xlsx, Some(("Orders.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
    (Format::Json, Some(("Orders.json", "application/json"))),
    (Format::LinkOnly, None),
];

const BYTES: &[u8] = b"[{\"id\":1}]";

fn is_form(request: &ReceivedRequest) -> bool {
    request.header("content-type").is_some_and(|value| value.starts_with("multipart/form-data"))
}

#[tokio::test]
async fn r1_every_format_has_its_form_at_every_destination() {
    let bench = Bench::new();
    for (format, file) in FORMATS {
        let artifact = file.map(|(name, media_type)| bench.file(name, media_type, BYTES));
        for speech in [Speech::Smtp, Speech::Webhook, Speech::Sftp, Speech::Slack, Speech::S3] {
            let server = Server::start(speech).await;
            let mut aimed = aim(&bench, speech, "127.0.0.1", server.address().port(), |_| {});
            let target = std::mem::take(&mut aimed.parcel.target);
            aimed.parcel = bench.parcel(format, artifact.clone());
            aimed.parcel.target = target;
            accepted(&aimed.deliver().await);
            let case = format!("{format:?} {file:?} {speech:?}");
            match (server, file) {
                (Server::Smtp(sink), Some((name, media_type))) => {
                    let mail = sink.mails().remove(0).text();
                    let shown = if format == Format::Png { "Content-Disposition: inline" } else { "Content-Disposition: attachment" };
                    assert!(mail.contains(shown) && mail.contains(&format!("Content-Type: {media_type}")), "{case}");
                    assert_eq!(mail.contains(&format!("attachment; filename=\"{name}\"")), format != Format::Png, "{case}");
                }
                (Server::Smtp(sink), None) => {
                    let mail = sink.mails().remove(0).text();
                    assert!(!mail.contains("Content-Disposition"), "the link stands in the body: {case}");
                }
                (Server::Webhook(receiver), Some((name, media_type))) => {
                    let request = receiver.requests().remove(0);
                    assert_eq!(request.header("x-filename"), Some(name), "{case}");
                    if matches!(media_type, "text/csv" | "application/json") {
                        assert_eq!((request.header("content-type"), &*request.body), (Some(media_type), BYTES), "{case}");
                    } else {
                        assert!(
                            is_form(&request) && request.text().contains(&format!("filename=\"{name}\"\r\nContent-Type: {media_type}")),
                            "{case}"
                        );
                    }
                }
                (Server::Webhook(receiver), None) => assert_eq!(receiver.requests()[0].text(), format!("{{\"url\":\"{LINK}\"}}"), "{case}"),
                (Server::Sftp(files), Some((name, _))) => {
                    assert_eq!(std::fs::read(files.files().join(name)).expect("file"), BYTES, "{case}");
                }
                (Server::Sftp(files), None) => {
                    let name = "Daily Orders_2026-11-24_090000.json";
                    assert_eq!(
                        std::fs::read_to_string(files.files().join(name)).expect("file"),
                        format!("{{\"url\":\"{LINK}\"}}\n"),
                        "{case}"
                    );
                }
                (Server::Slack(workspace), Some((name, _))) => {
                    let shared = workspace.files().remove(0);
                    assert_eq!((shared.name.as_str(), &*shared.bytes), (name, BYTES), "{case}");
                }
                (Server::Slack(workspace), None) => {
                    assert!(workspace.posts()[0].text.contains(LINK) && workspace.files().is_empty(), "{case}");
                }
                (Server::Store(store), Some((name, media_type))) => {
                    let object = &store.objects()[&format!("blob-reports/a/b/{name}")];
                    assert_eq!((object.media_type.as_str(), &*object.bytes), (media_type, BYTES), "{case}");
                }
                (Server::Store(store), None) => {
                    let object = &store.objects()["blob-reports/a/b/Daily Orders_2026-11-24_090000.json"];
                    assert_eq!(
                        (object.media_type.as_str(), &*object.bytes),
                        ("application/json", format!("{{\"url\":\"{LINK}\"}}\n").as_bytes()),
                        "{case}"
                    );
                }
            }
        }
    }
}
