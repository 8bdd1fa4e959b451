//! The spectral gap: how fast a chain forgets where it started.
//!
//! The slowest modes are the eigenvalues of -Q nearest to zero, zero itself left out. With π the stationary distribution
//! and g its most probable state, the operator
//!
//! ```text
//! A v = x - (π x) 1,    -Q x = v - (π v) 1  outside g,    x_g = 0
//! ```
//!
//! inverts -Q on the functions of mean zero: its eigenvalues are 1/λ, the slowest modes first and far apart from the
//! rest, which is what Arnoldi's method (1951) needs. It runs in the coordinates u = √π v, in which a chain in detailed
//! balance has a symmetric operator: eigenvalues are then as certain as residuals are small, even where they are 10⁻¹⁴.

use super::Chain;
use super::error::ChainError;
use super::factors::Factors;
use nalgebra::{Complex, DMatrix, DVector};

/// Most steps of Arnoldi's method.
const STEPS: usize = 120;
/// Residual, relative to the eigenvalue of the inverse, at which a mode counts as found.
const SETTLED: f64 = 1e-10;

/// The slowest modes of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Modes {
    /// Eigenvalues of -Q in rad/s, nearest to zero first, zero left out. Both of a complex pair are there.
    pub values: Vec<Complex<f64>>,
    /// Largest relative residual among them.
    pub residual: f64,
}

impl Modes {
    /// The rate at which the slowest mode decays, per second.
    #[must_use]
    pub fn gap(&self) -> f64 {
        self.values.iter().map(|v| v.re).fold(f64::INFINITY, f64::min)
    }
}

impl Chain {
    /// The `wanted` slowest modes of the closed class with the stationary distribution `stationary` (fewer if there are
    /// fewer; one more if that completes a complex pair).
    ///
    /// # Errors
    /// [`ChainError::NotConverged`], or as [`Factors::new`].
    pub fn modes(&self, stationary: &[f64], wanted: usize, allowed: u64) -> Result<Modes, ChainError> {
        let class = self.closed_class()?;
        let states: Vec<usize> = (0..self.len()).filter(|&i| class[i]).collect();
        let most = |best: usize, &i: &usize| if stationary[i] > stationary[best] { i } else { best };
        let Some(&first) = states.first() else { return Err(ChainError::EmptySet) };
        let ground = states.iter().fold(first, most);
        if states.len() < 2 {
            return Ok(Modes { values: Vec::new(), residual: 0.0 });
        }
        let factors = self.factors(|i| class[i] && i != ground, false, allowed)?;
        let root: Vec<f64> = states.iter().map(|&i| stationary[i].sqrt().max(1e-150)).collect();
        let inverse = Inverse { factors, states, root, ground, size: self.len() };
        arnoldi(&inverse, wanted)
    }
}

/// The operator A in the coordinates u = √π v.
struct Inverse {
    factors: Factors,
    states: Vec<usize>,
    root: Vec<f64>,
    ground: usize,
    size: usize,
}

impl Inverse {
    fn apply(&self, u: &[f64]) -> Vec<f64> {
        let mut x = vec![0.0; self.size];
        let mean: f64 = u.iter().zip(&self.root).map(|(u, r)| u * r).sum();
        for ((&i, u), r) in self.states.iter().zip(u).zip(&self.root) {
            x[i] = u / r - mean;
        }
        x[self.ground] = 0.0;
        self.factors.solve(&mut x);
        x[self.ground] = 0.0;
        let mean: f64 = self.states.iter().zip(&self.root).map(|(&i, r)| x[i] * (r * r)).sum();
        self.states.iter().zip(&self.root).map(|(&i, r)| (x[i] - mean) * r).collect()
    }
}

fn arnoldi(inverse: &Inverse, wanted: usize) -> Result<Modes, ChainError> {
    let n = inverse.states.len();
    let most = STEPS.min(n - 1);
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut h = DMatrix::<f64>::zeros(most + 1, most);
    let mut start = spread(n);
    orthogonal(&mut start, &inverse.root);
    basis.push(start);
    for step in 0..most {
        let mut w = inverse.apply(&basis[step]);
        if w.iter().any(|v| !v.is_finite()) {
            return Err(ChainError::Range);
        }
        let before = norm(&w);
        // Twice is enough (Kahan, in Parlett 1980).
        for _ in 0..2 {
            for (k, b) in basis.iter().enumerate() {
                let along: f64 = b.iter().zip(&w).map(|(x, y)| x * y).sum();
                h[(k, step)] += along;
                w.iter_mut().zip(b).for_each(|(x, y)| *x -= along * y);
            }
        }
        let rest = norm(&w);
        h[(step + 1, step)] = rest;
        let size = step + 1;
        let complete = size == most && most == n - 1 || rest <= 1e-14 * before;
        if complete || size % 4 == 0 || size == most {
            let square = h.view((0, 0), (size, size)).into_owned();
            if let Some(modes) = settled(&square, if complete { 0.0 } else { rest }, wanted, complete) {
                return Ok(modes);
            }
        }
        if complete {
            break;
        }
        w.iter_mut().for_each(|x| *x /= rest);
        basis.push(w);
    }
    Err(ChainError::NotConverged { what: "the spectral gap", steps: most })
}

/// The leading modes of a Hessenberg matrix if all of them are settled.
fn settled(h: &DMatrix<f64>, rest: f64, wanted: usize, complete: bool) -> Option<Modes> {
    let size = h.nrows();
    if size < wanted + 1 && !complete {
        return None;
    }
    let schur = nalgebra::linalg::Schur::try_new(h.clone(), f64::EPSILON, 100 * size)?;
    let mut values: Vec<Complex<f64>> = schur.complex_eigenvalues().iter().copied().collect();
    values.sort_by(|a, b| b.norm().total_cmp(&a.norm()).then(b.im.total_cmp(&a.im)));
    let mut count = wanted.min(values.len());
    if count < values.len() && values[count - 1].im > 0.0 {
        count += 1;
    }
    let mut residual = 0.0_f64;
    for &value in &values[..count] {
        residual = residual.max(rest * last_component(h, value)? / value.norm());
    }
    let values = values[..count].iter().map(|v| Complex::new(1.0, 0.0) / v).collect();
    (residual <= SETTLED).then_some(Modes { values, residual })
}

/// Size of the last component of the unit eigenvector that belongs to an eigenvalue, by inverse iteration.
fn last_component(h: &DMatrix<f64>, value: Complex<f64>) -> Option<f64> {
    let size = h.nrows();
    let shifted = DMatrix::from_fn(size, size, |i, j| {
        let shift = if i == j { value * (1.0 + 1e-13) } else { Complex::new(0.0, 0.0) };
        Complex::new(h[(i, j)], 0.0) - shift
    });
    let lu = shifted.lu();
    let mut vector = DVector::from_element(size, Complex::new(1.0, 0.0));
    for _ in 0..3 {
        vector = lu.solve(&vector)?;
        let length = vector.norm();
        if !length.is_finite() || length == 0.0 {
            return None;
        }
        vector /= Complex::new(length, 0.0);
    }
    Some(vector[size - 1].norm())
}

/// A start with a share of everything: signs and sizes from a fixed sequence.
fn spread(n: usize) -> Vec<f64> {
    let golden = 0.618_033_988_749_894_9;
    (0..n).map(|k| ((k as f64 + 1.0) * golden).fract() - 0.5).collect()
}

/// Takes the stationary direction out and makes the length one.
fn orthogonal(u: &mut [f64], root: &[f64]) {
    let along: f64 = u.iter().zip(root).map(|(x, r)| x * r).sum();
    u.iter_mut().zip(root).for_each(|(x, r)| *x -= along * r);
    let length = norm(u);
    u.iter_mut().for_each(|x| *x /= length);
}

fn norm(u: &[f64]) -> f64 {
    u.iter().map(|x| x * x).sum::<f64>().sqrt()
}
