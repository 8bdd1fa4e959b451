//! The spread that noise gives to a number at the end of a run, and what it means for a threshold.
//!
//! Let y = w_T · x(T) tell on which side of an edge a run ends. By linear noise (van Kampen 1961; Kurtz 1971) y is normal about
//! its fluid value with a variance that adds up over all events before T ([`super::events`]):
//!
//! ```text
//! Var y = ∫ Σ_events r(t) (V(t) + D(t) M(t)²) dt
//! ```
//!
//! from so early that what is earlier has been forgotten. If a parameter s of the run (the duration of a trigger, its size)
//! moves y by dy/ds, the run at the critical s tips with probability one half, others with
//!
//! ```text
//! P(tips at s) = Φ((s - s_50)/σ(s)),    σ² = Var y/(dy/ds)²
//! ```
//!
//! A longer or larger trigger also makes more noise. To first order σ²(s) = σ² + g (s - s_50), which makes the upper tail
//! longer than the lower one ([`Spread`]); with z = 1.2816
//!
//! ```text
//! s_10, s_90 = s_50 + z² g/2 ∓ sqrt((z² g/2)² + z² σ²)
//! ```
//!
//! For a duration, g (dy/ds)² is the variance rate at the end of the trigger: lengthening it by ds inserts a piece of noise
//! there and moves all that follows. For a size it is the derivative of Var y with respect to the parameters.
//!
//! Sources: N. van Kampen, Can. J. Phys. 39 (1961) 551-567; T. Kurtz, J. Appl. Prob. 8 (1971) 344-356.

use super::events::{Effect, Events, Future};
use super::linearised::Linearised;
use super::response::Response;
use super::run::Run;
use crate::dynamics::integrate::{IntegrateError, Segment};
use crate::process::number::Number;
use std::cell::RefCell;

/// Variance of the functional of `response` along a run, from the noise of all events between the begin and the end of the
/// response; with the share of it that comes from the first half of the span, which is small once the past is forgotten.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variance {
    /// The variance.
    pub total: f64,
    /// What of it comes from the span before `since`.
    pub early: f64,
    /// Its growth per unit of time just before `joint`.
    pub at_joint: f64,
}

/// How the threshold of a trigger is spread over runs; see the module documentation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Where half of the runs tip.
    pub middle: f64,
    /// Variance of the threshold, in the square of its unit.
    pub variance: f64,
    /// Growth of that variance with the threshold.
    pub growth: f64,
}

impl Spread {
    /// Where a share of the runs tips: Φ(z) of them.
    #[must_use]
    pub fn quantile(&self, z: f64) -> f64 {
        let shift = 0.5 * z * z * self.growth;
        self.middle + shift + z.signum() * (shift * shift + z * z * self.variance).sqrt()
    }

    /// Share of runs that tip at `value`.
    #[must_use]
    pub fn probability(&self, value: f64) -> f64 {
        let away = value - self.middle;
        let variance = self.variance + self.growth * away;
        if variance <= 0.0 {
            return if away > 0.0 { 1.0 } else { 0.0 };
        }
        Number::normal_cdf(away / variance.sqrt())
    }
}

/// Gauss nodes on (0, 1) of three points, and their weights.
const NODES: [(f64, f64); 3] =
    [(0.112_701_665_379_258_3, 5.0 / 18.0), (0.5, 4.0 / 9.0), (0.887_298_334_620_741_7, 5.0 / 18.0)];

/// Computes the variance of the functional of `response`; `since` parts its early part from the rest, and the rate just
/// before `joint` is noted.
#[must_use]
pub fn variance(run: &Run<'_>, events: &Events, response: &Response, since: f64, joint: f64) -> Variance {
    let lags = run.lags();
    let known = Known { response, now: RefCell::new(response.end()), fired: RefCell::new(Vec::new()) };
    let (mut total, mut early, mut at_joint) = (0.0, 0.0, None);
    let times = response.times();
    for pair in times.windows(2) {
        let (later, earlier) = (pair[0], pair[1]);
        let length = later - earlier;
        for (node, weight) in NODES {
            let t = later - node * length;
            let point = run.point(t, &lags);
            let values = events.values(t, &point.x, &point.past, &point.p);
            *known.now.borrow_mut() = t;
            let effects = events.effects(&values, &known);
            let rate = events.variance_rate(&values, &effects);
            if t < joint {
                at_joint.get_or_insert(rate);
            }
            let part = weight * length * rate;
            total += part;
            if t < since {
                early += part;
            }
            known.fired.borrow_mut().push((t, effects));
        }
    }
    Variance { total, early, at_joint: at_joint.unwrap_or(0.0) }
}

/// The future of an event, known since the run is worked through backwards.
struct Known<'a> {
    response: &'a Response,
    now: RefCell<f64>,
    /// Effects of all events at times descending.
    fired: RefCell<Vec<(f64, Vec<Effect>)>>,
}

impl Future for Known<'_> {
    fn weight(&self, delay: f64, out: &mut [f64]) {
        self.response.weight(*self.now.borrow() + delay, out);
    }

    fn fired(&self, event: usize, delay: f64) -> Effect {
        let t = *self.now.borrow() + delay;
        let known = self.fired.borrow();
        if t > self.response.end() {
            return Effect::default();
        }
        let after = known.partition_point(|(s, _)| *s > t);
        match (after.checked_sub(1).map(|i| &known[i]), known.get(after)) {
            (Some(a), Some(b)) => {
                let share = (a.0 - t) / (a.0 - b.0);
                let mix = |x: f64, y: f64| x + share * (y - x);
                let (x, y) = (a.1[event], b.1[event]);
                Effect { mean: mix(x.mean, y.mean), variance: mix(x.variance, y.variance) }
            }
            (Some(a), None) | (None, Some(a)) => a.1[event],
            (None, None) => Effect::default(),
        }
    }
}

/// How often the span before a run is lengthened, fourfold each time, until the past is forgotten.
const LENGTHENINGS: usize = 6;
/// Largest share of the variance that the earlier half of the span before the run may hold.
const FORGOTTEN: f64 = 1e-3;

/// The response of `functional` at `end`, reaching so far back before `origin`, the begin of the trigger (`joint` is its end), that noise of earlier times is forgotten,
/// and the variance. `None` for the variance if that is not reached.
///
/// # Errors
/// [`IntegrateError`] if the adjoint equations cannot be solved.
pub fn spread(
    run: &Run<'_>,
    events: &Events,
    functional: &[f64],
    (origin, joint): (f64, f64),
    end: f64,
) -> Result<(Response, Option<Variance>), IntegrateError> {
    let linearised = Linearised::new(*run);
    let mut lead = end - origin;
    let mut round = 0;
    loop {
        let response = Response::new(&linearised, functional, origin - lead, end)?;
        let found = variance(run, events, &response, origin - 0.5 * lead, joint);
        if found.early <= FORGOTTEN * found.total {
            return Ok((response, Some(found).filter(|v| v.total.is_finite())));
        }
        round += 1;
        if round > LENGTHENINGS {
            return Ok((response, None));
        }
        lead *= 4.0;
    }
}

/// dy/ds where s is the time at which the parameters before `joint` give way to those after it:
///
/// ```text
/// dy/ds = Σ_j w(s + L_j) · (f(s + L_j, from the left) - f(s + L_j, from the right)),    L_0 = 0
/// ```
///
/// since a delayed rate sees the change of parameters when it has travelled its lag.
#[must_use]
pub fn by_end(run: &Run<'_>, response: &Response, joint: f64) -> f64 {
    let lags = run.lags();
    let mut shifts: Vec<f64> = std::iter::once(0.0).chain(lags.iter().copied()).collect();
    shifts.dedup_by(|a, b| (*a - *b).abs() <= 1e-9 * a.abs());
    let aside = 1e-9 * (1.0 + joint.abs());
    shifts
        .iter()
        .map(|shift| {
            let t = joint + shift;
            let (left, right) = (run.slope(t - aside, &lags), run.slope(t + aside, &lags));
            let change: Vec<f64> = left.iter().zip(&right).map(|(a, b)| a - b).collect();
            response.to(t, &change)
        })
        .sum()
}

/// dy/ds where s moves the parameters of a run: `more` and `less` are the segments at s + ε and s - ε, `step` = 2 ε; with the
/// effect of the kicks that change with them.
#[must_use]
pub fn by_parameters(run: &Run<'_>, response: &Response, more: &[Segment], less: &[Segment], step: f64) -> f64 {
    let lags = run.lags();
    let (above, below) = (Run { segments: more, ..*run }, Run { segments: less, ..*run });
    let mut total = 0.0;
    for pair in response.times().windows(2) {
        let length = pair[0] - pair[1];
        for (node, weight) in NODES {
            let t = pair[0] - node * length;
            if t < run.path.start() {
                continue;
            }
            let (up, down) = (above.slope(t, &lags), below.slope(t, &lags));
            if up != down {
                let change: Vec<f64> = up.iter().zip(&down).map(|(a, b)| (a - b) / step).collect();
                total += weight * length * response.to(t, &change);
            }
        }
    }
    let mut begins = run.path.start();
    let n = run.rest.len();
    for (a, b) in more.iter().zip(less) {
        let mut change = vec![0.0; n];
        a.kick.iter().for_each(|&(i, amount)| change[i] += amount / step);
        b.kick.iter().for_each(|&(i, amount)| change[i] -= amount / step);
        total += response.to(begins, &change);
        begins = a.until;
    }
    total
}

/// Quantile of the standard normal distribution at 0.9.
pub const NINE_TENTHS: f64 = 1.281_551_565_544_600_5;
