//! Whose definition of a rule is meant, where several tools define one rule in different ways.

use serde::{Deserialize, Serialize};

/// The tool whose definition is followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Semantics {
    /// Ours: written down on the rule's page.
    #[default]
    Gristmill,
    /// datatrove 0.10, its English word tokens included.
    Datatrove,
    /// Dolma's taggers.
    Dolma,
    /// NeMo Curator's filters.
    Nemo,
}

impl Semantics {
    /// The error for a tool that has no such rule.
    pub(super) fn refused(self, rule: &str) -> String {
        format!("`{rule}` has no semantics {self:?}")
    }
}
