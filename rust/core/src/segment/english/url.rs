//! spaCy's `URL_MATCH`: what is left of a string after its affixes stays whole if it looks like an address.
//!
//! The expression backtracks; here, every place where a host can start is tried once, and a host is read from
//! left to right, because its labels cannot hold the marks that end them.

use super::characters::{CHARACTERS, DIGIT, LOWER, WORD};

/// Whether the string, which has no white space, is an address as a whole.
pub(super) fn is_address(string: &str) -> bool {
    // Every address has a dot before its last label.
    if memchr::memchr(b'.', string.as_bytes()).is_none() {
        return false;
    }
    let after_user = |(at, _): (usize, &str)| at > 0 && is_host_and_path(&string[at + 1..]);
    is_host_and_path(string)
        || after_protocol(string).is_some_and(is_host_and_path)
        || string.match_indices('@').any(after_user)
}

/// What follows `[\w\+\-\.]{2,}://`.
fn after_protocol(string: &str) -> Option<&str> {
    let (protocol, rest) = string.split_once("://")?;
    let is_protocol = protocol
        .chars()
        .all(|character| matches!(character, '+' | '-' | '.') || bits(character) & WORD != 0);
    (is_protocol && protocol.chars().nth(1).is_some()).then_some(rest)
}

fn is_host_and_path(string: &str) -> bool {
    after_address(string).is_some_and(is_port_and_path) || is_name_and_path(string)
}

/// Labels that end with dots, a last label of lower-case letters, and what may follow.
fn is_name_and_path(string: &str) -> bool {
    let mut rest = string;
    while let Some(after_label) = after_label(rest) {
        let last = after_label
            .find(|character| bits(character) & LOWER == 0)
            .unwrap_or(after_label.len());
        let (last, tail) = after_label.split_at(last);
        if (2..=63).contains(&last.chars().take(64).count()) && is_port_and_path(tail) {
            return true;
        }
        rest = after_label;
    }
    false
}

/// What follows a label (1 to 64 characters, no mark at its ends) and its dot.
fn after_label(string: &str) -> Option<&str> {
    let is_end =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '\u{a1}'..='\u{ffff}');
    let (mut num_chars, mut last) = (0, '-');
    for (at, character) in string.char_indices() {
        if character == '.' {
            return is_end(last).then(|| &string[at + 1..]);
        }
        num_chars += 1;
        let is_allowed = is_end(character) || (num_chars > 1 && matches!(character, '_' | '-'));
        if !is_allowed || num_chars > 64 {
            return None;
        }
        last = character;
    }
    None
}

/// `(?::\d{2,5})?(?:[/?#]\S*)?$`
fn is_port_and_path(string: &str) -> bool {
    let is_path = |rest: &str| rest.is_empty() || rest.starts_with(['/', '?', '#']);
    let Some(port) = string.strip_prefix(':') else {
        return is_path(string);
    };
    let digits = port
        .find(|character| bits(character) & DIGIT == 0)
        .unwrap_or(port.len());
    let (digits, rest) = port.split_at(digits);
    (2..=5).contains(&digits.chars().take(6).count()) && is_path(rest)
}

/// What follows an IP address outside private, local and reserved networks.
///
/// `\d` stands for digits of every script there, so that the parts are compared as characters.
fn after_address(string: &str) -> Option<&str> {
    let mut rest = string;
    let mut parts = [""; 4];
    for (number, part) in parts.iter_mut().enumerate() {
        if number > 0 {
            rest = rest.strip_prefix('.')?;
        }
        let end = rest
            .char_indices()
            .take(4)
            .find(|&(_, character)| bits(character) & DIGIT == 0)
            .map_or(rest.len(), |(at, _)| at);
        (*part, rest) = rest.split_at(end);
    }
    let [first, second, third, fourth] = parts;
    let is_reserved = matches!(first, "10" | "127")
        || matches!((first, second), ("169", "254") | ("192", "168"))
        || (first == "172" && is_16_to_31(second));
    let holds = !is_reserved
        && is_first_octet(first)
        && is_middle_octet(second)
        && is_middle_octet(third)
        && is_last_octet(fourth);
    holds.then_some(rest)
}

/// Characters of a number of at most three digits; the rest are blanks.
fn digits_of(part: &str) -> Option<[char; 3]> {
    let mut digits = [' '; 3];
    let mut characters = part.chars();
    for digit in &mut digits {
        *digit = characters.next().unwrap_or(' ');
    }
    characters.next().is_none().then_some(digits)
}

/// `1[6-9]|2\d|3[0-1]`
fn is_16_to_31(part: &str) -> bool {
    digits_of(part).is_some_and(|digits| match digits {
        ['1', '6'..='9', ' '] | ['3', '0' | '1', ' '] => true,
        ['2', second, ' '] => second != ' ',
        _ => false,
    })
}

/// `[1-9]\d?|1\d\d|2[01]\d|22[0-3]`
fn is_first_octet(part: &str) -> bool {
    digits_of(part).is_some_and(|digits| {
        matches!(
            digits,
            ['1'..='9', _, ' '] | ['1', _, _] | ['2', '0' | '1', _] | ['2', '2', '0'..='3']
        )
    })
}

/// `1?\d{1,2}|2[0-4]\d|25[0-5]`
fn is_middle_octet(part: &str) -> bool {
    digits_of(part).is_some_and(|digits| match digits {
        [' ', ..] => false,
        [_, _, ' '] => true,
        ['1', _, _] | ['2', '0'..='4', _] | ['2', '5', '0'..='5'] => true,
        _ => false,
    })
}

/// `[1-9]\d?|1\d\d|2[0-4]\d|25[0-4]`
fn is_last_octet(part: &str) -> bool {
    digits_of(part).is_some_and(|digits| {
        matches!(
            digits,
            ['1'..='9', _, ' '] | ['1', _, _] | ['2', '0'..='4', _] | ['2', '5', '0'..='4']
        )
    })
}

fn bits(character: char) -> u16 {
    CHARACTERS.of(u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn addresses_are_those_of_spacy() {
        for address in [
            "example.org",
            "www.example.com:8080/path?x",
            "http://a.bc",
            "user:pw@host.name#x",
            "ftp+ssl://x@y.zz/",
            "8.8.8.8",
            "http://8.8.8.8:80/x",
            "ünï.example.dé",
            "a..b@host.org",
            "foo.py",
        ] {
            assert!(is_address(address), "{address}");
        }
        for other in [
            "word",
            "foo.Py",
            "foo.p",
            "10.0.0.1",
            "192.168.0.1/x",
            "8.8.8.0",
            "a_.org",
            "x://a.",
            "-a.org",
            "a.org:1",
            "@a.b",
            "v1.2",
        ] {
            assert!(!is_address(other), "{other}");
        }
    }
}
