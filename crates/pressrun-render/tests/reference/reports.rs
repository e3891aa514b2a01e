//! Made-up dashboards with every kind of tile: what the reference outputs, the contact sheet and the benchmark show.

use std::sync::Arc;

use arrow_array::{ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use indexmap::IndexMap;
use pressrun_domain::catalog::{FieldSpec, GridPosition};
use pressrun_domain::chart::{Chart, Compare, Mark, Stack};
use pressrun_domain::output::{Format, OutputOptions};
use pressrun_render::{FilterLine, Page, RenderJob, RenderLimits, Report, Rows, ThemeName, TileContent, TileData, TileView, Truncated};

const REGIONS: [&str; 4] = ["Americas", "Europe", "Asia Pacific", "Middle East"];

/// How many rows the table of a dashboard has, and which of the endlessly many such dashboards it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) rows: usize,
    pub(crate) seed: usize,
}

pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<_> = columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect()).unwrap()
}

/// A repeatable number from 0 to 1.
fn noise(seed: usize) -> f64 {
    let mut x = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 31;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 29;
    (x % 10_000) as f64 / 10_000.0
}

fn months(seed: usize) -> RecordBatch {
    let (mut month, mut region, mut revenue) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..12_usize {
        for (which, name) in REGIONS.iter().enumerate() {
            // First days of the months of 2025.
            month.push(20_089 + [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][index]);
            region.push(*name);
            revenue.push((300_000.0 - 60_000.0 * which as f64) * (1.0 + 0.05 * index as f64 + 0.3 * noise(index * 7 + which + seed)));
        }
    }
    batch(vec![
        ("month", Arc::new(Date32Array::from(month))),
        ("region", Arc::new(StringArray::from(region))),
        ("revenue", Arc::new(Float64Array::from(revenue))),
    ])
}

fn orders(Size { rows: count, seed }: Size) -> RecordBatch {
    let names = [
        "Blob Ross",
        "Blobby Hill",
        "Zoë Müller-Lüdenscheidt",
        "Łukasz Wiśniewski",
        "Ana María Fernández de la Vega",
        "Γιώργος Παπαδόπουλος",
    ];
    let products = [
        "Canvas, 40 × 60 cm",
        "Oil paint set",
        "Brush no. 12",
        "Happy little tree stencil with a rather long name that has to wrap",
        "Easel",
    ];
    let status = ["shipped", "open", "returned", "cancelled"];
    let pick = |all: &[&str], salt: usize| -> ArrayRef {
        Arc::new(StringArray::from_iter_values((0..count).map(|row| all[(noise(row * 31 + salt + seed) * all.len() as f64) as usize])))
    };
    batch(vec![
        ("order_id", Arc::new(Int64Array::from_iter_values((0..count).map(|row| 100_000 + row as i64)))),
        ("ordered_at", Arc::new(Date32Array::from_iter_values((0..count).map(|row| 20_500 - (row / 9) as i32)))),
        ("customer", pick(&names, 1)),
        ("product", pick(&products, 2)),
        ("status", pick(&status, 3)),
        ("quantity", Arc::new(Int64Array::from_iter_values((0..count).map(|row| 1 + (noise(row + seed) * 20.0) as i64)))),
        ("price", Arc::new(Float64Array::from_iter_values((0..count).map(|row| (noise(row + 5 + seed) * 90_000.0).round() / 100.0)))),
        ("margin", Arc::new(Float64Array::from_iter_values((0..count).map(|row| noise(row + 9 + seed) * 0.6 - 0.15)))),
    ])
}

pub(crate) fn field(label: Option<&str>, format: Option<&str>) -> FieldSpec {
    FieldSpec { label: label.map(str::to_owned), format: format.map(str::to_owned), ..FieldSpec::default() }
}

fn fields() -> IndexMap<String, FieldSpec> {
    [
        ("month", field(None, Some("MMM yyyy"))),
        ("revenue", field(Some("Revenue"), Some("$#,##0"))),
        ("price", field(Some("Price"), Some("$#,##0.00"))),
        ("margin", field(Some("Margin"), Some("0.0%"))),
        ("ordered_at", field(Some("Ordered"), Some("yyyy-MM-dd"))),
        ("order_id", field(Some("Order"), None)),
        ("rate", field(Some("Return rate"), Some("0.0%"))),
    ]
    .into_iter()
    .map(|(name, spec)| (name.to_owned(), spec))
    .collect()
}

pub(crate) fn data(batch: RecordBatch, chart: Chart) -> TileContent {
    TileContent::Data(TileData { rows: Rows::Batches(vec![batch]), fields: fields(), chart, truncated: None })
}

pub(crate) fn tile(key: &str, title: &str, subtitle: Option<&str>, (x, y, w, h): (u16, u16, u16, u16), content: TileContent) -> TileView {
    TileView {
        key: key.to_owned(),
        title: title.to_owned(),
        subtitle: subtitle.map(str::to_owned),
        at: GridPosition { x, y, w, h },
        content,
    }
}

fn xy(mark: Mark, x: &str, y: &str) -> Chart {
    Chart { x: Some(x.to_owned()), y: vec![y.to_owned()], ..Chart::new(mark) }
}

fn kpi(value: &str) -> Chart {
    Chart { value: Some(value.to_owned()), compare: Some(Compare::Previous), ..Chart::new(Mark::Kpi) }
}

fn totals(column: &str, numbers: Vec<f64>) -> RecordBatch {
    let months: Vec<i32> = (0..numbers.len() as i32).map(|month| 20_089 + 30 * month).collect();
    batch(vec![("month", Arc::new(Date32Array::from(months))), (column, Arc::new(Float64Array::from(numbers)))])
}

/// The dashboard as a job without options.
pub(crate) fn job(format: Format, size: Size) -> RenderJob {
    let seed = size.seed;
    let series = |scale: f64, salt: usize| {
        (0..12).map(|month| scale * (1.0 + 0.04 * f64::from(month) + 0.2 * noise(month as usize * 3 + salt + seed))).collect()
    };
    let mut stacked = xy(Mark::Bar, "month", "revenue");
    (stacked.color, stacked.stack) = (Some("region".to_owned()), Stack::Zero);
    let mut lines = xy(Mark::Line, "month", "revenue");
    lines.color = Some("region".to_owned());
    let mut pie = Chart { x: Some("region".to_owned()), y: vec!["revenue".to_owned()], inner_radius: 60, ..Chart::new(Mark::Pie) };
    pie.max_series = 8;
    let shares = batch(vec![
        ("region", Arc::new(StringArray::from(REGIONS.to_vec()))),
        ("revenue", Arc::new(Float64Array::from(vec![4.2e6, 3.1e6, 2.2e6, 0.8e6]))),
    ]);
    let table = Chart { totals: true, bars: vec!["quantity".to_owned()], heat: vec!["margin".to_owned()], ..Chart::new(Mark::Table) };
    let note = "Revenue is **net of returns**; figures for {{filters.region.summary}} as of {{metadata.lastRanAt}}. The newest order is \
                **{{queries.orders._first.order_id}}**.\n\n- *Americas* leads since January\n- see the [data dictionary](https://example.com/dictionary)\n\n> Happy little accidents \
                are returned within 30 days.\n\n<script>alert(1)</script>![tracker](https://example.com/pixel.png)";
    let mut long = data(orders(size), table);
    if let TileContent::Data(data) = &mut long {
        data.truncated = Some(Truncated { limit: size.rows as u64 });
    }
    let spark = |value: &str| Chart { sparkline: Some(value.to_owned()), ..kpi(value) };
    let tiles = vec![
        tile("revenue", "Revenue", None, (0, 0, 6, 4), data(totals("revenue", series(1.1e6, 1)), spark("revenue"))),
        tile("orders-count", "Orders", None, (6, 0, 6, 4), data(totals("orders", series(4_200.0, 2)), kpi("orders"))),
        tile(
            "rate",
            "Return rate",
            None,
            (12, 0, 6, 4),
            data(totals("rate", series(0.031, 5)), Chart { lower_is_better: true, ..kpi("rate") }),
        ),
        tile("empty", "Refunds today", None, (18, 0, 6, 4), data(totals("refunds", Vec::new()), kpi("refunds"))),
        tile("by-month", "Revenue by month and region", Some("Net of returns, in US dollars"), (0, 4, 16, 9), data(months(seed), stacked)),
        tile("share", "Share of regions", None, (16, 4, 8, 9), data(shares, pie)),
        tile("trend", "Trend", None, (0, 13, 12, 8), data(months(seed), lines)),
        tile("note", "Reading this page", None, (12, 13, 12, 8), TileContent::Markdown(note.to_owned())),
        tile("orders", "Latest orders", Some("Every line of every order"), (0, 21, 24, 12), long),
        tile(
            "bad",
            "Inventory",
            None,
            (0, 33, 12, 5),
            TileContent::Failed { message: "column \"stock_level\" does not exist in table inventory; did you mean \"stock\"?".to_owned() },
        ),
        tile("small", "Smallest orders", None, (12, 33, 12, 5), data(orders(Size { rows: 3, seed }), Chart::new(Mark::Table))),
    ];
    RenderJob {
        report: Report {
            title: "Orders and revenue".to_owned(),
            description: Some("How the shop did: orders, revenue and returns by region.".to_owned()),
            language: "en".to_owned(),
            zone: "America/New_York".to_owned(),
            as_of: "2026-03-02T14:00:00Z".parse().unwrap(),
            filters: [
                ("Region", "is Americas, Europe, Asia Pacific, Middle East", "region"),
                ("Status", "is not cancelled", "status"),
                ("Period", "past 6 months", "period"),
            ]
            .into_iter()
            .map(|(label, value, key)| FilterLine { label: label.to_owned(), value: value.to_owned(), key: key.to_owned() })
            .collect(),
            link: Some("https://bi.example.com/dashboards/12db1a0a".to_owned()),
            pages: vec![Page { name: None, tiles }],
            notes: vec!["Revenue fell below its target of $1.5M in February.".to_owned()],
            theme: ThemeName::Light,
        },
        format,
        options: OutputOptions::default(),
        single_tile: false,
        limits: RenderLimits::default(),
        fonts: Vec::new(),
        file_stem: "orders".to_owned(),
        imprint: Some("Blob Inc. · Weekly orders".to_owned()),
    }
}
