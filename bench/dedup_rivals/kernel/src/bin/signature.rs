//! Times signatures from text, segmentation included: `signature DOCUMENTS.jsonl CONFIG ROUNDS SIGNATURES`.
//!
//! CONFIG is a `MinHashConfig` as JSON. Prints one JSON object with the bytes of text and the processor seconds of each
//! round, and writes the signatures as a line of JSON for each document, `null` for one that has none.

use std::error::Error;
use std::fs;
use std::io::{BufWriter, Write};

use gristmill_core::minhash::{MinHashConfig, MinHasher};
use gristmill_core::segment::{Segmentation, Segmenter};

/// Seconds that this thread has run, from the scheduler.
fn cpu_s() -> Result<f64, Box<dyn Error>> {
    let line = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = line.split(' ').next().ok_or("empty schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, documents, config, rounds, signatures] = arguments.as_slice() else {
        return Err("usage: signature DOCUMENTS CONFIG ROUNDS SIGNATURES".into());
    };
    let texts: Vec<String> = fs::read_to_string(documents)?
        .lines()
        .map(|line| {
            let document: serde_json::Value = serde_json::from_str(line)?;
            let text = document["text"].as_str().ok_or("a document without text")?;
            Ok(text.to_owned())
        })
        .collect::<Result<_, Box<dyn Error>>>()?;
    let config: MinHashConfig = serde_json::from_str(config)?;
    let mut hasher = MinHasher::new(config)?;
    let (segmenter, mut segmentation, mut keys) = (Segmenter::default(), Segmentation::default(), Vec::new());
    let mut seconds = Vec::new();
    for _ in 0..rounds.parse::<usize>()? {
        let begun = cpu_s()?;
        for text in &texts {
            keys.clear();
            // Where the family has words of its own, nothing reads our segmentation.
            if hasher.reads_segmentation() {
                segmenter.segment(text, &mut segmentation);
            }
            hasher.band_keys(text, &segmentation, &mut keys);
            std::hint::black_box(&keys);
        }
        seconds.push(cpu_s()? - begun);
    }
    let mut out = BufWriter::new(fs::File::create(signatures)?);
    for text in &texts {
        segmenter.segment(text, &mut segmentation);
        let is_signed = hasher.band_keys(text, &segmentation, &mut keys);
        let signature = is_signed.then(|| hasher.signature());
        writeln!(out, "{}", serde_json::to_string(&signature)?)?;
    }
    out.flush()?;
    let text_bytes: usize = texts.iter().map(String::len).sum();
    println!("{}", serde_json::json!({ "text_bytes": text_bytes, "seconds": seconds }));
    Ok(())
}
