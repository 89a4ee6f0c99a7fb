//! The description of a map task, as the plan writes it in JSON. Unknown fields are refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use arrow_schema::DataType;
use gristmill_core::minhash::MinHashConfig;
use gristmill_core::signals::{Column, Entry, find};
use gristmill_core::text::clean::CleanConfig;
use gristmill_core::units::Normalisation;
use serde::Deserialize;

use crate::commit::TaskPlace;
use crate::map::supervised::LabelSpec;
use crate::map::token_statistics;
use crate::map::vectors::SemanticSpec;
use crate::read::TurnsSpec;
use crate::tokenise::TokenizerSpec;

/// Everything a map task depends on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// The source that its files belong to.
    pub source: SourceSpec,
    /// Its input files, in plan order.
    pub files: Vec<FileSpec>,
    /// Longer documents are quarantined.
    pub max_document_bytes: u64,
    /// Text bytes after which a batch is full.
    pub batch_bytes: usize,
    /// Rows after which a batch is full.
    pub batch_rows: usize,
    /// Characters of a text that a reject shows.
    pub excerpt_characters: usize,
    /// Memory for sorting dedup keys.
    pub sort_memory_bytes: u64,
    /// What happens to each document, in order.
    pub steps: Vec<StepSpec>,
    /// Whether exact duplicates will be looked for.
    pub exact: bool,
    /// What of a text an exact duplicate has to equal.
    #[serde(default)]
    pub exact_normalise: Normalisation,
    /// Whether near duplicates will be looked for, and how.
    pub minhash: Option<MinHashConfig>,
    /// Whether near duplicates will be looked for by an embedding, and how.
    #[serde(default)]
    pub semantic: Option<SemanticSpec>,
    /// The tokenizer, where shingles are made of its ids.
    #[serde(default)]
    pub shingle_tokenizer: Option<TokenizerSpec>,
    /// Which of several duplicates survives.
    pub rank: RankSpec,
    /// The class of each document, where documents have one.
    #[serde(default)]
    pub label: Option<LabelSpec>,
    /// Whether turns are rendered by a chat template, outside the engine.
    #[serde(default)]
    pub chat: bool,
}

/// The source of a partition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Name in the recipe.
    pub name: String,
    /// Position in the recipe.
    pub ordinal: u16,
    /// Field that holds the text.
    pub text: String,
    /// Field that holds the user's identifier.
    pub id: Option<String>,
    /// Where the turns of its records are, if they have any; they are the text then.
    #[serde(default)]
    pub turns: Option<TurnsSpec>,
    /// Fields that become typed columns.
    pub columns: Vec<OutputSpec>,
    /// `jsonl`, `parquet`, or none to go by the suffix; ignored for files that a plugin reads.
    pub format: Option<String>,
    /// True when a plugin reads the files and hands batches over.
    pub foreign: bool,
}

/// One input file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSpec {
    /// Position among all files of the plan; the upper 24 bits of `doc`.
    pub ordinal: u32,
    /// Where it is.
    pub path: PathBuf,
    /// Its name inside its source, which enters `key`.
    pub relative_path: String,
}

/// One step of the recipe.
#[derive(Deserialize)]
#[serde(try_from = "RawStep")]
pub struct StepSpec {
    /// Name, unique in the recipe; prefixes its columns.
    pub name: String,
    /// Documents that it edits; all of them when empty.
    pub conditions: Vec<Condition>,
    /// What it does.
    pub operator: Operator,
}

/// What a step does.
pub enum Operator {
    /// Repairs text.
    Clean(CleanConfig),
    /// A rule of the registry.
    Rule {
        /// Which one.
        entry: &'static Entry,
        /// Its computing keys.
        config: serde_json::Value,
        /// Positions of the columns that are stored, ascending.
        columns: Vec<usize>,
        /// Files that it computes with, by the key that names them.
        files: BTreeMap<String, Vec<ListFileSpec>>,
    },
    /// Counts token ids.
    TokenStatistics {
        /// Whose.
        tokenizer: TokenizerSpec,
        /// Positions of the columns that are stored, ascending.
        columns: Vec<usize>,
    },
    /// A step that runs outside the engine.
    Plugin(PluginSpec),
}

/// A file that a rule computes with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListFileSpec {
    /// Name without its folder.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Digest of its content when the run was planned.
    pub digest: String,
}

/// A step as it stands in the plan.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    name: String,
    #[serde(default, rename = "where")]
    conditions: Vec<Condition>,
    #[serde(rename = "use")]
    operator: String,
    config: serde_json::Value,
    /// Columns of a rule that are wanted; all of them when absent.
    #[serde(default)]
    columns: Option<Vec<String>>,
    /// Files of a rule, by the key that names them.
    #[serde(default)]
    files: BTreeMap<String, Vec<ListFileSpec>>,
    /// The tokenizer of a step that counts its ids.
    #[serde(default)]
    tokenizer: Option<TokenizerSpec>,
}

impl RawStep {
    /// Positions of the wanted ones among a step's columns, ascending.
    fn positions(&self, all: &[Column]) -> Result<Vec<usize>, String> {
        let mut columns: Vec<usize> = (0..all.len()).collect();
        if let Some(wanted) = &self.columns {
            columns.retain(|&position| wanted.iter().any(|name| name == all[position].name));
            if columns.len() != wanted.len() {
                return Err(format!("`{}` lacks one of the columns {wanted:?}", self.operator));
            }
        }
        Ok(columns)
    }
}

impl TryFrom<RawStep> for StepSpec {
    type Error = String;

    fn try_from(raw: RawStep) -> Result<Self, String> {
        let fits = |error: serde_json::Error| format!("`{}`: {error}", raw.name);
        let operator = match raw.operator.as_str() {
            "clean" => Operator::Clean(serde_json::from_value(raw.config).map_err(fits)?),
            "plugin" => Operator::Plugin(serde_json::from_value(raw.config).map_err(fits)?),
            token_statistics::NAME if raw.config != serde_json::json!({}) => {
                return Err(format!(
                    "`{}`: its tokenizer is all that it computes with",
                    raw.name
                ));
            }
            token_statistics::NAME => Operator::TokenStatistics {
                columns: raw.positions(token_statistics::COLUMNS)?,
                tokenizer: raw
                    .tokenizer
                    .ok_or_else(|| format!("`{}` needs a tokenizer", raw.name))?,
            },
            name => {
                let entry = find(name).ok_or_else(|| format!("there is no rule `{name}`"))?;
                Operator::Rule {
                    entry,
                    columns: raw.positions(entry.columns)?,
                    config: raw.config,
                    files: raw.files,
                }
            }
        };
        Ok(Self {
            name: raw.name,
            conditions: raw.conditions,
            operator,
        })
    }
}

/// A step that runs outside the engine: what it reads and gives back.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginSpec {
    /// Columns that it is given; `text` or any column made before it.
    pub inputs: Vec<String>,
    /// Columns that it gives back, named without the step.
    pub outputs: Vec<OutputSpec>,
    /// Whether it may give back new text.
    pub edits_text: bool,
}

/// A column that a reader extracts or a plugin gives back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// Name without the step.
    pub name: String,
    /// Type of its values.
    pub kind: OutputKind,
}

/// Types that such a column may have; a reader extracts `float64`, `int64`, `bool` and `utf8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputKind {
    /// 32-bit floats.
    Float32,
    /// 64-bit floats.
    Float64,
    /// 32-bit integers.
    Int32,
    /// 64-bit integers.
    Int64,
    /// Counts.
    UInt32,
    /// Counts beyond four billion.
    UInt64,
    /// Facts.
    Bool,
    /// Strings.
    Utf8,
}

impl OutputKind {
    /// The Arrow type of a plugin's column: as [`Self::data_type`], with 64-bit offsets for strings, as plugins give them.
    pub fn plugin_data_type(self) -> DataType {
        match self {
            Self::Utf8 => DataType::LargeUtf8,
            other => other.data_type(),
        }
    }

    /// The Arrow type of an extracted column.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Float32 => DataType::Float32,
            Self::Float64 => DataType::Float64,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::UInt64 => DataType::UInt64,
            Self::UInt32 => DataType::UInt32,
            Self::Bool => DataType::Boolean,
            Self::Utf8 => DataType::Utf8,
        }
    }
}

/// A document meets the condition when its `column` holds one of the values.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Extracted or signal column.
    pub column: String,
    /// Strings, numbers or booleans; never null.
    pub any_of: Vec<serde_json::Value>,
}

/// How the `rank` of a document is found; larger survives.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RankSpec {
    /// All equal: input order decides.
    First,
    /// Later documents are better.
    Last,
    /// More bytes of text are better.
    Longest,
    /// A larger value of the column is better; null is worst.
    Highest(String),
    /// A smaller value of the column is better; null is worst.
    Lowest(String),
    /// The same for the whole partition: preferred sources.
    Constant(u64),
}
