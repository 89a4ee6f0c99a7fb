//! C4's rule on bad words, as datatrove's `C4BadWordsFilter` applies it: the LDNOOBW lists of 28 languages.

use super::word_list::{Flanks, WordList};
use crate::signals::facts::english_entries;
use crate::signals::{Column, Document, Entry, ListFiles, Semantics, Setup, Signal, Value, count, uint};
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 1] = [uint(
    "num_bad_words",
    "How often entries of the list occur, overlapping ones counted; 0 for an empty text.",
)];

/// The lists: a language a line, its entries after tabs. CC-BY-4.0, see the first lines.
const LISTS: &str = include_str!("bad_words.tsv");

/// The entries of a language's list.
pub(in super::super) fn entries_of(language: &str) -> Option<impl Iterator<Item = &'static str>> {
    let mut lists = LISTS.lines().map(|line| line.split('\t'));
    lists.find_map(|mut list| (list.next() == Some(language)).then_some(list))
}

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BadWordsConfig {
    /// Whose definition is followed.
    pub(super) semantics: Semantics,
    /// Whose list is taken: a code of LDNOOBW, or `none`.
    pub(super) language: String,
    /// A file with further entries, one a line; its content comes with the files of the setup.
    words_file: Option<String>,
}

impl Default for BadWordsConfig {
    fn default() -> Self {
        Self {
            semantics: Semantics::Gristmill,
            language: "en".to_owned(),
            words_file: None,
        }
    }
}

impl BadWordsConfig {
    /// Whether entries count inside of words: in languages that put no spaces between them.
    pub(super) fn flanks(&self) -> Flanks {
        match self.language.as_str() {
            "ja" | "th" | "zh" => Flanks::Any,
            _ => Flanks::Free,
        }
    }

    /// All entries as they are compared.
    pub(super) fn entries(&self, files: &ListFiles) -> Result<Vec<String>, String> {
        let mut entries = Vec::new();
        if self.language != "none" {
            let list = entries_of(&self.language)
                .ok_or_else(|| format!("there is no list of bad words for `{}`", self.language))?;
            entries.extend(list.map(str::to_owned));
        }
        for file in files.get("words_file").into_iter().flatten() {
            let words = str::from_utf8(&file.content).map_err(|_| format!("`{}` is not UTF-8", file.name))?;
            entries.extend(words.lines().map(|word| word.trim().to_owned()));
        }
        if self.semantics == Semantics::Gristmill {
            for entry in &mut entries {
                *entry = entry.to_lowercase();
            }
        }
        entries.retain(|entry| !entry.is_empty());
        Ok(entries)
    }
}

/// Counts bad words.
///
/// The text is lower-cased; an entry counts where neither side has a letter, a number or `_`, and anywhere in Japanese,
/// Thai and Chinese. Four entries that are common in words of Japanese and Chinese are left out, as C4 does.
///
/// Ours lower-cases the entries. datatrove does not, so those with capital letters (61 of 68 in Spanish) never occur
/// there: `semantics = "datatrove"` does as it does.
struct BadWords {
    /// None where it is the English list, which another rule asks for, too.
    list: Option<WordList>,
}

impl Signal for BadWords {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let number = match &self.list {
            Some(list) => list.count(document),
            None => document.english_bad_words().num_words,
        };
        out.push(count(number));
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "c4_bad_words",
    columns: &COLUMNS,
    make: |setup| {
        let config: BadWordsConfig = setup.config()?;
        if !matches!(config.semantics, Semantics::Gristmill | Semantics::Datatrove) {
            return Err(config.semantics.refused("c4_bad_words"));
        }
        let entries = config.entries(setup.files)?;
        let entries = entries.iter().map(String::as_str);
        let is_english = config.flanks() == Flanks::Free && entries.clone().eq(english_entries());
        let list = (!is_english).then(|| WordList::new(entries, config.flanks()));
        Setup::signal(BadWords { list })
    },
    #[cfg(test)]
    reference: super::reference_words::bad_words,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"language": "ja"}"#,
        r#"{"language": "hi"}"#,
        r#"{"language": "es"}"#,
        r#"{"language": "pt", "semantics": "datatrove"}"#,
        r#"{"language": "none"}"#,
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{Segmentation, Segmenter};
    use crate::signals::{Cache, ListFile, NoColumns, Rule, Wanted, measure};

    fn number(config: serde_json::Value, text: &str) -> Value {
        measure("c4_bad_words", &config, text).unwrap().values[0]
    }

    #[test]
    fn entries_count_between_other_characters_only() {
        let en = || serde_json::json!({});
        assert_eq!(number(en(), "The ASS, the ass_, a bass: ass."), Value::UInt32(2));
        assert_eq!(number(en(), "😀🖕🖕"), Value::UInt32(2));
        assert_eq!(
            number(serde_json::json!({ "language": "zh" }), "性"),
            Value::UInt32(0)
        );
        assert_eq!(
            number(serde_json::json!({ "language": "th" }), "กกูก"),
            Value::UInt32(1)
        );
        let with_capitals = "Pis y una mierda.";
        let es = |semantics| serde_json::json!({ "language": "es", "semantics": semantics });
        assert_eq!(number(es("gristmill"), with_capitals), Value::UInt32(2));
        assert_eq!(number(es("datatrove"), with_capitals), Value::UInt32(0));
        assert!(measure("c4_bad_words", &serde_json::json!({ "language": "xx" }), "").is_err());
    }

    #[test]
    fn every_language_has_its_list() {
        let languages: Vec<&str> = LISTS
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split('\t').next().unwrap())
            .collect();
        assert_eq!(languages.len(), 29, "28 languages, and later English entries");
        for language in languages {
            assert!(
                entries_of(language)
                    .unwrap()
                    .all(|entry| !entry.trim().is_empty())
            );
        }
    }

    #[test]
    fn a_file_adds_entries() {
        let content = "  Fnord \n\nÉtoile filante\n".as_bytes().to_vec();
        let file = ListFile {
            name: "words.txt".to_owned(),
            content,
        };
        let files = ListFiles::from([("words_file".to_owned(), vec![file])]);
        let config = serde_json::json!({ "language": "none", "words_file": "words.txt" });
        let setup = Setup {
            config: &config,
            wanted: Wanted::ALL,
            files: &files,
        };
        let Rule::Signal(mut rule) = (ENTRY.make)(&setup).unwrap() else {
            panic!("it edits nothing")
        };
        let text = "FNORD, fnords, une étoile filante; ÉTOILE FILANTE";
        let (mut segmentation, mut values) = (Segmentation::default(), Vec::new());
        Segmenter::default().segment(text, &mut segmentation);
        let cache = Cache::default();
        rule.compute(
            Document::new(text, &segmentation, &cache, &NoColumns),
            &mut values,
        );
        assert_eq!(values, [Value::UInt32(3)]);
    }
}
