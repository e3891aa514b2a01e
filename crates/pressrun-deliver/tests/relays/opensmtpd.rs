//! OpenSMTPD: sizes and one address that is always put off. In the clear, because the TLS of Debian's build cannot be used with a
//! certificate made for a test.

use pressrun_deliver::SmtpTls;
use pressrun_domain::delivery::Outcome;

use crate::server::{Place, Server, unpacked};
use crate::{SIZE_MAX, a_crowd_gets_through, a_file_that_is_too_big_is_left_out, accepted, config, deliver, parcel};

const CONFIG: &str = "table grey { \"grey@myorg.co\" }
filter \"grey\" phase rcpt-to match rcpt-to <grey> reject \"451 4.7.1 greylisted\"
listen on 127.0.0.1 port PORT hostname relay.test filter \"grey\"
action \"out\" relay host smtp://127.0.0.1:SINK
match from any for any action \"out\"
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs OpenSMTPD and root: cargo xtask relays"]
async fn h5_h6_opensmtpd_as_a_relay_takes_everything() {
    let place = Place::new().await;
    let config_file = place.write("smtpd.conf", &format!("smtp max-message-size {SIZE_MAX}\n{CONFIG}"));
    let _smtpd = Server::start(&unpacked("/usr/sbin/smtpd"), &["-d", "-f", &config_file.display().to_string()], &place.path().join("out"));
    place.greets().await;

    let carriers = config(place.port, SmtpTls::None, |smtp| smtp.pace.connections = 8);
    accepted(&deliver(&carriers, &parcel("one.1", "a@myorg.co", None)).await);
    assert_eq!(place.sink.wait_for(1).await[0].header("Message-ID").as_deref(), Some("<one.1@myorg.co>"));
    a_file_that_is_too_big_is_left_out(&carriers, place.path()).await;
    let put_off = deliver(&carriers, &parcel("grey.1", "grey@myorg.co", None)).await;
    assert!(matches!(put_off.outcome, Outcome::Retry { not_before: Some(_), .. }), "{put_off:?}");
    a_crowd_gets_through(&carriers).await;
    assert_eq!(place.sink.wait_for(33).await.len(), 33, "each once");
}
