//! The generator of a Markov chain: rates between states, by rows, without the diagonal.
//!
//! The diagonal is minus the sum of its row. It is never stored: what is never computed cannot lose digits.

/// Rates q_ij, i ≠ j, in compressed rows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Generator {
    start: Vec<usize>,
    to: Vec<u32>,
    rate: Vec<f64>,
}

impl Generator {
    /// An empty generator with room for so many rows and rates.
    #[must_use]
    pub fn with_capacity(rows: usize, rates: usize) -> Self {
        let mut start = Vec::with_capacity(rows + 1);
        start.push(0);
        Self { start, to: Vec::with_capacity(rates), rate: Vec::with_capacity(rates) }
    }

    /// A generator of `n` states from triples (from, to, rate); rates of the same pair add up, zero rates and rates from
    /// a state to itself are left out.
    #[must_use]
    pub fn from_triples(n: usize, triples: impl IntoIterator<Item = (usize, usize, f64)>) -> Self {
        let mut rows: Vec<Vec<(u32, f64)>> = vec![Vec::new(); n];
        for (from, to, rate) in triples {
            rows[from].push((to as u32, rate));
        }
        let mut all = Self::with_capacity(n, 0);
        for (from, mut row) in rows.into_iter().enumerate() {
            all.push_row(from, &mut row);
        }
        all
    }

    /// Appends the row of state `from`, which must be the next one. The entries are sorted on the way.
    pub fn push_row(&mut self, from: usize, row: &mut [(u32, f64)]) {
        row.sort_by_key(|entry| entry.0);
        let first = self.to.len();
        for &mut (to, rate) in row {
            if rate == 0.0 || to as usize == from {
                continue;
            }
            match self.to.last() {
                Some(&last) if self.to.len() > first && last == to => {
                    if let Some(sum) = self.rate.last_mut() {
                        *sum += rate;
                    }
                }
                _ => {
                    self.to.push(to);
                    self.rate.push(rate);
                }
            }
        }
        self.start.push(self.to.len());
    }

    /// Number of states.
    #[must_use]
    pub fn len(&self) -> usize {
        self.start.len().saturating_sub(1)
    }

    /// Whether there are no states.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of rates.
    #[must_use]
    pub fn rates(&self) -> usize {
        self.to.len()
    }

    /// Where one can go from a state, and how fast.
    pub fn row(&self, state: usize) -> impl Iterator<Item = (usize, f64)> {
        let range = self.start[state]..self.start[state + 1];
        self.to[range.clone()].iter().map(|&j| j as usize).zip(self.rate[range].iter().copied())
    }

    /// Where one can go from a state.
    #[must_use]
    pub fn targets(&self, state: usize) -> &[u32] {
        &self.to[self.start[state]..self.start[state + 1]]
    }

    /// The same rates by columns: row j of the result holds the rates into j.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let n = self.len();
        let mut start = vec![0; n + 1];
        for &j in &self.to {
            start[j as usize + 1] += 1;
        }
        for j in 0..n {
            start[j + 1] += start[j];
        }
        let mut next = start.clone();
        let (mut to, mut rate) = (vec![0; self.to.len()], vec![0.0; self.to.len()]);
        for i in 0..n {
            for (j, q) in self.row(i) {
                (to[next[j]], rate[next[j]]) = (i as u32, q);
                next[j] += 1;
            }
        }
        Self { start, to, rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_a_pair_add_up_and_loops_are_left_out() {
        let q = Generator::from_triples(3, [(0, 2, 1.0), (0, 1, 2.0), (0, 2, 0.5), (1, 1, 9.0), (2, 0, 0.0)]);
        assert_eq!(q.row(0).collect::<Vec<_>>(), [(1, 2.0), (2, 1.5)]);
        assert_eq!((q.len(), q.rates()), (3, 2));
        let t = q.transposed();
        assert_eq!(t.row(2).collect::<Vec<_>>(), [(0, 1.5)]);
        assert_eq!(t.transposed(), q);
    }
}
