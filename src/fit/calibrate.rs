//! A model fitted to measurements: weights from the data, the search, what the data cannot tell.
//!
//! Columns have different units and noise. The standard deviation of a reading is taken as `s μ^γ`, μ being what the
//! model predicts: γ = 0 for noise of constant size, 1/2 for counts, 1 for noise in proportion. For each column s and γ
//! are those of the largest Gaussian likelihood of its residuals,
//!
//! ```text
//! -n ln s - γ Σ ln μ_i,     s² = mean of (r_i/μ_i^γ)²
//! ```
//!
//! and the fit is repeated with the weights that follow (pseudo-likelihood, Carroll & Ruppert, *Transformation and Weighting in
//! Regression*, 1988, chapter 3). The first round weighs a column by its own roughness: the median absolute difference of
//! neighbours.

mod chance;

pub use chance::{Played, Replay};

use super::estimate::loss::median;
use super::estimate::problem::{Problem, Scale};
use super::estimate::{Estimate, Failure, Options, Starts, estimate};
use super::trajectory::{Measured, TrajectoryError};

/// Noise of a column.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Noise {
    /// Role or name of the quantity.
    pub name: String,
    /// Title of its column.
    pub column: String,
    /// Readings.
    pub readings: usize,
    /// γ: 0, 0.5 or 1.
    pub power: f64,
    /// s, in base units to the power 1 - γ.
    pub scale: f64,
    /// Root mean square of the residuals, in base units.
    pub rms: f64,
    /// Share of the variance of the column that the model explains.
    pub explained: f64,
    /// Sum of the logarithms of the sizes μ.
    #[serde(skip)]
    pub log_sizes: f64,
}

/// A fit.
pub struct Fitted {
    /// The estimate, under the final weights.
    pub estimate: Estimate,
    /// Noise by column.
    pub noise: Vec<Noise>,
    /// What the model predicts, in the order of the observations.
    pub predicted: Vec<Vec<f64>>,
    /// Standard deviations of the readings, in the same order.
    pub deviations: Vec<Vec<f64>>,
}

/// Smallest size of a prediction that counts for its noise, as a share of the largest.
const FLOOR: f64 = 1e-4;
/// Rounds of fit and weights.
const ROUNDS: usize = 3;
/// Rounds of fit and of what the model itself, played, says about chance.
const REPLAYS: usize = 2;
/// Noise of a small reading in the first round, relative.
const FIRST: f64 = 0.05;
/// Relative offset at which a search ends: a hundredth of a standard error.
const NEAR: f64 = 0.01;
/// The same while weights are still to change.
const QUICK: f64 = 0.2;
/// Change of a column's noise, relative, below which weights have settled.
const SETTLED: f64 = 0.02;

/// Fits.
///
/// # Errors
/// [`Failure`] if nothing can be computed at the start.
pub fn calibrate(
    measured: &mut Measured,
    replay: Option<&Replay<'_>>,
    options: &Options<'_>,
) -> Result<Fitted, Failure<TrajectoryError>> {
    roughness(measured);
    let given = options;
    let options = &settled(measured, given, QUICK);
    let quick = Options { profiles: false, ..*options };
    let mut fit = estimate(&*measured, &quick)?;
    if measured.exact() {
        measured.check(&fit.values);
    }
    let quick = Options { profiles: false, ..settled(measured, given, QUICK) };
    let options = &settled(measured, given, NEAR);
    let mut before: Vec<f64> = Vec::new();
    for _ in 0..ROUNDS {
        if (options.interrupt)() {
            break;
        }
        measured.restart(&fit.values);
        measured.refine(&relative_errors(measured, &fit));
        let noise = weigh(measured, &fit.values).map_err(|e| Failure::Start(super::estimate::Trouble::Problem(e)))?;
        let scales: Vec<f64> = noise.iter().map(|n| n.rms).collect();
        let steady = before.iter().zip(&scales).all(|(a, b)| (a / b - 1.0).abs() < SETTLED) && !before.is_empty();
        if steady {
            break;
        }
        before = scales;
        fit = estimate(&*measured, &Options { starts: Starts { sampled: 0, ..options.starts }, ..quick })?;
    }
    if let Some(replay) = replay.filter(|_| measured.follows()) {
        for round in 1..=REPLAYS {
            if (options.interrupt)() || !fit.status.converged() {
                break;
            }
            measured.restart(&fit.values);
            measured.refine(&relative_errors(measured, &fit));
            measured.whiten(None);
            measured.correct(None);
            let Ok(Some(learnt)) = chance::learn(measured, &fit.values, replay) else { break };
            measured.whiten(Some(learnt.whitening));
            // The first only brings the estimate to where it is worth while.
            if round == REPLAYS {
                measured.correct(chance::correction(measured, &learnt.played, &fit.values));
            }
            fit = estimate(&*measured, &Options { starts: Starts { sampled: 0, ..options.starts }, ..quick })?;
        }
    }
    measured.restart(&fit.values);
    measured.refine(&relative_errors(measured, &fit));
    let estimate = estimate(&*measured, &Options { starts: Starts { sampled: 0, ..options.starts }, ..*options })?;
    let (noise, predicted, deviations) =
        summary(measured, &estimate.values).map_err(|e| Failure::Start(super::estimate::Trouble::Problem(e)))?;
    Ok(Fitted { estimate, noise, predicted, deviations })
}

/// Settings for residuals that are as good as their integration, so that searches cannot end much nearer than this. Where derivatives are exact no others are there for the last steps.
fn settled<'a>(measured: &Measured, options: &Options<'a>, near: f64) -> Options<'a> {
    let mut settings = options.settings;
    settings.tolerance = settings.tolerance.max(near);
    if measured.exact() {
        settings.differences = settings.last_differences;
    }
    Options { settings, ..*options }
}

/// Standard errors by size of the parameter.
fn relative_errors(measured: &Measured, fit: &Estimate) -> Vec<f64> {
    let each = measured.parameters().iter().zip(fit.values.iter().zip(&fit.covariance.standard_errors));
    each.filter(|(q, _)| q.lower < q.upper)
        .map(|(q, (value, error))| match q.scale {
            Scale::Log => *error,
            Scale::Linear => error / value.abs().max(f64::MIN_POSITIVE),
        })
        .filter(|e| e.is_finite())
        .collect()
}

/// The first weights: one over the noise that differences of neighbours show, or a twentieth of the reading; below that
/// between the two.
fn roughness(measured: &mut Measured) {
    for observation in measured.observations_mut() {
        let values = &observation.series.values;
        let mut steps: Vec<f64> = values.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
        let size = values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let rough = if steps.is_empty() { size } else { 1.4826 * median(&mut steps) / std::f64::consts::SQRT_2 };
        let least = (1e-3 * size).max(f64::MIN_POSITIVE);
        // Where a column runs over decades its small values count as well: they say when it left its rest.
        let deviation = |value: &f64| {
            let share = (FIRST * value.abs()).max(least);
            if share >= rough { share } else { (share * rough).sqrt() }
        };
        observation.precision = values.iter().map(|v| 1.0 / deviation(v)).collect();
    }
}

/// What each column's readings are predicted as.
fn predictions(measured: &Measured, values: &[f64]) -> Result<Vec<Vec<f64>>, TrajectoryError> {
    let mut all = vec![0.0; measured.residual_count()];
    measured.predict(values, &mut all)?;
    let mut parts = Vec::new();
    let mut rest = all.as_slice();
    for observation in measured.observations() {
        let (part, after) = rest.split_at(observation.series.values.len());
        parts.push(part.to_vec());
        rest = after;
    }
    Ok(parts)
}

/// Sets the weights that follow from the residuals.
fn weigh(measured: &mut Measured, values: &[f64]) -> Result<Vec<Noise>, TrajectoryError> {
    let predicted = predictions(measured, values)?;
    let mut all = Vec::new();
    for (observation, predicted) in measured.observations_mut().iter_mut().zip(&predicted) {
        let (noise, deviations) = noise(
            &observation.name,
            &observation.series.title,
            (predicted, &observation.grains),
            &observation.series.values,
        );
        observation.precision = deviations.iter().map(|d| 1.0 / d).collect();
        all.push(noise);
    }
    Ok(all)
}

/// Noise, predictions and standard deviations by column.
type Summary = (Vec<Noise>, Vec<Vec<f64>>, Vec<Vec<f64>>);

fn summary(measured: &Measured, values: &[f64]) -> Result<Summary, TrajectoryError> {
    let predicted = predictions(measured, values)?;
    let each = measured.observations().iter().zip(&predicted);
    let (all, deviations) =
        each.map(|(o, p)| noise(&o.name, &o.series.title, (p, &o.grains), &o.series.values)).unzip();
    Ok((all, predicted, deviations))
}

/// The noise of one column, and the standard deviation of each of its readings.
fn noise(name: &str, column: &str, (predicted, grains): (&[f64], &[f64]), values: &[f64]) -> (Noise, Vec<f64>) {
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let count = values.len().max(1) as f64;
    let largest = predicted.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    // A prediction of nothing is not known without error: sizes are cut off, those of counts at one.
    let grain = |i: usize| grains.get(i).copied().unwrap_or(0.0);
    let size = |(i, v): (usize, &f64)| v.abs().max(FLOOR * largest).max(grain(i)).max(f64::MIN_POSITIVE);
    let sizes: Vec<f64> = predicted.iter().enumerate().map(size).collect();
    let residuals: Vec<f64> = predicted.iter().zip(values).map(|(p, v)| p - v).collect();
    let rms = (residuals.iter().map(|r| r * r).sum::<f64>() / count).sqrt();
    // Not smaller than rounding of the readings: a perfect fit has no noise to weigh by.
    let least = 1e-9 * largest.max(f64::MIN_POSITIVE);
    let candidate = |power: f64| {
        let square = residuals.iter().zip(&sizes).map(|(r, m)| (r / m.powf(power)).powi(2)).sum::<f64>() / count;
        let scale = square.sqrt().max(least / largest.max(f64::MIN_POSITIVE).powf(power));
        let likelihood = -count * scale.ln() - power * sizes.iter().map(|m| m.ln()).sum::<f64>();
        (likelihood, power, scale)
    };
    let best = [0.0, 0.5, 1.0].map(candidate).into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let (_, power, scale) = best.unwrap_or((0.0, 0.0, rms.max(least)));
    let deviations = sizes.iter().map(|m| scale * m.powf(power)).collect();
    let mean = values.iter().sum::<f64>() / count;
    let spread = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    let explained = if spread > 0.0 { 1.0 - rms * rms / spread } else { 0.0 };
    let noise = Noise {
        name: name.to_owned(),
        column: column.to_owned(),
        readings: values.len(),
        power,
        scale,
        rms,
        explained,
        log_sizes: sizes.iter().map(|m| m.ln()).sum(),
    };
    (noise, deviations)
}

/// Little's law between measured columns: median of inside/(rate · time), over the readings of all three that are at one
/// time. `None` if there are no such readings.
#[must_use]
pub fn little(inside: &[(f64, f64)], rate: &[(f64, f64)], time: &[(f64, f64)]) -> Option<f64> {
    let near = |series: &[(f64, f64)], at: f64| {
        let index = series.partition_point(|(t, _)| *t < at);
        let around = series.get(index.saturating_sub(1)..(index + 1).min(series.len()))?;
        around.iter().min_by(|a, b| (a.0 - at).abs().total_cmp(&(b.0 - at).abs())).copied()
    };
    let mut ratios: Vec<f64> = inside
        .iter()
        .filter_map(|(at, n)| {
            let (r, w) = (near(rate, *at)?.1, near(time, *at)?.1);
            (r * w > 0.0 && *n > 0.0).then(|| n / (r * w))
        })
        .collect();
    (ratios.len() >= 3).then(|| median(&mut ratios))
}

#[cfg(test)]
mod tests {
    use super::{little, noise};

    /// Residuals with alternating signs: no randomness is needed to see which power of the size they follow.
    #[test]
    fn noise_in_proportion_is_told_from_constant_noise() {
        let predicted: Vec<f64> = (1..200).map(|k| f64::from(k) * f64::from(k)).collect();
        let sign = |k: usize| if k.is_multiple_of(2) { 1.0 } else { -1.0 };
        let with = |power: f64| -> Vec<f64> {
            predicted.iter().enumerate().map(|(k, p)| p + 0.01 * sign(k) * p.powf(power)).collect()
        };
        for power in [0.0, 0.5, 1.0] {
            let (found, deviations) = noise("x", "x", (&predicted, &[]), &with(power));
            assert_eq!(found.power, power);
            assert!((found.scale - 0.01).abs() < 2e-4, "{found:?}");
            assert_eq!(deviations.len(), predicted.len());
        }
    }

    #[test]
    fn littles_law_compares_three_columns() {
        let at = |value: f64| (0..10).map(|k| (f64::from(k), value)).collect::<Vec<_>>();
        assert_eq!(little(&at(6.0), &at(60.0), &at(0.1)), Some(1.0));
        // Times in milliseconds taken for seconds.
        assert!(little(&at(6.0), &at(60.0), &at(100.0)).is_some_and(|r| r < 0.002));
        assert_eq!(little(&at(6.0), &[], &at(0.1)), None);
    }
}
