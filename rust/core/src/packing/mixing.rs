//! Which source the next document comes from, so that tokens stand in given shares.
//!
//! The source whose tokens are furthest behind its share is next (ties: the first of them). No chance is involved, so
//! after any number of tokens a source is off its share by less than about two of the longest documents, however many
//! tokens that were. The account starts anew whenever the shares change: at a phase, and when a source leaves.

use serde::{Deserialize, Serialize};

/// What shares are multiples of: they are whole numbers, so that no rounding differs between machines.
pub const WHOLE_SHARE: u64 = 1 << 32;

/// Shares from a point of the training on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Tokens read when it begins; 0 for the first.
    pub start_tokens: u64,
    /// Share of each source in units of 2^-32; they need not add up. 0: never.
    pub shares: Vec<u64>,
}

/// Decides the source of each document.
///
/// ```
/// use gristmill_core::packing::{Mixer, Phase};
/// let phase = Phase { start_tokens: 0, shares: vec![3, 1] };
/// let mut mixer = Mixer::new(vec![phase]);
/// let mut chosen = Vec::new();
/// for _ in 0..8 {
///     let source = mixer.choose(0).unwrap();
///     mixer.count(source, 10);
///     chosen.push(source);
/// }
/// assert_eq!(chosen, [0, 1, 0, 0, 0, 1, 0, 0]);
/// ```
#[derive(Debug, Clone)]
pub struct Mixer {
    phases: Vec<Phase>,
    phase: usize,
    /// Shares of the phase; 0 for sources that have left.
    shares: Vec<u64>,
    whole: u64,
    has_left: Vec<bool>,
    /// Tokens of each source since the shares last changed.
    account: Vec<u64>,
    total: u64,
}

impl Mixer {
    /// A mixture in its first phase. Phases are in order, and each names every source.
    pub fn new(phases: Vec<Phase>) -> Self {
        let sources = phases.first().map_or(0, |phase| phase.shares.len());
        let mut mixer = Self {
            phases,
            phase: 0,
            shares: Vec::new(),
            whole: 0,
            has_left: vec![false; sources],
            account: vec![0; sources],
            total: 0,
        };
        mixer.begin();
        mixer
    }

    /// Returns the source of the next document; None when every source has left or has no share.
    ///
    /// `read_tokens` is what has been read so far, of all sources, and decides the phase.
    pub fn choose(&mut self, read_tokens: u64) -> Option<usize> {
        // A phase also begins early when nothing is left to read in the one before it.
        while self
            .phases
            .get(self.phase + 1)
            .is_some_and(|next| read_tokens >= next.start_tokens || self.whole == 0)
        {
            self.phase += 1;
            self.begin();
        }
        let total = i128::from(self.total) + 1;
        let mut best = None;
        for (source, (&share, &tokens)) in self.shares.iter().zip(&self.account).enumerate() {
            if share == 0 {
                continue;
            }
            // Tokens that are missing to the source's share of the account, times the sum of shares.
            let behind = i128::from(share) * total - i128::from(tokens) * i128::from(self.whole);
            if best.is_none_or(|(_, most)| behind > most) {
                best = Some((source, behind));
            }
        }
        best.map(|(source, _)| source)
    }

    /// Books the tokens of a document.
    pub fn count(&mut self, source: usize, tokens: u64) {
        self.account[source] += tokens;
        self.total += tokens;
    }

    /// Takes a source out for good; the others share what it leaves.
    pub fn leave(&mut self, source: usize) {
        self.has_left[source] = true;
        self.begin();
    }

    /// Whether a source has left.
    pub fn has_left(&self, source: usize) -> bool {
        self.has_left[source]
    }

    /// Tokens of each source since the shares last changed.
    pub fn account(&self) -> &[u64] {
        &self.account
    }

    /// Puts a mixture where another stood: in a phase, without the sources that have left, with its open account.
    pub fn resume(&mut self, phase: usize, has_left: Vec<bool>, account: Vec<u64>) {
        self.phase = phase;
        self.has_left = has_left;
        self.begin();
        self.total = account.iter().sum();
        self.account = account;
    }

    /// Place of the phase among the phases.
    pub fn phase(&self) -> usize {
        self.phase
    }

    /// Number of phases.
    pub fn num_phases(&self) -> usize {
        self.phases.len()
    }

    /// Opens a new account with the shares of the phase.
    fn begin(&mut self) {
        let shares = self.phases.get(self.phase).map_or(&[][..], |phase| &phase.shares);
        self.shares = shares
            .iter()
            .zip(&self.has_left)
            .map(|(&share, &has_left)| if has_left { 0 } else { share })
            .collect();
        self.whole = self.shares.iter().sum();
        self.account.fill(0);
        self.total = 0;
    }
}
