//! Extrapolation over system size: ln τ(h) = S/h + a + b ln h, fitted where noise is larger.

use super::{Answer, Coordinate, Effort, Estimate, Method, Question, mean_time};
use crate::chance::paths::{Machine, PathError};
use nalgebra::{DMatrix, DVector};

/// Jump scales at which the mean time is estimated.
const SCALES: [f64; 6] = [1.5, 2.0, 2.5, 3.0, 4.0, 6.0];

/// Extrapolates the mean time to collapse from larger noise to jump scale 1. `machine_at` makes the process at a scale, and
/// `coordinate_at` the coordinate for it; the effort is shared by all scales. `None` if fewer than four of them gave a time.
///
/// # Errors
/// [`PathError`].
pub fn extrapolated<E: From<PathError>>(
    question: &Question<'_>,
    machines: &[Machine],
    coordinate_at: impl Fn(&Machine) -> Result<Coordinate, E>,
    effort: &Effort,
) -> Result<Option<Estimate>, E> {
    let share = Effort { events: effort.events / machines.len().max(1) as u64, ..*effort };
    let mut points = Vec::new();
    for machine in machines {
        let coordinate = coordinate_at(machine)?;
        let asked = Question { machine, coordinate: &coordinate, ..*question };
        if let Answer::Time(found) = mean_time(&asked, &share)? {
            let sd = (found.interval[1] / found.interval[0]).ln() / (2.0 * super::STUDENT);
            points.push((machine.scale(), found.mean.ln(), sd.max(0.02)));
        }
    }
    Ok(fit(&points))
}

/// The jump scales worth simulating.
#[must_use]
pub fn scales() -> &'static [f64] {
    &SCALES
}

/// Weighted least squares at (h, ln τ, standard error); the prediction at h = 1 with its 95 % interval.
fn fit(points: &[(f64, f64, f64)]) -> Option<Estimate> {
    if points.len() < 4 {
        return None;
    }
    let row = |h: f64| [1.0 / h, 1.0, h.ln()];
    let design = DMatrix::from_fn(points.len(), 3, |i, j| row(points[i].0)[j] / points[i].2);
    let values = DVector::from_fn(points.len(), |i, _| points[i].1 / points[i].2);
    let covariance = (design.transpose() * &design).try_inverse()?;
    let best = &covariance * design.transpose() * &values;
    let residual = (&design * &best - values).norm_squared() / (points.len() - 3) as f64;
    let at = DVector::from_row_slice(&row(1.0));
    let ln = at.dot(&best);
    let sd = (at.dot(&(covariance * &at)) * residual.max(1.0)).sqrt();
    // Student's t with as many degrees of freedom as there are points to spare.
    let student = [12.706, 4.303, 3.182][(points.len() - 4).min(2)];
    let (mean, interval) = (ln.exp(), [(ln - student * sd).exp(), (ln + student * sd).exp()]);
    (mean.is_finite() && interval[1].is_finite()).then_some(Estimate { mean, interval, method: Method::Extrapolation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exact_law_is_found_again() {
        let law = |h: f64| 30.0 / h - 2.0 + 1.5 * h.ln();
        let points: Vec<(f64, f64, f64)> = SCALES.iter().map(|&h| (h, law(h), 0.1)).collect();
        let found = fit(&points).expect("six points");
        assert!((found.mean.ln() - 28.0).abs() < 1e-9, "{}", found.mean.ln());
        assert!(found.interval[0] < found.mean && found.mean < found.interval[1]);
        assert!(fit(&points[..3]).is_none());
    }
}
