//! Measurements, what a fitted model says about them, and what is left over in standard errors.

use super::ink::{AXIS, BLUE, Ink};
use super::number::{time_unit, with_unit};
use super::render::render;
use super::scale::{Margin, Scale, drawable};
use super::sheet::{Key, Layer, Panel, Sheet, Swatch, XAxis};
use super::stroke::{Dash, Marker, Stroke};
use super::{Figure, PlotError};

/// Readings are lighter than the line through them, in grey as well.
const READING: Ink = Ink(0x8C, 0x8C, 0x8C);
/// Readings of a column that are drawn one by one.
const MOST: usize = 600;
/// Stretches of which the range of readings is drawn where there are more.
const STRETCHES: usize = 300;
/// Within so many standard errors lie 95 % of normal residuals.
const USUAL: f64 = 1.96;
/// How dark their band is.
const SHADE: f64 = 0.12;

/// Panels above one time axis: for every column its readings with the fitted curve, and the residuals below.
#[derive(Debug, Clone, Default)]
pub struct FitChart {
    /// What the chart shows.
    pub title: String,
    /// Model, files.
    pub subtitle: Option<String>,
    /// The columns.
    pub columns: Vec<FittedColumn>,
}

/// A column held to the model.
#[derive(Debug, Clone, Default)]
pub struct FittedColumn {
    /// What it shows.
    pub label: String,
    /// Its unit; empty for a pure number.
    pub unit: String,
    /// In order of time.
    pub readings: Vec<FittedReading>,
}

/// A reading with its prediction.
#[derive(Debug, Clone, Copy, Default)]
pub struct FittedReading {
    /// Seconds.
    pub time: f64,
    /// What was measured.
    pub measured: f64,
    /// What the fitted model says.
    pub fitted: f64,
    /// Standard deviation of such a reading.
    pub deviation: f64,
}

impl FittedReading {
    fn residual(&self) -> f64 {
        (self.measured - self.fitted) / self.deviation
    }
}

impl FitChart {
    /// Draws the chart.
    ///
    /// # Errors
    /// Only by a defect of the drawing library.
    pub fn draw(&self) -> Result<Figure, PlotError> {
        let times = self.columns.iter().flat_map(|c| &c.readings).map(|r| r.time);
        let (unit, unit_name) = time_unit(times.filter(|&t| drawable(t)).fold(0.0, f64::max));
        let names: Vec<String> = self.columns.iter().map(|c| with_unit(&c.label, &c.unit)).collect();
        let many = self.columns.iter().any(|c| c.readings.len() > MOST);
        let single = self.columns.iter().any(|c| c.readings.len() <= MOST);
        let line = Stroke::new(BLUE, 1.8, Dash::Solid);
        let key = |label: &str, swatch: Swatch| Key { label: label.to_owned(), swatch };
        render(&Sheet {
            title: self.title.clone(),
            subtitle: self.subtitle.clone(),
            about: format!(
                "Against time: {}; each as measured and as the fitted model says, with the difference in standard errors below it.",
                names.join("; ")
            ),
            keys: [
                single.then(|| key("measured", Swatch::Dot(Marker::Disc, READING))),
                many.then(|| key("range of what was measured", Swatch::Fill(READING, 0.45))),
                Some(key("fitted model", Swatch::Line(line, None))),
                Some(key("95 % of residuals, if the noise is normal", Swatch::Fill(BLUE, SHADE))),
            ]
            .into_iter()
            .flatten()
            .collect(),
            x: XAxis { heading: with_unit("Time", unit_name), scale: Scale::Linear, margin: Margin::Tight },
            guides: Vec::new(),
            panels: self.columns.iter().flat_map(|c| [c.panel(line, unit), c.residuals(unit)]).collect(),
        })
    }
}

impl FittedColumn {
    fn panel(&self, line: Stroke, unit: f64) -> Panel {
        let fitted = self.readings.iter().map(|r| (r.time / unit, r.fitted)).collect();
        Panel {
            heading: with_unit(&self.label, &self.unit),
            scale: Scale::Linear,
            height: 150.0,
            keys: Vec::new(),
            layers: vec![
                scattered(&self.readings.iter().map(|r| (r.time / unit, r.measured)).collect::<Vec<_>>()),
                Layer::Line { points: fitted, stroke: line },
            ],
            notes: Vec::new(),
        }
    }

    fn residuals(&self, unit: f64) -> Panel {
        let ends = [self.readings.first(), self.readings.last()].map(|end| end.map_or(0.0, |r| r.time / unit));
        Panel {
            heading: with_unit(&format!("Residuals of {}", self.label), "standard errors"),
            scale: Scale::Linear,
            height: 110.0,
            keys: Vec::new(),
            layers: vec![
                Layer::Band { points: ends.map(|t| (t, -USUAL, USUAL)).to_vec(), ink: BLUE, alpha: SHADE },
                Layer::Line { points: ends.map(|t| (t, 0.0)).to_vec(), stroke: Stroke::new(AXIS, 1.0, Dash::Solid) },
                scattered(&self.readings.iter().map(|r| (r.time / unit, r.residual())).collect::<Vec<_>>()),
            ],
            notes: Vec::new(),
        }
    }
}

/// Points without a line between them: every one is a stretch of its own, which is drawn as a small disc. Where there are
/// too many, the range of each stretch: of its extremes alone nobody could see how rare they are.
fn scattered(points: &[(f64, f64)]) -> Layer {
    if points.len() > MOST {
        return Layer::Band { points: ranges(points), ink: READING, alpha: 0.45 };
    }
    let gap = (f64::NAN, f64::NAN);
    Layer::Line {
        points: points.iter().flat_map(|point| [*point, gap]).collect(),
        stroke: Stroke::new(READING, 1.0, Dash::Solid),
    }
}

/// The lowest and the highest value of each of [`STRETCHES`] stretches, at its middle.
fn ranges(points: &[(f64, f64)]) -> Vec<(f64, f64, f64)> {
    let range = |stretch: &[(f64, f64)]| {
        let values = || stretch.iter().map(|p| p.1).filter(|v| v.is_finite());
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        let middle = stretch.get(stretch.len() / 2)?.0;
        (low <= high).then_some((middle, low, high))
    };
    points.chunks(points.len().div_ceil(STRETCHES).max(1)).filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::{FitChart, FittedColumn, FittedReading, STRETCHES, ranges};

    #[test]
    fn no_spike_is_lost_where_readings_are_many() {
        let points: Vec<(f64, f64)> =
            (0..100_000).map(|k| (f64::from(k), if k == 77_777 { 5.0 } else { f64::from(k % 7) * 0.1 })).collect();
        let found = ranges(&points);
        assert!(found.len() <= STRETCHES && found.iter().all(|r| r.1 == 0.0));
        assert_eq!(found.iter().filter(|r| r.2 == 5.0).count(), 1);
        assert!(found.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn two_panels_for_each_column_with_their_units() {
        let reading = |k: i32| FittedReading {
            time: f64::from(k),
            measured: f64::from(k % 3),
            fitted: 1.0,
            deviation: if k == 5 { 0.0 } else { 0.5 },
        };
        let column = |label: &str, unit: &str| FittedColumn {
            label: label.to_owned(),
            unit: unit.to_owned(),
            readings: (0..50).map(reading).collect(),
        };
        let chart = FitChart {
            title: "fit".to_owned(),
            subtitle: None,
            columns: vec![column("requests inside", "req"), column("p99", "s")],
        };
        let svg = chart.draw().expect("drawn").svg();
        for text in [
            "requests inside (req)",
            "Residuals of requests inside (standard errors)",
            "p99 (s)",
            "Time (s)",
            "fitted model",
        ] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert!(FitChart::default().draw().is_ok());
    }
}
