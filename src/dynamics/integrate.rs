//! Initial value problems: stiff ordinary and constant-lag delay differential equations.
//!
//! ```text
//! x'(t) = f(t, x(t), x(t - L_1), ..., x(t - L_k); p),    x(t) = φ(t) for t <= t_0
//! ```
//!
//! The method is Rodas5P (`rodas5p`) with exact Jacobians. Delays are treated by the method of steps: the step never
//! exceeds the smallest lag, so every delayed state is known from the initial function or from the dense output of
//! accepted steps, and every point where the solution loses smoothness is the end of a step (`breakpoints`).
//!
//! The local error of state `i` is held below `rtol |x_i| + rtol · atol_factor · scale_i`. A step that leaves the
//! declared domain of a state by more than its absolute tolerance, or whose right-hand side is not finite, is
//! rejected and halved, never accepted; a miss within the tolerance is moved on to the bound, so that a state may
//! come to rest there. Step size control is proportional-integral (Gustafsson 1991; Hairer & Wanner, *Solving ODEs
//! II*, section IV.2).
//!
//! Parameters are piecewise constant in time: one [`Segment`] for each piece. A delayed rate uses the parameters of its
//! own time (see [`Field::with_history`]); before the start they were those of the first segment.

mod breakpoints;
mod delayed;
mod driver;
mod event;
mod rodas5p;
pub(super) mod tableau;
mod trajectory;
mod variational;

use std::ops::ControlFlow;

pub use event::{Direction, Event};
pub use trajectory::{Hit, Statistics, Step, Stop, Trajectory};
pub use variational::{Sensitivities, Side, sensitivities};

use crate::process::field::Field;

/// Tolerances and limits of an integration.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Relative tolerance of each step, positive.
    pub rtol: f64,
    /// Absolute tolerance of state `i` is `rtol * atol_factor * scale_i`.
    pub atol_factor: f64,
    /// Largest number of accepted steps.
    pub max_steps: usize,
    /// First step to try at the start of each segment; `None` chooses one.
    pub initial_step: Option<f64>,
    /// Largest step. A right-hand side that depends on time through pulses needs it no larger than a pulse: while the
    /// solution is at rest, steps are long, and what lies between the points where it is evaluated is not seen.
    pub max_step: f64,
    /// Whether a new piece without a kick is entered with the step size of the one before: for inputs in many pieces that
    /// differ little, where starting anew costs more than a step that is rejected now and then.
    pub carry_step: bool,
    /// Whether all steps are kept. If not, only those the lags reach back to are: for long runs with an observer.
    pub retain: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rtol: 1e-6,
            atol_factor: 1e-3,
            max_steps: 1_000_000,
            initial_step: None,
            max_step: f64::INFINITY,
            carry_step: false,
            retain: true,
        }
    }
}

/// A span of time with constant parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// End of the span; it begins where the one before ends.
    pub until: f64,
    /// Parameters during it.
    pub parameters: Vec<f64>,
    /// States set at its start, as (state, value): what is known there from elsewhere. Before the kick.
    pub set: Vec<(usize, f64)>,
    /// Jumps of states at its start, as (state, amount). A jump stops at the bounds of the state: a kick that removes
    /// more than there is leaves nothing.
    pub kick: Vec<(usize, f64)>,
}

impl Segment {
    /// A span without a kick.
    #[must_use]
    pub fn new(until: f64, parameters: &[f64]) -> Self {
        Self { until, parameters: parameters.to_vec(), set: Vec::new(), kick: Vec::new() }
    }
}

/// The states up to the start of the integration.
pub enum History<'a> {
    /// Always the same.
    Constant(Vec<f64>),
    /// Given by a function, which writes its second argument.
    Function {
        /// The states at a time.
        value: &'a dyn Fn(f64, &mut [f64]),
        /// Their time derivatives.
        slope: &'a dyn Fn(f64, &mut [f64]),
    },
    /// An earlier trajectory; before its start, its first state.
    Continued(&'a Trajectory),
}

impl History<'_> {
    fn value(&self, t: f64, out: &mut [f64]) {
        match self {
            Self::Constant(x) => out.copy_from_slice(x),
            Self::Function { value, .. } => value(t, out),
            Self::Continued(path) => match path.steps().next() {
                None => out.copy_from_slice(path.final_state()),
                Some(first) if t <= first.start() => out.copy_from_slice(first.before()),
                Some(_) => {
                    if !path.at_into(t, out) {
                        out.copy_from_slice(path.final_state());
                    }
                }
            },
        }
    }

    fn slope(&self, t: f64, out: &mut [f64]) {
        match self {
            Self::Constant(_) => out.fill(0.0),
            Self::Function { slope, .. } => slope(t, out),
            Self::Continued(path) => match path.slope(t) {
                Some(slope) => out.copy_from_slice(&slope),
                None => out.fill(0.0),
            },
        }
    }
}

/// Why a step was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The error estimate stays above the tolerance.
    #[error("the error estimate stays above the tolerance")]
    ErrorTooLarge,
    /// The right-hand side is not finite.
    #[error("the right-hand side is not finite")]
    NotFinite,
    /// The stage matrix is singular.
    #[error("the stage matrix is singular")]
    Singular,
    /// A state is driven out of its domain.
    #[error("state {state} is driven out of its domain")]
    LeftDomain {
        /// Name of the state.
        state: String,
    },
}

/// Why an integration gave no trajectory.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IntegrateError {
    /// No step was short enough.
    #[error("step size underflow at t = {t}: {reason}")]
    StepUnderflow {
        /// Time reached.
        t: f64,
        /// What stood in the way.
        reason: Rejection,
    },
    /// The allowed number of steps was used up.
    #[error("{limit} steps end at t = {t}, before the end of the integration")]
    TooManySteps {
        /// Time reached.
        t: f64,
        /// The limit.
        limit: usize,
    },
    /// There is nothing to integrate.
    #[error("an integration needs at least one segment")]
    NoSegments,
    /// Segment ends must ascend from the start.
    #[error("segment {index} ends at {until}, which is not after {before}")]
    UnorderedSegments {
        /// Index of the segment.
        index: usize,
        /// Its end.
        until: f64,
        /// The end of the one before, or the start.
        before: f64,
    },
    /// The integration starts outside the domain of a state.
    #[error("state {state} starts at {value}, outside its domain")]
    StartOutsideDomain {
        /// Name of the state.
        state: String,
        /// Its value at the start.
        value: f64,
    },
    /// A lag is not positive and finite.
    #[error("a lag of {lag} is not positive and finite")]
    BadLag {
        /// The lag.
        lag: f64,
    },
    /// A vector has the wrong length or a kick names a state that does not exist.
    #[error("expected {expected} states, found {found}")]
    Dimension {
        /// Number of states of the field.
        expected: usize,
        /// What was given.
        found: usize,
    },
    /// A tolerance or step size is not positive.
    #[error("{name} = {value} is not positive")]
    BadOption {
        /// Name of the option.
        name: &'static str,
        /// Its value.
        value: f64,
    },
}

/// Solves the initial value problem from `start` through all `segments`.
///
/// # Errors
///
/// [`IntegrateError`] says at what time no step could be accepted, or what is wrong with the arguments.
pub fn integrate<F: Field + ?Sized>(
    field: &F,
    start: f64,
    history: &History<'_>,
    segments: &[Segment],
    options: &Options,
) -> Result<Trajectory, IntegrateError> {
    integrate_with(field, start, history, segments, options, &[], &mut |_| ControlFlow::Continue(()))
}

/// As [`integrate`], looking for events, and calling `observer` after each accepted step; it can end the integration.
///
/// # Errors
///
/// As [`integrate`].
pub fn integrate_with<F: Field + ?Sized>(
    field: &F,
    start: f64,
    history: &History<'_>,
    segments: &[Segment],
    options: &Options,
    events: &[Event<'_>],
    observer: &mut dyn FnMut(&Step<'_>) -> ControlFlow<()>,
) -> Result<Trajectory, IntegrateError> {
    check(field.dim(), start, history, segments, options)?;
    driver::Driver::new(field, history, options, events).run(start, segments, observer)
}

fn check(
    dim: usize,
    start: f64,
    history: &History<'_>,
    segments: &[Segment],
    options: &Options,
) -> Result<(), IntegrateError> {
    let found = match history {
        History::Constant(x) => x.len(),
        History::Function { .. } => dim,
        History::Continued(path) => path.dim(),
    };
    if found != dim {
        return Err(IntegrateError::Dimension { expected: dim, found });
    }
    let positive = [("rtol", options.rtol), ("atol_factor", options.atol_factor), ("max_step", options.max_step)];
    for (name, value) in positive.into_iter().chain(options.initial_step.map(|h| ("initial_step", h))) {
        if value.is_nan() || value <= 0.0 {
            return Err(IntegrateError::BadOption { name, value });
        }
    }
    let mut before = start;
    for (index, segment) in segments.iter().enumerate() {
        if !(segment.until > before && segment.until.is_finite()) {
            return Err(IntegrateError::UnorderedSegments { index, until: segment.until, before });
        }
        if let Some(&(state, _)) = segment.set.iter().chain(&segment.kick).find(|(state, _)| *state >= dim) {
            return Err(IntegrateError::Dimension { expected: dim, found: state + 1 });
        }
        before = segment.until;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
