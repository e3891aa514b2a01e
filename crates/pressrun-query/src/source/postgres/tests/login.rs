//! Passwords, and who is let in.

use super::*;

#[tokio::test]
async fn logins() {
    let Some(server) = Server::start_with_logins(None) else { return };
    // Everything that an address writes with a percent sign, and a blank.
    let password = "p@ss/w#rd?&=%41 :ä";
    server
        .admin(&format!(
            "create role scrammed login password '{password}';
             create role spoken login password '{password}';
             set password_encryption = 'md5';
             create role digested login password '{password}';
             create schema hidden; create table hidden.t as select 42 as x; grant usage on schema hidden to public; grant select on hidden.t to public;"
        ))
        .await;
    a12_passwords_of_any_characters(&server, password).await;
    a11_options_reach_the_server(&server).await;
    a10_channel_binding(&server, password).await;
    unix_sockets_and_several_hosts(&server, password).await;
    failures_to_log_in(&server).await;
    a13_a_rotated_password_is_used_at_the_next_login(&server, password).await;
}

fn with_password(server: &Server, user: &str, password: &str, more: &[(&str, &str)]) -> String {
    let said = [
        ("host", "127.0.0.1".to_owned()),
        ("port", server.port().to_string()),
        ("user", user.to_owned()),
        ("password", password.to_owned()),
        ("dbname", "postgres".to_owned()),
    ];
    PostgresAddress::from_parameters(said.into_iter().chain(more.iter().map(|(key, value)| (*key, (*value).to_owned())))).unwrap().url()
}

async fn a12_passwords_of_any_characters(server: &Server, password: &str) {
    for user in ["scrammed", "spoken", "digested"] {
        for mode in ["disable", "require"] {
            let url = with_password(server, user, password, &[("sslmode", mode)]);
            assert_eq!(once(&url, "select current_user::text as u").await.unwrap(), [user], "{user} {mode}");
            let error = once(&with_password(server, user, "wrong", &[("sslmode", mode)]), "select 1").await.unwrap_err();
            assert_eq!((error.kind.clone(), error.is_transient()), (QueryErrorKind::Login, false), "{user}: {error}");
            assert!(error.to_string().contains("correct the user or the password"), "{error}");
        }
    }
    let error = once(&server.address("scrammed", ""), "select 1").await.unwrap_err();
    assert!(error.kind == QueryErrorKind::Login && error.to_string().contains("asks for a password"), "{error}");
}

async fn a11_options_reach_the_server(server: &Server) {
    let url = server.address("tester", "?options=-c%20search_path%3Dhidden%20-c%20work_mem%3D7MB&application_name=reports");
    let sql = "select x, current_setting('work_mem') as w, current_setting('application_name') as a from t";
    assert_eq!(once(&url, sql).await.unwrap(), ["42|7MB|reports"]);
}

async fn a10_channel_binding(server: &Server, password: &str) {
    let url = |more: &[(&str, &str)]| with_password(server, "scrammed", password, more);
    for binding in ["disable", "prefer", "require"] {
        let url = url(&[("sslmode", "require"), ("channel_binding", binding)]);
        once(&url, "select 1").await.unwrap_or_else(|error| panic!("{binding}: {error}"));
    }
    let error =
        once(&with_password(server, "spoken", password, &[("sslmode", "require"), ("channel_binding", "require")]), "select 1").await;
    let error = error.unwrap_err();
    assert!(error.kind == QueryErrorKind::Login && error.to_string().contains("scram-sha-256"), "{error}");
    let error = once(&url(&[("sslmode", "allow"), ("channel_binding", "require")]), "select 1").await.unwrap_err();
    assert!(error.kind == QueryErrorKind::Login && error.to_string().contains("sslmode=require"), "{error}");
}

async fn unix_sockets_and_several_hosts(server: &Server, password: &str) {
    let folder = server.file("").display().to_string();
    let url = with_password(server, "scrammed", password, &[("host", &folder)]);
    assert_eq!(once(&url, "select inet_client_addr() is null as local").await.unwrap(), ["true"]);
    // The first does not answer, the second does and will do.
    let port = server.port();
    let many = format!("postgres://tester@127.0.0.1:1,127.0.0.1:{port}/postgres?load_balance_hosts=random&target_session_attrs=");
    for (wanted, good) in
        [("any", true), ("read-write", true), ("primary", true), ("prefer-standby", true), ("standby", false), ("read-only", false)]
    {
        let found = once(&format!("{many}{wanted}"), "select 1 as one").await;
        assert_eq!(found.is_ok(), good, "{wanted}: {found:?}");
        if let Err(error) = found {
            assert!(error.is_transient(), "{error}");
        }
    }
}

async fn failures_to_log_in(server: &Server) {
    for (url, kind, words) in [
        (server.address("nobody_here", ""), QueryErrorKind::Login, "nobody_here"),
        (server.url().replace("/postgres?", "/nowhere?"), QueryErrorKind::Login, "correct the name of the database"),
        (server.address("tester", "?sslmode=disable&options=-c%20nope%3D1"), QueryErrorKind::Login, "nope"),
        (format!("postgres://u@127.0.0.1:{}/x?sslmode=disable", silent().await), QueryErrorKind::Connection, "cannot be reached"),
    ] {
        let error = once(&url, "select 1").await.unwrap_err();
        assert!(error.to_string().contains(words), "{url}: {error}");
        assert_eq!(error.kind, kind, "{url}: {error:?}");
    }
}

/// A server that takes connections and says nothing is one that may answer later, not a query that took too long.
#[tokio::test]
async fn a9_a_server_that_hangs_before_the_login_may_answer_later() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://u@127.0.0.1:{}/x?sslmode=disable", listener.local_addr().unwrap().port());
    let limits = QueryLimits { timeout_ms: 50, ..QueryLimits::default() };
    let error = source(url).run(&asked("select 1"), &limits, &mut Collected::default()).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("does not answer"), "{error:?}");
}

/// A port that takes one connection and closes it.
async fn silent() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { listener.accept().await.map(drop) });
    port
}

/// As a secret store does it: the role has a new password, and the file that the catalog named holds it.
async fn a13_a_rotated_password_is_used_at_the_next_login(server: &Server, password: &str) {
    let (alone, whole) = (server.file("password"), server.file("url"));
    let url = with_password(server, "scrammed", password, &[]);
    let sources = [
        PostgresSource::new(url.clone(), Some(PostgresSecretFile::Password(alone.clone()))),
        PostgresSource::new(url.clone(), Some(PostgresSecretFile::Address(whole.clone()))),
    ];
    let asks = async || {
        for source in &sources {
            // A session that is open stays open: only a login asks for the password.
            source.free.sessions().clear();
            assert_eq!(run(source, "select current_user::text as u").await.unwrap(), ["scrammed"]);
        }
    };
    // Without the files there is still what the catalog read.
    asks().await;
    server.admin("alter role scrammed password 'n3w/@'").await;
    std::fs::write(&alone, "n3w/@\n").unwrap();
    std::fs::write(&whole, with_password(server, "scrammed", "n3w/@", &[])).unwrap();
    asks().await;
    let error = once(&url, "select 1").await.unwrap_err();
    assert_eq!(error.kind, QueryErrorKind::Login);
}
