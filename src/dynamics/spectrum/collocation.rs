//! The infinitesimal generator of a linear delay equation as a matrix, by Chebyshev collocation.
//!
//! `x'(t) = A_0 x(t) + Σ_j A_j x(t - L_j)` acts on functions `u` on `[-L_k, 0]` as `u ↦ u'` with the boundary condition
//! `u'(0) = A_0 u(0) + Σ_j A_j u(-L_j)`. Each interval between neighbouring lags has its own Chebyshev points, of which
//! neighbours share the end, so that delayed values are nodes and need no interpolation:
//!
//! ```text
//! θ:   -L_2 ......... -L_1 ......... 0          unknowns: all states at 0; at the other nodes only states that
//!       u_2N ... u_21  u_1N ... u_11  x         appear with a delay somewhere
//! ```
//!
//! D. Breda, S. Maset & R. Vermiglio, SIAM J. Sci. Comput. 27 (2005) 482-495; D. Breda, O. Diekmann, M. Gyllenberg,
//! F. Scarabel & R. Vermiglio, SIAM J. Appl. Dyn. Syst. 15 (2016) 1-23. The differentiation matrix is that of
//! L. N. Trefethen, *Spectral Methods in MATLAB* (2000), chapter 6.

use nalgebra::DMatrix;

/// Indices of the states that appear with a delay.
pub(super) fn delayed(blocks: &[DMatrix<f64>]) -> Vec<usize> {
    let n = blocks[0].ncols();
    (0..n).filter(|&j| blocks[1..].iter().any(|b| b.column(j).iter().any(|v| *v != 0.0))).collect()
}

/// The discretised generator with `nodes` collocation points between neighbouring lags.
pub(super) fn generator(blocks: &[DMatrix<f64>], lags: &[f64], delayed: &[usize], nodes: usize) -> DMatrix<f64> {
    let (dim, m) = (blocks[0].nrows(), delayed.len());
    let size = dim + m * nodes * lags.len();
    let mut g = DMatrix::zeros(size, size);
    g.view_mut((0, 0), (dim, dim)).copy_from(&blocks[0]);
    let d = differentiation(nodes);
    // Column of delayed state s at node i of a piece; node 0 is the end shared with the piece before.
    let place = |piece: usize, i: usize, s: usize| match (piece, i) {
        (0, 0) => delayed[s],
        (_, 0) => dim + m * (nodes * piece - 1) + s,
        _ => dim + m * (nodes * piece + i - 1) + s,
    };
    for (piece, lag) in lags.iter().enumerate() {
        let width = lag - if piece == 0 { 0.0 } else { lags[piece - 1] };
        for s in 0..m {
            for i in 1..=nodes {
                for j in 0..=nodes {
                    g[(place(piece, i, s), place(piece, j, s))] += 2.0 / width * d[(i, j)];
                }
            }
            let column = place(piece, nodes, s);
            for i in 0..dim {
                g[(i, column)] += blocks[piece + 1][(i, delayed[s])];
            }
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
