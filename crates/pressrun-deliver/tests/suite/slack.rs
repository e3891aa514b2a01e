//! D10 against a stand-in for Slack's API.

use pressrun_deliver::{Carriers, SlackConfig};
use pressrun_domain::delivery::Outcome;
use pressrun_domain::destination::{Destination, SlackRecipientType, SlackSettings};
use pressrun_domain::secret::Secret;
use pressrun_testkit::{HttpAnswer, HttpBehaviour, HttpReceiver, SlackWorkspace, instant};

use crate::bench::{Bench, LINK, accepted, carriers, now, rejected, retry};

const TOKEN: &str = "xoxb-1am-a-t0ken";

fn connected(receiver: &HttpReceiver) -> Carriers {
    let slack = SlackConfig { token: Secret::new(TOKEN), base_url: receiver.url("/api/"), allow_mentions: false };
    carriers(|config| config.slack = Some(slack))
}

fn channel() -> Destination {
    Destination::Slack(SlackSettings { recipient_type: SlackRecipientType::Channel, recipients: vec!["C0123".into()], text_body: None })
}

fn direct() -> Destination {
    Destination::Slack(SlackSettings { recipient_type: SlackRecipientType::Users, recipients: vec!["U0456".into()], text_body: None })
}

#[tokio::test]
async fn d10_a_file_goes_up_in_three_calls_with_its_text() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let place = format!("{{\"ok\":true,\"file_id\":\"F1\",\"upload_url\":\"{}\"}}", receiver.url("/upload/v1/x?y=z"));
    receiver.push([HttpAnswer::new(200, place), HttpAnswer::new(200, "OK - 1"), HttpAnswer::new(200, "{\"ok\":true}")]);
    let mut parcel = bench.pdf(70_000);
    parcel.target = "C0123".into();
    assert_eq!(accepted(&connected(&receiver).deliver(&channel(), &parcel, now()).await), "file F1 in C0123");
    let requests = receiver.requests();
    let paths: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/api/files.getUploadURLExternal", "/upload/v1/x?y=z", "/api/files.completeUploadExternal"]);
    assert_eq!(requests[0].text(), "filename=Orders.pdf&length=70000");
    assert_eq!(requests[1].body, crate::bench::noise(70_000));
    assert_eq!(requests[1].header("authorization"), None, "the token goes to the API only");
    assert_eq!(
        requests[2].text(),
        format!(
            "{{\"files\":[{{\"id\":\"F1\",\"title\":\"Orders.pdf\"}}],\"channel_id\":\"C0123\",\"initial_comment\":\"Here are the daily sales!\\n{LINK}\"}}"
        )
    );
    assert_eq!(requests[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
}

#[tokio::test]
async fn low_slack_texts_call_nobody_unless_the_operator_lets_them() {
    let bench = Bench::new();
    let text = "*Sales* <!channel> <https://evil.example|https://bank.example> https://example.com/?a=1&b=2";
    let shown = "*Sales* &lt;!channel&gt; https://bank.example (https://evil.example) https://example.com/?a=1&amp;b=2";
    for (allow_mentions, told) in [(false, shown), (true, text)] {
        let receiver = HttpReceiver::start().await;
        let slack = SlackConfig { token: Secret::new(TOKEN), base_url: receiver.url("/api/"), allow_mentions };
        receiver.push([HttpAnswer::new(200, "{\"ok\":true,\"ts\":\"1.2\"}")]);
        let mut parcel = bench.link_only();
        parcel.message.text = text.into();
        parcel.message.link = None;
        accepted(&carriers(|config| config.slack = Some(slack)).deliver(&channel(), &parcel, now()).await);
        let sent: serde_json::Value = serde_json::from_str(&receiver.requests()[0].text()).expect("JSON");
        assert_eq!(sent["text"], told);
    }
}

#[tokio::test]
async fn d10_a_person_gets_a_direct_message_and_i6_the_same_id_on_every_attempt() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let carriers = connected(&receiver);
    let mut parcel = bench.link_only();
    parcel.target = "U0456".into();
    for _ in 0..2 {
        receiver.push([
            HttpAnswer::new(200, "{\"ok\":true,\"channel\":{\"id\":\"D9\"}}"),
            HttpAnswer::new(200, "{\"ok\":true,\"ts\":\"1.2\"}"),
        ]);
        assert_eq!(accepted(&carriers.deliver(&direct(), &parcel, now()).await), "message 1.2 in D9");
    }
    let requests = receiver.requests();
    assert_eq!(requests[0].text(), "{\"users\":\"U0456\"}");
    assert_eq!(requests[1].text(), requests[3].text());
    assert!(requests[1].text().contains("client_msg_id") && requests[1].text().contains(LINK));
}

#[tokio::test]
async fn d10_a_workspace_gets_files_and_messages_in_channels_and_to_people() {
    let (bench, workspace) = (Bench::new(), SlackWorkspace::start(TOKEN).await);
    let carriers = connected(workspace.receiver());
    let mut file = bench.csv();
    let name = "Umsätze & mehr 東京.csv";
    file.artifact.as_mut().expect("a file").name = name.into();
    let bytes = std::fs::read(&file.artifact.as_ref().expect("a file").path).expect("spool");
    let mut words = bench.link_only();
    for (destination, target, channel) in [(channel(), "C0123", "C0123"), (direct(), "U0456", "D-U0456")] {
        (file.target, words.target) = (target.into(), target.into());
        accepted(&carriers.deliver(&destination, &file, now()).await);
        accepted(&carriers.deliver(&destination, &words, now()).await);
        let shared = workspace.files().pop().expect("a file");
        assert_eq!((shared.name.as_str(), shared.channel.as_str(), &shared.bytes), (name, channel, &bytes));
        assert_eq!(shared.comment, format!("Here are the daily sales!\n{LINK}"), "one message with text and file");
        let posted = workspace.posts().pop().expect("a message");
        assert_eq!((posted.channel.as_str(), posted.text.contains(LINK)), (channel, true));
    }
    assert_eq!(workspace.posts()[0].client_msg_id, workspace.posts()[1].client_msg_id, "I6: the mark is the piece's, not the attempt's");
    assert_eq!((workspace.files().len(), workspace.posts().len()), (2, 2));
}

#[tokio::test]
async fn d10_a_workspace_that_refuses_says_why_and_what_to_do() {
    let (bench, workspace) = (Bench::new(), SlackWorkspace::start(TOKEN).await);
    let carriers = connected(workspace.receiver());
    for (destination, target, reason) in [
        (channel(), "C0999", "not_in_channel; invite the Pressrun bot to the channel"),
        (channel(), "C0000", "channel_not_found; invite the Pressrun bot to the channel"),
        (direct(), "U0000", "conversations.open: user_not_found; check the user id"),
    ] {
        for mut parcel in [bench.csv(), bench.link_only()] {
            parcel.target = target.into();
            let delivered = carriers.deliver(&destination, &parcel, now()).await;
            assert!(rejected(&delivered).contains(reason), "{delivered:?}");
        }
    }
    let other = SlackWorkspace::start("xoxb-another").await;
    let delivered = connected(other.receiver()).deliver(&channel(), &bench.csv(), now()).await;
    assert_eq!(rejected(&delivered), "slack: files.getUploadURLExternal: invalid_auth; the operator renews the Slack token");
    assert!(workspace.files().is_empty() && workspace.posts().is_empty());
}

#[tokio::test]
async fn d10_a_rate_limit_at_any_call_is_waited_out_as_long_as_slack_asks() {
    let (bench, workspace) = (Bench::new(), SlackWorkspace::start(TOKEN).await);
    let carriers = connected(workspace.receiver());
    let mut parcel = bench.csv();
    parcel.target = "U0456".into();
    for good in 0..4 {
        workspace.receiver().fail_after(good, HttpAnswer::new(429, "").header("Retry-After", "30"));
        let delivered = carriers.deliver(&direct(), &parcel, now()).await;
        let Outcome::Retry { not_before, .. } = delivered.outcome else { panic!("{delivered:?}") };
        assert_eq!(not_before, Some(instant("2026-11-24T09:00:35Z")), "call {good}");
        assert!(workspace.files().is_empty(), "nothing is shared before the last call: a repetition shows nothing twice");
    }
    accepted(&carriers.deliver(&direct(), &parcel, now()).await);
    assert_eq!(workspace.files().len(), 1);
}

#[tokio::test]
async fn s9_every_call_has_a_deadline_of_its_own() {
    let bench = Bench::new();
    let silent = || HttpAnswer::new(200, "{\"ok\":true}").behaving(HttpBehaviour::Hang);
    let half = || HttpAnswer::new(200, "{\"ok\":true}").behaving(HttpBehaviour::HangInBody);
    for (good, answer, call) in [
        (0, silent(), "conversations.open"),
        (0, half(), "conversations.open"),
        (1, silent(), "files.getUploadURLExternal"),
        (1, half(), "files.getUploadURLExternal"),
        (2, silent(), "upload"),
        (3, silent(), "files.completeUploadExternal"),
        (3, half(), "files.completeUploadExternal"),
    ] {
        let workspace = SlackWorkspace::start(TOKEN).await;
        workspace.receiver().fail_after(good, answer);
        let (carriers, destination, hang) = (connected(workspace.receiver()), direct(), workspace.receiver().hang());
        let mut parcel = bench.csv();
        parcel.target = "U0456".into();
        let (delivered, ()) = tokio::join!(carriers.deliver(&destination, &parcel, now()), hang.let_deadlines_pass());
        tokio::time::resume();
        assert_eq!(retry(&delivered), format!("slack: {call}: answer: timed out"));
    }
}

#[tokio::test]
async fn d5_an_upload_address_that_is_not_slacks_own_is_judged_by_the_egress_policy() {
    let (bench, receiver, elsewhere) = (Bench::new(), HttpReceiver::start().await, HttpReceiver::start().await);
    let slack = SlackConfig { token: Secret::new(TOKEN), base_url: receiver.url("/api"), allow_mentions: false };
    let closed = carriers(|config| (config.slack, config.egress) = (Some(slack), pressrun_deliver::EgressPolicy::default()));
    receiver.push([HttpAnswer::new(200, format!("{{\"ok\":true,\"file_id\":\"F1\",\"upload_url\":\"{}\"}}", elsewhere.url("/")))]);
    let delivered = closed.deliver(&channel(), &bench.csv(), now()).await;
    assert!(rejected(&delivered).contains("private or local address"), "{delivered:?}");
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn d10_slack_errors_are_classified_with_what_to_do() {
    let (bench, receiver) = (Bench::new(), HttpReceiver::start().await);
    let carriers = connected(&receiver);
    for (error, passes, hint) in [
        ("not_in_channel", false, "invite the Pressrun bot"),
        ("channel_not_found", false, "invite the Pressrun bot"),
        ("invalid_auth", false, "Slack token"),
        ("account_inactive", false, "Slack token"),
        ("token_revoked", false, "Slack token"),
        ("missing_scope", false, "permission"),
        ("is_archived", false, "archived"),
        ("restricted_action", false, "administrator"),
        ("file_uploads_disabled", false, "takes no files"),
        ("storage_limit_reached", false, "no room"),
        ("msg_too_long", false, "shorten"),
        ("cannot_dm_bot", false, "direct messages"),
        ("an_error_of_tomorrow", false, ""),
        ("fatal_error", true, ""),
        ("ratelimited", true, ""),
        ("internal_error", true, ""),
    ] {
        receiver.push([HttpAnswer::new(200, format!("{{\"ok\":false,\"error\":\"{error}\"}}"))]);
        let delivered = carriers.deliver(&channel(), &bench.link_only(), now()).await;
        let (found, reason) = match &delivered.outcome {
            Outcome::Retry { reason, .. } => (true, reason),
            Outcome::Rejected { reason } => (false, reason),
            other @ (Outcome::Accepted { .. } | Outcome::Held { .. }) => panic!("{other:?}"),
        };
        assert_eq!(found, passes, "{error}");
        assert!(reason.contains(error) && reason.contains(hint), "{reason}");
    }
    receiver.push([HttpAnswer::new(200, "{\"ok\":false,\"error\":\"missing_scope\",\"needed\":\"files:write\"}")]);
    let delivered = carriers.deliver(&channel(), &bench.link_only(), now()).await;
    assert!(rejected(&delivered).contains("lacks the permission files:write"), "{delivered:?}");
}

#[tokio::test]
async fn d10_without_a_workspace_the_reason_says_so() {
    let delivered = carriers(|_| {}).deliver(&channel(), &Bench::new().link_only(), now()).await;
    assert!(rejected(&delivered).contains("Slack is not connected"));
}
