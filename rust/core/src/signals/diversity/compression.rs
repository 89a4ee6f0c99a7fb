//! The rule `compression_ratio`: what DEFLATE makes of a text.

use crate::signals::{Column, Document, Entry, Setup, Signal, Value, Wanted, float, share};
use flate2::{Compress, Compression, FlushCompress, Status};
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 2] = [
    float(
        "compression_ratio",
        "Bytes of the text as a zlib stream, by its bytes in UTF-8; above 0, above 1 if very short; null for an empty text.",
    ),
    float(
        "characters_per_byte",
        "Characters by bytes in UTF-8, in [0.25, 1]; null for an empty text.",
    ),
];

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    /// 1 (fast) to 9 (small).
    pub(super) level: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { level: 6 }
    }
}

struct CompressionRatio {
    wanted: Wanted,
    compress: Compress,
    /// Room for the stream. Where the stream is cut depends on the room, so there is always enough for all of it.
    stream: Vec<u8>,
}

impl CompressionRatio {
    fn num_compressed(&mut self, text: &[u8]) -> u64 {
        self.compress.reset();
        self.stream.clear();
        loop {
            // What cannot be compressed grows by an eighth at most.
            self.stream.reserve(text.len() + text.len() / 8 + SPARE_BYTES);
            let rest = text.get(self.compress.total_in() as usize..).unwrap_or_default();
            match self
                .compress
                .compress_vec(rest, &mut self.stream, FlushCompress::Finish)
            {
                Ok(Status::Ok) => {}
                // With room in the buffer and all of the text there, the only other outcome is the stream's end.
                _ => return self.compress.total_out(),
            }
        }
    }
}

/// For the header, the checksum and the ends of blocks.
const SPARE_BYTES: usize = 1024;

impl Signal for CompressionRatio {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let text = document.text().as_bytes();
        if text.is_empty() {
            out.extend([Value::Null; 2]);
            return;
        }
        let ratio = match self.wanted.has(0) {
            true => Value::Float64(self.num_compressed(text) as f64 / text.len() as f64),
            false => Value::Null,
        };
        out.extend([
            ratio,
            Value::Float64(share(document.segmentation().num_chars(), text.len())),
        ]);
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "compression_ratio",
    columns: &COLUMNS,
    make: |setup| {
        let config: Config = setup.config()?;
        if !(1..=9).contains(&config.level) {
            return Err(format!("`level` is {}, not between 1 and 9", config.level));
        }
        Setup::signal(CompressionRatio {
            wanted: setup.wanted,
            compress: Compress::new(Compression::new(config.level), true),
            stream: Vec::new(),
        })
    },
    #[cfg(test)]
    reference: super::reference::compression,
    #[cfg(test)]
    variants: &["{}", r#"{"level": 1}"#, r#"{"level": 9}"#],
};
