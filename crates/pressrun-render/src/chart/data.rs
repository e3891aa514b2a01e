//! From record batches to series of 64-bit floats over common places.

use std::collections::HashMap;

use arrow_array::{Array as _, RecordBatch};
use indexmap::IndexMap;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

use super::ChartInput;
use super::error::ChartError;
use super::scale::time;
use crate::format::{FieldFormat, Kind, Value};

/// Values beyond this are drawn as if they were this: sums of them must stay finite.
const LARGEST: f64 = 1e290;

/// One column of the result.
pub(crate) struct Column<'a> {
    batches: &'a [RecordBatch],
    index: usize,
    name: String,
    pub(crate) format: FieldFormat,
}

impl<'a> Column<'a> {
    /// The column of this name, if the result has rows at all.
    pub(crate) fn find(input: &ChartInput<'a>, name: &str) -> Result<Self, ChartError> {
        let unknown = |available: Vec<String>| ChartError::UnknownColumn { name: name.to_owned(), available };
        let schema = input.batches.first().map(RecordBatch::schema).ok_or_else(|| unknown(Vec::new()))?;
        let Ok(index) = schema.index_of(name) else {
            return Err(unknown(schema.fields().iter().map(|field| field.name().clone()).collect()));
        };
        let default = pressrun_domain::catalog::FieldSpec::default();
        let spec = input.fields.get(name).unwrap_or(&default);
        let format = FieldFormat::parse(spec, schema.field(index).data_type(), name, input.zone);
        Ok(Self { batches: input.batches, index, name: name.to_owned(), format })
    }

    /// Cells in row order.
    pub(crate) fn values(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let index = self.index;
        self.batches
            .iter()
            .filter_map(move |batch| batch.columns().get(index))
            .flat_map(|column| (0..column.len()).map(|row| Value::at(column.as_ref(), row)))
    }

    /// Whether every cell is a number, or text that is one.
    pub(crate) fn is_numeric(&self) -> bool {
        match self.format.kind {
            Kind::Number | Kind::Duration | Kind::Bool => true,
            Kind::Text => {
                let mut any = false;
                for value in self.values() {
                    match value {
                        Value::Null => {}
                        Value::Text(_) if value.as_f64().is_some() => any = true,
                        _ => return false,
                    }
                }
                any
            }
            Kind::Date | Kind::Moment | Kind::TimeOfDay => false,
        }
    }

    /// Cells as floats; what is not a finite number is `None`.
    pub(crate) fn numbers(&self, channel: &'static str) -> Result<Vec<Option<f64>>, ChartError> {
        if !self.is_numeric() && self.values().any(|value| !value.is_null()) {
            return Err(ChartError::NotANumber { column: self.name.clone(), channel });
        }
        Ok(self.values().map(|value| value.as_f64().map(|n| n.clamp(-LARGEST, LARGEST))).collect())
    }

    /// Cells as names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.values().map(|value| name_of(&self.format, &value)).collect()
    }

    /// The zone in which moments of this column become wall times: the query zone for instants, none for wall times.
    pub(crate) fn zone(&self) -> TimeZone {
        let instants = self.values().find(|value| !value.is_null()).is_some_and(|value| matches!(value, Value::Instant(_)));
        if instants { self.format.zone.clone() } else { TimeZone::UTC }
    }
}

/// A cell as the name of a category or series.
fn name_of(format: &FieldFormat, value: &Value<'_>) -> String {
    match value {
        Value::Null => "(none)".to_owned(),
        value => {
            let name = format.display(value);
            if name.trim().is_empty() { "(empty)".to_owned() } else { name }
        }
    }
}

/// Seconds since 1970 of a temporal value; wall times as if in UTC.
fn moment(value: &Value<'_>) -> Option<f64> {
    let wall: DateTime = match value {
        Value::Instant(at) => return Some(at.as_microsecond() as f64 / 1e6),
        Value::Date(date) => date.to_datetime(Time::midnight()),
        Value::DateTime(at) => *at,
        _ => return None,
    };
    time::seconds(wall, &TimeZone::UTC)
}

/// What an axis of places is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaceKind {
    /// Names, in order of appearance.
    Category,
    /// Numbers, rising.
    Number,
    /// Seconds since 1970, rising.
    Time,
}

/// The distinct values of the channel that spreads marks out.
pub(crate) struct Places {
    pub(crate) kind: PlaceKind,
    pub(crate) labels: Vec<String>,
    /// Numbers or seconds; the index for categories.
    pub(crate) at: Vec<f64>,
    pub(crate) format: FieldFormat,
    pub(crate) zone: TimeZone,
    /// The place of each row; `None` for rows without one.
    pub(crate) of_row: Vec<Option<usize>>,
}

impl Places {
    /// Reads the column; numbers are places of their own only when `numbers` says so, else names.
    pub(crate) fn read(column: &Column<'_>, numbers: bool) -> Self {
        let kind = match column.format.kind {
            kind if kind.is_temporal() => PlaceKind::Time,
            Kind::Number | Kind::Duration if numbers => PlaceKind::Number,
            _ => PlaceKind::Category,
        };
        let zone = column.zone();
        let mut places = Self { kind, labels: Vec::new(), at: Vec::new(), format: column.format.clone(), zone, of_row: Vec::new() };
        let mut seen: HashMap<(u64, String), usize> = HashMap::new();
        for value in column.values() {
            let at = match kind {
                PlaceKind::Category => Some(0.0),
                PlaceKind::Number => value.as_f64().map(|n| n.clamp(-LARGEST, LARGEST) + 0.0),
                PlaceKind::Time => moment(&value),
            };
            let Some(at) = at else {
                places.of_row.push(None);
                continue;
            };
            let label = name_of(&column.format, &value);
            let key = if kind == PlaceKind::Category { (0, label.clone()) } else { (at.to_bits(), String::new()) };
            let index = *seen.entry(key).or_insert_with(|| {
                places.at.push(if kind == PlaceKind::Category { places.labels.len() as f64 } else { at });
                places.labels.push(label);
                places.labels.len() - 1
            });
            places.of_row.push(Some(index));
        }
        if kind != PlaceKind::Category {
            places.sort();
        }
        if kind == PlaceKind::Time && !column.format.is_explicit() {
            let walls: Vec<DateTime> = places.at.iter().map(|at| time::wall(*at, &places.zone)).collect();
            let unit = time::granularity(&walls);
            places.labels = walls.into_iter().map(|wall| time::full_label(wall, unit)).collect();
        }
        places
    }

    fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.at.len()).collect();
        order.sort_by(|a, b| self.at[*a].total_cmp(&self.at[*b]));
        let mut rank = vec![0; order.len()];
        for (to, from) in order.iter().enumerate() {
            rank[*from] = to;
        }
        self.at = order.iter().map(|i| self.at[*i]).collect();
        self.labels = order.iter().map(|i| std::mem::take(&mut self.labels[*i])).collect();
        for place in self.of_row.iter_mut().flatten() {
            *place = rank[*place];
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.at.len()
    }
}

/// One series over the places.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// Index into the palette; `None` is drawn in the colour of "Other".
    pub(crate) color: Option<usize>,
    /// One value a place.
    pub(crate) values: Vec<Option<f64>>,
}

/// What becomes of series beyond the most that get a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Added up into one series.
    Sum,
    /// Kept apart and drawn grey, as many as this.
    Grey(usize),
}

/// Series over common places.
pub(crate) struct Table {
    pub(crate) places: Places,
    pub(crate) series: Vec<Series>,
    pub(crate) format: FieldFormat,
    pub(crate) notes: Vec<String>,
}

impl Table {
    /// Pivots the rows: `place` spreads out, `values` and `color` make the series; rows of one place and series add up.
    pub(crate) fn read(input: &ChartInput<'_>, place: &str, values: &[&str], numbers: bool, rest: Rest) -> Result<Self, ChartError> {
        let places = Places::read(&Column::find(input, place)?, numbers);
        let colors = match &input.chart.color {
            Some(name) => Some(Column::find(input, name)?.names()),
            None => None,
        };
        let mut cells: IndexMap<(usize, String), HashMap<usize, f64>> = IndexMap::new();
        let mut formats = Vec::new();
        let (mut placeless, mut added) = (0usize, false);
        for (nth, name) in values.iter().enumerate() {
            let column = Column::find(input, name)?;
            for (row, number) in column.numbers("y")?.into_iter().enumerate() {
                let Some(place) = places.of_row.get(row).copied().flatten() else {
                    placeless += usize::from(nth == 0);
                    continue;
                };
                let name = match &colors {
                    Some(names) if values.len() > 1 => format!("{} · {}", names[row], column.format.label),
                    Some(names) => names[row].clone(),
                    None => column.format.label.clone(),
                };
                let series = cells.entry((if colors.is_some() && values.len() == 1 { 0 } else { nth }, name)).or_default();
                if let Some(number) = number {
                    added |= series.contains_key(&place);
                    let sum = series.entry(place).or_insert(0.0);
                    *sum = (*sum + number).clamp(-LARGEST, LARGEST);
                }
            }
            formats.push(column.format);
        }
        let mut table = Self {
            series: Vec::new(),
            format: formats.into_iter().next().ok_or(ChartError::MissingChannel { mark: "value", channel: "y" })?,
            notes: Vec::new(),
            places,
        };
        if placeless > 0 {
            table.notes.push(format!("{} without {} not drawn", count(placeless, "row"), table.places.format.label));
        }
        if added {
            table.notes.push(format!("Rows with the same {} were added up", table.places.format.label));
        }
        table.keep(cells, usize::from(input.chart.max_series.max(1)), rest);
        Ok(table)
    }

    /// Keeps the largest series in colour, in order of appearance, and does with the rest as told.
    fn keep(&mut self, cells: IndexMap<(usize, String), HashMap<usize, f64>>, most: usize, rest: Rest) {
        let places = self.places.len();
        let dense = |values: &HashMap<usize, f64>| -> Vec<Option<f64>> { (0..places).map(|place| values.get(&place).copied()).collect() };
        // Sums in order of place: floats added in another order end in other digits.
        let size = |values: &HashMap<usize, f64>| -> f64 { (0..places).filter_map(|place| values.get(&place)).map(|v| v.abs()).sum() };
        let mut ranking: Vec<(usize, f64)> = cells.values().map(size).enumerate().collect();
        ranking.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let mut kept: Vec<usize> = ranking.iter().take(most).map(|(index, _)| *index).collect();
        kept.sort_unstable();
        for (color, index) in kept.iter().enumerate() {
            if let Some(((_, name), values)) = cells.get_index(*index) {
                self.series.push(Series { name: name.clone(), color: Some(color), values: dense(values) });
            }
        }
        let others: Vec<usize> = ranking.iter().skip(most).map(|(index, _)| *index).collect();
        if others.is_empty() {
            return;
        }
        match rest {
            Rest::Sum => {
                let mut sums: Vec<Option<f64>> = vec![None; places];
                for (_, values) in others.iter().filter_map(|index| cells.get_index(*index)) {
                    for (place, sum) in sums.iter_mut().enumerate() {
                        if let Some(value) = values.get(&place) {
                            *sum = Some((sum.unwrap_or(0.0) + value).clamp(-LARGEST, LARGEST));
                        }
                    }
                }
                self.series.push(Series { name: "Other".to_owned(), color: None, values: sums });
                self.notes.push(format!("{} shown as Other", count(others.len(), "series")));
            }
            Rest::Grey(most) => {
                for (_, values) in others.iter().take(most).filter_map(|index| cells.get_index(*index)) {
                    self.series.push(Series { name: "Other".to_owned(), color: None, values: dense(values) });
                }
                self.notes.push(format!("{} shown in grey as Other", count(others.len().min(most), "series")));
                if others.len() > most {
                    self.notes.push(format!("{} not drawn", count(others.len() - most, "series")));
                }
            }
        }
    }

    /// Whether there is nothing to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.values.iter().all(Option::is_none))
    }

    /// Least and greatest of all values.
    pub(crate) fn range(&self) -> (f64, f64) {
        range(self.series.iter().flat_map(|series| series.values.iter().flatten().copied()))
    }

    /// Removes what a log axis cannot show and says how much that was.
    pub(crate) fn drop_not_positive(&mut self) {
        let mut dropped = 0;
        for value in self.series.iter_mut().flat_map(|series| &mut series.values) {
            if value.is_some_and(|v| v <= 0.0) {
                *value = None;
                dropped += 1;
            }
        }
        if dropped > 0 {
            self.notes.push(format!("{} ≤ 0 not drawn on a log axis", count(dropped, "value")));
        }
    }
}

/// Least and greatest; 0 and 0 of nothing.
pub(crate) fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    values
        .into_iter()
        .fold(None, |range: Option<(f64, f64)>, v| Some(range.map_or((v, v), |(l, h)| (l.min(v), h.max(v)))))
        .unwrap_or((0.0, 0.0))
}

/// `1 row`, `3 rows`, `12 series`.
pub(crate) fn count(count: usize, noun: &str) -> String {
    let number = pressrun_domain::text::grouped(count as u64);
    if count == 1 || noun.ends_with('s') { format!("{number} {noun}") } else { format!("{number} {noun}s") }
}
