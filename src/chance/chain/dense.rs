//! Elimination of the first states of a dense front, without a single subtraction.
//!
//! ```text
//!          p      b    1
//!   p  |  Q_PP  Q_PB  r_P |     q_ij: rate from i to j;  r_i: rate of leaving to where nothing is kept
//!   b  |  Q_BP  Q_BB  r_B |
//! ```
//!
//! Eliminating state k sends every path through k straight on (Grassmann, Taksar and Heyman 1985):
//!
//! ```text
//! d_k = Σ_{j>k} q_kj + r_k,    q_ij += q_ik · q_kj / d_k,    r_i += q_ik · r_k / d_k
//! ```
//!
//! The pivot d_k is the sum of what is left of its row, never a difference, so that each entry is right to a few
//! roundings however small it is (O'Cinneide 1993; Alfa, Xue and Ye 2002 for matrices that keep their row excess r).
//! The column r is one more column of the front. Diagonal entries hold rates from a state to itself through eliminated
//! ones; they play no part, and only what is to the right of the diagonal counts towards d.
//!
//! Pivots go in blocks; the updates with whole blocks are products of dense matrices, computed in tiles that stay in
//! registers. Every entry adds the same products in the same order whatever the instruction set and number of threads.

use crate::process::batch::Kernel;
use rayon::prelude::*;

/// Pivots per block.
const BLOCK: usize = 64;
/// Rows of a register tile.
const ROWS: usize = 6;
/// Columns of a register tile.
const COLUMNS: usize = 8;
/// Rows per pass over the right factor; also the rows of a task.
const STRIP: usize = 16 * ROWS;
/// Multiplications from which a product is shared among threads.
const SHARED: usize = 1 << 23;

/// A dense front: the first `p` states are to be eliminated, `b` stay.
#[derive(Debug, Clone, Default)]
pub(super) struct Front {
    pub(super) p: usize,
    pub(super) b: usize,
    /// Rows of the states to eliminate: `p` × `p + b + 1`. Afterwards q_kj/d_k right of the diagonal.
    pub(super) upper: Vec<f64>,
    /// Rates from the states that stay to those eliminated: `b` × `p`.
    pub(super) lower: Vec<f64>,
    /// The pivots d_k.
    pub(super) pivots: Vec<f64>,
}

impl Front {
    /// A front of zeros.
    pub(super) fn new(p: usize, b: usize) -> Self {
        let (upper, lower) = (vec![0.0; p * (p + b + 1)], vec![0.0; b * p]);
        Self { p, b, upper, lower, pivots: vec![0.0; p] }
    }

    /// Length of the upper rows.
    pub(super) fn width(&self) -> usize {
        self.p + self.b + 1
    }

    /// Eliminates the first `p` states; `rest` is the `b` × `b + 1` part that stays. Says whether all pivots are positive
    /// and finite; with `ground` the very last one may be zero, and counts as one.
    pub(super) fn eliminate(&mut self, rest: &mut [f64], kernel: Kernel, ground: bool) -> bool {
        let (p, b, width) = (self.p, self.b, self.width());
        let mut fine = true;
        let mut from = 0;
        while from < p {
            let to = (from + BLOCK).min(p);
            fine &= block(self, from..to, kernel, ground);
            let right = pack_columns(&self.upper, width, from..to, to..width);
            if to < p {
                let left = pack_rows(&self.upper, width, to..p, from..to);
                let rows = &mut self.upper[to * width..];
                product(kernel, Target { rows, width, first: to, count: width - to }, &left, &right, to - from);
            }
            if b > 0 {
                let left = pack_rows(&self.lower, p, 0..b, from..to);
                if to < p {
                    let target = Target { rows: &mut self.lower, width: p, first: to, count: p - to };
                    product(kernel, target, &left, &right, to - from);
                }
                // The columns of the border lie behind those of the states still to be eliminated.
                let border = if to == p { right } else { pack_columns(&self.upper, width, from..to, p..width) };
                let target = Target { rows: rest, width: b + 1, first: 0, count: b + 1 };
                product(kernel, target, &left, &border, to - from);
            }
            from = to;
        }
        fine
    }
}

/// Eliminates the pivots of one block within their own rows and columns.
fn block(front: &mut Front, pivots: std::ops::Range<usize>, kernel: Kernel, ground: bool) -> bool {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "the call of a function compiled for an instruction set found at run time")]
        // SAFETY: `Factors` takes this kernel from `Kernel::best`, which has found the instruction set.
        Kernel::Avx2 | Kernel::Avx512 => unsafe { block_avx2(front, pivots, ground) },
        _ => block_on(front, pivots, ground),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn block_avx2(front: &mut Front, pivots: std::ops::Range<usize>, ground: bool) -> bool {
    block_on(front, pivots, ground)
}

#[inline(always)]
fn block_on(front: &mut Front, pivots: std::ops::Range<usize>, ground: bool) -> bool {
    let (p, width) = (front.p, front.width());
    let mut fine = true;
    for k in pivots.clone() {
        let (above, rest) = front.upper.split_at_mut(k * width);
        let row = &mut rest[..width];
        for l in pivots.start..k {
            let through = row[l];
            if through != 0.0 {
                add_scaled(&mut row[l + 1..], through, &above[l * width + l + 1..(l + 1) * width]);
            }
        }
        let mut pivot = sum(&row[k + 1..]);
        if pivot == 0.0 && ground && k + 1 == p && front.b == 0 {
            pivot = 1.0;
        }
        fine &= pivot >= f64::MIN_POSITIVE && pivot.is_finite();
        front.pivots[k] = pivot;
        row[k + 1..].iter_mut().for_each(|q| *q /= pivot);
    }
    // Columns of the block below it: the later rows of the front, then those that stay.
    let lower = front.lower.chunks_exact_mut(p);
    for row in lower {
        column(&mut row[pivots.clone()], &front.upper, width, pivots.start);
    }
    let (own, later) = front.upper.split_at_mut(pivots.end * width);
    for row in later.chunks_exact_mut(width) {
        column(&mut row[pivots.clone()], own, width, pivots.start);
    }
    fine
}

/// Rates into the pivots of a block, each with what comes through the pivots before it.
#[inline(always)]
fn column(row: &mut [f64], upper: &[f64], width: usize, from: usize) {
    for l in 0..row.len() {
        let (done, left) = row.split_at_mut(l + 1);
        let first = (from + l) * width + from + l + 1;
        let through = done[l];
        if through != 0.0 {
            let count = left.len();
            add_scaled(left, through, &upper[first..first + count]);
        }
    }
}

#[inline(always)]
fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    for (x, y) in to.iter_mut().zip(from) {
        *x += factor * y;
    }
}

/// A sum in eight interleaved parts.
#[inline(always)]
fn sum(values: &[f64]) -> f64 {
    let mut parts = [0.0; 8];
    let mut chunks = values.chunks_exact(8);
    for chunk in &mut chunks {
        parts.iter_mut().zip(chunk).for_each(|(part, value)| *part += value);
    }
    parts.iter_mut().zip(chunks.remainder()).for_each(|(part, value)| *part += value);
    ((parts[0] + parts[4]) + (parts[1] + parts[5])) + ((parts[2] + parts[6]) + (parts[3] + parts[7]))
}

/// Rows as tiles: for every `ROWS` rows, the entries of each column side by side.
fn pack_rows(
    from: &[f64],
    width: usize,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> Vec<[f64; ROWS]> {
    let mut tiles = vec![[0.0; ROWS]; rows.len().div_ceil(ROWS) * columns.len()];
    for (i, row) in rows.enumerate() {
        let tile = &mut tiles[i / ROWS * columns.len()..][..columns.len()];
        let source = &from[row * width..][columns.clone()];
        tile.iter_mut().zip(source).for_each(|(t, &value)| t[i % ROWS] = value);
    }
    tiles
}

/// Columns as panels: for every `COLUMNS` columns, the entries of each row side by side.
fn pack_columns(
    from: &[f64],
    width: usize,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
) -> Vec<[f64; COLUMNS]> {
    let depth = rows.len();
    let mut panels = vec![[0.0; COLUMNS]; columns.len().div_ceil(COLUMNS) * depth];
    for (k, row) in rows.enumerate() {
        let source = &from[row * width..][columns.clone()];
        for (j, chunk) in source.chunks(COLUMNS).enumerate() {
            panels[j * depth + k][..chunk.len()].copy_from_slice(chunk);
        }
    }
    panels
}

/// Where a product is added: some columns of all rows.
struct Target<'a> {
    rows: &'a mut [f64],
    width: usize,
    first: usize,
    count: usize,
}

/// Adds the product of packed rows and packed columns.
fn product(kernel: Kernel, to: Target<'_>, left: &[[f64; ROWS]], right: &[[f64; COLUMNS]], depth: usize) {
    let Target { rows, width, first, count } = to;
    let strip = |(rows, left): (&mut [f64], &[[f64; ROWS]])| {
        add_strip(kernel, &mut Target { rows, width, first, count }, left, right, depth);
    };
    let tiles = STRIP / ROWS * depth;
    if rows.len() * depth > SHARED {
        rows.par_chunks_mut(STRIP * width).zip(left.par_chunks(tiles)).for_each(strip);
    } else {
        rows.chunks_mut(STRIP * width).zip(left.chunks(tiles)).for_each(strip);
    }
}

fn add_strip(kernel: Kernel, to: &mut Target<'_>, left: &[[f64; ROWS]], right: &[[f64; COLUMNS]], depth: usize) {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "the call of a function compiled for an instruction set found at run time")]
        // SAFETY: `Factors` takes this kernel from `Kernel::best`, which has found the instruction set.
        Kernel::Avx2 => unsafe { add_strip_avx2(to, left, right, depth) },
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "the call of a function compiled for an instruction set found at run time")]
        // SAFETY: as above.
        Kernel::Avx512 => unsafe { add_strip_avx512(to, left, right, depth) },
        _ => add_strip_on(to, left, right, depth),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn add_strip_avx2(to: &mut Target<'_>, left: &[[f64; ROWS]], right: &[[f64; COLUMNS]], depth: usize) {
    add_strip_on(to, left, right, depth);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn add_strip_avx512(to: &mut Target<'_>, left: &[[f64; ROWS]], right: &[[f64; COLUMNS]], depth: usize) {
    add_strip_on(to, left, right, depth);
}

#[inline(always)]
fn add_strip_on(to: &mut Target<'_>, left: &[[f64; ROWS]], right: &[[f64; COLUMNS]], depth: usize) {
    let panels = to.count.div_ceil(COLUMNS);
    for (j, panel) in right.chunks_exact(depth).take(panels).enumerate() {
        let first = COLUMNS * j;
        let count = (to.count - first).min(COLUMNS);
        for (tile, rows) in left.chunks_exact(depth).zip(to.rows.chunks_mut(ROWS * to.width)) {
            let mut sums = [[0.0; COLUMNS]; ROWS];
            for (a, b) in tile.iter().zip(panel) {
                for r in 0..ROWS {
                    for c in 0..COLUMNS {
                        sums[r][c] += a[r] * b[c];
                    }
                }
            }
            for (row, sum) in rows.chunks_exact_mut(to.width).zip(&sums) {
                let place = &mut row[to.first + first..][..count];
                place.iter_mut().zip(sum).for_each(|(x, y)| *x += y);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A front of random rates over many decades, and what elimination one state at a time makes of it.
    fn naive(p: usize, b: usize, seed: u64) -> (Front, Vec<f64>, Vec<Vec<f64>>, Vec<f64>) {
        let n = p + b;
        let mut state = seed;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut q: Vec<Vec<f64>> = (0..n).map(|_| (0..=n).map(|_| 10.0_f64.powf(-8.0 * uniform())).collect()).collect();
        let mut front = Front::new(p, b);
        let mut rest = vec![0.0; b * (b + 1)];
        for i in 0..n {
            for j in 0..=n {
                match (i < p, j < p) {
                    (true, _) => front.upper[i * (n + 1) + j] = q[i][j],
                    (false, true) => front.lower[(i - p) * p + j] = q[i][j],
                    (false, false) => rest[(i - p) * (b + 1) + j - p] = q[i][j],
                }
            }
        }
        let mut pivots = Vec::new();
        for k in 0..p {
            let d: f64 = q[k][k + 1..].iter().sum();
            pivots.push(d);
            for i in k + 1..n {
                for j in k + 1..=n {
                    q[i][j] += q[i][k] * q[k][j] / d;
                }
            }
        }
        (front, rest, q, pivots)
    }

    #[test]
    fn blocks_and_tiles_do_what_one_state_at_a_time_does() {
        for (p, b) in [(1, 0), (1, 1), (5, 3), (64, 9), (70, 40), (150, 101), (3, 200)] {
            let (mut front, mut rest, q, pivots) = naive(p, b, 7);
            assert!(front.eliminate(&mut rest, Kernel::best(), false));
            let close = |x: f64, y: f64| (x / y - 1.0).abs() < 1e-13;
            assert!(front.pivots.iter().zip(&pivots).all(|(x, y)| close(*x, *y)), "{p} {b}");
            for i in 0..b {
                let columns = (0..=b).filter(|&j| j != i);
                columns.for_each(|j| assert!(close(rest[i * (b + 1) + j], q[p + i][p + j]), "{p} {b} {i} {j}"));
            }
        }
    }

    #[test]
    fn all_kernels_give_the_same_bits() {
        let results: Vec<_> = Kernel::ALL
            .into_iter()
            .filter(|k| k.is_available())
            .map(|kernel| {
                let (mut front, mut rest, ..) = naive(130, 77, 3);
                front.eliminate(&mut rest, kernel, false);
                (front.upper, front.lower, rest)
            })
            .collect();
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
