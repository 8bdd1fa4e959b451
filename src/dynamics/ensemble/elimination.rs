//! Gaussian elimination of many matrices with one pattern of zeros, side by side in lanes.
//!
//! The order of the pivots is chosen once, from the pattern alone: the diagonal entry whose row and column have the fewest
//! others comes first (Markowitz 1957), which keeps most zeros of a sparse Jacobian. Pivots are not exchanged for their
//! size: `I/(γh) - J` is dominated by its diagonal once `h` is small enough. Where cancellation leaves little of a pivot,
//! that lane, and no other, is factored again with partial pivoting.

use crate::dynamics::linear::Lu;
use crate::process::lanes::Lanes;

/// A pivot below this share of the terms it is the difference of is not used.
const CANCELLED: f64 = 1e-7;

/// What to eliminate, in order, for a pattern of zeros.
#[derive(Debug, Clone)]
pub(super) struct Elimination {
    dim: usize,
    /// Pivot, rows below it, columns right of it.
    steps: Vec<(usize, Vec<usize>, Vec<usize>)>,
}

impl Elimination {
    /// A plan for matrices that vanish wherever `filled` (by rows) is false; the diagonal never counts as zero.
    pub(super) fn new(dim: usize, mut filled: Vec<bool>) -> Self {
        let mut left: Vec<usize> = (0..dim).collect();
        let mut steps = Vec::with_capacity(dim);
        while !left.is_empty() {
            let others = |k: usize, filled: &[bool]| {
                let rows: Vec<usize> = left.iter().copied().filter(|&i| i != k && filled[i * dim + k]).collect();
                let columns: Vec<usize> = left.iter().copied().filter(|&j| j != k && filled[k * dim + j]).collect();
                (rows, columns)
            };
            let cost = |k: usize| {
                let (rows, columns) = others(k, &filled);
                rows.len() * columns.len()
            };
            let Some(pivot) = left.iter().copied().min_by_key(|&k| cost(k)) else { break };
            let (rows, columns) = others(pivot, &filled);
            for &i in &rows {
                columns.iter().for_each(|&j| filled[i * dim + j] = true);
            }
            left.retain(|&k| k != pivot);
            steps.push((pivot, rows, columns));
        }
        Self { dim, steps }
    }

    /// Factors the matrices in place (`a` by rows; diagonals become reciprocals of the pivots). Sets `lost` where a pivot
    /// was lost to cancellation.
    #[inline(always)]
    pub(super) fn factor<const W: usize>(&self, a: &mut [Lanes<W>], lost: &mut Lanes<W>) {
        let n = self.dim;
        for (k, rows, columns) in &self.steps {
            let k = *k;
            let mut inverse = Lanes([0.0; W]);
            for l in 0..W {
                inverse.0[l] = 1.0 / a[k * n + k].0[l];
            }
            a[k * n + k] = inverse;
            for &i in rows {
                let mut factor = a[i * n + k];
                for l in 0..W {
                    factor.0[l] *= inverse.0[l];
                }
                a[i * n + k] = factor;
                for &j in columns {
                    let right = a[k * n + j];
                    let entry = &mut a[i * n + j];
                    if i == j {
                        for l in 0..W {
                            let term = factor.0[l] * right.0[l];
                            let rest = entry.0[l] - term;
                            let bound = CANCELLED * (f64::abs(entry.0[l]) + f64::abs(term));
                            // Not "smaller than", so that NaN counts.
                            lost.0[l] = if f64::abs(rest) >= bound { lost.0[l] } else { 1.0 };
                            entry.0[l] = rest;
                        }
                    } else {
                        for l in 0..W {
                            entry.0[l] -= factor.0[l] * right.0[l];
                        }
                    }
                }
            }
        }
    }

    /// Solves for one right-hand side each, in place.
    #[inline(always)]
    pub(super) fn solve<const W: usize>(&self, a: &[Lanes<W>], b: &mut [Lanes<W>]) {
        let n = self.dim;
        for (k, rows, _) in &self.steps {
            let value = b[*k];
            for &i in rows {
                let (factor, entry) = (&a[i * n + k], &mut b[i]);
                for l in 0..W {
                    entry.0[l] -= factor.0[l] * value.0[l];
                }
            }
        }
        for (k, _, columns) in self.steps.iter().rev() {
            let mut value = b[*k];
            for &j in columns {
                let (factor, other) = (&a[k * n + j], &b[j]);
                for l in 0..W {
                    value.0[l] -= factor.0[l] * other.0[l];
                }
            }
            let inverse = &a[k * n + k];
            for l in 0..W {
                value.0[l] *= inverse.0[l];
            }
            b[*k] = value;
        }
    }
}

/// The factors, with pivoting, of those lanes that need it.
#[derive(Debug, Default)]
pub(super) struct Pivoted {
    lanes: Vec<(usize, Lu)>,
    spare: Vec<Lu>,
    row: Vec<f64>,
}

impl Pivoted {
    /// Forgets all lanes.
    pub(super) fn clear(&mut self) {
        while let Some((_, lu)) = self.lanes.pop() {
            self.spare.push(lu);
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Factors the matrix of one lane, given by rows; false if it is singular.
    pub(super) fn factor(&mut self, lane: usize, dim: usize, entry: impl Fn(usize) -> f64) -> bool {
        let mut lu = self.spare.pop().unwrap_or_else(|| Lu::new(dim));
        lu.matrix_mut().iter_mut().enumerate().for_each(|(i, a)| *a = entry(i));
        let regular = lu.factor();
        if regular {
            self.lanes.push((lane, lu));
        } else {
            self.spare.push(lu);
        }
        regular
    }

    /// Replaces the solutions of those lanes, `b` being the right-hand sides.
    pub(super) fn solve<const W: usize>(&mut self, b: &[Lanes<W>], solutions: &mut [Lanes<W>]) {
        for (lane, lu) in &mut self.lanes {
            self.row.clear();
            self.row.extend(b.iter().map(|v| v.0[*lane]));
            lu.solve(&mut self.row);
            solutions.iter_mut().zip(&self.row).for_each(|(s, v)| s.0[*lane] = *v);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A matrix with zeros off its pattern, different in every lane, and its dense solution by partial pivoting.
    #[test]
    fn sparse_elimination_solves_what_dense_elimination_solves() {
        let dim = 6;
        let pattern: Vec<bool> = (0..36).map(|e| e / 6 == e % 6 || e % 5 == 1 || e % 7 == 2).collect();
        let entry = |e: usize, l: usize| {
            let random = ((e * 8 + l + 1) as f64 * 0.618_033_988_749_894_9).fract() - 0.5;
            if e / dim == e % dim {
                3.0 + random
            } else if pattern[e] {
                random
            } else {
                0.0
            }
        };
        let plan = Elimination::new(dim, pattern.clone());
        let mut a: Vec<Lanes<8>> = (0..36).map(|e| Lanes(std::array::from_fn(|l| entry(e, l)))).collect();
        let mut b: Vec<Lanes<8>> = (0..dim).map(|i| Lanes(std::array::from_fn(|l| (i + l) as f64))).collect();
        let mut lost = Lanes([0.0; 8]);
        plan.factor(&mut a, &mut lost);
        plan.solve(&a, &mut b);
        assert_eq!(lost.0, [0.0; 8]);
        for l in 0..8 {
            let mut lu = Lu::new(dim);
            lu.matrix_mut().iter_mut().enumerate().for_each(|(e, v)| *v = entry(e, l));
            assert!(lu.factor());
            let mut x: Vec<f64> = (0..dim).map(|i| (i + l) as f64).collect();
            lu.solve(&mut x);
            (0..dim).for_each(|i| assert!((x[i] - b[i].0[l]).abs() < 1e-13, "{i} {l}"));
        }
    }

    #[test]
    fn a_lost_pivot_is_noticed_in_its_lane_alone() {
        let plan = Elimination::new(2, vec![true; 4]);
        let lane = |bad: f64| Lanes([1.0, bad]);
        let mut a = vec![Lanes([1.0; 2]), Lanes([1.0; 2]), Lanes([1.0; 2]), lane(2.0)];
        a[3].0[0] = 1.0 + 1e-12;
        let mut lost = Lanes([0.0; 2]);
        plan.factor(&mut a, &mut lost);
        assert_eq!(lost.0, [1.0, 0.0]);
    }
}
