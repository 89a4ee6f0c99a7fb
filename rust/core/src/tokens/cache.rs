//! Words that were merged before, and their ids. What is in the cache never changes a result, only how soon it is there.

use crate::hash::mix64;

/// Longest word of the short table: it fits one number beside its length.
pub(super) const MAX_SHORT_BYTES: usize = 15;
/// Longest word of the long table.
const MAX_LONG_BYTES: usize = 64;
/// Ids that an entry of the short table holds itself.
const INLINE_IDS: usize = 3;
const NUM_LONG_SLOTS: usize = 1 << 15;
const MAX_LONG_ARENA_BYTES: usize = 4 << 20;

/// A word of up to 15 bytes: its bytes, and its length in the highest byte.
pub(super) type Key = u128;

/// Makes the key of `text[start..end]`, at most 15 bytes. `space` keeps pieces of words apart from whole words.
#[inline(always)]
pub(super) fn key_of(text: &[u8], start: usize, end: usize, space: u8) -> Key {
    let length = end - start;
    let bytes = match text.get(start..start + 16) {
        Some(bytes) => u128::from_le_bytes(std::array::from_fn(|byte| bytes[byte])),
        None => {
            let mut padded = [0; 16];
            padded[..length].copy_from_slice(&text[start..end]);
            u128::from_le_bytes(padded)
        }
    };
    let kept = bytes & ((1 << (8 * length)) - 1);
    kept | u128::from(length as u8 | space) << 120
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: Key,
    ids: [u32; INLINE_IDS],
    /// How many ids; above [`INLINE_IDS`], `ids[0]` says where they start in the arena.
    num_ids: u32,
}

const EMPTY: Entry = Entry {
    key: 0,
    ids: [0; INLINE_IDS],
    num_ids: 0,
};

/// Sets of two entries: a cache line.
type Set = [Entry; 2];

/// The cache of one encoder. Memory: 64 bytes a set, and 12 MiB for long words and words of many ids.
#[derive(Debug, Clone)]
pub(super) struct WordCache {
    sets: Vec<Set>,
    mask: usize,
    many_ids: Vec<u32>,
    max_many_ids: usize,
    long: Vec<LongEntry>,
    long_bytes: Vec<u8>,
    long_ids: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct LongEntry {
    hash: u64,
    bytes_start: u32,
    ids_start: u32,
    num_bytes: u16,
    num_ids: u16,
}

impl WordCache {
    /// A cache of `num_sets` sets, rounded up to a power of two.
    pub(super) fn new(num_sets: usize) -> Self {
        let num_sets = num_sets.next_power_of_two();
        Self {
            sets: vec![[EMPTY; 2]; num_sets],
            mask: num_sets - 1,
            many_ids: Vec::new(),
            max_many_ids: 1 << 20,
            long: vec![LongEntry::default(); NUM_LONG_SLOTS],
            long_bytes: Vec::new(),
            long_ids: Vec::new(),
        }
    }

    /// The set in which a key may stand.
    #[inline(always)]
    pub(super) fn set_of(&self, key: Key) -> usize {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let folded = (key as u64 ^ ((key >> 64) as u64).wrapping_mul(ODD)).wrapping_mul(ODD);
        (folded ^ (folded >> 32)) as usize & self.mask
    }

    /// Reads a byte of a set, so that it is near when it is asked for; the result has no other meaning.
    #[inline(always)]
    pub(super) fn touch(&self, set: usize) -> u32 {
        self.sets[set][0].num_ids
    }

    /// Appends the ids of a short word; false if it is not known.
    #[inline(always)]
    pub(super) fn get(&self, set: usize, key: Key, ids: &mut Vec<u32>) -> bool {
        let [first, second] = &self.sets[set];
        let entry = if first.key == key {
            first
        } else if second.key == key {
            second
        } else {
            return false;
        };
        match entry.num_ids {
            1 => ids.push(entry.ids[0]),
            2 => ids.extend_from_slice(&entry.ids[..2]),
            3 => ids.extend_from_slice(&entry.ids),
            many => {
                let start = entry.ids[0] as usize;
                ids.extend_from_slice(&self.many_ids[start..start + many as usize]);
            }
        }
        true
    }

    /// Remembers a short word, in place of the older one of its set.
    pub(super) fn put(&mut self, set: usize, key: Key, word_ids: &[u32]) {
        if word_ids.is_empty() {
            return;
        }
        let mut entry = Entry {
            key,
            ids: [0; INLINE_IDS],
            num_ids: word_ids.len() as u32,
        };
        if word_ids.len() <= INLINE_IDS {
            entry.ids[..word_ids.len()].copy_from_slice(word_ids);
        } else {
            if self.many_ids.len() + word_ids.len() > self.max_many_ids {
                self.forget_many();
            }
            entry.ids[0] = self.many_ids.len() as u32;
            self.many_ids.extend_from_slice(word_ids);
        }
        let [first, second] = &mut self.sets[set];
        *second = *first;
        *first = entry;
    }

    /// Empties the arena and every entry that points there.
    fn forget_many(&mut self) {
        for entry in self.sets.iter_mut().flatten() {
            if entry.num_ids as usize > INLINE_IDS {
                *entry = EMPTY;
            }
        }
        self.many_ids.clear();
    }

    /// Appends the ids of a longer word; false if it is not known.
    pub(super) fn get_long(&self, word: &[u8], ids: &mut Vec<u32>) -> bool {
        if word.len() > MAX_LONG_BYTES {
            return false;
        }
        let hash = hash_of(word);
        let entry = &self.long[hash as usize % NUM_LONG_SLOTS];
        let start = entry.bytes_start as usize;
        let is_same = entry.hash == hash
            && usize::from(entry.num_bytes) == word.len()
            && self.long_bytes.get(start..start + word.len()) == Some(word);
        if is_same {
            let start = entry.ids_start as usize;
            ids.extend_from_slice(&self.long_ids[start..start + usize::from(entry.num_ids)]);
        }
        is_same
    }

    /// Remembers a longer word, in place of what stood in its slot.
    pub(super) fn put_long(&mut self, word: &[u8], word_ids: &[u32]) {
        if word.len() > MAX_LONG_BYTES || word_ids.is_empty() {
            return;
        }
        if self.long_bytes.len() + word.len() > MAX_LONG_ARENA_BYTES {
            self.long.fill(LongEntry::default());
            self.long_bytes.clear();
            self.long_ids.clear();
        }
        let hash = hash_of(word);
        self.long[hash as usize % NUM_LONG_SLOTS] = LongEntry {
            hash,
            bytes_start: self.long_bytes.len() as u32,
            ids_start: self.long_ids.len() as u32,
            num_bytes: word.len() as u16,
            num_ids: word_ids.len() as u16,
        };
        self.long_bytes.extend_from_slice(word);
        self.long_ids.extend_from_slice(word_ids);
    }
}

/// Never 0, which stands for an empty slot.
fn hash_of(word: &[u8]) -> u64 {
    let mut hash = word.len() as u64;
    for chunk in word.chunks(8) {
        let mut padded = [0; 8];
        padded[..chunk.len()].copy_from_slice(chunk);
        hash = mix64(hash ^ u64::from_le_bytes(padded));
    }
    hash | 1 << 63
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_words_apart() {
        let text = b"ab\0\0abcdefghijklmnopqrstuvwxyz";
        assert_ne!(key_of(text, 0, 2, 0), key_of(text, 0, 3, 0));
        assert_ne!(key_of(text, 0, 2, 0), key_of(text, 0, 2, 0x80));
        assert_eq!(key_of(text, 0, 2, 0), key_of(b"ab", 0, 2, 0));
        let end = text.len();
        assert_eq!(
            key_of(text, end - 15, end, 0),
            key_of(b"lmnopqrstuvwxyz!", 0, 15, 0)
        );
    }

    #[test]
    fn a_full_cache_forgets_and_never_confuses() {
        let mut cache = WordCache::new(2);
        cache.max_many_ids = 10;
        let words: Vec<String> = (0..200).map(|number| format!("word{number}")).collect();
        let ids_of =
            |number: usize| -> Vec<u32> { (0..number as u32 % 7 + 1).map(|id| id + number as u32).collect() };
        for round in 0..3 {
            for (number, word) in words.iter().enumerate() {
                let key = key_of(word.as_bytes(), 0, word.len(), 0);
                let set = cache.set_of(key);
                let mut found = Vec::new();
                if cache.get(set, key, &mut found) {
                    assert_eq!(found, ids_of(number), "round {round}");
                } else {
                    assert!(found.is_empty());
                    cache.put(set, key, &ids_of(number));
                    assert!(cache.get(set, key, &mut found));
                    assert_eq!(found, ids_of(number));
                }
                let long = word.repeat(5);
                let mut found = Vec::new();
                if !cache.get_long(long.as_bytes(), &mut found) {
                    cache.put_long(long.as_bytes(), &ids_of(number));
                    assert!(cache.get_long(long.as_bytes(), &mut found));
                }
                assert_eq!(found, ids_of(number));
            }
        }
    }
}
