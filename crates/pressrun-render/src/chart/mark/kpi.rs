//! One number, what it is compared with, and how it came there.

use pressrun_domain::chart::Compare;
use pressrun_domain::tone::{Bound, Tone};

use super::super::data::Column;
use super::super::measure::{self, Weight};
use super::super::plot::Canvas;
use super::super::svg::{Anchor, TextStyle, number};
use super::super::{ChartError, ChartInput, Told};
use super::{line, needed};
use crate::format::{FieldFormat, Kind, Value, typographic};
use crate::tones::{Judge, marked};

/// A KPI in words, for mails and alternative text.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KpiText {
    /// What it shows in its display format, behind the mark of what it is; `–` when there is nothing.
    pub value: String,
    /// The change in per cent with its sign (`+12.3%`); in points for shares (`+1.2 pp`).
    pub change: Option<String>,
    /// Whether the change is good news; `None` when nothing changed or nothing is compared.
    pub good: Option<bool>,
    /// What it is compared with (`vs $1.1M in Feb 2024`).
    pub compared_with: Option<String>,
}

struct Kpi {
    text: KpiText,
    /// The comparison without saying when or with what, for where that has no room.
    compared_shortly: Option<String>,
    label: String,
    short: Option<String>,
    rising: Option<bool>,
    spark: Option<Vec<Option<f64>>>,
    tone: Option<Tone>,
    goal: Option<Goal>,
}

/// How far a number is.
struct Goal {
    now: f64,
    wanted: f64,
    /// `68% of $1.2M`.
    text: String,
}

/// The texts of a KPI: the number of the last row, compared as the chart says.
///
/// # Errors
/// A column that the result does not have, or one that holds no numbers.
pub fn kpi_text(input: &ChartInput<'_>) -> Result<KpiText, ChartError> {
    if input.batches.iter().all(|batch| batch.num_rows() == 0) {
        return Ok(KpiText { value: "–".to_owned(), change: None, good: None, compared_with: None });
    }
    Ok(read(input)?.text)
}

fn read(input: &ChartInput<'_>) -> Result<Kpi, ChartError> {
    let chart = input.chart;
    let column = Column::find(input, needed(chart.value.as_ref().or(chart.y.first()), "kpi", "value")?)?;
    let measured = column.is_numeric();
    let numbers = if measured || chart.compare.is_some() || chart.goal.is_some() { column.numbers("value")? } else { Vec::new() };
    let format = column.format.clone();
    let cell = column.values().last().unwrap_or(Value::Null);
    let tone = input.batches.iter().rev().find(|batch| batch.num_rows() > 0).and_then(|batch| {
        let schema = batch.schema();
        let name = chart.value.as_ref().or(chart.y.first())?;
        Judge::of(input.fields, &schema, name, schema.index_of(name).ok()?)?.tone(batch, batch.num_rows() - 1)
    });
    let shown = match &cell {
        Value::Null => "–".to_owned(),
        cell if measured => typographic(format.display(cell)),
        cell => format.display(cell),
    };
    let value = marked(tone, shown);
    let now = numbers.last().copied().flatten();
    let (before, against) = match &chart.compare {
        None => (None, None),
        Some(Compare::Previous) => {
            let row = numbers.len().checked_sub(1 + usize::from(chart.back.max(1)));
            let before = row.and_then(|row| numbers[row]);
            let when = row.and_then(|row| when(input, row));
            (before, Some(when.map_or_else(|| before_that(chart.back), |when| format!("in {when}"))))
        }
        Some(Compare::Column(name)) => {
            let column = Column::find(input, name)?;
            (column.numbers("compare")?.last().copied().flatten(), Some(column.format.label))
        }
    };
    let mut text = KpiText { value, change: None, good: None, compared_with: None };
    let mut rising = None;
    if let (Some(now), Some(before)) = (now, before) {
        let difference = now - before;
        let shown = if format.is_percent() {
            format!("{:+.1} pp", difference * 100.0)
        } else if before.abs() > 0.0 {
            percent_change(difference / before.abs())
        } else if difference.abs() > 0.0 {
            format!("{}{}", if difference > 0.0 { "+" } else { "" }, format.short(difference))
        } else {
            "0%".to_owned()
        };
        let flat = !shown.chars().any(|c| ('1'..='9').contains(&c));
        text.change = Some(typographic(if flat { shown.trim_start_matches(['+', '-']).to_owned() } else { shown }));
        rising = (!flat).then_some(difference > 0.0);
        text.good = rising.map(|rising| rising != chart.lower_is_better);
    }
    if let (Some(before), Some(against)) = (before, against) {
        text.compared_with = Some(format!("vs {} {against}", typographic(format.short(before))));
    }
    let compared_shortly = text.compared_with.as_ref().and(before).map(|before| format!("vs {}", typographic(format.short(before))));
    let spark = match &chart.sparkline {
        Some(name) => Some(Column::find(input, name)?.numbers("sparkline")?),
        None => None,
    };
    let spark = spark.filter(|values| values.iter().flatten().count() > 1);
    let short = now.map(|now| marked(tone, typographic(format.short(now))));
    let goal = goal(input, now, &format)?;
    if let (Some(goal), None) = (&goal, &text.compared_with) {
        text.compared_with = Some(goal.text.clone());
    }
    Ok(Kpi { text, compared_shortly, label: format.label.clone(), short, rising, spark, tone, goal })
}

fn before_that(rows: u16) -> String {
    if rows > 1 { format!("{rows} rows before") } else { "before".to_owned() }
}

/// The goal of the last row, and how far its number is.
fn goal(input: &ChartInput<'_>, now: Option<f64>, format: &FieldFormat) -> Result<Option<Goal>, ChartError> {
    let goal = match &input.chart.goal {
        None => return Ok(None),
        Some(Bound::Number(goal)) => Some(goal.get()),
        Some(Bound::Column(name)) => Column::find(input, name)?.numbers("goal")?.last().copied().flatten(),
    };
    let (Some(now), Some(goal)) = (now, goal) else { return Ok(None) };
    let shown = typographic(format.short(goal));
    // A share of nothing, or of what lies on the other side of zero, is none.
    let share = now / goal;
    let text = if (0.0..100.0).contains(&share) && !format.is_percent() {
        format!("{:.0}% of {shown}", (share * 100.0).floor())
    } else {
        format!("goal {shown}")
    };
    Ok(Some(Goal { now, wanted: goal, text }))
}

/// When a row was: its cell of `x`, or of the one column with dates where there is only one (B6).
fn when(input: &ChartInput<'_>, row: usize) -> Option<String> {
    let column = match &input.chart.x {
        Some(name) => Column::find(input, name).ok()?,
        None => {
            let schema = input.batches.first()?.schema();
            let mut dates = schema.fields().iter().filter(|field| Kind::of(field.data_type()).is_temporal());
            let (Some(only), None) = (dates.next(), dates.next()) else { return None };
            Column::find(input, only.name()).ok()?
        }
    };
    let places = super::super::data::Places::read(&column, false);
    places.labels.get(places.of_row.get(row).copied().flatten()?).cloned()
}

/// One decimal below a hundred per cent, none above, and never a wall of digits.
fn percent_change(share: f64) -> String {
    let percent = share * 100.0;
    if percent.abs() >= 99_999.5 {
        return if percent > 0.0 { "> +99,999%" } else { "< -99,999%" }.to_owned();
    }
    if percent.abs() >= 99.95 { format!("{percent:+.0}%") } else { format!("{percent:+.1}%") }
}

/// Draws the number with its comparison below; its sparkline beside the number in flat tiles, at the foot of high ones.
///
/// The size of the number follows the height of the tile and not its digits, so that figures in a row look alike; only a
/// number that does not fit gets smaller.
pub(crate) fn draw(input: &ChartInput<'_>, canvas: &mut Canvas<'_>) -> Result<Told, ChartError> {
    let kpi = read(input)?;
    let (width, height) = (canvas.width, canvas.height);
    let theme = canvas.theme;
    let compared = kpi.text.change.is_some() || kpi.text.compared_with.is_some();
    // The bar of a goal takes the place of a sparkline at the foot.
    let bar = kpi.goal.as_ref().filter(|_| height >= 62.0);
    let small = (height * 0.13).clamp(8.5, 11.0);
    // All of this follows from the height alone, so that figures in a row stand on one line whether or not they have the rest.
    let most = (height * 0.48).clamp(8.0, largest(height));
    let step = if height < 46.0 { small + 4.0 } else { small + 8.5 };
    let top = ((height - most * 0.72 - step - small * 0.3) * 0.3).clamp(1.0, 14.0);
    // Digits stand 0.72 em high.
    let baseline = top + most * 0.72;
    let foot = baseline + step + small * 0.3 + 7.0;
    let beside = kpi.spark.is_some() && height < 96.0 && width >= 130.0;
    let under = kpi.spark.is_some() && !beside && bar.is_none() && height - foot >= 10.0;
    let room = if beside { width * 0.58 } else { width };
    let size = |text: &str| (room / measure::width(text, 1.0, Weight::Bold).max(0.1)).min(most);
    let mut shown = kpi.text.value.clone();
    if let Some(short) = kpi.short.as_ref().filter(|short| size(&shown) < most * 0.8 && size(short) > size(&shown)) {
        shown.clone_from(short);
    }
    let size = size(&shown).max(6.0);
    let shown = measure::ellipsize(&shown, size, Weight::Bold, room + 1.0);
    let color = kpi.tone.map_or(theme.text, |tone| theme.tone(tone));
    canvas.svg.text(0.0, baseline, &shown, TextStyle { size, weight: Weight::Bold, color, anchor: Anchor::Start });
    let goal_is_told = bar.is_some_and(|goal| draw_goal(goal, kpi.tone, foot, compared, canvas));
    if compared {
        draw_comparison(&kpi, baseline + step, width, small, canvas);
    }
    if let Some(values) = &kpi.spark {
        if under {
            let spark_height = (height - foot).min(width * 0.3).min(120.0);
            line::spark(values, (0.0, height - spark_height), (width, spark_height), canvas);
        } else if beside {
            // On the line of the number; the comparison has the width below it.
            let left = width * 0.62;
            let top = (baseline - most * 0.9).max(0.0);
            line::spark(values, (left, top), (width - left, baseline - top + 1.5), canvas);
        }
    }
    let mut alt = format!("{}: {}", kpi.label, kpi.text.value);
    for part in [kpi.text.change.as_deref(), kpi.text.compared_with.as_deref()].into_iter().flatten() {
        alt.push_str(", ");
        alt.push_str(part);
    }
    let mut notes = Vec::new();
    if let Some(goal) = kpi.goal.as_ref().filter(|goal| kpi.text.compared_with.as_ref() != Some(&goal.text)) {
        alt.push_str(", ");
        alt.push_str(&goal.text);
        if !goal_is_told {
            notes.push(format!("{}: {}", kpi.label, goal.text));
        }
    }
    if let Some(tone) = kpi.tone {
        alt.push_str(", ");
        alt.push_str(tone.word());
    }
    alt.push('.');
    Ok(Told { alt, notes, empty: false })
}

/// A bar on a track that ends at the goal, or beyond it where the number does; an upright line marks the goal. Its words stand below
/// where they are not those of the comparison and have room; whether they do is returned.
fn draw_goal(goal: &Goal, tone: Option<Tone>, foot: f64, compared: bool, canvas: &mut Canvas<'_>) -> bool {
    const THICK: f64 = 6.0;
    let theme = canvas.theme;
    let low = goal.now.min(goal.wanted).min(0.0);
    let high = goal.now.max(goal.wanted).max(0.0);
    let span = if high > low { high - low } else { 1.0 };
    let width = canvas.width - 2.0;
    let x = |value: f64| 1.0 + (value - low) / span * width;
    let top = (foot - 2.0).min(canvas.height - THICK - 3.0);
    canvas.svg.rect(x(low), top, x(high) - x(low), THICK, THICK / 2.0, theme.grid);
    let color = tone.map_or(theme.series[0], |tone| theme.tone(tone));
    let (from, to) = (x(goal.now.min(0.0)), x(goal.now.max(0.0)));
    canvas.svg.rect(from, top, to - from, THICK, THICK / 2.0, color);
    let at = x(goal.wanted);
    canvas.svg.line((at, top - 2.5), (at, top + THICK + 2.5), theme.text, 1.4);
    let y = top + THICK + theme.small + 4.0;
    if compared && y + 2.0 <= canvas.height {
        let (x, anchor) = if at > canvas.width / 2.0 { (at.min(canvas.width), Anchor::End) } else { (at.max(0.0), Anchor::Start) };
        let text = measure::ellipsize(&goal.text, theme.small, Weight::Regular, canvas.width);
        let style = canvas.small(anchor);
        if canvas.svg.is_free(x, y, &text, style) {
            canvas.svg.text(x, y, &text, style);
            return true;
        }
    }
    false
}

/// The largest number in a tile of this height: of dashboards a heading's, alone on a page a poster's.
fn largest(height: f64) -> f64 {
    if height < 150.0 { 28.0 } else { (height * 0.22).min(48.0) }
}

/// In letter sizes: half the height of an arrow, its width with the space behind it, the space behind the change.
const ARROW: f64 = 0.36;
const ARROW_ROOM: f64 = 1.2;
const SPACE: f64 = 0.5;

impl Kpi {
    /// The change as drawn: where an arrow stands before it, without its sign.
    fn change<'a>(&self, change: &'a str) -> &'a str {
        if self.rising.is_some() { change.trim_start_matches(['+', '\u{2212}']) } else { change }
    }

    /// Points that the comparison takes in letters of `size`.
    fn comparison_width(&self, size: f64) -> f64 {
        let arrow = if self.rising.is_some() { size * ARROW_ROOM } else { 0.0 };
        let change = self.text.change.as_deref();
        let change = change.map_or(0.0, |change| arrow + measure::width(self.change(change), size, Weight::Bold) + size * SPACE);
        let against = self.text.compared_with.as_deref();
        change + against.map_or(0.0, |against| measure::width(against, size, Weight::Regular))
    }
}

/// Letters of `size`, or as small as those of axes where the comparison would not fit otherwise.
fn draw_comparison(kpi: &Kpi, baseline: f64, room: f64, size: f64, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let size = (size * (room - 0.5) / kpi.comparison_width(size).max(1.0)).clamp(theme.small.min(size), size);
    let mut x = 0.0;
    if let Some(change) = &kpi.text.change {
        let color = kpi.text.good.map_or(theme.muted, |good| if good { theme.good } else { theme.bad });
        if let Some(rising) = kpi.rising {
            // An arrow as a path: the font has none.
            let (half, middle) = (size * ARROW, baseline - size * ARROW);
            let (tip, foot) = if rising { (middle - half, middle + half * 0.8) } else { (middle + half, middle - half * 0.8) };
            let path =
                format!("M0 {f}L{r} {f}L{m} {t}Z", f = number(foot), r = number(half * 2.2), m = number(half * 1.1), t = number(tip));
            canvas.svg.fill(&path, color, 1.0);
            x = size * ARROW_ROOM;
        }
        let text = &measure::ellipsize(kpi.change(change), size, Weight::Bold, room - x);
        canvas.svg.text(x, baseline, text, TextStyle { size, weight: Weight::Bold, color, anchor: Anchor::Start });
        x += measure::width(text, size, Weight::Bold) + size * SPACE;
    }
    if let Some(against) = &kpi.text.compared_with {
        let fits = |text: &&String| measure::width(text, size, Weight::Regular) <= room - x;
        let whole = [Some(against), kpi.compared_shortly.as_ref()].into_iter().flatten().find(fits);
        let text = measure::ellipsize(whole.unwrap_or(against), size, Weight::Regular, room - x);
        canvas.svg.text(x, baseline, &text, TextStyle { size, weight: Weight::Regular, color: theme.muted, anchor: Anchor::Start });
    }
}
