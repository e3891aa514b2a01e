//! SQL templates: what [`pressrun_sql`] finds wrong, at its place in the file.

use pressrun_sql::{Finding, Known, check_template};

use crate::problem::{Place, Report, printable_text, suggest};

/// Notes every fault of the template `sql`, which stands at `place`.
pub(super) fn check(sql: &str, place: Place, known: Known<'_>, report: &Report<'_>) {
    for finding in check_template(sql, known) {
        note(&finding, place, known, report);
    }
}

/// Notes one finding about the SQL that stands at `place`.
pub(super) fn note(finding: &Finding, place: Place, known: Known<'_>, report: &Report<'_>) {
    let (line, column) = finding.place.unwrap_or((1, 0));
    let place = place.of_inner(u32::try_from(line).unwrap_or(1), u32::try_from(column).unwrap_or(0));
    let hint = match &finding.unknown {
        None => finding.hint.clone(),
        Some(unknown) => match unknown.what {
            "filter" => suggest(&unknown.name, known.filters.iter().copied(), "filters on this dashboard"),
            "control" => suggest(&unknown.name, known.controls.iter().copied(), "controls on this dashboard"),
            _ => suggest(&unknown.name, known.attributes.into_iter().flatten().copied(), "user attributes"),
        },
    };
    let message = printable_text(&finding.message);
    if finding.fails { report.add(place, message, hint) } else { report.warn(place, message, hint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(sql: &str) -> Vec<String> {
        let report = Report::new("d.yaml");
        let place = Place { line: 10, column: 5, block: true };
        check(sql, place, Known { filters: &["region", "period"], controls: &["metric"], attributes: Some(&["region"]) }, &report);
        report.into_problems().into_iter().map(|p| format!("{}: {} / {}", p.line, p.message, p.hint)).collect()
    }

    #[test]
    fn every_unknown_name_is_found_in_its_line() {
        let sql =
            "select 1\nwhere {{ filter('regoin', 'a') }}\n and {{ filter('period', 'b') }}\n and {{ user_attribute('regiom', 'c') }}\n";
        assert_eq!(
            faults(sql),
            [
                "11: there is no filter `regoin` / did you mean `region`?",
                "13: there is no user attribute `regiom` / did you mean `region`?",
            ]
        );
    }

    #[test]
    fn faults_of_syntax_and_use_are_found_in_their_line() {
        for (case, sql, line) in [
            ("not closed", "select 1\nwhere {{ filter('region', 'a') ", "11"),
            ("an unknown function", "select {{ range(3) }}", "10"),
            ("an unknown variable", "select 1\n\n, {{ region }}", "12"),
            ("one argument", "where {{ filter('region') }}", "10"),
            ("a list with a number", "where {{ filter(['region', 2], 'r') }}", "10"),
            ("a blank expression", "where {{ filter('region', ' ') }}", "10"),
            ("no text", "where {{ filter(1, 2) }}", "10"),
            ("a control with an expression", "select {{ control('metric', 'x') }}", "10"),
            ("a control that is none", "select\n{{ control(metric) }}", "11"),
            ("a block that is not closed", "{% if true %} select 1", "10"),
            ("deep nesting", &"(".repeat(5_000).replacen('(', "{{ (", 1), "10"),
        ] {
            let found = faults(sql);
            assert_eq!(found.len(), 1, "{case}: {found:?}");
            assert!(found[0].starts_with(&format!("{line}: ")), "{case}: {found:?}");
        }
    }

    #[test]
    fn a_right_template_has_no_faults() {
        assert!(faults("select 1 where {{ filter(['region', 'period'], 'r') }}").is_empty(), "F8");
        assert!(faults("select {{ control('metric') }} from t limit {{ control('metric') }}").is_empty(), "F9");
        assert_eq!(faults("select {{ control('region') }}"), ["10: there is no control `region` / controls on this dashboard: `metric`"]);
        assert!(faults("select '{', '}' from t where {{ filter('region', 'r') }} and {{ user_attribute('region', 'r') }}").is_empty());
    }
}
