//! Documents from JSON Lines, plain or compressed.

use std::path::Path;

use super::decompress::Content;
use super::json::{push_compact, push_string};
use super::lines::{Line, Lines};
use super::record::{FieldNames, Fields, TextField, parse};
use super::sink::{RawRecord, Sink};
use super::{Compression, FileDigest, RawBatch, ReadError, ReaderConfig, RecordFault, Unreadable};

/// A line may hold this much beside a text of the largest size, whose escapes may double its length.
const LINE_ALLOWANCE_BYTES: usize = 64 * 1024;

/// Streams a JSON Lines file.
pub(super) struct JsonlReader {
    sink: Sink,
    lines: Lines,
    num_blank_lines: u64,
    /// Compacted metadata of the record at hand.
    metadata: String,
    is_done: bool,
}

impl JsonlReader {
    pub(super) fn open(config: ReaderConfig, compression: Compression) -> Result<Self, ReadError> {
        let content = Content::open(&config.path, compression)?;
        let limit_bytes = config
            .max_document_bytes
            .saturating_mul(2)
            .saturating_add(LINE_ALLOWANCE_BYTES);
        let lines = Lines::new(content, limit_bytes);
        Ok(Self {
            sink: Sink::new(config),
            lines,
            num_blank_lines: 0,
            metadata: String::new(),
            is_done: false,
        })
    }

    pub(super) fn fill(&mut self, batch: &mut RawBatch) -> Result<(), ReadError> {
        let path = self.sink.config.path.clone();
        while !self.is_done && !self.sink.is_full(batch) {
            match self.lines.next_line(&path)? {
                None => self.is_done = true,
                Some((_, Line::Whole(line))) if line.trim_ascii().is_empty() => self.num_blank_lines += 1,
                Some((offset, Line::Whole(line))) => {
                    let record = RawRecord {
                        raw: line,
                        byte_offset: Some(offset),
                    };
                    read_record(&mut self.sink, &mut self.metadata, &record, batch);
                }
                Some((offset, Line::TooLong(head))) => {
                    let excerpt = super::batch::excerpt(head);
                    self.skip_long_line(&path, offset, excerpt, batch)?;
                }
            }
        }
        let is_empty_file = self.lines.is_empty() && self.sink.next_row == 0;
        if self.is_done && is_empty_file {
            self.sink.push_empty_file(batch);
        }
        Ok(())
    }

    fn skip_long_line(
        &mut self,
        path: &Path,
        offset: u64,
        excerpt: String,
        batch: &mut RawBatch,
    ) -> Result<(), ReadError> {
        let row = self.sink.take_row();
        let mut streamed = self.sink.keys.streamed(row);
        self.lines.skip_line(path, |piece| streamed.update(piece))?;
        let (key, raw_hash, raw_bytes) = streamed.finish();
        let limit = self.sink.config.max_document_bytes;
        batch.unreadable.push(Unreadable {
            row,
            key,
            fault: RecordFault::TooLarge,
            detail: format!("the line has {raw_bytes} bytes, too many for a text of at most {limit}"),
            byte_offset: Some(offset),
            raw_hash,
            raw_bytes,
            excerpt,
        });
        Ok(())
    }

    pub(super) fn digest(&self) -> FileDigest {
        FileDigest {
            bytes: self.lines.content().stored_bytes(),
            blake3_hex: self.lines.content().stored_blake3(),
            records: self.sink.next_row,
            blank_lines: self.num_blank_lines,
            mismatches: self.sink.num_mismatches.clone(),
        }
    }

    #[cfg(test)]
    pub(super) fn line_buffer_bytes(&self) -> usize {
        self.lines.buffer_bytes()
    }
}

fn read_record(sink: &mut Sink, metadata: &mut String, record: &RawRecord<'_>, batch: &mut RawBatch) {
    let mut turns = String::new();
    match try_record(sink, metadata, record, batch, &mut turns) {
        Ok(fields) => {
            let id_field = sink.config.id_field.clone();
            let value_of = |name: &str| {
                field_of(&fields, name).or(fields.id.filter(|_| id_field.as_deref() == Some(name)))
            };
            sink.push_readable(batch, fields.id, metadata, value_of, None);
            if sink.config.turns.is_some() {
                batch.turns.push(Some(&turns));
            }
        }
        Err((fault, detail)) => sink.push_unreadable(batch, record, fault, detail),
    }
}

fn try_record<'line>(
    sink: &Sink,
    metadata: &mut String,
    record: &RawRecord<'line>,
    batch: &mut RawBatch,
    turns_json: &mut String,
) -> Result<Fields<'line>, (RecordFault, String)> {
    let line = std::str::from_utf8(record.raw).map_err(|error| {
        let detail = format!("the line is not UTF-8 from its byte {} on", error.valid_up_to());
        (RecordFault::InvalidUtf8, detail)
    })?;
    let config = &sink.config;
    let names = FieldNames {
        // The text of turns stands in no field of its own.
        text: config.turns.is_none().then_some(config.text_field.as_str()),
        id: config.id_field.as_deref(),
    };
    let fields = parse(line, names, &mut batch.text)?;
    let field = &config.text_field;
    match fields.text {
        _ if config.turns.is_some() => {}
        TextField::Read => {}
        TextField::Missing => return Err((RecordFault::MissingText, format!("there is no field `{field}`"))),
        TextField::Null => return Err((RecordFault::TextIsNull, format!("`{field}` is null"))),
        TextField::NotAString(found) => {
            return Err((RecordFault::TextNotAString, format!("`{field}` is {found}")));
        }
    }
    check_length(batch, config.max_document_bytes)?;
    collect_metadata(&fields, metadata)?;
    if let Some(turns) = &config.turns {
        turns.collect(|name| field_of(&fields, name), &mut batch.text, turns_json)?;
        check_length(batch, config.max_document_bytes)?;
    }
    Ok(fields)
}

pub(super) fn check_length(batch: &RawBatch, max_document_bytes: usize) -> Result<(), (RecordFault, String)> {
    let text_bytes = batch.text.len() - batch.text_mark();
    if text_bytes > max_document_bytes {
        let detail = format!("the text has {text_bytes} bytes, more than {max_document_bytes}");
        return Err((RecordFault::TooLarge, detail));
    }
    Ok(())
}

fn field_of<'line>(fields: &Fields<'line>, name: &str) -> Option<&'line str> {
    let found = fields.others.iter().find(|(key, _)| key == name);
    found.map(|&(_, json)| json)
}

/// Checks all other fields and writes them as one compact object; nothing where there are none.
fn collect_metadata(fields: &Fields<'_>, metadata: &mut String) -> Result<(), (RecordFault, String)> {
    metadata.clear();
    for (key, json) in &fields.others {
        metadata.push(if metadata.is_empty() { '{' } else { ',' });
        push_string(key, metadata);
        metadata.push(':');
        push_compact(json, metadata).map_err(|fault| {
            let what = match fault {
                RecordFault::TooDeep => "is nested too deeply",
                _ => "holds half of a surrogate pair",
            };
            (fault, format!("field `{key}` {what}"))
        })?;
    }
    if !fields.others.is_empty() {
        metadata.push('}');
    }
    Ok(())
}
