//! What every trigger does: its fate as stated, its critical duration and size, and how they are spread.

use super::document::{Percentiles, TriggerReport};
use crate::answers::landscape::Landscape;
use crate::answers::odds::{Odds, Varied};
use crate::answers::study::Study;
use crate::answers::triggers::{Fate, Plan, Range, Threshold, TriggerError};
use crate::chance::events::Events;
use crate::model::types::Trigger;
use crate::process::fluid::Fluid;
use rayon::prelude::*;

/// The reports of all triggers, and remarks on what was not found. `median` is the landscape of the middle run with the index
/// of its good state.
pub(super) fn reports(study: &Study, median: Option<(&Landscape, usize)>) -> (Vec<TriggerReport>, Vec<String>) {
    let Some((landscape, good)) = median else { return (Vec::new(), Vec::new()) };
    if Range::new(&study.median, landscape, good).is_none() {
        return (Vec::new(), Vec::new());
    }
    // Equations keep scratch space of their own: every task has a copy.
    let both = |trigger| [Varied::Duration, Varied::Size].map(|varied| (study.median.clone(), trigger, varied));
    let tasks: Vec<(Fluid, &Trigger, Varied)> = study.model.triggers.iter().flat_map(both).collect();
    let answered: Vec<Result<Critical, TriggerError>> = tasks
        .into_par_iter()
        .map(|(fluid, trigger, varied)| critical(&fluid, landscape, good, trigger, varied))
        .collect();
    let (mut reports, mut warnings) = (Vec::new(), Vec::new());
    let mut answered = answered.into_iter();
    while let (Some(duration), Some(size)) = (answered.next(), answered.next()) {
        match (duration, size) {
            (Ok(duration), Ok(size)) => reports.push(report(duration, size, &mut warnings)),
            (Err(error), _) | (_, Err(error)) => warnings.push(error.to_string()),
        }
    }
    (reports, warnings)
}

/// A critical size or duration.
struct Critical {
    plan: Plan,
    /// What the trigger as stated does.
    fate: Fate,
    /// The middle of the threshold, and how it is spread.
    odds: Option<(f64, Odds)>,
    /// What was not found.
    remarks: Vec<String>,
}

/// The critical duration of a trigger at its stated size, or its critical size at its stated duration.
fn critical(
    fluid: &Fluid,
    landscape: &Landscape,
    good: usize,
    trigger: &Trigger,
    varied: Varied,
) -> Result<Critical, TriggerError> {
    let plan = Plan::new(fluid, trigger)?;
    let Some(range) = Range::new(fluid, landscape, good) else {
        return Ok(Critical { plan, fate: Fate::Undecided, odds: None, remarks: Vec::new() });
    };
    let stated = plan.duration.unwrap_or(0.0);
    // Where the equations cannot be solved at some size or duration, that answer is open, not the others.
    let open = |error: TriggerError| match error {
        error @ TriggerError::Integration { .. } => Ok(error.to_string()),
        error => Err(error),
    };
    let (mut fate, mut remarks) = (None, Vec::new());
    let searched = match varied {
        Varied::Duration => range.durations(&plan, 1.0).map(|found| match found {
            Some((stated, threshold)) => {
                fate = Some(stated);
                threshold
            }
            None => Threshold::None(0.0),
        }),
        Varied::Size => range.critical_size(&plan, stated, 1.0),
    };
    if varied == Varied::Duration && fate.is_none() {
        match range.run(&plan, 1.0, stated) {
            Ok(found) => fate = Some(found),
            Err(error) => remarks.push(open(error)?),
        }
    }
    let fate = fate.unwrap_or(Fate::Undecided);
    let threshold = match searched {
        Ok(threshold) => threshold,
        Err(error) => {
            let said = open(error)?;
            if !remarks.contains(&said) {
                remarks.push(said);
            }
            Threshold::Undecided
        }
    };
    if threshold == Threshold::Undecided {
        remarks.push(format!("trigger `{}`: critical {varied} inconclusive", plan.name));
    }
    let mut odds = None;
    if let Some(p50) = threshold.value() {
        let place = if varied == Varied::Duration { (1.0, p50) } else { (p50, stated) };
        let spread = range.odds(&plan, &Events::new(fluid), varied, place)?;
        if let Odds::Unknown(why) = spread {
            remarks.push(format!("trigger `{}`: no p10 and p90 of its critical {varied}: {why}", plan.name));
        }
        odds = Some((p50, spread));
    }
    Ok(Critical { plan, fate, odds, remarks })
}

/// What one trigger does.
fn report(duration: Critical, size: Critical, warnings: &mut Vec<String>) -> TriggerReport {
    warnings.extend(duration.remarks.into_iter().chain(size.remarks));
    let (plan, fate) = (&duration.plan, duration.fate);
    let stated = plan.duration.unwrap_or(0.0);
    let (by_duration, by_size) = (duration.odds, size.odds);
    let percentiles = |(p50, odds): (f64, Odds), unit: &str, shown: &dyn Fn(f64) -> f64| Percentiles {
        p10: odds.percentiles().map(|p| shown(p[0])),
        p50: Some(shown(p50)),
        p90: odds.percentiles().map(|p| shown(p[2])),
        unit: unit.to_owned(),
    };
    TriggerReport {
        name: plan.name.clone(),
        size: plan.scale.shown(1.0),
        duration: plan.duration,
        critical_duration: by_duration.map(|odds| percentiles(odds, "s", &|v| v)),
        critical_size: by_size.map(|odds| percentiles(odds, &plan.scale.unit, &|v| plan.scale.shown(v))),
        probability: match (by_duration, by_size) {
            (Some((_, odds)), _) => odds.probability(stated),
            (None, Some((_, odds))) => odds.probability(1.0),
            (None, None) => None,
        },
        outcome: match fate {
            Fate::Tips => "tips",
            Fate::Heals => "heals",
            Fate::Undecided => "undecided",
        },
    }
}
