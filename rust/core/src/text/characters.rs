//! Parts that look at single characters: line breaks, controls, invisible characters.

use super::leads;
use super::rewriter::Rewriter;
use crate::edit::EditLog;

/// Turns CRLF, CR, VT, FF, NEL, LINE SEPARATOR and PARAGRAPH SEPARATOR into `\n` (Unicode 5.8, "newline
/// function").
pub(super) fn unify_newlines(text: &str, edits: &mut EditLog) -> Option<String> {
    let bytes = text.as_bytes();
    let mut rewriter = Rewriter::new("newlines", text, edits);
    let mut position = 0;
    while let Some(found) = leads::next(bytes, position, leads::NEWLINES) {
        let character = leads::character_at(text, found);
        position = found + character.len_utf8();
        match character {
            '\r' if bytes.get(position) == Some(&b'\n') => rewriter.replace(found, position, ""),
            '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                rewriter.replace(found, position, "\n")
            }
            _ => {}
        }
    }
    rewriter.finish()
}

/// Removes C0, DEL and C1 except tab and line breaks (those belong to `newlines`), and the noncharacters.
pub(super) fn remove_controls(text: &str, edits: &mut EditLog) -> Option<String> {
    let mut rewriter = Rewriter::new("controls", text, edits);
    let mut position = 0;
    while let Some(found) = leads::next(text.as_bytes(), position, leads::CONTROLS) {
        let character = leads::character_at(text, found);
        position = found + character.len_utf8();
        if is_control(character) {
            rewriter.replace(found, position, "");
        }
    }
    rewriter.finish()
}

fn is_control(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' => false,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => true,
        '\u{fdd0}'..='\u{fdef}' => true,
        _ => u32::from(character) & 0xfffe == 0xfffe,
    }
}

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// Removes ZERO WIDTH SPACE, WORD JOINER, BYTE ORDER MARK, SOFT HYPHEN and bidirectional embeddings,
/// overrides and isolates. The two joiners stay beside scripts that they shape, and ZWJ stays between two
/// emoji.
///
/// LEFT-TO-RIGHT MARK and RIGHT-TO-LEFT MARK stay: they cannot reorder text beyond themselves.
pub(super) fn remove_zero_width(text: &str, edits: &mut EditLog) -> Option<String> {
    let mut rewriter = Rewriter::new("zero_width", text, edits);
    // End of the last removed character, and the kept character before it, for a removed run.
    let (mut removed_end, mut kept_before) = (0, None);
    // The next visible character, and where it stands.
    let (mut next_position, mut next) = (0, None);
    let mut position = 0;
    while let Some(found) = leads::next(text.as_bytes(), position, leads::ZERO_WIDTH) {
        let character = leads::character_at(text, found);
        position = found + character.len_utf8();
        if !is_joiner(character) && !is_invisible(character) {
            continue;
        }
        let previous = if found == removed_end {
            kept_before
        } else {
            text[..found].chars().next_back()
        };
        if position > next_position {
            // Found once for a whole run of invisible characters, which may be long.
            let is_visible = |&(_, other): &(usize, char)| !is_invisible(other) && !is_joiner(other);
            let visible = text[position..].char_indices().find(is_visible);
            next_position = visible.map_or(text.len(), |(offset, _)| position + offset);
            next = visible.map(|(_, other)| other);
        }
        let is_kept = is_joiner(character) && is_shaping(character, previous, next);
        if !is_kept {
            rewriter.replace(found, position, "");
            (removed_end, kept_before) = (position, previous);
        }
    }
    rewriter.finish()
}

fn is_joiner(character: char) -> bool {
    matches!(character, ZERO_WIDTH_NON_JOINER | ZERO_WIDTH_JOINER)
}

fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

fn is_shaping(joiner: char, previous: Option<char>, next: Option<char>) -> bool {
    let is_beside_script = previous.is_some_and(is_joining_script) || next.is_some_and(is_joining_script);
    let is_between_emoji = previous.is_some_and(is_emoji_part) && next.is_some_and(is_emoji_part);
    is_beside_script || (joiner == ZERO_WIDTH_JOINER && is_between_emoji)
}

/// Blocks of scripts in which a joiner changes the shape of a letter: Arabic and its kin, Indic and
/// South-East Asian scripts, Mongolian.
fn is_joining_script(character: char) -> bool {
    matches!(
        u32::from(character),
        0x0600..=0x08ff        // Arabic, Syriac, Thaana, NKo, Mandaic
        | 0x0900..=0x0dff      // Devanagari to Sinhala
        | 0x0f00..=0x109f      // Tibetan, Myanmar
        | 0x1700..=0x18af      // Philippine scripts, Khmer, Mongolian
        | 0x1900..=0x1aaf      // Limbu to Tai Tham
        | 0x1b00..=0x1c7f      // Balinese to Ol Chiki
        | 0x1cd0..=0x1cff      // Vedic extensions
        | 0xa800..=0xa8ff      // Syloti Nagri to Devanagari extended
        | 0xa930..=0xaaff      // Rejang to Meetei Mayek extensions
        | 0xabc0..=0xabff      // Meetei Mayek
        | 0xfb50..=0xfdcf      // Arabic presentation forms A
        | 0xfe70..=0xfefc      // Arabic presentation forms B
        | 0x10a00..=0x10a5f    // Kharoshthi
        | 0x10d00..=0x10d3f    // Hanifi Rohingya
        | 0x11000..=0x11d8f // Brahmi to Gunjala Gondi
    )
}

/// Characters that stand beside ZWJ in emoji sequences: pictographs, arrows and signs, variation selector,
/// skin tones.
fn is_emoji_part(character: char) -> bool {
    matches!(
        u32::from(character),
        0x2190..=0x21ff | 0x2300..=0x23ff | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0xfe0f | 0x1f000..=0x1faff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(part: fn(&str, &mut EditLog) -> Option<String>, text: &str) -> String {
        let mut edits = EditLog::default();
        let output = part(text, &mut edits).unwrap_or_else(|| text.to_owned());
        assert_eq!(edits.undo(&output), text);
        output
    }

    #[test]
    fn every_line_break_becomes_a_line_feed() {
        let text = "a\r\nb\rc\u{b}d\u{c}e\u{85}f\u{2028}g\u{2029}h\r\r\ni\n";
        assert_eq!(run(unify_newlines, text), "a\nb\nc\nd\ne\nf\ng\nh\n\ni\n");
    }

    #[test]
    fn controls_and_noncharacters_go_and_breaks_stay() {
        let text = "\0a\tb\u{7f}\u{9b}c\r\n\u{85}\u{fffe}\u{ffff}\u{fdd0}\u{1ffff}d\u{fffd}";
        assert_eq!(run(remove_controls, text), "a\tbc\r\n\u{85}d\u{fffd}");
    }

    #[test]
    fn invisible_characters_go() {
        let text = "\u{feff}a\u{200b}b\u{2060}c\u{ad}d\u{202e}e\u{2066}f\u{200d}g\u{200c}h\u{200e}";
        assert_eq!(run(remove_zero_width, text), "abcdefgh\u{200e}");
    }

    #[test]
    fn joiners_stay_where_they_shape() {
        for text in [
            "👩\u{200d}💻",
            "❤\u{fe0f}\u{200d}🔥",
            "👩🏽\u{200d}🚀",
            "🏳\u{fe0f}\u{200d}🌈",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "\u{200d}ه",
            "ශ්\u{200d}රී",
        ] {
            assert_eq!(run(remove_zero_width, text), text);
        }
        assert_eq!(run(remove_zero_width, "👩\u{200d}a"), "👩a");
        assert_eq!(run(remove_zero_width, "a\u{200d}\u{200b}\u{200d}b"), "ab");
        assert_eq!(
            run(remove_zero_width, "\u{200d}\u{200b}\u{200d}ه"),
            "\u{200d}\u{200d}ه"
        );
    }

    #[test]
    fn a_long_run_of_joiners_takes_linear_time() {
        let joiners = "\u{200d}".repeat(400_000);
        assert_eq!(run(remove_zero_width, &format!("a{joiners}b")), "ab");
    }
}
