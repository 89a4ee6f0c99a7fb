//! Records in plain columns: what a reader fills and the map stage takes apart.

use super::columns::ColumnValues;

/// A column of optional strings in one buffer.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Strings {
    bytes: String,
    /// End of each string in `bytes`.
    ends: Vec<u64>,
    is_valid: Vec<bool>,
}

impl Strings {
    /// Appends one value.
    pub fn push(&mut self, value: Option<&str>) {
        self.bytes.push_str(value.unwrap_or_default());
        self.ends.push(self.bytes.len() as u64);
        self.is_valid.push(value.is_some());
    }

    /// Returns the value at `index`; null beyond the end too.
    pub fn get(&self, index: usize) -> Option<&str> {
        if !*self.is_valid.get(index)? {
            return None;
        }
        let start = index.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        self.bytes
            .get(usize::try_from(start).ok()?..usize::try_from(self.ends[index]).ok()?)
    }

    /// Number of values, nulls included.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True when there is no value.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.is_valid.clear();
    }
}

/// Why one record cannot become a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordFault {
    /// The line is not one JSON value.
    InvalidJson,
    /// The line, or the text, is not UTF-8.
    InvalidUtf8,
    /// A `\ud800`-`\udfff` escape without its partner: it stands for no character.
    LoneSurrogate,
    /// Lists or objects inside each other beyond [`super::MAX_DEPTH`].
    TooDeep,
    /// The line is JSON but not an object.
    NotAnObject,
    /// The text field is not there.
    MissingText,
    /// The text field is null.
    TextIsNull,
    /// The text field is a number, boolean, list or object.
    TextNotAString,
    /// The record, or its text, is longer than the limit.
    TooLarge,
    /// The file holds nothing at all: one such record stands for it.
    EmptyFile,
    /// There are no turns where they should be.
    NoTurns,
    /// A turn is not what a turn has to be.
    BadTurn,
    /// A turn has a role that is not known.
    UnknownRole,
    /// The assistant says nothing in one of its turns.
    EmptyAssistantTurn,
    /// The assistant has no turn.
    NoAssistantTurn,
    /// The descriptions of tools are no list of objects.
    BadTools,
}

impl RecordFault {
    /// The name that reaches `rejects/` as the rule.
    pub fn code(self) -> &'static str {
        match self {
            Self::InvalidJson => "invalid_json",
            Self::InvalidUtf8 => "invalid_utf8",
            Self::LoneSurrogate => "lone_surrogate",
            Self::TooDeep => "too_deep",
            Self::NotAnObject => "not_an_object",
            Self::MissingText => "missing_text",
            Self::TextIsNull => "text_is_null",
            Self::TextNotAString => "text_not_a_string",
            Self::TooLarge => "too_large",
            Self::EmptyFile => "empty_file",
            Self::NoTurns => "no_turns",
            Self::BadTurn => "bad_turn",
            Self::UnknownRole => "unknown_role",
            Self::EmptyAssistantTurn => "empty_assistant_turn",
            Self::NoAssistantTurn => "no_assistant_turn",
            Self::BadTools => "bad_tools",
        }
    }
}

/// A record that goes to quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Number of the record in the file.
    pub row: u64,
    /// [`gristmill_core::hash::document_key`] over the raw bytes.
    pub key: u128,
    /// What is wrong.
    pub fault: RecordFault,
    /// What is wrong, in words, with positions where known.
    pub detail: String,
    /// Where the record starts in the decompressed stream; null for Parquet.
    pub byte_offset: Option<u64>,
    /// XXH3-128 of the raw bytes.
    pub raw_hash: u128,
    /// Number of raw bytes.
    pub raw_bytes: u64,
    /// The first [`EXCERPT_CHARACTERS`] characters, undecodable bytes replaced by U+FFFD.
    pub excerpt: String,
}

/// Length of the excerpt of an unreadable record.
pub const EXCERPT_CHARACTERS: usize = 600;

/// Decodes the beginning of a record for human eyes.
pub(super) fn excerpt(raw: &[u8]) -> String {
    let head = &raw[..raw.len().min(EXCERPT_CHARACTERS * 4)];
    String::from_utf8_lossy(head)
        .chars()
        .take(EXCERPT_CHARACTERS)
        .collect()
}

/// Some consecutive records of a file. Readable and unreadable ones each stand in row order; together their
/// rows are consecutive.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RawBatch {
    /// Row of each readable record.
    pub rows: Vec<u64>,
    /// Document key of each readable record, over its text as read.
    pub keys: Vec<u128>,
    /// The user's own identifiers.
    pub ids: Strings,
    /// All texts, one after the other.
    pub text: String,
    /// Start of each text in `text`, and the end of the last: one more than there are readable records.
    pub text_offsets: Vec<u64>,
    /// JSON object of all fields but text and id; null if there are none.
    pub metadata: Strings,
    /// The turns of each record as JSON; empty where records have none.
    pub turns: Strings,
    /// The extracted columns, in the order of the configuration.
    pub columns: Vec<ColumnValues>,
    /// The records that cannot become documents.
    pub unreadable: Vec<Unreadable>,
}

impl RawBatch {
    /// Number of readable records.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True when there is no record at all, readable or not.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.unreadable.is_empty()
    }

    /// Returns the text of the readable record at `index` of this batch.
    pub fn document(&self, index: usize) -> &str {
        let bounds = (
            self.text_offsets[index] as usize,
            self.text_offsets[index + 1] as usize,
        );
        &self.text[bounds.0..bounds.1]
    }

    pub(super) fn reset(&mut self, columns: &[super::ColumnSpec]) {
        self.rows.clear();
        self.keys.clear();
        self.ids.clear();
        self.text.clear();
        self.text_offsets.clear();
        self.text_offsets.push(0);
        self.metadata.clear();
        self.turns.clear();
        self.unreadable.clear();
        if self.columns.len() == columns.len()
            && self
                .columns
                .iter()
                .zip(columns)
                .all(|(values, column)| values.kind() == column.kind)
        {
            self.columns.iter_mut().for_each(ColumnValues::clear);
        } else {
            self.columns = columns
                .iter()
                .map(|column| ColumnValues::new(column.kind))
                .collect();
        }
    }

    pub(super) fn num_records(&self) -> usize {
        self.rows.len() + self.unreadable.len()
    }

    pub(super) fn num_bytes(&self) -> usize {
        self.text.len() + self.metadata.bytes.len() + self.turns.bytes.len()
    }

    /// End of the text written so far; what stands behind it belongs to the record being read.
    pub(super) fn text_mark(&self) -> usize {
        self.text_offsets.last().map_or(0, |&end| end as usize)
    }
}
