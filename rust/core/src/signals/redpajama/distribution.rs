//! How words are distributed: how many different ones there are, and the entropy.

/// Counts words by their hashes; keeps its tables between texts, at most 24 bytes a word of the longest.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    /// Number of a different word plus one, or 0, in the first free slot from that of its hash on.
    slots: Vec<u32>,
    /// Hashes of the different words, in the order in which they come.
    different: Vec<u64>,
    /// How often each of them occurs.
    num_copies: Vec<u32>,
    /// n·ln n for small n.
    products: Vec<f64>,
}

/// Counts up to this many are not worth a logarithm each.
const NUM_PRODUCTS: u32 = 256;

impl Default for Distribution {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            different: Vec::new(),
            num_copies: Vec::new(),
            // Of a word that occurs once, the logarithm is zero; 0·ln 0 is never asked for.
            products: (0..NUM_PRODUCTS).map(|number| product(number.max(1))).collect(),
        }
    }
}

fn product(number: u32) -> f64 {
    f64::from(number) * f64::from(number).ln()
}

impl Distribution {
    /// Number of different words, and the entropy of their distribution in nats (0 without words).
    pub(super) fn of(&mut self, hashes: &[u64]) -> (usize, f64) {
        let num_slots = (2 * hashes.len()).next_power_of_two().max(64);
        let (shift, mask) = (64 - num_slots.trailing_zeros(), num_slots - 1);
        self.slots.clear();
        self.slots.resize(num_slots, 0);
        self.num_copies.clear();
        self.num_copies.resize(hashes.len(), 0);
        if self.different.len() < hashes.len() {
            self.different.resize(hashes.len(), 0);
        }
        let slots = &mut self.slots[..];
        let different = &mut self.different[..hashes.len()];
        let num_copies = &mut self.num_copies[..hashes.len()];
        let mut num_different = 0;
        for &hash in hashes {
            // New or known is a coin toss, so both are done alike.
            different[num_different] = hash;
            let mut index = (hash >> shift) as usize;
            let word = loop {
                let slot = &mut slots[index & mask];
                let is_free = *slot == 0;
                let number = if is_free { num_different as u32 + 1 } else { *slot };
                let word = (number - 1) as usize;
                if different[word] == hash {
                    *slot = number;
                    break word;
                }
                index += 1;
            };
            num_copies[word] += 1;
            num_different += usize::from(word == num_different);
        }
        if hashes.is_empty() {
            return (0, 0.0);
        }
        let products =
            self.num_copies[..num_different]
                .iter()
                .map(|&number| match self.products.get(number as usize) {
                    Some(&product) => product,
                    None => product(number),
                });
        let (sum, total) = (products.sum::<f64>(), hashes.len() as f64);
        (num_different, (total.ln() - sum / total).max(0.0))
    }
}
