//! Sentences as datamap-rs cuts them for MADLAD-400's rules: between matches of `[.!?]+\s+`.
//!
//! The marks and the white space belong to no sentence; the last sentence keeps its mark if nothing follows it.

/// Calls `sentence` with the byte range of each sentence that is more than white space.
pub(super) fn split_sentences(text: &str, mut sentence: impl FnMut(usize, usize)) {
    let bytes = text.as_bytes();
    let mut push = |start: usize, end: usize| {
        if !text[start..end].trim().is_empty() {
            sentence(start, end);
        }
    };
    let (mut start, mut position) = (0, 0);
    while let Some(offset) = memchr::memchr3(b'.', b'!', b'?', &bytes[position..]) {
        let mark = position + offset;
        let num_marks = bytes[mark..]
            .iter()
            .take_while(|byte| matches!(byte, b'.' | b'!' | b'?'))
            .count();
        position = mark + num_marks;
        let rest = text[position..].trim_start();
        let next = text.len() - rest.len();
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
            let mut found = Vec::new();
            split_sentences(text, |start, end| found.push(&text[start..end]));
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
