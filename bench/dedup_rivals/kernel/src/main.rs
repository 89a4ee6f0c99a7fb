//! Times gristmill's band keys alone: `kernel DOCUMENTS.jsonl FLAGS BANDS ROWS ROUNDS`.
//!
//! Prints one JSON object with the processor seconds of each round: from text to segments and to band keys, and to band
//! keys of texts that are segmented already and of documents that are given as numbers of their words. And writes a line for each document: 1 if it shares a band key with another, else 0.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;

use gristmill_core::minhash::{MinHashConfig, MinHasher};
use gristmill_core::segment::{HAS_LETTER, HAS_NUMBER, Segmentation, Segmenter};
use gristmill_core::shingle::{ShingleConfig, ShingleUnit};

/// Passes over the documents in one measurement: the system tells CPU time in ticks of some milliseconds.
const PASSES: usize = 10;

/// Seconds that this thread has run, from the scheduler.
fn cpu_s() -> Result<f64, Box<dyn Error>> {
    let line = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = line.split(' ').next().ok_or("empty schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}

fn texts(path: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut found = Vec::new();
    for line in fs::read_to_string(path)?.lines() {
        let document: serde_json::Value = serde_json::from_str(line)?;
        found.push(
            document["text"]
                .as_str()
                .ok_or("a document without text")?
                .to_owned(),
        );
    }
    Ok(found)
}

/// The words of each document, in lower case, as numbers in the order in which they first come.
fn word_ids(texts: &[String], segmented: &[Segmentation]) -> Vec<Vec<u32>> {
    let mut known: HashMap<String, u32> = HashMap::new();
    let mut ids_of = |text: &String, segmentation: &Segmentation| {
        let is_word = |&index: &usize| segmentation.flags()[index] & (HAS_LETTER | HAS_NUMBER) != 0;
        let words = (0..segmentation.num_tokens()).filter(is_word);
        words
            .map(|index| {
                let next = known.len() as u32;
                let word = segmentation.token(text, index).to_lowercase();
                *known.entry(word).or_insert(next)
            })
            .collect()
    };
    let pairs = texts.iter().zip(segmented);
    pairs
        .map(|(text, segmentation)| ids_of(text, segmentation))
        .collect()
}

/// Whether each document shares a key with another one.
fn flags(keys: &[u64], bands: usize) -> Vec<bool> {
    let mut flags = vec![false; keys.len() / bands];
    for band in 0..bands {
        let mut first_with: HashMap<u64, usize> = HashMap::new();
        for (document, keys) in keys.chunks_exact(bands).enumerate() {
            let first = *first_with.entry(keys[band]).or_insert(document);
            if first != document {
                flags[first] = true;
                flags[document] = true;
            }
        }
    }
    flags
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, documents, flags_path, bands, rows, rounds] = arguments.as_slice() else {
        return Err("usage: kernel DOCUMENTS FLAGS BANDS ROWS ROUNDS".into());
    };
    let texts = texts(documents)?;
    let config = MinHashConfig {
        bands: bands.parse()?,
        rows: rows.parse()?,
        ..MinHashConfig::default()
    };
    let (segmenter, mut segmentation) = (Segmenter::default(), Segmentation::default());
    let mut hasher = MinHasher::new(config)?;
    let (mut keys, mut keys_of_parts) = (Vec::new(), Vec::new());
    let segmented: Vec<Segmentation> = texts
        .iter()
        .map(|text| {
            segmenter.segment(text, &mut segmentation);
            segmentation.clone()
        })
        .collect();
    let ids = word_ids(&texts, &segmented);
    let mut hasher_of_ids = MinHasher::new(MinHashConfig {
        shingles: ShingleConfig {
            unit: ShingleUnit::Token,
            ..config.shingles
        },
        ..config
    })?;
    let mut seconds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds.parse::<usize>()? {
        let mut timed = |name, pass: &mut dyn FnMut()| -> Result<(), Box<dyn Error>> {
            let begun = cpu_s()?;
            for _ in 0..PASSES {
                pass();
            }
            seconds
                .entry(name)
                .or_default()
                .push((cpu_s()? - begun) / PASSES as f64);
            Ok(())
        };
        timed("segment", &mut || {
            for text in &texts {
                segmenter.segment(text, &mut segmentation);
                std::hint::black_box(segmentation.flags());
            }
        })?;
        timed("segment and band keys", &mut || {
            keys.clear();
            for text in &texts {
                segmenter.segment(text, &mut segmentation);
                hasher.band_keys(text, &segmentation, &mut keys);
            }
        })?;
        timed("band keys of segmented text", &mut || {
            keys_of_parts.clear();
            for (text, segmentation) in texts.iter().zip(&segmented) {
                hasher.band_keys(text, segmentation, &mut keys_of_parts);
            }
        })?;
        timed("band keys of word ids", &mut || {
            keys_of_parts.clear();
            for ids in &ids {
                hasher_of_ids.band_keys_of_ids(ids, &mut keys_of_parts);
            }
        })?;
    }
    if keys.len() != texts.len() * config.bands as usize {
        return Err("a document without words: leave such documents out".into());
    }
    let mut lines = String::new();
    for flag in flags(&keys, config.bands as usize) {
        writeln!(lines, "{}", u8::from(flag))?;
    }
    fs::write(flags_path, lines)?;
    println!("{}", serde_json::to_string(&seconds)?);
    Ok(())
}
