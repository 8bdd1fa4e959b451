//! Why a chain has no answer.

/// Why a chain cannot be built or solved.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ChainError {
    /// A state variable without lower or upper bound.
    #[error("the state `{0}` has no bounds: a Markov chain needs finitely many states")]
    Unbounded(String),
    /// A lower bound that is not below the upper one, or not finite.
    #[error("the state `{name}` cannot run from {low} to {high}")]
    BadBound {
        /// The state.
        name: String,
        /// Its lower bound.
        low: f64,
        /// Its upper bound.
        high: f64,
    },
    /// A bound for a state that does not exist.
    #[error("the model has no state `{0}`")]
    NoSuchState(String),
    /// Something happens later: the states do not tell the future.
    #[error("`{0}` has an effect that comes later: its future depends on more than the present state")]
    Delayed(String),
    /// A rate or probability depends on the past or on time.
    #[error("the rate of `{0}` depends on time or on the past")]
    TimeDependent(String),
    /// A continuous drift.
    #[error("the state `{0}` flows continuously: a Markov chain needs jumps")]
    Flowing(String),
    /// Events that are more or less regular than those of a Poisson process.
    #[error("the events `{0}` are not a Poisson process")]
    NotPoisson(String),
    /// Jumps that are no multiples of a common step.
    #[error("the jumps of the state `{0}` are no multiples of a common step")]
    NoStep(String),
    /// More states than can be numbered.
    #[error("the chain would have {0:.3e} states, more than can be numbered")]
    TooManyStates(f64),
    /// A rate that is negative, infinite or not a number.
    #[error("the rate of `{event}` is {rate} at {state}")]
    BadRate {
        /// What happens at that rate.
        event: String,
        /// The rate.
        rate: f64,
        /// The state in words.
        state: String,
    },
    /// The factors do not fit the memory allowed.
    #[error("elimination needs {:.3} GiB, but {:.3} GiB are allowed", gib(.needed), gib(.allowed))]
    Memory {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        allowed: u64,
    },
    /// Several parts that are never left once entered.
    #[error(
        "there are {0} sets of states that are never left once entered: which one it ends in is a matter of the start"
    )]
    SeveralClasses(usize),
    /// A number too small or too large for floating point came up.
    #[error("rates or times beyond the range of floating-point numbers came up: narrower bounds may help")]
    Range,
    /// An iteration stopped without an answer.
    #[error("{what} did not converge in {steps} steps")]
    NotConverged {
        /// What was sought.
        what: &'static str,
        /// Steps made.
        steps: usize,
    },
    /// A set without states.
    #[error("the set has no states")]
    EmptySet,
}

fn gib(bytes: &u64) -> f64 {
    *bytes as f64 / f64::from(1 << 30)
}
