//! One session at a server, and one query at a time in it.

use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::{DataRowBody, Message};
use postgres_protocol::message::frontend;
use pressrun_domain::postgres::PostgresAddress;
use pressrun_sql::{CompiledQuery, Param};

use super::failure::{Fault, ServerFault, protocol};
use super::parameter;
use super::wire::{Canceller, Connected, Wire, connect};
use crate::limits::QueryLimits;

/// Rows of one snapshot, and none changed. What a read-only transaction still allows is for the connection's role to forbid.
const BEGIN: &str = "begin isolation level repeatable read read only";

/// From this version on the server looks now and then whether its client is still there.
const CHECKS_CLIENTS: u32 = 140_000;
const CHECK_CLIENT: &str = "select set_config('client_connection_check_interval', $1, true)";
/// How long a query goes on for nobody.
const CHECK_EVERY: &str = "2s";

/// What a rollback leaves: locks that a function took for the session.
const END: &str = "rollback; select pg_catalog.pg_advisory_unlock_all()";

/// A column of the answer, as the server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) name: String,
    /// The type's object id; of a domain, that of what it is made of.
    pub(super) type_id: u32,
    /// What was declared behind the type's name, such as a numeric's digits; -1 for nothing.
    pub(super) modifier: i32,
}

/// A session that is free or runs one query.
pub(super) struct Session {
    wire: Wire,
    canceller: Canceller,
    /// Whether the server looks whether its client is still there.
    checks_clients: bool,
}

impl Session {
    pub(super) async fn open(address: &PostgresAddress) -> Result<Self, Fault> {
        let Connected { wire, canceller, version } = connect(address).await?;
        Ok(Self { wire, canceller, checks_clients: version >= CHECKS_CLIENTS })
    }

    /// Whether nothing happened to it while nobody looked.
    pub(super) fn is_usable(&mut self) -> bool {
        self.wire.is_quiet()
    }

    /// Opens the transaction and asks which columns `query` has, in one exchange. Nothing is prepared under a name: a pooler that hands a
    /// server's session to another client after each transaction would hand the name over as well.
    pub(super) async fn describe(&mut self, query: &CompiledQuery, limits: &QueryLimits) -> Result<Vec<Described>, Fault> {
        self.wire.allow(row_bytes(limits));
        let mut statements = vec![(BEGIN, Vec::new())];
        statements.extend(query.dialect.session(&query.zone, limits.timeout_ms).into_iter().map(|said| (said.sql, said.values)));
        let checked_at = statements.len();
        if self.checks_clients {
            statements.push((CHECK_CLIENT, vec![CHECK_EVERY.to_owned()]));
        }
        for (sql, values) in &statements {
            self.say(sql, values)?;
        }
        let output = self.wire.output();
        frontend::parse("", &query.sql, [], output).map_err(protocol)?;
        frontend::describe(b'S', "", output).map_err(protocol)?;
        frontend::sync(output);
        self.wire.flush().await?;
        let (done, answer) = self.description().await?;
        match answer {
            // Some systems cannot look; the server tells by refusing.
            Err(Fault::Server(_)) if self.checks_clients && done == checked_at => {
                self.checks_clients = false;
                self.wire.command("rollback").await?;
                Box::pin(self.describe(query, limits)).await
            }
            answer => answer,
        }
    }

    /// How many statements were completed, and the columns of what was asked for, up to the server's readiness.
    async fn description(&mut self) -> Result<(usize, Result<Vec<Described>, Fault>), Fault> {
        let (mut done, mut answer) = (0, Ok(Vec::new()));
        loop {
            let message = match self.wire.next().await {
                Ok(message) => message,
                // What the server said before it closed says more.
                Err(Fault::Io(_)) if answer.is_err() => return Ok((done, answer)),
                Err(fault) => return Err(fault),
            };
            match message {
                Message::CommandComplete(_) => done += 1,
                Message::RowDescription(body) => {
                    let fields = body.fields().map(|field| {
                        Ok(Described { name: field.name().to_owned(), type_id: field.type_oid(), modifier: field.type_modifier() })
                    });
                    answer = Ok(fields.collect().map_err(protocol)?);
                }
                Message::ErrorResponse(body) => answer = Err(Fault::Server(ServerFault::read(&body)?)),
                Message::ReadyForQuery(_) => return Ok((done, answer)),
                _ => {}
            }
        }
    }

    /// Runs what was described, each column in text or, where `binary` says so, in binary form. Without a number of rows: with one the server
    /// starts no parallel workers.
    pub(super) async fn execute(&mut self, params: &[Param], binary: &[bool]) -> Result<(), Fault> {
        let output = self.wire.output();
        bind(params.iter().map(parameter::text), binary, output)?;
        frontend::execute("", 0, output).map_err(protocol)?;
        frontend::sync(output);
        self.wire.flush().await
    }

    /// The next row of what runs; `None` when it has ended.
    pub(super) async fn row(&mut self) -> Result<Option<DataRowBody>, Fault> {
        let mut failed = None;
        loop {
            let message = match (self.wire.next().await, &failed) {
                (Ok(message), _) => message,
                (Err(Fault::Io(_)), Some(_)) => return failed.map_or(Ok(None), Err),
                (Err(fault), _) => return Err(fault),
            };
            match message {
                Message::DataRow(row) => return Ok(Some(row)),
                Message::ErrorResponse(body) => failed = Some(Fault::Server(ServerFault::read(&body)?)),
                Message::CopyInResponse(_) | Message::CopyOutResponse(_) => {
                    return Err(Fault::Protocol("it copies instead of answering".to_owned()));
                }
                Message::ReadyForQuery(_) => return failed.map_or(Ok(None), Err),
                _ => {}
            }
        }
    }

    /// Asks for one value in binary form, within the transaction. What was described has to be described again.
    pub(super) async fn value(&mut self, sql: &str) -> Result<Vec<u8>, Fault> {
        let output = self.wire.output();
        frontend::parse("", sql, [], output).map_err(protocol)?;
        bind([].into_iter(), &[true], output)?;
        frontend::execute("", 0, output).map_err(protocol)?;
        frontend::sync(output);
        self.wire.flush().await?;
        let mut value = Vec::new();
        while let Some(row) = self.row().await? {
            let range = row.ranges().next().map_err(protocol)?.flatten();
            value = range.and_then(|range| row.buffer().get(range)).unwrap_or_default().to_vec();
        }
        Ok(value)
    }

    /// Parses `sql` again as what [`Session::execute`] runs.
    pub(super) async fn parse(&mut self, sql: &str) -> Result<(), Fault> {
        let output = self.wire.output();
        frontend::parse("", sql, [], output).map_err(protocol)?;
        frontend::sync(output);
        self.wire.flush().await?;
        self.wire.ready().await
    }

    fn say(&mut self, sql: &str, values: &[String]) -> Result<(), Fault> {
        let output = self.wire.output();
        frontend::parse("", sql, [], output).map_err(protocol)?;
        bind(values.iter().cloned(), &[], output)?;
        frontend::execute("", 0, output).map_err(protocol)
    }

    /// Ends the transaction, whatever became of it; the session is as it was before.
    pub(super) async fn end(&mut self) -> Result<(), Fault> {
        self.wire.command(END).await
    }

    /// Ends the session, in which no transaction is open.
    pub(super) async fn hang_up(self) {
        self.wire.close().await;
    }

    /// Stops what runs and ends the session. A request that was meant for this query must never meet another one, so the session is not used
    /// again.
    pub(super) async fn stop(mut self) {
        if self.wire.is_answering() {
            self.canceller.cancel().await;
            // The query's own end, by the request or before it came.
            match self.wire.ready().await {
                Ok(()) | Err(Fault::Server(_)) => {}
                Err(_) => return,
            }
        }
        if self.wire.command("rollback").await.is_ok() {
            self.wire.close().await;
        }
    }
}

/// Bytes that one row may have: it is held three times on its way to the result's file.
fn row_bytes(limits: &QueryLimits) -> u64 {
    (limits.memory_bytes / 4).max(1 << 20)
}

fn bind(values: impl Iterator<Item = String>, binary: &[bool], output: &mut BytesMut) -> Result<(), Fault> {
    let write = |value: String, output: &mut BytesMut| {
        output.extend_from_slice(value.as_bytes());
        Ok(IsNull::No)
    };
    // No formats of parameters: all of them are text, which the server reads as whatever type the placeholder has.
    let formats = binary.iter().map(|binary| i16::from(*binary));
    frontend::bind("", "", [], values, write, formats, output).map_err(|error| match error {
        frontend::BindError::Conversion(error) => Fault::Protocol(error.to_string()),
        frontend::BindError::Serialization(error) => protocol(error),
    })
}
