//! spaCy's special cases: strings with tokens of their own, such as contractions, abbreviations and emoticons.

use std::sync::LazyLock;

use crate::segment::hash_bytes;

/// One special case.
pub(super) struct Exception {
    /// The whole string.
    pub(super) string: &'static str,
    /// Its tokens, which spell the string.
    pub(super) tokens: Vec<&'static str>,
    /// The two and more tokens into which the affix rules alone would split it, and for which spaCy looks in the
    /// finished tokens; else empty.
    pub(super) pattern: Vec<&'static str>,
}

impl Exception {
    /// Whether finding the pattern changes anything.
    pub(super) fn is_active(&self) -> bool {
        !self.pattern.is_empty() && self.pattern != self.tokens
    }
}

/// A set of 64-bit hashes that may hold others, too: one bit of 32,768 a hash.
#[derive(Clone)]
pub(super) struct HashFilter(Box<[u64]>);

impl HashFilter {
    fn new(hashes: impl Iterator<Item = u64>) -> Self {
        let mut bits = vec![0; 512];
        for hash in hashes {
            bits[(hash >> 55) as usize] |= 1 << (hash >> 49 & 63);
        }
        Self(bits.into())
    }

    /// False for sure when it is not one of the hashes.
    #[inline(always)]
    pub(super) fn may_have(&self, hash: u64) -> bool {
        self.0[(hash >> 55) as usize] >> (hash >> 49 & 63) & 1 != 0
    }
}

/// Pairs of first bytes of two tokens; bytes outside ASCII are all alike.
#[derive(Clone)]
pub(super) struct BytePairs(Box<[u128]>);

impl BytePairs {
    fn new<'t>(patterns: impl Iterator<Item = &'t [&'t str]>) -> Self {
        let mut rows = vec![0; 128];
        for pattern in patterns {
            let [first, second] = [pattern[0], pattern[1]].map(|token| column(token.as_bytes()[0]));
            rows[first] |= 1 << second;
        }
        Self(rows.into())
    }

    /// False for sure when no pattern starts with two tokens of those first bytes.
    #[inline(always)]
    pub(super) fn may_start(&self, first: u8, second: u8) -> bool {
        self.0[column(first)] >> column(second) & 1 != 0
    }
}

fn column(byte: u8) -> usize {
    if byte < 0x80 { usize::from(byte) } else { 0 }
}

const NUM_SLOTS: usize = 4096;

/// All special cases, looked up by hash.
pub(super) struct Exceptions {
    list: Vec<Exception>,
    /// Index and 1, or 0; by the high bits of the hash, linear probing.
    slots: Box<[u16]>,
    /// Of all strings.
    strings: HashFilter,
    /// Of the words in strings that hold one word and marks: `Mr` of `Mr.`, `D` of `:D`.
    words: HashFilter,
    /// Lengths in bytes, as bits, of strings that start and that end with a byte.
    lengths_by_first: Box<[u32]>,
    lengths_by_last: Box<[u32]>,
    /// Active patterns, and all patterns.
    active_pairs: BytePairs,
    pairs: BytePairs,
    /// Indices of the exceptions that have patterns, by the first bytes of the first two tokens of the pattern.
    patterns: Vec<usize>,
    /// Those bytes.
    pattern_keys: Vec<u16>,
}

/// Shared by all tokenizers; made when the first one is.
pub(super) static EXCEPTIONS: LazyLock<Exceptions> = LazyLock::new(Exceptions::new);

/// Longest string in the bit sets of lengths; the one that is longer has a bit of its own.
const LAST_LENGTH: usize = 31;

impl Exceptions {
    fn new() -> Self {
        let words = |field: &'static str| field.split(' ').filter(|token| !token.is_empty()).collect();
        let list: Vec<Exception> = include_str!("exceptions.tsv")
            .lines()
            .skip(1)
            .map(|line| {
                let mut fields = line.split('\t');
                let mut next = || fields.next().expect("a row has three fields");
                Exception {
                    string: next(),
                    tokens: words(next()),
                    pattern: words(next()),
                }
            })
            .collect();
        let mut slots = vec![0; NUM_SLOTS];
        let (mut by_first, mut by_last) = (vec![0; 256], vec![0; 256]);
        for (index, exception) in list.iter().enumerate() {
            let bytes = exception.string.as_bytes();
            let mut slot = first_slot(hash_bytes(bytes));
            while slots[slot] != 0 {
                slot = (slot + 1) % NUM_SLOTS;
            }
            slots[slot] = index as u16 + 1;
            let bit = 1_u32 << bytes.len().min(LAST_LENGTH);
            by_first[usize::from(bytes[0])] |= bit;
            by_last[usize::from(bytes[bytes.len() - 1])] |= bit;
        }
        let mut patterns: Vec<usize> = (0..list.len())
            .filter(|&index| !list[index].pattern.is_empty())
            .collect();
        patterns.sort_by_key(|&index| pair_key(&list[index].pattern));
        let with_patterns = || list.iter().filter(|exception| !exception.pattern.is_empty());
        Self {
            strings: HashFilter::new(
                list.iter()
                    .map(|exception| hash_bytes(exception.string.as_bytes())),
            ),
            words: HashFilter::new(list.iter().filter_map(|exception| only_word(exception.string))),
            active_pairs: BytePairs::new(
                with_patterns()
                    .filter(|exception| exception.is_active())
                    .map(|exception| &exception.pattern[..]),
            ),
            pairs: BytePairs::new(with_patterns().map(|exception| &exception.pattern[..])),
            slots: slots.into(),
            lengths_by_first: by_first.into(),
            lengths_by_last: by_last.into(),
            pattern_keys: patterns
                .iter()
                .map(|&index| pair_key(&list[index].pattern))
                .collect(),
            patterns,
            list,
        }
    }

    /// The special case of that string.
    #[inline]
    pub(super) fn get(&self, string: &str) -> Option<&Exception> {
        let bytes = string.as_bytes();
        let (&first, &last) = (bytes.first()?, bytes.last()?);
        let lengths = self.lengths_by_first[usize::from(first)] & self.lengths_by_last[usize::from(last)];
        if lengths >> bytes.len().min(LAST_LENGTH) & 1 == 0 {
            return None;
        }
        self.get_hashed(hash_bytes(bytes), string)
    }

    /// The same for a string whose hash is known.
    #[inline]
    pub(super) fn get_hashed(&self, hash: u64, string: &str) -> Option<&Exception> {
        if !self.strings.may_have(hash) {
            return None;
        }
        let mut slot = first_slot(hash);
        loop {
            let exception = &self.list[usize::from(self.slots[slot].checked_sub(1)?)];
            if exception.string == string {
                return Some(exception);
            }
            slot = (slot + 1) % NUM_SLOTS;
        }
    }

    /// Hashes of the strings.
    pub(super) fn strings(&self) -> &HashFilter {
        &self.strings
    }

    /// Hashes of the words of strings that hold one word (of ASCII letters, digits and `_`) and marks.
    pub(super) fn words(&self) -> &HashFilter {
        &self.words
    }

    /// First bytes of the first two tokens of patterns that change something.
    pub(super) fn active_pairs(&self) -> &BytePairs {
        &self.active_pairs
    }

    /// First bytes of the first two tokens of all patterns.
    pub(super) fn pairs(&self) -> &BytePairs {
        &self.pairs
    }

    /// Exceptions whose pattern starts with two tokens of those first bytes.
    pub(super) fn starting_with(&self, first: u8, second: u8) -> impl Iterator<Item = &Exception> {
        let key = u16::from_be_bytes([first, second]);
        let start = self.pattern_keys.partition_point(|&other| other < key);
        let number = self.pattern_keys[start..]
            .iter()
            .take_while(|&&other| other == key)
            .count();
        self.patterns[start..start + number]
            .iter()
            .map(|&index| &self.list[index])
    }

    #[cfg(test)]
    pub(super) fn list(&self) -> &[Exception] {
        &self.list
    }
}

fn pair_key(pattern: &[&str]) -> u16 {
    u16::from_be_bytes([pattern[0], pattern[1]].map(|token| token.as_bytes()[0]))
}

fn first_slot(hash: u64) -> usize {
    hash as usize % NUM_SLOTS
}

/// Hash of the only word of the string, if it has one.
fn only_word(string: &str) -> Option<u64> {
    let mut words = string
        .split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .filter(|word| !word.is_empty());
    let word = words.next()?;
    words.next().is_none().then(|| hash_bytes(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exception_is_found_and_spelt_by_its_tokens() {
        let exceptions = Exceptions::new();
        assert_eq!(exceptions.list.len(), 1343);
        for exception in &exceptions.list {
            let found = exceptions.get(exception.string).expect("it is in the table");
            assert_eq!(found.string, exception.string);
            assert_eq!(exception.tokens.concat(), exception.string);
            assert!(exception.pattern.is_empty() || exception.pattern.concat() == exception.string);
            assert!(exception.string.len() < LAST_LENGTH || exception.string.starts_with("(╯"));
        }
        assert!(exceptions.get("word").is_none());
        assert_eq!(
            exceptions.get("don't").expect("it is there").tokens,
            ["do", "n't"]
        );
    }
}
