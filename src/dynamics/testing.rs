//! Fields for tests: any system written as plain functions, and the reference problem M1.

use crate::process::field::{Enclosure, Field, Jacobian, StateInfo};
use crate::process::interval::Interval;

/// Arguments `t, x, past, p` and the output of a right-hand side.
pub(crate) type Rhs = fn(f64, &[f64], &[f64], &[f64], &mut [f64]);
/// The derivatives of a right-hand side.
pub(crate) type Derivatives = fn(f64, &[f64], &[f64], &[f64], &mut Jacobian);
/// Arguments `x, past, p, k` and the derivative with respect to parameter `k`.
pub(crate) type ByParameter = fn(&[f64], &[f64], &[f64], usize, &mut [f64]);
/// Enclosure over a box.
pub(crate) type Boxed = fn(&[Interval], &[f64]) -> Option<Enclosure>;

/// A field given by functions.
pub(crate) struct Plain {
    pub(crate) states: Vec<StateInfo>,
    pub(crate) lags: fn(&[f64]) -> Vec<f64>,
    pub(crate) rhs: Rhs,
    pub(crate) jacobian: Derivatives,
    pub(crate) parameter: ByParameter,
    pub(crate) enclose: Boxed,
}

pub(crate) fn state(name: &str, lower: f64, upper: f64, scale: f64) -> StateInfo {
    StateInfo { name: name.to_owned(), start: 0.0, lower, upper, scale }
}

impl Plain {
    /// A field on unbounded states of scale one.
    pub(crate) fn new(dim: usize, lags: fn(&[f64]) -> Vec<f64>, rhs: Rhs, jacobian: Derivatives) -> Self {
        let states = (0..dim).map(|i| state(&format!("x{i}"), f64::NEG_INFINITY, f64::INFINITY, 1.0)).collect();
        Self { states, lags, rhs, jacobian, parameter: |_, _, _, _, out| out.fill(0.0), enclose: |_, _| None }
    }
}

impl Field for Plain {
    fn dim(&self) -> usize {
        self.states.len()
    }
    fn states(&self) -> &[StateInfo] {
        &self.states
    }
    fn lags(&self, p: &[f64]) -> Vec<f64> {
        (self.lags)(p)
    }
    fn rhs(&self, t: f64, x: &[f64], past: &[f64], p: &[f64], dx: &mut [f64]) {
        (self.rhs)(t, x, past, p, dx);
    }
    fn jacobian(&self, t: f64, x: &[f64], past: &[f64], p: &[f64], out: &mut Jacobian) {
        (self.jacobian)(t, x, past, p, out);
    }
    fn parameter_derivative(&self, _: f64, x: &[f64], past: &[f64], p: &[f64], k: usize, out: &mut [f64]) {
        (self.parameter)(x, past, p, k, out);
    }
    fn enclose(&self, x: &[Interval], p: &[f64]) -> Option<Enclosure> {
        (self.enclose)(x, p)
    }
}

const BACKOFF: f64 = 0.5;
const CAPACITY: f64 = 1000.0;
const MIDDLE: f64 = 1000.0;
const WIDTH: f64 = 100.0;

/// The smooth retry storm: states n (queue), o (clients in back-off); parameters load and retry share r.
///
/// ```text
/// n' = a - d,  o' = r a p - o/b,  a = load + o/b,  d = 1000 n/(n+1),  p = 1/(1 + exp(-(n-1000)/100)),  b = 0.5 s
/// ```
pub(crate) fn m1() -> Plain {
    Plain {
        states: vec![state("n", 0.0, f64::INFINITY, 1.0), state("o", 0.0, f64::INFINITY, 1.0)],
        lags: |_| Vec::new(),
        rhs: |_, x, _, p, dx| {
            let a = p[0] + x[1] / BACKOFF;
            let q = 1.0 / (1.0 + (-(x[0] - MIDDLE) / WIDTH).exp());
            dx[0] = a - CAPACITY * x[0] / (x[0] + 1.0);
            dx[1] = p[1] * a * q - x[1] / BACKOFF;
        },
        jacobian: |_, x, _, p, out| {
            let a = p[0] + x[1] / BACKOFF;
            let q = 1.0 / (1.0 + (-(x[0] - MIDDLE) / WIDTH).exp());
            let b = &mut out.blocks[0];
            b[(0, 0)] = -CAPACITY / ((x[0] + 1.0) * (x[0] + 1.0));
            b[(0, 1)] = 1.0 / BACKOFF;
            b[(1, 0)] = p[1] * a * q * (1.0 - q) / WIDTH;
            b[(1, 1)] = (p[1] * q - 1.0) / BACKOFF;
        },
        parameter: |x, _, p, k, out| {
            let a = p[0] + x[1] / BACKOFF;
            let q = 1.0 / (1.0 + (-(x[0] - MIDDLE) / WIDTH).exp());
            (out[0], out[1]) = if k == 0 { (1.0, p[1] * q) } else { (0.0, a * q) };
        },
        enclose: |x, p| {
            let c = Interval::point;
            let shift = x[0] + c(1.0);
            let retry = x[1] / c(BACKOFF);
            let a = c(p[0]) + retry;
            let q = ((x[0] - c(MIDDLE)) / c(WIDTH)).increasing(|v| 1.0 / (1.0 + (-v).exp()));
            let zero_to_quarter = Interval::new(0.0, 0.25);
            let bell = (q * (c(1.0) - q)).intersect(zero_to_quarter).unwrap_or(zero_to_quarter);
            let square = Interval::outward(shift.lo * shift.lo, shift.hi * shift.hi, 1);
            Some(Enclosure {
                value: vec![a - c(CAPACITY) * x[0] / shift, c(p[1]) * a * q - retry],
                jacobian: vec![
                    -(c(CAPACITY) / square),
                    c(1.0 / BACKOFF),
                    c(p[1]) * a * bell / c(WIDTH),
                    (c(p[1]) * q - c(1.0)) / c(BACKOFF),
                ],
            })
        },
    }
}

/// Hutchinson's equation `N' = r N (1 - N(t - τ))`; parameters r and τ.
pub(crate) fn hutchinson() -> Plain {
    let mut field = Plain::new(
        1,
        |p| vec![p[1]],
        |_, x, past, p, dx| dx[0] = p[0] * x[0] * (1.0 - past[0]),
        |_, x, past, p, out| {
            out.blocks[0][(0, 0)] = p[0] * (1.0 - past[0]);
            out.blocks[1][(0, 0)] = -p[0] * x[0];
        },
    );
    field.parameter = |x, past, _, k, out| out[0] = if k == 0 { x[0] * (1.0 - past[0]) } else { 0.0 };
    field.states = vec![state("N", 0.0, f64::INFINITY, 1.0)];
    field
}
