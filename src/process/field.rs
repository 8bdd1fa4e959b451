//! The contract between a population process and the numerics: a parametrised system of delay differential equations.
//!
//! ```text
//! x'(t) = f(t, x(t), x(t - L_1), ..., x(t - L_k); p)
//! ```
//!
//! `x` has [`Field::dim`] entries, `p` is the vector of parameters and `L_1 < ... < L_k` are constant, positive lags that
//! may depend on `p` but on nothing else. An ordinary differential equation has no lags. Everything in `dynamics` is
//! written against this trait and knows nothing of where the equations come from.

use nalgebra::DMatrix;

/// What the numerics may know about one state variable.
#[derive(Debug, Clone, PartialEq)]
pub struct StateInfo {
    /// Name as printed, e.g. `api.queue`.
    pub name: String,
    /// Value at the start of a simulation that was told nothing else.
    pub start: f64,
    /// Smallest admissible value; `-inf` when there is none.
    pub lower: f64,
    /// Largest admissible value; `+inf` when there is none (the state may then *escape*).
    pub upper: f64,
    /// Typical size, positive; sets absolute tolerances and the scaling of continuation.
    pub scale: f64,
}

/// The derivatives of a field at one point.
#[derive(Debug, Clone)]
pub struct Jacobian {
    /// `blocks[0]` is ∂f/∂x(t), `blocks[j]` is ∂f/∂x(t - L_j) for j = 1..k; each `dim` × `dim`.
    pub blocks: Vec<DMatrix<f64>>,
    /// ∂f/∂t at fixed present and past states, length `dim`.
    pub time: Vec<f64>,
}

impl Jacobian {
    /// A zero Jacobian for `dim` states and `lags` lags.
    #[must_use]
    pub fn zeros(dim: usize, lags: usize) -> Self {
        Self { blocks: vec![DMatrix::zeros(dim, dim); lags + 1], time: vec![0.0; dim] }
    }

    /// Sum of all blocks: the Jacobian of the equilibrium equations, where every delayed state equals the present one.
    #[must_use]
    pub fn sum(&self) -> DMatrix<f64> {
        let mut total = self.blocks[0].clone();
        for block in &self.blocks[1..] {
            total += block;
        }
        total
    }
}

/// A parametrised system of (delay) differential equations; see the module documentation.
///
/// Implementations are cheap to clone: parallel code gives each thread a copy.
pub trait Field {
    /// Number of state variables.
    fn dim(&self) -> usize;

    /// Names, starts, bounds and scales of the states, length `dim`.
    fn states(&self) -> &[StateInfo];

    /// The lags in seconds, positive and ascending, for parameters `p`. Their number does not depend on `p`.
    fn lags(&self, p: &[f64]) -> Vec<f64>;

    /// For each lag, in the order of [`lags`](Self::lags), whether states are read there. Where only parameters are, no step
    /// needs to be shorter than the lag, and the past states given to the methods below may be anything.
    fn reads_states_at(&self, p: &[f64]) -> Vec<bool> {
        vec![true; self.lags(p).len()]
    }

    /// Parameters to evaluate with when those of the past differ from today's: `past[j]` are the parameters at
    /// t - L_{j+1}. A delayed rate such as `load(t - L)` needs them. The result stands in for `p` in the methods below.
    /// Fields without delayed parameters ignore the past, which is the default.
    fn with_history(&self, p: &[f64], past: &[&[f64]]) -> Vec<f64> {
        let _ = past;
        p.to_vec()
    }

    /// Writes `f` into `dx`. `past` holds the delayed states row by row: `past[j * dim + i]` is `x_i(t - L_{j+1})`.
    /// A point outside the domain may give NaN; it must not panic.
    fn rhs(&self, t: f64, x: &[f64], past: &[f64], p: &[f64], dx: &mut [f64]);

    /// Writes all first derivatives with respect to states and time into `out`, exactly (not by differences).
    fn jacobian(&self, t: f64, x: &[f64], past: &[f64], p: &[f64], out: &mut Jacobian);

    /// Writes ∂f/∂p_k into `out`, at fixed present and past states (so without the effect of `p_k` on the lags).
    fn parameter_derivative(&self, t: f64, x: &[f64], past: &[f64], p: &[f64], k: usize, out: &mut [f64]);

    /// Rigorous enclosure of the equilibrium equations (every delayed state equal to the present one, t = 0) over the
    /// box `x`, and of their Jacobian (row-major, `dim * dim`). `None` when some function in the field has no interval
    /// extension: equilibria can then be searched for, not certified.
    fn enclose(&self, x: &[super::interval::Interval], p: &[f64]) -> Option<Enclosure>;
}

/// Result of [`Field::enclose`].
#[derive(Debug, Clone)]
pub struct Enclosure {
    /// Enclosure of `f` over the box, length `dim`.
    pub value: Vec<super::interval::Interval>,
    /// Enclosure of ∂f/∂x over the box, row-major, `dim * dim`.
    pub jacobian: Vec<super::interval::Interval>,
}
