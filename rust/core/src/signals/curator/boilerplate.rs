//! Counts paragraphs with the legal phrases of web pages, as NeMo Curator's `BoilerPlateStringFilter` has them.
//!
//! The phrases are Curator's (Apache-2.0).

use crate::signals::Document;
use crate::signals::facts::Spots;
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
const FILLER: &str = "lorem ipsum";
const TERMS: &str = "terms of use";

/// Looks for the phrases, without case.
#[derive(Debug, Clone)]
pub(super) struct Boilerplate {
    kelvin: Finder<'static>,
    paragraph_break: Finder<'static>,
    /// Where phrases begin, or are under way.
    hits: Vec<usize>,
    spots: Spots,
}

impl Default for Boilerplate {
    fn default() -> Self {
        Self {
            kelvin: Finder::new(KELVIN),
            paragraph_break: Finder::new("\n\n"),
            hits: Vec::new(),
            spots: Spots::default(),
        }
    }
}

impl Boilerplate {
    /// Paragraphs, split at every `\n\n`, that hold a phrase, as a share of paragraphs; 1 with `lorem ipsum`.
    ///
    /// Cost: a look at the shared spots; paragraphs are counted only once something is found.
    pub(super) fn paragraph_fraction(&mut self, document: Document<'_>) -> f64 {
        let text = document.text();
        // Of all characters outside ASCII, only this one and a dotted capital I have ASCII in their lower case, and
        // the dot keeps the latter from being part of a phrase.
        let is_ascii = text.len() == document.segmentation().num_chars();
        if !is_ascii && self.kelvin.find(text.as_bytes()).is_some() {
            let text = text.replace(KELVIN, "k");
            let mut spots = std::mem::take(&mut self.spots);
            spots.fill(&text);
            let fraction = self.fraction_at(&text, &spots);
            self.spots = spots;
            return fraction;
        }
        self.fraction_at(text, document.spots())
    }

    /// The same of a text without the Kelvin sign. Every phrase has one of the spots.
    fn fraction_at(&mut self, text: &str, spots: &Spots) -> f64 {
        let bytes = text.as_bytes();
        self.hits.clear();
        for spot in spots.phrases.iter().map(|&spot| spot as usize) {
            // Whether the phrase stands so that the byte at `offset` of it is the spot.
            let is_in = |phrase: &str, offset: usize| {
                let start = spot.checked_sub(offset);
                let found = start.and_then(|start| bytes.get(start..start + phrase.len()));
                found.is_some_and(|found| found.eq_ignore_ascii_case(phrase.as_bytes()))
            };
            // `ki`, `va`, `ms` and `m `: the fourth and fifth bytes of what they belong to.
            let phrases =
                |phrases: &[(usize, &str)]| phrases.iter().any(|&(before, phrase)| is_in(phrase, before + 3));
            let is_hit = match bytes[spot] | 0x20 {
                b'k' => is_in("cookie", 3) && phrases(&COOKIE_PHRASES),
                b'v' => is_in("privacy ", 3) && phrases(&PRIVACY_PHRASES),
                b'm' if is_in(FILLER, 4) => return 1.0,
                b'm' => is_in(TERMS, 3),
                _ => false,
            };
            if is_hit {
                self.hits.push(spot);
            }
        }
        if self.hits.is_empty() {
            return 0.0;
        }
        self.share_of_paragraphs(bytes)
    }

    /// The share of paragraphs that hold a hit. No phrase goes beyond a line.
    fn share_of_paragraphs(&self, bytes: &[u8]) -> f64 {
        let (mut num_paragraphs, mut num_found, mut next_hit) = (0, 0, 0);
        let ends = self.paragraph_break.find_iter(bytes);
        for end in ends.chain([bytes.len()]) {
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
    use crate::segment::{Segmentation, Segmenter};
    use crate::signals::{Cache, NoColumns};

    #[test]
    fn phrases_count_once_a_paragraph() {
        let fraction = |text: &str| {
            let (mut segmentation, cache) = (Segmentation::default(), Cache::default());
            Segmenter::default().segment(text, &mut segmentation);
            let document = Document::new(text, &segmentation, &cache, &NoColumns);
            Boilerplate::default().paragraph_fraction(document)
        };
        assert_eq!(fraction(""), 0.0);
        assert_eq!(fraction("We use cookies. Terms of Use.\n\nNo more."), 0.5);
        assert_eq!(fraction("\n\n\nour PRIVACY & cooKies Policy"), 0.5);
        assert_eq!(fraction("Our cookies policy.\n\nuse of\ncookies"), 0.0);
        assert_eq!(fraction("uses coo\u{212a}ies"), 1.0);
        assert_eq!(fraction("a\n\nb\n\nLorem Ipsum\n\nd"), 1.0);
    }
}
