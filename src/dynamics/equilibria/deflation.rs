//! Several equilibria by search: deflated Newton from many starts.
//!
//! Once roots `r_1, ..., r_m` are known, Newton is applied to `M(x) f(x)` with
//!
//! ```text
//! M(x) = Π_k (1/‖x - r_k‖² + 1)
//! ```
//!
//! which does not vanish at known roots. By the Sherman-Morrison formula its Newton correction is the ordinary one, δ,
//! multiplied by `1/(1 - ∇ln M · δ)`, so that deflation costs no linear algebra. P. Farrell, Á. Birkisson & S. Funke,
//! *Deflation techniques for finding distinct solutions of nonlinear partial differential equations*, SIAM J. Sci.
//! Comput. 37 (2015) A2026-A2045. Starts are a Halton sequence in `asinh(x/scale)`: the same ones every time.

use crate::dynamics::newton::{Root, iterate, newton};
use crate::process::field::Field;

/// Starts for states without bounds reach to this many scales, a decade or so beyond where models live.
const REACH: f64 = 1e6;

const PRIMES: [u32; 24] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89];

/// Equilibria of `field` at `p` found from `seeds` and from `starts` points spread over the domain, each once.
#[must_use]
pub fn search<F: Field + ?Sized>(field: &F, p: &[f64], seeds: &[Vec<f64>], starts: usize) -> Vec<Root> {
    let mut found: Vec<Root> = Vec::new();
    for seed in seeds.iter().filter(|s| s.len() == field.dim()) {
        if let Ok(root) = newton(field, p, seed) {
            keep(field, &mut found, root);
        }
        deflate(field, p, seed, &mut found);
    }
    for index in 0..starts {
        let start = halton(field, index as u32 + 1);
        if let Ok(root) = newton(field, p, &start) {
            keep(field, &mut found, root);
        }
        deflate(field, p, &start, &mut found);
    }
    found
}

/// Newton with all known roots deflated, from one start, until it finds nothing new.
fn deflate<F: Field + ?Sized>(field: &F, p: &[f64], start: &[f64], found: &mut Vec<Root>) {
    loop {
        let known: Vec<Vec<f64>> = found.iter().map(|r| r.x.clone()).collect();
        let stretch = |x: &[f64], delta: &[f64]| {
            let tilt: f64 = known.iter().map(|r| slope_of_log(field, x, r, delta)).sum();
            let factor = 1.0 / (1.0 - tilt);
            if factor.is_finite() { factor.clamp(-1e3, 1e3) } else { 1.0 }
        };
        match iterate(field, p, start, &stretch) {
            Ok(root) if keep(field, found, root.clone()) => {}
            _ => return,
        }
    }
}

/// Derivative of `ln(1/d² + 1)` along `delta`, with `d` the weighted distance from `x` to `root`.
fn slope_of_log<F: Field + ?Sized>(field: &F, x: &[f64], root: &[f64], delta: &[f64]) -> f64 {
    let (mut square, mut along) = (0.0, 0.0);
    for (i, info) in field.states().iter().enumerate() {
        let weight = 1.0 / (root[i].abs() + info.scale);
        let gap = (x[i] - root[i]) * weight;
        square += gap * gap;
        along += gap * delta[i] * weight;
    }
    -2.0 * along / (square * (1.0 + square))
}

/// Adds a root unless it is known; returns whether it was new.
fn keep<F: Field + ?Sized>(field: &F, found: &mut Vec<Root>, root: Root) -> bool {
    let tolerance = 1e-7f64.max(100.0 * root.correction);
    let known = found.iter().any(|r| {
        let gap: Vec<f64> = r.x.iter().zip(&root.x).map(|(a, b)| a - b).collect();
        crate::dynamics::newton::norm(field, &root.x, &gap) < tolerance
    });
    if !known {
        found.push(root);
    }
    !known
}

/// Point `index` of the Halton sequence, spread over the domain.
fn halton<F: Field + ?Sized>(field: &F, index: u32) -> Vec<f64> {
    field
        .states()
        .iter()
        .enumerate()
        .map(|(j, info)| {
            let u = radical_inverse(index, PRIMES[j % PRIMES.len()]);
            let (lo, hi) = (info.lower.max(-REACH * info.scale), info.upper.min(REACH * info.scale));
            let (a, b) = ((lo / info.scale).asinh(), (hi / info.scale).asinh());
            info.scale * (a + u * (b - a)).sinh()
        })
        .collect()
}

fn radical_inverse(mut index: u32, base: u32) -> f64 {
    let (mut value, mut place) = (0.0, 1.0 / f64::from(base));
    while index > 0 {
        value += f64::from(index % base) * place;
        index /= base;
        place /= f64::from(base);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::search;
    use crate::dynamics::testing::{Plain, m1};

    #[test]
    fn deflation_finds_all_roots_of_a_quintic_from_one_start() {
        // x (x² - 1)(x² - 4) = x⁵ - 5x³ + 4x.
        let field = Plain::new(
            1,
            |_| Vec::new(),
            |_, x, _, _, dx| dx[0] = x[0].powi(5) - 5.0 * x[0].powi(3) + 4.0 * x[0],
            |_, x, _, _, out| out.blocks[0][(0, 0)] = 5.0 * x[0].powi(4) - 15.0 * x[0].powi(2) + 4.0,
        );
        let mut roots: Vec<f64> = search(&field, &[], &[vec![5.0]], 0).iter().map(|r| r.x[0]).collect();
        roots.sort_by(f64::total_cmp);
        assert_eq!(roots.len(), 5, "{roots:?}");
        for (a, b) in roots.iter().zip([-2.0, -1.0, 0.0, 1.0, 2.0]) {
            assert!((a - b).abs() < 1e-14);
        }
    }

    #[test]
    fn all_states_of_m1_are_found_without_a_seed() {
        for (load, count) in [(249.95, 3), (400.0, 2), (800.0, 2)] {
            let found = search(&m1(), &[load, 0.75], &[], 32);
            assert_eq!(found.len(), count, "{load}: {found:?}");
        }
    }
}
