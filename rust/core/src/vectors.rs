//! Embedding vectors: which can be compared, how alike two are, and many inner products at once.
//!
//! Every sum has one fixed order, written down here, so that the bits are the same on every machine: no fused
//! multiply-add, no reordering. Not here: hashing vectors ([`crate::hyperplanes`]) and storing them.

use crate::dispatch::{self, Kernel};

/// Vectors that stand side by side in a panel of [`interleave`].
pub const PANEL: usize = 16;
/// Vectors that are multiplied with a panel at once.
const ROWS: usize = 4;
/// Partial sums of [`inner_product`].
const LANES: usize = 8;

/// Why a vector cannot be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VectorFault {
    /// It has so many numbers, not as many as it must.
    WrongDimension(usize),
    /// The number at this position is NaN.
    NotANumber(usize),
    /// The number at this position is infinite, or too large for 32 bits.
    Infinite(usize),
    /// It has no direction.
    AllZero,
}

/// Says what is wrong with a vector, if anything is. Cost: one pass.
///
/// # Errors
/// The first fault, in the order of [`VectorFault`] and then of positions.
///
/// ```
/// use gristmill_core::vectors::{VectorFault, check};
/// assert_eq!(check(&[0.5, -1.0], 2), Ok(()));
/// assert_eq!(check(&[0.5], 2), Err(VectorFault::WrongDimension(1)));
/// assert_eq!(check(&[0.5, f32::NAN], 2), Err(VectorFault::NotANumber(1)));
/// assert_eq!(check(&[0.0, -0.0], 2), Err(VectorFault::AllZero));
/// ```
pub fn check(vector: &[f32], dimension: usize) -> Result<(), VectorFault> {
    if vector.len() != dimension {
        return Err(VectorFault::WrongDimension(vector.len()));
    }
    if let Some(at) = vector.iter().position(|value| value.is_nan()) {
        return Err(VectorFault::NotANumber(at));
    }
    if let Some(at) = vector.iter().position(|value| value.is_infinite()) {
        return Err(VectorFault::Infinite(at));
    }
    if vector.iter().all(|&value| value == 0.0) {
        return Err(VectorFault::AllZero);
    }
    Ok(())
}

/// Returns the inner product of two vectors in 64 bits; of the longer one only the beginning counts.
///
/// Order of summation: partial sum `l` of 8 takes the products at `l, l + 8, l + 16, ...`; then the partial sums are
/// added from the first to the last. Products of 32-bit numbers are exact in 64 bits.
///
/// ```
/// assert_eq!(gristmill_core::vectors::inner_product(&[1.0, 2.0], &[3.0, 4.0]), 11.0);
/// ```
pub fn inner_product(left: &[f32], right: &[f32]) -> f64 {
    dispatch::run(InnerProduct { left, right })
}

struct InnerProduct<'vectors> {
    left: &'vectors [f32],
    right: &'vectors [f32],
}

impl InnerProduct<'_> {
    #[inline(always)]
    fn sum(&self) -> f64 {
        let length = self.left.len().min(self.right.len());
        let (left, left_rest) = self.left[..length].as_chunks::<LANES>();
        let (right, right_rest) = self.right[..length].as_chunks::<LANES>();
        let mut sums = [0.0_f64; LANES];
        for (left, right) in left.iter().zip(right) {
            for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
                *sum += f64::from(*left) * f64::from(*right);
            }
        }
        for ((sum, left), right) in sums.iter_mut().zip(left_rest).zip(right_rest) {
            *sum += f64::from(*left) * f64::from(*right);
        }
        sums.iter().fold(0.0, |total, sum| total + sum)
    }
}

impl Kernel for InnerProduct<'_> {
    type Output = f64;

    fn portable(self) -> f64 {
        self.sum()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) -> f64 {
        self.sum()
    }
}

/// Returns the cosine of the angle between two vectors, in [-1, 1], given their squared lengths.
///
/// The squared length of a vector is its [`inner_product`] with itself. Equal vectors give exactly 1: the square root
/// of a square is exact. Neither may be all zero.
///
/// ```
/// use gristmill_core::vectors::{cosine, inner_product};
/// let (left, right) = ([0.3, 0.1, 7.0], [0.6, 0.2, 14.0]);
/// let squares = |vector: &[f32]| inner_product(vector, vector);
/// assert_eq!(cosine((&left, squares(&left)), (&right, squares(&right))), 1.0);
/// ```
pub fn cosine(left: (&[f32], f64), right: (&[f32], f64)) -> f64 {
    (inner_product(left.0, right.0) / (left.1 * right.1).sqrt()).clamp(-1.0, 1.0)
}

/// Writes the vector of length 1 in the direction of `vector` to `out`, which has its length.
///
/// ```
/// let mut unit = [0.0; 2];
/// gristmill_core::vectors::normalise(&[3.0, -4.0], &mut unit);
/// assert_eq!(unit, [0.6, -0.8]);
/// ```
pub fn normalise(vector: &[f32], out: &mut [f32]) {
    let length = inner_product(vector, vector).sqrt();
    for (unit, &value) in out.iter_mut().zip(vector) {
        *unit = (f64::from(value) / length) as f32;
    }
}

/// Lays at most [`PANEL`] vectors side by side: number `k` of vector `j` comes to `PANEL * k + j` of `panel`.
///
/// `vectors` holds them one after the other. Places of vectors that are not there are 0.
///
/// ```
/// use gristmill_core::vectors::{PANEL, interleave};
/// let mut panel = vec![0.0; 2 * PANEL];
/// interleave(&[1.0, 2.0, 3.0, 4.0], 2, &mut panel);
/// assert_eq!((panel[..2].to_vec(), panel[PANEL]), (vec![1.0, 3.0], 2.0));
/// ```
pub fn interleave(vectors: &[f32], dimension: usize, panel: &mut [f32]) {
    panel.fill(0.0);
    for (column, vector) in vectors.chunks_exact(dimension.max(1)).take(PANEL).enumerate() {
        for (places, &value) in panel.chunks_exact_mut(PANEL).zip(vector) {
            places[column] = value;
        }
    }
}

/// Multiplies each vector of `rows` with each of a panel, in 32 bits: product of row `i` and vector `j` comes to
/// `products[i][j]`.
///
/// `rows` holds `products.len()` vectors one after the other, `panel` is of [`interleave`]. Order of summation: from
/// the first number to the last. For vectors of length 1 a product differs from the exact one by at most
/// [`product_error`]. Cost: two floating-point operations a number and pair, 8 pairs at a time where there is AVX2.
pub fn inner_products(rows: &[f32], panel: &[f32], dimension: usize, products: &mut [[f32; PANEL]]) {
    dispatch::run(Tile {
        rows,
        panel,
        dimension: dimension.max(1),
        products,
    });
}

/// Returns how far a product of [`inner_products`] of two normalised vectors can be from their exact cosine.
///
/// Twice the usual bound `n * 2^-24` of a sum of `n` products (Higham 2002, section 3.1), with room for the rounding of
/// the normalised numbers themselves.
pub fn product_error(dimension: usize) -> f64 {
    (dimension as f64 + 16.0) * f64::from(f32::EPSILON)
}

struct Tile<'tile> {
    rows: &'tile [f32],
    panel: &'tile [f32],
    dimension: usize,
    products: &'tile mut [[f32; PANEL]],
}

impl Tile<'_> {
    #[inline(always)]
    fn multiply(self) {
        let block = ROWS * self.dimension;
        let mut rows = self.rows.chunks_exact(block);
        let (blocks, rest) = self.products.as_chunks_mut::<ROWS>();
        for (rows, products) in rows.by_ref().zip(blocks) {
            multiply_rows(rows, self.panel, self.dimension, products);
        }
        for (row, products) in rows.remainder().chunks_exact(self.dimension).zip(rest) {
            multiply_rows(row, self.panel, self.dimension, std::array::from_mut(products));
        }
    }
}

/// The hot loop: the sums stay in registers while the panel passes by.
#[inline(always)]
fn multiply_rows<const COUNT: usize>(
    rows: &[f32],
    panel: &[f32],
    dimension: usize,
    products: &mut [[f32; PANEL]; COUNT],
) {
    let mut row = rows.chunks_exact(dimension);
    let each: [&[f32]; COUNT] = std::array::from_fn(|_| row.next().unwrap_or_default());
    let mut sums = [[0.0_f32; PANEL]; COUNT];
    let (columns, _) = panel.as_chunks::<PANEL>();
    for (at, column) in columns.iter().enumerate().take(dimension) {
        for (sums, row) in sums.iter_mut().zip(&each) {
            let value = row.get(at).copied().unwrap_or_default();
            for (sum, other) in sums.iter_mut().zip(column) {
                *sum += value * other;
            }
        }
    }
    *products = sums;
}

impl Kernel for Tile<'_> {
    type Output = ();

    fn portable(self) {
        self.multiply();
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) {
        self.multiply();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(count: usize) -> impl Strategy<Value = Vec<f32>> {
        prop::collection::vec(
            prop_oneof![-1.0_f32..1.0, Just(0.0), Just(-0.0), -1e30_f32..1e30],
            count,
        )
    }

    /// The order of summation, place by place.
    fn by_definition(left: &[f32], right: &[f32]) -> f64 {
        let mut total = 0.0;
        for lane in 0..8 {
            let mut sum = 0.0;
            for at in (lane..left.len()).step_by(8) {
                sum += f64::from(left[at]) * f64::from(right[at]);
            }
            total += sum;
        }
        total
    }

    proptest! {
        #[test]
        fn products_are_summed_in_the_stated_order(
            (dimension, rows, columns) in (1_usize..40, 0_usize..12, 0_usize..17)
                .prop_flat_map(|(dimension, rows, columns)| (
                    Just(dimension),
                    numbers(dimension * rows),
                    numbers(dimension * columns),
                )),
        ) {
            let mut panel = vec![f32::NAN; dimension * PANEL];
            interleave(&columns, dimension, &mut panel);
            let mut products = vec![[f32::NAN; PANEL]; rows.len() / dimension];
            inner_products(&rows, &panel, dimension, &mut products);
            let mut portable = products.clone();
            let tile = Tile { rows: &rows, panel: &panel, dimension, products: &mut portable };
            tile.portable();
            for (row, (wide, portable)) in rows.chunks(dimension).zip(products.iter().zip(&portable)) {
                for (j, column) in columns.chunks(dimension).take(PANEL).enumerate() {
                    let mut sum = 0.0_f32;
                    for at in 0..dimension {
                        sum += row[at] * column[at];
                    }
                    prop_assert_eq!(wide[j].to_bits(), sum.to_bits());
                    prop_assert_eq!(portable[j].to_bits(), sum.to_bits());
                }
            }
        }

        #[test]
        fn inner_products_have_one_order_on_every_path(
            (left, right) in (0_usize..50).prop_flat_map(|count| (numbers(count), numbers(count))),
        ) {
            let expected = by_definition(&left, &right).to_bits();
            prop_assert_eq!(inner_product(&left, &right).to_bits(), expected);
            prop_assert_eq!(InnerProduct { left: &left, right: &right }.portable().to_bits(), expected);
        }

        #[test]
        fn a_vector_is_as_its_multiple_and_products_keep_their_error(
            vector in prop::collection::vec(-1.0_f32..1.0, 1..300),
            other in prop::collection::vec(-1.0_f32..1.0, 300),
        ) {
            prop_assume!(vector.iter().any(|&value| value != 0.0));
            let other = &other[..vector.len()];
            prop_assume!(other.iter().any(|&value| value != 0.0));
            let double: Vec<f32> = vector.iter().map(|value| 2.0 * value).collect();
            let squares = |vector: &[f32]| inner_product(vector, vector);
            prop_assert_eq!(cosine((&vector, squares(&vector)), (&double, squares(&double))), 1.0);
            let exact = cosine((&vector, squares(&vector)), (other, squares(other)));
            let mut units = vec![0.0; 2 * vector.len()];
            let (left, right) = units.split_at_mut(vector.len());
            normalise(&vector, left);
            normalise(other, right);
            let mut panel = vec![0.0; PANEL * vector.len()];
            interleave(right, vector.len(), &mut panel);
            let mut products = [[0.0; PANEL]];
            inner_products(left, &panel, vector.len(), &mut products);
            prop_assert!((f64::from(products[0][0]) - exact).abs() <= product_error(vector.len()));
        }
    }

    #[test]
    fn what_cannot_be_compared_is_told() {
        assert_eq!(check(&[], 0), Err(VectorFault::AllZero));
        assert_eq!(check(&[1.0, f32::INFINITY], 2), Err(VectorFault::Infinite(1)));
        assert_eq!(
            check(&[f32::NEG_INFINITY, f32::NAN], 2),
            Err(VectorFault::NotANumber(1))
        );
        assert_eq!(check(&[1e-45, 0.0], 2), Ok(()));
    }

    #[test]
    fn the_largest_and_the_smallest_numbers_have_a_direction() {
        for value in [f32::MAX, f32::MIN_POSITIVE, 1e-45] {
            let vector = vec![value; 4096];
            let square = inner_product(&vector, &vector);
            assert_eq!(cosine((&vector, square), (&vector, square)), 1.0);
            let mut unit = vec![0.0; 4096];
            normalise(&vector, &mut unit);
            assert_eq!(unit[0], 1.0 / 64.0);
        }
    }
}
