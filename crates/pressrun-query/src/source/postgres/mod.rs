//! Servers that speak PostgreSQL's wire: the whole query is pushed down, its dialect untouched.
//!
//! One connection a query. It runs in a read-only transaction on one snapshot with the query zone as its `TimeZone` and a statement timeout,
//! parameters travel beside the SQL, and rows are fetched through a portal a batch at a time, so that a million rows stay
//! small here. When the future is dropped a cancel request is sent. What a read-only transaction still allows (functions
//! with effects of their own) is for the connection's role to forbid.
//!
//! `sslmode` is `prefer` unless the address says otherwise; whenever TLS is spoken the certificate is verified.
//!
//! `now()`, `current_date` and the like are the occurrence's instant (Q5): the server's clock cannot be set, so
//! [`pressrun_sql::compile`] replaces them by parameters before the SQL gets here. Clocks inside views and functions are the
//! server's own.

mod column;
mod decimal;
mod failure;
mod tls;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema};
use async_trait::async_trait;
use bytes::BytesMut;
use futures::{StreamExt, pin_mut};
use pressrun_sql::{CompiledQuery, Param};
use tokio_postgres::types::{Format, IsNull, ToSql, Type};
use tokio_postgres::{CancelToken, Config, IsolationLevel, Row, Statement, Transaction};

use self::column::{Column, Raw, is_native};
use self::decimal::Form;
use self::failure::{connection, explain};
use self::tls::Tls;
use super::{BatchSink, QueryStats, Shape, Source, goodbye};
use crate::error::{QueryError, QueryErrorKind};
use crate::limits::QueryLimits;

/// Rows fetched at a time.
const BATCH: i32 = 8192;

/// One database.
pub struct PostgresSource {
    url: String,
}

impl std::fmt::Debug for PostgresSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresSource([redacted])")
    }
}

impl PostgresSource {
    /// The database at `url`: `postgres://user:password@host:port/database`.
    #[must_use]
    pub fn new(url: String) -> Self {
        Self { url }
    }

    async fn answer(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError> {
        let (url, tls) = tls::address(&self.url)?;
        let mut config = Config::from_str(&url)
            .map_err(|_| QueryError::new(QueryErrorKind::Connection, "the connection's url is no postgres:// address"))?;
        config.application_name("pressrun").connect_timeout(Duration::from_secs(10));
        let (mut client, wire) = config.connect(tls.clone()).await.map_err(|error| connection(&error))?;
        let wire = AbortOnDrop(tokio::spawn(wire));
        let mut cancel = CancelOnDrop { token: Some((client.cancel_token(), tls)), wire };
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await
            .map_err(|error| explain(&error))?;
        for statement in query.dialect.session(&query.zone, limits.timeout_ms) {
            let values: Vec<&(dyn ToSql + Sync)> = statement.values.iter().map(|value| value as _).collect();
            transaction.execute(statement.sql, &values).await.map_err(|error| explain(&error))?;
        }
        let stats = fetch(&transaction, query, limits, sink).await;
        cancel.token = None;
        stats
    }
}

async fn fetch(
    transaction: &Transaction<'_>,
    query: &CompiledQuery,
    limits: &QueryLimits,
    sink: &mut dyn BatchSink,
) -> Result<QueryStats, QueryError> {
    let failed = |error: tokio_postgres::Error| explain(&error);
    let sql = query.sql.trim().trim_end_matches(';');
    let mut statement = transaction.prepare(sql).await.map_err(failed)?;
    let names: Vec<String> = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    if names.is_empty() {
        return Err(QueryError::new(QueryErrorKind::Denied, "a tile runs one SELECT and nothing else"));
    }
    if !statement.columns().iter().all(|column| is_native(column.type_())) {
        // The server knows how to write its own types.
        let list = |item: &dyn Fn(usize, &Type) -> String| {
            let items = statement.columns().iter().enumerate().map(|(at, column)| item(at, column.type_()));
            items.collect::<Vec<_>>().join(", ")
        };
        let shown = list(&|at, data_type| {
            if is_native(data_type) { format!("q.c{at}") } else { format!("q.c{at}::text") }
        });
        let wrapped = format!("select {shown} from ({sql}\n) as q({})", list(&|at, _| format!("c{at}")));
        statement = transaction.prepare(&wrapped).await.map_err(failed)?;
    }
    let mut forms: Vec<Option<Form>> = statement.columns().iter().map(|column| Form::declared(column.type_modifier())).collect();
    // Rows of one snapshot need one pass to learn their digits and one to tell them; a query that draws lots may need more.
    for _ in 0..3 {
        match pass(transaction, &statement, &names, &forms, query, limits, sink).await? {
            Pass::Done(stats) => return Ok(stats),
            Pass::Wider(found) => forms = found,
        }
    }
    Err(QueryError::new(QueryErrorKind::Value, "a numeric column has more digits each time it is read").hint("round it"))
}

/// What came of reading a result.
enum Pass {
    Done(QueryStats),
    /// A later value has more digits than its column: what the columns have to hold.
    Wider(Vec<Option<Form>>),
}

async fn pass(
    transaction: &Transaction<'_>,
    statement: &Statement,
    names: &[String],
    forms: &[Option<Form>],
    query: &CompiledQuery,
    limits: &QueryLimits,
    sink: &mut dyn BatchSink,
) -> Result<Pass, QueryError> {
    let failed = |error: tokio_postgres::Error| explain(&error);
    let params: Vec<Text> = query.params.iter().map(Text::from).collect();
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
    let portal = transaction.bind(statement, &params).await.map_err(failed)?;
    let typed = statement.columns().iter().zip(forms);
    let mut columns: Vec<Column> = typed.map(|(column, form)| Column::new(column.type_(), *form, &query.zone)).collect();
    let mut sink = Some(sink);
    let mut shape: Option<Shape<'_>> = None;
    let (mut read, mut misfit) = (0, false);
    loop {
        let rows = transaction.query_portal_raw(&portal, BATCH).await.map_err(failed)?;
        pin_mut!(rows);
        let mut count = 0_i32;
        while let Some(row) = rows.next().await {
            append(&mut columns, &row.map_err(failed)?)?;
            count += 1;
        }
        read += u64::from(count.unsigned_abs());
        misfit |= columns.iter_mut().filter_map(Column::decimals).any(|decimals| decimals.misfit());
        if misfit {
            // Nothing more is told; only what the numerics need is of interest.
            columns.iter_mut().for_each(Column::forget);
            if count < BATCH || read > query.limit {
                let found = columns.iter_mut().map(|column| column.decimals().map(|decimals| decimals.form()));
                return Ok(Pass::Wider(found.collect()));
            }
            continue;
        }
        let arrays = columns.iter_mut().map(Column::finish).collect::<Result<Vec<_>, _>>()?;
        let fields = names.iter().zip(&arrays).map(|(name, array)| Field::new(name, array.data_type().clone(), true));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        if let Some(sink) = sink.take() {
            shape = Some(Shape::new(&schema, &query.zone, query.limit, limits.result_bytes, sink)?);
        }
        let Some(shape) = &mut shape else { break };
        let batch = RecordBatch::try_new(schema, arrays).map_err(|error| QueryError::new(QueryErrorKind::Internal, error.to_string()))?;
        if !shape.push(&batch)? || count < BATCH {
            break;
        }
    }
    Ok(Pass::Done(shape.map(Shape::finish).unwrap_or_default()))
}

fn append(columns: &mut [Column], row: &Row) -> Result<(), QueryError> {
    for (at, column) in columns.iter_mut().enumerate() {
        let raw: Option<Raw<'_>> = row.try_get(at).map_err(|error| explain(&error))?;
        column.push(raw.map(|raw| raw.0))?;
    }
    Ok(())
}

#[async_trait]
impl Source for PostgresSource {
    async fn run(&self, query: &CompiledQuery, limits: &QueryLimits, sink: &mut dyn BatchSink) -> Result<QueryStats, QueryError> {
        // The server's own timeout comes first and says more; this one is for a server that has stopped answering.
        let deadline = Duration::from_millis(limits.timeout_ms) + Duration::from_secs(15);
        match tokio::time::timeout(deadline, self.answer(query, limits, sink)).await {
            Ok(result) => result,
            Err(_) => Err(QueryError::new(QueryErrorKind::Timeout, "the database stopped answering")),
        }
    }
}

/// Ends the connection's task with the query.
struct AbortOnDrop(tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Asks the server to stop when the query is given up; a closed connection alone it would notice only when it writes.
struct CancelOnDrop {
    token: Option<(CancelToken, Tls)>,
    #[expect(dead_code, reason = "dropped after the token was sent")]
    wire: AbortOnDrop,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some((token, tls)) = self.token.take() {
            goodbye::say(async move {
                if let Err(error) = token.cancel_query(tls).await {
                    tracing::debug!(error = &error as &dyn std::error::Error, "a query could not be cancelled");
                }
            });
        }
    }
}

/// A parameter in text form: the server reads it as whatever type the placeholder has.
#[derive(Debug)]
struct Text(String);

impl From<&Param> for Text {
    fn from(param: &Param) -> Self {
        Self(match param {
            Param::Text(text) => text.clone(),
            Param::Integer(number) => number.to_string(),
            Param::Decimal(number) => number.to_string(),
            Param::Boolean(flag) => flag.to_string(),
            Param::Instant(at) => at.to_string(),
            Param::Date(day) => day.to_string(),
            Param::Texts(texts) => array(texts),
            Param::Integers(numbers) => array(numbers),
            Param::Decimals(numbers) => array(numbers),
            Param::Instants(instants) => array(instants),
        })
    }
}

/// An array in text form, each element in quotes.
fn array<T: ToString>(values: &[T]) -> String {
    let mut text = String::from("{");
    for (at, value) in values.iter().enumerate() {
        text.push_str(if at == 0 { "\"" } else { ",\"" });
        for c in value.to_string().chars() {
            if matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
    }
    text.push('}');
    text
}

impl ToSql for Text {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        self.to_sql(ty, out)
    }
}

#[cfg(test)]
mod tests;
