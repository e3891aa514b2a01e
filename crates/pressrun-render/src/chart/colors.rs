//! Which name has which colour, everywhere in a report and from one run to the next.
//!
//! A name's place in the palette follows from the name itself, so that a region keeps its colour when another one has no row this
//! week. Only names that meet in a chart and want the same place cannot both have it: the later in the alphabet moves on. What the
//! author fixed in the catalog is fixed.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow_array::RecordBatch;
use indexmap::IndexMap;
use pressrun_domain::catalog::FieldSpec;
use pressrun_domain::chart::{Chart, Mark};

use super::ChartInput;
use super::color::Color;
use super::data::Column;
use crate::error::RenderError;
use crate::report::Report;
use crate::rows::Batches;

/// Colours of a palette.
const PALETTE: usize = 8;

/// The colour of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// A place in the palette; beyond its end the same hues come again, darker.
    Slot(usize),
    /// One that the author chose.
    Own(Color),
}

impl Ink {
    /// The place in the palette, by which lines are dashed; 0 for a colour of one's own.
    pub(crate) fn slot(self) -> usize {
        match self {
            Self::Slot(slot) => slot % PALETTE,
            Self::Own(_) => 0,
        }
    }
}

/// The colours of names, by the column that holds them.
#[derive(Debug, Clone, Default)]
pub struct Colors {
    columns: HashMap<String, HashMap<String, Ink>>,
}

/// What is known of one column before its names get colours.
#[derive(Default)]
struct Names {
    /// The names that each chart draws in colours of their own.
    charts: Vec<Vec<String>>,
    own: HashMap<String, Color>,
}

impl Colors {
    /// The colours of all names in the charts of `report`, of each chart at most `most` rows.
    ///
    /// # Errors
    /// [`RenderError::Rows`]: the rows of a tile cannot be read.
    pub fn of(report: &Report, most: u64) -> Result<Self, RenderError> {
        let mut columns: HashMap<String, Names> = HashMap::new();
        for (tile, data) in report.data_tiles() {
            let Some(channel) = channel(&data.chart) else { continue };
            let batches = first_rows(Batches::open(tile, &data.rows)?, most)?;
            let input =
                ChartInput { chart: &data.chart, batches: &batches, fields: &data.fields, zone: &report.zone, colors: &Self::default() };
            // What cannot be read as this chart needs it is told where the chart is drawn.
            let Some(weights) = weights(&input, channel) else { continue };
            let names = columns.entry(channel.to_owned()).or_default();
            names.add(weights, usize::from(data.chart.max_series.max(1)), data.fields.get(channel));
        }
        Ok(Self { columns: columns.into_iter().map(|(column, names)| (column, names.inks())).collect() })
    }

    /// Inks of `names` of `column` in one chart: by the report where it was looked through, else in order.
    pub(crate) fn inks<'a>(&self, column: Option<&str>, names: impl Iterator<Item = &'a str>) -> Vec<Ink> {
        let known = column.and_then(|column| self.columns.get(column));
        let Some(known) = known else { return names.enumerate().map(|(nth, _)| Ink::Slot(nth)).collect() };
        let names: Vec<&str> = names.collect();
        let mut taken: HashSet<usize> = names.iter().filter_map(|name| known.get(*name)).map(|ink| ink.slot()).collect();
        // A name that was not expected to be among the largest gets what is free here.
        let ink = |name: &str| {
            known.get(name).copied().unwrap_or_else(|| {
                let slot = slots(name).find(|slot| !taken.contains(slot)).unwrap_or_default();
                taken.insert(slot);
                Ink::Slot(slot)
            })
        };
        names.into_iter().map(ink).collect()
    }
}

impl Names {
    fn add(&mut self, weights: IndexMap<String, f64>, most: usize, spec: Option<&FieldSpec>) {
        let mut ranked: Vec<(String, f64)> = weights.into_iter().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        // A pie shows one more rather than hide it behind the others.
        let shown = if ranked.len() == most + 1 { most + 1 } else { most };
        self.charts.push(ranked.into_iter().take(shown).map(|(name, _)| name).collect());
        for (name, rgb) in spec.iter().flat_map(|spec| &spec.colors) {
            self.own.entry(name.clone()).or_insert(Color(rgb.0, rgb.1, rgb.2));
        }
    }

    fn inks(self) -> HashMap<String, Ink> {
        let mut met: BTreeMap<&str, HashSet<usize>> = BTreeMap::new();
        for (nth, chart) in self.charts.iter().enumerate() {
            for name in chart {
                met.entry(name).or_default().insert(nth);
            }
        }
        // Places that are taken in each chart. Hues next to a colour of the author's own are not avoided: who fixes one fixes those
        // beside it.
        let mut taken: Vec<HashSet<usize>> = vec![HashSet::new(); self.charts.len()];
        let mut inks: HashMap<String, Ink> = HashMap::new();
        for (name, charts) in met {
            let ink = match self.own.get(name) {
                Some(own) => Ink::Own(*own),
                None => {
                    let free = |slot: &usize| charts.iter().all(|chart| taken.get(*chart).is_none_or(|taken| !taken.contains(slot)));
                    let slot = slots(name).find(free).unwrap_or_default();
                    for chart in &charts {
                        if let Some(taken) = taken.get_mut(*chart) {
                            taken.insert(slot);
                        }
                    }
                    Ink::Slot(slot)
                }
            };
            inks.insert(name.to_owned(), ink);
        }
        inks
    }
}

/// The places that a name would like, the first best: those of the palette from its own on, then those of darker rounds.
fn slots(name: &str) -> impl Iterator<Item = usize> {
    let preferred = (hash(name) % PALETTE as u64) as usize;
    (0..).flat_map(move |round| (0..PALETTE).map(move |step| round * PALETTE + (preferred + step) % PALETTE))
}

/// The batches that hold the first `most` rows, and nothing of those behind them.
fn first_rows(batches: Batches, most: u64) -> Result<Vec<RecordBatch>, RenderError> {
    let mut rows = 0;
    let mut kept = Vec::new();
    for batch in batches {
        let batch = batch?;
        let room = most.saturating_sub(rows).min(batch.num_rows() as u64);
        if room > 0 {
            kept.push(batch.slice(0, room as usize));
        }
        rows += batch.num_rows() as u64;
        if rows >= most {
            break;
        }
    }
    Ok(kept)
}

/// FNV-1a with its bits mixed once more: the same on every machine and in every version.
fn hash(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed >> 40
}

/// The column whose values have colours in a chart.
pub(crate) fn channel(chart: &Chart) -> Option<&str> {
    match chart.mark {
        Mark::Bar | Mark::Line | Mark::Area | Mark::Point => chart.color.as_deref(),
        Mark::Pie => chart.color.as_deref().or(chart.x.as_deref()),
        Mark::Kpi | Mark::Table | Mark::Heatmap => None,
    }
}

/// Each name with the size of what belongs to it, by which charts choose those that get a colour.
fn weights(input: &ChartInput<'_>, channel: &str) -> Option<IndexMap<String, f64>> {
    let column = Column::find(input, channel).ok()?;
    let value = Column::find(input, input.chart.y.first()?).ok()?;
    if input.chart.mark == Mark::Point && column.is_numeric() {
        return None;
    }
    // Points are chosen by how many there are.
    let numbers = if input.chart.mark == Mark::Point { None } else { value.numbers("y").ok() };
    let mut weights: IndexMap<String, f64> = IndexMap::new();
    for (row, name) in column.names().into_iter().enumerate() {
        let weight = numbers.as_ref().map_or(1.0, |numbers| numbers.get(row).copied().flatten().map_or(0.0, f64::abs));
        *weights.entry(name).or_default() += weight;
    }
    Some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inks(names: &[&str], own: &[(&str, Color)]) -> HashMap<String, Ink> {
        let own = own.iter().map(|(name, color)| ((*name).to_owned(), *color)).collect();
        Names { charts: vec![names.iter().map(|name| (*name).to_owned()).collect()], own }.inks()
    }

    #[test]
    fn a9_a_name_keeps_its_colour_whoever_else_is_there() {
        let regions = ["APAC", "EMEA", "LATAM", "North America", "Nordics"];
        let all = inks(&regions, &[]);
        let mut moved = 0;
        for missing in regions {
            let without: Vec<&str> = regions.into_iter().filter(|name| *name != missing).collect();
            moved += inks(&without, &[]).iter().filter(|(name, ink)| all.get(*name) != Some(ink)).count();
        }
        // Of twenty names that stay, those that wanted the place of another one may move, and no more.
        assert!(moved <= 4, "{moved} of 20 moved: {all:?}");
        let distinct: HashSet<usize> = all.values().map(|ink| ink.slot()).collect();
        assert_eq!(distinct.len(), regions.len(), "{all:?}");
    }

    #[test]
    fn a9_what_the_author_fixed_is_fixed() {
        let red = Color(200, 0, 0);
        let all = inks(&["DE", "US"], &[("US", red)]);
        assert_eq!(all.get("US"), Some(&Ink::Own(red)));
        assert_eq!(all.get("DE"), inks(&["DE"], &[]).get("DE"));
    }

    #[test]
    fn a9_only_names_that_meet_in_a_chart_make_way_for_one_another() {
        let names = |from: usize| (from..from + 8).map(|nth| format!("name {nth}")).collect::<Vec<_>>();
        let all = Names { charts: (0..20).map(|chart| names(chart * 8)).collect(), own: HashMap::new() }.inks();
        for chart in 0..20 {
            let slots: HashSet<usize> = names(chart * 8).iter().filter_map(|name| all.get(name)).map(|ink| ink.slot()).collect();
            assert_eq!(slots.len(), 8, "chart {chart}");
        }
        // Nobody is in a darker round: each chart has the whole palette to itself.
        assert!(all.values().all(|ink| matches!(ink, Ink::Slot(slot) if *slot < PALETTE)));
    }

    #[test]
    fn names_beyond_the_palette_come_again_darker() {
        let names: Vec<String> = (0..20).map(|nth| format!("name {nth}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let slots: HashSet<usize> =
            inks(&names, &[]).values().filter_map(|ink| if let Ink::Slot(slot) = ink { Some(*slot) } else { None }).collect();
        assert_eq!(slots.len(), 20);
    }
}
