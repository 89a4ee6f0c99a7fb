//! Lines of a stream, with a bound on the memory that one line may take.

use std::path::Path;

use super::ReadError;
use super::decompress::Content;

const CHUNK_BYTES: usize = 256 * 1024;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A line, without its line feed.
pub(super) enum Line<'buffer> {
    /// All of it.
    Whole(&'buffer [u8]),
    /// More than the limit; [`Lines::skip_line`] must follow. This is its beginning.
    TooLong(&'buffer [u8]),
}

/// Splits content into lines. Memory: at most the limit and two chunks of 256 KiB.
pub(super) struct Lines {
    content: Content,
    buffer: Vec<u8>,
    /// The unread part of `buffer`.
    start: usize,
    end: usize,
    /// Position of `buffer[start]` in the stream.
    offset: u64,
    limit_bytes: usize,
    is_at_end: bool,
    is_begun: bool,
}

impl Lines {
    pub(super) fn new(content: Content, limit_bytes: usize) -> Self {
        let buffer = vec![0; CHUNK_BYTES];
        Self {
            content,
            buffer,
            start: 0,
            end: 0,
            offset: 0,
            limit_bytes,
            is_at_end: false,
            is_begun: false,
        }
    }

    pub(super) fn content(&self) -> &Content {
        &self.content
    }

    /// True when the stream ended without one byte.
    pub(super) fn is_empty(&self) -> bool {
        self.is_at_end && self.offset == 0 && self.start == self.end
    }

    /// Returns the next line and where it starts in the stream; nothing at the end.
    pub(super) fn next_line(&mut self, path: &Path) -> Result<Option<(u64, Line<'_>)>, ReadError> {
        self.skip_byte_order_mark(path)?;
        let mut searched = 0;
        let (length, is_terminated) = loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(found) = memchr::memchr(b'\n', &unread[searched..]) {
                break (searched + found, true);
            }
            searched = unread.len();
            if searched > self.limit_bytes {
                return Ok(Some((
                    self.offset,
                    Line::TooLong(&self.buffer[self.start..self.end]),
                )));
            }
            if self.is_at_end {
                if searched == 0 {
                    return Ok(None);
                }
                break (searched, false);
            }
            self.fill(path)?;
        };
        if length > self.limit_bytes {
            return Ok(Some((
                self.offset,
                Line::TooLong(&self.buffer[self.start..self.start + length]),
            )));
        }
        let (line_start, line_offset) = (self.start, self.offset);
        self.advance(length + usize::from(is_terminated));
        Ok(Some((
            line_offset,
            Line::Whole(&self.buffer[line_start..line_start + length]),
        )))
    }

    /// Streams past the rest of the current line, handing out its pieces from its beginning on.
    pub(super) fn skip_line(&mut self, path: &Path, mut piece: impl FnMut(&[u8])) -> Result<(), ReadError> {
        loop {
            let unread = &self.buffer[self.start..self.end];
            if let Some(found) = memchr::memchr(b'\n', unread) {
                piece(&unread[..found]);
                self.advance(found + 1);
                return Ok(());
            }
            piece(unread);
            self.advance(self.end - self.start);
            if self.is_at_end {
                return Ok(());
            }
            self.fill(path)?;
        }
    }

    fn skip_byte_order_mark(&mut self, path: &Path) -> Result<(), ReadError> {
        if self.is_begun {
            return Ok(());
        }
        self.is_begun = true;
        while self.end < BYTE_ORDER_MARK.len() && !self.is_at_end {
            self.fill(path)?;
        }
        if self.buffer[..self.end].starts_with(BYTE_ORDER_MARK) {
            self.advance(BYTE_ORDER_MARK.len());
        }
        Ok(())
    }

    fn advance(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }

    /// Reads more behind the unread part, making room first.
    fn fill(&mut self, path: &Path) -> Result<(), ReadError> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            // The unread part is within the limit here: `next_line` gives up on a longer one.
            let grown = (self.buffer.len() * 2)
                .min(self.limit_bytes + CHUNK_BYTES)
                .max(self.end + CHUNK_BYTES);
            self.buffer.reserve_exact(grown - self.buffer.len());
            self.buffer.resize(grown, 0);
        }
        let count = self.content.read(path, &mut self.buffer[self.end..])?;
        self.end += count;
        self.is_at_end = count == 0;
        Ok(())
    }

    /// Memory held for lines, for the test of its bound.
    #[cfg(test)]
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer.capacity()
    }
}
