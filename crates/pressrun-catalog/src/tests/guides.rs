use super::*;
use pressrun_domain::catalog::{Aggregate, TileBody};
use pressrun_domain::chart::{Across, Chart, Finite, Layer, Legend, Mark, Order, Rule, RuleAt, Side, Sort};
use pressrun_domain::tone::{Bound, Tone};

fn with(text: &str) -> String {
    DASHBOARD.replace("mark: bar, x: region, y: n", text)
}

fn chart(text: &str) -> Chart {
    let dir = good();
    write(dir.path(), "dashboards/orders.yaml", with(text));
    let catalog = loaded(&dir).unwrap();
    let TileBody::Query(query) = catalog.documents["12db1a0a"].dashboard.as_ref().unwrap().tiles["1"].body.clone() else { unreachable!() };
    query.chart
}

#[test]
fn g1_words_of_layers_lines_and_axes_become_the_domain_s() {
    let chart = chart(
        "mark: column, x: a, y: b, layers: [{ mark: line, y: c, axis: right, point: true }], \
         rules: [{ y: 1.5, label: Goal }, { y: d, aggregate: max }, { x: 2026-03-15 }], \
         bands: [{ y: [1, 2] }, { x: [2026-01, 2026-02], label: Winter }], annotations: [{ x: 2026, y: -3, text: Hi }], \
         axes: { x: { title: Month }, y: { min: -1, max: 10.5, title: '' } }, sort: -y, top: 10, legend: bottom, labels: true",
    );
    let finite = |number: f64| Finite::new(number).unwrap();
    assert_eq!(chart.layers, [Layer { mark: Mark::Line, y: "c".into(), side: Some(Side::Right), point: true }]);
    let column = RuleAt::Column { name: "d".into(), aggregate: Aggregate::Max };
    assert_eq!(chart.rules[0], Rule { at: RuleAt::Value(finite(1.5)), side: None, label: Some("Goal".into()) });
    assert_eq!((&chart.rules[1].at, &chart.rules[2].at), (&column, &RuleAt::Place("2026-03-15".into())));
    assert_eq!(chart.bands[0].across, Across::Values(finite(1.0), finite(2.0)));
    assert_eq!(chart.bands[1].across, Across::Places("2026-01".into(), "2026-02".into()));
    assert_eq!((chart.annotations[0].x.as_str(), chart.annotations[0].y), ("2026", Some(finite(-3.0))));
    assert_eq!((chart.axes.y.title.as_deref(), chart.axes.y.max), (Some(""), Some(finite(10.5))));
    assert_eq!((chart.sort, chart.top, chart.legend), (Some(Sort::Size(Order::Descending)), Some(10), Some(Legend::Bottom)));
    assert_eq!((chart.axes.x.title.as_deref(), chart.labels), (Some("Month"), Some(true)));
}

#[test]
fn g5_what_a_mark_does_not_know_and_what_says_nothing_is_refused() {
    let mut wrong = Vec::new();
    for (text, expected) in [
        ("mark: pie, y: b, x: a, rules: [{ y: 1 }]", "mark `pie` does not use `rules`"),
        ("mark: point, x: a, y: b, sort: x", "mark `point` does not use `sort`"),
        ("mark: area, x: a, y: b, labels: true", "mark `area` does not use `labels`"),
        ("mark: table, legend: top", "mark `table` does not use `legend`"),
        ("mark: bar, x: a, y: b, layers: [{ y: c }]", "a layer has no `mark`"),
        ("mark: bar, x: a, y: b, layers: [{ mark: bar, y: c }]", "`bar` is not known here"),
        ("mark: bar, x: a, y: b, layers: [{ mark: area, y: c, point: true }]", "`point` belongs to lines"),
        ("mark: bar, x: a, y: b, layers: []", "`layers` has 0 entries"),
        ("mark: bar, x: a, y: b, orient: horizontal, layers: [{ mark: line, y: c }]", "layers stand over standing bars"),
        ("mark: bar, x: a, y: b, stack: normalize, layers: [{ mark: line, y: c }]", "the axis of shares measures nothing else"),
        ("mark: line, x: a, y: b, rules: [{ label: Goal }]", "a rule stands nowhere"),
        ("mark: line, x: a, y: b, rules: [{ y: 1, x: 2 }]", "a rule has both `x` and `y`"),
        ("mark: line, x: a, y: b, rules: [{ y: 1, aggregate: avg }]", "`aggregate` of this rule does nothing"),
        ("mark: line, x: a, y: b, rules: [{ y: c, aggregate: none }]", "a rule at `none` stands nowhere"),
        ("mark: line, x: a, y: b, rules: [{ x: c, axis: right }]", "`axis` of this rule does nothing"),
        ("mark: line, x: a, y: b, rules: [{ y: [1] }]", ""),
        ("mark: line, x: a, y: b, bands: [{ y: [2, 1] }]", "a band from 2 to 1 has no height"),
        ("mark: line, x: a, y: b, bands: [{ y: [2] }]", "a band is between two values"),
        ("mark: line, x: a, y: b, bands: [{ x: [2026-01-01] }]", "a band is between two places"),
        ("mark: line, x: a, y: b, annotations: [{ x: 1 }]", "`text` is missing"),
        ("mark: bar, x: a, y: b, axes: { y: { min: 10 } }", "bars and areas stand on zero"),
        ("mark: area, x: a, y: b, axes: { y: { zero: false } }", "`zero` does nothing for bars and areas"),
        ("mark: line, x: a, y: b, axes: { y: { min: 10, max: 5 } }", "an axis from 10 to 5 has no length"),
        ("mark: line, x: a, y: b, scale: log, axes: { y: { min: 0 } }", "a logarithmic axis has neither zero"),
        ("mark: line, x: a, y: b, axes: { y: { min: 10, zero: true } }", "`zero` lies beyond the ends"),
        ("mark: line, x: a, y: b, axes: { x: { min: 1 } }", "unknown key `min`"),
        ("mark: bar, x: a, y: b, sort: descending", "`sort` is no order"),
        ("mark: bar, x: a, y: b, top: 0", "`top` is 0"),
        ("mark: bar, x: a, y: b, legend: left", "`left` is not known here"),
    ] {
        let said = refused("dashboards/orders.yaml", &with(text));
        if said.len() != 1 || !said[0].contains(expected) || !said[0].contains(" | ") && !expected.is_empty() {
            wrong.push(format!("{text}: expected {expected}, said {said:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn g3_conditions_of_a_column_become_the_domain_s() {
    let dir = good();
    let fields = "    fields: { n: { when: [{ below: 10, show: bad }, { from: 10, below: goal, show: warning }, { is: [a, b], empty: false, show: good }] } }\n";
    write(dir.path(), "dashboards/orders.yaml", DASHBOARD.replace("    sql:", &format!("{fields}    sql:")));
    let catalog = loaded(&dir).unwrap();
    let TileBody::Query(query) = &catalog.documents["12db1a0a"].dashboard.as_ref().unwrap().tiles["1"].body else { unreachable!() };
    let when = &query.fields["n"].when;
    assert_eq!(when.iter().map(|condition| condition.tone).collect::<Vec<_>>(), [Tone::Bad, Tone::Warning, Tone::Good]);
    assert_eq!(when[1].test.below, Some(Bound::Column("goal".into())));
    assert_eq!((when[2].test.is.clone(), when[2].test.empty), (vec!["a".to_owned(), "b".to_owned()], Some(false)));
}

#[test]
fn g3_conditions_and_goals_that_say_nothing_are_refused() {
    let when = |text: &str| DASHBOARD.replace("    sql:", &format!("    fields: {{ n: {{ when: [{text}] }} }}\n    sql:"));
    for (text, expected) in [
        (when("{ show: bad }"), "this condition tests nothing"),
        (when("{ below: 1 }"), "`show` is missing"),
        (when("{ below: 1, show: red }"), "`red` is not known here"),
        (when("{ above: 5, below: 1, show: bad }"), "no number is above 5 and below 1"),
        (when(""), "`when` has 0 entries"),
        (with("mark: kpi, value: n, back: 0, compare: previous"), "`back` is 0"),
        (with("mark: kpi, value: n, back: 12"), "`back` says how far back `previous` is"),
        (with("mark: line, x: a, y: b, goal: 3"), "mark `line` does not use `goal`"),
        (with("mark: kpi, value: n, goal: ''"), "`goal` is blank"),
    ] {
        let said = refused("dashboards/orders.yaml", &text);
        assert!(said.len() == 1 && said[0].contains(expected), "expected {expected}, said {said:#?}");
    }
}
