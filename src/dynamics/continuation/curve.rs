//! A curve given by `m` equations in `m + 1` unknowns, `F(y) = 0`, and what can be done with any such curve: correct
//! a point in a hyperplane, find the tangent, go to a point between two others. All of it solves one bordered matrix,
//!
//! ```text
//! [ F_y  ]
//! [ rowᵀ ]
//! ```
//!
//! which is regular wherever the curve is smooth and not parallel to the hyperplane.

use crate::dynamics::linear::Lu;

/// Newton iterations of one corrector.
const ITERATIONS: usize = 8;

/// A correction this small is the last one needed: the next would be its square.
const LAST: f64 = 3e-8;

/// `m` equations in `m + 1` unknowns.
pub(super) trait Curve {
    /// Number of unknowns, m + 1.
    fn unknowns(&self) -> usize;

    /// Writes `F(y)`, m entries; returns whether it is finite.
    fn residual(&mut self, y: &[f64], out: &mut [f64]) -> bool;

    /// Fills the first m rows of the bordered matrix with `F_y(y)`; returns whether it is finite.
    fn differentiate_into_border(&mut self, y: &[f64]) -> bool;

    /// The bordered matrix.
    fn border(&mut self) -> &mut Lu;

    /// Rescales the equations so that they are of similar size near `y`.
    fn reweigh(&mut self, y: &[f64]);

    /// Factors the derivative at `y` bordered by `row`; returns whether it is regular.
    fn factor(&mut self, y: &[f64], row: &[f64]) -> bool {
        if !self.differentiate_into_border(y) {
            return false;
        }
        let m = row.len() - 1;
        let lu = self.border();
        lu.matrix_mut()[m * row.len()..].copy_from_slice(row);
        lu.factor()
    }

    /// Solves `F(y) = 0, row · y = value` from `y`; returns the number of iterations.
    fn correct(&mut self, y: &mut [f64], row: &[f64], value: f64) -> Option<usize> {
        let m = self.unknowns() - 1;
        let mut step = vec![0.0; m + 1];
        let mut before = f64::INFINITY;
        for iteration in 1..=ITERATIONS {
            if !self.residual(y, &mut step[..m]) || !self.factor(y, row) {
                return None;
            }
            step[m] = dot(row, y) - value;
            self.border().solve(&mut step);
            let size = dot(&step, &step).sqrt();
            if !size.is_finite() || size > 2.0 * before {
                return None;
            }
            y.iter_mut().zip(&step).for_each(|(y, d)| *y -= d);
            if size < LAST {
                return Some(iteration);
            }
            before = size;
        }
        None
    }

    /// Unit tangent at `y` that continues `along`, and the sign of the bordered determinant.
    fn tangent(&mut self, y: &[f64], along: &[f64], out: &mut Vec<f64>) -> Option<f64> {
        if !self.factor(y, along) {
            return None;
        }
        let m = self.unknowns() - 1;
        out.clear();
        out.resize(m + 1, 0.0);
        out[m] = 1.0;
        self.border().solve(out);
        let norm = dot(out, out).sqrt();
        if !(norm > 0.0 && norm.is_finite()) {
            return None;
        }
        out.iter_mut().for_each(|v| *v /= norm);
        Some(self.border().determinant_sign())
    }

    /// The point of the curve between `a` and `b` at the fraction `theta` of their chord.
    fn between(&mut self, a: &[f64], b: &[f64], theta: f64) -> Option<Vec<f64>> {
        let chord: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
        let norm = dot(&chord, &chord).sqrt();
        let row: Vec<f64> = chord.iter().map(|v| v / norm).collect();
        let mut y: Vec<f64> = a.iter().zip(b).map(|(a, b)| a + theta * (b - a)).collect();
        let value = dot(&row, &y);
        self.correct(&mut y, &row, value).map(|_| y)
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}
