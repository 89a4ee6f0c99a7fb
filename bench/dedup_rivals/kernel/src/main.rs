//! Times gristmill's band keys alone: `kernel DOCUMENTS.jsonl FLAGS BANDS ROWS ROUNDS`.
//!
//! Prints one JSON object with the processor seconds of each round, from text to segments and from text to band keys,
//! and writes a line for each document: 1 if it shares a band key with another, else 0.

use std::collections::HashMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;

use gristmill_core::minhash::{MinHashConfig, MinHasher};
use gristmill_core::segment::{Segmentation, Segmenter};

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
    let mut keys = Vec::new();
    let (mut segment_s, mut keys_s) = (Vec::new(), Vec::new());
    for _ in 0..rounds.parse::<usize>()? {
        let begun = cpu_s()?;
        let mut num_tokens = 0;
        for text in &texts {
            segmenter.segment(text, &mut segmentation);
            num_tokens += segmentation.flags().len();
        }
        std::hint::black_box(num_tokens);
        let middle = cpu_s()?;
        keys.clear();
        for text in &texts {
            segmenter.segment(text, &mut segmentation);
            if !hasher.band_keys(text, &segmentation, &mut keys) {
                return Err("a document without words: leave such documents out".into());
            }
        }
        keys_s.push(cpu_s()? - middle);
        segment_s.push(middle - begun);
    }
    let mut lines = String::new();
    for flag in flags(&keys, config.bands as usize) {
        writeln!(lines, "{}", u8::from(flag))?;
    }
    fs::write(flags_path, lines)?;
    println!(
        "{}",
        serde_json::json!({ "segment": segment_s, "segment and band keys": keys_s })
    );
    Ok(())
}
