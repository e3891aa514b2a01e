//! When a value is good, worth a look, or bad.

use serde::{Deserialize, Serialize};

use crate::chart::Finite;

/// What a value is when it meets a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What it must be.
    pub test: Test,
    /// What it then is.
    pub tone: Tone,
}

/// What a value is to its reader. Each has a colour and a mark, so that none is told by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Not as it should be.
    Bad,
}

impl Tone {
    /// The mark before the value.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Self::Good => "●",
            Self::Warning => "▲",
            Self::Bad => "■",
        }
    }

    /// The word for those who see neither.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
        }
    }
}

/// What a value must be; all that is said must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Test {
    /// Greater than this.
    pub above: Option<Bound>,
    /// As great as this or greater.
    pub from: Option<Bound>,
    /// Less than this.
    pub below: Option<Bound>,
    /// As great as this or less.
    pub to: Option<Bound>,
    /// One of these texts.
    pub is: Vec<String>,
    /// Without a value, or with one.
    pub empty: Option<bool>,
}

/// What a value is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// A number.
    Number(Finite),
    /// The number in another column of its row.
    Column(String),
}

impl Test {
    /// The bounds, with their words.
    #[must_use]
    pub fn bounds(&self) -> [(&'static str, Option<&Bound>); 4] {
        [("above", self.above.as_ref()), ("from", self.from.as_ref()), ("below", self.below.as_ref()), ("to", self.to.as_ref())]
    }

    /// Whether a cell meets it. `number` and `text` are what it holds, both `None` when it holds nothing; `other` gives the number of
    /// another column of the row. What cannot be compared meets no bound.
    pub fn is_met(&self, number: Option<f64>, text: Option<&str>, other: impl Fn(&str) -> Option<f64>) -> bool {
        if self.empty.is_some_and(|empty| empty != text.is_none()) {
            return false;
        }
        if !self.is.is_empty() && !text.is_some_and(|text| self.is.iter().any(|word| word == text)) {
            return false;
        }
        self.bounds().into_iter().all(|(word, bound)| {
            let Some(bound) = bound else { return true };
            let limit = match bound {
                Bound::Number(limit) => Some(limit.get()),
                Bound::Column(name) => other(name),
            };
            let (Some(number), Some(limit)) = (number, limit) else { return false };
            match word {
                "above" => number > limit,
                "from" => number >= limit,
                "below" => number < limit,
                _ => number <= limit,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(limit: f64) -> Option<Bound> {
        Finite::new(limit).map(Bound::Number)
    }

    #[test]
    fn g3_a_test_is_met_by_what_it_says_and_nothing_else() {
        let other = |name: &str| (name == "target").then_some(5.0);
        let range = Test { from: number(1.0), below: number(2.0), ..Test::default() };
        let target = Test { above: Some(Bound::Column("target".to_owned())), ..Test::default() };
        let nowhere = Test { above: Some(Bound::Column("gone".to_owned())), ..Test::default() };
        let words = Test { is: vec!["Late".to_owned()], ..Test::default() };
        let empty = Test { empty: Some(true), ..Test::default() };
        for (test, number, text, met) in [
            (&range, Some(1.0), Some("1"), true),
            (&range, Some(2.0), Some("2"), false),
            (&range, Some(f64::NAN), Some("NaN"), false),
            (&range, None, None, false),
            (&target, Some(5.1), Some("5.1"), true),
            (&target, Some(5.0), Some("5"), false),
            (&nowhere, Some(9.0), Some("9"), false),
            (&words, None, Some("Late"), true),
            (&words, None, Some("late"), false),
            (&empty, None, None, true),
            (&empty, Some(0.0), Some("0"), false),
        ] {
            assert_eq!(test.is_met(number, text, other), met, "{test:?} of {text:?}");
        }
    }
}
