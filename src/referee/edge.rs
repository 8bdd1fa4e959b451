//! The times at which numbers change, with the numbers from then on.

use super::plan::Plan;
use super::settings::Settings;
use super::system::SystemError;
use crate::model::types::Model;

/// Numbers from a time on.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) time: f64,
    pub(super) settings: Settings,
}

/// All changes of a plan, the first one at time 0.
pub(super) fn edges(model: &Model, plan: &Plan) -> Result<Vec<Edge>, SystemError> {
    for trigger in &plan.triggers {
        for (path, value) in &trigger.sets {
            let known = model.quantity(path).ok_or_else(|| SystemError::UnknownPath(path.clone()))?;
            if value.is_nan() || (*value < 0.0 && !known.path.ends_with(".priority")) {
                return Err(SystemError::Impossible { path: path.clone(), value: *value });
            }
            if known.path.ends_with(".priority") || known.path.starts_with("model.") {
                return Err(SystemError::Unchangeable(path.clone()));
            }
        }
    }
    let ends = plan.triggers.iter().flat_map(|t| [t.at, t.at + t.duration]);
    let mut times: Vec<f64> = ends.filter(|&t| t > 0.0 && t < plan.horizon).chain([0.0]).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let at = |time: f64| {
        let mut changed = model.clone();
        for trigger in plan.triggers.iter().filter(|t| t.at <= time && time < t.at + t.duration) {
            for (path, value) in &trigger.sets {
                if let Some(target) = changed.quantity_mut(path) {
                    target.value = *value;
                }
            }
        }
        Edge { time, settings: Settings::of(&changed) }
    };
    Ok(times.into_iter().map(at).collect())
}
