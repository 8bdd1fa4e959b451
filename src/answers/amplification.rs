//! Attempts per request of a retry policy when every attempt fails independently with probability f.
//!
//! Without a budget, N attempts make (1 - f^N)/(1 - f). With one, requests are taken one after the other:
//!
//! - **Buckets** (`token-bucket`, `throttle`, `cost-bucket`): the tokens at the beginning of a request are a Markov chain on a
//!   lattice (all numbers of the bucket are multiples of one unit). Its stationary distribution π comes from elimination without
//!   subtraction (Grassmann, Taksar and Heyman 1985); the attempts are Σ π(T) E[attempts | T]. Where several classes of states
//!   are closed, the one is taken that a full bucket ends in.
//! - **`ratio`**: at most 1 + share. **`concurrency`**: of r retries per request, all attempts taking equally long, r/(1 + r) are
//!   retries, so at most 1/(1 - share).
//! - What is absolute (`floor`, `minimum`, `rate`) counts per second, not per request; it is left out here. A process with few
//!   requests is bound by it alone, one with many not at all.
//!
//! The failures are of the kind the policy retries, other than timeouts (which may cost more). Back-off, deadline, breaker and
//! throttle of the client play no part.

use crate::model::types::{Budget, Retry};

/// Failure probabilities of the table.
pub const FAILURE_SHARES: [f64; 8] = [0.01, 0.05, 0.1, 0.2, 0.5, 0.9, 0.99, 1.0];
/// Most states of a chain; a finer lattice is rounded to so many.
const MOST_STATES: f64 = 1000.0;
/// Probabilities below this are not followed further.
const NEGLIGIBLE: f64 = 1e-15;

/// Mean attempts per request in the long run; infinite where it is.
#[must_use]
pub fn amplification(retry: &Retry, failure: f64) -> f64 {
    let attempts = retry.attempts.value;
    let plain = if failure >= 1.0 { attempts } else { (1.0 - failure.powf(attempts)) / (1.0 - failure) };
    match &retry.budget {
        None | Some(Budget::Rate { .. }) => plain,
        Some(Budget::Ratio { share, .. }) => plain.min(1.0 + share.value),
        Some(Budget::Concurrency { share, .. }) if share.value <= 0.0 || share.value >= 1.0 => plain,
        Some(Budget::Concurrency { share, .. }) => plain.min(1.0 / (1.0 - share.value)),
        Some(bucket) => Bucket::of(bucket).map_or(plain, |b| b.attempts(attempts, failure)),
    }
}

/// A bucket in units of its lattice.
struct Bucket {
    size: usize,
    /// Gain of a request when it begins, of an answered attempt, and of an answered first attempt.
    begin: usize,
    answer: usize,
    first: usize,
    /// Loss of a failed attempt; least tokens for a retry; its price, and what comes back if it is answered.
    failure: usize,
    least: usize,
    price: usize,
    refund: usize,
}

impl Bucket {
    fn of(budget: &Budget) -> Option<Self> {
        let numbers: Vec<f64> = budget.quantities().iter().map(|q| q.value).collect();
        let whole = |scale: f64| numbers.iter().all(|x| (x * scale - (x * scale).round()).abs() < 1e-9);
        let size = match budget {
            Budget::TokenBucket { size, .. } | Budget::Throttle { size, .. } | Budget::CostBucket { size, .. } => size,
            _ => return None,
        };
        let finest = (MOST_STATES / size.value).max(1.0);
        let scale = (1..=finest as u32).map(f64::from).find(|&s| whole(s)).unwrap_or(finest);
        let units = |x: f64| (x * scale).round() as usize;
        let bare =
            Self { size: units(size.value), begin: 0, answer: 0, first: 0, failure: 0, least: 0, price: 0, refund: 0 };
        Some(match budget {
            Budget::TokenBucket { fill, .. } => {
                Self { begin: units(fill.value), least: units(1.0), price: units(1.0), ..bare }
            }
            Budget::Throttle { fill, size } => Self {
                answer: units(fill.value),
                failure: units(1.0),
                // More than half.
                least: (0.5 * size.value * scale + 1e-9).floor() as usize + 1,
                ..bare
            },
            Budget::CostBucket { fill, cost, .. } => {
                let price = units(cost.value);
                Self { first: units(fill.value), least: price, price, refund: price, ..bare }
            }
            _ => return None,
        })
    }

    /// From tokens at the beginning of a request: the probabilities of tokens at its end, and its mean attempts.
    fn request(&self, tokens: usize, attempts: f64, failure: f64) -> (Vec<(usize, f64)>, f64) {
        let full = |x: usize| x.min(self.size);
        let mut tokens = full(tokens + self.begin);
        let (mut ends, mut mean, mut chance, mut k) = (Vec::new(), 0.0, 1.0, 1.0);
        loop {
            mean += chance;
            let gain = self.answer + if k == 1.0 { self.first } else { self.refund };
            if failure < 1.0 {
                ends.push((full(tokens + gain), chance * (1.0 - failure)));
            }
            chance *= failure;
            tokens = tokens.saturating_sub(self.failure);
            if k >= attempts || tokens < self.least || chance < NEGLIGIBLE {
                ends.push((tokens, chance));
                return (ends, mean);
            }
            tokens -= self.price;
            k += 1.0;
        }
    }

    fn attempts(&self, attempts: f64, failure: f64) -> f64 {
        let all: Vec<_> = (0..=self.size).map(|t| self.request(t, attempts, failure)).collect();
        let class = closed_class(&all, self.size);
        let place: Vec<Option<usize>> = (0..all.len()).map(|t| class.iter().position(|&c| c == t)).collect();
        let mut matrix = vec![vec![0.0; class.len()]; class.len()];
        for (row, &tokens) in matrix.iter_mut().zip(&class) {
            for &(end, chance) in &all[tokens].0 {
                if let Some(column) = place[end] {
                    row[column] += chance;
                }
            }
        }
        stationary(matrix).iter().zip(&class).map(|(share, &tokens)| share * all[tokens].1).sum()
    }
}

/// A closed class of states that can be reached from `start`, in order.
fn closed_class(all: &[(Vec<(usize, f64)>, f64)], start: usize) -> Vec<usize> {
    let reach = |from: usize| {
        let mut seen = vec![false; all.len()];
        let mut todo = vec![from];
        while let Some(state) = todo.pop() {
            if !std::mem::replace(&mut seen[state], true) {
                todo.extend(all[state].0.iter().filter(|e| e.1 > 0.0).map(|e| e.0));
            }
        }
        seen
    };
    let mut from = start;
    loop {
        let seen = reach(from);
        match (0..all.len()).find(|&state| seen[state] && !reach(state)[from]) {
            Some(state) => from = state,
            None => return (0..all.len()).filter(|&state| seen[state]).collect(),
        }
    }
}

/// Stationary distribution of an irreducible chain, by elimination of the last state, then the last but one, and so on.
fn stationary(mut p: Vec<Vec<f64>>) -> Vec<f64> {
    let n = p.len();
    for last in (1..n).rev() {
        let (rows, rest) = p.split_at_mut(last);
        let from = &rest[0];
        let leaving: f64 = from[..last].iter().sum();
        for row in rows {
            let into = row[last] / leaving;
            row[last] = into;
            if into > 0.0 {
                for (x, y) in row[..last].iter_mut().zip(&from[..last]) {
                    *x += into * y;
                }
            }
        }
    }
    let mut share = vec![1.0; n];
    for state in 1..n {
        share[state] = (0..state).map(|i| share[i] * p[i][state]).sum();
    }
    let total: f64 = share.iter().sum();
    share.iter().map(|x| x / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    fn retry(text: &str) -> Retry {
        let text = format!(
            "[model]\nname = \"m\"\n[client.web]\ncalls = \"api\"\nload = \"1 req/s\"\nretry = {text}\n\
             [service.api]\nservers = 1\nservice_time = \"1 ms\"\n"
        );
        let loaded = model::load(&text, "m.toml", &[]).unwrap_or_else(|d| panic!("{d}"));
        loaded.model.clients[0].policy.retry.clone().expect("retries")
    }

    #[test]
    fn a_birth_death_chain_has_its_known_distribution() {
        // Up with 0.2, down with 0.3: shares fall by 2/3.
        let n = 6;
        let mut p = vec![vec![0.0; n]; n];
        for i in 0..n {
            let (up, down) = (if i + 1 < n { 0.2 } else { 0.0 }, if i > 0 { 0.3 } else { 0.0 });
            if i + 1 < n {
                p[i][i + 1] = up;
            }
            if i > 0 {
                p[i][i - 1] = down;
            }
            p[i][i] = 1.0 - up - down;
        }
        let share = stationary(p);
        assert!(share.windows(2).all(|w| (w[1] / w[0] - 2.0 / 3.0).abs() < 1e-12), "{share:?}");
    }

    #[test]
    fn an_empty_bucket_pays_what_is_earned() {
        // Everything fails: each request earns 0.1 of a retry, the rest is the bucket full at the beginning, forgotten.
        let bucket = retry("{ attempts = 3, budget = { kind = \"token-bucket\", fill = 0.1, size = 10 } }");
        assert!((amplification(&bucket, 1.0) - 1.1).abs() < 1e-9);
        // Half fail: first successes earn 0.5, a retry that fails costs 5; a retry fails with 0.5.
        let cost = retry("{ attempts = 3, budget = { kind = \"cost-bucket\", size = 500, cost = 5 } }");
        assert!((amplification(&cost, 0.5) - 1.2).abs() < 1e-3, "{}", amplification(&cost, 0.5));
        assert_eq!(amplification(&cost, 1.0), 1.0);
    }

    #[test]
    fn a_bucket_that_never_empties_changes_nothing() {
        let bucket = retry("{ attempts = 3, budget = { kind = \"token-bucket\", fill = 3, size = 30 } }");
        for f in FAILURE_SHARES {
            assert!((amplification(&bucket, f) - (1.0 + f + f * f)).abs() < 1e-9);
        }
    }
}
