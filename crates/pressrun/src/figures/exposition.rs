//! The text form of Prometheus (version 0.0.4), for figures that are read when somebody asks.

use std::fmt::Write as _;

use super::families::{self, Family};

/// Lines of families, in the order in which they were told.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
    told: Vec<&'static str>,
}

impl Exposition {
    /// Tells one series of a family of [`families::READ`]; those of one family are told one after the other.
    pub(crate) fn tell(&mut self, name: &'static str, labels: &[(&str, &str)], value: f64) {
        let Some(family) = families::READ.iter().find(|family| family.name == name) else {
            // A test holds the list to what is told.
            tracing::error!(name, "a figure is told that is not in the list");
            return;
        };
        if !self.told.contains(&name) {
            self.told.push(name);
            self.head(family);
        }
        self.text.push_str(name);
        for (place, (label, word)) in labels.iter().enumerate() {
            let (before, word) = (if place == 0 { '{' } else { ',' }, escaped(word));
            let _ = write!(self.text, "{before}{label}=\"{word}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }

    fn head(&mut self, Family { name, kind, help, .. }: &Family) {
        let _ = writeln!(self.text, "# HELP {name} {}\n# TYPE {name} {}", help.replace('\\', "\\\\"), kind.as_str());
    }

    /// All of it.
    pub(crate) fn into_text(self) -> String {
        self.text
    }
}

/// A label's word as it stands between quotes.
fn escaped(word: &str) -> String {
    word.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o1_a_family_has_its_head_once_and_words_are_escaped() {
        let mut told = Exposition::default();
        told.tell("pressrun_schedules", &[("state", "active")], 3.0);
        told.tell("pressrun_schedules", &[("state", "inactive")], 0.0);
        told.tell("pressrun_catalog_info", &[("version", "a\"b\\c\nd")], 1.0);
        let text = told.into_text();
        let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# HELP")).collect();
        assert_eq!(
            lines,
            [
                "# TYPE pressrun_schedules gauge",
                "pressrun_schedules{state=\"active\"} 3",
                "pressrun_schedules{state=\"inactive\"} 0",
                "# TYPE pressrun_catalog_info gauge",
                "pressrun_catalog_info{version=\"a\\\"b\\\\c\\nd\"} 1",
            ]
        );
        assert_eq!(text.matches("# HELP pressrun_schedules").count(), 1);
    }
}
