//! Finds web addresses as NeMo Curator's pattern does:
//! `https?://(?:[A-Za-z0-9$\-_@.&+/:=?#~]|[!*\(\),]|(?:%[0-9A-Fa-f]{2}))+`.

use memchr::memmem::Finder;

/// What the addresses of one text amount to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Urls {
    /// Characters of all addresses; they are all ASCII.
    pub(super) num_chars: usize,
    /// Whether one of them contains `porn`.
    pub(super) is_pornographic: bool,
}

/// Looks for addresses.
#[derive(Debug, Clone)]
pub(super) struct UrlFinder {
    separator: Finder<'static>,
    pornographic: Finder<'static>,
}

impl Default for UrlFinder {
    fn default() -> Self {
        Self {
            separator: Finder::new("://"),
            pornographic: Finder::new("porn"),
        }
    }
}

impl UrlFinder {
    /// Finds the addresses of a text, from left to right without overlap. Cost: a search for `://`.
    pub(super) fn find(&self, text: &str) -> Urls {
        let bytes = text.as_bytes();
        let (mut found, mut next) = (Urls::default(), 0);
        while let Some(at) = self.separator.find(&bytes[next..]) {
            let (scheme_end, body) = (next + at, next + at + 3);
            next = body;
            let scheme = ["https", "http"]
                .into_iter()
                .find(|scheme| bytes[..scheme_end].ends_with(scheme.as_bytes()));
            let length = body_length(&bytes[body..]);
            // An address takes everything that may belong to one, so no scheme begins inside the address before.
            let Some(scheme) = scheme.filter(|_| length > 0) else {
                continue;
            };
            next = body + length;
            let url = &bytes[scheme_end - scheme.len()..next];
            found.num_chars += url.len();
            found.is_pornographic = found.is_pornographic || self.pornographic.find(url).is_some();
        }
        found
    }
}

/// How many bytes at the start can stand after `://`.
fn body_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'%' if bytes[at + 1..].len() >= 2 && bytes[at + 1..at + 3].iter().all(u8::is_ascii_hexdigit) => {
                3
            }
            byte if byte.is_ascii_alphanumeric() || b"$-_@.&+/:=?#~!*(),".contains(&byte) => 1,
            _ => break,
        };
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_pattern() {
        // Left: text. Right: characters in what `re.findall` of the pattern returns.
        for (text, num_chars) in [
            ("", 0),
            ("http://", 0),
            ("http://a", 8),
            ("xhttps://a.b/c?d=e#f~ ", 20),
            ("HTTP://a", 0),
            ("ftp://a http:/b http://é", 0),
            ("http://%41%4g", 10),
            ("http://%4", 0),
            ("http://a%", 8),
            ("http://ahttp://b", 16),
            ("http://a;http://b", 16),
            ("http://://http://a", 18),
            ("http://<http://a", 8),
        ] {
            assert_eq!(UrlFinder::default().find(text).num_chars, num_chars, "{text}");
        }
        assert!(UrlFinder::default().find("see https://a.b/porn").is_pornographic);
        assert!(!UrlFinder::default().find("porn, see https://a.b").is_pornographic);
    }
}
