//! Words that were merged before, and their ids. What is in the cache never changes a result, only how soon it is there.
//!
//! Three tables by the length of a word: up to 15 bytes, whose bytes and length are one number, two to a cache line; up
//! to 40, one to a line; and longer ones, whose bytes lie elsewhere.

use super::place::{Place, room};
use crate::dispatch::prefetch;
use crate::hash::mix64;

/// Longest word of the short table: it fits one number beside its length.
pub(super) const MAX_SHORT_BYTES: usize = 15;
/// Longest word of the middle table.
pub(super) const MAX_MIDDLE_BYTES: usize = 40;
/// Longest word of the long table.
const MAX_LONG_BYTES: usize = 256;
/// Ids that an entry of the short table holds itself.
pub(super) const INLINE_IDS: usize = 3;
/// Ids that an entry of the middle table holds itself.
const MIDDLE_INLINE_IDS: usize = 5;
const NUM_LONG_SLOTS: usize = 1 << 14;
const MAX_LONG_ARENA_BYTES: usize = 2 << 20;

/// A word of up to 15 bytes: its bytes, and its length in the highest byte. Never 0.
pub(super) type Key = u128;

/// The bytes of a word of up to 40 bytes, and 0 behind them.
type MiddleKey = [u64; MAX_MIDDLE_BYTES / 8];

/// Which bytes of a number belong to a word of so many bytes.
static KEY_MASKS: [Key; 16] = {
    let mut masks = [0; 16];
    let mut length = 1;
    while length < 16 {
        masks[length] = (1 << (8 * length)) - 1;
        length += 1;
    }
    masks
};

/// The same for the numbers of a middle key.
static MIDDLE_MASKS: [MiddleKey; MAX_MIDDLE_BYTES + 1] = {
    let mut masks = [[0; MAX_MIDDLE_BYTES / 8]; MAX_MIDDLE_BYTES + 1];
    let mut length = 0;
    while length <= MAX_MIDDLE_BYTES {
        let mut byte = 0;
        while byte < length {
            masks[length][byte / 8] |= 0xff << (8 * (byte % 8));
            byte += 1;
        }
        length += 1;
    }
    masks
};

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
    (bytes & KEY_MASKS[length & 15]) | Key::from(length as u8 | space) << 120
}

/// Makes the key of `text[start..end]`, at most 40 bytes.
#[inline(always)]
fn middle_key_of(text: &[u8], start: usize, end: usize) -> MiddleKey {
    let length = end - start;
    let mut padded = [0; MAX_MIDDLE_BYTES];
    let bytes = match text.get(start..start + MAX_MIDDLE_BYTES) {
        Some(bytes) => bytes,
        None => {
            padded[..length].copy_from_slice(&text[start..end]);
            &padded[..]
        }
    };
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|index| u64::from_le_bytes(words[index]) & MIDDLE_MASKS[length][index])
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    key: Key,
    /// The ids, and behind them how many; if that is above [`INLINE_IDS`], the first says where they start in the arena.
    ids: [u32; INLINE_IDS + 1],
}

const EMPTY: Entry = Entry {
    key: 0,
    ids: [0; INLINE_IDS + 1],
};

/// Two entries: a cache line.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Set([Entry; 2]);

/// A cache line of the middle table.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct MiddleEntry {
    key: MiddleKey,
    /// The ids; if there are more, the first says where they start in the arena.
    ids: [u32; MIDDLE_INLINE_IDS],
    /// Length and space of the word; 0 if there is none.
    tag: u8,
    num_ids: u8,
}

impl MiddleEntry {
    #[inline(always)]
    fn is(&self, key: &MiddleKey, tag: u8) -> bool {
        // In numbers: a comparison of arrays is a call.
        let differences = self.key.iter().zip(key).map(|(own, other)| own ^ other);
        self.tag == tag && differences.fold(0, |all, difference| all | difference) == 0
    }
}

/// The cache of one encoder.
///
/// Memory: 64 bytes a set, 128 bytes for every eighth set, and at most 11 MiB for words of many ids and long ones.
#[derive(Debug, Clone)]
pub(super) struct WordCache {
    sets: Vec<Set>,
    mask: usize,
    middle: Vec<[MiddleEntry; 2]>,
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
    /// A cache of `num_sets` sets, rounded up to a power of two. `place` is told of its tables.
    pub(super) fn new(num_sets: usize, place: Place) -> Self {
        let num_sets = num_sets.next_power_of_two().max(8);
        Self {
            sets: room(num_sets, Set([EMPTY; 2]), place),
            mask: num_sets - 1,
            middle: room(num_sets / 8, [MiddleEntry::default(); 2], place),
            many_ids: Vec::new(),
            max_many_ids: (num_sets * 2).clamp(16, 1 << 20),
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

    /// Has a set brought near, which is going to be asked for.
    #[inline(always)]
    pub(super) fn fetch(&self, set: usize) {
        prefetch(&self.sets[set]);
    }

    /// The entry of a short word: up to [`INLINE_IDS`] ids and how many there are, or where more than that start in the
    /// arena and how many.
    #[inline(always)]
    pub(super) fn find(&self, set: usize, key: Key) -> Option<&[u32; INLINE_IDS + 1]> {
        let entries = &self.sets[set].0;
        // Chosen without a branch, which would be taken as often as not.
        let entry = &entries[usize::from(entries[1].key == key)];
        (entry.key == key).then_some(&entry.ids)
    }

    /// Appends the ids of a short word; false if it is not known.
    #[inline(always)]
    pub(super) fn get(&self, set: usize, key: Key, ids: &mut Vec<u32>) -> bool {
        let Some(&entry) = self.find(set, key) else {
            return false;
        };
        match entry[INLINE_IDS] as usize {
            count @ 0..=INLINE_IDS => ids.extend_from_slice(&entry[..count]),
            count => self.append_many(entry[0], count, ids),
        }
        true
    }

    fn append_many(&self, start: u32, count: usize, ids: &mut Vec<u32>) {
        let start = start as usize;
        ids.extend_from_slice(&self.many_ids[start..start + count]);
    }

    /// Remembers a short word, in place of the older one of its set.
    pub(super) fn put(&mut self, set: usize, key: Key, word_ids: &[u32]) {
        if word_ids.is_empty() {
            return;
        }
        let mut entry = Entry { key, ..EMPTY };
        if word_ids.len() <= INLINE_IDS {
            entry.ids[..word_ids.len()].copy_from_slice(word_ids);
        } else {
            entry.ids[0] = self.put_many(word_ids);
        }
        entry.ids[INLINE_IDS] = word_ids.len() as u32;
        let [first, second] = &mut self.sets[set].0;
        *second = *first;
        *first = entry;
    }

    /// Puts ids into the arena.
    fn put_many(&mut self, word_ids: &[u32]) -> u32 {
        if self.many_ids.len() + word_ids.len() > self.max_many_ids {
            self.forget_many();
        }
        let start = self.many_ids.len() as u32;
        self.many_ids.extend_from_slice(word_ids);
        start
    }

    /// Empties the arena and every entry that points there.
    fn forget_many(&mut self) {
        for entry in self.sets.iter_mut().flat_map(|set| &mut set.0) {
            if entry.ids[INLINE_IDS] as usize > INLINE_IDS {
                *entry = EMPTY;
            }
        }
        for entry in self.middle.iter_mut().flatten() {
            if usize::from(entry.num_ids) > MIDDLE_INLINE_IDS {
                *entry = MiddleEntry::default();
            }
        }
        self.many_ids.clear();
    }

    /// The place in the middle table of `text[start..end]`, 16 to 40 bytes; what is there is brought near.
    #[inline]
    pub(super) fn middle_place(&self, text: &[u8], start: usize, end: usize) -> u32 {
        // Sums of products by different odd numbers: no chain of multiplications.
        const ODD: MiddleKey = [
            0x9e37_79b9_7f4a_7c15,
            0xbf58_476d_1ce4_e5b9,
            0x94d0_49bb_1331_11eb,
            0xd6e8_feb8_6659_fd93,
            0xa076_1d64_78bd_642f,
        ];
        let key = middle_key_of(text, start, end);
        let products = key.iter().zip(ODD).map(|(part, odd)| {
            let product = part.wrapping_mul(odd);
            product ^ (product >> 32)
        });
        let place = mix64(products.fold(0, u64::wrapping_add)) as usize & (self.middle.len() - 1);
        prefetch(&self.middle[place][0]);
        prefetch(&self.middle[place][1]);
        place as u32
    }

    /// Appends the ids of `text[start..end]`, 16 to 40 bytes; false if it is not known.
    #[inline]
    pub(super) fn get_middle(
        &self,
        place: usize,
        text: &[u8],
        start: usize,
        end: usize,
        space: u8,
        ids: &mut Vec<u32>,
    ) -> bool {
        let key = middle_key_of(text, start, end);
        let tag = (end - start) as u8 | space;
        let entries = &self.middle[place];
        let Some(entry) = entries.iter().find(|entry| entry.is(&key, tag)) else {
            return false;
        };
        match usize::from(entry.num_ids) {
            count @ 0..=MIDDLE_INLINE_IDS => ids.extend_from_slice(&entry.ids[..count]),
            count => self.append_many(entry.ids[0], count, ids),
        }
        true
    }

    /// Remembers a word of 16 to 40 bytes, in place of the older one of its set.
    pub(super) fn put_middle(
        &mut self,
        place: usize,
        text: &[u8],
        start: usize,
        end: usize,
        space: u8,
        word_ids: &[u32],
    ) {
        let mut entry = MiddleEntry {
            key: middle_key_of(text, start, end),
            ids: [0; MIDDLE_INLINE_IDS],
            tag: (end - start) as u8 | space,
            num_ids: word_ids.len() as u8,
        };
        if word_ids.len() <= MIDDLE_INLINE_IDS {
            entry.ids[..word_ids.len()].copy_from_slice(word_ids);
        } else {
            entry.ids[0] = self.put_many(word_ids);
        }
        let [first, second] = &mut self.middle[place];
        *second = *first;
        *first = entry;
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
        let long = [b'x'; 60];
        assert_eq!(middle_key_of(&long, 3, 23), middle_key_of(&[b'x'; 20], 0, 20));
        assert_ne!(middle_key_of(&long, 0, 20), middle_key_of(&long, 0, 21));
        assert_eq!(middle_key_of(&long, 0, 40), middle_key_of(&long, 20, 60));
    }

    /// Looks a word up in its table, and remembers it there if it is not known. Returns the ids found.
    fn look_up(cache: &mut WordCache, word: &[u8], ids: &[u32]) -> Option<Vec<u32>> {
        let mut found = Vec::new();
        let is_known = if word.len() <= MAX_SHORT_BYTES {
            let key = key_of(word, 0, word.len(), 0);
            let set = cache.set_of(key);
            let is_known = cache.get(set, key, &mut found);
            if !is_known {
                cache.put(set, key, ids);
            }
            is_known
        } else if word.len() <= MAX_MIDDLE_BYTES {
            let place = cache.middle_place(word, 0, word.len()) as usize;
            let is_known = cache.get_middle(place, word, 0, word.len(), 0, &mut found);
            if !is_known {
                cache.put_middle(place, word, 0, word.len(), 0, ids);
            }
            is_known
        } else {
            let is_known = cache.get_long(word, &mut found);
            if !is_known {
                cache.put_long(word, ids);
            }
            is_known
        };
        assert!(is_known || found.is_empty());
        is_known.then_some(found)
    }

    #[test]
    fn a_full_cache_forgets_and_never_confuses() {
        let mut cache = WordCache::new(8, super::super::place::NOWHERE);
        let words: Vec<String> = (0..300)
            .map(|number: usize| format!("word{number}").repeat(1 + number % 3 * 3))
            .collect();
        let ids_of =
            |number: usize| -> Vec<u32> { (0..number as u32 % 9 + 1).map(|id| id + number as u32).collect() };
        for round in 0..3 {
            for (number, word) in words.iter().enumerate() {
                let ids = ids_of(number);
                if let Some(found) = look_up(&mut cache, word.as_bytes(), &ids) {
                    assert_eq!(found, ids, "round {round}");
                }
                assert_eq!(look_up(&mut cache, word.as_bytes(), &ids), Some(ids));
            }
        }
    }
}
