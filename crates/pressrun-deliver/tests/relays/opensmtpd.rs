//! OpenSMTPD: verifies `EHLO`, ten mails a connection, logins only inside TLS, greylists one address.

use pressrun_deliver::SmtpTls;

use crate::server::{Place, Server, run, unpacked};
use crate::{
    SIZE_MAX, a_crowd_gets_through, a_file_that_is_too_big_is_left_out, a_login_is_asked_for, an_unknown_certificate_is_held,
    greylisting_is_waited_for, known, nothing_is_taken_in_the_clear,
};

/// `HASH` stands for the password's.
const CONFIG: &str = r#"smtp limit max-mails 10
pki relay.test cert "DIR/cert.pem"
pki relay.test key "DIR/key.pem"
table logins { blob = "HASH" }
table names { "^[a-z0-9-]+[.][a-z0-9.-]+$", "^[[]127[.]0[.]0[.]1[]]$" }
table grey file:DIR/grey
filter "names" phase ehlo match !helo regex <names> reject "550 5.7.1 that is not your name"
filter "grey" phase rcpt-to match rcpt-to <grey> reject "451 4.7.1 greylisted"
listen on 127.0.0.1 port PORT hostname relay.test tls-require pki relay.test auth <logins> filter { "names", "grey" }
action "out" relay host smtp://127.0.0.1:SINK
match auth from any for any action "out"
"#;

/// Its queue has one compiled-in place, which may hold mail of this machine: each test sees a place of its own there.
const WITH_A_QUEUE_OF_ITS_OWN: &str =
    "mkdir -p /var/spool/smtpd && mount -t tmpfs -o mode=0711 tmpfs /var/spool/smtpd && exec \"$0\" \"$@\"";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs OpenSMTPD and root: cargo xtask relays"]
async fn h5_h6_opensmtpd_as_a_strict_relay_takes_everything() {
    let place = Place::new().await;
    place.write("grey", "grey@myorg.co\n");
    let hash = run("openssl", &["passwd", "-6", "-salt", "pressrun", "right"]);
    let text = format!("smtp max-message-size {SIZE_MAX}\n{}", CONFIG.replace("HASH", hash.trim()));
    let config_file = place.write("smtpd.conf", &text).display().to_string();
    let program = unpacked("/usr/sbin/smtpd").display().to_string();
    let arguments = ["--mount", "sh", "-c", WITH_A_QUEUE_OF_ITS_OWN, &program, "-d", "-f", &config_file];
    let _smtpd = Server::start("unshare", &arguments, &place.path().join("out"));
    place.greets().await;
    assert!(place.say(&["EHLO pressrun"]).await.expect("an answer").starts_with('5'), "it is strict about names");
    nothing_is_taken_in_the_clear(&place).await;

    an_unknown_certificate_is_held(place.port, SmtpTls::StartTls).await;
    a_login_is_asked_for(place.port, SmtpTls::StartTls, place.authority()).await;
    let carriers = known(&place, 2);
    a_file_that_is_too_big_is_left_out(&carriers, place.path()).await;
    greylisting_is_waited_for(&carriers, || {
        place.write("grey", "");
        run(&unpacked("/usr/sbin/smtpctl").display().to_string(), &["update", "table", "grey"]);
    })
    .await;
    let before = place.sink.wait_for(4).await.len();
    drop(carriers);
    // Fifteen mails a connection, of which it takes ten.
    a_crowd_gets_through(&known(&place, 2)).await;
    assert_eq!(place.sink.wait_for(before + 30).await.len(), before + 30, "each once");
}
