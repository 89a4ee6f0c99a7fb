//! spaCy's tokenizer as its source reads, slow and on strings: what the fast one is held to.
//!
//! The expressions are transcribed alternative by alternative from `spacy/lang/punctuation.py`,
//! `spacy/lang/en/punctuation.py` and `spacy/lang/tokenizer_exceptions.py`, the loops from `spacy/tokenizer.pyx`. Only
//! the large classes of characters come from the table.

use super::characters::{ALPHA, CHARACTERS, DIGIT, ICON, LOWER, UPPER, WORD};
use super::exceptions::{EXCEPTIONS, Exception};
use crate::segment::is_white_space;

const PUNCTUATION: &str = "… …… , : ; ! ? ¿ ؟ ¡ ( ) [ ] { } < > _ # * & 。 ？ ！ ， 、 ； ： ～ · । ، ۔ ؛ ٪";
const QUOTES: &str = "' \" ” “ ` ‘ ´ ’ ‚ , „ » « 「 」 『 』 （ ） 〔 〕 【 】 《 》 〈 〉 〈 〉 ⟦ ⟧";
const CURRENCIES: &str =
    "$ £ € ¥ ฿ US$ C$ A$ ₽ ﷼ ₴ ₠ ₡ ₢ ₣ ₤ ₥ ₦ ₧ ₨ ₩ ₪ ₫ € ₭ ₮ ₯ ₰ ₱ ₲ ₳ ₴ ₵ ₶ ₷ ₸ ₹ ₺ ₻ ₼ ₽ ₾ ₿";
const UNITS: &str = "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h \
    kmh mph hPa Pa mbar mb MB kb KB gb GB tb TB T G M K % км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг \
    м/с км/ч кПа Па мбар Кб КБ кб Мб МБ мб Гб ГБ гб Тб ТБ тбكم كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ كم غرام جرام جم كغ ملغ \
    كوب اكواب";

/// The tokens that datatrove gets.
pub(crate) fn english_tokens(text: &str) -> Vec<&str> {
    with_white_space(text)
        .into_iter()
        .filter(|&(start, end)| !text[start..end].trim_matches(is_white_space).is_empty())
        .map(|(start, end)| &text[start..end])
        .collect()
}

/// Python's `str.isalpha` of a character.
pub(crate) fn is_python_alphabetic(character: char) -> bool {
    has(character, super::characters::LETTER)
}

/// Sentences of a line by `Sentencizer.predict`, tokens of white space included.
pub(crate) fn num_sentences(line: &str) -> usize {
    let (mut number, mut seen_period) = (1, false);
    for (start, end) in with_white_space(line) {
        let token = &line[start..end];
        let has_all = |bit| token.chars().all(|character| has(character, bit));
        let is_in_punct_chars = token.chars().count() == 1 && has_all(super::characters::ENDS_SENTENCE);
        if seen_period && !has_all(super::characters::PUNCTUATION) && !is_in_punct_chars {
            number += 1;
            seen_period = false;
        } else if is_in_punct_chars {
            seen_period = true;
        }
    }
    number
}

/// All of spaCy's tokens, as byte ranges.
fn with_white_space(text: &str) -> Vec<(usize, usize)> {
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut in_white_space = text.starts_with(is_white_space);
    let push = |start: usize, end: usize, tokens: &mut Vec<(usize, usize)>| {
        if start < end {
            tokenize_span(text, start, end, tokens);
        }
    };
    for (at, character) in text.char_indices() {
        if is_white_space(character) != in_white_space {
            push(start, at, &mut tokens);
            start = if character == ' ' { at + 1 } else { at };
            in_white_space = !in_white_space;
        }
    }
    push(start, text.len(), &mut tokens);
    apply_special_cases(text, &tokens)
}

fn special(string: &str) -> Option<&'static Exception> {
    EXCEPTIONS
        .list()
        .iter()
        .find(|exception| exception.string == string)
}

fn tokenize_span(text: &str, start: usize, end: usize, tokens: &mut Vec<(usize, usize)>) {
    let (mut start, mut end) = (start, end);
    let mut suffixes = Vec::new();
    let mut last_size = usize::MAX;
    while start < end && end - start != last_size {
        if special(&text[start..end]).is_some() {
            break;
        }
        last_size = end - start;
        let prefix = find_prefix(&text[start..end]);
        if prefix > 0 && special(&text[start + prefix..end]).is_some() {
            tokens.push((start, start + prefix));
            start += prefix;
            break;
        }
        let suffix = find_suffix(&text[start + prefix..end]);
        if suffix > 0 && special(&text[start..end - suffix]).is_some() {
            suffixes.push((end - suffix, end));
            end -= suffix;
            break;
        }
        if prefix > 0 {
            tokens.push((start, start + prefix));
        }
        if suffix > 0 {
            suffixes.push((end - suffix, end));
        }
        (start, end) = (start + prefix, end - suffix);
    }
    if start < end {
        if let Some(exception) = special(&text[start..end]) {
            push_parts(start, exception, tokens);
        } else if url_match(&text[start..end]) {
            tokens.push((start, end));
        } else {
            let mut read = start;
            for (from, to) in find_infixes(&text[start..end]) {
                if from == 0 {
                    continue;
                }
                if start + from != read {
                    tokens.push((read, start + from));
                }
                tokens.push((start + from, start + to));
                read = start + to;
            }
            if read < end {
                tokens.push((read, end));
            }
        }
    }
    tokens.extend(suffixes.into_iter().rev());
}

fn push_parts(start: usize, exception: &Exception, tokens: &mut Vec<(usize, usize)>) {
    let mut start = start;
    for part in &exception.tokens {
        tokens.push((start, start + part.len()));
        start += part.len();
    }
}

/// Finds the patterns everywhere, the longest first, and puts the tokens of the special case in their place.
fn apply_special_cases(text: &str, tokens: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut matches = Vec::new();
    for start in 0..tokens.len() {
        for exception in EXCEPTIONS
            .list()
            .iter()
            .filter(|exception| !exception.pattern.is_empty())
        {
            let end = start + exception.pattern.len();
            if end <= tokens.len()
                && exception
                    .pattern
                    .iter()
                    .zip(&tokens[start..end])
                    .all(|(part, &(from, to))| *part == &text[from..to])
            {
                matches.push((start, end));
            }
        }
    }
    matches.sort_by_key(|&(start, end)| (end - start, usize::MAX - start));
    let (mut seen, mut filtered) = (vec![false; tokens.len()], Vec::new());
    for &(start, end) in matches.iter().rev() {
        if !seen[start] && !seen[end - 1] {
            filtered.push((start, end));
        }
        seen[start..end].fill(true);
    }
    filtered.sort_unstable();
    let (mut result, mut at) = (Vec::new(), 0);
    for (start, end) in filtered {
        result.extend_from_slice(&tokens[at..start]);
        match special(&text[tokens[start].0..tokens[end - 1].1]) {
            Some(exception) => push_parts(tokens[start].0, exception, &mut result),
            None => result.extend_from_slice(&tokens[start..end]),
        }
        at = end;
    }
    result.extend_from_slice(&tokens[at..]);
    result
}

fn has(character: char, bit: u16) -> bool {
    CHARACTERS.of(u32::from(character)) & bit != 0
}

fn is_quote(character: char) -> bool {
    character != ' ' && QUOTES.contains(character)
}

fn last_is(string: &str, holds: impl Fn(char) -> bool) -> bool {
    string.chars().next_back().is_some_and(holds)
}

fn first_is(string: &str, holds: impl Fn(char) -> bool) -> bool {
    string.chars().next().is_some_and(holds)
}

fn is_digit(character: char) -> bool {
    character.is_ascii_digit()
}

/// Length of the first alternative that matches at the start.
fn find_prefix(string: &str) -> usize {
    for fixed in ["§", "%", "=", "—", "–"] {
        if string.starts_with(fixed) {
            return fixed.len();
        }
    }
    if string.starts_with('+') && !first_is(&string[1..], is_digit) {
        return 1;
    }
    if let Some(fixed) = PUNCTUATION.split(' ').find(|fixed| string.starts_with(fixed)) {
        return fixed.len();
    }
    let num_dots = string.len() - string.trim_start_matches('.').len();
    if num_dots >= 2 {
        return num_dots;
    }
    for fixed in QUOTES.split(' ').chain(CURRENCIES.split(' ')) {
        if string.starts_with(fixed) {
            return fixed.len();
        }
    }
    let icon = string.chars().next().filter(|&first| has(first, ICON));
    icon.map_or(0, char::len_utf8)
}

/// Length of the leftmost match of an alternative that reaches the end.
fn find_suffix(string: &str) -> usize {
    for (at, first) in string.char_indices() {
        let (before, rest) = string.split_at(at);
        let is_one = PUNCTUATION.split(' ').any(|fixed| fixed == rest)
            || (rest.len() >= 2 && rest.chars().all(|character| character == '.'))
            || QUOTES.split(' ').any(|fixed| fixed == rest)
            || (rest.chars().count() == 1 && has(first, ICON))
            || ["'s", "'S", "’s", "’S", "—", "–"].contains(&rest);
        let follows_digit = last_is(before, is_digit)
            && (rest == "+"
                || CURRENCIES
                    .split(' ')
                    .chain(UNITS.split(' '))
                    .any(|fixed| fixed == rest));
        let mut backwards = before.chars().rev();
        let last_two = [backwards.next(), backwards.next()];
        let is_dot = rest == "."
            && (["F", "f", "C", "c", "K", "k"]
                .iter()
                .any(|letter| before.ends_with(&format!("°{letter}")))
                || last_is(before, |last| {
                    is_digit(last)
                        || has(last, LOWER)
                        || "%²-+|(?:)".contains(last)
                        || (last != ' ' && PUNCTUATION.contains(last))
                        || is_quote(last)
                })
                || last_two
                    .iter()
                    .all(|last| last.is_some_and(|last| has(last, UPPER))));
        if is_one || follows_digit || is_dot {
            return rest.len();
        }
    }
    0
}

/// Every infix from left to right, as byte ranges.
fn find_infixes(string: &str) -> Vec<(usize, usize)> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(first) = string[at..].chars().next() {
        let length = infix_length(&string[..at], &string[at..]);
        if length > 0 {
            found.push((at, at + length));
        }
        at += if length > 0 { length } else { first.len_utf8() };
    }
    found
}

fn infix_length(before: &str, rest: &str) -> usize {
    let num_dots = rest.len() - rest.trim_start_matches('.').len();
    if num_dots >= 2 {
        return num_dots;
    }
    if rest.starts_with('…') || first_is(rest, |first| has(first, ICON)) {
        return rest.chars().next().map_or(0, char::len_utf8);
    }
    let after = |length: usize, holds: &dyn Fn(char) -> bool| first_is(&rest[length..], holds);
    let is_alpha = |character: char| has(character, ALPHA);
    if rest.starts_with(['+', '-', '*', '^'])
        && last_is(before, is_digit)
        && after(1, &|next| is_digit(next) || next == '-')
    {
        return 1;
    }
    if rest.starts_with('.')
        && last_is(before, |last| has(last, LOWER) || is_quote(last))
        && after(1, &|next| has(next, UPPER) || is_quote(next))
    {
        return 1;
    }
    if rest.starts_with(',') && last_is(before, is_alpha) && after(1, &is_alpha) {
        return 1;
    }
    if !last_is(before, |last| is_alpha(last) || is_digit(last)) {
        return 0;
    }
    let marks = ["-", "–", "—", "--", "---", "——", "~", ":", "<", ">", "=", "/"];
    marks
        .iter()
        .find(|mark| rest.starts_with(**mark) && after(mark.len(), &is_alpha))
        .map_or(0, |mark| mark.len())
}

/// `URL_MATCH`, by trying every way to cut the string into its parts.
fn url_match(string: &str) -> bool {
    let cuts: Vec<usize> = string
        .char_indices()
        .map(|(at, _)| at)
        .chain([string.len()])
        .collect();
    let protocols = cuts
        .iter()
        .copied()
        .filter(|&cut| cut == 0 || is_protocol(&string[..cut]));
    let hosts = protocols.flat_map(|protocol| {
        let is_start =
            move |&cut: &usize| cut == protocol || (cut > protocol && is_user(&string[protocol..cut]));
        cuts.iter().copied().filter(is_start)
    });
    hosts
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .any(|host| {
            cuts.iter().filter(|&&end| end > host).any(|&end| {
                let rest = &string[end..];
                let mut ports = (end..=string.len()).filter(|&port| string.is_char_boundary(port));
                (is_address(&string[host..end]) || is_name(&string[host..end]))
                    && (is_path(rest)
                        || ports.any(|port| is_port(&string[end..port]) && is_path(&string[port..])))
            })
        })
}

fn is_protocol(string: &str) -> bool {
    string.strip_suffix("://").is_some_and(|name| {
        name.chars().count() >= 2
            && name
                .chars()
                .all(|character| "+-.".contains(character) || has(character, WORD))
    })
}

fn is_user(string: &str) -> bool {
    string.strip_suffix('@').is_some_and(|user| !user.is_empty())
}

fn is_path(string: &str) -> bool {
    string.is_empty() || string.starts_with(['/', '?', '#'])
}

fn is_port(string: &str) -> bool {
    string.strip_prefix(':').is_some_and(|port| {
        (2..=5).contains(&port.chars().count()) && port.chars().all(|character| has(character, DIGIT))
    })
}

fn is_name(string: &str) -> bool {
    let mut labels: Vec<&str> = string.split('.').collect();
    let last = labels.pop().unwrap_or_default();
    let is_end =
        |character: char| character.is_ascii_alphanumeric() || ('\u{a1}'..='\u{ffff}').contains(&character);
    !labels.is_empty()
        && (2..=63).contains(&last.chars().count())
        && last.chars().all(|character| has(character, LOWER))
        && labels.iter().all(|label| {
            label.chars().count() <= 64
                && first_is(label, is_end)
                && last_is(label, is_end)
                && label
                    .chars()
                    .all(|character| is_end(character) || "_-".contains(character))
        })
}

/// Four numbers that are no private, local or reserved address, digits of any script where the expression has `\d`.
fn is_address(string: &str) -> bool {
    let parts: Vec<&str> = string.split('.').collect();
    let [first, second, third, fourth] = parts[..] else {
        return false;
    };
    let digits = |part: &str| part.chars().all(|character| has(character, DIGIT));
    let fits = |part: &str, forms: &[&str]| {
        forms.iter().any(|form| {
            form.split(' ').count() == part.chars().count()
                && form
                    .split(' ')
                    .zip(part.chars())
                    .all(|(class, character)| class == "d" || class.contains(character))
        })
    };
    let is_private = matches!(first, "10" | "127")
        || matches!((first, second), ("169", "254") | ("192", "168"))
        || (first == "172" && fits(second, &["1 6789", "2 d", "3 01"]));
    parts.iter().all(|part| digits(part))
        && !is_private
        && fits(
            first,
            &["123456789", "123456789 d", "1 d d", "2 01 d", "2 2 0123"],
        )
        && [second, third]
            .iter()
            .all(|part| fits(part, &["d", "d d", "1 d", "1 d d", "2 01234 d", "2 5 012345"]))
        && fits(
            fourth,
            &["123456789", "123456789 d", "1 d d", "2 01234 d", "2 5 01234"],
        )
}
