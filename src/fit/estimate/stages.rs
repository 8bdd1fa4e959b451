//! The stages of a fit after the search: robust rounds, the summary, the profiles.

use super::covariance::{covariance, deviance_unit};
use super::dispersion::Dispersion;
use super::identifiability::judge;
use super::levenberg::{self, Descent, Watch};
use super::loss::{Loss, mad_scale};
use super::objective::{Objective, Point};
use super::problem::Problem;
use super::profile::{End, Found, Interval, Region, Target};
use super::residuals::diagnose;
use super::selection::Score;
use super::special::student_quantile;
use super::starts::StartReport;
use super::{Estimate, Evaluations, Failure, Options};
use std::cell::RefCell;
use std::sync::atomic::AtomicUsize;

/// Rounds of fit and scale in a robust fit.
const ROUNDS: usize = 20;

/// Alternates fits and the scale of their residuals until it settles; Tukey's loss starts from Huber's fit and keeps its
/// scale (an MM-estimate in spirit: Yohai 1987).
pub(super) fn robust<P: Problem>(
    problem: &P,
    first: Descent,
    options: &Options<'_>,
    watch: &Watch<'_>,
    counter: &AtomicUsize,
) -> (Descent, f64) {
    let convex = if options.loss == Loss::Tukey { Loss::Huber } else { options.loss };
    let mut descent = first;
    let floor = f64::MIN_POSITIVE.sqrt();
    let mut scale = mad_scale(descent.point.residuals.as_slice()).max(floor);
    let fit = |loss: Loss, scale: f64, from: &Descent| {
        let objective = Objective::new(problem, loss, scale, counter);
        let point = Point { cost: objective.cost(&from.point.residuals), ..from.point.clone() };
        levenberg::descend(&objective, point, Some(from.jacobian.clone()), &options.settings, watch).ok()
    };
    for _ in 0..ROUNDS {
        let Some(next) = fit(convex, scale, &descent) else { break };
        descent = next;
        let now = mad_scale(descent.point.residuals.as_slice()).max(floor);
        let settled = (now / scale - 1.0).abs() < 1e-3;
        scale = now;
        if settled {
            break;
        }
    }
    if let Some(next) = fit(options.loss, scale, &descent) {
        descent = next;
    }
    (descent, scale)
}

/// Everything about an estimate except its profiles.
pub(super) fn summarise<P: Problem>(
    objective: &Objective<'_, P>,
    descent: Descent,
    starts: StartReport,
    options: &Options<'_>,
) -> Result<Estimate, Failure<P::Error>> {
    let Descent { point, jacobian, status, iterations, offset, gradient, .. } = descent;
    let n = point.residuals.len();
    let (weighted, emphasised) = levenberg::emphasised(objective, &point, &jacobian);
    let slopes = weighted.tr_mul(&emphasised);
    let free = levenberg::free(objective, &point.u, &slopes);
    let series = if options.ordered { objective.problem.series() } else { vec![1; n] };
    let columns = jacobian.select_columns(&free);
    let diagnostics = diagnose(point.residuals.as_slice(), &series, &columns);
    let kind = (objective.loss, objective.scale);
    let Some(mut covariance) = covariance(&jacobian, &point.residuals, free, kind) else {
        return Err(Failure::Derivatives);
    };
    let instants = objective.problem.instants().filter(|all| options.ordered && all.len() == n);
    let dispersion = match instants.filter(|_| objective.loss == Loss::Square) {
        Some(instants) => {
            let plain = (&covariance.matrix, covariance.residual_variance, covariance.rank);
            Dispersion::of_instants(&jacobian, &point.residuals, &instants, plain, diagnostics.inflation)
        }
        None => Dispersion::independent(&covariance.matrix, diagnostics.inflation),
    };
    let dispersion = dispersion.at_least(objective.problem.spread());
    covariance.widen(&dispersion.of_parameters());
    let degrees = (diagnostics.effective_size - covariance.rank as f64).max(1.0);
    let unit = deviance_unit(&point.residuals, covariance.degrees_of_freedom, kind);
    let student = student_quantile(0.5 + options.level / 2.0, degrees);
    let noise = objective.problem.precision().powi(2) * point.residuals.norm_squared();
    Ok(Estimate {
        values: objective.values(&point.u),
        status,
        iterations,
        offset,
        gradient,
        objective: point.cost,
        residuals: point.residuals.as_slice().to_vec(),
        scale: (objective.loss != Loss::Square).then_some(objective.scale),
        score: Score::new(point.cost, n, diagnostics.effective_size, covariance.rank),
        intervals: Vec::new(),
        identifiability: Vec::new(),
        starts,
        evaluations: Evaluations { search: 0, profiles: 0 },
        rise: student.powi(2) * unit,
        noise,
        dispersion,
        covariance,
        diagnostics,
        best: point,
        jacobian,
        loss: objective.loss,
        known: Vec::new(),
    })
}

/// Fills in intervals and verdicts; a better optimum if one was met.
pub(super) fn profile_all<P: Problem>(
    objective: &Objective<'_, P>,
    fit: &mut Estimate,
    options: &Options<'_>,
) -> Option<Point> {
    let mut intervals = Vec::new();
    let factors = fit.dispersion.of_parameters();
    let mut region = Region {
        objective,
        best: &fit.best,
        jacobian: &fit.jacobian,
        rise: fit.rise,
        interrupt: options.interrupt,
        known: RefCell::default(),
    };
    for (index, factor) in factors.iter().enumerate() {
        let value = fit.values[index];
        if objective.held(index) || fit.covariance.without_effect.contains(&index) {
            let q = &objective.parameters[index];
            let (lower, upper) = (End::Open(q.lower), End::Open(q.upper));
            let held = Interval { value, lower: End::Closed(value), upper: End::Closed(value) };
            intervals.push(if objective.held(index) { held } else { Interval { value, lower, upper } });
            continue;
        }
        region.rise = (fit.rise * factor).max(fit.noise);
        match interval(&region, &Target::Parameter(index), value) {
            Ok(interval) => intervals.push(interval),
            Err(better) => return Some(better),
        }
    }
    fit.known = region.known.into_inner();
    fit.intervals = intervals;
    fit.identifiability =
        (0..fit.values.len()).map(|j| judge(j, objective.parameters, &fit.covariance, &fit.intervals[j])).collect();
    None
}

pub(super) fn interval<P: Problem>(
    region: &Region<'_, '_, P>,
    target: &Target<'_>,
    value: f64,
) -> Result<Interval, Point> {
    let end = |sign: f64| match region.end(target, sign) {
        Found::End(end) => Ok(end),
        Found::Better(better) => Err(better),
    };
    Ok(Interval { value, lower: end(-1.0)?, upper: end(1.0)? })
}
