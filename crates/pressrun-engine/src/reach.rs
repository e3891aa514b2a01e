//! Where the connections of the catalog may lead (B17).
//!
//! Whoever edits the catalog chooses the host of a connection, and with it where its secrets go and what of the house's network is asked. The
//! operator's policy is asked before each query, with the addresses that a name has then, and the query goes to one of exactly these: a name
//! that leads elsewhere a moment later gains nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use pressrun_deliver::{EgressPolicy, NoAddress, Resolve, ResolveError, SystemResolver};
use pressrun_domain::catalog::{Connection, SourceSettings};
use pressrun_domain::postgres::{PostgresAddress, PostgresHost, PostgresSecretFile};
use pressrun_query::{ConnectionSpec, QueryError, QueryErrorKind};
use url::Host;

/// Longest time that looking a name up may take.
const LOOKUP: Duration = Duration::from_secs(10);

/// The connection with the addresses that it may lead to; as it is where `policy` closes nothing, and where it leads to files.
///
/// # Errors
/// It may lead to none of its addresses, or they are not to be had.
pub(crate) async fn pinned(policy: &EgressPolicy, resolver: &dyn Resolve, spec: ConnectionSpec) -> Result<ConnectionSpec, QueryError> {
    if policy.closes_nothing() {
        return Ok(spec);
    }
    match spec {
        ConnectionSpec::Files { .. } => Ok(spec),
        ConnectionSpec::Postgres { url, secret_file } => postgres(policy, resolver, url, secret_file).await,
        ConnectionSpec::ClickHouse(mut server) => {
            let (host, port) =
                place(&server.url).ok_or_else(|| QueryError::new(QueryErrorKind::Connection, "the connection's address has no host"))?;
            server.addresses = open_addresses(policy, resolver, &host, port).await?;
            Ok(ConnectionSpec::ClickHouse(server))
        }
        ConnectionSpec::Adbc(driver) => {
            for (host, port) in driver.options.values().filter_map(|value| aimed(value)) {
                open_addresses(policy, resolver, &host, port).await?;
            }
            Ok(ConnectionSpec::Adbc(driver))
        }
    }
}

/// The host and port that an option of a driver leads to, where it is an address. The driver looks the name up again, and may ask further hosts that its
/// database names: whoever closes hosts to connections closes them to the machine as well.
fn aimed(value: &str) -> Option<(Host, u16)> {
    const HTTPS: u16 = 443;
    let text = if value.contains("://") { value.to_owned() } else { format!("driver://{}", value.split_once('@')?.1) };
    // As MySQL's driver in Go has it: `user:password@tcp(host:3306)/database`.
    let text = text.replacen("tcp(", "", 1).replacen(')', "", 1);
    let url = url::Url::parse(&text).ok()?;
    let host = match url.host()? {
        Host::Domain(name) => Host::parse(name).ok()?,
        other => other.to_owned(),
    };
    Some((host, url.port_or_known_default().unwrap_or(HTTPS)))
}

async fn postgres(
    policy: &EgressPolicy,
    resolver: &dyn Resolve,
    url: String,
    secret_file: Option<PostgresSecretFile>,
) -> Result<ConnectionSpec, QueryError> {
    let unread = |_| QueryError::new(QueryErrorKind::Connection, "the connection's address cannot be read");
    let mut address = PostgresAddress::parse(&url).map_err(unread)?;
    let (mut open, mut refused) = (Vec::new(), None);
    for host in &address.hosts {
        match addresses(policy, resolver, host).await {
            Ok(found) => open.extend(found),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    match refused {
        Some(error) if open.is_empty() => Err(error),
        _ => {
            address.hosts = open;
            Ok(ConnectionSpec::Postgres { url: address.url(), secret_file })
        }
    }
}

/// Why a connection may lead nowhere, as far as its address tells by itself: no name is looked up.
#[must_use]
pub fn refused_as_typed(policy: &EgressPolicy, source: &SourceSettings) -> Option<QueryError> {
    match source {
        SourceSettings::Files { .. } => None,
        SourceSettings::Postgres { url, .. } => {
            let address = PostgresAddress::parse(url.expose()).ok()?;
            let refused = address.hosts.iter().map(|host| {
                let judged = aim(host).and_then(|aim| policy.check_host(&aim, host.port).map_err(|_| closed(&host.name, host.port)));
                judged.err()
            });
            refused.collect::<Option<Vec<_>>>()?.into_iter().next()
        }
        SourceSettings::ClickHouse(server) => {
            let (host, port) = place(&server.url)?;
            policy.check_host(&host, port).err().map(|_| closed(&host.to_string(), port))
        }
        SourceSettings::Adbc(driver) => {
            let mut aims = driver.options.values().filter_map(|option| aimed(option.value.expose()));
            aims.find(|(host, port)| policy.check_host(host, *port).is_err()).map(|(host, port)| closed(&host.to_string(), port))
        }
    }
}

/// Why a connection leads nowhere as things are, as a query would find out.
pub async fn refused(policy: &EgressPolicy, connection: &Connection) -> Option<QueryError> {
    pinned(policy, &SystemResolver, connection.into()).await.err()
}

/// Host and port of an address by HTTP.
fn place(url: &url::Url) -> Option<(Host, u16)> {
    Some((url.host()?.to_owned(), url.port_or_known_default()?))
}

/// The addresses of `host` that `policy` opens.
async fn open_addresses(policy: &EgressPolicy, resolver: &dyn Resolve, host: &Host, port: u16) -> Result<Vec<SocketAddr>, QueryError> {
    let Ok(resolved) = tokio::time::timeout(LOOKUP, policy.resolve_checked(resolver, host, port)).await else {
        return Err(unknown(&host.to_string()));
    };
    match resolved {
        Ok(found) => Ok(found),
        Err(ResolveError::NoAddress { why: NoAddress::Lookup(_) | NoAddress::Empty, .. }) => Err(unknown(&host.to_string())),
        Err(_) => Err(closed(&host.to_string(), port)),
    }
}

/// The same host, once for each address that it may be reached at.
async fn addresses(policy: &EgressPolicy, resolver: &dyn Resolve, host: &PostgresHost) -> Result<Vec<PostgresHost>, QueryError> {
    let aim = aim(host)?;
    if host.is_socket() {
        return policy.check_host(&aim, host.port).map(|()| vec![host.clone()]).map_err(|_| closed(&host.name, host.port));
    }
    let named = |error: QueryError| match error.kind {
        QueryErrorKind::Denied => closed(&host.name, host.port),
        _ => unknown(&host.name),
    };
    let found = open_addresses(policy, resolver, &aim, host.port).await.map_err(named)?;
    Ok(found.iter().map(|found| PostgresHost { address: Some(found.ip()), ..host.clone() }).collect())
}

/// What the policy is asked about.
fn aim(host: &PostgresHost) -> Result<Host, QueryError> {
    match host.address.or_else(|| host.name.parse().ok()) {
        Some(IpAddr::V4(address)) => Ok(Host::Ipv4(address)),
        Some(IpAddr::V6(address)) => Ok(Host::Ipv6(address)),
        // A socket is this machine by another way in.
        None if host.is_socket() => Ok(Host::Ipv4(Ipv4Addr::LOCALHOST)),
        None => Host::parse(&host.name).map_err(|_| closed(&host.name, host.port)),
    }
}

fn unknown(name: &str) -> QueryError {
    QueryError::new(QueryErrorKind::Connection, format!("the name {name} of the connection's server could not be looked up"))
}

fn closed(name: &str, port: u16) -> QueryError {
    QueryError::new(QueryErrorKind::Denied, format!("connections may not lead to {name} on port {port}"))
        .hint("the operator decides that under [egress] connections, allow, deny, only and ports")
}

#[cfg(test)]
mod tests {
    use std::io;

    use async_trait::async_trait;
    use pressrun_domain::catalog::ClickHouseSettings;
    use pressrun_domain::secret::Secret;

    use super::*;

    /// `db.example` is public, `inside.example` private; no other name exists.
    struct Names;

    #[async_trait]
    impl Resolve for Names {
        async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
            let address = |text: &str| text.parse().map_err(|_| io::Error::other("no address"));
            match host {
                "db.example" => Ok(vec![address("93.184.215.14")?, address("10.0.0.7")?]),
                "inside.example" => Ok(vec![address("10.0.0.7")?]),
                _ => Err(io::Error::other("no such name")),
            }
        }
    }

    /// Where a query to `url` may go, or why nowhere.
    async fn led(policy: &EgressPolicy, url: &str) -> Result<Vec<String>, String> {
        let spec = ConnectionSpec::Postgres { url: url.to_owned(), secret_file: None };
        match pinned(policy, &Names, spec).await {
            Ok(ConnectionSpec::Postgres { url, .. }) => {
                let address = PostgresAddress::parse(&url).map_err(|error| error.to_string())?;
                let shown = |host: &PostgresHost| {
                    format!("{} {} {}", host.name, host.address.map_or("?".to_owned(), |at| at.to_string()), host.port)
                };
                Ok(address.hosts.iter().map(shown).collect())
            }
            Ok(other) => Err(other.kind().to_owned()),
            Err(error) => Err(error.message),
        }
    }

    #[tokio::test]
    async fn b17_a_connection_leads_where_the_operator_lets_it() {
        let any = EgressPolicy::everywhere();
        let but = EgressPolicy::everywhere().deny(["10.0.0.0/8", "127.0.0.1:5999"]).expect("rules");
        let strict = EgressPolicy::parse(["10.0.0.0/8:5432"]).expect("rules");
        let closed = |name: &str, port: u16| Err(format!("connections may not lead to {name} on port {port}"));
        let unknown = |name: &str| Err(format!("the name {name} of the connection's server could not be looked up"));
        for (policy, url, expected) in [
            // Where nothing is closed nothing is looked up.
            (&any, "postgres://u@nowhere.example/x", Ok(vec!["nowhere.example ? 5432".to_owned()])),
            (&but, "postgres://u@db.example/x", Ok(vec!["db.example 93.184.215.14 5432".to_owned()])),
            (&but, "postgres://u@inside.example/x", closed("inside.example", 5432)),
            (&but, "postgres://u@10.1.2.3/x", closed("10.1.2.3", 5432)),
            (&but, "postgres://u@localhost:5999/x", unknown("localhost")),
            (&but, "postgres://u@127.0.0.1:5999/x", closed("127.0.0.1", 5999)),
            (&but, "postgres://u@/x?host=/run/postgresql&port=5999", closed("/run/postgresql", 5999)),
            (&but, "postgres://u@nowhere.example/x", unknown("nowhere.example")),
            // What is typed beside the name does not count for more than the policy.
            (&but, "postgres://u@db.example/x?hostaddr=10.0.0.7", closed("db.example", 5432)),
            (&but, "postgres://u@inside.example,db.example/x", Ok(vec!["db.example 93.184.215.14 5432".to_owned()])),
            (&strict, "postgres://u@inside.example/x", Ok(vec!["inside.example 10.0.0.7 5432".to_owned()])),
            (&strict, "postgres://u@inside.example:6432/x", closed("inside.example", 6432)),
            (&strict, "postgres://u@93.184.215.14/x", closed("93.184.215.14", 5432)),
            (&strict, "postgres://u@/x?host=/run/postgresql", closed("/run/postgresql", 5432)),
        ] {
            assert_eq!(led(policy, url).await, expected, "{url}");
        }
    }

    #[test]
    fn b17_an_address_tells_without_a_lookup_that_it_is_closed() {
        let but = EgressPolicy::everywhere().deny(["10.0.0.0/8", "*.internal.example"]).expect("rules");
        let strict = EgressPolicy::parse(["10.0.0.0/8:5432"]).expect("rules");
        let closed = |name: &str, port: u16| Some(format!("connections may not lead to {name} on port {port}"));
        for (policy, url, expected) in [
            (&but, "postgres://u@10.1.2.3/x", closed("10.1.2.3", 5432)),
            (&but, "postgres://u@db.internal.example:6432/x", closed("db.internal.example", 6432)),
            (&but, "postgres://u@10.1.2.3,db.example/x", None),
            // Where a name leads is not asked.
            (&but, "postgres://u@inside.example/x", None),
            (&strict, "postgres://u@10.1.2.3/x", None),
            (&strict, "postgres://u@192.168.0.1/x", closed("192.168.0.1", 5432)),
            (&strict, "postgres://u@/x?host=/run/postgresql", closed("/run/postgresql", 5432)),
            (&strict, "", None),
        ] {
            let source = SourceSettings::Postgres { url: Secret::new(url), secret_file: None };
            assert_eq!(refused_as_typed(policy, &source).map(|error| error.message), expected, "{url}");
        }
    }

    fn clickhouse(url: &str) -> ClickHouseSettings {
        ClickHouseSettings {
            url: url.parse().expect("an address"),
            database: None,
            user: "reports".to_owned(),
            password: Secret::new(""),
            password_file: None,
            authorities: None,
            settings: indexmap::IndexMap::new(),
        }
    }

    #[tokio::test]
    async fn b17_clickhouse_is_asked_at_the_addresses_that_the_operator_opens() {
        let but = EgressPolicy::everywhere().deny(["10.0.0.0/8"]).expect("rules");
        for (url, typed, expected) in [
            ("https://db.example:8443", None, Ok("93.184.215.14:8443")),
            ("http://inside.example:8123", None, Err("connections may not lead to inside.example on port 8123")),
            ("http://nowhere.example", None, Err("the name nowhere.example of the connection's server could not be looked up")),
            (
                "http://10.1.2.3:8123",
                Some("connections may not lead to 10.1.2.3 on port 8123"),
                Err("connections may not lead to 10.1.2.3 on port 8123"),
            ),
        ] {
            let settings = clickhouse(url);
            let told = refused_as_typed(&but, &SourceSettings::ClickHouse(settings.clone())).map(|error| error.message);
            assert_eq!(told.as_deref(), typed, "{url}");
            let found = match pinned(&but, &Names, ConnectionSpec::ClickHouse(Box::new((&settings).into()))).await {
                Ok(ConnectionSpec::ClickHouse(server)) => {
                    Ok(server.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => Err(error.message),
            };
            assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{url}");
        }
    }

    #[test]
    fn b17_a_driver_is_asked_where_its_options_lead() {
        for (value, expected) in [
            ("postgresql://app:pw@10.1.2.3:5439/sales", Some("10.1.2.3 5439")),
            ("app:p%40w@account.example/db?warehouse=x", Some("account.example 443")),
            ("app:pw@tcp(db.example:3306)/shop", Some("db.example 3306")),
            ("grpc+tls://[::1]:31337", Some("[::1] 31337")),
            ("https://trino.example?catalog=hive", Some("trino.example 443")),
            ("/srv/data/lake.duckdb", None),
            ("file:shop.db?mode=ro", None),
            ("READ_ONLY", None),
        ] {
            assert_eq!(aimed(value).map(|(host, port)| format!("{host} {port}")).as_deref(), expected, "{value}");
        }
    }
}
