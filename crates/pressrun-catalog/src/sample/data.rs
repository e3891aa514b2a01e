//! The sample's data: orders (Parquet), targets (CSV) and web traffic (JSON lines), the same bytes everywhere.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Decimal128Builder, Int32Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use jiff::ToSpan as _;
use jiff::civil::Date;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::random::Random;
use super::shop::{Calendar, Order, Shop};

/// Orders in the sample.
pub const ORDERS: u64 = 200_000;

const BATCH: usize = 8_192;
const SEED: u64 = 0x0050_5245_5353_5255;

/// Sample data could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The file system said no.
    #[error("could not write {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The rows could not be encoded.
    #[error("could not encode {}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ParquetError,
    },
    /// The rows could not be put together.
    #[error("could not build sample rows")]
    Rows(#[from] ArrowError),
}

/// Writes `orders.parquet`, `targets.csv` and `traffic.json` into `dir`, which is created. A file that exists stays as it is.
///
/// `progress` hears how many of how many orders are written. Each file appears whole, under its name, or not at all.
///
/// # Errors
/// [`SampleError`] names the file.
pub fn generate_data(dir: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<(), SampleError> {
    std::fs::create_dir_all(dir).map_err(|source| SampleError::Io { path: dir.to_owned(), source })?;
    let orders = dir.join("orders.parquet");
    if orders.exists() {
        progress(ORDERS, ORDERS);
    } else {
        generate_orders(&orders, ORDERS, progress)?;
    }
    for (name, content) in [("targets.csv", targets as fn() -> String), ("traffic.json", traffic)] {
        let path = dir.join(name);
        if !path.exists() {
            let content = content();
            whole(&path, |mut file| file.write_all(content.as_bytes()).map_err(|source| SampleError::Io { path: path.clone(), source }))?;
        }
    }
    Ok(())
}

/// Writes `count` orders over the three years as Parquet to `path`, replacing what is there.
///
/// # Errors
/// [`SampleError`] names the file.
pub fn generate_orders(path: &Path, count: u64, progress: &mut dyn FnMut(u64, u64)) -> Result<(), SampleError> {
    let failed = |source| SampleError::Parquet { path: path.to_owned(), source };
    whole(path, |file| {
        let schema = schema();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(64 * 1024))
            // The name and version of the writing library would make the bytes differ between builds.
            .set_created_by("pressrun".to_owned())
            .build();
        let mut writer = ArrowWriter::try_new(BufWriter::new(file), Arc::clone(&schema), Some(properties)).map_err(failed)?;
        let mut shop = Shop::new(Random::new(SEED));
        let mut rows = Rows::default();
        let mut id = 0;
        for (day, orders) in Calendar::new(count) {
            for order in shop.day(day, orders) {
                id += 1;
                rows.push(id, &order);
                if rows.len() == BATCH {
                    writer.write(&rows.take(&schema)?).map_err(failed)?;
                    progress(id as u64, count);
                }
            }
        }
        if rows.len() > 0 {
            writer.write(&rows.take(&schema)?).map_err(failed)?;
        }
        writer.into_inner().map_err(failed)?.flush().map_err(|source| SampleError::Io { path: path.to_owned(), source })?;
        progress(count, count);
        Ok(())
    })
}

/// Lets `fill` write a temporary file beside `path`, and renames it once it is complete.
fn whole(path: &Path, fill: impl FnOnce(File) -> Result<(), SampleError>) -> Result<(), SampleError> {
    let failed = |source| SampleError::Io { path: path.to_owned(), source };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let filled = File::create(&temporary).map_err(failed).and_then(fill);
    let finished = filled.and_then(|()| std::fs::rename(&temporary, path).map_err(failed));
    if finished.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    finished
}

fn schema() -> SchemaRef {
    let money = || DataType::Decimal128(12, 2);
    Arc::new(Schema::new(vec![
        Field::new("order_id", DataType::Int64, false),
        Field::new("ordered_at", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), false),
        Field::new("customer", DataType::Utf8, false),
        Field::new("country", DataType::Utf8, false),
        Field::new("region", DataType::Utf8, false),
        Field::new("category", DataType::Utf8, false),
        Field::new("product", DataType::Utf8, false),
        Field::new("channel", DataType::Utf8, false),
        Field::new("status", DataType::Utf8, false),
        Field::new("quantity", DataType::Int32, false),
        Field::new("price", money(), false),
        Field::new("cost", money(), false),
        Field::new("discount", money(), true),
        Field::new("refunded_amount", money(), true),
        Field::new("rating", DataType::Int32, true),
        Field::new("first_order", DataType::Boolean, false),
    ]))
}

#[derive(Default)]
struct Rows {
    count: usize,
    id: Int64Builder,
    ordered_at: TimestampMicrosecondBuilder,
    /// customer, country, region, category, product, channel, status.
    texts: [StringBuilder; 7],
    quantity: Int32Builder,
    /// price, cost, discount, refunded_amount.
    money: [Decimal128Builder; 4],
    rating: Int32Builder,
    is_first: BooleanBuilder,
}

impl Rows {
    fn len(&self) -> usize {
        self.count
    }

    fn push(&mut self, id: i64, order: &Order) {
        self.count += 1;
        self.id.append_value(id);
        self.ordered_at.append_value(order.second * 1_000_000);
        let texts = [order.customer.as_str(), order.country, order.region, order.category, order.product, order.channel, order.status];
        for (builder, text) in self.texts.iter_mut().zip(texts) {
            builder.append_value(text);
        }
        self.quantity.append_value(order.quantity);
        let money = [Some(order.price_cents), Some(order.cost_cents), order.discount_cents, order.refunded_cents];
        for (builder, cents) in self.money.iter_mut().zip(money) {
            builder.append_option(cents.map(i128::from));
        }
        self.rating.append_option(order.rating);
        self.is_first.append_value(order.is_first);
    }

    fn take(&mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        self.count = 0;
        let mut columns: Vec<ArrayRef> = vec![Arc::new(self.id.finish()), Arc::new(self.ordered_at.finish().with_timezone("UTC"))];
        columns.extend(self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns.push(Arc::new(self.quantity.finish()));
        for builder in &mut self.money {
            columns.push(Arc::new(builder.finish().with_precision_and_scale(12, 2)?));
        }
        columns.push(Arc::new(self.rating.finish()));
        columns.push(Arc::new(self.is_first.finish()));
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

/// Revenue targets by month and region.
fn targets() -> String {
    let mut random = Random::new(SEED ^ 1);
    let mut out = String::from("month,region,target\n");
    let mut month = Date::constant(2023, 12, 1);
    for at in 0..36_i32 {
        for (region, share) in [("US", 0.44), ("EU", 0.30), ("APAC", 0.17), ("LATAM", 0.09)] {
            let season = match month.month() {
                11 | 12 => 1.35,
                7 | 8 => 0.9,
                _ => 1.0,
            };
            let target = 560_000.0 * share * season * (1.0 + 0.024 * f64::from(at)) * (0.96 + 0.08 * random.unit());
            let _ = writeln!(out, "{month},{region},{}", (target / 500.0).round() * 500.0);
        }
        month = month.saturating_add(1.month());
    }
    out
}

/// Visits of the web shop by day and source, one JSON object a line.
fn traffic() -> String {
    let mut random = Random::new(SEED ^ 2);
    let mut out = String::new();
    for (at, (day, _)) in Calendar::new(0).enumerate() {
        for (source, share, conversion) in
            [("Search", 0.41, 0.021), ("Direct", 0.24, 0.034), ("Social", 0.16, 0.011), ("E-mail", 0.12, 0.046), ("Partners", 0.07, 0.027)]
        {
            let drift = if source == "Social" { 1.0 + at as f64 / 1_100.0 } else { 1.0 };
            let visits = 9_000.0 * share * drift * Calendar::weight(day, at) * (0.9 + 0.2 * random.unit());
            let signups = visits * conversion * (0.85 + 0.3 * random.unit());
            let bounced = visits * (0.34 + 0.12 * random.unit());
            let _ = writeln!(
                out,
                r#"{{"day":"{day}","source":"{source}","visits":{},"signups":{},"bounced":{}}}"#,
                visits.round(),
                signups.round(),
                bounced.round()
            );
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    #[test]
    fn equal_calls_write_equal_bytes_and_report_progress() {
        let dir = tempfile::tempdir().unwrap();
        let mut heard = Vec::new();
        let paths = [dir.path().join("a.parquet"), dir.path().join("b.parquet")];
        for path in &paths {
            generate_orders(path, 20_000, &mut |done, total| heard.push((done, total))).unwrap();
        }
        assert_eq!(std::fs::read(&paths[0]).unwrap(), std::fs::read(&paths[1]).unwrap());
        assert_eq!(heard.last(), Some(&(20_000, 20_000)));
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&paths[0]).unwrap()).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 20_000);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn small_files_cover_the_three_years() {
        assert_eq!(targets().lines().count(), 1 + 36 * 4);
        let traffic = traffic();
        assert_eq!(traffic.lines().count(), 1096 * 5);
        assert!(traffic.lines().next().unwrap().contains("2023-11-24"));
        assert!(traffic.lines().last().unwrap().contains("2026-11-23"));
        assert!(traffic.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    }
}
