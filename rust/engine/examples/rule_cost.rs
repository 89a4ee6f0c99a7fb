//! Measures what each rule of the registry costs on documents in memory; prints JSON. Run by `bench/rules/cost.py`.
//!
//! `cargo run --release -p gristmill-engine --example rule_cost -- DOCUMENTS.jsonl ROUNDS TOKENIZER.json [NAME...]`;
//! without names of measurements, all are taken.
#![expect(clippy::print_stdout, reason = "a program that prints its result")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use gristmill_core::minhash::{MinHashConfig, MinHasher};
use gristmill_core::segment::{Segmentation, Segmenter};
use gristmill_core::signals::{Cache, Document, NoColumns, Rule, entries, make};
use gristmill_engine::map::token_statistics::{self, TokenStatistics};
use gristmill_engine::task::Session;
use gristmill_engine::tokenise::TokenizerSpec;
use gristmill_engine::tokenizer::SpecialMode;
use serde_json::{Value as Json, json};

/// The rules of FineWeb's pipeline.
const FOUR: [&str; 4] = [
    "gopher_repetition",
    "gopher_quality",
    "c4_quality",
    "fineweb_quality",
];

/// What one measurement runs on every document: rules from one segmentation, and band keys.
struct Work {
    name: String,
    rules: Vec<Rule>,
    tokens: Option<TokenStatistics>,
    hasher: Option<MinHasher>,
    /// Seconds of each round.
    rounds: Vec<f64>,
}

impl Work {
    fn new<'n>(
        name: &str,
        rules: impl IntoIterator<Item = &'n str>,
        config: &Json,
        hashes: bool,
    ) -> Result<Self, String> {
        Ok(Self {
            name: name.to_owned(),
            rules: rules
                .into_iter()
                .map(|rule| make(rule, config))
                .collect::<Result<_, _>>()?,
            tokens: None,
            hasher: hashes
                .then(|| MinHasher::new(MinHashConfig::default()))
                .transpose()
                .map_err(|error| error.to_string())?,
            rounds: Vec::new(),
        })
    }

    fn run(&mut self, texts: &[String], scratch: &mut Scratch) -> Result<(), Box<dyn Error>> {
        let (clock, started) = (Instant::now(), cpu_s());
        let mut num_passes = 0;
        // The system tells CPU time in ticks of some milliseconds.
        while num_passes == 0 || clock.elapsed().as_secs_f64() < 0.1 {
            self.pass(texts, scratch)?;
            num_passes += 1;
        }
        self.rounds.push((cpu_s() - started) / f64::from(num_passes));
        Ok(())
    }

    fn pass(&mut self, texts: &[String], scratch: &mut Scratch) -> Result<(), Box<dyn Error>> {
        for text in texts {
            scratch.segmenter.segment(text, &mut scratch.segmentation);
            scratch.cache.forget();
            scratch.values.clear();
            let document = Document::new(text, &scratch.segmentation, &scratch.cache, &NoColumns);
            for rule in &mut self.rules {
                match rule {
                    Rule::Signal(signal) => signal.compute(document, &mut scratch.values),
                    Rule::Corrector(corrector) => corrector.measure(document, &mut scratch.values),
                }
            }
            if let Some(tokens) = self.tokens.as_mut() {
                tokens.compute(text, &mut scratch.values)?;
            }
            if let Some(hasher) = self.hasher.as_mut() {
                scratch.keys.clear();
                hasher.band_keys(text, &scratch.segmentation, &mut scratch.keys);
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Scratch {
    segmenter: Segmenter,
    segmentation: Segmentation,
    cache: Cache,
    values: Vec<gristmill_core::signals::Value>,
    keys: Vec<u64>,
}

/// CPU time of this thread where the system tells it, else the time of the clock.
fn cpu_s() -> f64 {
    thread_local!(static START: Instant = Instant::now());
    let told = fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|line| line.split(' ').next()?.parse::<f64>().ok());
    match told {
        Some(nanoseconds) => nanoseconds / 1e9,
        None => START.with(Instant::elapsed).as_secs_f64(),
    }
}

/// Counts the ids of a tokenizer in plain mode.
fn count_with(path: &Path) -> Result<TokenStatistics, Box<dyn Error>> {
    let digest = format!("blake3:{}", blake3::hash(&fs::read(path)?).to_hex());
    let planned = TokenizerSpec {
        path: path.to_owned(),
        digest,
        special: SpecialMode::Plain,
        end_of_text: Vec::new(),
        only_library: false,
    };
    Ok(TokenStatistics::new(&planned, &Session::default())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments
        .next()
        .ok_or("the first argument is a file of documents")?;
    let num_rounds: usize = arguments.next().map_or(Ok(7), |number| number.parse())?;
    let tokenizer = arguments.next().ok_or("the third argument is a tokenizer")?;
    let texts = fs::read_to_string(path)?
        .lines()
        .map(|line| {
            let document: Json = serde_json::from_str(line)?;
            let text = document.get("text").and_then(Json::as_str);
            Ok(text.ok_or("a document without `text`")?.to_owned())
        })
        .collect::<Result<Vec<String>, Box<dyn Error>>>()?;
    let num_bytes: usize = texts.iter().map(String::len).sum();
    let names: Vec<&str> = entries().map(|entry| entry.name).collect();
    let but_compression = || names.iter().copied().filter(|&name| name != "compression_ratio");
    let (default, datatrove) = (&json!({}), &json!({"semantics": "datatrove"}));
    let mut works = vec![
        Work::new("segmentation", [], default, false)?,
        Work::new("four", FOUR, default, false)?,
        Work::new("four_datatrove", FOUR, datatrove, false)?,
        Work::new("all", names.iter().copied(), default, false)?,
        Work::new("all_but_compression", but_compression(), default, false)?,
        Work::new("minhash", [], default, true)?,
        Work::new("four_with_minhash", FOUR, default, true)?,
        Work::new(
            "all_but_compression_with_minhash",
            but_compression(),
            default,
            true,
        )?,
    ];
    for name in &names {
        works.push(Work::new(&format!("step:{name}"), [*name], default, false)?);
    }
    let mut counting = Work::new(&format!("step:{}", token_statistics::NAME), [], default, false)?;
    counting.tokens = Some(count_with(Path::new(&tokenizer))?);
    works.push(counting);
    let wanted: Vec<String> = arguments.collect();
    works.retain(|work| wanted.is_empty() || wanted.contains(&work.name));
    let mut scratch = Scratch::default();
    // Rounds in turn, so that a busy moment of the machine falls on all alike; the first one warms up.
    for _ in 0..=num_rounds {
        for work in &mut works {
            work.run(&texts, &mut scratch)?;
        }
    }
    let figures: BTreeMap<&str, Vec<f64>> = works
        .iter()
        .map(|work| {
            let per_byte = work.rounds[1..]
                .iter()
                .map(|seconds| seconds * 1e9 / num_bytes as f64);
            (work.name.as_str(), per_byte.collect())
        })
        .collect();
    let found = json!({ "documents": texts.len(), "bytes": num_bytes, "ns_per_byte": figures });
    println!("{found}");
    Ok(())
}
