//! Goodput and the number inside against load: where the system tips over, and where it comes back.

use super::ink::{AMBER, BLUE, Ink, MUTED, TEXT, VERMILION};
use super::number::{given, measured, quantity, with_unit};
use super::render::render;
use super::scale::{Margin, Scale};
use super::sheet::{Guide, Key, Layer, Note, Panel, Place, Sheet, Spot, Swatch, XAxis};
use super::stroke::{Dash, Marker, Stroke};
use super::{Figure, PlotError};

mod runs;

use runs::{Kind, Run};

/// The bifurcation diagram of a system along its load, with the loop it goes through when it tips and recovers.
#[derive(Debug, Clone, Default)]
pub struct Hysteresis {
    /// What the chart shows.
    pub title: String,
    /// Model, parameters.
    pub subtitle: Option<String>,
    /// Unit of load and goodput, such as "req/s".
    pub unit: String,
    /// Name of the lower panel's quantity; "Requests inside" if empty.
    pub inside_label: String,
    /// Its unit, such as "req".
    pub inside_unit: String,
    /// Equilibria, as curves along the load.
    pub branches: Vec<Branch>,
    /// A collapsed state without equilibrium: a queue that grows for ever.
    pub escape: Option<Escape>,
    /// Where the good state ends as load rises.
    pub tip_over: Option<Fold>,
    /// Where the collapsed state ends as load falls.
    pub recovery: Option<Fold>,
    /// Today's load.
    pub today: Option<f64>,
}

/// A curve of equilibria in the order of continuation; it may turn back at folds.
#[derive(Debug, Clone, Default)]
pub struct Branch {
    /// Its points.
    pub points: Vec<BranchPoint>,
    /// Whether its stable states count as collapsed in any case, not only where another one serves more.
    pub collapsed: bool,
}

/// An equilibrium.
#[derive(Debug, Clone, Copy, Default)]
pub struct BranchPoint {
    /// Load at which it exists.
    pub load: f64,
    /// What it serves in time.
    pub goodput: f64,
    /// How many are inside.
    pub inside: f64,
    /// Whether the system returns to it after a small disturbance.
    pub stable: bool,
}

/// A collapsed state in which the number inside grows without bound.
#[derive(Debug, Clone, Default)]
pub struct Escape {
    /// Points `(load, goodput)` in order of load.
    pub points: Vec<(f64, f64)>,
}

/// The end of a state.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fold {
    /// The load.
    pub load: f64,
    /// Goodput of the state that ends there; NaN for no mark.
    pub goodput: f64,
    /// Its number inside; NaN for no mark.
    pub inside: f64,
}

impl Hysteresis {
    /// Draws the chart.
    ///
    /// # Errors
    /// Only by a defect of the drawing library.
    pub fn draw(&self) -> Result<Figure, PlotError> {
        let runs = runs::split(&self.branches);
        let inside_label = if self.inside_label.is_empty() { "Requests inside" } else { &self.inside_label };
        render(&Sheet {
            title: self.title.clone(),
            subtitle: self.subtitle.clone(),
            about: self.about(),
            keys: self.keys(&runs),
            x: XAxis { heading: with_unit("Load", &self.unit), scale: Scale::Linear, margin: Margin::FromZero },
            guides: self.guides(),
            panels: vec![
                Panel {
                    heading: with_unit("Goodput", &self.unit),
                    scale: Scale::Linear,
                    height: 230.0,
                    keys: Vec::new(),
                    layers: self.goodput_layers(&runs),
                    notes: self.goodput_notes(&runs),
                },
                Panel {
                    heading: with_unit(inside_label, &self.inside_unit),
                    scale: Scale::Auto,
                    height: 190.0,
                    keys: Vec::new(),
                    layers: self.inside_layers(&runs),
                    notes: self.inside_notes(&runs),
                },
            ],
        })
    }

    fn labelled(&self, what: &str, load: &str) -> String {
        format!("{what} {}", quantity(load, &self.unit))
    }

    fn about(&self) -> String {
        let mut parts = vec!["Goodput and number inside against load.".to_owned()];
        if let Some(fold) = &self.tip_over {
            parts.push(format!("{}.", self.labelled("Tip-over load", &measured(fold.load))));
        }
        if let Some(fold) = &self.recovery {
            parts.push(format!("{}.", self.labelled("Recovery load", &measured(fold.load))));
        }
        if let Some(load) = self.today {
            parts.push(format!("{}.", self.labelled("Load today", &given(load))));
        }
        if self.escape.is_some() {
            parts.push("In the collapsed state the number inside grows without bound.".to_owned());
        }
        parts.join(" ")
    }

    /// The loads between which both the good and the collapsed state exist.
    fn vulnerable(&self) -> Option<(f64, f64)> {
        let (low, high) = (self.recovery?.load, self.tip_over?.load);
        (low < high).then_some((low, high))
    }

    fn keys(&self, runs: &[Run]) -> Vec<Key> {
        let key = |label: &str, swatch| Key { label: label.to_owned(), swatch };
        let mut keys = vec![key("good state (stable)", Swatch::Line(Kind::Good.stroke(), None))];
        if runs.iter().any(|run| run.kind == Kind::Collapsed) {
            keys.push(key("collapsed state (stable)", Swatch::Line(Kind::Collapsed.stroke(), None)));
        }
        if runs.iter().any(|run| run.kind == Kind::Unstable) {
            keys.push(key("unstable state", Swatch::Line(Kind::Unstable.stroke(), None)));
        }
        if self.escape.is_some() {
            keys.push(key("grows without bound", Swatch::Line(ESCAPE, None)));
        }
        if [self.tip_over, self.recovery].iter().flatten().any(|end| end.goodput.is_finite()) {
            keys.push(key("end of a state", Swatch::Dot(Marker::Disc, TEXT)));
        }
        keys.push(key("all load served", Swatch::Line(SERVED, None)));
        if self.vulnerable().is_some() {
            keys.push(key("vulnerable: both states exist", Swatch::Fill(AMBER, SHADE)));
        }
        keys
    }

    fn guides(&self) -> Vec<Guide> {
        let guide = |load: f64, label, ink, width, dash, bold| Guide {
            x: load,
            label,
            stroke: Stroke::new(ink, width, dash),
            bold,
        };
        let mut guides = Vec::new();
        if let Some(fold) = &self.recovery {
            let label = self.labelled("recovery", &measured(fold.load));
            guides.push(guide(fold.load, label, MUTED, 0.8, Dash::Short, false));
        }
        if let Some(load) = self.today {
            guides.push(guide(load, self.labelled("today", &given(load)), TEXT, 1.6, Dash::Solid, true));
        }
        if let Some(fold) = &self.tip_over {
            let label = self.labelled("tip-over", &measured(fold.load));
            guides.push(guide(fold.load, label, MUTED, 0.8, Dash::Short, false));
        }
        guides
    }

    fn goodput_layers(&self, runs: &[Run]) -> Vec<Layer> {
        let mut layers = self.shade();
        let top = runs
            .iter()
            .flat_map(|run| &run.points)
            .map(|p| p.load)
            .chain(self.escape.iter().flat_map(|escape| escape.points.iter().map(|p| p.0)))
            .filter(|load| load.is_finite())
            .fold(0.0, f64::max);
        layers.push(Layer::Aside { points: vec![(0.0, 0.0), (top, top)], stroke: SERVED });
        if let Some(escape) = &self.escape {
            layers.push(Layer::Line { points: escape.points.clone(), stroke: ESCAPE });
        }
        layers.extend(curves(runs, goodput));
        let at = |load| runs::at_load(runs, self.escape.as_ref(), load, goodput);
        if let Some(fold) = &self.tip_over {
            if let Some(to) = at(fold.load).min_by(f64::total_cmp).filter(|to| *to < fold.goodput) {
                layers.push(Layer::Jump { from: (fold.load, fold.goodput), to, ink: VERMILION });
            }
            layers.push(dot((fold.load, fold.goodput)));
        }
        if let Some(fold) = &self.recovery {
            if let Some(to) = at(fold.load).max_by(f64::total_cmp).filter(|to| *to > fold.goodput) {
                layers.push(Layer::Jump { from: (fold.load, fold.goodput), to, ink: BLUE });
            }
            layers.push(dot((fold.load, fold.goodput)));
        }
        layers
    }

    fn inside_layers(&self, runs: &[Run]) -> Vec<Layer> {
        let mut layers = self.shade();
        layers.extend(curves(runs, inside));
        let at = |load| runs::at_load(runs, None, load, inside);
        if let Some(fold) = &self.tip_over {
            let highest = at(fold.load).max_by(f64::total_cmp).filter(|to| *to > fold.inside);
            if let Some(to) = highest.or(self.escape.as_ref().map(|_| f64::INFINITY)) {
                layers.push(Layer::Jump { from: (fold.load, fold.inside), to, ink: VERMILION });
            }
            layers.push(dot((fold.load, fold.inside)));
        }
        if let Some(fold) = &self.recovery {
            if let Some(to) = at(fold.load).min_by(f64::total_cmp).filter(|to| *to < fold.inside) {
                layers.push(Layer::Jump { from: (fold.load, fold.inside), to, ink: BLUE });
            }
            layers.push(dot((fold.load, fold.inside)));
        }
        layers
    }

    fn shade(&self) -> Vec<Layer> {
        let column = |(from, to)| Layer::Column { from, to, ink: AMBER, alpha: SHADE };
        self.vulnerable().map(column).into_iter().collect()
    }

    fn goodput_notes(&self, runs: &[Run]) -> Vec<Note> {
        let mut notes = names(runs, goodput);
        if let Some(escape) = &self.escape {
            notes.push(name("grows without bound", VERMILION, Spot::Along(escape.points.clone())));
        }
        notes
    }

    fn inside_notes(&self, runs: &[Run]) -> Vec<Note> {
        let mut notes = names(runs, inside);
        if let (Some(_), Some(fold)) = (&self.escape, &self.tip_over) {
            notes.push(name("grows without bound", VERMILION, Spot::Beside((fold.load, f64::INFINITY))));
        }
        notes
    }
}

/// One label for each kind of state, at its longest run.
fn names(runs: &[Run], value: fn(&BranchPoint) -> f64) -> Vec<Note> {
    let kinds = [(Kind::Good, "good state"), (Kind::Collapsed, "collapsed state"), (Kind::Unstable, "unstable")];
    let longest = |kind| runs.iter().filter(|run| run.kind == kind).max_by_key(|run| run.points.len());
    kinds
        .into_iter()
        .filter_map(|(kind, text)| Some(name(text, kind.stroke().ink, Spot::Along(places(longest(kind)?, value)))))
        .collect()
}

fn name(text: &str, ink: Ink, spot: Spot) -> Note {
    Note { text: text.to_owned(), ink, bold: false, spot, optional: true }
}

const SHADE: f64 = 0.16;
const SERVED: Stroke = Stroke { ink: MUTED, width: 1.2, dash: Dash::Dotted };
const ESCAPE: Stroke = Stroke { ink: VERMILION, width: 2.2, dash: Dash::Alternating };

impl Kind {
    fn stroke(self) -> Stroke {
        match self {
            Kind::Good => Stroke::new(BLUE, 2.6, Dash::Solid),
            Kind::Collapsed => Stroke::new(VERMILION, 2.6, Dash::Solid),
            Kind::Unstable => Stroke::new(UNSTABLE, 1.4, Dash::Dashed),
        }
    }
}

const UNSTABLE: Ink = Ink(0x55, 0x55, 0x55);

fn goodput(p: &BranchPoint) -> f64 {
    p.goodput
}

fn inside(p: &BranchPoint) -> f64 {
    p.inside
}

fn places(run: &Run, value: fn(&BranchPoint) -> f64) -> Vec<Place> {
    run.points.iter().map(|p| (p.load, value(p))).collect()
}

/// Unstable stretches first, so that stable ones lie on top.
fn curves(runs: &[Run], value: fn(&BranchPoint) -> f64) -> impl Iterator<Item = Layer> {
    let (unstable, stable): (Vec<&Run>, Vec<&Run>) = runs.iter().partition(|run| run.kind == Kind::Unstable);
    unstable
        .into_iter()
        .chain(stable)
        .map(move |run| Layer::Line { points: places(run, value), stroke: run.kind.stroke() })
}

fn dot(at: Place) -> Layer {
    Layer::Dot { at, marker: Marker::Disc, ink: TEXT }
}
