//! Properties of whole plans, and the window against one that is slow and obvious.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// A corpus in memory: blocks of (tokens, source).
#[derive(Debug)]
struct Made(Vec<Vec<(u32, usize)>>, usize);

impl Corpus for Made {
    fn num_blocks(&self) -> usize {
        self.0.len()
    }
    fn num_rows(&self, block: usize) -> usize {
        self.0[block].len()
    }
    fn num_sources(&self) -> usize {
        self.1
    }
    fn source(&self, block: usize, row: usize) -> Result<usize, PackingError> {
        Ok(self.0[block][row].1)
    }
    fn num_tokens(&self, block: usize, row: usize) -> Result<u32, PackingError> {
        Ok(self.0[block][row].0)
    }
    fn num_trained(&self, _: usize, _: usize, start: u32, stop: u32) -> Result<u32, PackingError> {
        Ok(stop - start)
    }
}

fn settings(sequence_length: usize, sources: usize) -> PlanSettings {
    PlanSettings {
        sequence_length,
        seed: 7,
        is_shuffled: true,
        num_epochs: Some(1),
        weights: vec![1.0; sources],
        mixing: None,
    }
}

fn mixing(shares: &[u64], max_documents: &[Option<u64>]) -> MixingSettings {
    MixingSettings {
        phases: vec![Phase {
            start_tokens: 0,
            shares: shares.to_vec(),
        }],
        max_documents: max_documents.to_vec(),
    }
}

fn rows(corpus: &Made, plan: &mut Plan, most: usize) -> Vec<Vec<Placed>> {
    let mut found = Vec::new();
    let mut row = Vec::new();
    while found.len() < most && plan.next_row(corpus, &mut row).unwrap() {
        found.push(row.clone());
    }
    found
}

fn corpora() -> impl Strategy<Value = Made> {
    let document = (0_u32..40, 0_usize..3);
    prop::collection::vec(prop::collection::vec(document, 0..30), 1..12)
        .prop_filter("tokens", |blocks| {
            blocks.iter().flatten().any(|&(tokens, _)| tokens > 0)
        })
        .prop_map(|blocks| Made(blocks, 3))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_window_is_the_obvious_one(
        lengths in prop::collection::vec(1_u32..50, 1..200), room in 50_usize..120
    ) {
        let mut window = Window::new(room);
        let mut waiting: Vec<Placed> = Vec::new();
        let mut row = Vec::new();
        for (number, &length) in lengths.iter().enumerate() {
            let piece = Placed { block: 0, row: number as u32, start: 0, stop: length, source: 0 };
            window.push(piece);
            waiting.push(piece);
            if number % 7 == 6 {
                let left = window.pop_row(room, &mut row);
                let mut expected = vec![waiting.remove(0)];
                let mut rest = room - expected[0].len();
                while let Some(longest) = waiting.iter().map(Placed::len).filter(|&len| len <= rest).max() {
                    let at = waiting.iter().position(|piece| piece.len() == longest).unwrap();
                    rest -= longest;
                    expected.push(waiting.remove(at));
                }
                prop_assert_eq!(&row, &expected);
                prop_assert_eq!(left, rest);
                prop_assert_eq!(window.pieces().collect::<Vec<_>>(), waiting.clone());
            }
        }
    }

    #[test]
    fn a_length_set_is_the_obvious_one(numbers in prop::collection::vec(0_usize..5000, 1..80), bound in 0_usize..5000) {
        let mut set = LengthSet::new(5000);
        let mut obvious = std::collections::BTreeSet::new();
        for number in numbers {
            if obvious.remove(&number) {
                set.remove(number);
            } else {
                set.insert(number);
                obvious.insert(number);
            }
        }
        prop_assert_eq!(set.at_most(bound), obvious.range(..=bound).next_back().copied());
    }

    #[test]
    fn every_token_is_predicted_once_an_epoch(corpus in corpora(), length in 2_usize..50, epochs in 1_u64..4) {
        let mut plan = Plan::new(&corpus, &PlanSettings { num_epochs: Some(epochs), ..settings(length, 3) }).unwrap();
        let mut predicted: HashMap<(u32, u32, u32), u64> = HashMap::new();
        for row in rows(&corpus, &mut plan, usize::MAX) {
            prop_assert!(row.iter().map(Placed::len).sum::<usize>() <= length);
            for piece in row {
                for token in piece.start + 1..piece.stop {
                    *predicted.entry((piece.block, piece.row, token)).or_default() += 1;
                }
            }
        }
        let tokens: u32 = corpus.0.iter().flatten().map(|&(tokens, _)| tokens.saturating_sub(1)).sum();
        prop_assert_eq!(predicted.len(), tokens as usize);
        prop_assert!(predicted.values().all(|&times| times == epochs));
        prop_assert_eq!(plan.ledger().pending, 0);
    }

    #[test]
    fn a_plan_continues_from_any_row(corpus in corpora(), stop in 0_usize..40, is_mixed: bool) {
        let mixing = is_mixed.then(|| mixing(&[3, 1, 2], &[Some(40), Some(40), Some(7)]));
        let settings = PlanSettings { num_epochs: Some(3), weights: vec![1.0, 0.5, 2.25], mixing, ..settings(16, 3) };
        let Ok(mut whole) = Plan::new(&corpus, &settings) else { return Ok(()) };
        let all = rows(&corpus, &mut whole, usize::MAX);
        let mut first = Plan::new(&corpus, &settings).unwrap();
        let head = rows(&corpus, &mut first, stop);
        let saved = serde_json::to_string(&first.state()).unwrap();
        let mut again = Plan::resume(&corpus, &settings, &serde_json::from_str(&saved).unwrap()).unwrap();
        let tail = rows(&corpus, &mut again, usize::MAX);
        prop_assert_eq!([head, tail].concat(), all);
        prop_assert_eq!(again.state(), whole.state());
    }

    #[test]
    fn weights_are_exact_in_every_epoch_and_fair_over_epochs(
        number in 1_usize..300, weight in 0.0_f64..3.0, seed: u64
    ) {
        let corpus = Made(vec![vec![(1, 0); number], vec![(1, 1); 3]], 2);
        let copies = Copies::new(&corpus, &[weight, 0.0], seed).unwrap();
        let mut times = vec![0_u64; number];
        for epoch in 0..20 {
            let mut documents = Documents::all(&corpus, Some(copies.clone()), seed, true);
            documents.begin(epoch);
            let mut entries = 0;
            while let Some(entry) = documents.next(&corpus).unwrap() {
                prop_assert_eq!(entry.block, 0);
                times[entry.row as usize] += 1;
                entries += 1;
            }
            prop_assert_eq!(entries, documents.len(epoch));
            prop_assert!((entries as f64 - weight * number as f64).abs() <= 1.001);
        }
        for &times in &times {
            prop_assert!((times as f64 - 20.0 * weight).abs() <= 1.001);
        }
    }
}

#[test]
fn a_mixture_is_near_its_shares_after_any_number_of_tokens() {
    let documents = |source| (0..4000_u32).map(move |number| (1 + number * 37 % 900, source));
    let corpus = Made((0..3).map(|source| documents(source).collect()).collect(), 3);
    let shares = [60, 30, 10];
    let settings = PlanSettings {
        mixing: Some(mixing(&shares, &[None; 3])),
        ..settings(2048, 3)
    };
    let mut plan = Plan::new(&corpus, &settings).unwrap();
    let mut row = Vec::new();
    for number in 1..=10_000 {
        assert!(plan.next_row(&corpus, &mut row).unwrap());
        if number % 1000 == 0 {
            let placed = plan.placed_by_source();
            let all: u64 = placed.iter().sum();
            for (&tokens, share) in placed.iter().zip(shares) {
                // The window's tokens are what may be missing.
                let slack = 1000.0 * 900.0 / all as f64;
                let found = tokens as f64 / all as f64;
                assert!(
                    (found - share as f64 / 100.0).abs() < slack.min(0.02),
                    "{found} {share}"
                );
            }
        }
    }
}

#[test]
fn a_source_that_was_read_often_enough_leaves_and_the_others_go_on() {
    let corpus = Made(vec![(0..90).map(|number| (10, number % 3)).collect()], 3);
    let caps = [Some(60), Some(30), None];
    let settings = PlanSettings {
        mixing: Some(mixing(&[1, 1, 2], &caps)),
        ..settings(10, 3)
    };
    let mut plan = Plan::new(&corpus, &settings).unwrap();
    assert_eq!(rows(&corpus, &mut plan, 2000).len(), 2000);
    let placed = plan.placed_by_source();
    assert_eq!(placed[..2], [600, 300]);
    assert_eq!(placed.iter().sum::<u64>(), 20_000);
}

#[test]
fn a_mixture_ends_when_all_sources_have_left() {
    let corpus = Made(vec![(0..30).map(|number| (10, number % 3)).collect()], 3);
    let settings = PlanSettings {
        mixing: Some(mixing(&[1, 5, 0], &[Some(20), Some(15), None])),
        ..settings(25, 3)
    };
    let mut plan = Plan::new(&corpus, &settings).unwrap();
    rows(&corpus, &mut plan, usize::MAX);
    assert_eq!(plan.placed_by_source(), [200, 150, 0]);
    assert_eq!(plan.ledger().pending, 0);
}

#[test]
fn an_epoch_that_gives_nothing_is_refused() {
    let corpus = Made(vec![vec![(0, 0), (0, 0)]], 1);
    let endless = PlanSettings {
        num_epochs: None,
        ..settings(8, 1)
    };
    let mut plan = Plan::new(&corpus, &endless).unwrap();
    assert_eq!(
        plan.next_row(&corpus, &mut Vec::new()),
        Err(PackingError::Nothing)
    );
    let never = PlanSettings {
        weights: vec![0.0],
        ..settings(8, 1)
    };
    assert_eq!(Plan::new(&corpus, &never).err(), Some(PackingError::Nothing));
    assert_eq!(
        Plan::new(&corpus, &settings(1, 1)).err(),
        Some(PackingError::SequenceLength(1))
    );
}

#[test]
fn the_order_is_fixed_for_good() {
    // Checkpoints rely on it: another order would make them repeat and miss documents.
    let mut items: Vec<u32> = (0..10).collect();
    Random::new(derive_key(&[7, 0])).shuffle(&mut items);
    assert_eq!(items, [4, 1, 9, 2, 5, 8, 0, 7, 3, 6]);
}
