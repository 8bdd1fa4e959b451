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
//! P(tips at s) = Φ((s - s_50)/sd),    sd = sqrt(Var y)/|dy/ds|,    s_10, s_90 = s_50 ∓ 1.2816 sd
//! ```

use super::events::{Effect, Events, Future};
use super::response::Response;
use super::run::Run;
use crate::dynamics::integrate::IntegrateError;
use std::cell::RefCell;

/// Variance of the functional of `response` along a run, from the noise of all events between the begin and the end of the
/// response; with the share of it that comes from the first half of the span, which is small once the past is forgotten.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variance {
    /// The variance.
    pub total: f64,
    /// What of it comes from the span before `since`.
    pub early: f64,
}

/// Gauss nodes on (0, 1) of three points, and their weights.
const NODES: [(f64, f64); 3] =
    [(0.112_701_665_379_258_3, 5.0 / 18.0), (0.5, 4.0 / 9.0), (0.887_298_334_620_741_7, 5.0 / 18.0)];

/// Computes the variance of the functional of `response`; `since` parts its early part from the rest.
#[must_use]
pub fn variance(run: &Run<'_>, events: &Events, response: &Response, since: f64) -> Variance {
    let lags = run.lags();
    let known = Known { response, now: RefCell::new(response.end()), fired: RefCell::new(Vec::new()) };
    let (mut total, mut early) = (0.0, 0.0);
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
            let part = weight * length * events.variance_rate(&values, &effects);
            total += part;
            if t < since {
                early += part;
            }
            known.fired.borrow_mut().push((t, effects));
        }
    }
    Variance { total, early }
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

/// The response of `functional` at `end`, reaching so far back before `origin` that noise of earlier times is forgotten,
/// and the variance. `None` for the variance if that is not reached.
///
/// # Errors
/// [`IntegrateError`] if the adjoint equations cannot be solved.
pub fn spread(
    run: &Run<'_>,
    events: &Events,
    functional: &[f64],
    origin: f64,
    end: f64,
) -> Result<(Response, Option<f64>), IntegrateError> {
    let mut lead = end - origin;
    let mut round = 0;
    loop {
        let response = Response::new(run, functional, origin - lead, end)?;
        let found = variance(run, events, &response, origin - 0.5 * lead);
        if found.early <= FORGOTTEN * found.total {
            return Ok((response, Some(found.total).filter(|v| v.is_finite())));
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
pub fn by_parameters(
    run: &Run<'_>,
    response: &Response,
    more: &[crate::dynamics::integrate::Segment],
    less: &[crate::dynamics::integrate::Segment],
    step: f64,
) -> f64 {
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
