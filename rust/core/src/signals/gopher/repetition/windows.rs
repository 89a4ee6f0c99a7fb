//! Characters of runs of words.

/// Sums of word lengths, for any run of words.
#[derive(Debug, Clone, Default)]
pub(super) struct Windows {
    /// Characters of the words before each, and of all words last.
    before: Vec<u32>,
}

impl Windows {
    /// Takes the words' lengths.
    pub(super) fn fill(&mut self, num_chars: &[u32]) {
        self.before.clear();
        self.before.reserve(num_chars.len() + 1);
        let mut sum = 0;
        self.before.push(sum);
        self.before.extend(num_chars.iter().map(|&number| {
            sum += number;
            sum
        }));
    }

    /// Characters of that many words from that one on, without white space.
    pub(super) fn chars(&self, start: usize, num_words: usize) -> usize {
        (self.before[start + num_words] - self.before[start]) as usize
    }

    /// Characters of all words.
    pub(super) fn all_chars(&self) -> usize {
        self.before[self.before.len() - 1] as usize
    }

    /// Characters of every run of that many words, added up.
    pub(super) fn sum(&self, num_words: usize) -> usize {
        let starts = &self.before[..self.before.len().saturating_sub(num_words)];
        let ends = self.before.iter().skip(num_words);
        starts
            .iter()
            .zip(ends)
            .map(|(start, end)| (end - start) as usize)
            .sum()
    }
}
