#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::*;

fn read(address: &str) -> PostgresAddress {
    PostgresAddress::parse(address).unwrap_or_else(|error| panic!("{address}: {error}; {}", error.hint))
}

fn refused(address: &str) -> PostgresAddressError {
    PostgresAddress::parse(address).expect_err(address)
}

#[test]
fn an_address_has_libpqs_parts() {
    let found = read("postgresql://app:s%40fe@db.example.com:6432/sales?application_name=reports&connect_timeout=3&keepalives=0");
    assert_eq!(found.hosts, [PostgresHost { name: "db.example.com".to_owned(), address: None, port: 6432 }]);
    assert_eq!((found.user.as_str(), found.database.as_deref()), ("app", Some("sales")));
    assert_eq!(found.password.unwrap().expose(), "s@fe");
    assert_eq!((found.application_name.as_deref(), found.connect_timeout), (Some("reports"), Duration::from_secs(3)));
    assert_eq!(found.keepalive_idle, None);
    let many = read("postgres://app@a,[2001:db8::1]:6000,c:5433/d?target_session_attrs=standby&load_balance_hosts=random");
    let places: Vec<_> = many.hosts.iter().map(|host| format!("{} {}", host.name, host.port)).collect();
    assert_eq!(places, ["a 5432", "2001:db8::1 6000", "c 5433"]);
    assert!(many.random_order && many.target_session == TargetSession::Standby);
    let socket = read("postgres://app@%2Fvar%2Frun%2Fpostgresql/d");
    assert!(socket.hosts[0].is_socket() && socket.hosts[0].is_loopback());
    let numbered = read("postgres://app@db.example.com/d?hostaddr=192.0.2.7");
    assert_eq!(numbered.hosts[0].address, Some("192.0.2.7".parse().unwrap()));
}

#[test]
fn a10_other_machines_are_spoken_to_in_tls_unless_said_otherwise() {
    for (address, expected) in [
        ("postgres://u@db.example.com/x", SslMode::Require),
        ("postgres://u@localhost/x", SslMode::Prefer),
        ("postgres://u@127.0.0.2/x", SslMode::Prefer),
        ("postgres://u@[::1]/x", SslMode::Prefer),
        ("postgres://u@%2Ftmp/x", SslMode::Prefer),
        ("postgres://u@localhost,db.example.com/x", SslMode::Require),
        ("postgres://u@localhost/x?hostaddr=192.0.2.1", SslMode::Require),
        ("postgres://u@db.example.com/x?sslrootcert=system", SslMode::VerifyFull),
        ("postgres://u@db.example.com/x?ssl=true", SslMode::Require),
        ("postgres://u@localhost/x?sslrootcert=/ca.pem", SslMode::Require),
        ("postgres://u@db.example.com/x?sslmode=allow", SslMode::Allow),
        ("postgres://u@db.example.com/x?sslmode=disable", SslMode::Disable),
        ("postgres://u@localhost/x?sslmode=verify-ca", SslMode::VerifyCa),
    ] {
        assert_eq!(read(address).ssl_mode(), expected, "{address}");
    }
}

#[test]
fn a11_options_keep_their_blanks() {
    let options = |address: &str| read(address).options.unwrap();
    assert_eq!(options("postgres://u@h/x?options=-c%20search_path%3Dx%2Cy%20-c%20geqo%3Doff"), "-c search_path=x,y -c geqo=off");
    assert_eq!(options("postgres://u@h/x?options=-c search_path=a+b"), "-c search_path=a+b");
}

#[test]
fn a12_a_password_that_breaks_the_address_is_never_a_host() {
    // As it was pasted from the environment: the host would have been `ss`.
    for address in ["postgres://app:p@ss/w#rd@127.0.0.1/x", "postgres://app:p#w@db/x", "postgres://app:a/b@db/x", "postgres://app:a?b@db/x"]
    {
        let error = refused(address);
        assert!(error.hint.contains("%40"), "{address}: {error:?}");
        assert!(!format!("{error:?}").contains("ss/w"), "{error:?}");
    }
    assert_eq!(read("postgres://app:p@ss@db/x").password.unwrap().expose(), "p@ss");
    assert!(!format!("{:?}", read("postgres://app:hunter2@db/x")).contains("hunter2"));
}

#[test]
fn a10_what_is_not_known_is_named() {
    for (address, expected) in [
        ("postgres://u@h/x?sslcompression=1", "`sslcompression`"),
        ("postgres://u@h/x?sslmode=on", "`sslmode` is `on`"),
        ("postgres://u@h/x?gssencmode=require", "`gssencmode` is `require`"),
        ("postgres://u@h/x?channel_binding=yes", "`channel_binding` is `yes`"),
        ("postgres://u@h/x?connect_timeout=soon", "`connect_timeout` is `soon`"),
        ("postgres://u@h:99999/x", "port"),
        ("postgres://u@h/x?sslcert=a.pem", "`sslcert` and `sslkey`"),
        ("postgres://u@h/x?sslrootcert=system&sslmode=require", "verify-full"),
        ("postgres://u@h/x?channel_binding=require&sslmode=disable", "needs TLS"),
        ("postgres://u@a,b/x?port=1,2,3", "as many hosts"),
        ("postgres://h/x", "names no user"),
        ("postgres://u@/x", "names no host"),
        ("postgres://u:100%@h/x", "%"),
        ("mysql://u@h/x", "cannot be read"),
        ("nonsense hunter2", "cannot be read"),
    ] {
        let error = refused(address);
        assert!(error.to_string().contains(expected), "{address}: {error}");
        assert!(!error.to_string().contains("hunter2") && !error.hint.is_empty(), "{error:?}");
    }
}

#[test]
fn a13_a_file_that_was_rotated_gives_user_and_password() {
    let old = || read("postgres://app:old@db/x?sslmode=verify-full");
    let login = |address: PostgresAddress| (address.user.clone(), address.password.unwrap().expose().to_owned());
    let (alone, whole) = (PostgresSecretFile::Password("p".into()), PostgresSecretFile::Address("u".into()));
    assert_eq!(login(old().with_secret(&alone, "n@w/\n")), ("app".to_owned(), "n@w/".to_owned()));
    let rotated = old().with_secret(&whole, "postgres://app2:new@elsewhere/y\n");
    // Where it is, the catalog says; it is loaded again when the file changes.
    assert_eq!((rotated.hosts[0].name.as_str(), rotated.ssl_mode()), ("db", SslMode::VerifyFull));
    assert_eq!(login(rotated), ("app2".to_owned(), "new".to_owned()));
    for (file, content) in [(&alone, ""), (&alone, "\n"), (&whole, ""), (&whole, "postgres://app2:ne")] {
        assert_eq!(old().with_secret(file, content), old(), "being written: {content:?}");
    }
}

proptest! {
    #[test]
    fn a12_whatever_is_said_travels_in_one_line(
        user in "[^\0]{1,12}", password in "[^\0]{0,16}", database in "[^\0]{0,12}", options in "[^\0]{0,20}",
        host in "(/[a-z/]{1,8}|[a-z0-9.-]{1,12}|::1)", port in 1_u16.., mode in 0..SslMode::ALL.len(), application in "[^\0]{0,9}",
    ) {
        let mode = SslMode::ALL[mode].word().to_owned();
        let said = [
            ("user", user), ("password", password), ("dbname", database), ("options", options), ("host", host),
            ("port", port.to_string()), ("sslmode", mode), ("application_name", application),
        ];
        let address = PostgresAddress::from_parameters(said).unwrap();
        prop_assert_eq!(PostgresAddress::parse(&address.url()).unwrap(), address);
    }
}
