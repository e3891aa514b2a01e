//! The address in one line.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{ChannelBinding, PostgresAddress, PostgresAddressError, TargetSession, wrong};

/// What needs no percent sign anywhere.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// libpq's words and values in an address.
pub(super) fn parameters(address: &str) -> Result<Vec<(String, String)>, PostgresAddressError> {
    let form = || wrong("the address of the server cannot be read", "it has the form postgres://user:password@host:5432/database");
    let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| address.trim().strip_prefix(scheme)).ok_or_else(form)?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (login, places) = authority.rsplit_once('@').map_or((None, authority), |(login, places)| (Some(login), places));
    // A password with one of these characters would otherwise become a host that is looked up, for everybody on the way to read.
    if path.contains(['@', '#'])
        || login.is_none() && query.contains('@')
        || path.trim_start_matches('/').contains('/')
        || query.contains('#')
    {
        return Err(wrong(
            "the address has a character behind the host that belongs to no database's name",
            "write special characters of user and password as %40 for @, %2F for /, %23 for #, %3F for ?, %25 for %, or use the separate keys",
        ));
    }
    let mut found = Vec::new();
    if let Some(login) = login {
        let (user, password) = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
        found.push(("user".to_owned(), decoded(user)?));
        if let Some(password) = password {
            found.push(("password".to_owned(), decoded(password)?));
        }
    }
    if !places.is_empty() {
        let mut hosts = Vec::new();
        let mut ports = Vec::new();
        for place in places.split(',') {
            // An address of six has colons of its own and stands in brackets.
            let (host, port) = match place.strip_prefix('[') {
                Some(inner) => inner.split_once(']').ok_or_else(form)?,
                None => place.split_at(place.find(':').unwrap_or(place.len())),
            };
            hosts.push(decoded(host)?);
            ports.push(match port.strip_prefix(':') {
                Some(port) => port.to_owned(),
                None if port.is_empty() => String::new(),
                None => return Err(form()),
            });
        }
        found.push(("host".to_owned(), hosts.join(",")));
        if ports.iter().any(|port| !port.is_empty()) {
            found.push(("port".to_owned(), ports.join(",")));
        }
    }
    if let Some(database) = path.strip_prefix('/').filter(|database| !database.is_empty()) {
        found.push(("dbname".to_owned(), decoded(database)?));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or_else(|| wrong("a parameter of the address has no value", "write name=value"))?;
        found.push((decoded(key)?, decoded(value)?));
    }
    Ok(found)
}

/// `+` stays what it is, as in libpq: no form wrote this.
fn decoded(text: &str) -> Result<String, PostgresAddressError> {
    let broken = || wrong("the address has a `%` that is not followed by two hexadecimal digits of UTF-8", "write %25 for the character %");
    let digits = |at: usize| text.as_bytes().get(at + 1..at + 3).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    if text.bytes().enumerate().any(|(at, byte)| byte == b'%' && !digits(at)) {
        return Err(broken());
    }
    percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| broken())
}

/// Writes everything that differs from what holds without a word. Hosts are parameters: a folder has slashes.
pub(super) fn write(address: &PostgresAddress) -> String {
    let mut text = format!("postgres://{}", encoded(&address.user));
    if let Some(password) = &address.password {
        let _ = write!(text, ":{}", encoded(password.expose()));
    }
    text.push_str("@/");
    text.push_str(&address.database.as_deref().map(encoded).unwrap_or_default());
    let join = |part: &dyn Fn(&super::PostgresHost) -> String| address.hosts.iter().map(part).collect::<Vec<_>>().join(",");
    let mut pairs = vec![("host", join(&|host| host.name.clone())), ("port", join(&|host| host.port.to_string()))];
    if address.hosts.iter().any(|host| host.address.is_some()) {
        pairs.push(("hostaddr", join(&|host| host.address.map(|address| address.to_string()).unwrap_or_default())));
    }
    let mut say = |key, value: Option<String>| pairs.extend(value.map(|value| (key, value)));
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.to_string_lossy().into_owned());
    say("load_balance_hosts", address.random_order.then(|| "random".to_owned()));
    say("options", address.options.clone());
    say("application_name", address.application_name.clone());
    say("sslmode", address.ssl_mode.map(|mode| mode.word().to_owned()));
    say("sslnegotiation", address.ssl_direct.then(|| "direct".to_owned()));
    say("sslrootcert", address.ssl_root_cert.clone());
    say("sslcert", path(&address.ssl_cert));
    say("sslkey", path(&address.ssl_key));
    let binding = address.channel_binding;
    say("channel_binding", (binding != ChannelBinding::Prefer).then(|| binding.word().to_owned()));
    let target = address.target_session;
    say("target_session_attrs", (target != TargetSession::Any).then(|| target.word().to_owned()));
    say("connect_timeout", Some(address.connect_timeout.as_secs().to_string()));
    say("tcp_user_timeout", address.tcp_user_timeout.map(|time| time.as_millis().to_string()));
    match address.keepalive_idle {
        None => say("keepalives", Some("0".to_owned())),
        Some(idle) => say("keepalives_idle", Some(idle.as_secs().to_string())),
    }
    say("keepalives_interval", Some(address.keepalive_interval.as_secs().to_string()));
    say("keepalives_count", Some(address.keepalive_count.to_string()));
    for (at, (key, value)) in pairs.iter().enumerate() {
        let _ = write!(text, "{}{key}={}", if at == 0 { '?' } else { '&' }, encoded(value));
    }
    text
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
