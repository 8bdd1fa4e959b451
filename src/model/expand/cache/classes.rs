//! The popularity of keys, in classes of neighbouring ranks.
//!
//! Class i has the ranks r_i .. r_{i+1} - 1 with r_i equally spaced in log rank. Sums of k^-a over many ranks are those of
//! the first of them and an integral over the rest (midpoint rule, error below 1e-6 of the sum).

use crate::model::types::Cache;

/// Most classes.
const CLASSES: usize = 10;
/// Ranks beyond this many times the room are never in the cache.
const REACH: f64 = 100.0;

/// Keys of similar popularity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Class {
    /// First rank.
    pub(super) from: f64,
    /// Last rank.
    pub(super) to: f64,
    /// Number of keys.
    pub(super) keys: f64,
    /// Share of all requests.
    pub(super) popularity: f64,
}

impl Class {
    /// Share of all requests of one key.
    pub(super) fn each(&self) -> f64 {
        self.popularity / self.keys
    }
}

/// The classes of the keys that can be in a cache.
pub(super) fn classes(cache: &Cache) -> Vec<Class> {
    let (a, keys) = (cache.zipf.value, cache.keys.value);
    let last = keys.min((REACH * cache.entries.value).max(1e3)).floor().max(1.0);
    let total = sum(a, 1.0, keys);
    let number = if a == 0.0 { 1 } else { CLASSES };
    let mut all: Vec<Class> = Vec::new();
    let mut from = 1.0;
    for i in 1..=number {
        let until = ((last + 1.0).powf(i as f64 / number as f64)).round();
        let next = if i == number { last + 1.0 } else { until };
        if next > from {
            let (to, keys) = (next - 1.0, next - from);
            all.push(Class { from, to, keys, popularity: sum(a, from, to) / total });
            from = next;
        }
    }
    all
}

/// Requests until an entry that nobody asks for is put out of a full cache (Che's characteristic time, in requests);
/// `None` if all keys fit.
pub(super) fn age_when_full(cache: &Cache, classes: &[Class]) -> Option<f64> {
    let entries = cache.entries.value;
    if entries >= cache.keys.value {
        return None;
    }
    let occupied = |age: f64| -> f64 { classes.iter().map(|c| c.keys * (1.0 - (-c.each() * age).exp())).sum() };
    let (mut low, mut high) = (1e-9, 1e18);
    for _ in 0..200 {
        let middle = f64::sqrt(low * high);
        if occupied(middle) < entries { low = middle } else { high = middle }
    }
    Some(low)
}

/// Σ k^-a for k from .. to, whole numbers; `to` may be infinite if a > 1.
fn sum(a: f64, from: f64, to: f64) -> f64 {
    const ONE_BY_ONE: f64 = 1000.0;
    let exact = (to - from + 1.0).min(ONE_BY_ONE) as u32;
    let head: f64 = (0..exact).map(|i| (from + f64::from(i)).powf(-a)).sum();
    if to - from < ONE_BY_ONE {
        return head;
    }
    let (x, y) = (from + ONE_BY_ONE - 0.5, to + 0.5);
    let tail = if (a - 1.0).abs() < 1e-9 {
        (y / x).ln()
    } else {
        let end = if y.is_infinite() { 0.0 } else { y.powf(1.0 - a) };
        (end - x.powf(1.0 - a)) / (1.0 - a)
    };
    head + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_zeta_function() {
        // ζ(1.3), ζ(2) and the harmonic number of a million.
        assert!((sum(1.3, 1.0, f64::INFINITY) - 3.931_949_212).abs() < 1e-6);
        assert!((sum(2.0, 1.0, f64::INFINITY) - std::f64::consts::PI.powi(2) / 6.0).abs() < 1e-9);
        assert!((sum(1.0, 1.0, 1e6) - 14.392_726_722).abs() < 1e-6);
        assert!((sum(0.0, 1.0, 5000.0) - 5000.0).abs() < 1e-9);
    }
}
