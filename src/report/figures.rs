//! Figures of an analysis: goodput and number inside along the load; for each trigger the run that just heals and the one
//! that just does not, and the critical size against duration.

pub(super) mod curve;
mod hysteresis;
mod series;

use super::document::Block;
use crate::answers::analysis::Findings;
use crate::answers::study::Study;
use crate::plot::{Figure, PlotError};
use std::num::NonZeroUsize;

/// A figure with the name of its files.
#[derive(Debug, Clone)]
pub struct NamedFigure {
    /// Name without ending.
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// The drawing.
    pub figure: Figure,
}

/// Who is told how far the drawing is.
pub trait Watcher: Sync {
    /// What comes next.
    fn begin(&self, what: &str);
    /// A step is done.
    fn step(&self);
}

/// Most steps that [`all`] tells its watcher about.
#[must_use]
pub fn steps(study: &Study) -> usize {
    1 + study.model.triggers.len() * (1 + curve::POINTS)
}

/// Draws them all.
///
/// # Errors
/// Only by a defect of the drawing library.
pub fn all(
    study: &Study,
    findings: &Findings,
    threads: NonZeroUsize,
    watcher: &dyn Watcher,
) -> Result<Vec<NamedFigure>, PlotError> {
    watcher.begin("hysteresis");
    let mut drawn = vec![hysteresis::draw(study, findings)?];
    watcher.step();
    let Some((landscape, good)) = &findings.median else { return Ok(drawn) };
    for report in &findings.analysis.triggers {
        watcher.begin(&report.name);
        drawn.extend(series::draw(study, landscape, *good, report)?);
        watcher.step();
        drawn.extend(curve::draw(study, landscape, *good, report, threads, watcher)?);
    }
    Ok(drawn)
}

/// The figures as parts of a report.
#[must_use]
pub fn blocks(drawn: &[NamedFigure]) -> Vec<Block> {
    let mut blocks = vec![Block::Heading("Figures".to_owned())];
    blocks.extend(drawn.iter().map(|f| Block::Figure { about: f.about.clone(), file: format!("{}.svg", f.name) }));
    blocks
}

/// Model and load, for the line under a title.
fn subtitle(study: &Study) -> String {
    let meta = &study.model.meta;
    let name = if meta.title.is_empty() { meta.name.clone() } else { format!("{}: {}", meta.name, meta.title) };
    format!("{name}. Load {}", super::words::given(study.load.value / study.load.factor, &study.load.unit))
}

/// A name that is safe in a file name.
fn file_name(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' }).collect()
}
