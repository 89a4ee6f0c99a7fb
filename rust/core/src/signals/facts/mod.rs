//! Facts about a text that several rules share: one file each. [`super::Document`] hands them out.

mod characters;
mod lines;
mod words;

pub(crate) use characters::{CharacterCounter, CharacterCounts};
pub(crate) use lines::{LineFacts, fill_lines};
pub(crate) use words::Words;
