//! Keys of vectors by random hyperplanes: vectors that share one are candidates for pointing the same way.
//!
//! # The family
//!
//! A vector has one bit for each of `bands * width` hyperplanes through the origin: on which side of it the vector lies
//! (Charikar 2002, Similarity estimation techniques from rounding algorithms). Two vectors at an angle `a` agree in a
//! bit with probability `1 - a / pi`. A band's key is its index and its `width` bits, mixed; so two vectors share at
//! least one key with probability `1 - (1 - (1 - a / pi)^width)^bands`.
//!
//! Number `k` of the normal of hyperplane `h` is the sum of 16 signed 16-bit numbers from the seed: an integer, so that
//! no machine rounds it otherwise, and so near to a normal distribution (excess kurtosis -0.075) that a test does not
//! tell the probabilities apart. A vector is normalised first, so its length decides nothing.

use crate::hash::mix64;
use crate::vectors::{PANEL, inner_products, interleave, normalise};
use serde::{Deserialize, Serialize};

/// Bits that a band may have at most: those of its key.
pub const MAX_WIDTH: u32 = 64;
/// Vectors that pass all hyperplanes together.
const BLOCK: usize = 64;

/// How candidates are found. Numbers of 0 are taken as 1, a wider band as [`MAX_WIDTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HyperplaneConfig {
    /// Numbers of a vector.
    pub dimension: u32,
    /// Keys a vector; more find more pairs.
    pub bands: u32,
    /// Bits a key; more demand more similarity.
    pub width: u32,
    /// Chooses the hyperplanes.
    pub seed: u64,
}

/// Returns the probability that two vectors at this cosine lie on the same side of a random hyperplane.
///
/// ```
/// use gristmill_core::hyperplanes::collision_probability;
/// assert_eq!((collision_probability(1.0), collision_probability(0.0)), (1.0, 0.5));
/// ```
pub fn collision_probability(cosine: f64) -> f64 {
    1.0 - cosine.clamp(-1.0, 1.0).acos() / std::f64::consts::PI
}

/// Returns the probability that two vectors at this cosine share at least one key.
///
/// ```
/// use gristmill_core::hyperplanes::recall;
/// assert!(recall(0.95, 58, 28) > 0.95 && recall(0.5, 58, 28) < 0.001);
/// ```
pub fn recall(cosine: f64, bands: u32, width: u32) -> f64 {
    let of_band = collision_probability(cosine).powf(f64::from(width));
    1.0 - (1.0 - of_band).powf(f64::from(bands))
}

/// Computes the band keys of vectors; keeps its buffers between them.
///
/// Memory: 4 bytes a number and hyperplane, `4 * dimension * bands * width`. Cost: two floating-point operations a
/// number and hyperplane for each vector.
///
/// ```
/// use gristmill_core::hyperplanes::{HyperplaneConfig, Hyperplanes};
/// let mut planes = Hyperplanes::new(HyperplaneConfig { dimension: 3, bands: 2, width: 8, seed: 1 });
/// let mut keys = Vec::new();
/// planes.band_keys(&[0.1, 0.2, 0.3, 1.0, 2.0, 3.0], &mut keys);
/// assert_eq!((keys.len(), &keys[..2]), (4, &keys[2..]));
/// ```
#[derive(Debug, Clone)]
pub struct Hyperplanes {
    dimension: usize,
    bands: usize,
    width: usize,
    /// Normals, [`PANEL`] side by side.
    panels: Vec<f32>,
    units: Vec<f32>,
    products: Vec<[f32; PANEL]>,
    /// For each vector of a block, the bits of all bands as they fill up.
    bits: Vec<u64>,
}

impl Hyperplanes {
    /// Makes the hyperplanes of the configuration's seed.
    pub fn new(config: HyperplaneConfig) -> Self {
        let dimension = config.dimension.max(1) as usize;
        let (bands, width) = (
            config.bands.max(1) as usize,
            config.width.clamp(1, MAX_WIDTH) as usize,
        );
        let planes = bands * width;
        let mut panels = vec![0.0; planes.div_ceil(PANEL) * PANEL * dimension];
        let mut normals = vec![0.0; PANEL * dimension];
        for (panel, first) in panels
            .chunks_exact_mut(PANEL * dimension)
            .zip((0_u64..).step_by(PANEL))
        {
            for (normal, plane) in normals.chunks_exact_mut(dimension).zip(first..) {
                fill_normal(config.seed, plane, normal);
            }
            interleave(&normals, dimension, panel);
        }
        Self {
            dimension,
            bands,
            width,
            panels,
            units: vec![0.0; BLOCK * dimension],
            products: vec![[0.0; PANEL]; BLOCK],
            bits: vec![0; BLOCK * bands],
        }
    }

    /// Keys that a vector has.
    pub fn num_bands(&self) -> usize {
        self.bands
    }

    /// Pushes the keys of `vectors`, which stand one after the other, to `out`: the keys of the first, then those of
    /// the second, and so on. No vector may be all zero.
    pub fn band_keys(&mut self, vectors: &[f32], out: &mut Vec<u64>) {
        for block in vectors.chunks(BLOCK * self.dimension) {
            self.sign(block);
            let count = block.len() / self.dimension;
            for bits in self.bits.chunks_exact(self.bands).take(count) {
                out.extend(
                    bits.iter()
                        .zip(1_u64..)
                        .map(|(&bits, band)| mix64(mix64(band) ^ bits)),
                );
            }
        }
    }

    /// Fills `bits` for at most [`BLOCK`] vectors.
    fn sign(&mut self, vectors: &[f32]) {
        let (dimension, bands, width) = (self.dimension, self.bands, self.width);
        let count = vectors.len() / dimension;
        let units = &mut self.units[..count * dimension];
        for (vector, unit) in vectors
            .chunks_exact(dimension)
            .zip(units.chunks_exact_mut(dimension))
        {
            normalise(vector, unit);
        }
        self.bits.fill(0);
        let products = &mut self.products[..count];
        for (panel, first) in self
            .panels
            .chunks_exact(PANEL * dimension)
            .zip((0..).step_by(PANEL))
        {
            inner_products(units, panel, dimension, products);
            for (products, bits) in products.iter().zip(self.bits.chunks_exact_mut(bands)) {
                for (product, plane) in products.iter().zip(first..bands * width) {
                    bits[plane / width] |= u64::from(*product >= 0.0) << (plane % width);
                }
            }
        }
    }
}

/// Writes the normal of a hyperplane.
fn fill_normal(seed: u64, plane: u64, normal: &mut [f32]) {
    let start = mix64(mix64(seed ^ 0x6879_7065_7270_6c61).wrapping_add(mix64(plane + 1)));
    for (number, at) in normal.iter_mut().zip(0_u64..) {
        let mut sum = 0_i32;
        for part in 0..4 {
            let bits = mix64(start.wrapping_add(mix64(4 * at + part + 1)));
            for shift in [0, 16, 32, 48] {
                sum += i32::from((bits >> shift) as u16 as i16);
            }
        }
        // Below 2^20: exact in 32 bits.
        *number = sum as f32;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn config(dimension: u32, bands: u32, width: u32, seed: u64) -> HyperplaneConfig {
        HyperplaneConfig {
            dimension,
            bands,
            width,
            seed,
        }
    }

    /// The keys, hyperplane by hyperplane, by the module's documentation.
    fn by_definition(config: HyperplaneConfig, vector: &[f32]) -> Vec<u64> {
        let mut unit = vec![0.0; vector.len()];
        normalise(vector, &mut unit);
        let mut normal = vec![0.0; vector.len()];
        (0..u64::from(config.bands))
            .map(|band| {
                let mut bits = 0_u64;
                for row in 0..u64::from(config.width) {
                    fill_normal(config.seed, band * u64::from(config.width) + row, &mut normal);
                    let mut product = 0.0_f32;
                    for (one, other) in unit.iter().zip(&normal) {
                        product += one * other;
                    }
                    bits |= u64::from(product >= 0.0) << row;
                }
                mix64(mix64(band + 1) ^ bits)
            })
            .collect()
    }

    proptest! {
        #[test]
        fn keys_are_those_of_the_formula(
            (dimension, vectors) in (1_usize..20).prop_flat_map(|dimension| (
                Just(dimension),
                prop::collection::vec(prop::collection::vec(-1.0_f32..1.0, dimension), 1..140),
            )),
            bands in 1_u32..6,
            width in 1_u32..=64,
            seed: u64,
        ) {
            let vectors: Vec<Vec<f32>> =
                vectors.into_iter().filter(|vector| vector.iter().any(|&value| value != 0.0)).collect();
            let config = config(dimension as u32, bands, width, seed);
            let mut keys = Vec::new();
            Hyperplanes::new(config).band_keys(&vectors.concat(), &mut keys);
            prop_assert_eq!(keys.len(), vectors.len() * bands as usize);
            for (vector, keys) in vectors.iter().zip(keys.chunks(bands as usize)) {
                prop_assert_eq!(keys, by_definition(config, vector));
            }
        }
    }

    #[test]
    fn keys_never_change() {
        let mut keys = Vec::new();
        let vectors = [0.25, -1.5, 3.0, 0.125, -2.0, 0.5];
        Hyperplanes::new(config(6, 3, 20, 7)).band_keys(&vectors, &mut keys);
        assert_eq!(keys, GOLDEN);
        let mut normal = [0.0; 3];
        fill_normal(7, 0, &mut normal);
        assert_eq!(normal, GOLDEN_NORMAL);
    }

    /// Computed once by another program, from the documentation of this module and of the hash.
    const GOLDEN: [u64; 3] = [8190510509953455326, 10582617989858376916, 422146407243658124];
    const GOLDEN_NORMAL: [f32; 3] = [-46937.0, -38089.0, -31106.0];

    #[test]
    fn more_bands_keep_the_keys_of_fewer() {
        let (mut few, mut more) = (Vec::new(), Vec::new());
        Hyperplanes::new(config(3, 2, 9, 1)).band_keys(&[1.0, -2.0, 0.5], &mut few);
        Hyperplanes::new(config(3, 5, 9, 1)).band_keys(&[1.0, -2.0, 0.5], &mut more);
        assert_eq!(few, more[..2]);
    }

    /// A vector of a seed, and one at the given cosine to it.
    fn pair(dimension: usize, cosine: f64, seed: u64) -> [Vec<f32>; 2] {
        let mut raw = [vec![0.0; dimension], vec![0.0; dimension]];
        for (vector, half) in raw.iter_mut().zip(0..) {
            fill_normal(0x70a1, 2 * seed + half, vector);
        }
        let [mut one, mut other] =
            raw.map(|vector| vector.iter().map(|&value| f64::from(value)).collect::<Vec<_>>());
        let dot = |left: &[f64], right: &[f64]| left.iter().zip(right).map(|(l, r)| l * r).sum::<f64>();
        let length = dot(&one, &one).sqrt();
        one.iter_mut().for_each(|value| *value /= length);
        let along = dot(&one, &other);
        other
            .iter_mut()
            .zip(&one)
            .for_each(|(value, one)| *value -= along * one);
        let length = dot(&other, &other).sqrt();
        let sine = (1.0 - cosine * cosine).sqrt();
        let second = one
            .iter()
            .zip(&other)
            .map(|(one, other)| (cosine * one + sine * other / length) as f32);
        [one.iter().map(|&value| value as f32).collect(), second.collect()]
    }

    #[test]
    fn shares_of_bits_and_of_pairs_are_those_of_the_formula() {
        let pairs = 600;
        for dimension in [2, 7, 96] {
            for cosine in [-0.4, 0.0, 0.5, 0.8, 0.95, 0.99] {
                // Bands of one bit show the bits themselves.
                let mut bits = Hyperplanes::new(config(dimension, 64, 1, 3));
                let mut bands = Hyperplanes::new(config(dimension, 12, 10, 3));
                let (mut agreeing, mut meeting) = (0, 0);
                for seed in 0..pairs {
                    let vectors = pair(dimension as usize, cosine, seed).concat();
                    for (planes, count) in [(&mut bits, &mut agreeing), (&mut bands, &mut meeting)] {
                        let mut keys = Vec::new();
                        planes.band_keys(&vectors, &mut keys);
                        let (one, other) = keys.split_at(planes.num_bands());
                        let same = one.iter().zip(other).filter(|(one, other)| one == other).count();
                        *count += if planes.width == 1 {
                            same
                        } else {
                            usize::from(same > 0)
                        };
                    }
                }
                let measured = agreeing as f64 / (64 * pairs) as f64;
                let expected = collision_probability(cosine);
                // Bits of one pair share only the seed of the planes, which all pairs share too: in two dimensions the
                // planes are a sample of 64, so the deviation is that of planes, not of pairs.
                let samples = if dimension == 2 {
                    64.0
                } else {
                    (64 * pairs) as f64 / 8.0
                };
                let deviation = (expected * (1.0 - expected) / samples).sqrt();
                assert!(
                    (measured - expected).abs() <= 4.0 * deviation,
                    "{dimension} dimensions, cosine {cosine}: {measured} of bits for {expected}"
                );
                if dimension == 96 {
                    let measured = meeting as f64 / pairs as f64;
                    let expected = recall(cosine, 12, 10);
                    let deviation = (expected * (1.0 - expected) / pairs as f64).sqrt().max(0.002);
                    assert!(
                        (measured - expected).abs() <= 4.0 * deviation,
                        "cosine {cosine}: {measured} of pairs for {expected}"
                    );
                }
            }
        }
    }
}
