//! Times at which the solution of a delay equation loses smoothness, and which must be step ends.
//!
//! A kick makes `x` jump, a change of parameters or the start of the integration makes `x'` jump. A jump in the m-th
//! derivative at `s` causes one in derivative m+1 at `s + L` for every lag `L`. Beyond the order of the method a jump
//! no longer disturbs it, and is not followed further. Bellen & Zennaro, *Numerical Methods for Delay Differential
//! Equations* (2003), chapter 4.

/// Smoothness up to which discontinuities are followed: a step of order 5 does not see jumps in derivative 6.
const DEEPEST: usize = 5;
/// The same where pieces are many and steps are short because of them: the error estimate sees the rest. Derivatives by a
/// lag jump one order earlier than the solution, and no estimate watches them.
const SHALLOW: usize = 4;

/// The known discontinuities, past and to come.
#[derive(Debug)]
pub(super) struct Breakpoints {
    deepest: usize,
    /// Sorted by time, latest first; the second entry is the order of the derivative that jumps.
    pending: Vec<(f64, usize)>,
    met: Vec<(f64, usize)>,
}

impl Default for Breakpoints {
    fn default() -> Self {
        Self { deepest: DEEPEST, pending: Vec::new(), met: Vec::new() }
    }
}

impl Breakpoints {
    /// Discontinuities followed less far.
    pub(super) fn shallow() -> Self {
        Self { deepest: SHALLOW, ..Self::default() }
    }

    fn slack(t: f64) -> f64 {
        16.0 * f64::EPSILON * t.abs()
    }

    /// Announces a discontinuity at `t`. A discontinuity already known at that time keeps the lower order.
    pub(super) fn announce(&mut self, t: f64, order: usize) {
        if order > self.deepest {
            return;
        }
        let place = self.pending.partition_point(|&(s, _)| s > t);
        for near in [place.wrapping_sub(1), place] {
            if let Some(known) = self.pending.get_mut(near)
                && (known.0 - t).abs() <= Self::slack(t)
            {
                known.1 = known.1.min(order);
                return;
            }
        }
        self.pending.insert(place, (t, order));
    }

    /// The next discontinuity after `t`, if any. Those up to `t` are taken as met and cause later ones.
    pub(super) fn next_after(&mut self, t: f64, lags: &[f64]) -> Option<f64> {
        while let Some(&(s, order)) = self.pending.last() {
            if s > t + Self::slack(t) {
                return Some(s);
            }
            self.pending.pop();
            self.record(s, order, lags);
        }
        None
    }

    /// Records a discontinuity at `s`, which is now, and announces its translates.
    pub(super) fn record(&mut self, s: f64, order: usize, lags: &[f64]) {
        if order >= self.deepest || lags.is_empty() {
            return;
        }
        self.met.push((s, order));
        for lag in lags {
            self.announce(s + lag, order + 1);
        }
    }

    /// The lags have changed at `t`: discontinuities of the past now arrive at other times.
    pub(super) fn relag(&mut self, t: f64, lags: &[f64]) {
        for i in 0..self.met.len() {
            let (s, order) = self.met[i];
            for lag in lags {
                if s + lag > t {
                    self.announce(s + lag, order + 1);
                }
            }
        }
    }

    /// Forgets discontinuities before `t`.
    pub(super) fn forget_before(&mut self, t: f64) {
        if self.met.len() > 64 && self.met[self.met.len() / 2].0 < t {
            self.met.retain(|&(s, _)| s >= t);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Breakpoints;

    #[test]
    fn sums_of_two_lags_are_met_once_each_in_order() {
        let lags = [1.0, 2.5];
        let mut points = Breakpoints::default();
        points.record(0.0, 1, &lags);
        let (mut t, mut seen) = (0.0, Vec::new());
        while let Some(s) = points.next_after(t, &lags) {
            seen.push(s);
            t = s;
        }
        let mut expected = Vec::new();
        for a in 0..5u32 {
            for b in 0..5 - a {
                expected.push(f64::from(a) + 2.5 * f64::from(b));
            }
        }
        expected.sort_by(f64::total_cmp);
        expected.dedup();
        assert_eq!(seen, expected[1..].to_vec());
    }

    #[test]
    fn a_changed_lag_moves_the_translates() {
        let mut points = Breakpoints::default();
        points.record(0.0, 1, &[3.0]);
        points.relag(1.0, &[2.0]);
        assert_eq!(points.next_after(1.0, &[2.0]), Some(2.0));
    }
}
