//! What chance makes of the residuals, learnt from recordings of the model itself.
//!
//! The covariance of what one instant shows depends on what the service is doing: while it keeps up, it serves what arrives, to the
//! request; saturated, it serves as many as chance has it; while its queue crosses what the timeout allows, the goodput of a second
//! is anything. No function of the size of a column says that. The model does: it is played request by request at the
//! present estimate, under the measured load, and its recordings are predicted just as the measured one is. For each
//! measured instant the [`NEIGHBOURS`] instants played whose predictions are nearest are gathered, with distances in standard
//! deviations of a count (`2√μ` of a count has variance one for every mean), and
//!
//! ```text
//! V = mean of d dᵀ + diag((grain/2)²)
//! ```
//!
//! d the residuals of a neighbour, all columns; the last term is rounding to whole requests. What the equations miss of the
//! simulation, in these circumstances, is part of V (weighted by simulated moments: D. McFadden, Econometrica 57 (1989) 995-1026).

use crate::fit::data::Steps;
use crate::fit::estimate::problem::{Problem, Scale};
use crate::fit::trajectory::{Measured, TrajectoryError, Whitening};
use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

/// A recording of the model: its load, and the readings by observation, at the times of the measured ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// The load.
    pub load: Option<Steps>,
    /// The readings.
    pub values: Vec<Vec<f64>>,
}

/// Makes a recording of the model with these values, by its number. `None` where the model cannot be played.
pub type Replay<'a> = dyn Fn(&[f64], u64) -> Option<Played> + Sync + 'a;

/// Instants that say what chance does at another one.
const NEIGHBOURS: usize = 60;
/// Instants to play.
const WANTED: usize = 6000;
/// Fewest and most recordings.
const RECORDINGS: (usize, usize) = (4, 40);

/// Singular values below this are none.
const RANK: f64 = 1e-9;

/// An instant of a recording.
struct Instant {
    /// By observation, the place of its reading.
    rows: Vec<Option<usize>>,
    /// By observation, its prediction on the scale on which distances are taken.
    at: Vec<f64>,
    /// By observation, prediction minus reading.
    miss: Vec<f64>,
}

/// What was learnt.
pub(super) struct Learnt {
    /// Factors of the covariances of the measured recording.
    pub(super) whitening: Whitening,
    /// The recordings played, each with its own.
    pub(super) played: Vec<Measured>,
}

/// Plays the model with these values. `None` if it cannot be played, or does not fill enough instants.
///
/// # Errors
/// [`TrajectoryError`] if the measured recording cannot be predicted.
pub(super) fn learn(
    measured: &Measured,
    values: &[f64],
    replay: &Replay<'_>,
) -> Result<Option<Learnt>, TrajectoryError> {
    let real = instants(measured, values)?;
    let recordings = (WANTED / real.len().max(1)).clamp(RECORDINGS.0, RECORDINGS.1);
    let mut played: Vec<(Measured, Vec<Instant>)> = (0..recordings)
        .into_par_iter()
        .filter_map(|number| {
            let Played { load, values: readings } = replay(values, number as u64)?;
            let played = measured.played(load, readings);
            let instants = instants(&played, values).ok()?;
            Some((played, instants))
        })
        .collect();
    let whole = |instant: &&Instant| instant.rows.iter().all(Option::is_some);
    let all: Vec<&Instant> = played.iter().flat_map(|(_, instants)| instants).filter(whole).collect();
    if all.len() < 4 * NEIGHBOURS {
        return Ok(None);
    }
    let floors: Vec<f64> =
        measured.observations().iter().map(|o| 0.5 * o.grains.iter().copied().fold(0.0, f64::max)).collect();
    let Some(whitening) = factors(&real, &all, &floors) else { return Ok(None) };
    let each: Vec<Option<Whitening>> =
        played.par_iter().map(|(_, instants)| factors(instants, &all, &floors)).collect();
    for ((played, _), whitening) in played.iter_mut().zip(each) {
        played.whiten(whitening);
    }
    Ok(Some(Learnt { whitening, played: played.into_iter().map(|(played, _)| played).collect() }))
}

/// Factors of the covariances of all instants of a recording.
fn factors(instants: &[Instant], played: &[&Instant], floors: &[f64]) -> Option<Whitening> {
    let mut whitening = Whitening::default();
    let each: Vec<(Vec<usize>, DMatrix<f64>)> =
        instants.par_iter().map(|instant| covariance(instant, played, floors)).collect();
    each.into_iter().all(|(rows, covariance)| whitening.add(rows, covariance)).then_some(whitening)
}

/// How far recordings played with these values would move the estimate, and what that says about the measured one.
///
/// With the residuals r_k of recording k and their derivatives J_k, both at the values it was played with, its estimate is off by
///
/// ```text
/// m_k = -(J_kᵀ J_k)⁻¹ J_kᵀ r_k
/// ```
///
/// (one step of Gauss and Newton). The mean m of these is the bias of the estimate, of which its equations are the cause; residuals
/// moved by J m have their least squares where it is taken off. The spread about the mean, with that of the mean itself, is the
/// covariance of the estimate. (Indirect inference: C. Gourieroux, A. Monfort & E. Renault, Journal of Applied Econometrics 8
/// (1993) S85-S118; parametric bootstrap: B. Efron & R. Tibshirani, 1993, section 6.5.) `None` where derivatives are not to be had.
pub(super) fn correction(measured: &Measured, played: &[Measured], values: &[f64]) -> Option<(Vec<f64>, DMatrix<f64>)> {
    let moves: Vec<DVector<f64>> =
        played.par_iter().map(|one| gauss_newton(one, values)).collect::<Vec<_>>().into_iter().flatten().collect();
    let count = moves.len() as f64;
    if moves.len() < 2 * values.len() + 8 {
        return None;
    }
    let mean = moves.iter().sum::<DVector<f64>>() / count;
    let spread = moves.iter().map(|m| (m - &mean) * (m - &mean).transpose()).sum::<DMatrix<f64>>() / (count - 1.0);
    let slopes = slopes(measured, values)?;
    let offset = slopes * mean;
    Some((offset.as_slice().to_vec(), spread * (1.0 + 1.0 / count)))
}

/// Derivatives of the residuals in search coordinates.
fn slopes(measured: &Measured, values: &[f64]) -> Option<DMatrix<f64>> {
    let mut slopes = DMatrix::zeros(measured.residual_count(), values.len());
    if !measured.jacobian(values, &mut slopes).ok()? {
        return None;
    }
    for (k, (parameter, value)) in measured.parameters().iter().zip(values).enumerate() {
        if parameter.scale == Scale::Log {
            slopes.column_mut(k).scale_mut(*value);
        }
    }
    Some(slopes)
}

/// m_k. `None` where a recording does not determine all parameters.
fn gauss_newton(one: &Measured, values: &[f64]) -> Option<DVector<f64>> {
    let mut residuals = vec![0.0; one.residual_count()];
    one.residuals(values, &mut residuals).ok()?;
    let step = slopes(one, values)?.svd(true, true).solve(&DVector::from_vec(residuals), RANK).ok()?;
    step.iter().all(|v| v.is_finite()).then_some(-step)
}

/// All instants of a recording with their predictions.
fn instants(measured: &Measured, values: &[f64]) -> Result<Vec<Instant>, TrajectoryError> {
    let mut predicted = vec![0.0; measured.residual_count()];
    measured.predict(values, &mut predicted)?;
    let observations = measured.observations();
    let numbers = measured.instants().unwrap_or_default();
    let count = numbers.iter().max().map_or(0, |last| last + 1);
    let columns = observations.len();
    let mut all: Vec<Instant> = (0..count)
        .map(|_| Instant { rows: vec![None; columns], at: vec![0.0; columns], miss: vec![0.0; columns] })
        .collect();
    let mut row = 0;
    for (column, observation) in observations.iter().enumerate() {
        for (value, grain) in observation.series.values.iter().zip(&observation.grains) {
            let instant = &mut all[numbers[row]];
            if instant.rows[column].is_none() {
                let grain = if *grain > 0.0 { *grain } else { 1.0 };
                instant.rows[column] = Some(row);
                instant.at[column] = 2.0 * (predicted[row].max(0.0) / grain).sqrt();
                instant.miss[column] = predicted[row] - value;
            }
            row += 1;
        }
    }
    Ok(all)
}

/// The places of an instant's residuals and their covariance, by its neighbours.
fn covariance(instant: &Instant, played: &[&Instant], floors: &[f64]) -> (Vec<usize>, DMatrix<f64>) {
    let columns: Vec<usize> = (0..instant.rows.len()).filter(|c| instant.rows[*c].is_some()).collect();
    let distance = |other: &Instant| columns.iter().map(|&c| (instant.at[c] - other.at[c]).powi(2)).sum::<f64>();
    let mut order: Vec<(f64, usize)> = played.iter().enumerate().map(|(k, other)| (distance(other), k)).collect();
    let by = |a: &(f64, usize), b: &(f64, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    order.select_nth_unstable_by(NEIGHBOURS - 1, by);
    order.truncate(NEIGHBOURS);
    // Sums in a fixed order.
    order.sort_unstable_by(by);
    let mut v = DMatrix::zeros(columns.len(), columns.len());
    for (_, k) in &order {
        let miss = &played[*k].miss;
        for (i, &a) in columns.iter().enumerate() {
            for (j, &b) in columns.iter().enumerate() {
                v[(i, j)] += miss[a] * miss[b] / NEIGHBOURS as f64;
            }
        }
    }
    for (i, &column) in columns.iter().enumerate() {
        v[(i, i)] += floors[column].powi(2);
    }
    (columns.iter().filter_map(|&c| instant.rows[c]).collect(), v)
}
