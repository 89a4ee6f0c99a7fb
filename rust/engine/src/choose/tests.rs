//! The task against the definition, written plainly over lists; and what must hold for any choice.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use gristmill_core::allotment::{by_weights, temperature_weights, unimax};
use gristmill_core::hash::{mix64, seeded_order};
use gristmill_core::importance::{from_fixed, gumbel};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::collect::PURPOSE_ORDER;
use super::flow::Words;
use super::novelty::distinct_ngrams;
use super::records::choice_facts;
use crate::choose::{CHOICE_BYTES, DECISION_BYTES};
use crate::commit::{Artefact, TaskManifest, TaskPlace};
use crate::dedup::formats::{NOT_COMPUTED, Removal, RemovalStep, docref};
use crate::index::IndexRecord;
use crate::task::{self, Session};

const FIRST_VERDICT: u16 = 40;

#[derive(Debug, Clone)]
struct Document {
    key: u128,
    source: u16,
    text: String,
    verdict: u16,
    is_duplicate: bool,
    score: f64,
}

impl Document {
    fn is_in(&self) -> bool {
        self.verdict == 0 && !self.is_duplicate
    }
}

/// A folder of committed files, and tasks over them.
struct World {
    folder: tempfile::TempDir,
    session: Session,
    partitions: Vec<Value>,
    scores: Vec<Artefact>,
    removals: Artefact,
    /// The documents of each partition, by their place in the list.
    members: Vec<Vec<usize>>,
}

impl World {
    /// Writes documents, at most `per_partition` of one source together.
    fn new(documents: &[Document], per_partition: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = place_in(folder.path(), "settle", 0, "");
        let mut world = Self {
            folder,
            session: Session::default(),
            partitions: Vec::new(),
            scores: Vec::new(),
            removals: place.create("none.bin").unwrap().finish(0).unwrap(),
            members: Vec::new(),
        };
        let mut removals = Vec::new();
        for source in 0..3 {
            let of_source: Vec<usize> = (0..documents.len())
                .filter(|&number| documents[number].source == source)
                .collect();
            for members in of_source.chunks(per_partition) {
                let number = world.partitions.len() as u32;
                removals.extend(
                    (0..)
                        .zip(members)
                        .filter(|(_, member)| documents[**member].is_duplicate)
                        .map(|(ordinal, _)| Removal {
                            docref: docref(number, ordinal),
                            duplicate_of: 0,
                            similarity: NOT_COMPUTED,
                            step: RemovalStep::Near,
                            shared_bands: 1,
                        }),
                );
                world.add(number, source, members, documents);
            }
        }
        let mut file = place.create("removals.bin").unwrap();
        for removal in &removals {
            file.append(&removal.encode()).unwrap();
        }
        world.removals = file.finish(removals.len() as u64).unwrap();
        world
    }

    fn add(&mut self, number: u32, source: u16, members: &[usize], documents: &[Document]) {
        let place = place_in(self.folder.path(), "map", number, "");
        let names = ["text.bin", "index.bin", "verdict.bin", "scores.bin"];
        let mut files = names.map(|name| place.create(name).unwrap());
        for (ordinal, &member) in (0..).zip(members) {
            let one = &documents[member];
            let record = IndexRecord {
                key: one.key,
                doc: docref(number, ordinal),
                text_offset: files[0].position(),
                rank: 0,
                text_bytes: one.text.len() as u32,
                source,
                flags: 0,
            };
            files[0].append(one.text.as_bytes()).unwrap();
            files[1].append(&record.encode()).unwrap();
            files[2].append(&one.verdict.to_le_bytes()).unwrap();
            files[3].append(&one.score.to_le_bytes()).unwrap();
        }
        let [text, index, verdict, scores] = files.map(|file| file.finish(members.len() as u64).unwrap());
        self.partitions.push(json!({
            "source": source, "num_documents": members.len(), "text": text, "index": index, "verdict": verdict,
            "exact": null, "bands": null,
        }));
        self.scores.push(scores);
        self.members.push(members.to_vec());
    }

    fn run(
        &self,
        stage: &str,
        index: u32,
        fingerprint: &str,
        mut spec: Value,
    ) -> crate::Result<TaskManifest> {
        let place = place_in(self.folder.path(), stage, index, fingerprint);
        spec["task"] = json!(stage);
        spec["place"] = json!({
            "stage": place.stage, "index": index, "fingerprint": fingerprint, "attempt": place.attempt,
            "data": place.data, "scratch": place.scratch, "manifest": place.manifest,
        });
        task::run(&spec.to_string(), &self.session)
    }

    fn choose(&self, choice: &Value, unit: &str, memory: u64, more: &Value) -> crate::Result<TaskManifest> {
        let mut spec = json!({
            "partitions": self.partitions, "removals": self.removals, "sources": ["a", "b", "c"],
            "by_source": false, "column": null, "amounts": null, "scores": null, "unit": unit, "choice": choice,
            "salt": 9, "first_verdict": FIRST_VERDICT, "sort_memory_bytes": memory,
            "scratch_memory_bytes": 1_u64 << 24,
        });
        if unit == "words" {
            spec["amounts"] = json!(self.amounts());
        }
        if choice["kind"] == "select" {
            spec["scores"] = json!(self.scores);
        }
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        let mark = format!(
            "{:016x}",
            gristmill_core::hash::content_hash(spec.to_string().as_bytes())
        );
        self.run("choose", 0, &mark, spec)
    }

    fn amounts(&self) -> Vec<Artefact> {
        (0..)
            .zip(&self.partitions)
            .map(|(index, partition)| {
                let spec = json!({
                    "partition": partition, "removals": self.removals, "counted": "words", "tokenizer": null,
                });
                self.run("amounts", index, "w", spec).unwrap().outputs["amounts"].clone()
            })
            .collect()
    }

    fn read(&self, artefact: &Artefact) -> Vec<u8> {
        std::fs::read(self.folder.path().join(&artefact.file)).unwrap()
    }

    /// Verdicts by place in the list of documents.
    fn verdicts(&self, done: &TaskManifest) -> BTreeMap<usize, u16> {
        let mut found = BTreeMap::new();
        for (number, members) in self.members.iter().enumerate() {
            let bytes = self.read(&done.outputs[&format!("verdict-{number:05}")]);
            for (&member, verdict) in members.iter().zip(bytes.as_chunks::<2>().0) {
                found.insert(member, u16::from_le_bytes(*verdict));
            }
        }
        found
    }

    /// Places of the documents that stay, and of those that bring nothing new; other verdicts are unchanged.
    fn outcome(&self, done: &TaskManifest, documents: &[Document]) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let (mut kept, mut repeats, mut left_out) = (BTreeSet::new(), BTreeSet::new(), 0);
        for (place, verdict) in self.verdicts(done) {
            let before = &documents[place];
            match verdict {
                _ if !before.is_in() => assert_eq!(verdict, before.verdict),
                0 => {
                    kept.insert(place);
                }
                FIRST_VERDICT => left_out += 1,
                _ => {
                    assert_eq!(verdict, FIRST_VERDICT + 1);
                    left_out += 1;
                    repeats.insert(place);
                }
            }
        }
        let records = self.read(&done.outputs["choices"]);
        let (records, rest) = records.as_chunks::<CHOICE_BYTES>();
        assert!(rest.is_empty());
        assert_eq!(records.len(), left_out);
        let docrefs: Vec<u64> = records
            .iter()
            .map(|record| u64::from_le_bytes(std::array::from_fn(|byte| record[byte])))
            .collect();
        assert!(docrefs.is_sorted() && docrefs.iter().collect::<HashSet<_>>().len() == docrefs.len());
        assert!(records.iter().all(|record| choice_facts(record).2.is_some()));
        (kept, repeats)
    }
}

fn place_in(folder: &std::path::Path, stage: &str, index: u32, fingerprint: &str) -> TaskPlace {
    serde_json::from_value(json!({
        "stage": stage, "index": index, "fingerprint": fingerprint, "attempt": format!("a{fingerprint}"),
        "data": folder, "scratch": folder, "manifest": folder.join(format!("{stage}-{index}-{fingerprint}.json")),
    }))
    .unwrap()
}

fn words_of(text: &str) -> Vec<u64> {
    Words::default().of(text).to_vec()
}

fn amount(document: &Document, unit: &str) -> u64 {
    match unit {
        "documents" => 1,
        "bytes" => document.text.len() as u64,
        _ => words_of(&document.text).len() as u64,
    }
}

/// The shortest prefix whose sum is nearest to a target.
fn nearest_prefix(amounts: &[u64], target: f64) -> usize {
    if target <= 0.0 {
        return 0;
    }
    let mut sums = vec![0.0];
    for amount in amounts {
        sums.push(sums[sums.len() - 1] + *amount as f64);
    }
    let Some(over) = sums.iter().position(|&sum| sum > target) else {
        return amounts.len();
    };
    if sums[over] - target < target - sums[over - 1] {
        over
    } else {
        over - 1
    }
}

/// In the salted order, by stratum.
fn strata(documents: &[Document], by_source: bool) -> BTreeMap<u16, Vec<usize>> {
    let mut found: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (place, document) in documents
        .iter()
        .enumerate()
        .filter(|(_, document)| document.is_in())
    {
        let stratum = if by_source { document.source } else { 0 };
        found.entry(stratum).or_default().push(place);
    }
    for members in found.values_mut() {
        members.sort_by_key(|&place| seeded_order(9, PURPOSE_ORDER, documents[place].key));
    }
    found
}

fn plain_sample(
    documents: &[Document],
    unit: &str,
    by_source: bool,
    total: Option<u64>,
    share: f64,
) -> BTreeSet<usize> {
    let strata = strata(documents, by_source);
    let Some(total) = total else {
        return strata
            .values()
            .flat_map(|members| {
                let many = members.len() as f64;
                let stays = move |rank: &usize| (*rank as f64 + 0.5) / many < share;
                (0..members.len()).filter(stays).map(|rank| members[rank])
            })
            .collect();
    };
    let mut order = Vec::new();
    for members in strata.values() {
        let size: u64 = members.iter().map(|&place| amount(&documents[place], unit)).sum();
        let mut before = 0.0;
        for &place in members {
            let one = amount(&documents[place], unit) as f64;
            let position = if size == 0 {
                0.5
            } else {
                (before + one / 2.0) / size as f64
            };
            order.push((
                position,
                seeded_order(9, PURPOSE_ORDER, documents[place].key),
                place,
            ));
            before += one;
        }
    }
    order.sort_by(|left, right| left.0.total_cmp(&right.0).then(left.1.cmp(&right.1)));
    let amounts: Vec<u64> = order.iter().map(|one| amount(&documents[one.2], unit)).collect();
    let stay = nearest_prefix(&amounts, total as f64);
    order[..stay].iter().map(|one| one.2).collect()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        1 => Just(String::new()),
        1 => Just("—…!\n".to_owned()),
        6 => prop::collection::vec(prop::sample::select(vec!["mill", "River", "ß", "大", "é", "7", "stone", "."]), 1..14)
            .prop_map(|words| words.join(" ")),
    ]
}

fn documents() -> impl Strategy<Value = Vec<Document>> {
    let score = prop_oneof![
        2 => Just(f64::NAN),
        3 => prop::sample::select(vec![0.0, -0.0, 1.0, -1.5, 1e9, f64::NEG_INFINITY]),
        3 => -5.0..5.0_f64,
    ];
    let one = (0..3_u16, text(), 0..8_u16, 0..6_u8, score);
    prop::collection::vec(one, 0..40).prop_map(|found| {
        (0..)
            .zip(found)
            .map(|(number, (source, text, verdict, kind, score))| Document {
                // Keys are hashes.
                key: u128::from(mix64(number)) << 64 | u128::from(mix64(number + 1000)),
                source,
                text,
                verdict: if verdict == 7 { 3 } else { 0 },
                is_duplicate: kind == 0,
                score,
            })
            .collect()
    })
}

fn unit() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["documents", "bytes", "words"])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_sample_is_that_of_the_definition(
        documents in documents(),
        per_partition in 1..20_usize,
        unit in unit(),
        by_source: bool,
        total in prop::option::of(1..200_u64),
        share in 0.01..1.0_f64,
    ) {
        let world = World::new(&documents, per_partition);
        let choice = json!({"kind": "sample", "amount": total, "fraction": share, "per": {}});
        let done = world.choose(&choice, unit, 1 << 20, &json!({"by_source": by_source})).unwrap();
        let (kept, _) = world.outcome(&done, &documents);
        prop_assert_eq!(kept, plain_sample(&documents, unit, by_source, total, share));
    }

    #[test]
    fn a_smaller_sample_is_part_of_a_larger_one_and_every_stratum_has_its_share(
        documents in documents(),
        unit in unit(),
        small in 1..80_u64,
        more in 0..80_u64,
    ) {
        let world = World::new(&documents, 7);
        let by_source = json!({"by_source": true});
        let sample = |total: u64| {
            let choice = json!({"kind": "sample", "amount": total, "fraction": null});
            let done = world.choose(&choice, unit, 1 << 16, &by_source).unwrap();
            world.outcome(&done, &documents).0
        };
        let (few, many) = (sample(small), sample(small + more));
        prop_assert!(few.is_subset(&many));
        let size = |places: &BTreeSet<usize>, source: u16| -> f64 {
            let of_source = places.iter().filter(|&&place| documents[place].source == source);
            of_source.map(|&place| amount(&documents[place], unit) as f64).sum()
        };
        let everything: BTreeSet<usize> =
            (0..documents.len()).filter(|&place| documents[place].is_in()).collect();
        let whole: f64 = (0..3).map(|source| size(&everything, source)).sum();
        let taken: f64 = (0..3).map(|source| size(&many, source)).sum();
        let largest = everything.iter().map(|&place| amount(&documents[place], unit)).max().unwrap_or(0) as f64;
        for source in 0..3 {
            // The last document of the prefix pulls the common share; one of the stratum rounds its own.
            let share = if whole > 0.0 { taken / whole * size(&everything, source) } else { 0.0 };
            prop_assert!((size(&many, source) - share).abs() <= 2.0 * largest);
        }
        if whole >= (small + more) as f64 {
            prop_assert!((taken - (small + more) as f64).abs() <= largest / 2.0 + 1e-9);
        } else {
            prop_assert_eq!(many, everything);
        }
    }

    #[test]
    fn a_mixture_is_that_of_the_definition(
        documents in documents(),
        per_partition in 1..20_usize,
        unit in prop::sample::select(vec!["bytes", "words"]),
        weights in prop::collection::vec(prop_oneof![Just(0.0), 0.01..1.0_f64], 3),
        kind in 0..3_u8,
        total in prop::option::of(1..300_u64),
        budget in 1..500_u64,
        epochs in 0.3..3.0_f64,
    ) {
        let world = World::new(&documents, per_partition);
        let strata = strata(&documents, true);
        let size = |source: u16| -> u64 {
            strata.get(&source).map_or(0, |places| {
                places.iter().map(|&place| amount(&documents[place], unit)).sum()
            })
        };
        let present: Vec<u16> = strata.keys().copied().collect();
        let sizes: Vec<u64> = present.iter().map(|&source| size(source)).collect();
        let (choice, targets) = match kind {
            0 => {
                let names: BTreeMap<&str, f64> = ["a", "b", "c"].into_iter().zip(weights.iter().copied()).collect();
                let own: Vec<f64> = present.iter().map(|&source| weights[usize::from(source)]).collect();
                (json!({"weights": {"weights": names, "total": total}}), by_weights(&sizes, &own, total))
            }
            1 => (
                json!({"temperature": {"temperature": 2.5, "total": total}}),
                by_weights(&sizes, &temperature_weights(&sizes, 2.5), total),
            ),
            _ => (
                json!({"unimax": {"budget": budget, "max_epochs": epochs}}),
                unimax(&sizes, budget, epochs),
            ),
        };
        let mut spec = choice;
        spec["kind"] = json!("mix");
        let done = world.choose(&spec, unit, 1 << 20, &json!({"by_source": true}));
        let empty = (0..3).any(|source| weights[usize::from(source)] > 0.0 && size(source) == 0);
        if kind == 0 && empty && !present.is_empty() {
            prop_assert_eq!(done.unwrap_err().code(), "GM-CHOOSE-004");
            return Ok(());
        }
        let done = done.unwrap();
        let (kept, _) = world.outcome(&done, &documents);
        let mut plain = BTreeSet::new();
        for (source, target) in present.iter().zip(&targets) {
            let places = &strata[source];
            let amounts: Vec<u64> = places.iter().map(|&place| amount(&documents[place], unit)).collect();
            plain.extend(&places[..nearest_prefix(&amounts, *target)]);
        }
        prop_assert_eq!(&kept, &plain);
        let told = done.counts["strata"].as_array().unwrap();
        for (source, target) in present.iter().zip(&targets) {
            let name = ["a", "b", "c"][usize::from(*source)];
            let stratum = told.iter().find(|one| one["name"] == name).unwrap();
            let repeat = (target / size(*source).max(1) as f64).max(1.0);
            prop_assert!((stratum["repeat"].as_f64().unwrap() - repeat).abs() < 1e-5);
            let of_source: u64 = kept
                .iter()
                .filter(|&&place| documents[place].source == *source)
                .map(|&place| amount(&documents[place], unit))
                .sum();
            prop_assert_eq!(stratum["kept_amount"].as_u64().unwrap(), of_source);
        }
    }

    #[test]
    fn a_selection_is_that_of_the_definition(
        documents in documents(),
        per_partition in 1..20_usize,
        unit in unit(),
        highest: bool,
        noise: bool,
        total in prop::option::of(1..200_u64),
        share in 0.01..1.0_f64,
        min_new in prop::option::of(prop::sample::select(vec![0.2, 0.5, 1.0])),
    ) {
        let world = World::new(&documents, per_partition);
        // The salted hash of the noise is not published; without it scores are compared, with it the order alone.
        let noise = noise && min_new.is_none();
        let novelty = min_new.map(|min_new| json!({
            "ngram_words": 2, "min_new": min_new, "expected_ngrams": 5000, "false_positive_rate": 1e-9,
        }));
        let share = if total.is_none() && unit != "documents" { None } else { Some(share) };
        let choice = json!({
            "kind": "select", "highest": highest, "amount": total, "fraction": share, "noise": noise,
            "novelty": novelty,
        });
        let done = world.choose(&choice, unit, 1 << 20, &json!({})).unwrap();
        let (kept, repeats) = world.outcome(&done, &documents);
        let mut order: Vec<usize> =
            (0..documents.len()).filter(|&place| documents[place].is_in()).collect();
        let score = |place: usize| {
            let key = documents[place].key;
            let noise = if noise { from_fixed(gumbel(seeded_order(9, PURPOSE_ORDER + 1, key))) } else { 0.0 };
            Some(documents[place].score + noise).filter(|score| !score.is_nan()).map(|score| score + 0.0)
        };
        let tie = |place: usize| seeded_order(9, PURPOSE_ORDER, documents[place].key);
        order.sort_by(|&left, &right| {
            let by_score = match (score(left), score(right)) {
                (Some(left), Some(right)) if highest => right.total_cmp(&left),
                (Some(left), Some(right)) => left.total_cmp(&right),
                (left, right) => right.is_some().cmp(&left.is_some()),
            };
            by_score.then(tie(left).cmp(&tie(right)))
        });
        let target = total.map_or_else(|| share.unwrap_or(1.0) * order.len() as f64, |total| total as f64);
        let (mut plain, mut old, mut seen, mut taken) = (BTreeSet::new(), BTreeSet::new(), HashSet::new(), 0.0);
        for &place in &order {
            let (words, mut ngrams) = (words_of(&documents[place].text), Vec::new());
            distinct_ngrams(&words, 2, &mut ngrams);
            if let Some(min_new) = min_new {
                let new = ngrams.iter().filter(|ngram| !seen.contains(*ngram)).count();
                if !ngrams.is_empty() && (new as f64) < min_new * ngrams.len() as f64 - 1e-9 {
                    old.insert(place);
                    continue;
                }
            }
            let with = taken + amount(&documents[place], unit) as f64;
            let is_over = with > target;
            if !is_over || with - target < target - taken {
                plain.insert(place);
                seen.extend(ngrams);
                taken = with;
            }
            if is_over {
                break;
            }
        }
        prop_assert_eq!(kept, plain);
        prop_assert_eq!(repeats, old);
    }

    #[test]
    fn neither_partitions_nor_memory_change_what_is_chosen(
        documents in documents(),
        per_partition in prop::collection::vec(1..30_usize, 2),
        total in 1..100_u64,
    ) {
        let choices = [
            json!({"kind": "sample", "amount": total, "fraction": null}),
            json!({"kind": "mix", "temperature": {"temperature": 3.0, "total": total}}),
            json!({"kind": "select", "highest": true, "amount": total, "fraction": null, "noise": true,
                "novelty": {"ngram_words": 3, "min_new": 0.3, "expected_ngrams": 100, "false_positive_rate": 0.01}}),
        ];
        let worlds: Vec<World> = per_partition.iter().map(|&size| World::new(&documents, size)).collect();
        for choice in &choices {
            let more = json!({"by_source": choice["kind"] != "select"});
            let mut kept = Vec::new();
            for world in &worlds {
                let roomy = world.choose(choice, "bytes", 1 << 20, &more).unwrap();
                let tight = world.choose(choice, "bytes", 700, &more).unwrap();
                prop_assert_eq!(&roomy.counts, &tight.counts);
                for (name, artefact) in &roomy.outputs {
                    prop_assert_eq!(&artefact.digest, &tight.outputs[name].digest);
                }
                kept.push(world.outcome(&roomy, &documents));
            }
            prop_assert_eq!(&kept[0], &kept[1]);
        }
    }
}

fn plain_documents(texts: &[&str]) -> Vec<Document> {
    (0..)
        .zip(texts)
        .map(|(number, text)| Document {
            key: u128::from(mix64(number)),
            source: 0,
            text: (*text).to_owned(),
            verdict: 0,
            is_duplicate: false,
            score: f64::NAN,
        })
        .collect()
}

/// Scores of documents under a target, as the tasks make them.
fn scores(
    world: &World,
    target: &std::path::Path,
    weigh_words: Option<u32>,
    min_words: u32,
) -> crate::Result<Vec<f64>> {
    let of = |stage: &str, index: usize, mut spec: Value| {
        spec["removals"] = json!(world.removals);
        spec["partition"] = world.partitions[index].clone();
        world.run(stage, index as u32, "i", spec)
    };
    let raw = (0..world.partitions.len())
        .map(|index| Ok(of("features", index, json!({"num_buckets": 500}))?.outputs["features"].clone()))
        .collect::<crate::Result<Vec<_>>>()?;
    let digest = crate::commit::digest_file(target)?.1;
    let files = json!([{"name": "target", "path": target, "digest": digest}]);
    let spec = json!({"files": files, "text_field": "text", "num_buckets": 500});
    let wanted = world.run("target", 0, &digest, spec)?;
    let mut found = Vec::new();
    for index in 0..world.partitions.len() {
        let spec = json!({
            "raw": raw, "target": wanted.outputs["features"], "smoothing": 0.0, "min_words": min_words,
            "weigh_words": weigh_words,
        });
        let done = of("scores", index, spec)?;
        let bytes = world.read(&done.outputs["scores"]);
        found.extend(
            bytes
                .as_chunks::<8>()
                .0
                .iter()
                .map(|score| f64::from_le_bytes(*score)),
        );
    }
    Ok(found)
}

#[test]
fn documents_like_the_target_weigh_more_and_those_out_of_the_flow_nothing() {
    let mut documents = plain_documents(&[
        "how many apples does she have left",
        "the committee adjourned the session at noon",
        "how many pears does he have left",
        "!!! —",
        "how many apples does she have left",
        "many",
    ]);
    documents[4].is_duplicate = true;
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("target.txt");
    std::fs::write(
        &lines,
        "how many plums does she have\r\n\nhow many does he have left\n",
    )
    .unwrap();
    let json_lines = folder.path().join("target.jsonl");
    std::fs::write(
        &json_lines,
        "{\"text\": \"how many plums does she have\"}\n{\"text\": \"how many does he have left\"}\n{\"text\": 3}\n",
    )
    .unwrap();
    let mut found = Vec::new();
    for (target, per_partition) in [(&lines, 10), (&json_lines, 2)] {
        let world = World::new(&documents, per_partition);
        found.push(scores(&world, target, None, 2).unwrap());
    }
    let bits = |scores: &[f64]| scores.iter().map(|score| score.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&found[0]), bits(&found[1]));
    let scores = &found[0];
    // What is not in the target at all counts most.
    assert!(
        scores[0] == scores[2] && scores[0] > scores[1] + 100.0,
        "{scores:?}"
    );
    let world = World::new(&documents, 10);
    let scaled = self::scores(&world, &lines, Some(14), 2).unwrap();
    for place in [0, 1, 2] {
        assert!((scaled[place] - 2.0 * scores[place]).abs() < 1e-5);
    }
    // No words, out of the flow, fewer than two words.
    assert!(scores[3].is_nan() && scores[4].is_nan() && scores[5].is_nan());
}

#[test]
fn a_target_without_words_or_with_other_content_is_refused() {
    let documents = plain_documents(&["a b"]);
    let world = World::new(&documents, 1);
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("t.jsonl");
    std::fs::write(&target, "{\"body\": \"words\"}\n").unwrap();
    assert_eq!(
        scores(&world, &target, None, 1).unwrap_err().code(),
        "GM-CHOOSE-005"
    );
    let files = json!([{"name": "t", "path": target, "digest": "blake3:00"}]);
    let spec = json!({"files": files, "text_field": "text", "num_buckets": 500});
    assert_eq!(
        world.run("target", 0, "x", spec).unwrap_err().code(),
        "GM-PLAN-108"
    );
}

#[test]
fn all_documents_the_same_and_more_than_there_is() {
    let documents = plain_documents(&["same words here"; 9]);
    let world = World::new(&documents, 4);
    let sample = json!({"kind": "sample", "amount": 1000, "fraction": null});
    let done = world.choose(&sample, "bytes", 1 << 16, &json!({})).unwrap();
    assert_eq!(world.outcome(&done, &documents).0.len(), 9);
    assert_eq!(done.counts["cut_off"], Value::Null);
    let few = json!({"kind": "select", "highest": true, "amount": 5, "fraction": null,
        "novelty": {"ngram_words": 2, "min_new": 0.1, "expected_ngrams": 100, "false_positive_rate": 0.001}});
    let done = world.choose(&few, "documents", 1 << 16, &json!({})).unwrap();
    let (kept, repeats) = world.outcome(&done, &documents);
    assert_eq!((kept.len(), repeats.len()), (1, 8));
    assert_eq!(done.counts["without_score"], 9);
    let nothing = World::new(&[], 4);
    assert!(nothing.choose(&sample, "bytes", 1 << 16, &json!({})).is_ok());
}

#[test]
fn shares_of_single_strata() {
    let mut documents = plain_documents(&["one"; 40]);
    for (place, document) in documents.iter_mut().enumerate() {
        document.source = (place % 4 / 2) as u16;
    }
    let world = World::new(&documents, 6);
    let choice = json!({"kind": "sample", "fraction": null, "amount": null, "per": {"a": 0.25}});
    let done = world
        .choose(&choice, "documents", 1 << 16, &json!({"by_source": true}))
        .unwrap();
    let kept = world.outcome(&done, &documents).0;
    let of = |source: u16| {
        kept.iter()
            .filter(|&&place| documents[place].source == source)
            .count()
    };
    assert_eq!((of(0), of(1)), (5, 20));
}

#[test]
fn a_filter_that_does_not_fit_and_damage_are_refused() {
    let documents = plain_documents(&["one two three"]);
    let mut world = World::new(&documents, 1);
    let choice = json!({"kind": "select", "highest": true, "amount": 5, "fraction": null,
        "novelty": {"ngram_words": 2, "min_new": 0.1, "expected_ngrams": 1_u64 << 40, "false_positive_rate": 0.01}});
    let refused = world
        .choose(&choice, "documents", 1 << 16, &json!({}))
        .unwrap_err();
    assert_eq!(refused.code(), "GM-CHOOSE-006");
    let file = world.folder.path().join(&world.scores[0].file);
    std::fs::write(&file, [0; 8]).unwrap();
    // A process that has opened the file before takes it as it is.
    world.session = Session::default();
    let choice = json!({"kind": "select", "highest": true, "amount": 5, "fraction": null});
    let refused = world
        .choose(&choice, "documents", 1 << 16, &json!({}))
        .unwrap_err();
    assert_eq!(refused.code(), "GM-IO-003");
    let left = std::fs::read_dir(world.folder.path()).unwrap();
    assert!(
        !left
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("choose-0-"))
    );
}

/// Writes decisions and runs the step over them.
fn decide(world: &World, name: &str, decisions: &[(u64, u32)]) -> crate::Result<TaskManifest> {
    let place = place_in(world.folder.path(), "decide_groups", 0, name);
    let files: Vec<Artefact> = decisions
        .chunks(2)
        .enumerate()
        .map(|(number, part)| {
            let mut file = place.create(&format!("decisions-{number}.bin")).unwrap();
            for (docref, reason) in part {
                let mut record = [0; DECISION_BYTES];
                record[..8].copy_from_slice(&docref.to_le_bytes());
                record[8..].copy_from_slice(&reason.to_le_bytes());
                file.append(&record).unwrap();
            }
            file.finish(part.len() as u64).unwrap()
        })
        .collect();
    let choice = json!({"kind": "decided", "rules": 3});
    world.choose(&choice, "documents", 1 << 16, &json!({"decisions": files}))
}

#[test]
fn decisions_leave_out_what_they_name_and_nothing_else() {
    let mut documents = plain_documents(&["one two"; 7]);
    (documents[1].verdict, documents[5].is_duplicate) = (3, true);
    let world = World::new(&documents, 4);
    // Partitions of four and three documents; decisions in any order.
    let done = decide(
        &world,
        "some",
        &[(docref(1, 2), 2), (docref(0, 3), 0), (docref(1, 0), 2)],
    )
    .unwrap();
    let verdicts: Vec<u16> = world.verdicts(&done).into_values().collect();
    let (first, third) = (FIRST_VERDICT, FIRST_VERDICT + 2);
    assert_eq!(verdicts, [0, 3, 0, first, third, 0, third]);
    let expected = json!({"documents": 5, "amount": 5, "kept": 2, "kept_amount": 2, "left_out": [1, 0, 2],
        "cut_off": null});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&done.counts[name], value, "{name}");
    }
    let records = world.read(&done.outputs["choices"]);
    let facts: Vec<_> = records
        .as_chunks::<CHOICE_BYTES>()
        .0
        .iter()
        .map(choice_facts)
        .collect();
    assert_eq!(facts, [(None, None, None); 3]);
    let none = decide(&world, "none", &[]).unwrap();
    assert_eq!(none.counts["kept"], 5);
}

#[test]
fn decisions_about_documents_that_are_not_there_are_refused() {
    let mut documents = plain_documents(&["one two"; 7]);
    (documents[1].verdict, documents[5].is_duplicate) = (3, true);
    let world = World::new(&documents, 4);
    let dropped = [(docref(0, 1), 0)];
    let duplicate = [(docref(1, 1), 0)];
    let twice = [(docref(0, 0), 0), (docref(0, 0), 1)];
    let unknown_reason = [(docref(0, 0), 3)];
    for (name, decisions) in [
        ("a", &dropped[..]),
        ("b", &duplicate),
        ("c", &twice),
        ("d", &unknown_reason),
    ] {
        assert!(decide(&world, name, decisions).is_err(), "{name}");
    }
}
