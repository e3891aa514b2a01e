//! The cases of the sheet.

use arrow_array::{ArrayRef, RecordBatch};
use indexmap::IndexMap;
use pressrun_domain::catalog::FieldSpec;
use pressrun_domain::chart::{Chart, Compare, Mark, Orient, Scale, Stack};
use pressrun_render::chart::Size;

use crate::chart_data::{dates, gappy, instants, integers, months, noise, numbers, texts};

/// One chart of the sheet.
pub(crate) struct Case {
    pub(crate) title: &'static str,
    pub(crate) chart: Chart,
    pub(crate) batches: Vec<RecordBatch>,
    pub(crate) fields: IndexMap<String, FieldSpec>,
    pub(crate) size: Size,
}

impl Case {
    pub(crate) fn new(title: &'static str, mark: Mark, columns: Vec<(&'static str, ArrayRef)>) -> Self {
        let batches = RecordBatch::try_from_iter(columns).into_iter().collect();
        let size = Size { width: 272.0, height: 186.0 };
        Self { title, chart: Chart::new(mark), batches, fields: IndexMap::new(), size }
    }

    pub(crate) fn with(mut self, set: impl FnOnce(&mut Chart)) -> Self {
        set(&mut self.chart);
        self
    }

    pub(crate) fn xy(self, x: &str, y: &[&str]) -> Self {
        self.with(|chart| {
            chart.x = Some(x.to_owned());
            chart.y = y.iter().map(|y| (*y).to_owned()).collect();
        })
    }

    pub(crate) fn color(self, color: &str) -> Self {
        self.with(|chart| chart.color = Some(color.to_owned()))
    }

    pub(crate) fn format(mut self, name: &str, label: &str, format: &str) -> Self {
        let format = (!format.is_empty()).then(|| format.to_owned());
        self.fields.insert(name.to_owned(), FieldSpec { label: Some(label.to_owned()), format, ..FieldSpec::default() });
        self
    }

    pub(crate) fn sized(mut self, width: f64, height: f64) -> Self {
        self.size = Size { width, height };
        self
    }
}

pub(crate) const REGIONS: [&str; 4] = ["EMEA", "Americas", "APAC", "LATAM"];

/// Month × region rows of revenue.
pub(crate) fn revenue(month_count: i32, regions: &[&str]) -> Vec<(&'static str, ArrayRef)> {
    let rows: Vec<(i32, usize)> = months(month_count).into_iter().flat_map(|day| (0..regions.len()).map(move |r| (day, r))).collect();
    let value =
        |(i, (_, r)): (usize, &(i32, usize))| 240_000.0 / (*r as f64 + 1.0) * (1.0 + i as f64 / 130.0) * (0.8 + 0.4 * noise(i as u64 + 7));
    vec![
        ("month", dates(rows.iter().map(|(day, _)| *day))),
        ("region", texts(rows.iter().map(|(_, r)| regions[*r]))),
        ("revenue", numbers(rows.iter().enumerate().map(value))),
    ]
}

pub(crate) fn categories() -> Vec<(&'static str, ArrayRef)> {
    vec![
        ("category", texts(["Outerwear", "Jeans", "Sweaters", "Suits", "Swim", "Dresses", "Shorts"])),
        ("orders", integers([48_210, 41_950, 30_122, 22_870, 18_004, 12_930, 9_411])),
    ]
}

/// All cases in order.
pub(crate) fn cases() -> Vec<Case> {
    let mut all = kpis();
    all.extend(bars());
    all.extend(lines());
    all.extend(areas_and_points());
    all.extend(pies_and_heatmaps());
    all.extend(odd());
    all.extend(crate::chart_guides::cases());
    all
}

fn kpis() -> Vec<Case> {
    let trend = |seed: u64, base: f64| numbers((0..24).map(move |i| base * (0.7 + f64::from(i) / 60.0 + 0.15 * noise(seed + i as u64))));
    vec![
        Case::new("KPI, previous period and sparkline", Mark::Kpi, vec![("month", dates(months(24))), ("revenue", trend(1, 1_284_302.0))])
            .format("revenue", "Revenue", "$#,##0")
            .with(|chart| {
                chart.value = Some("revenue".to_owned());
                chart.x = Some("month".to_owned());
                chart.compare = Some(Compare::Previous);
                chart.sparkline = Some("revenue".to_owned());
            })
            .sized(272.0, 130.0),
        Case::new("KPI, lower is better", Mark::Kpi, vec![("latency", numbers([184.0])), ("target", numbers([150.0]))])
            .format("latency", "p95 latency", "0 \"ms\"")
            .format("target", "target", "0 \"ms\"")
            .with(|chart| {
                chart.value = Some("latency".to_owned());
                chart.compare = Some(Compare::Column("target".to_owned()));
                chart.lower_is_better = true;
            })
            .sized(272.0, 70.0),
        Case::new("KPI, flat tile", Mark::Kpi, vec![("rate", trend(5, 0.041))])
            .format("rate", "Conversion", "0.00%")
            .with(|chart| {
                chart.value = Some("rate".to_owned());
                chart.compare = Some(Compare::Previous);
                chart.sparkline = Some("rate".to_owned());
            })
            .sized(272.0, 58.0),
    ]
}

fn bars() -> Vec<Case> {
    vec![
        Case::new("Bars over categories", Mark::Bar, categories()).xy("category", &["orders"]),
        Case::new("Stacked bars over months", Mark::Bar, revenue(12, &REGIONS))
            .xy("month", &["revenue"])
            .color("region")
            .format("revenue", "Revenue", "$#,##0")
            .format("month", "Month", "MMM yyyy")
            .with(|chart| chart.stack = Stack::Zero),
        Case::new("Colour repeats the category", Mark::Bar, categories()).xy("category", &["orders"]).color("category"),
        Case::new("Grouped bars", Mark::Bar, revenue(3, &REGIONS))
            .xy("region", &["revenue"])
            .color("month")
            .format("revenue", "Revenue", "€#,##0")
            .format("month", "Month", "MMM yyyy"),
        Case::new("100 % bars", Mark::Bar, revenue(9, &REGIONS))
            .xy("month", &["revenue"])
            .color("region")
            .with(|chart| chart.stack = Stack::Normalize),
        Case::new("Horizontal bars by type", Mark::Bar, categories()).xy("orders", &["category"]),
        Case::new("Horizontal, stacked", Mark::Bar, revenue(4, &REGIONS))
            .xy("region", &["revenue"])
            .color("month")
            .format("month", "Month", "MMM yyyy")
            .format("revenue", "Revenue", "$#,##0")
            .with(|chart| {
                chart.orient = Some(Orient::Horizontal);
                chart.stack = Stack::Zero;
            }),
        Case::new(
            "Negative values",
            Mark::Bar,
            vec![("month", dates(months(12))), ("net", numbers((0..12).map(|i| (noise(i + 3) - 0.45) * 90_000.0)))],
        )
        .xy("month", &["net"])
        .format("net", "Net cash flow", "$#,##0"),
        Case::new(
            "Horizontal, both signs",
            Mark::Bar,
            vec![
                ("team", texts(["North", "South", "East", "West", "Online", "Partner"])),
                ("delta", numbers([0.12, -0.08, 0.31, -0.22, 0.05, 0.18])),
            ],
        )
        .xy("delta", &["team"])
        .format("delta", "Change", "0%"),
        Case::new(
            "A missing month stays a gap",
            Mark::Bar,
            vec![
                ("month", dates(months(12).into_iter().enumerate().filter(|(i, _)| !matches!(i, 3 | 4 | 8)).map(|(_, d)| d))),
                ("orders", integers([820, 930, 1010, 990, 1200, 1150, 1290, 1340, 1500])),
            ],
        )
        .xy("month", &["orders"]),
        Case::new(
            "Two measures, long names",
            Mark::Bar,
            vec![
                ("segment", texts(["Enterprise accounts", "Mid-market accounts", "Small business", "Public sector and education"])),
                ("won", integers([420, 610, 1310, 240])),
                ("lost", integers([180, 420, 990, 90])),
            ],
        )
        .xy("segment", &["won", "lost"]),
        Case::new(
            "90 days",
            Mark::Bar,
            vec![
                ("day", dates((0..90).map(|d| 19_700 + d))),
                ("orders", integers((0..90u64).map(|d| (400.0 + 300.0 * noise(d) + if d % 7 > 4 { 300.0 } else { 0.0 }) as i64))),
            ],
        )
        .xy("day", &["orders"]),
        Case::new(
            "40 long categories, turned",
            Mark::Bar,
            vec![
                ("product", texts((0..40).map(|i| format!("Product line number {i}")))),
                ("units", integers((0..40u64).map(|i| (9000.0 / (1.0 + i as f64 * 0.3)) as i64))),
            ],
        )
        .xy("product", &["units"]),
        Case::new(
            "Log scale",
            Mark::Bar,
            vec![
                ("tier", texts(["Free", "Team", "Business", "Enterprise", "None"])),
                ("users", integers([1_240_000, 84_000, 5_100, 320, 0])),
            ],
        )
        .xy("tier", &["users"])
        .with(|chart| chart.scale = Scale::Log),
    ]
}

fn lines() -> Vec<Case> {
    let day = 86_400;
    vec![
        Case::new("Lines named at their ends", Mark::Line, revenue(18, &REGIONS[..3]))
            .xy("month", &["revenue"])
            .color("region")
            .format("revenue", "Revenue", "$#,##0"),
        Case::new(
            "One line with points",
            Mark::Line,
            vec![("month", dates(months(12))), ("rate", numbers((0..12).map(|i| 0.9 + 0.06 * noise(i))))],
        )
        .xy("month", &["rate"])
        .format("rate", "On-time rate", "0.0%")
        .with(|chart| chart.point = true),
        Case::new(
            "Eight lines, legend",
            Mark::Line,
            revenue(24, &["Books", "Garden", "Toys", "Sports and outdoors", "Beauty", "Groceries", "Electronics", "Music"]),
        )
        .xy("month", &["revenue"])
        .color("region"),
        Case::new(
            "5,000 points",
            Mark::Line,
            vec![
                ("at", instants((0..5000).map(|i| 1_704_067_200 + i * 600))),
                (
                    "load",
                    numbers((0..5000u64).map(|i| {
                        40.0 + 25.0 * (i as f64 / 144.0 * std::f64::consts::TAU).sin()
                            + 12.0 * noise(i)
                            + if i == 2718 { 60.0 } else { 0.0 }
                    })),
                ),
            ],
        )
        .xy("at", &["load"]),
        Case::new("40 series", Mark::Line, {
            let rows: Vec<(i32, i32)> = (0..40).flat_map(|s| (0..30).map(move |d| (s, d))).collect();
            vec![
                ("day", dates(rows.iter().map(|(_, d)| 19_800 + d))),
                ("host", texts(rows.iter().map(|(s, _)| format!("host-{s:02}")))),
                ("cpu", numbers(rows.iter().map(|(s, d)| 20.0 + f64::from(*s % 9) * 6.0 + 14.0 * noise((s * 100 + d) as u64)))),
            ]
        })
        .xy("day", &["cpu"])
        .color("host")
        .with(|chart| chart.max_series = 5),
        Case::new(
            "Gaps, hours over the change of the clock",
            Mark::Line,
            vec![
                ("at", instants((0..48).map(|h| 1_709_960_400 + h * 3600))),
                ("calls", gappy((0..48u64).map(|h| if (14..20).contains(&h) || h == 30 { None } else { Some(100.0 + 60.0 * noise(h)) }))),
            ],
        )
        .xy("at", &["calls"]),
        Case::new("One point", Mark::Line, vec![("day", dates([19_800])), ("orders", integers([42]))]).xy("day", &["orders"]),
        Case::new(
            "Numbers on x, far from zero",
            Mark::Line,
            vec![
                ("distance", numbers((0..60).map(|i| f64::from(i) * 2.5))),
                ("price", numbers((0..60u64).map(|i| 1002.0 + 9.0 * noise(i) + i as f64 * 0.2))),
            ],
        )
        .xy("distance", &["price"]),
        Case::new(
            "Decades",
            Mark::Line,
            vec![
                ("year", instants((0..64).map(|y| (y - 6) * 31_556_952 + 40 * day))),
                ("population", numbers((0..64).map(|y| 3.0e9 * 1.0162f64.powi(y)))),
            ],
        )
        .xy("year", &["population"])
        .format("year", "Year", "yyyy"),
        Case::new(
            "Seconds",
            Mark::Line,
            vec![("at", instants((0..48).map(|s| 1_704_120_000 + s))), ("requests", numbers((0..48).map(|s| 800.0 + 300.0 * noise(s))))],
        )
        .xy("at", &["requests"]),
        Case::new(
            "Centuries",
            Mark::Line,
            vec![
                ("year", instants((0..40).map(|c| (c * 50 - 1_969) * 31_556_952))),
                ("population", numbers((0..40).map(|c| 1.7e8 * 1.0016f64.powi(c * 50)))),
            ],
        )
        .xy("year", &["population"])
        .format("population", "Population", "#,##0")
        .with(|chart| chart.scale = Scale::Log),
        Case::new("Log lines", Mark::Line, revenue(12, &REGIONS[..2]))
            .xy("month", &["revenue"])
            .color("region")
            .with(|chart| chart.scale = Scale::Log),
    ]
}

fn areas_and_points() -> Vec<Case> {
    let cloud = |count: u64| {
        let x: Vec<f64> = (0..count).map(|i| (noise(i) + noise(i + 9_000_000) + noise(i + 77)) * 33.0).collect();
        let y: Vec<f64> = x
            .iter()
            .enumerate()
            .map(|(i, x)| {
                x * 900.0 + (noise(i as u64 + 555) + noise(i as u64 * 3 + 1) + noise(i as u64 * 7 + 2) - 1.5) * 30_000.0 + 30_000.0
            })
            .collect();
        (x, y)
    };
    let (small, large) = (cloud(90), cloud(5000));
    vec![
        Case::new(
            "Area",
            Mark::Area,
            vec![
                ("day", dates((0..120).map(|d| 19_700 + d))),
                ("visits", integers((0..120u64).map(|d| (9000.0 + 4000.0 * noise(d) + d as f64 * 60.0) as i64))),
            ],
        )
        .xy("day", &["visits"]),
        Case::new("Stacked areas", Mark::Area, revenue(24, &REGIONS))
            .xy("month", &["revenue"])
            .color("region")
            .format("revenue", "Revenue", "$#,##0")
            .with(|chart| chart.stack = Stack::Zero),
        Case::new("100 % areas, 12 series", Mark::Area, revenue(18, &["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"]))
            .xy("month", &["revenue"])
            .color("region")
            .with(|chart| {
                chart.stack = Stack::Normalize;
                chart.max_series = 6;
            }),
        Case::new(
            "Points with size and colour",
            Mark::Point,
            vec![
                ("age", numbers(small.0.iter().copied())),
                ("spend", numbers(small.1.iter().copied())),
                ("plan", texts((0..90).map(|i| ["Free", "Team", "Business"][i % 3]))),
                ("seats", numbers((0..90u64).map(|i| 1.0 + 60.0 * noise(i + 31).powi(3)))),
            ],
        )
        .xy("age", &["spend"])
        .color("plan")
        .format("spend", "Spend", "$#,##0")
        .format("age", "Account age in months", "")
        .with(|chart| chart.size = Some("seats".to_owned())),
        Case::new(
            "5,000 points, coloured by a number",
            Mark::Point,
            vec![
                ("age", numbers(large.0.iter().copied())),
                ("spend", numbers(large.1.iter().copied())),
                ("score", numbers(large.1.iter().map(|y| y / 1000.0))),
            ],
        )
        .xy("age", &["spend"])
        .color("score"),
    ]
}

fn pies_and_heatmaps() -> Vec<Case> {
    let hours: Vec<(usize, usize)> = (0..7).flat_map(|d| (0..24).map(move |h| (d, h))).collect();
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    vec![
        Case::new("Pie with names", Mark::Pie, categories()).xy("category", &["orders"]).with(|chart| chart.max_series = 5),
        Case::new("Donut", Mark::Pie, revenue(1, &REGIONS))
            .xy("region", &["revenue"])
            .format("revenue", "Revenue", "$#,##0")
            .with(|chart| chart.inner_radius = 62),
        Case::new("Small donut, list", Mark::Pie, categories())
            .xy("category", &["orders"])
            .with(|chart| chart.inner_radius = 60)
            .sized(170.0, 90.0),
        Case::new(
            "Heatmap",
            Mark::Heatmap,
            vec![
                ("hour", integers(hours.iter().map(|(_, h)| *h as i64))),
                ("weekday", texts(hours.iter().map(|(d, _)| days[*d]))),
                (
                    "orders",
                    numbers(hours.iter().map(|(d, h)| {
                        400.0
                            * (1.0 - ((*h as f64 - 14.0) / 11.0).powi(2)).max(0.04)
                            * if *d > 4 { 0.5 } else { 1.0 }
                            * (0.7 + 0.5 * noise((d * 24 + h) as u64))
                    })),
                ),
            ],
        )
        .xy("hour", &["weekday"])
        .color("orders"),
        Case::new(
            "Heatmap with values, both signs",
            Mark::Heatmap,
            vec![
                ("quarter", texts((0..20).map(|i| ["Q1", "Q2", "Q3", "Q4"][i % 4]))),
                ("team", texts((0..20).map(|i| ["North", "South", "East", "West", "Online"][i / 4]))),
                ("growth", numbers((0..20u64).map(|i| noise(i * 3 + 2) * 0.8 - 0.32))),
            ],
        )
        .xy("quarter", &["team"])
        .color("growth")
        .format("growth", "Growth", "0%"),
    ]
}

fn odd() -> Vec<Case> {
    vec![
        Case::new("Nulls only", Mark::Bar, vec![("month", dates(months(3))), ("revenue", gappy([None, None, None]))])
            .xy("month", &["revenue"]),
        Case::new(
            "Hostile, emoji, CJK and RTL names",
            Mark::Bar,
            vec![
                (
                    "name",
                    texts([
                        "</text><script>alert(1)</script>",
                        "東京 Tokyo",
                        "Café ☕ 🚀",
                        "مرحبا بالعالم",
                        "Zürich & Söhne",
                        "bell\u{7}\u{202e}txt",
                    ]),
                ),
                ("value", integers([5, 4, 3, 6, 2, 3])),
            ],
        )
        .xy("value", &["name"]),
        Case::new("One bar", Mark::Bar, vec![("region", texts(["EMEA"])), ("revenue", numbers([1_234_567.0]))])
            .xy("region", &["revenue"])
            .format("revenue", "Revenue", "$#,##0"),
        Case::new("All zero", Mark::Bar, vec![("region", texts(["EMEA", "APAC", "LATAM"])), ("orders", integers([0, 0, 0]))])
            .xy("region", &["orders"]),
        Case::new("Tiny tile", Mark::Line, revenue(12, &REGIONS[..2])).xy("month", &["revenue"]).color("region").sized(90.0, 50.0),
        Case::new(
            "Very small and very large",
            Mark::Line,
            vec![("n", numbers((0..20).map(f64::from))), ("v", numbers((0..20).map(|i| 3e-7 * f64::from(i * i))))],
        )
        .xy("n", &["v"]),
    ]
}
