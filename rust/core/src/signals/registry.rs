//! All rules by name. A family adds its rules to its own list of [`Entry`]; this file only names the families.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{Column, Corrector, Signal};

/// A rule that is ready to measure.
pub enum Rule {
    /// Leaves the text as it is.
    Signal(Box<dyn Signal + Send>),
    /// Edits the text.
    Corrector(Box<dyn Corrector + Send>),
}

/// Which columns of a rule are wanted. A rule may push anything for the others, and saves the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted(u128);

impl Wanted {
    /// Every column.
    pub const ALL: Self = Self(u128::MAX);

    /// The columns at those positions.
    pub fn of(positions: impl IntoIterator<Item = usize>) -> Self {
        Self(
            positions
                .into_iter()
                .fold(0, |mask, position| mask | 1 << position),
        )
    }

    /// Whether the column at that position is wanted.
    pub fn has(self, position: usize) -> bool {
        self.0 >> position & 1 == 1
    }

    /// Whether any of the columns in that range is wanted.
    pub fn any(self, mut positions: Range<usize>) -> bool {
        positions.any(|position| self.has(position))
    }
}

/// A file that a rule computes with, such as a list of words: its name and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFile {
    /// Name without its folder.
    pub name: String,
    /// Content, whatever it is.
    pub content: Vec<u8>,
}

/// The files of a rule, by the recipe key that names them.
pub type ListFiles = BTreeMap<String, Vec<ListFile>>;

/// What a rule is made from.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'s> {
    /// Computing keys of the recipe, as JSON; an empty object means the defaults.
    pub config: &'s Json,
    /// Columns that somebody will read.
    pub wanted: Wanted,
    /// Files that the recipe names.
    pub files: &'s ListFiles,
}

impl Setup<'_> {
    /// The configuration; unknown keys are refused by the types.
    pub(super) fn config<Config: DeserializeOwned>(&self) -> Result<Config, String> {
        Config::deserialize(self.config).map_err(|error| error.to_string())
    }

    /// The rule as the registry wants it.
    pub(super) fn signal(signal: impl Signal + Send + 'static) -> Result<Rule, String> {
        Ok(Rule::Signal(Box::new(signal)))
    }

    /// The rule as the registry wants it.
    pub(super) fn corrector(corrector: impl Corrector + Send + 'static) -> Result<Rule, String> {
        Ok(Rule::Corrector(Box::new(corrector)))
    }
}

/// One rule: its name in recipes, its columns, and how to make it.
pub struct Entry {
    /// The name that `use` gives.
    pub name: &'static str,
    /// Every column, in the order in which values are pushed; at most 128.
    pub columns: &'static [Column],
    /// Makes the rule.
    pub make: fn(&Setup<'_>) -> Result<Rule, String>,
    /// The rule as its definition reads, slow and on strings: what the property tests hold the fast one to.
    #[cfg(test)]
    pub(super) reference: fn(&Json, &str) -> super::reference::Expected,
    /// Configurations, as JSON, with which the property tests run it; `{}` is always among them.
    #[cfg(test)]
    pub(super) variants: &'static [&'static str],
}

/// Every family's rules.
const FAMILIES: &[&[Entry]] = &[
    super::gopher::ENTRIES,
    super::c4::ENTRIES,
    super::fineweb::ENTRIES,
    super::dolma::ENTRIES,
    super::curator::ENTRIES,
    super::data_juicer::ENTRIES,
    super::code::ENTRIES,
    super::blocklist::ENTRIES,
    super::spikes::ENTRIES,
    super::diversity::ENTRIES,
    super::web_lines::ENTRIES,
    super::madlad::ENTRIES,
    super::redpajama::ENTRIES,
];

/// Every rule, family by family.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().copied().flatten()
}

/// The rule of that name.
pub fn find(name: &str) -> Option<&'static Entry> {
    entries().find(|entry| entry.name == name)
}

/// Makes the rule of that name with all columns.
///
/// # Errors
/// When there is no such rule, or its configuration is not understood.
///
/// ```
/// use gristmill_core::signals::{Rule, make};
/// let rule = make("gopher_quality", &serde_json::json!({ "stop_words": ["der", "und"] })).unwrap();
/// assert!(matches!(rule, Rule::Signal(_)));
/// assert!(make("gopher_quality", &serde_json::json!({ "min_words": 50 })).is_err());
/// ```
pub fn make(name: &str, config: &Json) -> Result<Rule, String> {
    let entry = find(name).ok_or_else(|| format!("there is no rule `{name}`"))?;
    (entry.make)(&Setup {
        config,
        wanted: Wanted::ALL,
        files: &ListFiles::new(),
    })
}
