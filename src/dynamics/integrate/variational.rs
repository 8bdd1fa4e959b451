//! The derivatives of a trajectory by parameters, along its own steps.
//!
//! ```text
//! s' = A(t) s + b(t),   A = ∂f/∂x(t),   s = ∂x/∂θ      (b: see `process::fluid::Tangent`)
//! ```
//!
//! is linear, so that one collocation step needs no iteration: Radau IIA with three stages, of order 5, L-stable, and
//! damping what the equations damp (Hairer & Wanner, *Solving ODEs II*, section IV.5),
//!
//! ```text
//! S_i = s + h Σ_j a_ij (A(t + c_j h) S_j + b(t + c_j h)),    s(t + h) = S_3
//! ```
//!
//! on the dense output of the trajectory. Between the stages s is the polynomial through s and the S_i; delayed values of
//! s are read off it.
//!
//! Where a jump of the parameters or of a state at `τ` is felt at `τ + L` and the lag depends on θ, the moment of the jump
//! moves with it; where a state is set to a value, that does not depend on θ:
//!
//! ```text
//! s(τ + L + 0) = s(τ + L - 0) + (f_- - f_+) ∂L/∂θ,      s_i(τ + 0) = 0 for a state that is set
//! ```

use super::driver::parameters_from;
use super::trajectory::Trajectory;
use super::{IntegrateError, Segment};
use crate::dynamics::linear::Lu;
use crate::process::field::Field;
use crate::process::fluid::{Moment, Tangent};

/// Nodes of Radau IIA with three stages: (4 ∓ √6)/10 and 1.
const NODES: [f64; 3] = [0.155_051_025_721_682_2, 0.644_948_974_278_317_8, 1.0];
/// Its coefficients.
const A: [[f64; 3]; 3] = [
    [0.196_815_477_223_660_4, -0.065_535_425_850_198_39, 0.023_770_974_348_220_15],
    [0.394_424_314_739_087_3, 0.292_073_411_665_228_4, -0.041_548_752_125_997_93],
    [0.376_403_062_700_467_3, 0.512_485_826_188_421_6, 0.111_111_111_111_111_1],
];

/// The side from which a value at a joint of steps is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Before it.
    Left,
    /// After it.
    Right,
}

/// Derivatives of a trajectory; `slopes[i * parameters + k]` is that of state `i` by parameter `k`.
#[derive(Debug, Clone)]
pub struct Sensitivities {
    width: usize,
    /// At the start, and before it.
    origin: Vec<f64>,
    /// Step by step: s at its left end and at the nodes.
    data: Vec<f64>,
}

impl Sensitivities {
    /// Writes the derivatives at `t`; before the start those of the initial state, after the end those of the last.
    pub fn at(&self, path: &Trajectory, t: f64, side: Side, out: &mut [f64]) {
        let slack = 16.0 * f64::EPSILON * t.abs();
        match path.locate(t, side == Side::Right, slack).filter(|_| !self.data.is_empty()) {
            None => out.copy_from_slice(&self.origin),
            Some(i) => self.within(path, i, t, out),
        }
    }

    fn within(&self, path: &Trajectory, step: usize, t: f64, out: &mut [f64]) {
        let piece = path.step(step);
        let theta = ((t - piece.start()) / (piece.end() - piece.start())).clamp(0.0, 1.0);
        let weights = lagrange(theta);
        let rows = self.data[4 * self.width * step..].chunks_exact(self.width);
        out.fill(0.0);
        for (weight, row) in weights.iter().zip(rows) {
            for (slot, value) in out.iter_mut().zip(row) {
                *slot += weight * value;
            }
        }
    }
}

/// The polynomials that are 1 at one of 0 and the nodes and 0 at the others, at `theta`.
fn lagrange(theta: f64) -> [f64; 4] {
    let points = [0.0, NODES[0], NODES[1], NODES[2]];
    std::array::from_fn(|i| {
        let others = (0..4).filter(|j| *j != i);
        others.map(|j| (theta - points[j]) / (points[i] - points[j])).product()
    })
}

/// The derivatives of `path`, which was integrated through `segments` from a constant history whose derivatives are
/// `origin`, by the parameters of `tangent`. `None` where they do not exist.
///
/// # Errors
/// [`IntegrateError`] for segments with kicks, and if steps of the path were dropped.
pub fn sensitivities(
    tangent: &Tangent,
    path: &Trajectory,
    segments: &[Segment],
    origin: &[f64],
) -> Result<Option<Sensitivities>, IntegrateError> {
    let Some(last) = segments.last() else { return Err(IntegrateError::NoSegments) };
    if path.is_partial() || segments.iter().any(|s| !s.kick.is_empty()) {
        return Err(IntegrateError::TooManySteps { t: last.until, limit: path.len() });
    }
    let fluid = tangent.fluid();
    let (n, count) = (fluid.dim(), tangent.free());
    let width = n * count;
    let mut found = Sensitivities { width, origin: origin.to_vec(), data: Vec::with_capacity(4 * width * path.len()) };
    let mut walk = Walk { tangent, path, segments, n, count, past: Vec::new(), past_slopes: Vec::new() };
    let mut slopes = origin.to_vec();
    let (mut lu, mut right) = (Lu::new(3 * n), vec![0.0; 3 * n]);
    let mut matrices = vec![0.0; 3 * n * n];
    let mut forcings = vec![0.0; 3 * width];
    let mut x = vec![0.0; n];
    let (mut segment, mut entered) = (usize::MAX, 0);
    let (mut lags, mut lag_slopes) = (Vec::new(), Vec::new());
    for index in 0..path.len() {
        let step = path.step(index);
        let (t, h) = (step.start(), step.end() - step.start());
        let slack = 16.0 * f64::EPSILON * t.abs();
        let now = segments.partition_point(|s| s.until <= t + slack).min(segments.len() - 1);
        if now != segment {
            segment = now;
            lags = fluid.lags(&segments[now].parameters);
            lag_slopes = tangent.lag_slopes(&segments[now].parameters);
        }
        if index > 0 {
            walk.jumps((t, step.before()), (&lags, &lag_slopes), &found, &mut slopes);
        }
        if now > entered {
            entered = now;
            for &(state, _) in &segments[now].set {
                slopes[state * count..(state + 1) * count].fill(0.0);
            }
        }
        let p = parameters_from(fluid, &segments[..=now], path.start(), t, &lags);
        for (stage, node) in NODES.iter().enumerate() {
            let at = t + node * h;
            step.at(at, &mut x);
            walk.delayed(at, Side::Left, (&lags, &lag_slopes), &found);
            let moment = Moment {
                t: at,
                x: &x,
                past: &walk.past,
                past_slopes: &walk.past_slopes,
                lag_slopes: &lag_slopes,
                p: &p,
            };
            let matrix = &mut matrices[stage * n * n..(stage + 1) * n * n];
            tangent.drift(&moment, matrix, &mut forcings[stage * width..(stage + 1) * width]);
        }
        // Infinite derivatives at the edge of a domain are left out, as in the steps themselves.
        for v in matrices.iter_mut().chain(&mut forcings) {
            if !v.is_finite() {
                *v = 0.0;
            }
        }
        let w = lu.matrix_mut();
        for (i, row) in A.iter().enumerate() {
            for (j, a) in row.iter().enumerate() {
                for r in 0..n {
                    for c in 0..n {
                        let unit = f64::from(u8::from(i == j && r == c));
                        w[(i * n + r) * 3 * n + j * n + c] = unit - h * a * matrices[(j * n + r) * n + c];
                    }
                }
            }
        }
        if !lu.factor() {
            return Ok(None);
        }
        let base = found.data.len();
        found.data.extend_from_slice(&slopes);
        found.data.resize(base + 4 * width, 0.0);
        for k in 0..count {
            for (i, row) in A.iter().enumerate() {
                for r in 0..n {
                    let pushed: f64 = (0..3).map(|j| row[j] * forcings[(j * n + r) * count + k]).sum();
                    right[i * n + r] = slopes[r * count + k] + h * pushed;
                }
            }
            lu.solve(&mut right);
            for (i, stage) in right.chunks_exact(n).enumerate() {
                for (r, value) in stage.iter().enumerate() {
                    found.data[base + (i + 1) * width + r * count + k] = *value;
                }
            }
        }
        slopes.copy_from_slice(&found.data[base + 3 * width..]);
    }
    Ok(found.data.iter().all(|v| v.is_finite()).then_some(found))
}

/// What is read along the way.
struct Walk<'a> {
    tangent: &'a Tangent,
    path: &'a Trajectory,
    segments: &'a [Segment],
    n: usize,
    count: usize,
    past: Vec<f64>,
    past_slopes: Vec<f64>,
}

impl Walk<'_> {
    /// Fills in the delayed states and their total derivatives at `t`.
    fn delayed(&mut self, t: f64, side: Side, (lags, lag_slopes): (&[f64], &[f64]), found: &Sensitivities) {
        let (n, count) = (self.n, self.count);
        self.past.resize(lags.len() * n, 0.0);
        self.past_slopes.resize(lags.len() * n * count, 0.0);
        let mut rate = vec![0.0; n];
        for (j, lag) in lags.iter().enumerate() {
            let slack = 16.0 * f64::EPSILON * (t.abs() + lag);
            let past = &mut self.past[j * n..(j + 1) * n];
            let slopes = &mut self.past_slopes[j * n * count..(j + 1) * n * count];
            match self.path.locate(t - lag, side == Side::Right, slack) {
                Some(i) if 4 * found.width * (i + 1) <= found.data.len() => {
                    self.path.step(i).at(t - lag, past);
                    self.path.step(i).slope(t - lag, &mut rate);
                    found.within(self.path, i, t - lag, slopes);
                }
                // A lag at which only parameters are read may reach into the step that is being made.
                Some(i) => {
                    self.path.step(i).at(t - lag, past);
                    rate.fill(0.0);
                    slopes.fill(0.0);
                }
                None => {
                    past.copy_from_slice(self.path.initial());
                    rate.fill(0.0);
                    slopes.copy_from_slice(&found.origin);
                }
            }
            for (i, rate) in rate.iter().enumerate() {
                for k in 0..count {
                    slopes[i * count + k] -= rate * lag_slopes[j * count + k];
                }
            }
        }
    }

    /// Adds the jumps of the derivatives at the start of a step: a change of parameters arrives after a lag.
    fn jumps(
        &mut self,
        (t, x): (f64, &[f64]),
        (lags, lag_slopes): (&[f64], &[f64]),
        found: &Sensitivities,
        slopes: &mut [f64],
    ) {
        let (n, count, segments) = (self.n, self.count, self.segments);
        for (j, lag) in lags.iter().enumerate() {
            let slack = 64.0 * f64::EPSILON * (t.abs() + lag);
            let own = &lag_slopes[j * count..(j + 1) * count];
            let before = segments.partition_point(|s| s.until < t - lag - slack);
            let met = segments.get(before).is_some_and(|s| (s.until - (t - lag)).abs() <= slack);
            let (Some(old), Some(new)) = (segments.get(before), segments.get(before + 1)) else { continue };
            if !met || own.iter().all(|slope| *slope == 0.0) {
                continue;
            }
            let now = segments.partition_point(|s| s.until <= t + slack).min(segments.len() - 1);
            let p = &segments[now].parameters;
            let at = |s: f64| {
                let index = segments.partition_point(|q| q.until <= s + slack).min(segments.len() - 1);
                segments[index].parameters.as_slice()
            };
            let mut history: Vec<&[f64]> = lags.iter().map(|lag| at(t - lag)).collect();
            self.delayed(t, Side::Right, (lags, lag_slopes), found);
            let arriving = self.past[j * n..(j + 1) * n].to_vec();
            self.delayed(t, Side::Left, (lags, lag_slopes), found);
            let mut drifts = [vec![0.0; n], vec![0.0; n]];
            for (arrived, f) in [old, new].into_iter().zip(&mut drifts) {
                if let Some(slot) = history.get_mut(j) {
                    *slot = arrived.parameters.as_slice();
                }
                if std::ptr::eq(arrived, new) {
                    self.past[j * n..(j + 1) * n].copy_from_slice(&arriving);
                }
                let fluid = self.tangent.fluid();
                fluid.rhs(t, x, &self.past, &fluid.with_history(p, &history), f);
            }
            let [minus, plus] = drifts;
            for i in 0..n {
                for (k, slope) in own.iter().enumerate() {
                    slopes[i * count + k] += (minus[i] - plus[i]) * slope;
                }
            }
        }
    }
}
