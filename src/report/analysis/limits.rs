//! Tip-over load, recovery load, published bound: where they are and what they mean today.

use crate::answers::analysis::{Analysis, Findings, LimitLoad, Verdict};
use crate::answers::collapse::DEFAULT_HORIZON;
use crate::answers::limits::LimitKind;
use crate::answers::study::Study;
use crate::chance::escape::Method;
use crate::dynamics::continuation::End;
use crate::report::document::{Block, Cell, Column, Table, Tone};
use crate::report::words::{change, given, in_unit, measured, percent, time};
use std::f64::consts::TAU;

/// Below this share from a limit a line is marked.
const NARROW: f64 = 0.2;

/// A table of loads, and a sentence where one is missing.
pub(super) fn blocks(findings: &Findings) -> Vec<Block> {
    let analysis = &findings.analysis;
    let load = &analysis.load;
    let mut rows = vec![row(&format!("today ({})", load.path), given(load.value, &load.unit), None, String::new())];
    if let Some(limit) = &analysis.tip_over_load {
        rows.push(tip_over(findings, limit));
    }
    if let Some(limit) = &analysis.recovery_load {
        rows.push(recovery(analysis, limit));
    }
    if let Some(bounds) = &analysis.bounds {
        let safe = bounds.osdi22_stable_capacity;
        let meaning = "published bound: below it every collapse heals".to_owned();
        let share = Cell::from(change(safe / load.value - 1.0));
        rows.push(row("safe load (OSDI'22, theorem 2)", measured(safe, &load.unit), Some(share), meaning));
    }
    let columns =
        vec![Column::left("load"), Column::right("value"), Column::right("from today"), Column::left("meaning")];
    let mut blocks = vec![Block::Table(Table { columns, rows })];
    blocks.extend(missing(findings).map(Block::Paragraph));
    blocks
}

/// How long the good state lasts under noise: beyond which load it is too short, and today.
pub(super) fn noise(study: &Study, analysis: &Analysis) -> Vec<Block> {
    let mut lines = Vec::new();
    let horizon = study.model.meta.horizon.as_ref().map_or(DEFAULT_HORIZON, |h| h.value);
    let tip = analysis.tip_over_load.as_ref().and_then(|t| t.with_noise.flatten().map(|load| (load, &t.unit)));
    if let Some((load, unit)) = tip {
        let at = measured(load, unit);
        lines.push(format!("With noise: {at}; beyond it the good state lasts less than {} on average.", time(horizon)));
    }
    if let Some(found) = &analysis.mean_time_to_collapse {
        let [low, high] = found.interval;
        let method = match found.method {
            Method::MarkovChain => "exact Markov chain",
            Method::Simulation => "simulation",
            Method::Splitting => "multilevel splitting",
            Method::Extrapolation => "extrapolation from larger noise",
        };
        lines.push(format!(
            "Mean time to collapse by itself at today's load: {} (95 %: {} to {}; {method}).",
            time(found.value),
            time(low),
            time(high)
        ));
    }
    lines.into_iter().map(Block::Paragraph).collect()
}

fn row(what: &str, value: String, share: Option<Cell>, meaning: String) -> Vec<Cell> {
    vec![what.into(), value.into(), share.unwrap_or_default(), meaning.into()]
}

fn tip_over(findings: &Findings, limit: &LimitLoad) -> Vec<Cell> {
    let analysis = &findings.analysis;
    let headroom = analysis.headroom.to_tip_over.unwrap_or(f64::NAN);
    let tone = match headroom {
        h if h < 0.0 => Tone::Bad,
        h if h < NARROW => Tone::Warn,
        _ => Tone::Good,
    };
    let tense = if headroom < 0.0 { "exceeded today: " } else { "" };
    let (term, meaning) = match limit.kind {
        LimitKind::Fold => ("upper fold", "above it the system falls over by itself".to_owned()),
        LimitKind::Hopf => {
            let period = findings.limits.tip_over.as_ref().and_then(|t| t.omega).map(|omega| time(TAU / omega));
            let period = period.map(|p| format!(" with a period of {p}")).unwrap_or_default();
            ("Hopf point", format!("above it the good state swings{period} instead of settling"))
        }
        LimitKind::Escape => ("escape", "above it a queue grows without bound".to_owned()),
        LimitKind::Peak => ("goodput peak", "above it goodput falls, without a jump".to_owned()),
    };
    let what = format!("tip-over load ({term})");
    let share = Cell::new(change(headroom), tone);
    row(&what, measured(limit.value, &limit.unit), Some(share), format!("{tense}{meaning}"))
}

fn recovery(analysis: &Analysis, limit: &LimitLoad) -> Vec<Cell> {
    let headroom = analysis.headroom.to_recovery.unwrap_or(f64::NAN);
    let below = measured(limit.value, &limit.unit);
    let term = match limit.kind {
        LimitKind::Fold => "lower fold",
        LimitKind::Hopf => "Hopf point",
        LimitKind::Escape => "end of unbounded growth",
        LimitKind::Peak => "goodput peak",
    };
    let (tone, meaning) = if headroom < 0.0 {
        (Tone::Warn, format!("a collapse heals only below {below}: shed {}", percent(-headroom)))
    } else {
        (Tone::Good, format!("a collapse heals by itself up to {below}"))
    };
    row(&format!("recovery load ({term})"), below, Some(Cell::new(change(headroom), tone)), meaning)
}

/// What a reader should know about a limit that does not exist.
fn missing(findings: &Findings) -> Option<String> {
    let analysis = &findings.analysis;
    let unit = &analysis.load.unit;
    let branch = &findings.landscape.branch;
    let complete = findings.limits.warnings.is_empty()
        && branch.points.len() > 1
        && matches!(branch.end, End::ParameterBound | End::Unbounded { .. });
    match (&analysis.tip_over_load, &analysis.recovery_load) {
        _ if !complete => {
            Some("The branch of states was not followed to its end: limits beyond it are not known.".to_owned())
        }
        (_, Some(_)) => None,
        _ if analysis.verdict != Verdict::Stable && analysis.verdict != Verdict::Overloaded => Some(
            "No recovery load was found on the branch of the good state, although a collapsed state exists.".to_owned(),
        ),
        (Some(tip), None) if tip.kind == LimitKind::Hopf => {
            Some("No recovery load: no state of collapse was found beside the oscillation.".to_owned())
        }
        (Some(tip), None) => {
            let below = measured(tip.value, &tip.unit);
            Some(format!(
                "Never metastable: no collapsed state at any load below {below}; overload heals when it ends."
            ))
        }
        (None, None) => {
            let last = in_unit(branch.points.last().map(|p| p.parameter).unwrap_or_default(), unit);
            Some(format!(
                "Never metastable: no collapsed state and no tip-over at any load below {}.",
                measured(last, unit)
            ))
        }
    }
}
