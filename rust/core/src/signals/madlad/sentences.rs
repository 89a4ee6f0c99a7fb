//! Sentences as datamap-rs cuts them for MADLAD-400's rules: between matches of `[.!?]+\s+`.
//!
//! The marks and the white space belong to no sentence; the last sentence keeps its mark if nothing follows it.

/// Calls `sentence` with the byte range of each sentence that is more than white space.
///
/// `ends` are the positions at which a mark may stand, as [`Spots::ends`](crate::signals::facts::Spots) has them.
pub(super) fn split_sentences(text: &str, ends: &[u32], mut sentence: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let mut push = |start: usize, end: usize| {
        let is_graphic = bytes[..end].get(start).is_some_and(u8::is_ascii_graphic);
        if is_graphic || !text[start..end].trim().is_empty() {
            sentence(start, end);
        }
    };
    let is_mark = |byte: &u8| matches!(byte, b'.' | b'!' | b'?');
    let (mut start, mut position) = (0, 0);
    for mark in ends.iter().map(|&mark| mark as usize) {
        if mark < position || !is_mark(&bytes[mark]) {
            continue;
        }
        let num_marks = bytes[mark..].iter().take_while(|byte| is_mark(byte)).count();
        position = mark + num_marks;
        let next = match bytes[position..] {
            [b' ', next, ..] if next.is_ascii_graphic() => position + 1,
            [next, ..] if next.is_ascii_graphic() => position,
            _ => text.len() - text[position..].trim_start().len(),
        };
        if next > position {
            push(start, mark);
            (start, position) = (next, next);
        }
    }
    push(start, text.len());
}

#[cfg(test)]
mod tests {
    use super::split_sentences;
    use crate::signals::facts::Spots;

    #[test]
    fn sentences_lie_between_marks_before_white_space() {
        for (text, expected) in [
            ("", vec![]),
            (" \n", vec![]),
            ("One. Two!  Three?\nfour", vec!["One", "Two", "Three", "four"]),
            ("Version 3.14 of a.b.c.", vec!["Version 3.14 of a.b.c."]),
            ("Wait... what?! ", vec!["Wait", "what"]),
            (" . . Yes.\u{a0}No", vec!["Yes", "No"]),
            ("漢字。文", vec!["漢字。文"]),
        ] {
            let (mut found, mut spots) = (Vec::new(), Spots::default());
            spots.fill(text);
            split_sentences(text, &spots.ends, |start, end| found.push(&text[start..end]));
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
