//! The lines of a list file: one entry a line, `#` begins a comment line, white space around an entry is dropped.

use crate::signals::registry::ListFile;

/// Calls `entry` with every entry of a file.
///
/// # Errors
/// When the file is not UTF-8.
pub(super) fn for_each_entry(file: &ListFile, mut entry: impl FnMut(&str)) -> Result<(), String> {
    let text = std::str::from_utf8(&file.content)
        .map_err(|error| format!("list `{}` is not UTF-8: {error}", file.name))?;
    for line in text.strip_prefix('\u{feff}').unwrap_or(text).lines() {
        let line = line.trim();
        if !line.is_empty() && !line.starts_with('#') {
            entry(line);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blanks_and_windows_line_ends_are_no_entries() {
        let file = |content: &[u8]| ListFile {
            name: "words.txt".to_owned(),
            content: content.to_vec(),
        };
        let mut entries = Vec::new();
        let text = "\u{feff}# words\r\n\r\n  two words \r\n#no\nlast#one";
        for_each_entry(&file(text.as_bytes()), |entry| entries.push(entry.to_owned())).unwrap();
        assert_eq!(entries, ["two words", "last#one"]);
        let error = for_each_entry(&file(b"a\xff"), |_| ()).unwrap_err();
        assert!(error.starts_with("list `words.txt` is not UTF-8"), "{error}");
    }
}
