//! Delayed states inside a step: from the initial function before the start, from the dense output after it. At a joint
//! the side matters: a kick makes the limits from the left and from the right differ.

use super::History;
use super::rodas5p::Past;
use super::trajectory::Trajectory;

/// History and trajectory so far, as one function of time.
pub(super) struct Delayed<'a> {
    pub(super) history: &'a History<'a>,
    pub(super) path: &'a Trajectory,
    pub(super) lags: &'a [f64],
    /// Whether states are read at each lag; the others are left as they are.
    pub(super) reads: &'a [bool],
}

impl Past for Delayed<'_> {
    fn states(&self, t: f64, opening: bool, out: &mut [f64]) {
        let dim = self.path.dim();
        let rows = self.lags.iter().zip(self.reads).zip(out.chunks_exact_mut(dim));
        for ((lag, _), row) in rows.filter(|((_, reads), _)| **reads) {
            let slack = 16.0 * f64::EPSILON * (t.abs() + lag);
            match self.path.locate(t - lag, opening, slack) {
                Some(i) => self.path.step(i).at(t - lag, row),
                None => self.history.value(t - lag, row),
            }
        }
    }

    fn slopes(&self, t: f64, out: &mut [f64]) {
        let dim = self.path.dim();
        let rows = self.lags.iter().zip(self.reads).zip(out.chunks_exact_mut(dim));
        for ((lag, _), row) in rows.filter(|((_, reads), _)| **reads) {
            let slack = 16.0 * f64::EPSILON * (t.abs() + lag);
            match self.path.locate(t - lag, true, slack) {
                Some(i) => self.path.step(i).slope(t - lag, row),
                None => self.history.slope(t - lag, row),
            }
        }
    }
}
