//! What a step changed in a text: byte ranges with what stood there and what replaced it.
//!
//! Ranges are those of the text that the step (or the named part of it) *read*, in ascending order and without
//! overlap, so that applying them backwards to the step's output gives its input again.

/// The edits of one document, as columns that are cleared and reused between documents.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct EditLog {
    parts: Vec<&'static str>,
    starts: Vec<u32>,
    ends: Vec<u32>,
    /// What stood there and what replaced it, edit after edit.
    strings: String,
    /// For each edit, where its two strings end in `strings`.
    string_ends: Vec<[usize; 2]>,
}

/// One edit: bytes `start..end` of the text that `part` read held `before` and became `after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit<'log> {
    /// Which part of the step made it, for example `"nfc"`; empty for a step with one part.
    pub part: &'static str,
    /// First byte, inclusive.
    pub start: u32,
    /// Last byte, exclusive.
    pub end: u32,
    /// What stood there.
    pub before: &'log str,
    /// What stands there now.
    pub after: &'log str,
}

impl EditLog {
    /// Records one edit. Within one part, calls come in ascending order of `start`.
    pub fn push(&mut self, part: &'static str, start: usize, before: &str, after: &str) {
        let start = u32::try_from(start).expect("documents are limited to far less than 4 GiB");
        let length = u32::try_from(before.len()).expect("documents are limited to far less than 4 GiB");
        self.parts.push(part);
        self.starts.push(start);
        self.ends.push(start + length);
        self.strings.push_str(before);
        let before_end = self.strings.len();
        self.strings.push_str(after);
        self.string_ends.push([before_end, self.strings.len()]);
    }

    /// The part that made the last edit; none in an empty log.
    pub fn last_part(&self) -> Option<&'static str> {
        self.parts.last().copied()
    }

    /// Forgets all edits, keeping the buffers.
    pub fn clear(&mut self) {
        self.parts.clear();
        self.starts.clear();
        self.ends.clear();
        self.strings.clear();
        self.string_ends.clear();
    }

    /// Number of edits.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// True when nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The edits in the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = Edit<'_>> {
        (0..self.len()).map(|index| self.edit(index))
    }

    fn edit(&self, index: usize) -> Edit<'_> {
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.string_ends[before][1]);
        let [before_end, end] = self.string_ends[index];
        Edit {
            part: self.parts[index],
            start: self.starts[index],
            end: self.ends[index],
            before: &self.strings[start..before_end],
            after: &self.strings[before_end..end],
        }
    }

    /// Returns the text that was there before the recorded edits, given what they left.
    ///
    /// The slow, obvious inverse: parts are undone last to first. Used by tests and by `explain`.
    ///
    /// ```
    /// let mut log = gristmill_core::edit::EditLog::default();
    /// log.push("newlines", 1, "\r\n", "\n");
    /// assert_eq!(log.undo("a\nb"), "a\r\nb");
    /// ```
    pub fn undo(&self, text: &str) -> String {
        let mut current = text.to_owned();
        let mut end = self.len();
        while end > 0 {
            let part = self.parts[end - 1];
            let mut begin = end;
            while begin > 0 && self.parts[begin - 1] == part {
                begin -= 1;
            }
            let mut restored = String::with_capacity(current.len());
            let (mut read, mut written_before) = (0, 0);
            for edit in (begin..end).map(|index| self.edit(index)) {
                let untouched = edit.start as usize - written_before;
                restored.push_str(&current[read..read + untouched]);
                restored.push_str(edit.before);
                read += untouched + edit.after.len();
                written_before = edit.end as usize;
            }
            restored.push_str(&current[read..]);
            current = restored;
            end = begin;
        }
        current
    }
}
