//! How large and how long a trigger must be to tip the system.

use super::ink::{BLUE, TEXT, VERMILION};
use super::line_chart::Look;
use super::number::{given, quantity, time_unit, with_unit};
use super::render::render;
use super::scale::{Margin, Scale, drawable};
use super::sheet::{Key, Layer, Note, Panel, Sheet, Spot, Swatch, XAxis};
use super::stroke::{Marker, Stroke};
use super::{Figure, PlotError};

/// How dark the band between 10 % and 90 % is.
const BAND: f64 = 0.28;

/// Critical size against duration of one trigger.
#[derive(Debug, Clone, Default)]
pub struct TriggerCurve {
    /// What the chart shows.
    pub title: String,
    /// Model, parameters.
    pub subtitle: Option<String>,
    /// What the size is, such as "Load during the spike".
    pub size_label: String,
    /// Its unit.
    pub size_unit: String,
    /// How sizes are spread.
    pub size_scale: Scale,
    /// The curves; the first one parts the regions "heals" and "collapses".
    pub curves: Vec<CriticalCurve>,
    /// The trigger as the model states it.
    pub stated: Option<StatedTrigger>,
}

/// Triggers below the curve heal, those above it tip the system.
#[derive(Debug, Clone, Default)]
pub struct CriticalCurve {
    /// What it holds for: "at 60 req/s", "p50". May be empty if there is one curve only.
    pub name: String,
    /// Points `(seconds, critical size)` in order of duration; an infinite size says that no size tips.
    pub points: Vec<(f64, f64)>,
    /// From where one run in ten tips to where nine in ten do, `(seconds, low, high)`; may be empty, and a value that is
    /// not finite leaves a gap.
    pub band: Vec<(f64, f64, f64)>,
}

/// A trigger as a point in the chart.
#[derive(Debug, Clone, Default)]
pub struct StatedTrigger {
    /// Its name.
    pub label: String,
    /// Its duration in seconds.
    pub duration: f64,
    /// Its size.
    pub size: f64,
}

impl TriggerCurve {
    /// Draws the chart.
    ///
    /// # Errors
    /// Only by a defect of the drawing library.
    pub fn draw(&self) -> Result<Figure, PlotError> {
        let times =
            self.curves.iter().flat_map(|c| &c.points).map(|p| p.0).chain(self.stated.iter().map(|s| s.duration));
        let (unit, unit_name) = time_unit(times.filter(|&t| drawable(t)).fold(0.0, f64::max));
        let label = self.stated.as_ref().map(|s| {
            let duration = quantity(&given(s.duration / unit), unit_name);
            format!("{}: {} for {duration}", s.label, quantity(&given(s.size), &self.size_unit))
        });
        let mut about = format!(
            "Critical {} against duration. Triggers below the curve heal, triggers above it collapse the system.",
            with_unit(&self.size_label, &self.size_unit)
        );
        if let Some(label) = &label {
            about.push_str(&format!(" Marked: {label}."));
        }
        render(&Sheet {
            title: self.title.clone(),
            subtitle: self.subtitle.clone(),
            about,
            keys: Vec::new(),
            x: XAxis {
                heading: with_unit("Duration", unit_name),
                scale: self.duration_scale(),
                margin: if self.curves.iter().any(|c| c.points.len() > 1) { Margin::Tight } else { Margin::Padded },
            },
            guides: Vec::new(),
            panels: vec![self.panel(unit, label)],
        })
    }

    /// Logarithmic as soon as durations differ by a factor of ten.
    fn duration_scale(&self) -> Scale {
        let times = self.curves.iter().flat_map(|c| &c.points).filter(|p| p.1.is_finite()).map(|p| p.0);
        let positive = times.filter(|&t| drawable(t) && t > 0.0);
        let (low, high) = positive.fold((f64::INFINITY, 0.0_f64), |(low, high), t| (low.min(t), high.max(t)));
        if high >= 10.0 * low { Scale::Log } else { Scale::Linear }
    }

    fn panel(&self, unit: f64, stated: Option<String>) -> Panel {
        let points = |c: &CriticalCurve| -> Vec<(f64, f64)> { c.points.iter().map(|p| (p.0 / unit, p.1)).collect() };
        let above = |c: &CriticalCurve| points(c).iter().map(|&(t, size)| (t, size, f64::INFINITY)).collect();
        let below = |c: &CriticalCurve| points(c).iter().map(|&(t, size)| (t, f64::NEG_INFINITY, size)).collect();
        let mut layers = Vec::new();
        if let Some(first) = self.curves.first() {
            layers.push(Layer::Band { points: above(first), ink: VERMILION, alpha: 0.10 });
            layers.push(Layer::Band { points: below(first), ink: BLUE, alpha: 0.06 });
        }
        let (mut notes, mut keys) = (Vec::new(), Vec::new());
        for (i, curve) in self.curves.iter().enumerate() {
            let points: Vec<_> = curve.band.iter().map(|b| (b.0 / unit, b.1.min(b.2), b.1.max(b.2))).collect();
            if points.iter().any(|b| b.1.is_finite() && b.2.is_finite()) {
                let ink = Look::of(i).ink;
                layers.push(Layer::Band { points, ink, alpha: BAND });
                let label = match curve.name.as_str() {
                    "" => "10 % to 90 % of runs tip".to_owned(),
                    name => format!("{name}: 10 % to 90 % of runs tip"),
                };
                keys.push(Key { label, swatch: Swatch::Fill(ink, BAND) });
            }
        }
        if let (Some(s), Some(text)) = (&self.stated, stated) {
            let at = (s.duration / unit, s.size);
            notes.push(Note { text, ink: TEXT, bold: true, spot: Spot::Beside(at), optional: false });
        }
        for (i, curve) in self.curves.iter().enumerate() {
            let look = Look::of(i);
            let stroke = Stroke::new(look.ink, if i == 0 { 2.6 } else { 1.8 }, look.dash);
            layers.push(Layer::Line { points: points(curve), stroke });
            if !curve.name.is_empty() {
                keys.push(Key { label: curve.name.clone(), swatch: Swatch::Line(stroke, None) });
            }
        }
        if let Some(s) = &self.stated {
            layers.push(Layer::Dot { at: (s.duration / unit, s.size), marker: Marker::Diamond, ink: TEXT });
        }
        let collapses = Spot::Within(self.curves.iter().map(above).collect());
        let heals = Spot::Within(self.curves.iter().map(below).collect());
        for (text, ink, spot) in [("collapses", VERMILION, collapses), ("heals", BLUE, heals)] {
            notes.push(Note { text: text.to_owned(), ink, bold: true, spot, optional: false });
        }
        Panel {
            heading: with_unit(&self.size_label, &self.size_unit),
            scale: self.size_scale,
            height: 320.0,
            keys,
            layers,
            notes,
        }
    }
}
