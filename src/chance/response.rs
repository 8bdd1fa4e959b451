//! How a small disturbance of a run at one time changes a number of later: the adjoint of the linearised delay equations.
//!
//! Along a run of x'(t) = f(t, x(t), x(t - L_1), ..., x(t - L_k); p(t)) let J_0(t) = ∂f/∂x(t) and J_j(t) = ∂f/∂x(t - L_j). A
//! disturbance δx obeys δx'(t) = Σ_j J_j(t) δx(t - L_j), L_0 = 0. For a linear functional y = w_T · δx(T) of its end, the
//! weight w(t) with which a jump dx at t counts, dy = w(t) · dx, obeys backwards in time
//!
//! ```text
//! -w'(t) = Σ_j J_j(t + L_j)ᵀ w(t + L_j),    w(T) = w_T,    w(t) = 0 for t > T
//! ```
//!
//! (A. Halanay, *Differential Equations: Stability, Oscillations, Time Lags*, 1966, section 4.1.) In τ = T - t this is itself
//! a delay equation with the same lags, and is integrated as one. The derivatives are those of [`super::linearised`]; they jump
//! where parameters do, and every t with such a jump at t + L_j ends a step.

use super::linearised::Linearised;
use crate::dynamics::integrate::{History, IntegrateError, Options, Segment, Trajectory, integrate};
use crate::process::field::{Enclosure, Field, Jacobian, StateInfo};
use crate::process::interval::Interval;

/// The weight w(t) of a disturbance, for all times of a span.
#[derive(Debug, Clone)]
pub struct Response {
    /// w as a function of τ = T - t.
    weight: Trajectory,
    end: f64,
}

/// Relative tolerance of the weight.
const RTOL: f64 = 1e-5;
/// Share of a span by which its derivatives keep away from its ends, where they may jump.
const INSIDE: f64 = 1e-9;

impl Response {
    /// The weights of y = `functional` · x(`end`) from `start` to `end`.
    ///
    /// # Errors
    /// [`IntegrateError`] if the adjoint equations cannot be solved.
    pub fn new(linearised: &Linearised<'_>, functional: &[f64], start: f64, end: f64) -> Result<Self, IntegrateError> {
        let n = linearised.fluid().dim();
        let states = linearised
            .fluid()
            .states()
            .iter()
            .map(|s| StateInfo {
                name: s.name.clone(),
                start: 0.0,
                lower: f64::NEG_INFINITY,
                upper: f64::INFINITY,
                scale: 1.0 / s.scale,
            })
            .collect();
        let mut ends: Vec<f64> = jumps(linearised).into_iter().map(|t| end - t).collect();
        let length = end - start;
        ends.retain(|&tau| tau > 1e-12 * length && tau < length);
        ends.push(length);
        ends.sort_by(f64::total_cmp);
        ends.dedup_by(|b, a| *b - *a <= 1e-12 * length);
        let mut before = 0.0;
        let mut segments = Vec::with_capacity(ends.len());
        for (k, &until) in ends.iter().enumerate() {
            let kick = if k == 0 { functional.iter().copied().enumerate().collect() } else { Vec::new() };
            segments.push(Segment { kick, ..Segment::new(until, &[before, until]) });
            before = until;
        }
        let field = Adjoint { linearised, end, states };
        let options = Options { rtol: RTOL, ..Options::default() };
        let weight = integrate(&field, 0.0, &History::Constant(vec![0.0; n]), &segments, &options)?;
        Ok(Self { weight, end })
    }

    /// The time T of the functional.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.end
    }

    /// Begin of the span.
    #[must_use]
    pub fn start(&self) -> f64 {
        self.end - self.weight.end()
    }

    /// Writes w(t): nothing after the end, the first value before the begin.
    pub fn weight(&self, t: f64, out: &mut [f64]) {
        let tau = self.end - t;
        if tau < 0.0 {
            out.fill(0.0);
        } else if !self.weight.at_into(tau, out) {
            out.copy_from_slice(self.weight.final_state());
        }
    }

    /// w(t) · `change`.
    #[must_use]
    pub fn to(&self, t: f64, change: &[f64]) -> f64 {
        let mut w = vec![0.0; change.len()];
        self.weight(t, &mut w);
        w.iter().zip(change).map(|(w, c)| w * c).sum()
    }

    /// Ends of the steps of the solution, as times, from the last to the first.
    #[must_use]
    pub fn times(&self) -> Vec<f64> {
        self.weight.times().into_iter().map(|tau| self.end - tau).collect()
    }
}

/// Where some J_j(t + L_j) may jump: t = joint + L_i - L_j.
fn jumps(linearised: &Linearised<'_>) -> Vec<f64> {
    let shifts: Vec<f64> = std::iter::once(0.0).chain(linearised.lags().iter().copied()).collect();
    let later = linearised.jumps();
    later.iter().flat_map(|later| shifts.iter().map(move |earlier| later - earlier)).collect()
}

struct Adjoint<'a> {
    linearised: &'a Linearised<'a>,
    end: f64,
    states: Vec<StateInfo>,
}

impl Adjoint<'_> {
    /// The times t + L_j that count at τ, moved inside the span `p`, with their lag numbers j.
    fn times(&self, tau: f64, p: &[f64]) -> impl Iterator<Item = (usize, f64)> {
        let margin = INSIDE * (p[1] - p[0]);
        let t = self.end - tau.clamp(p[0] + margin, p[1] - margin);
        let lags = self.linearised.lags().iter().map(move |lag| t + lag);
        std::iter::once(t).chain(lags).enumerate().filter(|(_, at)| *at <= self.end)
    }
}

impl Field for Adjoint<'_> {
    fn dim(&self) -> usize {
        self.states.len()
    }

    fn states(&self) -> &[StateInfo] {
        &self.states
    }

    fn lags(&self, _: &[f64]) -> Vec<f64> {
        self.linearised.lags().to_vec()
    }

    fn rhs(&self, tau: f64, w: &[f64], past: &[f64], p: &[f64], dw: &mut [f64]) {
        let n = w.len();
        dw.fill(0.0);
        for (j, at) in self.times(tau, p) {
            let w = if j == 0 { w } else { &past[(j - 1) * n..j * n] };
            self.linearised.entries(at, j, |row, column, value, _| dw[column] += value * w[row]);
        }
    }

    fn jacobian(&self, tau: f64, w: &[f64], past: &[f64], p: &[f64], out: &mut Jacobian) {
        let n = w.len();
        out.blocks.iter_mut().for_each(|b| b.fill(0.0));
        out.time.fill(0.0);
        for (j, at) in self.times(tau, p) {
            let w = if j == 0 { w } else { &past[(j - 1) * n..j * n] };
            self.linearised.entries(at, j, |row, column, value, slope| {
                out.blocks[j][(column, row)] = value;
                // τ runs against t.
                out.time[column] -= slope * w[row];
            });
        }
    }

    fn parameter_derivative(&self, _: f64, _: &[f64], _: &[f64], _: &[f64], _: usize, out: &mut [f64]) {
        out.fill(0.0);
    }

    fn enclose(&self, _: &[Interval], _: &[f64]) -> Option<Enclosure> {
        None
    }
}
