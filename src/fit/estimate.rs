//! Estimation by nonlinear least squares: the best parameters, how sure they are, and what the data cannot tell.
//!
//! 1. [`problem`]: what is to be estimated.
//! 2. [`loss`]: least squares and robust losses.
//! 3. `objective`, `quadratic`, `levenberg`, `starts`: the search.
//! 4. `covariance`, [`profile`]: intervals, to first order and by likelihood.
//! 5. [`identifiability`], [`residuals`], [`selection`]: what to make of them.
//! 6. [`scatter`]: curves of throughput and latency over load.
//!
//! ```
//! use tipping::fit::estimate::{Options, estimate, problem::{Curve, Parameter}};
//!
//! let x = [1.0, 2.0, 3.0, 5.0, 8.0, 12.0];
//! let y = [2.6, 4.2, 5.3, 6.6, 7.9, 8.6];
//! let parameters = vec![Parameter::log("limit", 5.0), Parameter::log("half", 1.0)];
//! let curve = Curve { parameters, y: &y, weights: None, model: |p: &[f64], i: usize| p[0] * x[i] / (p[1] + x[i]) };
//! let fit = estimate(&curve, &Options::default())?;
//! assert!(fit.status.converged());
//! let limit = &fit.intervals[0];
//! assert!((limit.value - 10.95).abs() < 0.01);
//! assert!((limit.lower.value() - 10.66).abs() < 0.01 && (limit.upper.value() - 11.26).abs() < 0.01);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod covariance;
mod dispersion;
pub mod identifiability;
mod levenberg;
pub mod loss;
#[cfg(test)]
mod nist;
mod objective;
pub mod problem;
pub mod profile;
mod quadratic;
pub mod residuals;
pub mod scatter;
pub mod selection;
pub(crate) mod special;
mod stages;
mod starts;
#[cfg(test)]
mod tests;

pub use covariance::{Covariance, NullDirection};
pub use levenberg::{Settings, Status, Step};
pub use objective::{Differences, Trouble};
pub use starts::{StartReport, Starts};

use dispersion::Dispersion;
use identifiability::Identifiability;
use levenberg::Watch;
use loss::Loss;
use nalgebra::{DMatrix, DVector};
use objective::{Objective, Point};
use problem::Problem;
use profile::{End, Interval, Region, Target};
use residuals::Diagnostics;
use selection::Score;
use stages::{interval, profile_all, robust, summarise};
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What to do.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Settings of the search.
    pub settings: Settings,
    /// Further starts.
    pub starts: Starts,
    /// The loss.
    pub loss: Loss,
    /// Probability of the intervals.
    pub level: f64,
    /// Whether profile intervals are computed.
    pub profiles: bool,
    /// Whether residuals are in order of time, so that intervals are widened for their autocorrelation.
    pub ordered: bool,
    /// Asked between steps; true ends the work.
    pub interrupt: &'a (dyn Fn() -> bool + Sync),
    /// Told of every step of every search, from several threads.
    pub progress: &'a (dyn Fn(Step) + Sync),
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            starts: Starts::default(),
            loss: Loss::Square,
            level: 0.95,
            profiles: true,
            ordered: true,
            interrupt: &|| false,
            progress: &|_| {},
        }
    }
}

/// Why there is no estimate.
#[derive(Debug, thiserror::Error)]
pub enum Failure<E: std::error::Error + 'static> {
    /// A starting value or bounds that cannot be used.
    #[error("{0}")]
    Parameters(String),
    /// Fewer residuals than parameters.
    #[error("{parameters} parameters cannot be estimated from {residuals} measurements")]
    TooFew {
        /// Number of residuals.
        residuals: usize,
        /// Number of free parameters.
        parameters: usize,
    },
    /// Nothing can be computed at the start nor anywhere else that was tried.
    #[error("the model cannot be computed at the starting values: {0}")]
    Start(Trouble<E>),
    /// The decomposition of the Jacobian failed at the end of the search.
    #[error("the derivatives at the estimate cannot be used")]
    Derivatives,
}

/// Numbers of evaluations of the residuals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Evaluations {
    /// By the searches, derivatives included.
    pub search: usize,
    /// By the profiles.
    pub profiles: usize,
}

/// An estimate.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// Parameter values.
    pub values: Vec<f64>,
    /// How the search ended. Without convergence there are no intervals.
    pub status: Status,
    /// Accepted steps of the search that won.
    pub iterations: usize,
    /// Relative offset: the distance to the optimum in standard errors.
    pub offset: f64,
    /// Largest cosine between the residuals and a column of the Jacobian, another measure of that.
    pub gradient: f64,
    /// The objective: the weighted sum of squares, or its robust counterpart.
    pub objective: f64,
    /// Weighted residuals.
    pub residuals: Vec<f64>,
    /// Scale of the residuals in a robust loss.
    pub scale: Option<f64>,
    /// First-order uncertainty.
    pub covariance: Covariance,
    /// Profile-likelihood intervals by parameter; empty without convergence, without any residual
    /// variance, or if not asked for.
    pub intervals: Vec<Interval>,
    /// What the data say about each parameter; empty without intervals.
    pub identifiability: Vec<Identifiability>,
    /// What the residuals look like.
    pub diagnostics: Diagnostics,
    /// For comparison with other models of the same data.
    pub score: Score,
    /// What came of several starts.
    pub starts: StartReport,
    /// What it cost.
    pub evaluations: Evaluations,
    best: Point,
    jacobian: DMatrix<f64>,
    /// Rise of the objective at the ends of an interval, for residuals that are independent.
    rise: f64,
    /// Smallest rise that means something.
    noise: f64,
    dispersion: Dispersion,
    loss: Loss,
    /// Ends of the parameters' intervals, where those of derived quantities are looked for.
    known: Vec<(Point, DMatrix<f64>)>,
}

/// How often a better optimum found on a profile is followed.
const RESTARTS: usize = 4;

/// Fits a problem.
///
/// # Errors
///
/// See [`Failure`]. A search that does not converge is not an error; see [`Estimate::status`].
pub fn estimate<P: Problem>(problem: &P, options: &Options<'_>) -> Result<Estimate, Failure<P::Error>> {
    let parameters = problem.parameters();
    if let Some(defect) = parameters.iter().find_map(problem::Parameter::defect) {
        return Err(Failure::Parameters(defect));
    }
    let free = parameters.iter().filter(|q| q.lower < q.upper).count();
    let n = problem.residual_count();
    if n < free || n == 0 {
        return Err(Failure::TooFew { residuals: n, parameters: free });
    }
    let counter = AtomicUsize::new(0);
    let watch = Watch { interrupt: options.interrupt, progress: options.progress };
    let plain = Objective::new(problem, Loss::Square, 1.0, &counter);
    let given: Vec<f64> = parameters.iter().map(|q| q.start).collect();
    let (given, trouble) = match plain.point(plain.coordinates(&given)) {
        Ok(point) => (Some(point), None),
        Err(trouble) => (None, Some(trouble)),
    };
    let found = starts::search(&plain, given, &options.starts, &options.settings, &watch);
    let (mut descent, starts) = match (found, trouble) {
        (Some(found), _) => found,
        (None, Some(trouble)) => return Err(Failure::Start(trouble)),
        (None, None) => return Err(Failure::Derivatives),
    };

    let mut scale = 1.0;
    let mut search = 0;
    for restart in 0..=RESTARTS {
        if options.loss != Loss::Square {
            (descent, scale) = robust(problem, descent, options, &watch, &counter);
        }
        search += counter.swap(0, Ordering::Relaxed);
        let objective = Objective::new(problem, options.loss, scale, &counter);
        let mut fit = summarise(&objective, descent.clone(), starts, options)?;
        fit.evaluations.search = search;
        // Without noise every likelihood region is a point.
        let region = fit.rise.max(fit.noise) > 0.0 && fit.covariance.degrees_of_freedom > 0;
        if !options.profiles || !fit.status.converged() || !region {
            return Ok(fit);
        }
        let better = profile_all(&objective, &mut fit, options);
        fit.evaluations.profiles = counter.swap(0, Ordering::Relaxed);
        let again = better.filter(|_| restart < RESTARTS).and_then(|point| {
            let plain = Objective::new(problem, options.loss, scale, &counter);
            levenberg::descend(&plain, point, None, &options.settings, &watch).ok()
        });
        match again {
            Some(better) => {
                search += fit.evaluations.profiles;
                descent = better;
            }
            None => return Ok(fit),
        }
    }
    Err(Failure::Derivatives)
}

impl Estimate {
    /// The profile-likelihood interval of a quantity computed from the parameter values, at the level of the fit. `None`
    /// if it does not exist at the estimate. `quantity` may return `None` where it does not exist; an end that runs into
    /// such parameters is unresolved.
    pub fn derived<P: Problem>(
        &self,
        problem: &P,
        quantity: &(dyn Fn(&[f64]) -> Option<f64> + Sync),
        interrupt: &(dyn Fn() -> bool + Sync),
    ) -> Option<Interval> {
        let value = quantity(&self.values)?;
        let counter = AtomicUsize::new(0);
        let objective = Objective::new(problem, self.loss, self.scale.unwrap_or(1.0), &counter);
        let mut region = Region {
            objective: &objective,
            best: &self.best,
            jacobian: &self.jacobian,
            rise: self.rise,
            interrupt,
            known: RefCell::new(self.known.clone()),
        };
        let unresolved = Interval { value, lower: End::Unresolved(value), upper: End::Unresolved(value) };
        let target = Target::Derived(quantity);
        let factor = region.gradient(&target).map_or(1.0, |gradient| self.dispersion.along(&gradient));
        region.rise = (self.rise * factor).max(self.noise);
        Some(interval(&region, &target, value).unwrap_or(unresolved))
    }

    /// First-order standard error of a quantity with this gradient in search coordinates.
    #[must_use]
    pub fn propagated(&self, gradient: &[f64]) -> f64 {
        let g = DVector::from_column_slice(gradient);
        (g.transpose() * &self.covariance.matrix * &g)[(0, 0)].max(0.0).sqrt()
    }
}
