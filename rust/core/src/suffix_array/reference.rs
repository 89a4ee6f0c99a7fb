//! The slow, obvious suffix array.

/// Sorts the suffixes by comparing them.
pub(super) fn sorted_suffixes<S: Ord>(text: &[S]) -> Vec<u32> {
    let mut array: Vec<u32> = (0..text.len() as u32).collect();
    array.sort_by(|&left, &right| text[left as usize..].cmp(&text[right as usize..]));
    array
}
