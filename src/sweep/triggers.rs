//! Measures of a point that run the triggers of the model, each by itself from the good state.

use super::record::Cell;
use crate::answers::analysis::Findings;
use crate::answers::odds::{Odds, Varied};
use crate::answers::study::Study;
use crate::answers::triggers::{Fate, Plan, Range, Threshold, TriggerError};
use crate::chance::events::Events;

/// What is asked of a trigger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// `outcome`: `healthy` or `collapsed` after the trigger as stated, or `undecided`.
    Outcome,
    /// `recovery_time`: seconds from its end until goodput is back.
    RecoveryTime,
    /// `size`: the size at which it tips the middle run, at its stated duration.
    Size,
    /// `duration`: how long it must last at its stated size, in seconds.
    Duration,
    /// `probability`: share of runs that it tips as stated.
    Probability,
}

/// Names of what can be asked.
pub const ASKED: [(&str, Asked); 5] = [
    ("outcome", Asked::Outcome),
    ("recovery_time", Asked::RecoveryTime),
    ("size", Asked::Size),
    ("duration", Asked::Duration),
    ("probability", Asked::Probability),
];

/// The answer for one trigger, or for all of them: the worst outcome, the longest recovery. A model without a good state is collapsed
/// before anything happens.
///
/// # Errors
/// [`TriggerError`] if a trigger cannot be run or the equations cannot be solved.
pub fn answer(study: &Study, findings: &Findings, name: Option<&str>, asked: Asked) -> Result<Cell, TriggerError> {
    let Some((landscape, good)) = &findings.median else {
        return Ok(if asked == Asked::Outcome { Cell::Text("collapsed".to_owned()) } else { Cell::Empty });
    };
    let Some(range) = Range::new(&study.median, landscape, *good) else { return Ok(Cell::Empty) };
    let chosen = study.model.triggers.iter().filter(|t| name.is_none_or(|name| t.name.value == name));
    let plans = chosen.map(|t| Plan::new(&study.median, t)).collect::<Result<Vec<Plan>, _>>()?;
    let mut fates = Vec::new();
    let mut longest: Option<f64> = None;
    for plan in &plans {
        let stated = plan.duration.unwrap_or(0.0);
        match asked {
            Asked::Outcome => fates.push(range.run(plan, 1.0, stated)?),
            Asked::RecoveryTime => match range.healing_time(plan, 1.0, stated)? {
                Some(time) => longest = Some(longest.map_or(time, |t: f64| t.max(time))),
                None => return Ok(Cell::Empty),
            },
            Asked::Size => {
                let found = range.critical_size(plan, stated, 1.0)?.value();
                return Ok(found.map_or(Cell::Empty, |size| Cell::Number(plan.scale.shown(size))));
            }
            Asked::Duration => {
                return Ok(range.critical_duration(plan, 1.0)?.value().map_or(Cell::Empty, Cell::Number));
            }
            Asked::Probability => return Ok(probability(study, &range, plan)?.map_or(Cell::Empty, Cell::Number)),
        }
    }
    Ok(match asked {
        Asked::Outcome if fates.contains(&Fate::Tips) => Cell::Text("collapsed".to_owned()),
        Asked::Outcome if fates.contains(&Fate::Undecided) => Cell::Text("undecided".to_owned()),
        Asked::Outcome => Cell::Text("healthy".to_owned()),
        _ => longest.map_or(Cell::Empty, Cell::Number),
    })
}

/// Share of runs that the trigger tips as stated.
fn probability(study: &Study, range: &Range<'_>, plan: &Plan) -> Result<Option<f64>, TriggerError> {
    let stated = plan.duration.unwrap_or(0.0);
    let (varied, threshold, value) = if plan.duration.is_some() {
        (Varied::Duration, range.critical_duration(plan, 1.0)?, stated)
    } else {
        (Varied::Size, range.critical_size(plan, stated, 1.0)?, 1.0)
    };
    Ok(match threshold {
        Threshold::At(p50) => {
            let place = if varied == Varied::Duration { (1.0, p50) } else { (p50, stated) };
            let odds: Odds = range.odds(plan, &Events::new(&study.median), varied, place)?;
            odds.probability(value)
        }
        // Nothing tips it, however long.
        Threshold::None(furthest) if value <= furthest => Some(0.0),
        Threshold::None(_) | Threshold::Undecided => None,
    })
}
