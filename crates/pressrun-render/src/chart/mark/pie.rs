//! Pies and donuts with their names beside the slices.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use pressrun_domain::catalog::Aggregate;

use super::super::color::Color;
use super::super::data::{Column, by, count, listed as names_of, merged_note};
use super::super::fold::Fold;
use super::super::measure::{self, Weight};
use super::super::plot::Canvas;
use super::super::svg::{Anchor, TextStyle, number};
use super::super::{ChartError, ChartInput, Told};
use super::{needed, values};
use crate::format::FieldFormat;

struct Slice {
    name: String,
    value: f64,
    color: Color,
    share: f64,
}

/// What a pie shows.
struct Pie {
    slices: Vec<Slice>,
    /// The hole's share of the radius.
    hole: f64,
    /// What the slices come to; `None` where they do not add up.
    total: Option<f64>,
    format: FieldFormat,
}

/// Draws a pie.
pub(crate) fn draw(input: &ChartInput<'_>, canvas: &mut Canvas<'_>) -> Result<Told, ChartError> {
    let name = needed(input.chart.color.as_ref().or(input.chart.x.as_ref()), "pie", "x")?;
    let value = values(input, "pie")?[0];
    let column = Column::find(input, value)?;
    let format = column.format.clone();
    let aggregate = format.aggregate_of_parts();
    let parts = Column::find(input, name)?;
    let mut folds: indexmap::IndexMap<String, Fold> = indexmap::IndexMap::new();
    let mut notes: Vec<String> = column.not_finite().into_iter().collect();
    let (mut negative, mut merged) = (0, false);
    for (name, number) in parts.names().into_iter().zip(column.numbers("y")?) {
        match number {
            Some(number) if number >= 0.0 => folds.entry(name).and_modify(|_| merged = true).or_default().add(number),
            Some(_) => negative += 1,
            None => {}
        }
    }
    if negative > 0 {
        notes.push(format!("{} not drawn in a pie", count(negative, "negative value")));
    }
    if merged {
        notes.push(merged_note(&format.label, &parts.format.label, aggregate));
    }
    folds.retain(|_, fold| fold.value(aggregate).is_some_and(|value| value > 0.0));
    if folds.is_empty() {
        return Ok(Told::nothing(notes));
    }
    // A count is one of rows only where there are several of one name: else the column is counted already.
    let aggregate = if aggregate == Aggregate::Count && !merged { Aggregate::Sum } else { aggregate };
    let slices = slices(input, name, (folds, aggregate), canvas, &mut notes);
    let pie = Pie {
        hole: f64::from(input.chart.inner_radius.min(92)) / 100.0,
        // Slices make a whole only where they add up to one.
        total: (aggregate == Aggregate::Sum).then(|| slices.iter().map(|slice| slice.value).sum()),
        slices,
        format,
    };
    let alt = alt(&pie);
    if !beside(&pie, canvas) && !above(&pie, canvas) {
        let named = listed(&pie, canvas);
        let unnamed: Vec<String> = pie.slices.iter().skip(named).map(|slice| format!("{} {}", slice.name, percent(slice.share))).collect();
        if !unnamed.is_empty() {
            let unnamed: Vec<&str> = unnamed.iter().map(String::as_str).collect();
            let from = if named == 0 { "Slices from the top" } else { "Slices without room for their names" };
            notes.push(format!("{from}: {}", names_of(&unnamed)));
        }
    }
    Ok(Told { alt, notes, empty: false })
}

/// Slices from the largest; those beyond the most are one, the last.
fn slices(
    input: &ChartInput<'_>,
    column: &str,
    (folds, aggregate): (indexmap::IndexMap<String, Fold>, Aggregate),
    canvas: &Canvas<'_>,
    notes: &mut Vec<String>,
) -> Vec<Slice> {
    let most = usize::from(input.chart.max_series.max(1));
    let value = |fold: &Fold| fold.value(aggregate).unwrap_or(0.0);
    let mut sorted: Vec<(String, Fold)> = folds.into_iter().collect();
    sorted.sort_by(|a, b| value(&b.1).total_cmp(&value(&a.1)).then_with(|| a.0.cmp(&b.0)));
    // One left over is better shown than hidden behind the others.
    let most = if sorted.len() == most + 1 { sorted.len() } else { most };
    let others = sorted.split_off(most.min(sorted.len()));
    let inks = input.colors.inks(Some(column), sorted.iter().map(|(name, _)| name.as_str()));
    let mut slices: Vec<Slice> = sorted
        .iter()
        .zip(inks)
        .map(|((name, fold), ink)| Slice { name: name.clone(), value: value(fold), color: canvas.theme.ink(Some(ink)), share: 0.0 })
        .collect();
    if !others.is_empty() {
        let mut rest = Fold::default();
        for (_, fold) in &others {
            rest.join(fold);
        }
        let name = format!("All other ({})", others.len());
        match rest.value(aggregate) {
            Some(value) => {
                notes.push(format!("{} slices shown as {name}{}", others.len(), by(aggregate)));
                slices.push(Slice { name, value, color: canvas.theme.other, share: 0.0 });
            }
            None => {
                let names: Vec<&str> = others.iter().map(|(name, _)| name.as_str()).collect();
                notes.push(format!("The smallest {} slices not drawn: {}", others.len(), names_of(&names)));
            }
        }
    }
    let total: f64 = slices.iter().map(|slice| slice.value).sum();
    for slice in &mut slices {
        slice.share = slice.value / total;
    }
    slices
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent >= 99.95 || percent >= 9.95 {
        format!("{percent:.0}%")
    } else if percent >= 0.05 {
        format!("{percent:.1}%")
    } else {
        "<0.1%".to_owned()
    }
}

/// Names beside their slices, if all fit; says whether they did.
fn beside(pie: &Pie, canvas: &mut Canvas<'_>) -> bool {
    let (slices, format) = (&pie.slices, &pie.format);
    let theme = canvas.theme;
    let (width, height) = (canvas.width, canvas.height);
    let line = theme.small + 3.0;
    let numbers: Vec<String> = slices.iter().map(|slice| format!("{} · {}", percent(slice.share), format.short(slice.value))).collect();
    let text_width = |slice: &Slice, numbers: &str| {
        measure::width(&slice.name, theme.small, Weight::Bold).max(measure::width(numbers, theme.small, Weight::Regular))
    };
    let widest = slices.iter().zip(&numbers).map(|(slice, numbers)| text_width(slice, numbers)).fold(0.0, f64::max);
    let gap = 16.0;
    let radius = (height / 2.0 - line * 0.8).min((width / 2.0) - widest - gap - 2.0);
    if radius < 34.0 || radius < height * 0.28 {
        return false;
    }
    let (cx, cy) = (width / 2.0, height / 2.0);
    // Each side's labels from top to bottom: (wanted y, slice, angle).
    let mut sides: [Vec<(f64, usize, f64)>; 2] = [Vec::new(), Vec::new()];
    let mut angle = -FRAC_PI_2;
    for (index, slice) in slices.iter().enumerate() {
        let middle = angle + slice.share * PI;
        angle += slice.share * TAU;
        let side = usize::from(middle.cos() < 0.0);
        sides[side].push((cy + middle.sin() * (radius + 8.0), index, middle));
    }
    let block = line * 2.0 + 3.0;
    for side in &mut sides {
        side.sort_by(|a, b| a.0.total_cmp(&b.0));
        if side.len() as f64 * block > height {
            return false;
        }
        let mut ceiling = block / 2.0 - 1.0;
        for label in side.iter_mut() {
            label.0 = label.0.max(ceiling);
            ceiling = label.0 + block;
        }
        let mut floor = height - block / 2.0 + 1.0;
        for label in side.iter_mut().rev() {
            label.0 = label.0.min(floor);
            floor = label.0 - block;
        }
    }
    draw_slices(pie, (cx, cy), radius, canvas);
    for (side, labels) in sides.iter().enumerate() {
        let sign = if side == 0 { 1.0 } else { -1.0 };
        let anchor = if side == 0 { Anchor::Start } else { Anchor::End };
        for (y, index, angle) in labels {
            let (from, bend) = ((cx + angle.cos() * (radius + 2.0), cy + angle.sin() * (radius + 2.0)), cx + sign * (radius + gap * 0.55));
            let leader = format!(
                "M{} {}L{} {}H{}",
                number(from.0),
                number(from.1),
                number(bend),
                number(*y),
                number(cx + sign * (radius + gap - 3.0))
            );
            canvas.svg.stroke(&leader, theme.axis, 0.7, 1.0);
            let x = cx + sign * (radius + gap);
            let style = TextStyle { size: theme.small, weight: Weight::Bold, color: theme.text, anchor };
            canvas.svg.text(x, y - 1.4, &slices[*index].name, style);
            canvas.svg.text(x, y + line - 1.8, &numbers[*index], canvas.small(anchor));
        }
    }
    true
}

/// Widths of the texts of a list of slices.
struct Texts {
    shares: Vec<String>,
    widest_name: f64,
    widest_share: f64,
}

impl Texts {
    fn of(slices: &[Slice], size: f64) -> Self {
        let width = |text: &str| measure::width(text, size, Weight::Regular);
        let shares: Vec<String> = slices.iter().map(|slice| percent(slice.share)).collect();
        Self {
            widest_name: slices.iter().map(|slice| width(&slice.name)).fold(0.0, f64::max),
            widest_share: shares.iter().map(|share| width(share)).fold(0.0, f64::max),
            shares,
        }
    }

    /// The radius of a pie with its list on the right: a smaller pie rather than names cut short.
    fn radius_beside(&self, width: f64, height: f64) -> f64 {
        let radius = (height / 2.0 - 2.0).min(width * 0.27).max(4.0);
        let smaller = |beside: f64| ((width - 18.0 - beside) / 2.0).clamp(radius * 0.66, radius);
        let tight = width - 2.0 * radius * 0.66 - 18.0 - 21.0 - self.widest_share < self.widest_name.min(30.0);
        smaller(if tight { 11.0 + self.widest_name } else { 21.0 + self.widest_name + self.widest_share })
    }
}

/// The pie above the list of its names, in tiles where that lets it be larger; says whether it did.
fn above(pie: &Pie, canvas: &mut Canvas<'_>) -> bool {
    let (slices, format) = (&pie.slices, &pie.format);
    let theme = canvas.theme;
    let (width, height) = (canvas.width, canvas.height);
    let line = theme.small + 6.0;
    let texts = Texts::of(slices, theme.small);
    let values: Vec<String> = slices.iter().map(|slice| format.short(slice.value)).collect();
    let widest_value = values.iter().map(|value| measure::width(value, theme.small, Weight::Regular)).fold(0.0, f64::max);
    let list = slices.len() as f64 * line;
    let radius = ((height - list - 20.0) / 2.0).min(width / 2.0 - 2.0);
    let columns = 11.0 + texts.widest_name + 18.0 + widest_value + 16.0 + texts.widest_share;
    if radius < 44.0 || radius < texts.radius_beside(width, height) * 1.1 || columns > width {
        return false;
    }
    let left = (width - columns.max(width * 0.62)) / 2.0;
    let right = width - left;
    let spare = (height - 2.0 * radius - list - 14.0).max(0.0) / 2.0;
    draw_slices(pie, (width / 2.0, spare + radius + 1.0), radius, canvas);
    let top = spare + 2.0 * radius + 14.0;
    for (nth, slice) in slices.iter().enumerate() {
        let middle = top + line * (nth as f64 + 0.5);
        let baseline = middle + theme.small * 0.36;
        canvas.svg.rect(left, middle - 3.5, 7.0, 7.0, 1.8, slice.color);
        canvas.svg.text(left + 11.0, baseline, &slice.name, canvas.small(Anchor::Start));
        canvas.svg.text(right - texts.widest_share - 16.0, baseline, &values[nth], canvas.small(Anchor::End));
        canvas.svg.text(right, baseline, &texts.shares[nth], canvas.label(Anchor::End, theme.text));
    }
    true
}

/// Names in a list on the right, or none where even that has no room; how many of the slices, from the first, have their names.
fn listed(pie: &Pie, canvas: &mut Canvas<'_>) -> usize {
    let theme = canvas.theme;
    let slices = &pie.slices;
    let (width, height) = (canvas.width, canvas.height);
    let line = theme.small + 5.0;
    let rows = ((height / line).floor() as usize).min(slices.len());
    let texts = Texts::of(slices, theme.small);
    let (widest, numbers) = (texts.widest_name, &texts.shares);
    let mut number_width = texts.widest_share;
    let radius = texts.radius_beside(width, height);
    let left = radius * 2.0 + 18.0;
    let mut names = widest.min(width - left - 11.0 - number_width - 10.0);
    let with_numbers = names >= widest.min(30.0);
    if !with_numbers {
        // Names matter more than numbers, which the slices show.
        number_width = -10.0;
        names = widest.min(width - left - 11.0);
    }
    // Short names need no more room than they take (A1).
    if names < widest.min(24.0) || rows == 0 {
        let radius = (width.min(height) / 2.0 - 2.0).max(3.0);
        draw_slices(pie, (width / 2.0, height / 2.0), radius, canvas);
        return 0;
    }
    let total = left + 11.0 + names + 10.0 + number_width;
    let shift = ((width - total) / 2.0).clamp(0.0, 40.0);
    draw_slices(pie, (radius + 2.0 + shift, height / 2.0), radius, canvas);
    let top = (height - rows as f64 * line) / 2.0;
    let left = left + shift;
    for (nth, slice) in slices.iter().enumerate().take(rows) {
        let middle = top + line * (nth as f64 + 0.5);
        let baseline = middle + theme.small * 0.36;
        if nth + 1 == rows && rows < slices.len() {
            canvas.svg.text(left + 11.0, baseline, &format!("+{} more", slices.len() - nth), canvas.small(Anchor::Start));
            return nth;
        }
        canvas.svg.rect(left, middle - 3.5, 7.0, 7.0, 1.8, slice.color);
        let name = measure::ellipsize(&slice.name, theme.small, Weight::Regular, names);
        canvas.svg.text(left + 11.0, baseline, &name, canvas.small(Anchor::Start));
        if !with_numbers {
            continue;
        }
        let number = numbers.get(nth).map_or("", String::as_str);
        canvas.svg.text(left + 11.0 + names + 10.0 + number_width, baseline, number, canvas.label(Anchor::End, theme.text));
    }
    slices.len()
}

fn draw_slices(pie: &Pie, (cx, cy): (f64, f64), radius: f64, canvas: &mut Canvas<'_>) {
    let theme = canvas.theme;
    let (slices, format) = (&pie.slices, &pie.format);
    let inner = radius * pie.hole;
    let at = |angle: f64, radius: f64| format!("{} {}", number(cx + angle.cos() * radius), number(cy + angle.sin() * radius));
    let mut angle = -FRAC_PI_2;
    for slice in slices {
        let end = angle + slice.share * TAU;
        let r = number(radius);
        let path = if slice.share > 0.9999 {
            ring((cx, cy), radius, inner)
        } else {
            let large = i32::from(slice.share > 0.5);
            let outer = format!("M{}A{r} {r} 0 {large} 1 {}", at(angle, radius), at(end, radius));
            if inner > 0.5 {
                let i = number(inner);
                format!("{outer}L{}A{i} {i} 0 {large} 0 {}Z", at(end, inner), at(angle, inner))
            } else {
                format!("{outer}L{} {}Z", number(cx), number(cy))
            }
        };
        let gap = if slices.len() > 1 { 1.2 } else { 0.01 };
        canvas.svg.fill_outlined(&path, slice.color, theme.background, gap);
        angle = end;
    }
    if inner >= 20.0
        && let Some(total) = pie.total
    {
        let total = format.short(total);
        let size = (inner * 1.5 / measure::width(&total, 1.0, Weight::Bold).max(0.1)).min(inner * 0.5).min(20.0);
        canvas.svg.text(cx, cy + size * 0.24, &total, TextStyle { size, weight: Weight::Bold, color: theme.text, anchor: Anchor::Middle });
        let label = measure::ellipsize(&format.label, theme.small, Weight::Regular, inner * 1.6);
        canvas.svg.text(cx, cy + size * 0.24 + theme.small + 3.0, &label, canvas.small(Anchor::Middle));
    }
}

/// A whole ring (or disc) as two half turns: one arc cannot end where it begins.
fn ring((cx, cy): (f64, f64), outer: f64, inner: f64) -> String {
    let circle = |r: f64, sweep: u8| {
        let (x1, x2, y, r) = (number(cx - r), number(cx + r), number(cy), number(r));
        format!("M{x1} {y}A{r} {r} 0 1 {sweep} {x2} {y}A{r} {r} 0 1 {sweep} {x1} {y}Z")
    };
    if inner > 0.5 { format!("{}{}", circle(outer, 1), circle(inner, 0)) } else { circle(outer, 1) }
}

fn alt(pie: &Pie) -> String {
    let (slices, format) = (&pie.slices, &pie.format);
    let shown: Vec<String> = slices
        .iter()
        .take(4)
        .map(|slice| format!("{} {} ({})", slice.name, percent(slice.share), format.display_f64(slice.value)))
        .collect();
    let more = if slices.len() > 4 { " and others" } else { "" };
    let total = pie.total.map_or_else(String::new, |total| format!(", total {}", format.display_f64(total)));
    format!("Pie chart of {}{total}: {}{more}.", format.label, shown.join(", "))
}
