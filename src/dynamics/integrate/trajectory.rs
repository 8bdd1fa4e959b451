//! The result of an integration: a piecewise polynomial of degree 4, continuous except at kicks.
//!
//! On a step from `t0` to `t0 + h`, with `θ = (t - t0)/h`,
//!
//! ```text
//! x(t) = (1-θ) x_0 + θ (x_1 + (1-θ)(K_1 + θ (K_2 + θ K_3)))
//! ```
//!
//! The pieces are kept end to end in one array, so that storing a step costs no allocation of its own.

/// How an integration ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At the end of the last segment.
    Finished,
    /// At a terminal event, given by its index.
    Event(usize),
    /// The observer asked for it.
    Observer,
}

/// What an integration cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Accepted steps.
    pub accepted: usize,
    /// Steps rejected because the error estimate was too large.
    pub rejected_error: usize,
    /// Steps rejected because they left the domain of the states.
    pub rejected_domain: usize,
    /// Steps rejected because the right-hand side was not finite or the stage matrix was singular.
    pub rejected_breakdown: usize,
}

/// A located zero of an event function.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Index of the event in the list given.
    pub event: usize,
    /// Time of the zero.
    pub t: f64,
    /// State there.
    pub x: Vec<f64>,
}

/// One accepted step.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    pub(super) start: f64,
    pub(super) length: f64,
    pub(super) dim: usize,
    pub(super) data: &'a [f64],
}

impl Step<'_> {
    /// Time at the left end.
    #[must_use]
    pub fn start(&self) -> f64 {
        self.start
    }

    /// Time at the right end.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.start + self.length
    }

    /// State at the left end (after a kick, if there was one).
    #[must_use]
    pub fn before(&self) -> &[f64] {
        &self.data[..self.dim]
    }

    /// State at the right end (before a kick, if there is one).
    #[must_use]
    pub fn after(&self) -> &[f64] {
        &self.data[self.dim..2 * self.dim]
    }

    /// Writes the state at `t`, which is moved to the nearer end if it lies outside the step.
    pub fn at(&self, t: f64, out: &mut [f64]) {
        let theta = ((t - self.start) / self.length).clamp(0.0, 1.0);
        let rest = 1.0 - theta;
        let n = self.dim;
        for (i, o) in out.iter_mut().enumerate().take(n) {
            let d = |row: usize| self.data[row * n + i];
            *o = rest * d(0) + theta * (d(1) + rest * (d(2) + theta * (d(3) + theta * d(4))));
        }
    }

    /// Writes the time derivative at `t`, which is moved to the nearer end if it lies outside the step.
    pub fn slope(&self, t: f64, out: &mut [f64]) {
        let theta = ((t - self.start) / self.length).clamp(0.0, 1.0);
        let n = self.dim;
        for (i, o) in out.iter_mut().enumerate().take(n) {
            let c = self.monomials(i);
            *o = (c[1] + theta * (2.0 * c[2] + theta * (3.0 * c[3] + theta * 4.0 * c[4]))) / self.length;
        }
    }

    fn monomials(&self, i: usize) -> [f64; 5] {
        let d = |row: usize| self.data[row * self.dim + i];
        [d(0), d(1) - d(0) + d(2), d(3) - d(2), d(4) - d(3), -d(4)]
    }
}

/// The solution of an initial value problem, with dense output.
#[derive(Debug, Clone)]
pub struct Trajectory {
    dim: usize,
    starts: Vec<f64>,
    lengths: Vec<f64>,
    data: Vec<f64>,
    dropped: usize,
    origin: f64,
    initial: Vec<f64>,
    /// How the integration ended.
    pub stop: Stop,
    /// What it cost.
    pub statistics: Statistics,
    /// Events found, in order of time.
    pub hits: Vec<Hit>,
}

impl Trajectory {
    pub(super) fn new(origin: f64, initial: &[f64]) -> Self {
        Self {
            dim: initial.len(),
            starts: Vec::new(),
            lengths: Vec::new(),
            data: Vec::new(),
            dropped: 0,
            origin,
            initial: initial.to_vec(),
            stop: Stop::Finished,
            statistics: Statistics::default(),
            hits: Vec::new(),
        }
    }

    /// Number of state variables.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of stored steps.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether no step was stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Time at which the integration started.
    #[must_use]
    pub fn start(&self) -> f64 {
        self.origin
    }

    /// State at the start, before any kick.
    #[must_use]
    pub fn initial(&self) -> &[f64] {
        &self.initial
    }

    /// Time at which it ended.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.last().map_or(self.origin, |s| s.end())
    }

    /// State at the end.
    #[must_use]
    pub fn final_state(&self) -> &[f64] {
        match self.starts.len() {
            0 => &self.initial,
            n => &self.data[(5 * (n - 1) + 1) * self.dim..(5 * (n - 1) + 2) * self.dim],
        }
    }

    /// The stored steps in order.
    pub fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        (0..self.len()).map(|i| self.step(i))
    }

    /// Where steps begin between two times, these not included.
    #[must_use]
    pub fn starts_between(&self, from: f64, to: f64) -> &[f64] {
        let place = |t: f64| self.starts.partition_point(|start| *start <= t);
        let end = self.starts.partition_point(|start| *start < to);
        &self.starts[place(from).min(end)..end]
    }

    /// Times of the stored step ends, the start of the first stored step included.
    #[must_use]
    pub fn times(&self) -> Vec<f64> {
        let first = self.starts.first().copied().unwrap_or(self.origin);
        std::iter::once(first).chain(self.steps().map(|s| s.end())).collect()
    }

    /// State at `t`; at a kick the state after it. `None` outside the stored time span.
    #[must_use]
    pub fn at(&self, t: f64) -> Option<Vec<f64>> {
        let mut out = vec![0.0; self.dim];
        self.at_into(t, &mut out).then_some(out)
    }

    /// As [`Trajectory::at`], into a buffer; returns whether `t` lies in the stored time span.
    pub fn at_into(&self, t: f64, out: &mut [f64]) -> bool {
        match self.find(t) {
            Some(i) => {
                self.step(i).at(t, out);
                true
            }
            None => false,
        }
    }

    /// Writes the state at `t`, at a kick the state before it; returns whether `t` lies in the stored time span, its start
    /// excluded.
    pub fn before_into(&self, t: f64, out: &mut [f64]) -> bool {
        match self.locate(t, false, 16.0 * f64::EPSILON * t.abs()).filter(|_| t <= self.end()) {
            Some(i) => {
                self.step(i).at(t, out);
                true
            }
            None => false,
        }
    }

    /// Time derivative at `t`, the limit from the right where there are two. `None` outside the stored time span.
    #[must_use]
    pub fn slope(&self, t: f64) -> Option<Vec<f64>> {
        let mut out = vec![0.0; self.dim];
        self.slope_into(t, &mut out).then_some(out)
    }

    /// As [`Trajectory::slope`], into a buffer; returns whether `t` lies in the stored time span.
    pub fn slope_into(&self, t: f64, out: &mut [f64]) -> bool {
        match self.find(t) {
            Some(i) => {
                self.step(i).slope(t, out);
                true
            }
            None => false,
        }
    }

    fn find(&self, t: f64) -> Option<usize> {
        let inside = *self.starts.first()? <= t && t <= self.end();
        inside.then(|| self.starts.partition_point(|&s| s <= t).saturating_sub(1))
    }

    pub(super) fn step(&self, i: usize) -> Step<'_> {
        let width = 5 * self.dim;
        Step {
            start: self.starts[i],
            length: self.lengths[i],
            dim: self.dim,
            data: &self.data[i * width..(i + 1) * width],
        }
    }

    pub(super) fn last(&self) -> Option<Step<'_>> {
        self.len().checked_sub(1).map(|i| self.step(i))
    }

    /// Index of the stored step that holds `t`: the later one at a joint if `right`, the earlier one otherwise. Joints
    /// within `slack` of `t` count as met. `None` before the first step.
    pub(super) fn locate(&self, t: f64, right: bool, slack: f64) -> Option<usize> {
        let first = *self.starts.first()?;
        if right {
            if t < first - slack {
                return None;
            }
            Some(self.starts.partition_point(|&s| s <= t + slack).saturating_sub(1))
        } else {
            if t <= first + slack {
                return None;
            }
            Some(self.starts.partition_point(|&s| s < t - slack).saturating_sub(1))
        }
    }

    /// Appends a step; `dense` writes the three coefficients of its dense output.
    pub(super) fn push(
        &mut self,
        start: f64,
        length: f64,
        before: &[f64],
        after: &[f64],
        dense: impl FnOnce(&mut Vec<f64>),
    ) {
        self.starts.push(start);
        self.lengths.push(length);
        self.data.extend_from_slice(before);
        self.data.extend_from_slice(after);
        dense(&mut self.data);
    }

    /// Forgets steps that end before `t`, in bulk so that the cost per step stays constant.
    pub(super) fn forget_before(&mut self, t: f64) {
        let stale = self.starts.partition_point(|&s| s < t).saturating_sub(1);
        if stale > 64 && 2 * stale > self.starts.len() {
            self.starts.drain(..stale);
            self.lengths.drain(..stale);
            self.data.drain(..stale * 5 * self.dim);
            self.dropped += stale;
        }
    }

    /// Whether steps were dropped from memory.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.dropped > 0
    }

    /// Ends the last step at `t`: the same polynomial on a shorter interval.
    pub(super) fn truncate_last(&mut self, t: f64) {
        let Some(last) = self.len().checked_sub(1) else { return };
        let (n, base) = (self.dim, last * 5 * self.dim);
        let ratio = ((t - self.starts[last]) / self.lengths[last]).clamp(0.0, 1.0);
        for i in 0..n {
            let mut c = self.step(last).monomials(i);
            let mut power = 1.0;
            for v in &mut c {
                *v *= power;
                power *= ratio;
            }
            let k3 = -c[4];
            let k2 = k3 - c[3];
            let k1 = k2 - c[2];
            for (row, v) in [c[0], c.iter().sum(), k1, k2, k3].into_iter().enumerate() {
                self.data[base + row * n + i] = v;
            }
        }
        self.lengths[last] = t - self.starts[last];
    }
}

#[cfg(test)]
mod tests {
    use super::Trajectory;

    fn quartic() -> Trajectory {
        let mut path = Trajectory::new(1.0, &[3.0]);
        path.push(1.0, 2.0, &[3.0], &[5.0], |d| d.extend([0.5, -1.25, 2.0]));
        path
    }

    #[test]
    fn truncation_keeps_the_polynomial() {
        let whole = quartic();
        let mut cut = quartic();
        cut.truncate_last(2.3);
        assert_eq!(cut.end(), 2.3);
        for t in [1.0, 1.4, 2.0, 2.3] {
            let (a, b) = (whole.at(t).unwrap()[0], cut.at(t).unwrap()[0]);
            assert!((a - b).abs() < 1e-14, "{t}: {a} {b}");
            let (a, b) = (whole.slope(t).unwrap()[0], cut.slope(t).unwrap()[0]);
            assert!((a - b).abs() < 1e-13, "{t}: {a} {b}");
        }
    }

    #[test]
    fn slope_is_the_derivative_of_the_value() {
        let path = quartic();
        let (a, b, e) = (path.at(1.7).unwrap()[0], path.at(1.7 + 1e-6).unwrap()[0], 1e-6);
        assert!(((b - a) / e - path.slope(1.7 + 0.5e-6).unwrap()[0]).abs() < 1e-8);
    }

    #[test]
    fn nothing_is_said_outside_the_span() {
        assert!(quartic().at(0.99).is_none() && quartic().at(3.01).is_none());
    }
}
