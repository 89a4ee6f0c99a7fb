//! A threshold as data.

use serde::Deserialize;

use crate::map::spec::Condition;

/// A document passes when its value compares so; null passes, and so does a document outside `where`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Step that it belongs to.
    pub step: String,
    /// Name of the rule, for rejects and counts.
    pub rule: String,
    /// Signal column.
    pub column: String,
    /// Comparison that keeps a document.
    pub keep: Comparison,
    /// Compared with; booleans are 0 and 1.
    pub threshold: f64,
    /// Documents that the rule is for; all when empty.
    #[serde(rename = "where")]
    pub conditions: Vec<Condition>,
}

impl Threshold {
    /// Whether both drop the same documents under the same name.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.step, &self.rule, &self.column, self.keep)
            == (&other.step, &other.rule, &other.column, other.keep)
            && self.threshold.to_bits() == other.threshold.to_bits()
            && has_same_conditions(self, other)
    }

    /// The threshold as the recipe's plan writes it.
    pub fn to_json(&self) -> serde_json::Value {
        let conditions: Vec<_> = self
            .conditions
            .iter()
            .map(|condition| serde_json::json!({ "column": condition.column, "any_of": condition.any_of }))
            .collect();
        serde_json::json!({
            "step": self.step,
            "rule": self.rule,
            "column": self.column,
            "keep": self.keep.sign(),
            "threshold": self.threshold,
            "where": conditions,
        })
    }
}

/// Whether two thresholds are for the same documents.
pub(super) fn has_same_conditions(one: &Threshold, other: &Threshold) -> bool {
    one.conditions.len() == other.conditions.len()
        && one
            .conditions
            .iter()
            .zip(&other.conditions)
            .all(|(one, other)| one.column == other.column && one.any_of == other.any_of)
}

/// How a value and a threshold compare in a document that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Comparison {
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// More than.
    #[serde(rename = ">")]
    MoreThan,
    /// Less than.
    #[serde(rename = "<")]
    LessThan,
    /// Equal.
    #[serde(rename = "==")]
    Equal,
}

impl Comparison {
    /// Whether a document with `value` is kept.
    pub fn keeps(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::AtLeast => value >= threshold,
            Self::AtMost => value <= threshold,
            Self::MoreThan => value > threshold,
            Self::LessThan => value < threshold,
            Self::Equal => value == threshold,
        }
    }

    /// The sign that recipes and plans write.
    pub fn sign(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::MoreThan => ">",
            Self::LessThan => "<",
            Self::Equal => "==",
        }
    }
}
