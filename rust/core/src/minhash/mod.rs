//! MinHash band keys: documents that share one are candidates for being near-duplicates.
//!
//! A signature has `bands * rows` minima. Two documents with Jaccard similarity J agree in each of them with
//! probability J. A band's key is a 64-bit hash of its index and its `rows` minima, so two documents share at least one
//! key with probability `1 - (1 - J^rows)^bands` (Broder 1997).
//!
//! Two families of signatures: our own, [fast similarity sketches](sketch), 32 bits a minimum, for any shingles; and
//! datatrove's.

mod datatrove;
mod sketch;

use crate::dispatch::{self, Kernel};
use crate::hash::mix64;
use crate::segment::{Segmentation, fold};
use crate::shingle::{ShingleConfig, ShingleUnit, Shingles};
use datatrove::Signer;
pub use datatrove::{HashConfig, HashFunction, Precision};
use serde::{Deserialize, Serialize};
use sketch::{MAX_BINS, Sketch};

/// Whose signatures are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Our own: fast, on any shingles.
    #[default]
    Gristmill,
    /// Those of datatrove's `MinhashDedupSignature`, bit for bit.
    Datatrove,
}

/// How near-duplicate candidates are found. Numbers of 0 are taken as 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MinHashConfig {
    /// Keys a document; more find more pairs.
    pub bands: u32,
    /// Minima a key; more demand more similarity.
    pub rows: u32,
    /// Chooses the hash functions.
    pub seed: u64,
    /// What is hashed.
    pub shingles: ShingleConfig,
    /// Whose signatures are made.
    pub family: Family,
    /// What hashes the shingles of datatrove's family; of no meaning for ours.
    pub hash: HashConfig,
}

impl Default for MinHashConfig {
    fn default() -> Self {
        Self {
            bands: 14,
            rows: 8,
            seed: 1,
            shingles: ShingleConfig::default(),
            family: Family::default(),
            hash: HashConfig::default(),
        }
    }
}

/// A configuration for which there are no signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MinHashError {
    /// The family hashes other shingles only.
    #[error("signatures of the family {family:?} are not made of shingles of the unit {unit:?}")]
    Unit {
        /// The family.
        family: Family,
        /// The unit.
        unit: ShingleUnit,
    },
    /// The family knows seeds of 32 bits only.
    #[error("the seed {0} does not fit 32 bits, as datatrove's seeds must")]
    Seed(u64),
    /// More minima than a signature may have.
    #[error("{bands} bands of {rows} rows are more than {MAX_BINS} minima")]
    Size {
        /// Bands that were asked for.
        bands: u32,
        /// Rows that were asked for.
        rows: u32,
    },
}

/// Computes the band keys of documents; keeps its buffers between them.
///
/// Cost: about one hash a shingle, and `bands * rows` times their logarithm a document; 16 bytes of memory a word of
/// the longest document.
///
/// ```
/// use gristmill_core::minhash::{MinHashConfig, MinHasher};
/// use gristmill_core::segment::{Segmentation, Segmenter};
/// let text = "The same words, whatever the marks and the case.";
/// let mut segmentation = Segmentation::default();
/// Segmenter::default().segment(text, &mut segmentation);
/// let mut hasher = MinHasher::new(MinHashConfig::default())?;
/// let mut keys = Vec::new();
/// assert!(hasher.band_keys(text, &segmentation, &mut keys));
/// assert_eq!(keys.len(), 14);
/// # Ok::<(), gristmill_core::minhash::MinHashError>(())
/// ```
pub struct MinHasher {
    bands: usize,
    rows: usize,
    maker: Maker,
}

/// What makes signatures.
#[expect(
    clippy::large_enum_variant,
    reason = "one a task, and the large one is the common one"
)]
enum Maker {
    Sketch { shingles: Shingles, sketch: Sketch },
    Datatrove(Box<Signer>),
}

impl MinHasher {
    /// Makes the hasher with the hash functions of the configuration's seed.
    ///
    /// # Errors
    /// When the family does not go with the shingles or the seed, or there are more than 4096 minima.
    pub fn new(config: MinHashConfig) -> Result<Self, MinHashError> {
        let (bands, rows) = (config.bands.max(1) as usize, config.rows.max(1) as usize);
        if bands.saturating_mul(rows) > MAX_BINS {
            return Err(MinHashError::Size {
                bands: config.bands,
                rows: config.rows,
            });
        }
        let maker = match config.family {
            Family::Gristmill => Maker::Sketch {
                shingles: Shingles::new(config.shingles),
                sketch: Sketch::new(bands * rows, config.seed),
            },
            Family::Datatrove if config.shingles.unit == ShingleUnit::Word => {
                let seed = u32::try_from(config.seed).map_err(|_| MinHashError::Seed(config.seed))?;
                let size = config.shingles.size as usize;
                Maker::Datatrove(Box::new(Signer::new(bands * rows, seed, size, config.hash)))
            }
            Family::Datatrove => {
                return Err(MinHashError::Unit {
                    family: config.family,
                    unit: config.shingles.unit,
                });
            }
        };
        Ok(Self { bands, rows, maker })
    }

    /// Whether [`Self::band_keys`] looks at the segmentation; if not, any will do.
    pub fn reads_segmentation(&self) -> bool {
        match &self.maker {
            Maker::Sketch { shingles, .. } => shingles.reads_segmentation(),
            Maker::Datatrove(_) => false,
        }
    }

    /// Pushes the `bands` keys of the document to `out`; false, and nothing is pushed, if it has no shingle.
    ///
    /// `segmentation` must be that of the text.
    pub fn band_keys(&mut self, text: &str, segmentation: &Segmentation, out: &mut Vec<u64>) -> bool {
        match &mut self.maker {
            Maker::Sketch { shingles, sketch } => {
                shingles.read(text, segmentation);
                dispatch::run(Signing {
                    shingles,
                    sketch,
                    ids: None,
                }) && self.push_keys(out)
            }
            Maker::Datatrove(signer) => signer.sign(text) && self.push_keys(out),
        }
    }

    /// The same of a document that is given as token ids, for [`ShingleUnit::Token`].
    pub fn band_keys_of_ids(&mut self, ids: &[u32], out: &mut Vec<u64>) -> bool {
        match &mut self.maker {
            Maker::Sketch { shingles, sketch } => {
                dispatch::run(Signing {
                    shingles,
                    sketch,
                    ids: Some(ids),
                }) && self.push_keys(out)
            }
            Maker::Datatrove(_) => false,
        }
    }

    /// The minima of the last document that had any, band by band.
    ///
    /// Ours have 32 bits each, datatrove's what its precision says.
    pub fn signature(&self) -> Vec<u64> {
        let num_minima = self.bands * self.rows;
        match &self.maker {
            Maker::Sketch { sketch, .. } => sketch.bins().iter().map(|&bin| bin & LOW).collect(),
            Maker::Datatrove(signer) => signer.minima().iter().take(num_minima).copied().collect(),
        }
    }

    fn push_keys(&self, out: &mut Vec<u64>) -> bool {
        match &self.maker {
            Maker::Sketch { sketch, .. } => {
                let bands = sketch.bins().chunks_exact(self.rows).zip(1_u64..);
                out.extend(bands.map(key_of_bins));
            }
            Maker::Datatrove(signer) => {
                let bands = signer
                    .minima()
                    .chunks_exact(self.rows)
                    .take(self.bands)
                    .zip(1_u64..);
                out.extend(bands.map(|(minima, band)| key_of(minima.iter().copied(), band)));
            }
        }
        true
    }
}

/// The hot loop: fills the sketch from ids, or from the units that were read; false if there is none.
///
/// The wide path differs in the instructions that the compiler may use.
struct Signing<'a> {
    shingles: &'a mut Shingles,
    sketch: &'a mut Sketch,
    ids: Option<&'a [u32]>,
}

impl Signing<'_> {
    #[inline(always)]
    fn sign(self) -> bool {
        if let Some(ids) = self.ids {
            self.shingles.read_ids(ids);
        }
        let shingles = self.shingles.polynomials();
        if shingles.columns().0.is_empty() {
            return false;
        }
        self.sketch.fill(shingles);
        true
    }
}

impl Kernel for Signing<'_> {
    type Output = bool;

    fn portable(self) -> bool {
        self.sign()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) -> bool {
        self.sign()
    }
}

/// The key of band number `band`, counted from 1, with its bins two by two, the first as the low half; of an odd number
/// the last one goes alone.
#[inline(always)]
fn key_of_bins((bins, band): (&[u64], u64)) -> u64 {
    let (pairs, last) = bins.as_chunks::<2>();
    let pairs = pairs.iter().map(|&[first, second]| first & LOW | second << 32);
    key_of(pairs.chain(last.iter().map(|&bin| bin & LOW)), band)
}

#[inline(always)]
fn key_of(numbers: impl Iterator<Item = u64>, band: u64) -> u64 {
    mix64(numbers.fold(mix64(band), |key, number| fold(key ^ number, BAND_KEY)))
}

/// The value of a bin, without its round.
const LOW: u64 = 0xffff_ffff;

const BAND_KEY: u64 = 0xa076_1d64_78bd_642f;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use proptest::prelude::*;

    fn keys_of(hasher: &mut MinHasher, text: &str) -> Vec<u64> {
        let (mut segmentation, mut keys) = (Segmentation::default(), Vec::new());
        SEGMENTER.segment(text, &mut segmentation);
        let has_words = hasher.band_keys(text, &segmentation, &mut keys);
        assert_eq!(has_words, !keys.is_empty());
        keys
    }

    proptest! {
        #[test]
        fn keys_are_those_of_the_formula(
            texts in prop::collection::vec(nasty_text(), 1..4),
            bands in 1..20_u32,
            rows in 1..14_u32,
            size in 1..7_u32,
            seed: u64,
        ) {
            let shingles = ShingleConfig::words(size);
            let config = MinHashConfig { bands, rows, seed, shingles, ..MinHashConfig::default() };
            let mut hasher = MinHasher::new(config).unwrap();
            for text in texts {
                let keys = keys_of(&mut hasher, &text.repeat(3));
                let Maker::Sketch { shingles, sketch } = &mut hasher.maker else {
                    unreachable!()
                };
                let polynomials = shingles.polynomials().clone();
                prop_assert_eq!(keys.is_empty(), polynomials.columns().0.is_empty());
                if keys.is_empty() {
                    continue;
                }
                let wide = sketch.bins().to_vec();
                Signing { shingles, sketch, ids: None }.portable();
                prop_assert_eq!(&wide, sketch.bins());
                let minima = sketch::by_definition(&polynomials, (bands * rows) as usize, seed);
                let expected = minima.chunks(rows as usize).zip(1_u64..).map(|(minima, band)| {
                    let pair = |two: &[u32]| two.iter().rev().fold(0, |pair, &value| pair << 32 | u64::from(value));
                    mix64(minima.chunks(2).map(pair).fold(mix64(band), |key, pair| fold(key ^ pair, BAND_KEY)))
                });
                prop_assert_eq!(keys, expected.collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn ids_are_units_like_any_other() {
        let shingles = ShingleConfig {
            unit: ShingleUnit::Token,
            size: 3,
        };
        let mut hasher = MinHasher::new(MinHashConfig {
            shingles,
            ..MinHashConfig::default()
        })
        .unwrap();
        let mut keys_of = |ids: &[u32]| {
            let mut keys = Vec::new();
            (hasher.band_keys_of_ids(ids, &mut keys), keys)
        };
        assert_eq!(keys_of(&[]), (false, Vec::new()));
        let (once, twice) = (keys_of(&[1, 2, 3, 1, 2]), keys_of(&[1, 2, 3, 1, 2, 3, 1, 2]));
        assert_eq!(once, twice, "the same set of shingles");
        assert_ne!(once, keys_of(&[1, 2, 3, 1, 4]));
        assert_ne!(
            keys_of(&[1]),
            keys_of(&[1, 1]),
            "a short document is its whole sequence"
        );
    }

    #[test]
    fn keys_never_change() {
        let mut hasher = MinHasher::new(MinHashConfig {
            bands: 2,
            rows: 3,
            seed: 7,
            shingles: ShingleConfig::words(2),
            ..MinHashConfig::default()
        })
        .unwrap();
        assert_eq!(keys_of(&mut hasher, "The quick brown fox, the lazy dog."), GOLDEN);
    }

    /// By `bench/parity/minhash/keys.py`, which knows the documentation only.
    const GOLDEN: [u64; 2] = [13656541832258470172, 12291809007021071308];

    #[test]
    fn case_and_punctuation_do_not_matter_and_words_do() {
        let mut hasher = MinHasher::new(MinHashConfig::default()).unwrap();
        let keys = keys_of(
            &mut hasher,
            "Über den Wolken muss die Freiheit wohl grenzenlos sein.",
        );
        assert_eq!(
            keys,
            keys_of(
                &mut hasher,
                "über den WOLKEN - muss die Freiheit, wohl grenzenlos, sein"
            )
        );
        assert_ne!(
            keys,
            keys_of(
                &mut hasher,
                "über den Wolken muss die Freiheit wohl grenzenlos bleiben"
            )
        );
        assert!(keys_of(&mut hasher, "...\n!").is_empty());
        assert_eq!(keys_of(&mut hasher, "one word").len(), 14);
    }

    #[test]
    fn a_family_says_what_it_cannot_sign() {
        let with = |unit, seed| MinHashConfig {
            seed,
            shingles: ShingleConfig { unit, size: 5 },
            family: Family::Datatrove,
            ..MinHashConfig::default()
        };
        let error = |config| MinHasher::new(config).err();
        assert!(matches!(
            error(with(ShingleUnit::Character, 1)),
            Some(MinHashError::Unit { .. })
        ));
        assert_eq!(
            error(with(ShingleUnit::Word, 1 << 32)),
            Some(MinHashError::Seed(1 << 32))
        );
        assert!(error(with(ShingleUnit::Word, 1)).is_none());
        let config = MinHashConfig {
            bands: 5000,
            ..MinHashConfig::default()
        };
        assert!(matches!(error(config), Some(MinHashError::Size { .. })));
    }

    #[test]
    fn datatroves_bands_are_keyed_by_its_minima() {
        let config = MinHashConfig {
            bands: 3,
            rows: 7,
            family: Family::Datatrove,
            ..MinHashConfig::default()
        };
        let mut hasher = MinHasher::new(config).unwrap();
        let text = "Signatures of the same text, whatever the case: the SAME minima and keys.";
        let keys = keys_of(&mut hasher, text);
        let signature = hasher.signature();
        assert_eq!((keys.len(), signature.len()), (3, 21));
        assert_eq!(keys, keys_of(&mut hasher, &text.to_uppercase()));
        assert_eq!(signature, hasher.signature());
        assert!(keys_of(&mut hasher, "only four words here").is_empty());
    }

    #[test]
    fn near_copies_are_found_in_scripts_without_spaces() {
        let texts = [
            "今天早上下了一场大雨，河水涨得很快，村里的人都到堤上去看。老人们说，三十年前也有过这样的雨，那时桥被冲走了，\
             孩子们半个月没有上学。现在的桥是石头做的，大家并不担心，只是把晒在院子里的粮食收进屋里。到了中午，太阳出来了，\
             山上的雾慢慢散开，远处的田地一片青绿。",
            "駅から図書館までは歩いて十分ほどかかります。途中に小さな公園があり、春になると桜がたくさん咲きます。日曜日の午後、\
             私はよくそこで本を読んだり、友だちと話したりします。図書館の二階には古い地図の部屋があって、町の昔のようすを\
             知ることができます。先週は学校の宿題のために、川の名前について調べました。",
            "เมื่อเช้านี้ฝนตกหนักมากจนน้ำในคลองสูงขึ้นอย่างรวดเร็ว ชาวบ้านช่วยกันยกของขึ้นที่สูงและเตรียมเรือไว้ใช้ \
             ครูใหญ่ประกาศหยุดเรียนหนึ่งวัน เด็กเล็กจึงอยู่บ้านกับยายและฟังเรื่องเล่าเก่า ๆ ของหมู่บ้าน ตอนบ่ายแดดออก \
             ตลาดริมน้ำก็กลับมาคึกคักอีกครั้ง แม่ค้าขายผลไม้และขนมหวานให้คนที่เดินผ่านไปมา",
        ];
        let mut hasher = MinHasher::new(MinHashConfig::default()).unwrap();
        for text in texts {
            // One character in the middle is another one.
            let middle = text.char_indices().nth(text.chars().count() / 2).unwrap().0;
            let next = text[middle..].chars().next().unwrap().len_utf8();
            let copy = format!("{}人{}", &text[..middle], &text[middle + next..]);
            let (keys, others) = (keys_of(&mut hasher, text), keys_of(&mut hasher, &copy));
            assert_ne!(keys, others);
            let num_shared = keys
                .iter()
                .zip(&others)
                .filter(|(key, other)| key == other)
                .count();
            assert!(num_shared > 0, "{text}");
        }
    }

    /// Shares of rows, of bands, and of pairs with a band in common, over pairs of random sets.
    fn measured_shares(
        config: MinHashConfig,
        num_shared: u64,
        num_together: u64,
        num_pairs: u64,
    ) -> [f64; 3] {
        let mut sketch = Sketch::new((config.bands * config.rows) as usize, config.seed);
        let (mut num_rows, mut num_bands, mut num_candidates) = (0, 0, 0);
        for pair in 0..num_pairs {
            let hash = |element: u64| mix64(mix64(pair + 1) ^ element);
            let num_own = (num_together - num_shared) / 2;
            let [left, right] = [0, num_own].map(|from| {
                let own = num_shared + from..num_shared + from + num_own;
                sketch.fill(&(0..num_shared).chain(own).map(hash).collect());
                sketch.bins().to_vec()
            });
            num_rows += left
                .iter()
                .zip(&right)
                .filter(|(left, right)| left == right)
                .count();
            let rows = config.rows as usize;
            let equal = left
                .chunks(rows)
                .zip(right.chunks(rows))
                .filter(|(left, right)| left == right)
                .count();
            num_bands += equal;
            num_candidates += usize::from(equal > 0);
        }
        let pairs = num_pairs as f64;
        let bands = pairs * f64::from(config.bands);
        [
            num_rows as f64 / (bands * f64::from(config.rows)),
            num_bands as f64 / bands,
            num_candidates as f64 / pairs,
        ]
    }

    #[test]
    fn shares_are_those_of_independent_permutations() {
        let config = MinHashConfig::default();
        // Sizes from a tweet to a book. With 14 bands of 8 rows and J = 0.8: 16.8 % of bands, 92.4 % of pairs.
        for (num_shared, num_together, num_pairs) in [
            (8, 10, 4000),
            (10, 20, 4000),
            (16, 20, 4000),
            (80, 100, 4000),
            (90, 100, 4000),
            (160, 200, 2000),
            (800, 1000, 2000),
            (8000, 10_000, 1000),
        ] {
            let similarity = num_shared as f64 / num_together as f64;
            let of_band = similarity.powi(8);
            let of_pair = 1.0 - (1.0 - of_band).powi(14);
            let [rows, bands, pairs] = measured_shares(config, num_shared, num_together, num_pairs);
            // Pairs of documents are independent; four deviations of what each share is a mean of.
            let near = |share: f64, expected: f64, num_tries: f64| {
                (share - expected).abs() < 4.0 * (expected * (1.0 - expected) / num_tries).sqrt()
            };
            let num_pairs = num_pairs as f64;
            assert!(
                near(rows, similarity, 112.0 * num_pairs),
                "{num_together}: {rows} of rows"
            );
            // In a round no shingle fills two bins, so in sets of a few hundred the rows of a band are a little less
            // likely to agree together, and bands agree more evenly over pairs: of the pairs more are found, not fewer.
            assert!(
                near(bands, of_band, num_pairs),
                "{num_together}: {bands} of bands for {of_band}"
            );
            let most = of_pair + 0.02 + 4.0 * (of_pair * (1.0 - of_pair) / num_pairs).sqrt();
            assert!(
                pairs > of_pair && pairs < most || near(pairs, of_pair, num_pairs),
                "{num_together}: {pairs} of pairs for {of_pair}"
            );
        }
    }
}
