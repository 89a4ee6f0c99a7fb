//! The rule `url_filter`: a document's address against lists of domains, addresses and words, as datatrove's
//! `URLFilter` and RefinedWeb (Penedo et al. 2023, section G.1) have them.

use super::hash_set::HashSet64;
use super::lists::for_each_entry;
use super::prefixes::SubstringSet;
use super::url::{Address, alphanumeric, words};
use crate::signals::registry::{ListFile, ListFiles};
use crate::signals::{Column, Document, Entry, Setup, Signal, Value, boolean, count, uint};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const COLUMNS: [Column; 5] = [
    boolean(
        "is_listed_domain",
        "Whether the host or a domain above it is listed; null without an address.",
    ),
    boolean(
        "is_listed_url",
        "Whether the address or a folder above it is listed; null without an address.",
    ),
    uint(
        "num_hard_words",
        "Different listed hard words among those of the address; null without an address.",
    ),
    uint(
        "num_soft_words",
        "Different listed soft words among those of the address; null without an address.",
    ),
    uint(
        "num_sub_words",
        "Different listed strings in the letters and digits of the address; null without an address.",
    ),
];

/// What the rule computes with; thresholds are not part of it. Of the keys that name files, the content comes apart.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    /// Column that holds the address.
    pub(super) column: String,
    /// Folders with a file `domains`, a file `urls`, or both.
    pub(super) lists: Vec<String>,
    /// Files of domains.
    pub(super) domain_lists: Vec<String>,
    /// Files of addresses.
    pub(super) url_lists: Vec<String>,
    /// Files of hard words.
    pub(super) hard_word_lists: Vec<String>,
    /// Files of soft words.
    pub(super) soft_word_lists: Vec<String>,
    /// Files of strings.
    pub(super) sub_word_lists: Vec<String>,
    /// Domains.
    pub(super) domains: Vec<String>,
    /// Addresses.
    pub(super) urls: Vec<String>,
    /// Hard words.
    pub(super) hard_words: Vec<String>,
    /// Soft words.
    pub(super) soft_words: Vec<String>,
    /// Strings.
    pub(super) sub_words: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        let none = Vec::new;
        Self {
            column: "url".to_owned(),
            lists: none(),
            domain_lists: none(),
            url_lists: none(),
            hard_word_lists: none(),
            soft_word_lists: none(),
            sub_word_lists: none(),
            domains: none(),
            urls: none(),
            hard_words: none(),
            soft_words: none(),
            sub_words: none(),
        }
    }
}

/// Every entry of some files and of the recipe, each once.
fn gather<'f>(
    files: impl Iterator<Item = &'f ListFile>,
    entries: &[String],
    mut add: impl FnMut(&str),
) -> Result<(), String> {
    entries.iter().for_each(|entry| add(entry));
    for file in files {
        for_each_entry(file, &mut add)?;
    }
    Ok(())
}

fn files_of<'f>(files: &'f ListFiles, key: &str) -> impl Iterator<Item = &'f ListFile> {
    files.get(key).into_iter().flatten()
}

/// The hash of an entry; nothing for one that names no place.
fn hash_of(entry: &str) -> Option<u64> {
    (!entry.is_empty()).then(|| HashSet64::hash(entry))
}

struct UrlFilter {
    column: String,
    domains: HashSet64,
    urls: HashSet64,
    hard_words: BTreeSet<String>,
    soft_words: BTreeSet<String>,
    sub_words: SubstringSet,
    address: Address,
    letters: String,
    met: Vec<String>,
}

impl UrlFilter {
    fn new(config: Config, files: &ListFiles) -> Result<Self, String> {
        let named = |name: &'static str| files_of(files, "lists").filter(move |file| file.name == name);
        let mut address = Address::default();
        let mut hashes = Vec::new();
        let domain_files = named("domains").chain(files_of(files, "domain_lists"));
        gather(domain_files, &config.domains, |domain| {
            address.read(domain);
            hashes.extend(hash_of(address.host()));
        })?;
        let domains = HashSet64::new(std::mem::take(&mut hashes));
        gather(
            named("urls").chain(files_of(files, "url_lists")),
            &config.urls,
            |url| {
                address.read(url);
                hashes.extend(hash_of(address.text()));
            },
        )?;
        let word_set = |key: &str, entries: &[String]| {
            let mut found = BTreeSet::new();
            let mut word = String::new();
            gather(files_of(files, key), entries, |entry| {
                alphanumeric(entry, &mut word);
                if !word.is_empty() {
                    found.insert(word.clone());
                }
            })?;
            Ok::<_, String>(found)
        };
        Ok(Self {
            domains,
            urls: HashSet64::new(hashes),
            hard_words: word_set("hard_word_lists", &config.hard_words)?,
            soft_words: word_set("soft_word_lists", &config.soft_words)?,
            sub_words: SubstringSet::new(word_set("sub_word_lists", &config.sub_words)?),
            column: config.column,
            address,
            letters: String::new(),
            met: Vec::new(),
        })
    }

    /// How many hard and soft words there are among those of a URL, each counted once.
    fn num_words(&mut self, url: &str) -> (usize, usize) {
        if self.hard_words.is_empty() && self.soft_words.is_empty() {
            return (0, 0);
        }
        self.met.clear();
        let (mut num_hard, mut num_soft) = (0, 0);
        for word in words(url) {
            let word = word.to_ascii_lowercase();
            let (is_hard, is_soft) = (self.hard_words.contains(&word), self.soft_words.contains(&word));
            if (is_hard || is_soft) && !self.met.contains(&word) {
                num_hard += usize::from(is_hard);
                num_soft += usize::from(is_soft);
                self.met.push(word);
            }
        }
        (num_hard, num_soft)
    }
}

impl Signal for UrlFilter {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let url = document
            .column(&self.column)
            .map(str::trim)
            .filter(|url| !url.is_empty());
        let Some(url) = url else {
            out.extend([Value::Null; COLUMNS.len()]);
            return;
        };
        self.address.read(url);
        let (num_hard, num_soft) = self.num_words(url);
        let is_listed_domain =
            !self.domains.is_empty() && self.address.domains().any(|domain| self.domains.contains(domain));
        let is_listed_url =
            !self.urls.is_empty() && self.address.folders().any(|folder| self.urls.contains(folder));
        alphanumeric(url, &mut self.letters);
        out.extend([
            Value::Bool(is_listed_domain),
            Value::Bool(is_listed_url),
            count(num_hard),
            count(num_soft),
            count(self.sub_words.num_in(&self.letters)),
        ]);
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "url_filter",
    columns: &COLUMNS,
    make: |setup| {
        let config: Config = setup.config()?;
        Setup::signal(UrlFilter::new(config, setup.files)?)
    },
    #[cfg(test)]
    reference: super::reference::without_url,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"column": "link", "domains": ["example.com"], "sub_words": ["a"]}"#,
    ],
};
