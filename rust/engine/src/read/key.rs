//! Document keys of one file, also for records too large to hold.

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Computes [`gristmill_core::hash::document_key`] for the records of one file, from pieces where needed.
#[derive(Clone)]
pub(super) struct FileKeys {
    /// The state after source name and path.
    prefix: Xxh3,
}

impl FileKeys {
    pub(super) fn new(source: &str, relative_path: &str) -> Self {
        let mut prefix = Xxh3::new();
        for part in [source.as_bytes(), relative_path.as_bytes()] {
            prefix.update(&(part.len() as u64).to_le_bytes());
            prefix.update(part);
        }
        Self { prefix }
    }

    pub(super) fn key(&self, row: u64, content: &[u8]) -> u128 {
        let mut hasher = self.prefix.clone();
        hasher.update(&row.to_le_bytes());
        hasher.update(content);
        hasher.digest128()
    }

    pub(super) fn streamed(&self, row: u64) -> StreamedRecord {
        let mut key = self.prefix.clone();
        key.update(&row.to_le_bytes());
        StreamedRecord {
            key,
            raw: Xxh3::new(),
            bytes: 0,
        }
    }
}

/// A record that is hashed while it streams past.
pub(super) struct StreamedRecord {
    key: Xxh3,
    raw: Xxh3,
    bytes: u64,
}

impl StreamedRecord {
    pub(super) fn update(&mut self, piece: &[u8]) {
        self.key.update(piece);
        self.raw.update(piece);
        self.bytes += piece.len() as u64;
    }

    /// Returns the document key, the hash of the raw bytes, and their number.
    pub(super) fn finish(&self) -> (u128, u128, u64) {
        (self.key.digest128(), self.raw.digest128(), self.bytes)
    }
}

/// Returns the hash by which an unreadable record's raw bytes can be recognised.
pub(super) fn raw_hash(raw: &[u8]) -> u128 {
    xxh3_128(raw)
}

#[cfg(test)]
mod tests {
    use gristmill_core::hash::{content_hash, document_key};

    use super::*;

    #[test]
    fn keys_from_pieces_are_document_keys() {
        let keys = FileKeys::new("web", "a/b.jsonl");
        let content = "x".repeat(3000);
        assert_eq!(
            keys.key(7, content.as_bytes()),
            document_key("web", "a/b.jsonl", 7, content.as_bytes())
        );
        let mut streamed = keys.streamed(7);
        content
            .as_bytes()
            .chunks(77)
            .for_each(|piece| streamed.update(piece));
        let expected = (
            keys.key(7, content.as_bytes()),
            content_hash(content.as_bytes()),
            3000,
        );
        assert_eq!(streamed.finish(), expected);
    }
}
