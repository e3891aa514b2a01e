//! Numbers that a catalog holds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A float that is neither infinite nor no number.
#[derive(Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Finite(f64);

impl Eq for Finite {}

impl Finite {
    /// The number; `None` when it is infinite or none.
    #[must_use]
    pub fn new(number: f64) -> Option<Self> {
        // Adding zero makes `-0` the zero that it is equal to.
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// As a float.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

/// What is infinite or no number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a finite number")]
pub struct NotFinite;

impl TryFrom<f64> for Finite {
    type Error = NotFinite;

    fn try_from(number: f64) -> Result<Self, NotFinite> {
        Self::new(number).ok_or(NotFinite)
    }
}

impl From<Finite> for f64 {
    fn from(number: Finite) -> Self {
        number.0
    }
}

impl fmt::Debug for Finite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Finite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_a_catalog_is_finite() {
        assert_eq!(Finite::new(f64::NAN), None);
        assert_eq!(Finite::new(f64::INFINITY), None);
        assert_eq!(Finite::new(-0.0).map(|zero| zero.to_string()), Some("0".to_owned()));
        assert!(serde_json::from_str::<Finite>("1.5").is_ok_and(|number| number.get() > 1.0));
    }
}
