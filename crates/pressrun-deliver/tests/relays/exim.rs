//! Exim: verifies `EHLO`, two connections a client, logins only inside TLS, greylists one address.

use pressrun_deliver::SmtpTls;

use crate::server::{Place, Server, run, unpacked};
use crate::{
    CONNECTIONS_MAX, SIZE_MAX, a_crowd_gets_through, a_file_that_is_too_big_is_left_out, a_login_is_asked_for,
    an_unknown_certificate_is_held, greylisting_is_waited_for, known, nothing_is_taken_in_the_clear,
};

const CONFIG: &str = "primary_hostname = relay.test
exim_path = EXIM
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = DIR/spool
log_file_path = DIR/spool/%slog
pid_file_path = DIR/spool/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = PORT
tls_advertise_hosts = *
tls_certificate = DIR/cert.pem
tls_privatekey = DIR/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
smtp_accept_max = 20
smtp_accept_queue_per_connection = 0
acl_smtp_helo = check_helo
acl_smtp_mail = check_mail
acl_smtp_rcpt = check_rcpt
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
begin acl
check_helo:
  deny message = that is not your name
       !verify = helo
  accept
check_mail:
  deny message = encrypt first
       !encrypted = *
  deny message = log in first
       !authenticated = *
  accept
check_rcpt:
  defer message = greylisted, come back later
        local_parts = grey
        condition = ${if exists{DIR/seen}{no}{yes}}
  accept
begin routers
out:
  driver = manualroute
  route_list = * 127.0.0.1 byname
  transport = out
  self = send
begin transports
out:
  driver = smtp
  port = SINK
  hosts_avoid_tls = *
  allow_localhost
begin retry
* * F,1h,1s
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{blob}}{eq{$auth3}{right}}}{yes}{no}}
  server_set_id = $auth2
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs Exim and root: cargo xtask relays"]
async fn h5_h6_exim_as_a_strict_relay_takes_everything() {
    let place = Place::new().await;
    place.folder_of("spool", "Debian-exim");
    let bounds = format!("message_size_limit = {SIZE_MAX}\nsmtp_accept_max_per_host = {CONNECTIONS_MAX}\n");
    let program = unpacked("/usr/sbin/exim4");
    let text = CONFIG.replace("begin acl\n", &format!("{bounds}begin acl\n")).replace("EXIM", &program.display().to_string());
    let config_file = place.write("exim.conf", &text).display().to_string();
    // The key is read after the change of users.
    run("chown", &["Debian-exim", &place.path().join("key.pem").display().to_string()]);
    let _exim = Server::start(&program, &["-C", &config_file, "-bdf"], &place.path().join("out"));
    place.greets().await;
    assert!(place.say(&["EHLO [192.0.2.1]"]).await.expect("an answer").starts_with('5'), "it looks at the address");
    nothing_is_taken_in_the_clear(&place).await;

    an_unknown_certificate_is_held(place.port, SmtpTls::StartTls).await;
    a_login_is_asked_for(place.port, SmtpTls::StartTls, place.authority()).await;
    let carriers = known(&place, 2);
    a_file_that_is_too_big_is_left_out(&carriers, place.path()).await;
    greylisting_is_waited_for(&carriers, || std::fs::write(place.path().join("seen"), "").expect("writes")).await;
    let before = place.sink.wait_for(4).await.len();
    drop(carriers);
    a_crowd_gets_through(&known(&place, 8)).await;
    assert_eq!(place.sink.wait_for(before + 30).await.len(), before + 30, "each once");
}
