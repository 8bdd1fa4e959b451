//! A plane cut into regions: verdicts, ends of runs, or shares of runs, with the curves that part them.

use super::ink::{AMBER, Ink, PAPER, TEXT, VERMILION};
use super::number::with_unit;
use super::render::render;
use super::scale::{Margin, Scale};
use super::sheet::{Key, Layer, Note, Panel, Place, Sheet, Spot, Swatch, XAxis};
use super::stroke::{Dash, Marker, Stroke};
use super::{Figure, PlotError};

/// A map.
#[derive(Debug, Clone, Default)]
pub struct RegionMap {
    /// What the chart shows.
    pub title: String,
    /// Model, how it was made.
    pub subtitle: Option<String>,
    /// The horizontal side.
    pub x: MapSide,
    /// The vertical side.
    pub y: MapSide,
    /// The regions that cells may belong to.
    pub regions: Vec<MapRegion>,
    /// The region of each cell by its place in `regions`, row by row from the lowest; beyond them a cell stays empty.
    pub cells: Vec<u8>,
    /// Curves on top.
    pub curves: Vec<(Divide, Vec<Place>)>,
    /// Cusps of curves.
    pub cusps: Vec<Place>,
    /// Marked places with their names, where solid ones hold and hollow ones do not.
    pub places: Vec<(String, Place, bool)>,
}

/// One side of a map.
#[derive(Debug, Clone, Default)]
pub struct MapSide {
    /// What it is.
    pub label: String,
    /// Its unit; empty for a pure number.
    pub unit: String,
    /// Where the first cell begins and the last one ends.
    pub ends: (f64, f64),
    /// Whether cells are spaced by ratios.
    pub logarithmic: bool,
    /// Whether it has whole numbers only.
    pub whole: bool,
    /// Number of cells.
    pub cells: usize,
}

/// A region with its name.
#[derive(Debug, Clone)]
pub struct MapRegion {
    /// Its name.
    pub name: String,
    /// How it is painted.
    pub tone: Tone,
}

/// The paint of a region. All differ in lightness, so that they can be told apart without seeing colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tone {
    /// Works whatever happens.
    Good,
    /// Works, and can be tipped.
    Vulnerable,
    /// Collapsed, although it could work.
    Metastable,
    /// Cannot work.
    Bad,
    /// Not known.
    Unknown,
    /// A share between 0 and 1, from good to bad.
    Share(f64),
    /// One of several without a meaning of its own.
    Other(usize),
}

/// What a curve is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Divide {
    /// Folds.
    Fold,
    /// Another end of a state: a Hopf point, growth without bound, starvation.
    Limit,
    /// Between basins.
    Separatrix,
    /// Half of the runs tip.
    Half,
}

const UNKNOWN: Ink = Ink(0xA6, 0xA6, 0xA6);
const GOOD: Ink = Ink(0xD3, 0xE5, 0xF5);
const METASTABLE: Ink = Ink(0x6B, 0x25, 0x62);
const OTHERS: [Ink; 5] =
    [Ink(0x46, 0xAE, 0x8B), Ink(0xB9, 0xE0, 0xD2), Ink(0x1F, 0x6B, 0x53), Ink(0x8F, 0x7F, 0xB8), Ink(0x3B, 0x33, 0x5C)];

impl Tone {
    fn ink(self) -> Ink {
        match self {
            Self::Good => GOOD,
            Self::Vulnerable => AMBER,
            Self::Metastable => METASTABLE,
            Self::Bad => VERMILION,
            Self::Unknown => UNKNOWN,
            Self::Other(i) => OTHERS[i % OTHERS.len()],
            // Light blue to vermilion by way of amber: darker all the way.
            Self::Share(share) => {
                let share = share.clamp(0.0, 1.0);
                if share < 0.5 { GOOD.mixed(AMBER, 2.0 * share) } else { AMBER.mixed(VERMILION, 2.0 * share - 1.0) }
            }
        }
    }
}

impl Divide {
    fn stroke(self) -> Stroke {
        match self {
            Self::Fold => Stroke::new(TEXT, 2.0, Dash::Solid),
            Self::Limit => Stroke::new(TEXT, 1.6, Dash::Dashed),
            Self::Separatrix => Stroke::new(TEXT, 1.8, Dash::Solid),
            Self::Half => Stroke::new(TEXT, 2.0, Dash::Solid),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Fold => "fold",
            Self::Limit => "other end of a state",
            Self::Separatrix => "separatrix",
            Self::Half => "half of the runs tip",
        }
    }
}

impl RegionMap {
    /// Draws the map.
    ///
    /// # Errors
    /// Only by a defect of the drawing library.
    pub fn draw(&self) -> Result<Figure, PlotError> {
        let scale = |side: &MapSide| if side.logarithmic { Scale::Log } else { Scale::Linear };
        let mut layers = vec![Layer::Cells {
            columns: self.x.cells,
            cells: self.cells.clone(),
            inks: self.regions.iter().map(|r| r.tone.ink()).collect(),
            x: self.x.ends,
            y: self.y.ends,
            whole: (self.x.whole, self.y.whole),
        }];
        for (kind, points) in &self.curves {
            // A pale line under the dark one: it must be seen on dark regions too.
            let stroke = kind.stroke();
            layers.push(Layer::Aside {
                points: points.clone(),
                stroke: Stroke::new(PAPER, stroke.width + 1.6, Dash::Solid),
            });
            layers.push(Layer::Aside { points: points.clone(), stroke });
        }
        layers.extend(self.cusps.iter().map(|at| Layer::Dot { at: *at, marker: Marker::Diamond, ink: TEXT }));
        for (_, at, solid) in &self.places {
            let marker = if *solid { Marker::Disc } else { Marker::Ring };
            layers.push(Layer::Dot { at: *at, marker, ink: TEXT });
        }
        let note = |(name, at, _): &(String, Place, bool)| Note {
            text: name.clone(),
            ink: TEXT,
            bold: true,
            spot: Spot::Beside(*at),
            optional: false,
        };
        render(&Sheet {
            title: self.title.clone(),
            subtitle: self.subtitle.clone(),
            about: self.about(),
            keys: self.keys(),
            x: XAxis { heading: with_unit(&self.x.label, &self.x.unit), scale: scale(&self.x), margin: Margin::Tight },
            guides: Vec::new(),
            panels: vec![Panel {
                heading: with_unit(&self.y.label, &self.y.unit),
                scale: scale(&self.y),
                height: 480.0,
                keys: Vec::new(),
                layers,
                notes: self.places.iter().map(note).collect(),
            }],
        })
    }

    /// Share of the cells in each region.
    #[must_use]
    pub fn shares(&self) -> Vec<f64> {
        let all = self.cells.len().max(1) as f64;
        let count = |i: usize| self.cells.iter().filter(|c| usize::from(**c) == i).count();
        (0..self.regions.len()).map(|i| count(i) as f64 / all).collect()
    }

    fn about(&self) -> String {
        let shares = self.shares();
        let regions = self.regions.iter().zip(&shares).filter(|(_, share)| **share > 0.0);
        let words: Vec<String> = regions.map(|(r, share)| format!("{} in {:.1} %", r.name, 100.0 * share)).collect();
        format!("Map of {} over {}: {} of the cells.", self.y.label, self.x.label, words.join(", "))
    }

    fn keys(&self) -> Vec<Key> {
        let shares = self.shares();
        let seen = self.regions.iter().zip(&shares).filter(|(_, share)| **share > 0.0);
        let mut keys: Vec<Key> =
            seen.map(|(r, _)| Key { label: r.name.clone(), swatch: Swatch::Fill(r.tone.ink(), 1.0) }).collect();
        for kind in [Divide::Fold, Divide::Limit, Divide::Separatrix, Divide::Half] {
            if self.curves.iter().any(|(k, _)| *k == kind) {
                keys.push(Key { label: kind.name().to_owned(), swatch: Swatch::Line(kind.stroke(), None) });
            }
        }
        if !self.cusps.is_empty() {
            keys.push(Key { label: "cusp".to_owned(), swatch: Swatch::Dot(Marker::Diamond, TEXT) });
        }
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lightness of neighbours in the order from good to bad falls, so that a map in grey can be read.
    #[test]
    fn tones_differ_in_lightness() {
        let grey = |tone: Tone| {
            let Ink(r, g, b) = tone.ink();
            0.299 * f64::from(r) + 0.587 * f64::from(g) + 0.114 * f64::from(b)
        };
        let tones = [Tone::Good, Tone::Vulnerable, Tone::Unknown, Tone::Bad, Tone::Metastable];
        for pair in tones.windows(2) {
            assert!(grey(pair[0]) > grey(pair[1]) + 15.0, "{pair:?}");
        }
        let shares: Vec<f64> = (0..=20).map(|i| grey(Tone::Share(f64::from(i) / 20.0))).collect();
        assert!(shares.windows(2).all(|pair| pair[0] > pair[1]));
    }

    #[test]
    fn a_map_is_drawn_in_few_shapes_and_says_what_it_shows() {
        let side = |label: &str| MapSide {
            label: label.to_owned(),
            unit: "s".to_owned(),
            ends: (0.0, 10.0),
            logarithmic: false,
            whole: false,
            cells: 100,
        };
        let region = |name: &str, tone| MapRegion { name: name.to_owned(), tone };
        let cells = (0..100 * 100).map(|i| u8::from(i % 100 > 50)).collect();
        let map = RegionMap {
            title: "Map".to_owned(),
            x: side("across"),
            y: side("up"),
            regions: vec![region("stable", Tone::Good), region("overloaded", Tone::Bad)],
            cells,
            curves: vec![(Divide::Fold, vec![(5.1, 0.0), (5.1, 10.0)])],
            cusps: vec![(5.1, 5.0)],
            places: vec![("today".to_owned(), (2.0, 2.0), true)],
            ..RegionMap::default()
        };
        let svg = map.draw().unwrap().svg();
        assert!(svg.contains("stable in 51.0 %, overloaded in 49.0 % of the cells"), "{svg}");
        assert!(svg.matches("#C65000").count() < 5 && svg.contains("today") && svg.contains("cusp"));
    }
}
