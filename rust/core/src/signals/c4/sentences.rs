//! Counts sentences in a line, by the rule of [`Document::sentences`](crate::signals::Document::sentences).

use crate::segment::is_white_space;
use crate::signals::facts::for_each_sentence_end;

/// The number of sentences in bytes `start..end` of `text`; 0 if they are only white space.
///
/// `marks` are the positions there at which a terminal mark may stand, as
/// [`Spots::ends`](crate::signals::facts::Spots) has them.
pub(super) fn count_sentences(text: &str, start: usize, end: usize, marks: &[u32]) -> usize {
    let (mut num_sentences, mut sentence_start) = (0, start);
    for_each_sentence_end(text, start, end, marks, |sentence_end| {
        num_sentences += 1;
        sentence_start = sentence_end;
    });
    num_sentences + usize::from(text[sentence_start..end].contains(|character| !is_white_space(character)))
}

#[cfg(test)]
mod tests {
    use super::super::reference::sentences;
    use super::count_sentences;
    use crate::signals::facts::Spots;

    #[test]
    fn counts_as_documented() {
        for (text, expected) in [
            ("", 0),
            (" \t ", 0),
            ("no mark", 1),
            ("One.", 1),
            ("One. Two! Three? four", 4),
            ("He said “Go.” Then he went.", 2),
            ("\"Stop!\" (Now.) ok", 3),
            ("version 3.14 of example.com", 1),
            ("Dr. No", 2),
            ("Wait... what?!", 2),
            ("...", 1),
            ("これは文です。これも文です！はい", 3),
            ("「はい。」と言った。", 2),
            ("ما هذا؟ كتاب.", 2),
            ("What!？Yes", 2),
            ("é è", 1),
            (". . .", 3),
        ] {
            let mut spots = Spots::default();
            spots.fill(text);
            assert_eq!(
                count_sentences(text, 0, text.len(), &spots.ends),
                expected,
                "{text:?}"
            );
            assert_eq!(sentences(text), expected, "{text:?}");
        }
    }
}
