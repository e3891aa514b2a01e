//! Who we are, and the proof of it.

use fallible_iterator::FallibleIterator;
use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{self, SCRAM_SHA_256, SCRAM_SHA_256_PLUS, ScramSha256};
use postgres_protocol::message::backend::{AuthenticationSaslBody, Message};
use postgres_protocol::message::frontend;
use pressrun_domain::postgres::{ChannelBinding, PostgresAddress};

use super::super::failure::{Fault, ServerFault, protocol};
use super::Wire;
use super::cancel::CancelKey;

/// What the server calls us by when the connection says nothing.
const APPLICATION: &str = "pressrun";

/// What a login learns.
pub(super) struct Login {
    pub(super) key: CancelKey,
    pub(super) version: u32,
}

/// Logs in; `binding` is the server's end of the TLS connection, where there is one.
pub(super) async fn login(wire: &mut Wire, address: &PostgresAddress, binding: Option<Vec<u8>>, encrypted: bool) -> Result<Login, Fault> {
    let mut words = vec![("client_encoding", "UTF8"), ("user", address.user.as_str())];
    words.extend(address.database.as_deref().map(|database| ("database", database)));
    words.extend(address.options.as_deref().map(|options| ("options", options)));
    words.push(("application_name", address.application_name.as_deref().unwrap_or(APPLICATION)));
    frontend::startup_message(words, wire.output()).map_err(protocol)?;
    wire.flush().await?;
    authenticate(wire, address, binding, encrypted).await?;
    settled(wire).await
}

async fn authenticate(wire: &mut Wire, address: &PostgresAddress, binding: Option<Vec<u8>>, encrypted: bool) -> Result<(), Fault> {
    let password = || {
        let missing = || settings("the server asks for a password, and the connection has none", "write `password` or `password_file`");
        address.password.as_ref().map(|password| password.expose().as_bytes()).ok_or_else(missing)
    };
    let unbound = || match address.channel_binding {
        ChannelBinding::Require => Err(settings(
            "`channel_binding` is require, and this login cannot be bound to the TLS connection",
            if encrypted { "use scram-sha-256 at the server, or write channel_binding=prefer" } else { "speak TLS: write sslmode=require" },
        )),
        ChannelBinding::Disable | ChannelBinding::Prefer => Ok(()),
    };
    match answer(wire).await? {
        Message::AuthenticationOk => return unbound(),
        Message::AuthenticationCleartextPassword => {
            unbound()?;
            frontend::password_message(password()?, wire.output()).map_err(protocol)?;
        }
        Message::AuthenticationMd5Password(body) => {
            unbound()?;
            let hash = md5_hash(address.user.as_bytes(), password()?, body.salt());
            frontend::password_message(hash.as_bytes(), wire.output()).map_err(protocol)?;
        }
        Message::AuthenticationSasl(body) => {
            let Some((mechanism, binding)) = mechanism(&body, address.channel_binding, binding)? else {
                return Err(settings("the server offers no login that is known here", "use scram-sha-256, md5 or a client certificate"));
            };
            if mechanism != SCRAM_SHA_256_PLUS {
                unbound()?;
            }
            scram(wire, password()?, mechanism, binding).await?;
        }
        Message::AuthenticationGss | Message::AuthenticationSspi | Message::AuthenticationKerberosV5 => {
            return Err(settings(
                "the server asks for Kerberos, which is not spoken here",
                "use a role with scram-sha-256 or a client certificate",
            ));
        }
        _ => return Err(Fault::Protocol("it does not say how to log in".to_owned())),
    }
    wire.flush().await?;
    match answer(wire).await? {
        Message::AuthenticationOk => Ok(()),
        _ => Err(Fault::Protocol("it does not say whether the login is right".to_owned())),
    }
}

fn settings(message: &str, hint: &str) -> Fault {
    Fault::Settings { message: message.to_owned(), hint: hint.to_owned() }
}

async fn answer(wire: &mut Wire) -> Result<Message, Fault> {
    match wire.next().await? {
        Message::ErrorResponse(body) => Err(Fault::Server(ServerFault::read(&body)?)),
        message => Ok(message),
    }
}

/// The strongest mechanism of both sides, and what is said of the TLS connection in it (RFC 5802, section 6).
fn mechanism(
    body: &AuthenticationSaslBody,
    wanted: ChannelBinding,
    binding: Option<Vec<u8>>,
) -> Result<Option<(&'static str, sasl::ChannelBinding)>, Fault> {
    let (mut plain, mut plus) = (false, false);
    let mut offered = body.mechanisms();
    while let Some(name) = offered.next().map_err(protocol)? {
        plain |= name == SCRAM_SHA_256;
        plus |= name == SCRAM_SHA_256_PLUS;
    }
    let binding = binding.filter(|_| wanted != ChannelBinding::Disable);
    Ok(match (plus, plain, binding) {
        (true, _, Some(end_point)) => Some((SCRAM_SHA_256_PLUS, sasl::ChannelBinding::tls_server_end_point(end_point))),
        // We could, the server does not offer it: said, so that nobody in between can have taken the offer away.
        (false, true, Some(_)) => Some((SCRAM_SHA_256, sasl::ChannelBinding::unrequested())),
        (_, true, None) => Some((SCRAM_SHA_256, sasl::ChannelBinding::unsupported())),
        _ => None,
    })
}

async fn scram(wire: &mut Wire, password: &[u8], mechanism: &str, binding: sasl::ChannelBinding) -> Result<(), Fault> {
    let refused = |error: std::io::Error| {
        settings(
            &format!("the server could not prove that it knows the password: {error}"),
            "check the host, and the password of the connection",
        )
    };
    let mut scram = ScramSha256::new(password, binding);
    frontend::sasl_initial_response(mechanism, scram.message(), wire.output()).map_err(protocol)?;
    wire.flush().await?;
    let Message::AuthenticationSaslContinue(body) = answer(wire).await? else {
        return Err(Fault::Protocol("it breaks the login off".to_owned()));
    };
    scram.update(body.data()).map_err(refused)?;
    frontend::sasl_response(scram.message(), wire.output()).map_err(protocol)?;
    wire.flush().await?;
    let Message::AuthenticationSaslFinal(body) = answer(wire).await? else {
        return Err(Fault::Protocol("it breaks the login off".to_owned()));
    };
    scram.finish(body.data()).map_err(refused)
}

/// Reads what a server says of itself up to its readiness.
async fn settled(wire: &mut Wire) -> Result<Login, Fault> {
    let mut found = Login { key: CancelKey { process: 0, secret: 0 }, version: 0 };
    loop {
        match answer(wire).await? {
            Message::BackendKeyData(key) => found.key = CancelKey { process: key.process_id(), secret: key.secret_key() },
            Message::ParameterStatus(status) if status.name().is_ok_and(|name| name == "server_version") => {
                found.version = status.value().map_or(0, version);
            }
            Message::ReadyForQuery(_) => return Ok(found),
            _ => {}
        }
    }
}

/// `15.18 (Debian 15.18-0)` → 150000: the part before the point is the one that has features.
fn version(text: &str) -> u32 {
    let major = text.split(|c: char| !c.is_ascii_digit()).next().and_then(|major| major.parse::<u32>().ok());
    major.map_or(0, |major| major.saturating_mul(10_000))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn the_major_version_is_read_from_every_text() {
        for (text, expected) in [("15.18 (Debian 15.18-0)", 150_000), ("17beta1", 170_000), ("9.6.24", 90_000), ("", 0), ("unknown", 0)] {
            assert_eq!(version(text), expected, "{text}");
        }
    }
}
