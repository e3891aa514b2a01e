//! Postfix: strict about `EHLO`, two connections a client, a policy service that greylists, `AUTH LOGIN` by Cyrus inside TLS or nothing.

use pressrun_deliver::SmtpTls;

use crate::policy::Policy;
use crate::server::{Place, run, unpacked};
use crate::{
    CONNECTIONS_MAX, SIZE_MAX, a_crowd_gets_through, a_file_that_is_too_big_is_left_out, a_login_is_asked_for, accepted,
    an_unknown_certificate_is_held, deliver, greylisting_is_waited_for, known, nothing_is_taken_in_the_clear, parcel,
};

const MAIN: &str = "compatibility_level = 3.6
queue_directory = DIR/queue
data_directory = DIR/data
maillog_file = DIR/log
maillog_file_prefixes = /tmp, /var
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.test
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
local_recipient_maps =
local_transport = error:none here
relay_domains = myorg.co
relay_transport = relay:[127.0.0.1]:SINK
smtp_tls_security_level = none
smtpd_helo_required = yes
smtpd_delay_reject = no
smtpd_helo_restrictions = reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:POLICY, permit
smtpd_client_event_limit_exceptions =
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = relay.test
cyrus_sasl_config_path = DIR/etc/sasl
smtpd_tls_cert_file = DIR/cert.pem
smtpd_tls_key_file = DIR/key.pem
";

const MASTER: &str = "127.0.0.1:PORT inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

/// For Cyrus, in Debian's place for it: below the folder of main.cf.
const SASL: &str = "pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: DIR/logins
mech_list: LOGIN
";

/// Puts a login into Cyrus' own database.
const LOGIN: &str = "echo right | \"$0\" -c -p -u relay.test -f \"$1\" blob && chown postfix \"$1\"";

/// A running Postfix; stops when dropped.
struct Postfix(String);

impl Postfix {
    fn start(place: &Place, policy: &Policy) -> Self {
        std::fs::create_dir_all(place.path().join("etc")).expect("a folder");
        std::fs::create_dir_all(place.path().join("queue")).expect("a folder");
        place.folder_of("data", "postfix");
        let bounds = format!("message_size_limit = {SIZE_MAX}\nsmtpd_client_connection_count_limit = {CONNECTIONS_MAX}\n");
        place.write("etc/main.cf", &format!("{MAIN}{bounds}").replace("POLICY", &policy.port.to_string()));
        place.write("etc/master.cf", MASTER);
        std::fs::create_dir_all(place.path().join("etc/sasl")).expect("a folder");
        place.write("etc/sasl/smtpd.conf", SASL);
        let logins = place.path().join("logins").display().to_string();
        run("sh", &["-c", LOGIN, &unpacked("/usr/sbin/saslpasswd2").display().to_string(), &logins]);
        let etc = place.path().join("etc").display().to_string();
        run("postfix", &["-c", &etc, "start"]);
        Self(etc)
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        run("postfix", &["-c", &self.0, "stop"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Postfix and root: cargo xtask relays"]
async fn h5_h6_postfix_as_a_strict_relay_takes_everything() {
    let (place, policy) = (Place::new().await, Policy::start().await);
    let _postfix = Postfix::start(&place, &policy);
    place.greets().await;
    assert!(place.say(&["EHLO pressrun"]).await.expect("an answer").starts_with('5'), "it is strict about names");
    nothing_is_taken_in_the_clear(&place).await;

    an_unknown_certificate_is_held(place.port, SmtpTls::StartTls).await;
    a_login_is_asked_for(place.port, SmtpTls::StartTls, place.authority()).await;
    let carriers = known(&place, 2);
    accepted(&deliver(&carriers, &parcel("one.1", "a@myorg.co", None)).await);
    let mail = place.sink.wait_for(2).await.remove(1);
    assert_eq!(mail.header("Message-ID").as_deref(), Some("<one.1@myorg.co>"));
    assert!(mail.text().lines().all(|line| line.len() <= 998));
    a_file_that_is_too_big_is_left_out(&carriers, place.path()).await;
    greylisting_is_waited_for(&carriers, || policy.relent()).await;
    let before = place.sink.wait_for(5).await.len();
    drop(carriers);
    a_crowd_gets_through(&known(&place, 8)).await;
    assert_eq!(place.sink.wait_for(before + 30).await.len(), before + 30, "each once");
}
