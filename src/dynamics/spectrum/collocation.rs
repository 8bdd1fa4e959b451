//! The infinitesimal generator of a linear delay equation as a matrix, by Chebyshev collocation.
//!
//! What `x'(t) = A_0 x(t) + Σ_j A_j x(t - L_j)` remembers of the past is what the A_j read of it. With A_j = B_j C_j, where the
//! rows of C_j are an orthonormal basis of the rows of A_j, these are a few signals per lag, `s_j = C_j x`, each of which is
//! carried along from age 0 to age L_j:
//!
//! ```text
//! ∂u_j/∂t = -∂u_j/∂age,   u_j(age = 0) = C_j x,   x' = A_0 x + Σ_j B_j u_j(age = L_j)
//! ```
//!
//! The unknowns are x and each signal at the Chebyshev points of its ages but the first; a delayed value is the last of
//! them. A queue with retries has many states and few signals (attempts that time out), so that the matrix is small.
//!
//! D. Breda, S. Maset & R. Vermiglio, SIAM J. Sci. Comput. 27 (2005) 482-495; D. Breda, O. Diekmann, M. Gyllenberg,
//! F. Scarabel & R. Vermiglio, SIAM J. Appl. Dyn. Syst. 15 (2016) 1-23. The differentiation matrix is that of
//! L. N. Trefethen, *Spectral Methods in MATLAB* (2000), chapter 6.

use nalgebra::DMatrix;

/// Fewest collocation points of a signal: a short memory beside a long one needs fewer.
const FEWEST: usize = 8;
/// Part of a row that is left beside those before it, below which it is one of them.
const RANK: f64 = 1e-13;

/// What is read of the past at one lag: A = B C.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    lag: f64,
    /// B, states by signals.
    enters: DMatrix<f64>,
    /// C, signals by states.
    reads: DMatrix<f64>,
}

/// The signals that a delayed block carries; none if it is zero.
pub(super) fn signals(block: &DMatrix<f64>, lag: f64) -> Option<Signals> {
    let mut basis: Vec<nalgebra::RowDVector<f64>> = Vec::new();
    for row in block.row_iter() {
        let size = row.norm();
        let mut rest = row.clone_owned();
        // Twice is enough for rounding.
        for _ in 0..2 {
            for b in &basis {
                let along = rest.dot(b);
                rest -= b * along;
            }
        }
        let left = rest.norm();
        if left > RANK * size && left > 0.0 {
            basis.push(rest / left);
        }
    }
    if basis.is_empty() {
        return None;
    }
    let reads = DMatrix::from_rows(&basis);
    Some(Signals { lag, enters: block * reads.transpose(), reads })
}

/// Collocation points of each group of signals, `nodes` for the longest lag.
fn points(signals: &[Signals], nodes: usize) -> impl Iterator<Item = usize> {
    let longest = signals.iter().map(|s| s.lag).fold(0.0, f64::max);
    let spare = nodes.saturating_sub(FEWEST) as f64;
    signals.iter().map(move |s| nodes.min(FEWEST + (spare * s.lag / longest).ceil() as usize))
}

/// Order of the discretised generator of a system of `dim` states.
pub(super) fn order(dim: usize, signals: &[Signals], nodes: usize) -> usize {
    dim + signals.iter().zip(points(signals, nodes)).map(|(s, n)| n * s.reads.nrows()).sum::<usize>()
}

/// The discretised generator with `nodes` collocation points over the longest lag.
pub(super) fn generator(now: &DMatrix<f64>, signals: &[Signals], nodes: usize) -> DMatrix<f64> {
    let dim = now.nrows();
    let size = order(dim, signals, nodes);
    let mut g = DMatrix::zeros(size, size);
    g.view_mut((0, 0), (dim, dim)).copy_from(now);
    let mut first = dim;
    for (signal, n) in signals.iter().zip(points(signals, nodes)) {
        let d = differentiation(n) * (2.0 / signal.lag);
        for s in 0..signal.reads.nrows() {
            for i in 1..=n {
                let row = first + i - 1;
                for k in 0..dim {
                    g[(row, k)] = d[(i, 0)] * signal.reads[(s, k)];
                }
                for j in 1..=n {
                    g[(row, first + j - 1)] = d[(i, j)];
                }
            }
            for i in 0..dim {
                g[(i, first + n - 1)] = signal.enters[(i, s)];
            }
            first += n;
        }
    }
    g
}

/// Differentiation at the points `cos(iπ/n)`, i = 0..n.
fn differentiation(n: usize) -> DMatrix<f64> {
    let step = std::f64::consts::PI / n as f64;
    let weight = |i: usize| (if i == 0 || i == n { 2.0 } else { 1.0 }) * if i.is_multiple_of(2) { 1.0 } else { -1.0 };
    let mut d = DMatrix::zeros(n + 1, n + 1);
    for i in 0..=n {
        let mut sum = 0.0;
        for j in (0..=n).filter(|&j| j != i) {
            // cos a - cos b as a product of sines keeps full precision.
            let (a, b) = (i as f64 * step, j as f64 * step);
            let gap = 2.0 * (0.5 * (a + b)).sin() * (0.5 * (b - a)).sin();
            d[(i, j)] = weight(i) / weight(j) / gap;
            sum += d[(i, j)];
        }
        d[(i, i)] = -sum;
    }
    d
}

#[cfg(test)]
mod tests {
    use super::differentiation;

    #[test]
    fn polynomials_are_differentiated_exactly() {
        let n = 8;
        let d = differentiation(n);
        let s: Vec<f64> = (0..=n).map(|i| (std::f64::consts::PI * i as f64 / n as f64).cos()).collect();
        for i in 0..=n {
            let found: f64 = (0..=n).map(|j| d[(i, j)] * s[j].powi(5)).sum();
            assert!((found - 5.0 * s[i].powi(4)).abs() < 1e-12, "{found}");
        }
    }
}
