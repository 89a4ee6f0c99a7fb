//! How words are distributed: how many different ones there are, and the entropy.

/// Computes from numbers of copies.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    /// n·ln n for small n; 0 for 0.
    products: Vec<f64>,
    left: Vec<u32>,
}

/// Counts up to this many are not worth a logarithm each.
const NUM_PRODUCTS: u32 = 256;

impl Default for Distribution {
    fn default() -> Self {
        Self {
            // Of a word that occurs once, the logarithm is zero.
            products: (0..NUM_PRODUCTS).map(|number| product(number.max(1))).collect(),
            left: Vec::new(),
        }
    }
}

fn product(number: u32) -> f64 {
    f64::from(number) * f64::from(number).ln()
}

impl Distribution {
    /// Number of different words, and the entropy of their distribution in nats (0 without words).
    ///
    /// `num_copies` says of each number how many of the words have it.
    pub(super) fn of(&mut self, words: &[u32], num_copies: &[u32]) -> (usize, f64) {
        if words.is_empty() {
            return (0, 0.0);
        }
        self.left.clear();
        self.left.extend_from_slice(num_copies);
        let num_different = num_copies.iter().filter(|&&number| number > 0).count();
        // In the order in which words occur first, so that the value is the same whoever computes it.
        let mut sum = 0.0;
        for &word in words {
            let number = std::mem::take(&mut self.left[word as usize]);
            sum += match self.products.get(number as usize) {
                Some(&product) => product,
                None => product(number),
            };
        }
        let total = words.len() as f64;
        (num_different, (total.ln() - sum / total).max(0.0))
    }
}
