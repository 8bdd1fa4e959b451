//! The report of an analysis. The words of operations come first, those of mathematics in brackets.

mod limits;
mod states;
mod triggers;

use super::document::{Block, Cell, Tone};
use super::words::given;
use crate::answers::analysis::{Analysis, Findings, Verdict};
use crate::answers::limits::LimitKind;
use crate::answers::study::Study;

/// The report as a document. `source` is how the model is named on the command line, if figures are still to be drawn.
#[must_use]
pub fn document(study: &Study, findings: &Findings, source: Option<&str>) -> Vec<Block> {
    let analysis = &findings.analysis;
    let mut blocks = vec![Block::Verdict(verdict(analysis))];
    if !study.model.meta.title.is_empty() {
        blocks.push(Block::Paragraph(study.model.meta.title.clone()));
    }
    blocks.push(Block::Heading("Load".to_owned()));
    blocks.extend(limits::blocks(findings));
    blocks.extend(limits::noise(study, analysis));
    let today = given(analysis.load.value, &analysis.load.unit);
    blocks.push(Block::Heading(format!("States at {today}: {}", analysis.completeness)));
    blocks.push(states::table(study, findings));
    if !analysis.triggers.is_empty() {
        blocks.push(Block::Heading("Triggers".to_owned()));
        blocks.push(triggers::table(study, analysis));
    }
    if let Some(against) = &analysis.referee {
        blocks.push(Block::Heading(format!("Fluid against referee: {} simulated runs", against.runs)));
        blocks.extend(super::referee::against_table(against));
    }
    if !analysis.findings.is_empty() {
        blocks.push(Block::Heading("Findings: `tipping explain ID` says more".to_owned()));
        let lines = analysis.findings.iter().map(|f| format!("{} [{}]", f.message, f.id));
        blocks.push(Block::List(lines.collect()));
    }
    if !analysis.warnings.is_empty() {
        blocks.push(Block::Heading("Warnings".to_owned()));
        blocks.push(Block::List(analysis.warnings.clone()));
    }
    if let Some(source) = source {
        blocks.push(Block::Hint {
            about: "figures for a design review".to_owned(),
            command: format!("tipping analyze {source} --out report"),
        });
    }
    blocks
}

/// The verdict in a sentence.
fn verdict(analysis: &Analysis) -> Vec<Cell> {
    let name = analysis.model.get("name").and_then(|v| v.as_str()).unwrap_or("the model");
    let at = given(analysis.load.value, &analysis.load.unit);
    let past_hopf = analysis.tip_over_load.as_ref().is_some_and(|t| t.kind == LimitKind::Hopf);
    let swings = past_hopf && analysis.states.iter().all(|s| !s.stable);
    let (word, tone, meaning) = match analysis.verdict {
        Verdict::Stable => ("STABLE", Tone::Good, "no collapsed state exists, every trigger heals"),
        Verdict::Vulnerable => ("VULNERABLE", Tone::Warn, "it works today, but a collapsed state also exists"),
        Verdict::Metastable => ("METASTABLE", Tone::Bad, "from its start it ends in the collapsed state"),
        Verdict::Overloaded if swings => ("OVERLOADED", Tone::Bad, "the good state swings instead of settling"),
        Verdict::Overloaded => ("OVERLOADED", Tone::Bad, "no good state exists"),
        Verdict::Inconclusive => ("UNDECIDED", Tone::Warn, "the analysis is inconclusive, see the warnings"),
    };
    vec![format!("{name} is ").into(), Cell::new(word, tone), format!(" at {at}: {meaning}.").into()]
}
