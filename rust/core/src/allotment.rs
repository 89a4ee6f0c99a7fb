//! How much to take of each part of a collection: by weights, by temperature, and UniMax.
//!
//! A part has a size (bytes, words) and gets a target in the same unit. What is above the size of a part means copies: a
//! selection keeps the part whole, and the rest is a matter of training. Not here: which documents of a part.

/// Returns the largest targets in proportion to `weights` of which none is above its part's size, or above `total` in all.
///
/// Parts of weight 0 get nothing. Weights are finite and not negative; `sizes` and `weights` are as long.
///
/// ```
/// use gristmill_core::allotment::by_weights;
/// assert_eq!(by_weights(&[1000, 100], &[0.6, 0.4], None), [150.0, 100.0]);
/// assert_eq!(by_weights(&[1000, 100], &[0.6, 0.4], Some(100)), [60.0, 40.0]);
/// assert_eq!(by_weights(&[1000, 0], &[0.6, 0.4], None), [0.0, 0.0]);
/// ```
pub fn by_weights(sizes: &[u64], weights: &[f64], total: Option<u64>) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    let limits = sizes
        .iter()
        .zip(weights)
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(&size, &weight)| size as f64 * (sum / weight));
    let most = limits.chain(total.map(|total| total as f64)).reduce(f64::min);
    let whole = most.unwrap_or(0.0);
    sizes
        .iter()
        .zip(weights)
        .map(|(&size, &weight)| {
            if weight > 0.0 {
                // The part that limits the others must not lose a document to rounding.
                let target = whole * (weight / sum);
                if (target - size as f64).abs() <= size as f64 * 1e-12 {
                    size as f64
                } else {
                    target
                }
            } else {
                0.0
            }
        })
        .collect()
}

/// Returns weights `size ^ (1 / temperature)`, in proportion to the largest: 1 leaves shares as they are, more makes them
/// more equal.
///
/// Devlin et al. 2018 (multilingual BERT) with exponent 0.7, XLM-R with 0.3: temperatures 1.43 and 3.33. `temperature` is
/// at least 1 and may be infinite. An empty part has weight 0.
///
/// ```
/// use gristmill_core::allotment::temperature_weights;
/// assert_eq!(temperature_weights(&[100, 25, 0], 1.0), [1.0, 0.25, 0.0]);
/// assert_eq!(temperature_weights(&[100, 25, 0], 2.0), [1.0, 0.5, 0.0]);
/// assert_eq!(temperature_weights(&[100, 25, 0], f64::INFINITY), [1.0, 1.0, 0.0]);
/// ```
pub fn temperature_weights(sizes: &[u64], temperature: f64) -> Vec<f64> {
    let largest = sizes.iter().copied().max().unwrap_or(0);
    sizes
        .iter()
        .map(|&size| {
            if size == 0 {
                0.0
            } else {
                (size as f64 / largest as f64).powf(1.0 / temperature)
            }
        })
        .collect()
}

/// Returns the targets of UniMax (Chung et al. 2023, algorithm 1): a budget is divided equally, but no part gets more than
/// `max_epochs` times its size; what the small ones leave goes to the others.
///
/// Parts are looked at from the smallest on (among equals, the first): each gets the smaller of its cap and an equal share
/// of what is left. `max_epochs` is positive.
///
/// ```
/// use gristmill_core::allotment::unimax;
/// assert_eq!(unimax(&[10, 1000, 100], 300, 1.0), [10.0, 190.0, 100.0]);
/// assert_eq!(unimax(&[10, 1000, 100], 300, 4.0), [40.0, 130.0, 130.0]);
/// assert_eq!(unimax(&[10, 20], 300, 1.0), [10.0, 20.0]);
/// ```
pub fn unimax(sizes: &[u64], budget: u64, max_epochs: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&part| (sizes[part], part));
    let mut left = budget as f64;
    let mut targets = vec![0.0; sizes.len()];
    for (place, &part) in order.iter().enumerate() {
        let share = left / (sizes.len() - place) as f64;
        let target = share.min(sizes[part] as f64 * max_epochs);
        targets[part] = target;
        left -= target;
    }
    targets
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Algorithm 1 of the paper, as it is printed: the budget B, counts c, epochs N, L languages.
    fn printed_unimax(counts: &[u64], budget: u64, epochs: f64) -> Vec<f64> {
        let languages = counts.len();
        let mut sorted: Vec<(u64, usize)> = counts.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        let mut remaining = budget as f64;
        let mut allotted = vec![0.0; languages];
        for (i, (count, language)) in sorted.into_iter().enumerate() {
            let per_language = remaining / (languages - i) as f64;
            if per_language > count as f64 * epochs {
                allotted[language] = count as f64 * epochs;
            } else {
                allotted[language] = per_language;
            }
            remaining -= allotted[language];
        }
        allotted
    }

    fn sizes() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(prop_oneof![Just(0), 1..50_u64, 1000..2_000_000_u64], 1..12)
    }

    proptest! {
        #[test]
        fn unimax_is_the_printed_algorithm(sizes in sizes(), budget in 0..10_000_000_u64, epochs in 0.1..8.0_f64) {
            prop_assert_eq!(unimax(&sizes, budget, epochs), printed_unimax(&sizes, budget, epochs));
        }

        #[test]
        fn unimax_spends_what_it_can_and_is_fair(sizes in sizes(), budget in 0..10_000_000_u64, epochs in 1..5_u32) {
            let epochs = f64::from(epochs);
            let targets = unimax(&sizes, budget, epochs);
            let most: f64 = sizes.iter().map(|&size| size as f64 * epochs).sum();
            let spent: f64 = targets.iter().sum();
            prop_assert!((spent - most.min(budget as f64)).abs() < 1e-3);
            let largest = targets.iter().copied().fold(0.0, f64::max);
            for (target, &size) in targets.iter().zip(&sizes) {
                prop_assert!(*target <= size as f64 * epochs + 1e-9);
                // Whoever has less than another is at its cap.
                prop_assert!(largest - target < 1e-3 || (size as f64 * epochs - target).abs() < 1e-9);
            }
        }

        #[test]
        fn weights_give_shares_and_no_more_than_there_is(
            parts in prop::collection::vec((1..1_000_000_u64, 0.001..1.0_f64), 1..10),
            total in prop::option::of(1..2_000_000_u64),
        ) {
            let (sizes, weights): (Vec<u64>, Vec<f64>) = parts.into_iter().unzip();
            let targets = by_weights(&sizes, &weights, total);
            let (spent, sum): (f64, f64) = (targets.iter().sum(), weights.iter().sum());
            let mut is_limited = total.is_some_and(|total| (spent - total as f64).abs() < 1e-6 * spent);
            for ((target, &size), weight) in targets.iter().zip(&sizes).zip(&weights) {
                prop_assert!((target / spent - weight / sum).abs() < 1e-9);
                prop_assert!(*target <= size as f64 * (1.0 + 1e-12));
                is_limited |= *target >= size as f64 * (1.0 - 1e-9);
            }
            prop_assert!(is_limited, "the targets could be larger");
        }

        #[test]
        fn warmer_is_more_equal(sizes in prop::collection::vec(1..1_000_000_u64, 2..8), cold in 1.0..5.0_f64) {
            let (cold, warm) = (temperature_weights(&sizes, cold), temperature_weights(&sizes, cold * 2.0));
            for (cold, warm) in cold.iter().zip(&warm) {
                prop_assert!(warm >= cold);
            }
        }
    }

    #[test]
    fn nothing_to_divide() {
        assert_eq!(unimax(&[], 100, 1.0), Vec::<f64>::new());
        assert_eq!(by_weights(&[5], &[0.0], None), [0.0]);
        assert_eq!(temperature_weights(&[0, 0], 2.0), [0.0, 0.0]);
    }
}
