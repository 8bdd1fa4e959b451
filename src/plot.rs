//! Charts, drawn from plain numbers: SVG and PNG of the same drawing.
//!
//! A chart is a struct of plain numbers and words ([`Hysteresis`], [`TimeSeries`], [`TriggerCurve`], [`LineChart`], [`RegionMap`]);
//! its `draw` gives a [`Figure`], which is an SVG document and, on request, a PNG of exactly that document. Nothing here
//! knows about models or analyses.
//!
//! How a drawing comes about, in the order of the modules below: a chart describes itself as a *sheet* (panels above one
//! shared horizontal axis, each a list of layers, keys and notes); the sheet is laid out and drawn by one renderer, which
//! fits the axes, clips, and puts every note where it covers least; `plotters` writes the shapes, on a canvas ten times
//! larger than the figure because it rounds to whole units; what it wrote is then tidied into the final document.
//!
//! Any numbers can be drawn: a value that is not finite leaves a gap, a panel without a single point says so, and
//! identical values still get an axis around them.
//! Same input, same bytes: the only fonts used are the ones in `assets/`.

// What users of this module see.
mod error;
mod figure;
mod fit_chart;
mod hysteresis;
mod line_chart;
mod region_map;
mod time_series;
mod trigger_curve;

// The description every chart is turned into, and its renderer.
mod guides;
mod keys;
mod panel;
mod render;
mod sheet;

// Axes.
mod number;
mod scale;
mod ticks;

// Putting words where they cover nothing.
mod labels;
mod region;

// Shapes, strokes, letters.
mod canvas;
mod font;
mod geometry;
mod ink;
mod stroke;
mod svg;

#[cfg(test)]
mod tests;

pub use error::PlotError;
pub use figure::Figure;
pub use fit_chart::{FitChart, FittedColumn, FittedReading};
pub use hysteresis::{Branch, BranchPoint, Escape, Fold, Hysteresis};
pub use line_chart::{ChartPanel, LineChart, Reference, Series};
pub use region_map::{Divide, MapRegion, MapSide, RegionMap, Tone};
pub use scale::Scale;
pub use time_series::{Curve, TimePanel, TimeSeries, TriggerSpan};
pub use trigger_curve::{CriticalCurve, StatedTrigger, TriggerCurve};
