//! Where both formats put a record: the rules that do not depend on the format.

use super::batch::excerpt;
use super::columns::{ColumnValues, scalar_text};
use super::floats::FloatLists;
use super::key::{FileKeys, raw_hash};
use super::{RawBatch, ReaderConfig, RecordFault, Unreadable};

/// Appends the value of a named field to a column of lists.
pub(super) type FloatReader<'read> = dyn Fn(&str, &mut FloatLists) + 'read;

/// Numbers records and appends them to a batch.
pub(super) struct Sink {
    pub(super) config: ReaderConfig,
    pub(super) keys: FileKeys,
    pub(super) next_row: u64,
    /// Values that were not of their column's kind, by column.
    pub(super) num_mismatches: Vec<u64>,
}

/// Where a record stands, for messages.
pub(super) struct RawRecord<'raw> {
    pub(super) raw: &'raw [u8],
    pub(super) byte_offset: Option<u64>,
}

impl Sink {
    pub(super) fn new(config: ReaderConfig) -> Self {
        let keys = FileKeys::new(&config.source, &config.relative_path);
        let num_mismatches = vec![0; config.columns.len()];
        Self {
            config,
            keys,
            next_row: 0,
            num_mismatches,
        }
    }

    /// True when the batch holds enough.
    pub(super) fn is_full(&self, batch: &RawBatch) -> bool {
        batch.num_records() >= self.config.batch_rows || batch.num_bytes() >= self.config.batch_bytes
    }

    /// Appends a readable record whose text already stands at the end of the batch's buffer.
    ///
    /// `value_of` gives the JSON of a field by name; `metadata` is empty where there is none. `floats` appends to a
    /// column of lists; without it they are read as JSON, too.
    pub(super) fn push_readable<'json>(
        &mut self,
        batch: &mut RawBatch,
        id_json: Option<&str>,
        metadata: &str,
        value_of: impl Fn(&str) -> Option<&'json str>,
        floats: Option<&FloatReader<'_>>,
    ) {
        let row = self.take_row();
        let text_start = batch.text_mark();
        batch.rows.push(row);
        batch
            .keys
            .push(self.keys.key(row, &batch.text.as_bytes()[text_start..]));
        batch.text_offsets.push(batch.text.len() as u64);
        let id_json = id_json.filter(|&json| json != "null");
        let id = id_json.map(|json| scalar_text(json).unwrap_or(json.into()));
        batch.ids.push(id.as_deref());
        batch
            .metadata
            .push(Some(metadata).filter(|metadata| !metadata.is_empty()));
        let columns = batch
            .columns
            .iter_mut()
            .zip(&self.config.columns)
            .zip(&mut self.num_mismatches);
        for ((values, column), num_mismatches) in columns {
            if let (ColumnValues::Floats(lists), Some(floats)) = (&mut *values, floats) {
                floats(&column.name, lists);
                continue;
            }
            if !values.push_json(value_of(&column.name)) {
                *num_mismatches += 1;
            }
        }
    }

    /// Appends a record that stays unreadable, and drops what it had put into the text buffer.
    pub(super) fn push_unreadable(
        &mut self,
        batch: &mut RawBatch,
        record: &RawRecord<'_>,
        fault: RecordFault,
        detail: String,
    ) {
        batch.text.truncate(batch.text_mark());
        let row = self.take_row();
        batch.unreadable.push(Unreadable {
            row,
            key: self.keys.key(row, record.raw),
            fault,
            detail,
            byte_offset: record.byte_offset,
            raw_hash: raw_hash(record.raw),
            raw_bytes: record.raw.len() as u64,
            excerpt: excerpt(record.raw),
        });
    }

    pub(super) fn take_row(&mut self) -> u64 {
        self.next_row += 1;
        self.next_row - 1
    }

    /// Stands for a file that holds nothing, so that it is counted and seen.
    pub(super) fn push_empty_file(&mut self, batch: &mut RawBatch) {
        let record = RawRecord {
            raw: b"",
            byte_offset: Some(0),
        };
        self.push_unreadable(
            batch,
            &record,
            RecordFault::EmptyFile,
            "the file holds no bytes".to_owned(),
        );
    }
}
