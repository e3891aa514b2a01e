//! From an address to a session: names, sockets, TLS, and who of several servers will do.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use pressrun_domain::postgres::{PostgresAddress, PostgresHost, SslMode, TargetSession};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream, lookup_host};

use super::super::failure::{Fault, protocol};
use super::super::tls::Tls;
use super::cancel::Canceller;
use super::login::{Login, login};
use super::{Stream, Wire};

/// A session that answers.
pub(in super::super) struct Connected {
    pub(in super::super) wire: Wire,
    pub(in super::super) canceller: Canceller,
    /// The server's version in its own count, such as 150018; 0 where it says none.
    pub(in super::super) version: u32,
}

/// Where a socket leads.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Whether a try speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    No,
    IfOffered,
    Yes,
}

/// Tries the hosts of `address` in turn until one will do.
pub(in super::super) async fn connect(address: &PostgresAddress) -> Result<Connected, Fault> {
    let tls = Tls::new(address)?;
    let mut hosts: Vec<&PostgresHost> = address.hosts.iter().collect();
    if address.random_order {
        shuffle(&mut hosts);
    }
    // Who prefers one kind of server takes any in a second round.
    let rounds: &[TargetSession] = match address.target_session {
        TargetSession::PreferStandby => &[TargetSession::Standby, TargetSession::Any],
        ref wanted => std::slice::from_ref(wanted),
    };
    let mut last = None;
    for wanted in rounds {
        for host in &hosts {
            match host_of(address, host, &tls, *wanted).await {
                Ok(connected) => return Ok(connected),
                // The next host has the same users.
                Err(fault) if fault.is_refused_login() => return Err(fault),
                Err(fault) => last = Some(fault),
            }
        }
    }
    Err(last.unwrap_or_else(no_place))
}

fn no_place() -> Fault {
    Fault::Io(std::io::Error::new(std::io::ErrorKind::NotFound, "the name has no address"))
}

async fn host_of(address: &PostgresAddress, host: &PostgresHost, tls: &Tls, wanted: TargetSession) -> Result<Connected, Fault> {
    let places = match (host.address, host.is_socket()) {
        (None, true) => vec![Place::Unix(PathBuf::from(&host.name).join(format!(".s.PGSQL.{}", host.port)))],
        (Some(ip), _) => vec![Place::Tcp(SocketAddr::new(ip, host.port))],
        (None, false) => {
            let found = tokio::time::timeout(address.connect_timeout, lookup_host((host.name.as_str(), host.port)));
            found.await.map_err(|_| Fault::Silence)??.map(Place::Tcp).collect()
        }
    };
    let mut last = None;
    for place in places {
        match tokio::time::timeout(address.connect_timeout, place_of(address, host, &place, tls, wanted)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(fault)) if fault.is_refused_login() => return Err(fault),
            Ok(Err(fault)) => last = Some(fault),
            Err(_) => last = Some(Fault::Silence),
        }
    }
    Err(last.unwrap_or_else(no_place))
}

/// One place: with and without TLS as `sslmode` says, in libpq's order.
async fn place_of(
    address: &PostgresAddress,
    host: &PostgresHost,
    place: &Place,
    tls: &Tls,
    wanted: TargetSession,
) -> Result<Connected, Fault> {
    let (first, second) = match address.ssl_mode() {
        // Nothing is encrypted between processes of one machine.
        _ if matches!(place, Place::Unix(_)) => (Encryption::No, None),
        SslMode::Disable => (Encryption::No, None),
        SslMode::Allow => (Encryption::No, Some(Encryption::Yes)),
        SslMode::Prefer => (Encryption::IfOffered, Some(Encryption::No)),
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => (Encryption::Yes, None),
    };
    match (once(address, host, place, tls, first, wanted).await, second) {
        (Err(fault), Some(second)) if goes_better_otherwise(&fault) => {
            // What the second try says is about a way that was only a fallback.
            once(address, host, place, tls, second, wanted).await.map_err(|_| fault)
        }
        (result, _) => result,
    }
}

/// The server wants TLS, or no TLS, of this user or host (28000 is what `pg_hba.conf` has no line for), or its TLS does not work.
fn goes_better_otherwise(fault: &Fault) -> bool {
    match fault {
        Fault::Tls { .. } => true,
        Fault::Server(server) => server.code == "28000",
        _ => false,
    }
}

async fn once(
    address: &PostgresAddress,
    host: &PostgresHost,
    place: &Place,
    tls: &Tls,
    encryption: Encryption,
    wanted: TargetSession,
) -> Result<Connected, Fault> {
    let opened = open(place, address, encryption, tls, &host.name).await?;
    let encrypted = opened.encrypted;
    let mut wire = Wire::new(opened.stream);
    let Login { key, version } = login(&mut wire, address, opened.channel_binding, encrypted).await?;
    if let Some(refusal) = unwanted(&mut wire, wanted).await? {
        wire.close().await;
        return Err(refusal);
    }
    let canceller = Canceller { place: place.clone(), address: address.clone(), host: host.name.clone(), tls: tls.clone(), encrypted, key };
    Ok(Connected { wire, canceller, version })
}

/// A stream that has been opened, perhaps encrypted.
pub(super) struct Opened {
    pub(super) stream: Box<dyn Stream>,
    pub(super) encrypted: bool,
    /// What a login is bound to (RFC 5929 tls-server-end-point).
    pub(super) channel_binding: Option<Vec<u8>>,
}

impl Opened {
    fn plain(stream: impl Stream + 'static) -> Self {
        Self { stream: Box::new(stream), encrypted: false, channel_binding: None }
    }
}

/// Opens a stream to `place`.
pub(super) async fn open(place: &Place, address: &PostgresAddress, encryption: Encryption, tls: &Tls, host: &str) -> Result<Opened, Fault> {
    let to = match place {
        Place::Unix(path) => return Ok(Opened::plain(UnixStream::connect(path).await?)),
        Place::Tcp(to) => *to,
    };
    let mut stream = tcp(to, address).await?;
    let offered = match encryption {
        Encryption::No => false,
        Encryption::IfOffered | Encryption::Yes => address.ssl_direct || offers_tls(&mut stream).await?,
    };
    if offered {
        let (stream, channel_binding) = tls.handshake(stream, host).await?;
        return Ok(Opened { stream: Box::new(stream), encrypted: true, channel_binding });
    }
    if encryption == Encryption::Yes {
        return Err(Fault::Settings {
            message: "the server speaks no TLS".to_owned(),
            hint: "switch it on at the server, or write sslmode=disable where everybody on the way may read".to_owned(),
        });
    }
    Ok(Opened::plain(stream))
}

async fn tcp(to: SocketAddr, address: &PostgresAddress) -> Result<TcpStream, Fault> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let socket = SockRef::from(&stream);
    if let Some(idle) = address.keepalive_idle {
        let keepalive = TcpKeepalive::new().with_time(idle).with_interval(address.keepalive_interval);
        #[cfg(not(windows))]
        let keepalive = keepalive.with_retries(address.keepalive_count);
        socket.set_tcp_keepalive(&keepalive)?;
    }
    #[cfg(target_os = "linux")]
    if let Some(time) = address.tcp_user_timeout {
        socket.set_tcp_user_timeout(Some(time))?;
    }
    Ok(stream)
}

async fn offers_tls(stream: &mut TcpStream) -> Result<bool, Fault> {
    let mut request = bytes::BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await?;
    // One byte and no more: what else lies in the buffer was said before encryption and is nobody's.
    match stream.read_u8().await? {
        b'S' => Ok(true),
        b'N' => Ok(false),
        _ => Err(Fault::Protocol("it does not answer the request for TLS".to_owned())),
    }
}

/// Why a server is not of the kind that is wanted.
async fn unwanted(wire: &mut Wire, wanted: TargetSession) -> Result<Option<Fault>, Fault> {
    let (sql, expected) = match wanted {
        TargetSession::Any | TargetSession::PreferStandby => return Ok(None),
        TargetSession::ReadWrite => ("show transaction_read_only", "off"),
        TargetSession::ReadOnly => ("show transaction_read_only", "on"),
        TargetSession::Primary => ("select pg_catalog.pg_is_in_recovery()", "f"),
        TargetSession::Standby => ("select pg_catalog.pg_is_in_recovery()", "t"),
    };
    frontend::query(sql, wire.output()).map_err(protocol)?;
    wire.flush().await?;
    let mut found = false;
    loop {
        match wire.next().await? {
            Message::DataRow(row) => found = row.buffer().ends_with(expected.as_bytes()),
            Message::ErrorResponse(body) => {
                return Err(Fault::Server(super::ServerFault::read(&body)?));
            }
            Message::ReadyForQuery(_) => break,
            _ => {}
        }
    }
    // A server may become what is wanted at any moment: fail-over is what this is for.
    let refusal = || Fault::Io(std::io::Error::other(format!("none of the servers is {}", wanted.word())));
    Ok((!found).then(refusal))
}

/// Any order will do that differs from connection to connection.
fn shuffle(hosts: &mut [&PostgresHost]) {
    use std::hash::{BuildHasher, RandomState};
    let keys = RandomState::new();
    hosts.sort_by_cached_key(|host| keys.hash_one((&host.name, host.address.map(|address: IpAddr| address), host.port)));
}
