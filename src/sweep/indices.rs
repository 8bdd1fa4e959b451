//! Variance-based indices: how much of the variance of an answer comes from each uncertain number.
//!
//! With Y = f(X_1, ..., X_d), independent X, and V = Var Y,
//!
//! ```text
//! S_i  = Var E(Y | X_i) / V              what would go if X_i were known          (first order)
//! T_i  = 1 - Var E(Y | all but X_i) / V  what would be left if all others were    (total)
//! ```
//!
//! estimated from the design of [`saltelli`](super::saltelli) with N groups as
//!
//! ```text
//! V S_i = 1/N Σ_j f(B)_j (f(AB_i)_j - f(A)_j)          Saltelli et al. 2010, Comput. Phys. Commun. 181, table 2 (b)
//! V T_i = 1/(2N) Σ_j (f(A)_j - f(AB_i)_j)²             Jansen 1999, Comput. Phys. Commun. 117
//! ```
//!
//! after the mean is taken off, V from A and B together. Intervals are those of the percentile bootstrap over groups.

use crate::random::stream;
use rand::Rng;

/// An estimate with its interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// 95 % interval.
    pub interval: [f64; 2],
}

/// Both indices of a number.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Indices {
    /// First order.
    pub first: Estimate,
    /// Total.
    pub total: Estimate,
}

/// Resamples of a bootstrap.
const RESAMPLES: usize = 1000;

/// Indices of each number from the values of groups A, B, AB_1, ...; `None` if the values do not vary or there are fewer than two
/// groups. `seed` is that of the bootstrap.
#[must_use]
pub fn indices(groups: &[Vec<f64>], seed: u64) -> Option<Vec<Indices>> {
    let numbers = groups.first()?.len().checked_sub(2)?;
    let all: Vec<usize> = (0..groups.len()).collect();
    let best = estimates(groups, &all).filter(|_| groups.len() > 1)?;
    let mut random = stream(seed, 3, 0);
    let mut resampled: Vec<Vec<f64>> = Vec::new();
    for _ in 0..RESAMPLES {
        let drawn: Vec<usize> =
            all.iter().map(|_| ((u128::from(random.next_u64()) * groups.len() as u128) >> 64) as usize).collect();
        resampled.extend(estimates(groups, &drawn));
    }
    let estimate = |place: usize| {
        let mut values: Vec<f64> = resampled.iter().map(|r| r[place]).collect();
        values.sort_by(f64::total_cmp);
        let at = |share: f64| values[((share * values.len() as f64) as usize).min(values.len() - 1)];
        Estimate { value: best[place], interval: [at(0.025), at(0.975)] }
    };
    (!resampled.is_empty())
        .then(|| (0..numbers).map(|i| Indices { first: estimate(2 * i), total: estimate(2 * i + 1) }).collect())
}

/// First-order and total index of each number in turn, from these groups.
fn estimates(groups: &[Vec<f64>], drawn: &[usize]) -> Option<Vec<f64>> {
    let n = drawn.len() as f64;
    let both = || drawn.iter().flat_map(|&j| groups[j][..2].iter());
    let mean = both().sum::<f64>() / (2.0 * n);
    let variance = both().map(|f| (f - mean) * (f - mean)).sum::<f64>() / (2.0 * n);
    if variance.is_nan() || variance <= 0.0 {
        return None;
    }
    let numbers = groups[0].len() - 2;
    let mut found = Vec::with_capacity(2 * numbers);
    for i in 0..numbers {
        let (mut first, mut total) = (0.0, 0.0);
        for &j in drawn {
            let (a, b, mixed) = (groups[j][0], groups[j][1], groups[j][2 + i]);
            first += (b - mean) * (mixed - a);
            total += (a - mixed) * (a - mixed);
        }
        found.extend([first / (n * variance), total / (2.0 * n * variance)]);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::saltelli::Saltelli;
    use std::f64::consts::PI;

    fn groups(n: u64, numbers: usize, seed: u64, f: &dyn Fn(&[f64]) -> f64) -> Vec<Vec<f64>> {
        let design = Saltelli::new(n, numbers, seed).unwrap();
        let rows: Vec<f64> = (0..design.rows()).map(|i| f(&design.point(i))).collect();
        rows.chunks(numbers + 2).map(<[f64]>::to_vec).collect()
    }

    /// f = sin x + 7 sin² y + 0.1 z⁴ sin x on (-π, π)³ (Ishigami & Homma 1990), a = 7, b = 0.1:
    /// V = a²/8 + bπ⁴/5 + b²π⁸/18 + 1/2, V_1 = (1 + bπ⁴/5)²/2, V_2 = a²/8, V_13 = b²π⁸ (1/18 - 1/50).
    #[test]
    fn ishigami() {
        let (a, b) = (7.0, 0.1);
        let f = |u: &[f64]| {
            let x: Vec<f64> = u.iter().map(|u| PI * (2.0 * u - 1.0)).collect();
            x[0].sin() + a * x[1].sin().powi(2) + b * x[2].powi(4) * x[0].sin()
        };
        let v = a * a / 8.0 + b * PI.powi(4) / 5.0 + b * b * PI.powi(8) / 18.0 + 0.5;
        let v1 = 0.5 * (1.0 + b * PI.powi(4) / 5.0).powi(2);
        let v13 = b * b * PI.powi(8) * (1.0 / 18.0 - 1.0 / 50.0);
        let first = [v1 / v, a * a / 8.0 / v, 0.0];
        let total = [(v1 + v13) / v, a * a / 8.0 / v, v13 / v];
        let found = indices(&groups(1 << 14, 3, 0, &f), 0).unwrap();
        for i in 0..3 {
            assert!((found[i].first.value - first[i]).abs() < 0.005, "{i}: {:?} {}", found[i], first[i]);
            assert!((found[i].total.value - total[i]).abs() < 0.005, "{i}: {:?} {}", found[i], total[i]);
        }
        // Intervals that hold the truth with 95 %, of smaller designs: scrambled nets do better than chance.
        let (mut held, mut all) = (0, 0);
        for seed in 0..20 {
            for (i, found) in indices(&groups(256, 3, seed, &f), seed).unwrap().iter().enumerate() {
                let holds = |e: &Estimate, truth: f64| e.interval[0] <= truth && truth <= e.interval[1];
                held += usize::from(holds(&found.first, first[i])) + usize::from(holds(&found.total, total[i]));
                all += 2;
            }
        }
        assert!(held * 100 >= all * 93, "{held} of {all}");
    }

    /// Y = 3 X_1 + X_2 with equal variances: S = T = 9/10, 1/10.
    #[test]
    fn a_sum_has_the_shares_of_its_terms() {
        let found = indices(&groups(4096, 3, 5, &|u| 3.0 * u[0] + u[1]), 0).unwrap();
        for (found, share) in found.iter().zip([0.9, 0.1, 0.0]) {
            assert!((found.first.value - share).abs() < 0.01 && (found.total.value - share).abs() < 0.01, "{found:?}");
        }
        assert_eq!(indices(&groups(64, 2, 0, &|_| 1.0), 0), None);
    }
}
