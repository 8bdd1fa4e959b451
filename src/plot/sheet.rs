//! What every chart is turned into before it is drawn: panels above one shared horizontal axis.

use super::ink::Ink;
use super::scale::{Margin, Scale};
use super::stroke::{Marker, Stroke};

/// A point in the units of the axes.
pub(super) type Place = (f64, f64);

/// A whole figure.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) title: String,
    pub(super) subtitle: Option<String>,
    /// The figure in words, for those who cannot see it.
    pub(super) about: String,
    /// Keys that hold for all panels.
    pub(super) keys: Vec<Key>,
    pub(super) x: XAxis,
    /// Vertical lines through all panels, labelled above them.
    pub(super) guides: Vec<Guide>,
    pub(super) panels: Vec<Panel>,
}

/// The shared horizontal axis.
#[derive(Debug)]
pub(super) struct XAxis {
    pub(super) heading: String,
    pub(super) scale: Scale,
    pub(super) margin: Margin,
}

impl Default for XAxis {
    fn default() -> XAxis {
        XAxis { heading: String::new(), scale: Scale::Linear, margin: Margin::Tight }
    }
}

/// A vertical line with its label.
#[derive(Debug)]
pub(super) struct Guide {
    pub(super) x: f64,
    pub(super) label: String,
    pub(super) stroke: Stroke,
    pub(super) bold: bool,
}

/// One set of axes.
#[derive(Debug)]
pub(super) struct Panel {
    pub(super) heading: String,
    pub(super) scale: Scale,
    pub(super) height: f64,
    pub(super) keys: Vec<Key>,
    pub(super) layers: Vec<Layer>,
    pub(super) notes: Vec<Note>,
}

/// Something drawn in a panel, in order from the back to the front.
#[derive(Debug)]
pub(super) enum Layer {
    /// Cells between two values of each axis, equally wide on the page, row by row from the lowest; each has one of the inks.
    /// `whole` says which axis has ticks at whole numbers only.
    Cells { columns: usize, cells: Vec<u8>, inks: Vec<Ink>, x: Place, y: Place, whole: (bool, bool) },
    /// A stretch of the horizontal axis, shaded over the full height.
    Column { from: f64, to: f64, ink: Ink, alpha: f64 },
    /// The area between two curves `(x, low, high)`; infinite means as far as the panel goes.
    Band { points: Vec<(f64, f64, f64)>, ink: Ink, alpha: f64 },
    /// A curve.
    Line { points: Vec<Place>, stroke: Stroke },
    /// A curve the vertical axis need not make room for.
    Aside { points: Vec<Place>, stroke: Stroke },
    /// A marker.
    Dot { at: Place, marker: Marker, ink: Ink },
    /// A jump from one place to another at the same x; to infinity means to the edge of the panel.
    Jump { from: Place, to: f64, ink: Ink },
}

/// Words in a panel.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) text: String,
    pub(super) ink: Ink,
    pub(super) bold: bool,
    pub(super) spot: Spot,
    /// Leave it out rather than cover something: a key says the same.
    pub(super) optional: bool,
}

/// Where a note may go.
#[derive(Debug)]
pub(super) enum Spot {
    /// Next to a curve, nearer to it than to any other.
    Along(Vec<Place>),
    /// Next to a point.
    Beside(Place),
    /// Anywhere inside all of these bands `(x, low, high)`, or at least inside the first.
    Within(Vec<Vec<(f64, f64, f64)>>),
}

/// An entry of a legend.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) label: String,
    pub(super) swatch: Swatch,
}

/// The sample next to an entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Swatch {
    Line(Stroke, Option<Marker>),
    Fill(Ink, f64),
    Dot(Marker, Ink),
}
