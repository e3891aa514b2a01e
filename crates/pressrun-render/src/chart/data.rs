//! From record batches to series of 64-bit floats over common places.

use std::collections::HashMap;

use arrow_array::{Array as _, RecordBatch};
use indexmap::IndexMap;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

use pressrun_domain::catalog::Aggregate;

use pressrun_domain::chart::{Mark, Side};

use super::ChartInput;
use super::colors::Ink;
use super::error::ChartError;
use super::fold::Fold;
use super::order;
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

    /// A note on the numbers that are none: NaN and infinities cannot be drawn.
    pub(crate) fn not_finite(&self) -> Option<String> {
        let wrong = |value: &Value<'_>| matches!(value, Value::Float(number) if !number.is_finite());
        if self.format.kind != Kind::Number {
            return None;
        }
        let missing = self.values().filter(wrong).count();
        (missing > 0).then(|| format!("{} of {} not drawn: not a finite number", count(missing, "value"), self.format.label))
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
    /// The last one stands for all that are not among the largest.
    pub(crate) ends_in_others: bool,
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
        let mut places = Self {
            kind,
            labels: Vec::new(),
            at: Vec::new(),
            format: column.format.clone(),
            zone,
            of_row: Vec::new(),
            ends_in_others: false,
        };
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
    /// Its colour; `None` is drawn grey.
    pub(crate) ink: Option<Ink>,
    /// One value a place.
    pub(crate) values: Vec<Option<f64>>,
    /// Measured on the axis on the right.
    pub(crate) right: bool,
    /// The mark of a layer; `None` is that of the chart.
    pub(crate) layer: Option<Mark>,
    /// Points are marked on its line.
    pub(crate) point: bool,
}

impl Series {
    /// A series without a colour.
    fn other(name: String, values: Vec<Option<f64>>) -> Self {
        Self { name, ink: None, values, right: false, layer: None, point: false }
    }

    /// What it is as large as.
    pub(crate) fn size(&self) -> f64 {
        self.values.iter().flatten().map(|value| value.abs()).sum()
    }
}

/// What becomes of series beyond the most that get a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    /// One series of them all, if their values may be put together at all; else as `Drop`.
    Merge,
    /// Kept apart and drawn grey, as many as this.
    Grey(usize),
    /// Left out: one bar of them all beside bars of single ones would be no like among likes.
    Drop,
}

/// Series over common places.
pub(crate) struct Table {
    pub(crate) places: Places,
    pub(crate) series: Vec<Series>,
    /// Of the axis on the left.
    pub(crate) format: FieldFormat,
    /// Of the axis on the right, where measures have two units.
    pub(crate) right: Option<FieldFormat>,
    /// Series are the values of a column, so that the name of the measure is not among theirs.
    pub(crate) parted: bool,
    pub(crate) notes: Vec<String>,
}

/// Values by series and place, before the largest are chosen.
pub(crate) type Cells = IndexMap<(usize, String), HashMap<usize, Fold>>;

/// What is known of the measures of a chart.
pub(crate) struct Measures<'a> {
    columns: Vec<Column<'a>>,
    /// How many are drawn by the chart's own mark; the others are layers.
    pub(crate) base: usize,
    right: Vec<bool>,
    /// Several rows came to one value.
    merged: Vec<bool>,
}

impl<'a> Measures<'a> {
    fn find(input: &ChartInput<'a>, base: &[&str]) -> Result<Self, ChartError> {
        let layers = &input.chart.layers;
        let names = base.iter().copied().chain(layers.iter().map(|layer| layer.y.as_str()));
        let columns = names.map(|name| Column::find(input, name)).collect::<Result<Vec<_>, _>>()?;
        let told = std::iter::repeat_n(None, base.len()).chain(layers.iter().map(|layer| layer.side));
        let right = sides(&columns, told)?;
        Ok(Self { merged: vec![false; columns.len()], base: base.len(), right, columns })
    }

    /// What several values of a measure come to. A count is one of rows only where there are several in a place: else the column is
    /// counted already.
    pub(crate) fn aggregate(&self, nth: usize) -> Aggregate {
        let aggregate = self.columns.get(nth).map_or(Aggregate::Sum, |column| column.format.aggregate());
        let merged = self.merged.get(nth).copied().unwrap_or(false);
        if aggregate == Aggregate::Count && !merged { Aggregate::Sum } else { aggregate }
    }
}

impl Table {
    /// Pivots the rows: `place` spreads out, `values` and `color` make the series, and so do the layers; rows of one place and series
    /// become one.
    pub(crate) fn read(input: &ChartInput<'_>, place: &str, values: &[&str], numbers: bool, rest: Rest) -> Result<Self, ChartError> {
        let mut places = Places::read(&Column::find(input, place)?, numbers && !order::of_names(input.chart));
        let colors = match &input.chart.color {
            Some(name) => Some(Column::find(input, name)?.names()),
            None => None,
        };
        let mut measures = Measures::find(input, values)?;
        let mut cells = Cells::new();
        let mut placeless = 0usize;
        let mut notes = Vec::new();
        for (nth, column) in measures.columns.iter().enumerate() {
            notes.extend(column.not_finite());
            // Layers are measures of the whole place, whatever the colours part.
            let colors = colors.as_ref().filter(|_| nth < measures.base);
            for (row, number) in column.numbers("y")?.into_iter().enumerate() {
                let Some(place) = places.of_row.get(row).copied().flatten() else {
                    placeless += usize::from(nth == 0);
                    continue;
                };
                let name = match colors {
                    Some(names) if measures.base > 1 => format!("{} · {}", names[row], column.format.label),
                    Some(names) => names[row].clone(),
                    None => column.format.label.clone(),
                };
                let series = cells.entry((nth, name)).or_default();
                if let (Some(number), Some(merged)) = (number, measures.merged.get_mut(nth)) {
                    series.entry(place).and_modify(|_| *merged = true).or_default().add(number);
                }
            }
        }
        if placeless > 0 {
            notes.push(format!("{} without {} not drawn", count(placeless, "row"), places.format.label));
        }
        for (nth, column) in measures.columns.iter().enumerate().filter(|(nth, _)| measures.merged.get(*nth) == Some(&true)) {
            let aggregate = column.format.aggregate();
            if nth < measures.base || colors.is_none() || aggregate == Aggregate::None {
                notes.push(merged_note(&column.format.label, &places.format.label, aggregate));
            }
        }
        order::apply(input.chart, &mut places, &mut cells, &measures, &mut notes)?;
        let formats = || measures.columns.iter().zip(&measures.right);
        let mut table = Self {
            series: Vec::new(),
            format: formats()
                .next()
                .map(|(column, _)| column.format.clone())
                .ok_or(ChartError::MissingChannel { mark: "value", channel: "y" })?,
            right: formats().find(|(_, right)| **right).map(|(column, _)| column.format.clone()),
            parted: colors.is_some(),
            notes,
            places,
        };
        table.keep(input, &cells, &measures, rest);
        table.note_magnitudes();
        Ok(table)
    }

    /// Keeps the largest series in colour, in order of appearance, and does with the rest as told; layers are always kept.
    fn keep(&mut self, input: &ChartInput<'_>, cells: &Cells, measures: &Measures<'_>, rest: Rest) {
        let places = self.places.len();
        let most = usize::from(input.chart.max_series.max(1));
        let dense = |nth: usize, values: &HashMap<usize, Fold>| -> Vec<Option<f64>> {
            (0..places).map(|place| values.get(&place).and_then(|fold| fold.value(measures.aggregate(nth)))).collect()
        };
        let series = |((nth, name), values): (&(usize, String), &HashMap<usize, Fold>)| {
            let layer = nth.checked_sub(measures.base).and_then(|layer| input.chart.layers.get(layer));
            Series {
                name: name.clone(),
                ink: None,
                values: dense(*nth, values),
                // Only measures of their own have an axis of their own.
                right: (!self.parted || layer.is_some()) && measures.right.get(*nth).copied().unwrap_or(false),
                layer: layer.map(|layer| layer.mark),
                point: layer.map_or(input.chart.point, |layer| layer.point),
            }
        };
        let (mut all, mut layers): (Vec<Series>, Vec<Series>) = cells.iter().map(series).partition(|series| series.layer.is_none());
        // Sums in order of place: floats added in another order end in other digits.
        let mut ranking: Vec<(usize, f64)> = all.iter().map(Series::size).enumerate().collect();
        ranking.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| all[a.0].name.cmp(&all[b.0].name)).then(a.0.cmp(&b.0)));
        let mut kept: Vec<usize> = ranking.iter().take(most).map(|(index, _)| *index).collect();
        kept.sort_unstable();
        let column = if measures.base == 1 { input.chart.color.as_deref() } else { None };
        let inks = input.colors.inks(column, kept.iter().map(|index| all[*index].name.as_str()));
        let mut free = (0..).filter(|slot| !inks.iter().any(|ink| ink.slot() == *slot));
        for layer in &mut layers {
            layer.ink = free.next().map(Ink::Slot);
        }
        let others: Vec<usize> = ranking.iter().skip(most).map(|(index, _)| *index).collect();
        for (index, ink) in kept.iter().zip(&inks) {
            let mut series = std::mem::replace(&mut all[*index], Series::other(String::new(), Vec::new()));
            series.ink = Some(*ink);
            self.series.push(series);
        }
        if !others.is_empty() {
            self.keep_rest(&others, all, cells, measures, rest);
        }
        self.series.extend(layers);
    }

    /// What becomes of the series that got no colour.
    fn keep_rest(&mut self, others: &[usize], mut all: Vec<Series>, cells: &Cells, measures: &Measures<'_>, rest: Rest) {
        let aggregate = measures.aggregate(0);
        match rest {
            Rest::Merge if measures.base == 1 && aggregate != Aggregate::None => {
                let mut folds: Vec<Fold> = vec![Fold::default(); self.places.len()];
                // Cells of the base come before those of layers, as all series do.
                for (_, values) in others.iter().filter_map(|index| cells.get_index(*index)) {
                    for (place, fold) in folds.iter_mut().enumerate() {
                        if let Some(value) = values.get(&place) {
                            fold.join(value);
                        }
                    }
                }
                let name = format!("All other ({})", others.len());
                let values = folds.iter().map(|fold| fold.value(aggregate)).collect();
                self.notes.push(format!("{} shown as {name}{}", count(others.len(), "series"), by(aggregate)));
                self.series.push(Series::other(name, values));
            }
            Rest::Merge | Rest::Drop => {
                let names: Vec<&str> = others.iter().map(|index| all[*index].name.as_str()).collect();
                self.notes.push(format!("The smallest {} not drawn: {}", count(others.len(), "series"), listed(&names)));
            }
            Rest::Grey(most) => {
                for index in others.iter().take(most) {
                    let values = std::mem::take(&mut all[*index].values);
                    self.series.push(Series::other(format!("All other ({})", others.len()), values));
                }
                self.notes.push(format!("{} shown in grey as All other", count(others.len().min(most), "series")));
                if others.len() > most {
                    self.notes.push(format!("{} not drawn", count(others.len() - most, "series")));
                }
            }
        }
    }

    /// The colour of a series at a place; grey where the place stands for several.
    pub(crate) fn ink(&self, series: usize, place: usize) -> Option<Ink> {
        let others = self.places.ends_in_others && place + 1 == self.places.len() && self.series.len() == 1;
        self.series.get(series).filter(|_| !others).and_then(|series| series.ink)
    }

    /// The series that the chart's own mark draws.
    pub(crate) fn base(&self) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(|series| series.layer.is_none())
    }

    /// Says when a measure lies flat on its axis because another one is so much larger (A3).
    fn note_magnitudes(&mut self) {
        if self.parted || self.series.len() < 2 {
            return;
        }
        let mut notes = Vec::new();
        for right in [false, true] {
            let reach = |series: &Series| series.values.iter().flatten().fold(0.0f64, |most, value| most.max(value.abs()));
            let sizes: Vec<(&str, f64)> =
                self.series.iter().filter(|s| s.right == right).map(|series| (series.name.as_str(), reach(series))).collect();
            let Some((largest, most)) = sizes.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)) else { continue };
            for (name, size) in sizes {
                if size > 0.0 && most > size * 100.0 {
                    notes.push(format!("{name} lies close to zero: {largest} is more than 100 times as large"));
                }
            }
        }
        self.notes.extend(notes);
    }

    /// The format of the axis that a series is measured on.
    pub(crate) fn format_of(&self, series: &Series) -> &FieldFormat {
        match &self.right {
            Some(right) if series.right => right,
            _ => &self.format,
        }
    }

    /// Takes their colour from all but the `most` largest series; the names of those that lost theirs.
    pub(crate) fn grey_all_but(&mut self, most: usize) -> Vec<String> {
        let coloured = self.series.iter().enumerate().filter(|(_, series)| series.ink.is_some());
        let mut ranking: Vec<(usize, f64)> = coloured.map(|(at, series)| (at, series.size())).collect();
        ranking.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let lost: Vec<usize> = ranking.into_iter().skip(most).map(|(at, _)| at).collect();
        let mut names = Vec::new();
        for (_, series) in self.series.iter_mut().enumerate().filter(|(at, _)| lost.contains(at)) {
            series.ink = None;
            names.push(series.name.clone());
        }
        names
    }

    /// Whether there is nothing to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.values.iter().all(Option::is_none))
    }

    /// Least and greatest of all values of one axis.
    pub(crate) fn range(&self, right: bool) -> (f64, f64) {
        let series = self.series.iter().filter(|series| series.right == right);
        range(series.flat_map(|series| series.values.iter().flatten().copied()))
    }

    /// `low..=high` widened to what layers hold on the axis on the left.
    pub(crate) fn with_layers(&self, range: (f64, f64)) -> (f64, f64) {
        let layers = self.series.iter().filter(|series| series.layer.is_some() && !series.right);
        let values = layers.flat_map(|series| series.values.iter().flatten());
        values.fold(range, |(low, high), value| (low.min(*value), high.max(*value)))
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

/// Which of the measures belong on the axis on the right: those that were told so, and those whose unit is not that of the first.
fn sides(measures: &[Column<'_>], told: impl Iterator<Item = Option<Side>>) -> Result<Vec<bool>, ChartError> {
    let labels = || measures.iter().map(|column| column.format.label.clone()).collect();
    let units: Vec<String> = measures.iter().map(|column| column.format.unit()).collect();
    let mut told_any = false;
    let right: Vec<bool> = units
        .iter()
        .zip(told)
        .map(|(unit, told)| {
            told_any |= told.is_some();
            told.map_or(Some(unit) != units.first(), |side| side == Side::Right)
        })
        .collect();
    for side in [false, true] {
        let mut here = units.iter().zip(&right).filter(|(_, right)| **right == side).map(|(unit, _)| unit);
        let first = here.next();
        if here.any(|unit| Some(unit) != first) {
            return Err(if told_any {
                ChartError::OneAxis { measures: labels(), drawing: "one axis" }
            } else {
                ChartError::Units { measures: labels() }
            });
        }
    }
    Ok(right)
}

/// How several values became one, in words.
pub(crate) fn merged_note(measure: &str, place: &str, aggregate: Aggregate) -> String {
    match aggregate {
        Aggregate::Sum => format!("Rows with the same {place} were added up"),
        Aggregate::Avg => format!("Rows with the same {place}: the average {measure} is drawn"),
        Aggregate::Min => format!("Rows with the same {place}: the least {measure} is drawn"),
        Aggregate::Max => format!("Rows with the same {place}: the greatest {measure} is drawn"),
        Aggregate::Count => format!("Rows with the same {place} were counted"),
        Aggregate::Last => format!("Rows with the same {place}: the last {measure} is drawn"),
        Aggregate::None => format!("Several rows have the same {place}; their {measure} is not drawn, as no one number stands for several"),
    }
}

/// What is added to a note on series drawn as one.
pub(crate) fn by(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Sum | Aggregate::None => "",
        Aggregate::Avg => ", their average",
        Aggregate::Min => ", the least of them",
        Aggregate::Max => ", the greatest of them",
        Aggregate::Count => ", counted",
        Aggregate::Last => ", the last of them",
    }
}

/// Names one after the other, as many as a reader takes in, and how many more there are.
pub(crate) fn listed(names: &[&str]) -> String {
    const MOST: usize = 8;
    let shown = names.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
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
