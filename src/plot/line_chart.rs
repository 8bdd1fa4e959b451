//! Several series over a shared axis, in one panel or in a stack of them.

use super::ink::{AXIS, Ink, MUTED, SERIES};
use super::number::with_unit;
use super::render::render;
use super::scale::{Margin, Scale};
use super::sheet::{Guide, Key, Layer, Panel, Sheet, Swatch, XAxis};
use super::stroke::{Dash, Marker, SERIES_DASHES, SERIES_MARKERS, Stroke};
use super::{Figure, PlotError};

/// A chart of any quantities against any other.
#[derive(Debug, Clone, Default)]
pub struct LineChart {
    /// What the chart shows.
    pub title: String,
    /// Model, parameters.
    pub subtitle: Option<String>,
    /// Name of the horizontal quantity.
    pub x_label: String,
    /// Its unit; empty for a pure number.
    pub x_unit: String,
    /// How it is spread.
    pub x_scale: Scale,
    /// One or several panels, drawn under each other.
    pub panels: Vec<ChartPanel>,
    /// Marked values of the horizontal quantity.
    pub references: Vec<Reference>,
}

/// One set of axes.
#[derive(Debug, Clone, Default)]
pub struct ChartPanel {
    /// Name of the vertical quantity.
    pub label: String,
    /// Its unit; empty for a pure number.
    pub unit: String,
    /// How it is spread.
    pub scale: Scale,
    /// What is drawn.
    pub series: Vec<Series>,
    /// Height on the page; 0 for a fitting one.
    pub height: u32,
}

/// A named curve.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// Its name; series of the same name look the same in all panels.
    pub name: String,
    /// Its points `(x, y)` in order; a value that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
    /// A band around it `(x, low, high)`, such as the 10th and 90th percentile; may be empty.
    pub band: Vec<(f64, f64, f64)>,
    /// Mark every point: for measured or computed points rather than a smooth curve.
    pub markers: bool,
}

/// A marked value of the horizontal quantity.
#[derive(Debug, Clone, Default)]
pub struct Reference {
    /// Where.
    pub x: f64,
    /// What it is.
    pub label: String,
}

impl LineChart {
    /// Draws the chart.
    ///
    /// # Errors
    /// Only by a defect of the drawing library.
    pub fn draw(&self) -> Result<Figure, PlotError> {
        let names = self.names();
        let looks = |name: &str| Look::of(names.iter().position(|n| *n == name).unwrap_or(0));
        let guide = |r: &Reference| Guide {
            x: r.x,
            label: r.label.clone(),
            stroke: Stroke::new(MUTED, 1.0, Dash::Short),
            bold: false,
        };
        render(&Sheet {
            title: self.title.clone(),
            subtitle: self.subtitle.clone(),
            about: self.about(),
            keys: Vec::new(),
            x: XAxis { heading: with_unit(&self.x_label, &self.x_unit), scale: self.x_scale, margin: Margin::Padded },
            guides: self.references.iter().map(guide).collect(),
            panels: self.panels.iter().map(|panel| self.panel(panel, &looks)).collect(),
        })
    }

    /// The names of all series, each once, in order of appearance.
    fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for series in self.panels.iter().flat_map(|panel| &panel.series) {
            if !names.contains(&series.name.as_str()) {
                names.push(series.name.as_str());
            }
        }
        names
    }

    fn about(&self) -> String {
        let panel = |p: &ChartPanel| {
            let names: Vec<&str> = p.series.iter().map(|s| s.name.as_str()).collect();
            format!("{} ({})", with_unit(&p.label, &p.unit), names.join(", "))
        };
        let panels: Vec<String> = self.panels.iter().map(panel).collect();
        let mut about = format!("{} against {}.", panels.join("; "), with_unit(&self.x_label, &self.x_unit));
        for r in &self.references {
            about.push_str(&format!(" Marked: {}.", r.label));
        }
        about
    }

    fn panel(&self, panel: &ChartPanel, looks: &dyn Fn(&str) -> Look) -> Panel {
        let (mut layers, mut keys) = (Vec::new(), Vec::new());
        for series in &panel.series {
            let look = looks(&series.name);
            if !series.band.is_empty() {
                layers.push(Layer::Band { points: series.band.clone(), ink: look.ink, alpha: 0.15 });
            }
        }
        for series in &panel.series {
            let look = looks(&series.name);
            let stroke = Stroke::new(look.ink, 2.0, look.dash);
            layers.push(Layer::Line { points: series.points.clone(), stroke });
            if series.markers {
                let dot = |&at: &(f64, f64)| Layer::Dot { at, marker: look.marker, ink: look.ink };
                layers.extend(series.points.iter().map(dot));
            }
            keys.push(Key {
                label: series.name.clone(),
                swatch: Swatch::Line(stroke, series.markers.then_some(look.marker)),
            });
        }
        // One series is named by the heading.
        if panel.series.len() < 2 {
            keys.clear();
        }
        let alone = if self.panels.len() < 2 { 300.0 } else { 190.0 };
        Panel {
            heading: with_unit(&panel.label, &panel.unit),
            scale: panel.scale,
            height: if panel.height == 0 { alone } else { f64::from(panel.height.clamp(60, 2000)) },
            keys,
            layers,
            notes: Vec::new(),
        }
    }
}

/// The looks of a series by its number.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) ink: Ink,
    pub(super) dash: Dash,
    pub(super) marker: Marker,
}

impl Look {
    /// Colours go round after six, dashes shift by one each time round, so that 36 series differ.
    pub(super) fn of(number: usize) -> Look {
        let shifted = number + number / SERIES.len();
        Look {
            ink: SERIES.get(number % SERIES.len()).copied().unwrap_or(AXIS),
            dash: SERIES_DASHES[shifted % SERIES_DASHES.len()],
            marker: SERIES_MARKERS[shifted % SERIES_MARKERS.len()],
        }
    }
}
