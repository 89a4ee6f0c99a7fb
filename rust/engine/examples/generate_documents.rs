//! Writes documents with known families of duplicates, as `bench/scale` needs them: any number, the same on any machine.
//!
//! `cargo run --release -p gristmill-engine --example generate_documents -- OUTPUT NUM_DOCUMENTS NUM_FILES`
//!
//! Every fifth document is one of a family of four, the others are alone. The members of a family are a quarter of the
//! corpus apart:
//!
//! | member | its text | Jaccard similarity of word 5-grams to member 0 |
//! | --- | --- | --- |
//! | 0 | drawn | 1 |
//! | 1 | the same bytes | 1 |
//! | 2 | the last `(n - 4) / 19` of its `n` words are others | 0.9 |
//! | 3 | the last `(n - 4) / 3` are others | 0.5 |
//!
//! With `n` words there are `n - 4` shingles; of two texts that differ in the last `m` words, `n - 4 - m` are shared by
//! both and `m` are in one only, which gives the similarities up to rounding. An id says what a document is:
//! `a-17` is alone, `f-9-2` is member 2 of family 9. Texts have 40 words and an exponentially distributed number more,
//! 1,000 bytes in the mean, from 65,536 pseudo-words of which the lower numbers are commoner.
#![expect(clippy::print_stdout, reason = "a program that prints its result")]

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use gristmill_core::hash::mix64;

const NUM_WORDS: u64 = 1 << 16;
const MEMBERS: u64 = 4;
/// One document in so many belongs to a family.
const FAMILY_PERIOD: u64 = 5;
const LEAST_WORDS: u64 = 40;
const MEAN_MORE_WORDS: f64 = 114.0;

/// A sequence of random numbers that depends on its seed alone.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix64(self.0)
    }

    /// A number in [0, 1).
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A word's number; number `k` is drawn about as often as `k^(-2/3)`.
    fn word(&mut self) -> usize {
        let fraction = self.fraction();
        (fraction * fraction * fraction * NUM_WORDS as f64) as usize
    }
}

/// Pseudo-words of two to four syllables, all different.
fn vocabulary() -> Vec<String> {
    const ONSETS: [&str; 16] = [
        "b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr",
    ];
    const VOWELS: [&str; 4] = ["a", "e", "i", "o"];
    let syllable = |number: u64| {
        let (onset, vowel) = (number % 16, number / 16 % 4);
        format!("{}{}", ONSETS[onset as usize], VOWELS[vowel as usize])
    };
    (0..NUM_WORDS)
        .map(|number| {
            // 64 syllables: one number in base 64, at least two digits.
            let mut word = format!("{}{}", syllable(number), syllable(number / 64));
            if number >= 64 * 64 {
                word += &syllable(number / 4096);
            }
            word
        })
        .collect()
}

/// Who a document is.
#[derive(Clone, Copy)]
enum Identity {
    Alone(u64),
    Member { family: u64, member: u64 },
}

fn identity(document: u64, num_documents: u64) -> Identity {
    let num_families = num_documents / (FAMILY_PERIOD * MEMBERS);
    let place = document / FAMILY_PERIOD;
    if document.is_multiple_of(FAMILY_PERIOD) && place < num_families * MEMBERS {
        Identity::Member {
            family: place % num_families,
            member: place / num_families,
        }
    } else {
        Identity::Alone(document)
    }
}

/// Fills `line` with the document's record.
fn write_record(identity: Identity, words: &[String], line: &mut Vec<u8>) -> Result<(), Box<dyn Error>> {
    line.clear();
    let (seed, member) = match identity {
        Identity::Alone(document) => {
            write!(line, "{{\"id\":\"a-{document}\",\"text\":\"")?;
            (mix64(document ^ 0x0a10_0000_0000_0000), 0)
        }
        Identity::Member { family, member } => {
            write!(line, "{{\"id\":\"f-{family}-{member}\",\"text\":\"")?;
            (mix64(family ^ 0xfa31_0000_0000_0000), member)
        }
    };
    let mut draw = Draw(seed);
    let more = -(1.0 - draw.fraction()).ln() * MEAN_MORE_WORDS;
    let num_words = LEAST_WORDS + more as u64;
    let num_other = match member {
        2 => (num_words - 4) / 19,
        3 => (num_words - 4) / 3,
        _ => 0,
    };
    let mut other = Draw(mix64(seed ^ member));
    for position in 0..num_words {
        let drawn = draw.word();
        let word = &words[if position < num_words - num_other {
            drawn
        } else {
            other.word()
        }];
        // A sentence of twelve words, a paragraph of five sentences.
        let (first, last) = (position % 12 == 0, position % 12 == 11);
        if first {
            line.push(word.as_bytes()[0].to_ascii_uppercase());
            line.extend_from_slice(&word.as_bytes()[1..]);
        } else {
            line.extend_from_slice(word.as_bytes());
        }
        if last || position + 1 == num_words {
            line.push(b'.');
        }
        if position + 1 < num_words {
            line.extend_from_slice(if position % 60 == 59 { b"\\n\\n" } else { b" " });
        }
    }
    line.extend_from_slice(b"\"}\n");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, output, num_documents, num_files] = arguments.as_slice() else {
        return Err("usage: generate_documents OUTPUT NUM_DOCUMENTS NUM_FILES".into());
    };
    let (num_documents, num_files): (u64, u64) = (num_documents.parse()?, num_files.parse()?);
    let words = vocabulary();
    let mut line = Vec::new();
    let mut bytes = 0_u64;
    for file in 0..num_files {
        let path = Path::new(output).join(format!("generated-{file:04}.jsonl.zst"));
        let mut writer = zstd::Encoder::new(BufWriter::new(File::create(path)?), 1)?;
        for document in file * num_documents / num_files..(file + 1) * num_documents / num_files {
            write_record(identity(document, num_documents), &words, &mut line)?;
            bytes += line.len() as u64;
            writer.write_all(&line)?;
        }
        writer.finish()?.flush()?;
    }
    println!("{{\"documents\":{num_documents},\"record_bytes\":{bytes}}}");
    Ok(())
}
