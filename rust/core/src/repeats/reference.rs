//! The slow, obvious version: whether a window stands is found by looking at every other window.

use std::ops::Range;

use super::Units;

/// What is kept of a text so far.
pub(super) struct Judgement<'a, S, U> {
    text: &'a [S],
    units: &'a U,
    length: usize,
    /// Whether each symbol is kept; those at and behind `decided` are not decided yet.
    kept: Vec<bool>,
    decided: usize,
    /// The document of each symbol.
    documents: Vec<Range<usize>>,
}

/// Returns what goes, as ranges that are neither empty nor adjacent, without looking at lines.
pub(super) fn gone<S: Eq, U: Units>(
    text: &[S],
    units: &U,
    bounds: &[u32],
    length: usize,
) -> Vec<Range<usize>> {
    let documents: Vec<Range<usize>> = bounds
        .windows(2)
        .map(|pair| pair[0] as usize..pair[1] as usize)
        .collect();
    let mut judgement = Judgement {
        text,
        units,
        length,
        kept: vec![true; text.len()],
        decided: 0,
        documents: documents
            .iter()
            .flat_map(|document| vec![document.clone(); document.len()])
            .collect(),
    };
    let mut gone = Vec::new();
    for document in documents {
        judgement.judge(document, &mut gone);
    }
    gone
}

impl<S: Eq, U: Units> Judgement<'_, S, U> {
    fn judge(&mut self, document: Range<usize>, gone: &mut Vec<Range<usize>>) {
        self.decided = document.start;
        while self.decided < document.end {
            let here = self.decided;
            let unit_end = (here + 1..=document.end).find(|&end| self.is_edge(end)).unwrap();
            // Windows that would stand if this unit were kept, and the one that starts here.
            let candidates = (document.start..=here).filter(|&window| {
                let Some(end) = self.end_of(window) else {
                    return false;
                };
                window == here || (end == unit_end && self.kept[window..here].iter().all(|&kept| kept))
            });
            let mut candidates: Vec<usize> = candidates
                .filter(|&window| self.stands_elsewhere(window))
                .collect();
            // The one that starts here reaches farther than any other.
            candidates.sort_by_key(|&window| (window != here, window));
            let Some(&first) = candidates.first() else {
                self.decided = unit_end;
                continue;
            };
            let mut end = self.end_of(first).unwrap();
            let mut window = first + 1;
            while window <= end {
                if let Some(reach) = self.end_of(window)
                    && self.documents[window] == document
                    && self.stands_elsewhere(window)
                {
                    end = end.max(reach);
                }
                window += 1;
            }
            self.kept[here..end].fill(false);
            self.decided = end;
            match gone.last_mut() {
                Some(last) if last.end == here && here != document.start => last.end = end,
                _ => gone.push(here..end),
            }
        }
    }

    fn is_edge(&self, place: usize) -> bool {
        place == self.text.len()
            || self.units.is_boundary(place)
            || self.documents[place] != self.documents[place - 1]
    }

    /// The end of the last whole unit in the window at `window`, if there is such a window.
    fn end_of(&self, window: usize) -> Option<usize> {
        let end = window + self.length;
        if window >= self.text.len() || end > self.documents[window].end || !self.units.is_boundary(window) {
            return None;
        }
        (window..=end).rev().find(|&place| self.is_edge(place))
    }

    /// Whether an equal window lies in text that is decided and kept.
    fn stands_elsewhere(&self, window: usize) -> bool {
        (0..self.decided).any(|other| {
            other != window
                && self
                    .end_of(other)
                    .is_some_and(|end| end <= self.decided && self.kept[other..end].iter().all(|&kept| kept))
                && self.text[other..other + self.length] == self.text[window..window + self.length]
        })
    }
}
