//! Finds the phrases and brackets that C4 looks for, once a document and not once a line.

use memchr::memmem::Finder;

pub(super) const LOREM_IPSUM: u8 = 1;
pub(super) const JAVASCRIPT: u8 = 1 << 1;
pub(super) const POLICY: u8 = 1 << 2;
pub(super) const CURLY_BRACKET: u8 = 1 << 3;
/// `[`, with which every citation starts.
pub(super) const CITATION_BRACKET: u8 = 1 << 4;

/// Where the phrases are in one text. Case is ignored for ASCII letters.
#[derive(Debug, Clone)]
pub(super) struct Phrases {
    finders: [(Finder<'static>, u8); 4],
    /// Four of the policy phrases are about cookies: found by their common part.
    cookie: Finder<'static>,
    lower: String,
    /// Positions of what was found in the text, ascending, and what it was.
    hits: Vec<(usize, u8)>,
    next_hit: usize,
}

impl Default for Phrases {
    fn default() -> Self {
        Self {
            finders: [
                (Finder::new("lorem ipsum"), LOREM_IPSUM),
                (Finder::new("javascript"), JAVASCRIPT),
                (Finder::new("terms of use"), POLICY),
                (Finder::new("privacy policy"), POLICY),
            ],
            cookie: Finder::new("cookie"),
            lower: String::new(),
            hits: Vec::new(),
            next_hit: 0,
        }
    }
}

impl Phrases {
    /// Finds everything in `text`, for [`Phrases::up_to`].
    pub(super) fn find_all(&mut self, text: &str) {
        self.lower.clear();
        self.lower.push_str(text);
        self.lower.make_ascii_lowercase();
        self.hits.clear();
        self.next_hit = 0;
        let bytes = self.lower.as_bytes();
        for (finder, kind) in &self.finders {
            self.hits.extend(finder.find_iter(bytes).map(|at| (at, *kind)));
        }
        let lower = &self.lower;
        let cookies = self
            .cookie
            .find_iter(bytes)
            .filter(|&at| is_cookie_policy(lower, at));
        self.hits.extend(cookies.map(|at| (at, POLICY)));
        self.hits
            .extend(memchr::memchr_iter(b'{', bytes).map(|at| (at, CURLY_BRACKET)));
        self.hits
            .extend(memchr::memchr_iter(b'[', bytes).map(|at| (at, CITATION_BRACKET)));
        self.hits.sort_unstable();
    }

    /// What starts before byte `end` and not before that of the last call. No phrase goes beyond a line.
    pub(super) fn up_to(&mut self, end: usize) -> u8 {
        let mut kinds = 0;
        while let Some(&(at, kind)) = self.hits.get(self.next_hit)
            && at < end
        {
            kinds |= kind;
            self.next_hit += 1;
        }
        kinds
    }

    /// What is anywhere in `text`.
    pub(super) fn in_text(&self, text: &str) -> u8 {
        let lower = text.to_ascii_lowercase();
        let bytes = lower.as_bytes();
        let mut kinds = 0;
        for (finder, kind) in &self.finders {
            kinds |= finder.find(bytes).map_or(0, |_| *kind);
        }
        kinds |= self
            .cookie
            .find_iter(bytes)
            .find(|&at| is_cookie_policy(&lower, at))
            .map_or(0, |_| POLICY);
        kinds |= memchr::memchr(b'{', bytes).map_or(0, |_| CURLY_BRACKET);
        kinds | memchr::memchr(b'[', bytes).map_or(0, |_| CITATION_BRACKET)
    }
}

/// Whether the `cookie` at that position is part of a policy phrase.
fn is_cookie_policy(lower: &str, at: usize) -> bool {
    let (before, after) = lower.split_at(at);
    after.starts_with("cookie policy")
        || after.starts_with("cookies")
            && ["use ", "uses ", "use of "]
                .iter()
                .any(|verb| before.ends_with(verb))
}
