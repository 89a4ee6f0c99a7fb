//! The cleaner: named parts in a fixed order, repeated until a text needs nothing more.
//!
//! | order | part | what it does |
//! |---|---|---|
//! | 1 | `mojibake` | repairs UTF-8 that was read as Windows-1252 or Latin-1, where that is certain |
//! | 2 | `newlines` | CRLF, CR, VT, FF, NEL, U+2028 and U+2029 become `\n` |
//! | 3 | `controls` | removes C0, DEL and C1 other than tab and line breaks, and the 66 noncharacters |
//! | 4 | `zero_width` | removes invisible characters; joiners stay where they shape text |
//! | 5 | `lowercase` | full Unicode lower-casing; off by default |
//! | 6 | `nfc` | Unicode normalisation form C |
//! | 7 | `whitespace` | Unicode spaces become ASCII; trailing blanks and surplus blank lines go |
//!
//! Mojibake comes first because its bytes look like no-break spaces, soft hyphens and C1 controls, which
//! later parts remove. Removing can bring characters together that an earlier part must see, so the whole
//! sequence runs again until nothing changes. Every part by itself has nothing to do on its own output;
//! therefore two neighbouring groups of the log never carry the same part name, and [`EditLog::undo`] is
//! exact.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{characters, leads, mojibake, normal_forms, whitespace};
use crate::edit::EditLog;

/// Rounds after which the cleaner stops although the text would still change.
///
/// Real text settles in the first round; each further one needs an invisible character hidden inside an
/// encoding error, nested. Only a text built against the cleaner gets here, and for it alone cleaning twice
/// may give more than cleaning once. The limit keeps the time linear in the length of the text.
pub const MAX_ROUNDS: usize = 16;

/// Which parts of the cleaner run.
///
/// ```
/// use gristmill_core::text::clean::CleanConfig;
/// let config = CleanConfig::default();
/// assert!(config.nfc && config.whitespace && !config.lowercase);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CleanConfig {
    /// Unicode normalisation form C.
    pub nfc: bool,
    /// Repair of UTF-8 read as Windows-1252 or Latin-1.
    pub mojibake: bool,
    /// Removal of control characters (not tab, not line breaks) and noncharacters.
    pub controls: bool,
    /// Removal of zero-width and bidirectional formatting characters.
    pub zero_width: bool,
    /// Every line break becomes `\n`.
    pub newlines: bool,
    /// Unicode spaces become ASCII; trailing blanks and surplus blank lines are removed.
    pub whitespace: bool,
    /// Full Unicode lower-casing.
    pub lowercase: bool,
}

impl Default for CleanConfig {
    fn default() -> Self {
        Self {
            nfc: true,
            mojibake: true,
            controls: true,
            zero_width: true,
            newlines: true,
            whitespace: true,
            lowercase: false,
        }
    }
}

/// Cleans documents one after the other.
///
/// Cost: about one pass over the text when there is nothing to do, and no allocation then.
///
/// ```
/// use gristmill_core::{edit::EditLog, text::clean::{CleanConfig, Cleaner}};
/// let mut cleaner = Cleaner::new(CleanConfig::default());
/// let mut edits = EditLog::default();
/// assert_eq!(cleaner.clean("cafÃ©\u{a0}noir  \r\n", &mut edits), "café noir\n");
/// assert_eq!(edits.undo("café noir\n"), "cafÃ©\u{a0}noir  \r\n");
/// ```
#[derive(Debug, Clone)]
pub struct Cleaner {
    config: CleanConfig,
}

/// A part of the cleaner: logs its edits and returns the changed text, or nothing.
type Part = fn(&str, &mut EditLog) -> Option<String>;

impl Cleaner {
    /// Returns a cleaner that runs the parts which `config` switches on.
    pub fn new(config: CleanConfig) -> Self {
        Self { config }
    }

    /// Returns the cleaned text, borrowed when nothing had to change, and adds every change to `edits`.
    ///
    /// `edits` must be empty: positions in it are meaningful only as one whole sequence.
    pub fn clean<'text>(&mut self, text: &'text str, edits: &mut EditLog) -> Cow<'text, str> {
        debug_assert!(edits.is_empty(), "one log holds the edits of one document");
        let mut current = Cow::Borrowed(text);
        for _ in 0..MAX_ROUNDS {
            let mut is_changed = false;
            for part in self.parts(&current).into_iter().flatten() {
                if let Some(changed) = part(&current, edits) {
                    current = Cow::Owned(changed);
                    is_changed = true;
                }
            }
            if !is_changed {
                break;
            }
        }
        current
    }

    /// The parts that are on and have something to look at in `text`, in their order.
    fn parts(&self, text: &str) -> [Option<Part>; 7] {
        let config = &self.config;
        let concerns = leads::concerns_of(text.as_bytes());
        let where_concerned =
            |is_on: bool, concern: u8, part: Part| (is_on && concerns & concern != 0).then_some(part);
        [
            where_concerned(config.mojibake, leads::MOJIBAKE, mojibake::repair),
            where_concerned(config.newlines, leads::NEWLINES, characters::unify_newlines),
            where_concerned(config.controls, leads::CONTROLS, characters::remove_controls),
            where_concerned(
                config.zero_width,
                leads::ZERO_WIDTH,
                characters::remove_zero_width,
            ),
            config.lowercase.then_some(normal_forms::lowercase as Part),
            where_concerned(config.nfc, leads::NFC, normal_forms::compose),
            config.whitespace.then_some(whitespace::tidy as Part),
        ]
    }
}
