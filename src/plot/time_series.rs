//! What happens over time, in one run or in several compared: one that heals and one that collapses.

use super::ink::{AMBER, Ink, PAPER, SERIES};
use super::number::{time_unit, with_unit};
use super::render::render;
use super::scale::{Margin, Scale, drawable};
use super::sheet::{Key, Layer, Note, Panel, Sheet, Spot, Swatch, XAxis};
use super::stroke::{Dash, Stroke};
use super::{Figure, PlotError};

/// Panels of quantities against time. Colour tells the quantity, the pattern of the line tells the run.
#[derive(Debug, Clone, Default)]
pub struct TimeSeries {
    /// What the chart shows.
    pub title: String,
    /// Model, parameters.
    pub subtitle: Option<String>,
    /// Names of the runs, as `(short, long)`: "collapses", "collapses: burst of 1.16 s". Curves refer to them by
    /// place. The last run is drawn strongest.
    pub runs: Vec<(String, String)>,
    /// When triggers were active.
    pub triggers: Vec<TriggerSpan>,
    /// Panels under each other.
    pub panels: Vec<TimePanel>,
}

/// A trigger's interval.
#[derive(Debug, Clone, Default)]
pub struct TriggerSpan {
    /// Begin, in seconds.
    pub from: f64,
    /// End, in seconds.
    pub to: f64,
    /// What it is; spans of the same label share an entry of the legend.
    pub label: String,
}

/// One set of axes.
#[derive(Debug, Clone, Default)]
pub struct TimePanel {
    /// Name of what is shown.
    pub label: String,
    /// Its unit; empty for a pure number.
    pub unit: String,
    /// How values are spread.
    pub scale: Scale,
    /// What is drawn.
    pub curves: Vec<Curve>,
}

/// One quantity in one run.
#[derive(Debug, Clone, Default)]
pub struct Curve {
    /// The quantity; the same one has the same colour in all panels.
    pub quantity: String,
    /// The run's place in [`TimeSeries::runs`].
    pub run: usize,
    /// Points `(seconds, value)`; a value that is not finite leaves a gap.
    pub points: Vec<(f64, f64)>,
    /// A band around it `(seconds, low, high)`; may be empty.
    pub band: Vec<(f64, f64, f64)>,
}

impl TimeSeries {
    /// Draws the chart.
    ///
    /// # Errors
    /// Only by a defect of the drawing library.
    pub fn draw(&self) -> Result<Figure, PlotError> {
        let times = self.panels.iter().flat_map(|p| &p.curves).flat_map(|c| &c.points).map(|p| p.0);
        let (unit, unit_name) = time_unit(times.filter(|&t| drawable(t)).fold(0.0, f64::max));
        let quantities = self.quantities();
        let panel = |panel: &TimePanel| self.panel(panel, &quantities, unit);
        render(&Sheet {
            title: self.title.clone(),
            subtitle: self.subtitle.clone(),
            about: self.about(),
            keys: self.keys(),
            x: XAxis { heading: with_unit("Time", unit_name), scale: Scale::Linear, margin: Margin::Tight },
            guides: Vec::new(),
            panels: self.panels.iter().map(panel).collect(),
        })
    }

    fn quantities(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for curve in self.panels.iter().flat_map(|panel| &panel.curves) {
            if !names.contains(&curve.quantity.as_str()) {
                names.push(curve.quantity.as_str());
            }
        }
        names
    }

    fn about(&self) -> String {
        let panels: Vec<String> = self.panels.iter().map(|p| with_unit(&p.label, &p.unit)).collect();
        let runs: Vec<&str> = self.runs.iter().map(|run| run.1.as_str()).collect();
        let triggers: Vec<&str> = self.triggers.iter().map(|t| t.label.as_str()).collect();
        let mut about = format!("Against time: {}.", panels.join("; "));
        for (what, list) in [("Runs", runs), ("Triggers", triggers)] {
            if !list.is_empty() {
                about.push_str(&format!(" {what}: {}.", list.join("; ")));
            }
        }
        about
    }

    fn keys(&self) -> Vec<Key> {
        let mut keys = Vec::new();
        if self.runs.len() > 1 {
            for (i, run) in self.runs.iter().enumerate() {
                let stroke = self.stroke(Ink(0x33, 0x33, 0x33), i);
                keys.push(Key { label: run.1.clone(), swatch: Swatch::Line(stroke, None) });
            }
        }
        for span in &self.triggers {
            if !keys.iter().any(|key| key.label == span.label) {
                keys.push(Key { label: span.label.clone(), swatch: Swatch::Fill(AMBER, SHADE) });
            }
        }
        keys
    }

    /// The last run is solid and full; those before it are paler and broken.
    fn stroke(&self, ink: Ink, run: usize) -> Stroke {
        let before = self.runs.len().saturating_sub(run + 1);
        match before {
            0 => Stroke::new(ink, 2.0, Dash::Solid),
            n => {
                let dash = [Dash::Dashed, Dash::Dotted, Dash::Alternating, Dash::Long, Dash::Short][(n - 1) % 5];
                Stroke::new(ink.mixed(PAPER, 0.3), 1.8, dash)
            }
        }
    }

    fn panel(&self, panel: &TimePanel, quantities: &[&str], unit: f64) -> Panel {
        let number = |curve: &Curve| quantities.iter().position(|q| *q == curve.quantity).unwrap_or(0);
        let ink = |curve: &Curve| SERIES[number(curve) % SERIES.len()];
        let places = |curve: &Curve| -> Vec<(f64, f64)> { curve.points.iter().map(|p| (p.0 / unit, p.1)).collect() };
        let mut layers: Vec<Layer> = Vec::new();
        for span in &self.triggers {
            layers.push(Layer::Column { from: span.from / unit, to: span.to / unit, ink: AMBER, alpha: SHADE });
        }
        for curve in &panel.curves {
            let points = curve.band.iter().map(|&(t, low, high)| (t / unit, low, high)).collect();
            layers.push(Layer::Band { points, ink: ink(curve), alpha: 0.14 });
        }
        // In the order of runs, so that the strongest lies on top.
        let mut order: Vec<&Curve> = panel.curves.iter().collect();
        order.sort_by_key(|curve| curve.run);
        for curve in &order {
            layers.push(Layer::Line { points: places(curve), stroke: self.stroke(ink(curve), curve.run) });
        }
        let mut shown: Vec<(&str, Ink)> = Vec::new();
        for curve in &panel.curves {
            if !shown.iter().any(|(name, _)| *name == curve.quantity) {
                shown.push((&curve.quantity, ink(curve)));
            }
        }
        let several = shown.len() > 1;
        let note = |curve: &&Curve| {
            let run = self.runs.get(curve.run)?.0.as_str();
            Some(Note {
                text: if several { format!("{}, {run}", curve.quantity) } else { run.to_owned() },
                ink: ink(curve),
                bold: false,
                spot: Spot::Along(places(curve)),
                optional: true,
            })
        };
        let told_apart = |curve: &&&Curve| self.runs.len() > 1 && differs(panel, curve);
        let key = |&(name, ink): &(&str, Ink)| Key {
            label: name.to_owned(),
            swatch: Swatch::Line(Stroke::new(ink, 2.4, Dash::Solid), None),
        };
        Panel {
            heading: with_unit(&panel.label, &panel.unit),
            scale: panel.scale,
            height: if self.panels.len() < 2 { 260.0 } else { 150.0 },
            keys: if several { shown.iter().map(key).collect() } else { Vec::new() },
            layers,
            notes: order.iter().filter(told_apart).filter_map(note).collect(),
        }
    }
}

const SHADE: f64 = 0.4;

/// Whether a quantity ends differently in different runs, by a tenth of what the panel shows: only then is it worth a
/// label of its own.
fn differs(panel: &TimePanel, curve: &Curve) -> bool {
    let last = |c: &Curve| c.points.iter().rev().map(|p| p.1).find(|v| drawable(*v));
    let values = panel.curves.iter().flat_map(|c| &c.points).map(|p| p.1).filter(|&v| drawable(v));
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let others = panel.curves.iter().filter(|c| c.quantity == curve.quantity && c.run != curve.run);
    let Some(end) = last(curve) else { return false };
    others.filter_map(last).any(|other| (other - end).abs() > 0.1 * (high - low))
}
