//! What the data say about each parameter, in words.

use super::covariance::Covariance;
use super::problem::{Parameter, Scale};
use super::profile::{End, Interval};

/// How well a parameter is determined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// Both ends of its interval are closed and it is known to a factor of two (logarithmic scale) or to its own size
    /// (linear scale).
    Strong,
    /// Its interval is wider than that, or open on one side.
    Weak,
    /// Its profile is flat: nothing is learnt about it.
    None,
}

/// The verdict on a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifiability {
    /// How well it is determined.
    pub grade: Grade,
    /// Why, without full stops; empty for a parameter that is simply well determined.
    pub reasons: Vec<String>,
}

/// Correlation from which two parameters are called hard to tell apart.
const ALIKE: f64 = 0.95;

/// Judges parameter `index` by its profile interval and the first-order covariance.
pub(super) fn judge(
    index: usize,
    parameters: &[Parameter],
    covariance: &Covariance,
    interval: &Interval,
) -> Identifiability {
    let parameter = &parameters[index];
    let mut reasons = Vec::new();
    if parameter.lower >= parameter.upper {
        return Identifiability { grade: Grade::Strong, reasons: vec!["held at its value".into()] };
    }
    if covariance.without_effect.contains(&index) {
        let reasons = vec!["it has no effect on any of the measurements".into()];
        return Identifiability { grade: Grade::None, reasons };
    }
    for null in covariance.null.iter().filter(|null| null.components[index].abs() > 0.05) {
        let partners: Vec<String> = (0..parameters.len())
            .filter(|&j| j != index && null.components[j].abs() > 0.05)
            .map(|j| format!("`{}`", parameters[j].name))
            .collect();
        if !partners.is_empty() {
            reasons.push(format!("only a combination of it and {} is determined", partners.join(", ")));
        }
    }
    if covariance.on_bound.contains(&index) {
        reasons.push("its best value is on its bound".into());
    }
    if reasons.is_empty() {
        let partner = (0..parameters.len())
            .filter(|&j| j != index)
            .map(|j| (j, covariance.correlation[(index, j)]))
            .max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
        if let Some((j, r)) = partner.filter(|(_, r)| r.abs() > ALIKE) {
            reasons.push(format!("hard to tell from `{}` (correlation {r:.4})", parameters[j].name));
        }
    }
    let mut grade = Grade::Strong;
    match (interval.lower, interval.upper) {
        (End::Open(_), End::Open(_)) => {
            grade = Grade::None;
            reasons.push("its profile is flat: nothing but bounds limits it".into());
        }
        (End::Open(bound), _) if !covariance.on_bound.contains(&index) || interval.value > bound => {
            grade = Grade::Weak;
            let unbounded = bound == f64::NEG_INFINITY || (bound == 0.0 && parameter.scale == Scale::Log);
            reasons.push(format!("{} limits it from below", if unbounded { "nothing" } else { "only a bound" }));
        }
        (_, End::Open(bound)) if !covariance.on_bound.contains(&index) || interval.value < bound => {
            grade = Grade::Weak;
            let unbounded = bound == f64::INFINITY;
            reasons.push(format!("{} limits it from above", if unbounded { "nothing" } else { "only a bound" }));
        }
        (End::Unresolved(_), _) | (_, End::Unresolved(_)) => {
            grade = Grade::Weak;
            reasons.push("an end of its interval was not found".into());
        }
        _ => {}
    }
    let (lower, upper) = (interval.lower.value(), interval.upper.value());
    if grade == Grade::Strong {
        match parameter.scale {
            Scale::Log if upper > 4.0 * lower => {
                grade = Grade::Weak;
                reasons.push(format!("its interval spans a factor of {:.1}", upper / lower));
            }
            Scale::Linear if upper - lower > 2.0 * interval.value.abs() => {
                grade = Grade::Weak;
                reasons.push("its interval is wider than its value".into());
            }
            _ => {}
        }
    }
    Identifiability { grade, reasons }
}
