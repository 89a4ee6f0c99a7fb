//! A text as a sequence of words, each with what stands between it and the next, so that equal words are equal bytes.

use super::Units;
use super::bits::Bits;
use crate::segment::{HAS_LETTER, HAS_NUMBER, Segmentation, hash_bytes};

/// Documents as numbers of words.
///
/// A word is a token of [`crate::segment`] with a letter or a number. The text of a document is cut where words start,
/// the first word beginning with the text; a piece is a symbol, and pieces of the same bytes have the same number. A
/// document without words has no symbols.
#[derive(Debug)]
pub struct Words {
    /// The words of all documents, by number.
    pub symbols: Vec<u32>,
    /// Where each word starts in its document, in bytes.
    pub starts: Vec<u32>,
    /// Ends of the documents in `symbols`, from 0 on.
    pub bounds: Vec<u32>,
    /// Number of different words.
    pub alphabet: usize,
    line_starts: Bits,
}

impl Units for Words {
    fn is_boundary(&self, _position: usize) -> bool {
        true
    }

    fn is_line_start(&self, position: usize) -> bool {
        position < self.symbols.len() && self.line_starts.get(position)
    }
}

/// Collects documents for [`Words`]. Memory: 8 bytes a word, 4 a document, and 16 a different word beside its bytes.
///
/// ```
/// use gristmill_core::repeats::WordsBuilder;
/// use gristmill_core::segment::{Segmentation, Segmenter};
/// let segmenter = Segmenter::default();
/// let mut segmentation = Segmentation::default();
/// let mut builder = WordsBuilder::default();
/// for text in ["one, two\n", "two\none, two\n"] {
///     segmenter.segment(text, &mut segmentation);
///     builder.push(text, &segmentation);
/// }
/// let words = builder.finish();
/// assert_eq!(words.symbols, [0, 1, 1, 0, 1]); // `one, ` and `two\n`
/// assert_eq!(words.starts, [0, 5, 0, 4, 9]);
/// assert_eq!(words.bounds, [0, 2, 5]);
/// ```
#[derive(Debug)]
pub struct WordsBuilder {
    symbols: Vec<u32>,
    starts: Vec<u32>,
    bounds: Vec<u32>,
    known: Known,
}

impl Default for WordsBuilder {
    fn default() -> Self {
        Self {
            symbols: Vec::new(),
            starts: Vec::new(),
            bounds: vec![0],
            known: Known::default(),
        }
    }
}

impl WordsBuilder {
    /// Number of words so far.
    pub fn num_words(&self) -> usize {
        self.symbols.len()
    }

    /// Bytes of memory held so far.
    pub fn held_bytes(&self) -> usize {
        8 * self.symbols.capacity()
            + 4 * self.bounds.capacity()
            + self.known.bytes.capacity()
            + 4 * (self.known.ends.capacity() + self.known.slots.capacity())
    }

    /// Adds a document.
    pub fn push(&mut self, text: &str, segmentation: &Segmentation) {
        let is_word = |&(_, flags): &(&u32, &u8)| flags & (HAS_LETTER | HAS_NUMBER) != 0;
        let mut words = segmentation
            .starts()
            .iter()
            .zip(segmentation.flags())
            .filter(is_word);
        let mut start = 0;
        let mut is_last = words.next().is_none();
        while !is_last {
            let next = words.next();
            is_last = next.is_none();
            let end = next.map_or(text.len(), |(&next, _)| next as usize);
            let symbol = self.known.number(&text.as_bytes()[start..end]);
            if self.symbols.len() == self.symbols.capacity() {
                // An eighth at a time: twice as much at once would decide how many documents fit.
                let more = (self.symbols.len() / 8).max(1 << 12);
                self.symbols.reserve_exact(more);
                self.starts.reserve_exact(more);
            }
            self.symbols.push(symbol);
            self.starts.push(start as u32);
            start = end;
        }
        self.bounds.push(self.symbols.len() as u32);
    }

    /// Returns all documents.
    pub fn finish(self) -> Words {
        let mut line_starts = Bits::new(self.symbols.len());
        for (place, &symbol) in self.symbols.iter().enumerate() {
            if place + 1 < self.symbols.len() && self.known.word(symbol).contains(&b'\n') {
                line_starts.set(place + 1);
            }
        }
        Words {
            symbols: self.symbols,
            starts: self.starts,
            bounds: self.bounds,
            alphabet: self.known.ends.len(),
            line_starts,
        }
    }
}

/// Numbers of byte strings, in the order of their first occurrence.
#[derive(Debug, Default)]
struct Known {
    bytes: Vec<u8>,
    /// End of each string in `bytes`.
    ends: Vec<u32>,
    /// Open addressing: number of the string plus one, 0 where free. At most half of them are taken.
    slots: Vec<u32>,
}

impl Known {
    fn word(&self, number: u32) -> &[u8] {
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start as usize..self.ends[number] as usize]
    }

    fn number(&mut self, word: &[u8]) -> u32 {
        if self.ends.len() * 2 >= self.slots.len() {
            self.enlarge();
        }
        let slot = self.slot(word);
        if self.slots[slot] == 0 {
            self.bytes.extend_from_slice(word);
            self.ends.push(self.bytes.len() as u32);
            self.slots[slot] = self.ends.len() as u32;
        }
        self.slots[slot] - 1
    }

    /// The slot that holds `word`, or the free one where it belongs.
    fn slot(&self, word: &[u8]) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash_bytes(word) as usize & mask;
        while self.slots[slot] != 0 && self.word(self.slots[slot] - 1) != word {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn enlarge(&mut self) {
        self.slots = vec![0; (self.slots.len() * 2).max(1024)];
        for number in 0..self.ends.len() as u32 {
            let slot = self.slot(self.word(number));
            self.slots[slot] = number + 1;
        }
    }
}
