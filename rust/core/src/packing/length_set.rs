//! A set of small numbers that is asked for the largest member not above a bound.

/// Bits of a word.
const WORD: usize = 64;

/// A set of numbers below a fixed size, as a tree of bit words: a word of level n + 1 says which words of level n are
/// not empty.
///
/// Memory: an eighth of a byte a number. Time of every call: three words for sizes up to 262,144.
///
/// ```
/// use gristmill_core::packing::LengthSet;
/// let mut set = LengthSet::new(5000);
/// set.insert(3);
/// set.insert(4096);
/// assert_eq!(set.at_most(4999), Some(4096));
/// assert_eq!(set.at_most(4095), Some(3));
/// assert_eq!(set.at_most(2), None);
/// ```
#[derive(Debug, Clone)]
pub struct LengthSet {
    levels: Vec<Vec<u64>>,
}

impl LengthSet {
    /// An empty set of numbers below `size`.
    pub fn new(size: usize) -> Self {
        let mut levels = Vec::new();
        let mut words = size.div_ceil(WORD).max(1);
        loop {
            levels.push(vec![0; words]);
            if words == 1 {
                return Self { levels };
            }
            words = words.div_ceil(WORD);
        }
    }

    /// Adds a number.
    pub fn insert(&mut self, number: usize) {
        let mut at = number;
        for level in &mut self.levels {
            level[at / WORD] |= 1 << (at % WORD);
            at /= WORD;
        }
    }

    /// Takes a number out.
    pub fn remove(&mut self, number: usize) {
        let mut at = number;
        for level in &mut self.levels {
            level[at / WORD] &= !(1 << (at % WORD));
            if level[at / WORD] != 0 {
                return;
            }
            at /= WORD;
        }
    }

    /// Returns the largest member that is at most `bound`.
    pub fn at_most(&self, bound: usize) -> Option<usize> {
        let mut at = bound;
        for (depth, level) in self.levels.iter().enumerate() {
            let word = at / WORD;
            // Members of this word up to `at`, that one included.
            let found = level.get(word)? & (u64::MAX >> (WORD - 1 - at % WORD));
            if found != 0 {
                return Some(self.last_below(depth, word * WORD + highest(found)));
            }
            // Nothing here: look for an earlier word that is not empty, one level up.
            at = word.checked_sub(1)?;
        }
        None
    }

    /// Follows the highest bits from entry `at` of a level down to a member.
    fn last_below(&self, depth: usize, at: usize) -> usize {
        self.levels[..depth]
            .iter()
            .rev()
            .fold(at, |at, level| at * WORD + highest(level[at]))
    }
}

/// Place of the highest bit of a word that is not zero.
fn highest(word: u64) -> usize {
    WORD - 1 - word.leading_zeros() as usize
}
