//! Counts paragraphs with the legal phrases of web pages, as NeMo Curator's `BoilerPlateStringFilter` has them.
//!
//! The phrases are Curator's (Apache-2.0).

use memchr::memmem::Finder;

/// Phrases about cookies, and where `cookie` stands in each. Curator has two more, which contain one of these.
const COOKIE_PHRASES: [(usize, &str); 7] = [
    (0, "cookie policy"),
    (5, "uses cookies"),
    (7, "use of cookies"),
    (4, "use cookies"),
    (
        10,
        "necessary cookies are absolutely essential for the website to function properly. this \
         category only includes cookies that ensures basic functionalities and security features of \
         the website. these cookies do not store any personal information.",
    ),
    (
        4,
        "any cookies that may not be particularly necessary for the website to function and is used \
         specifically to collect user personal data via analytics, ads, other embedded contents are \
         termed as non-necessary cookies. it is mandatory to procure user consent prior to running \
         these cookies on your website.",
    ),
    (
        58,
        "if you continue to browse this site without changing your cookie settings, you agree to this \
         use. acceptread more",
    ),
];

/// Phrases about privacy, and where `privacy` stands in each.
const PRIVACY_PHRASES: [(usize, &str); 4] = [
    (0, "privacy policy"),
    (0, "privacy overview"),
    (0, "privacy & cookies policy"),
    (0, "privacy and cookies policy"),
];

/// The Kelvin sign, whose lower case is `k`.
const KELVIN: &str = "\u{212a}";

/// Looks for the phrases, without case.
#[derive(Debug, Clone)]
pub(super) struct Boilerplate {
    filler: Finder<'static>,
    terms: Finder<'static>,
    cookie: Finder<'static>,
    privacy: Finder<'static>,
    kelvin: Finder<'static>,
    paragraph_break: Finder<'static>,
    lower: String,
    /// Where phrases begin.
    hits: Vec<usize>,
}

impl Default for Boilerplate {
    fn default() -> Self {
        Self {
            filler: Finder::new("lorem ipsum"),
            terms: Finder::new("terms of use"),
            cookie: Finder::new("cookie"),
            privacy: Finder::new("privacy "),
            kelvin: Finder::new(KELVIN),
            paragraph_break: Finder::new("\n\n"),
            lower: String::new(),
            hits: Vec::new(),
        }
    }
}

impl Boilerplate {
    /// Paragraphs, split at every `\n\n`, that hold a phrase, as a share of paragraphs; 1 with `lorem ipsum`.
    ///
    /// Cost: a lower-cased copy and four searches in it; paragraphs are counted only once something is found.
    pub(super) fn paragraph_fraction(&mut self, text: &str) -> f64 {
        self.lower.clear();
        // Of all characters outside ASCII, only this one and a dotted capital I have ASCII in their lower case, and
        // the dot keeps the latter from being part of a phrase.
        if self.kelvin.find(text.as_bytes()).is_some() {
            self.lower.push_str(&text.replace(KELVIN, "k"));
        } else {
            self.lower.push_str(text);
        }
        self.lower.make_ascii_lowercase();
        let bytes = self.lower.as_bytes();
        if self.filler.find(bytes).is_some() {
            return 1.0;
        }
        self.hits.clear();
        self.hits.extend(self.terms.find_iter(bytes));
        for (finder, phrases) in [
            (&self.cookie, &COOKIE_PHRASES[..]),
            (&self.privacy, &PRIVACY_PHRASES[..]),
        ] {
            let places = finder.find_iter(bytes).filter(|&at| {
                phrases.iter().any(|(before, phrase)| {
                    at >= *before && bytes[at - before..].starts_with(phrase.as_bytes())
                })
            });
            self.hits.extend(places);
        }
        if self.hits.is_empty() {
            return 0.0;
        }
        self.hits.sort_unstable();
        self.share_of_paragraphs()
    }

    /// The share of paragraphs that hold a hit. No phrase goes beyond a line.
    fn share_of_paragraphs(&self) -> f64 {
        let (mut num_paragraphs, mut num_found, mut next_hit) = (0, 0, 0);
        let ends = self.paragraph_break.find_iter(self.lower.as_bytes());
        for end in ends.chain([self.lower.len()]) {
            let before = next_hit;
            while self.hits.get(next_hit).is_some_and(|&hit| hit < end) {
                next_hit += 1;
            }
            num_paragraphs += 1;
            num_found += u32::from(next_hit > before);
        }
        f64::from(num_found) / f64::from(num_paragraphs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_count_once_a_paragraph() {
        let fraction = |text: &str| Boilerplate::default().paragraph_fraction(text);
        assert_eq!(fraction(""), 0.0);
        assert_eq!(fraction("We use cookies. Terms of Use.\n\nNo more."), 0.5);
        assert_eq!(fraction("\n\n\nour PRIVACY & cooKies Policy"), 0.5);
        assert_eq!(fraction("Our cookies policy.\n\nuse of\ncookies"), 0.0);
        assert_eq!(fraction("uses coo\u{212a}ies"), 1.0);
        assert_eq!(fraction("a\n\nb\n\nLorem Ipsum\n\nd"), 1.0);
    }
}
