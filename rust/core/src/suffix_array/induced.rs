//! SA-IS itself. A suffix is *smaller* (S) or *larger* (L) than the one that starts a symbol later; the last is L.
//! An *LMS* position is an S behind an L. Sorting the LMS suffixes sorts all others by induction: L-suffixes from the
//! left, then S-suffixes from the right. The LMS suffixes themselves are sorted by the same induction up to the next LMS
//! position, named, and where names are not distinct, by recursion on the text of names.
//!
//! Types are not stored. In the pass from the left every entry is L or LMS, and what stands before it is L exactly if
//! its symbol is not smaller. In the pass from the right, what stands before an entry is S if its symbol is smaller, or
//! equal and the entry lies in the S-part of its bucket, whose lower end is where the pass writes next.

use super::{Poll, SuffixError, Symbol};

/// A place of the array without a suffix.
const EMPTY: u32 = u32::MAX;

/// What the tables of all levels take, in entries of 4 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tables {
    pub(super) held: usize,
    pub(super) max_entries: usize,
}

impl Tables {
    fn allocate(&mut self, entries: usize) -> Result<Vec<u32>, SuffixError> {
        self.held += entries;
        if self.held > self.max_entries {
            return Err(SuffixError::Memory {
                entries: self.held,
                max_entries: self.max_entries,
            });
        }
        Ok(vec![0; entries])
    }
}

/// Fills `array`, as long as `text`, with its suffix array. `spare` is memory that may be used.
pub(super) fn sort<S: Symbol>(
    text: &[S],
    alphabet: usize,
    array: &mut [u32],
    spare: &mut [u32],
    mut tables: Tables,
    poll: Poll<'_>,
) -> Result<(), SuffixError> {
    let length = text.len();
    if length < 2 {
        array.fill(0);
        return Ok(());
    }
    let mut own;
    let buckets = match spare.get_mut(..alphabet) {
        Some(buckets) => buckets,
        None => {
            own = tables.allocate(alphabet)?;
            &mut own[..]
        }
    };

    array.fill(EMPTY);
    bucket_ends(text, buckets);
    let mut num_lms = 0;
    each_lms(text, poll, |position| {
        let end = &mut buckets[text[position].number()];
        *end -= 1;
        array[*end as usize] = position as u32;
        num_lms += 1;
    })?;
    if num_lms > 1 {
        induce(text, array, buckets, poll)?;
        compact_lms(text, array, buckets, poll)?;
        let num_names = name(text, array, num_lms, poll)?;
        if num_names < num_lms {
            sort_names(text, array, (num_lms, num_names), tables, poll)?;
        }
        // The sorted LMS suffixes stand in front; each goes to the end of its bucket, the largest first.
        array[num_lms..].fill(EMPTY);
        bucket_ends(text, buckets);
        for rank in (0..num_lms).rev() {
            let position = std::mem::replace(&mut array[rank], EMPTY);
            let end = &mut buckets[text[position as usize].number()];
            *end -= 1;
            array[*end as usize] = position;
        }
    }
    induce(text, array, buckets, poll)
}

/// Sorts LMS suffixes whose names are not distinct; they end in `array[..num_lms]`.
fn sort_names<S: Symbol>(
    text: &[S],
    array: &mut [u32],
    (num_lms, num_names): (usize, usize),
    tables: Tables,
    poll: Poll<'_>,
) -> Result<(), SuffixError> {
    // Names stand between in the order of the text; push them together at the end.
    let mut next = array.len();
    for place in (num_lms..array.len()).rev() {
        if array[place] != EMPTY {
            next -= 1;
            array[next] = array[place];
        }
    }
    let (front, names) = array.split_at_mut(next);
    let (sorted, spare) = front.split_at_mut(num_lms);
    sort(names, num_names, sorted, spare, tables, poll)?;
    let mut place = num_lms;
    each_lms(text, poll, |position| {
        place -= 1;
        names[place] = position as u32;
    })?;
    for rank in sorted {
        *rank = names[*rank as usize];
    }
    Ok(())
}

/// Calls `visit` with each LMS position, from the last to the first.
fn each_lms<S: Symbol>(text: &[S], poll: Poll<'_>, mut visit: impl FnMut(usize)) -> Result<(), SuffixError> {
    let mut is_smaller = false;
    let mut later = text[text.len() - 1];
    for block in Poll::blocks(0..text.len() - 1).rev() {
        poll.check()?;
        for position in block.rev() {
            let symbol = text[position];
            let was_smaller = is_smaller;
            is_smaller = symbol < later || (symbol == later && was_smaller);
            if was_smaller && !is_smaller {
                visit(position + 1);
            }
            later = symbol;
        }
    }
    Ok(())
}

/// Sets every bucket to the first place of its symbol.
fn bucket_starts<S: Symbol>(text: &[S], buckets: &mut [u32]) {
    count(text, buckets);
    let mut start = 0;
    for bucket in buckets {
        start += std::mem::replace(bucket, start);
    }
}

/// Sets every bucket to the place behind the last of its symbol.
fn bucket_ends<S: Symbol>(text: &[S], buckets: &mut [u32]) {
    count(text, buckets);
    let mut end = 0;
    for bucket in buckets {
        end += *bucket;
        *bucket = end;
    }
}

fn count<S: Symbol>(text: &[S], buckets: &mut [u32]) {
    buckets.fill(0);
    for symbol in text {
        buckets[symbol.number()] += 1;
    }
}

/// Sorts all suffixes from LMS suffixes that stand at the ends of their buckets. Leaves each bucket at the lower end
/// of its S-part.
fn induce<S: Symbol>(
    text: &[S],
    array: &mut [u32],
    buckets: &mut [u32],
    poll: Poll<'_>,
) -> Result<(), SuffixError> {
    let length = text.len();
    bucket_starts(text, buckets);
    let start = &mut buckets[text[length - 1].number()];
    array[*start as usize] = (length - 1) as u32;
    *start += 1;
    for block in Poll::blocks(0..length) {
        poll.check()?;
        for rank in block {
            let position = array[rank] as usize;
            if position == EMPTY as usize || position == 0 {
                continue;
            }
            let before = text[position - 1];
            if before >= text[position] {
                let start = &mut buckets[before.number()];
                array[*start as usize] = (position - 1) as u32;
                *start += 1;
            }
        }
    }
    bucket_ends(text, buckets);
    for block in Poll::blocks(0..length).rev() {
        poll.check()?;
        for rank in block.rev() {
            let position = array[rank] as usize;
            if position == EMPTY as usize || position == 0 {
                continue;
            }
            let (before, symbol) = (text[position - 1], text[position]);
            if before < symbol || (before == symbol && rank >= buckets[symbol.number()] as usize) {
                let end = &mut buckets[before.number()];
                *end -= 1;
                array[*end as usize] = (position - 1) as u32;
            }
        }
    }
    Ok(())
}

/// Moves the LMS positions to the front, in the order in which they stand.
fn compact_lms<S: Symbol>(
    text: &[S],
    array: &mut [u32],
    buckets: &[u32],
    poll: Poll<'_>,
) -> Result<(), SuffixError> {
    let mut num_lms = 0;
    for block in Poll::blocks(0..array.len()) {
        poll.check()?;
        for rank in block {
            let position = array[rank] as usize;
            let symbol = text[position];
            let is_smaller = rank >= buckets[symbol.number()] as usize;
            if is_smaller && position > 0 && text[position - 1] > symbol {
                array[num_lms] = position as u32;
                num_lms += 1;
            }
        }
    }
    Ok(())
}

/// Names the LMS substrings (from an LMS position to the next, both included) in `array[..num_lms]`, which are sorted:
/// equal ones have equal names, larger ones larger names. The name of the one at `position` goes to
/// `array[num_lms + position / 2]`: LMS positions are at least two apart. Returns the number of names.
fn name<S: Symbol>(
    text: &[S],
    array: &mut [u32],
    num_lms: usize,
    poll: Poll<'_>,
) -> Result<usize, SuffixError> {
    array[num_lms..].fill(EMPTY);
    // Length first; 0 for the last, which ends with the text and is like no other.
    let mut next = None;
    each_lms(text, poll, |position| {
        let length = next.map_or(0, |next: usize| next - position + 1);
        array[num_lms + position / 2] = length as u32;
        next = Some(position);
    })?;
    let mut num_names = 0_usize;
    let mut previous: &[S] = &[];
    for block in Poll::blocks(0..num_lms) {
        poll.check()?;
        for rank in block {
            let position = array[rank] as usize;
            let place = num_lms + position / 2;
            let substring = &text[position..position + array[place] as usize];
            if substring.is_empty() || substring != previous {
                num_names += 1;
            }
            array[place] = (num_names - 1) as u32;
            previous = substring;
        }
    }
    Ok(num_names)
}
