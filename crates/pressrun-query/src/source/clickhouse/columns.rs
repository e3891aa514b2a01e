//! Columns that ClickHouse's Arrow writer makes something else of.

use std::collections::HashSet;

use super::request::Described;
use crate::error::{QueryError, QueryErrorKind};

/// What becomes of a column on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It arrives as what it is.
    AsIs,
    /// It is made an instant of.
    Instant,
    /// It is written as text by the server.
    Text,
    /// It is text of a decimal number, of which this side makes one again.
    Integer,
}

/// Whether the column holds whole numbers of more than 64 bits: they come as text, for the writer sends their bytes.
pub(super) fn is_wide(column: &Described) -> bool {
    way(&column.kind) == Way::Integer
}

/// `sql` with the columns around which something has to be put.
///
/// # Errors
/// Such a column has no name of its own.
pub(super) fn wrapped(sql: &str, columns: &[Described]) -> Result<String, QueryError> {
    if columns.is_empty() {
        return Err(QueryError::new(QueryErrorKind::Denied, "a tile runs one SELECT and nothing else"));
    }
    if columns.iter().all(|column| way(&column.kind) == Way::AsIs) {
        return Ok(sql.to_owned());
    }
    let mut names = HashSet::new();
    if let Some(twice) = columns.iter().find(|column| !names.insert(column.name.as_str())) {
        let message = format!("two columns are called `{}`", twice.name);
        return Err(QueryError::new(QueryErrorKind::Unsupported, message).hint("give each column a name of its own with `as`"));
    }
    let list: Vec<_> = columns.iter().map(chosen).collect();
    Ok(format!("select {} from (\n{sql}\n)", list.join(", ")))
}

fn chosen(column: &Described) -> String {
    let name = quoted(&column.name);
    match way(&column.kind) {
        Way::AsIs => name,
        Way::Instant => format!("toDateTime64({name}, 0{}) as {name}", zone(&column.kind)),
        Way::Text | Way::Integer => format!("toString({name}) as {name}"),
    }
}

/// The zone of an instant that has one of its own, as an argument.
fn zone(kind: &str) -> String {
    bare(kind).strip_prefix("DateTime(").and_then(|rest| rest.strip_suffix(')')).map_or_else(String::new, |zone| format!(", {zone}"))
}

/// A name as the server quotes it.
fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// The type without what says that it may be null or is kept by a dictionary.
fn bare(kind: &str) -> &str {
    for around in ["Nullable(", "LowCardinality("] {
        if let Some(inner) = kind.strip_prefix(around).and_then(|rest| rest.strip_suffix(')')) {
            return bare(inner);
        }
    }
    kind
}

fn way(kind: &str) -> Way {
    const WIDE: [&str; 4] = ["Int128", "UInt128", "Int256", "UInt256"];
    let kind = bare(kind);
    // `Enum8('a' = 1)`: what stands between the parentheses is no type.
    let name = kind.split('(').next().unwrap_or(kind);
    match name {
        _ if WIDE.contains(&kind) => Way::Integer,
        "DateTime" => Way::Instant,
        "Bool" | "Int8" | "Int16" | "Int32" | "Int64" | "UInt8" | "UInt16" | "UInt32" | "UInt64" | "Float32" | "Float64" | "BFloat16"
        | "Decimal" | "Decimal32" | "Decimal64" | "Decimal128" | "Decimal256" | "String" | "Date" | "Date32" | "DateTime64" => Way::AsIs,
        // A list of what arrives as it is does so too; of anything else the server writes the text.
        "Array" => match kind.strip_prefix("Array(").and_then(|rest| rest.strip_suffix(')')) {
            Some(item) if way(item) == Way::AsIs => Way::AsIs,
            _ => Way::Text,
        },
        _ => Way::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, kind: &str) -> Described {
        Described { name: name.to_owned(), kind: kind.to_owned() }
    }

    #[test]
    fn types_that_arrow_would_change_are_wrapped() {
        for (kind, expected) in [
            ("Int64", "`c`"),
            ("Nullable(Decimal(10, 2))", "`c`"),
            ("LowCardinality(Nullable(String))", "`c`"),
            ("Array(Array(Int8))", "`c`"),
            ("DateTime64(3, 'UTC')", "`c`"),
            ("DateTime", "toDateTime64(`c`, 0) as `c`"),
            ("Nullable(DateTime('Asia/Tokyo'))", "toDateTime64(`c`, 0, 'Asia/Tokyo') as `c`"),
            ("Array(DateTime)", "toString(`c`) as `c`"),
            ("Enum8('a' = 1, 'b)' = 2)", "toString(`c`) as `c`"),
            ("UInt256", "toString(`c`) as `c`"),
            ("IPv4", "toString(`c`) as `c`"),
            ("Map(String, UInt8)", "toString(`c`) as `c`"),
        ] {
            assert_eq!(chosen(&column("c", kind)), expected, "{kind}");
        }
        assert_eq!(quoted("a`b\\"), "`a\\`b\\\\`");
        assert_eq!(wrapped("select 1", &[column("1", "UInt8")]).as_deref(), Ok("select 1"));
        let twice = wrapped("q", &[column("a", "IPv4"), column("a", "IPv4")]).expect_err("two of a name");
        assert_eq!(twice.kind, QueryErrorKind::Unsupported);
    }
}
