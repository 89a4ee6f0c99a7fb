//! The rule `word_block_list`: how often listed words and phrases occur.

use super::lists::for_each_entry;
use crate::segment::{Segmentation, Segmenter, fold};
use crate::signals::registry::ListFiles;
use crate::signals::{Column, Document, Entry, Setup, Signal, Value, count, float, share, uint};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const COLUMNS: [Column; 3] = [
    uint(
        "num_hits",
        "Places at which a listed word or phrase stands, overlapping ones counted each.",
    ),
    uint(
        "num_distinct_hits",
        "Different listed words and phrases that occur.",
    ),
    float(
        "hit_ratio",
        "`num_hits` per token, punctuation included; null if there is no token.",
    ),
];

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    /// Files of words and phrases; their content comes apart.
    pub(super) lists: Vec<String>,
    /// Words and phrases.
    pub(super) words: Vec<String>,
    /// Whether case does not matter.
    pub(super) ignore_case: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lists: Vec::new(),
            words: Vec::new(),
            ignore_case: true,
        }
    }
}

/// What is known of the beginning of a phrase: nothing follows, or the number of the phrase that ends here.
#[derive(Debug, Clone, Copy, Default)]
struct Node {
    hash: u64,
    /// 1 + the phrase's number; 0 when only longer phrases begin so.
    phrase: u32,
    is_longer: bool,
}

/// Slots for each beginning.
const SLOTS_PER_NODE: usize = 4;

/// Phrases as a tree of token hashes, in one open table: the key of a beginning is the hash of its tokens, one by one.
///
/// Two different beginnings are taken for one with odds of about their number by 2^64 a token.
#[derive(Debug, Clone, Default)]
struct Phrases {
    slots: Vec<Node>,
    shift: u32,
    num_phrases: u32,
}

const ROOT: u64 = 0x9e37_79b9_7f4a_7c15;

fn lengthen(beginning: u64, token: u64) -> u64 {
    // Never 0, which marks a free slot.
    fold(beginning ^ token, ROOT) | 1
}

impl Phrases {
    fn new(phrases: &[Vec<u64>]) -> Self {
        let mut nodes: BTreeMap<u64, Node> = BTreeMap::new();
        let mut num_phrases = 0;
        for tokens in phrases {
            let mut hash = ROOT;
            for (position, &token) in tokens.iter().enumerate() {
                hash = lengthen(hash, token);
                let node = nodes.entry(hash).or_default();
                node.hash = hash;
                if position + 1 < tokens.len() {
                    node.is_longer = true;
                } else if node.phrase == 0 {
                    num_phrases += 1;
                    node.phrase = num_phrases;
                }
            }
        }
        let num_slots = (SLOTS_PER_NODE * nodes.len()).next_power_of_two().max(64);
        let mut table = Self {
            slots: vec![Node::default(); num_slots],
            shift: 64 - num_slots.trailing_zeros(),
            num_phrases,
        };
        for node in nodes.into_values() {
            let slot = table.slot(node.hash);
            table.slots[slot] = node;
        }
        table
    }

    /// Where the beginning is, or would be.
    fn slot(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = (hash >> self.shift) as usize;
        while self.slots[slot].hash != hash && self.slots[slot].hash != 0 {
            slot = (slot + 1) & mask;
        }
        slot
    }

    /// Calls `hit` with the number of every phrase that begins with the first token.
    fn starting_at(&self, tokens: &[u64], mut hit: impl FnMut(usize)) {
        let mut hash = ROOT;
        for &token in tokens {
            hash = lengthen(hash, token);
            let node = self.slots[self.slot(hash)];
            if node.phrase > 0 {
                hit(node.phrase as usize - 1);
            }
            if !node.is_longer {
                break;
            }
        }
    }
}

struct WordBlockList {
    ignore_case: bool,
    phrases: Phrases,
    hashes: Vec<u64>,
    /// For each phrase: in which document it was met last.
    met_in: Vec<u32>,
    num_documents: u32,
    scratch: String,
}

/// Overwrites `hashes` with those of the tokens, of their lower case if case does not matter.
fn token_hashes(
    text: &str,
    segmentation: &Segmentation,
    ignore_case: bool,
    scratch: &mut String,
    hashes: &mut Vec<u64>,
) {
    hashes.clear();
    if ignore_case {
        hashes.extend(
            (0..segmentation.num_tokens()).map(|token| segmentation.lower_hash(text, token, scratch)),
        );
    } else {
        hashes.extend(segmentation.hashes());
    }
}

impl WordBlockList {
    fn new(config: &Config, files: &ListFiles) -> Result<Self, String> {
        if config.words.is_empty() && files.is_empty() {
            return Ok(Self::of(config, Phrases::default()));
        }
        let (segmenter, mut segmentation) = (Segmenter::default(), Segmentation::default());
        let (mut scratch, mut phrases) = (String::new(), Vec::new());
        let mut add = |entry: &str| {
            let mut hashes = Vec::new();
            segmenter.segment(entry, &mut segmentation);
            token_hashes(
                entry,
                &segmentation,
                config.ignore_case,
                &mut scratch,
                &mut hashes,
            );
            phrases.push(hashes);
        };
        config.words.iter().for_each(|word| add(word));
        for file in files.get("lists").into_iter().flatten() {
            for_each_entry(file, &mut add)?;
        }
        Ok(Self::of(config, Phrases::new(&phrases)))
    }

    fn of(config: &Config, phrases: Phrases) -> Self {
        Self {
            ignore_case: config.ignore_case,
            met_in: vec![0; phrases.num_phrases as usize],
            phrases,
            hashes: Vec::new(),
            num_documents: 0,
            scratch: String::new(),
        }
    }
}

impl Signal for WordBlockList {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (text, segmentation) = (document.text(), document.segmentation());
        let num_tokens = segmentation.num_tokens();
        let (mut num_hits, mut num_distinct) = (0, 0);
        if self.phrases.num_phrases > 0 {
            token_hashes(
                text,
                segmentation,
                self.ignore_case,
                &mut self.scratch,
                &mut self.hashes,
            );
            if self.num_documents == u32::MAX {
                self.met_in.fill(0);
                self.num_documents = 0;
            }
            self.num_documents += 1;
            for start in 0..num_tokens {
                self.phrases.starting_at(&self.hashes[start..], |phrase| {
                    num_hits += 1;
                    num_distinct += usize::from(self.met_in[phrase] != self.num_documents);
                    self.met_in[phrase] = self.num_documents;
                });
            }
        }
        out.extend([
            count(num_hits),
            count(num_distinct),
            match num_tokens {
                0 => Value::Null,
                _ => Value::Float64(share(num_hits, num_tokens)),
            },
        ]);
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "word_block_list",
    columns: &COLUMNS,
    make: |setup| {
        let config: Config = setup.config()?;
        Setup::signal(WordBlockList::new(&config, setup.files)?)
    },
    #[cfg(test)]
    reference: super::reference::word_block_list,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"words": ["a", "A", "line", "this is", "this is a", "is a line", "privacy policy", "[", "..."]}"#,
        r#"{"words": ["Home", "a b", "漢字", " ", "Line"], "ignore_case": false}"#,
    ],
};
