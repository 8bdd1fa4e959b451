//! Maps as text, JSON and figures.

use super::document::{Block, Cell, Column, Table, Tone as Weight};
use super::words::{given, measured};
use crate::answers::analysis::Verdict;
use crate::answers::study::Study;
use crate::answers::triggers::Plan;
use crate::map::basin::BasinMap;
use crate::map::side::Side;
use crate::map::triggers::{BANDS, TriggerMap, band};
use crate::map::verdicts::{ALL, VerdictMap, is_logarithmic};
use crate::plot::{Divide, Figure, MapRegion, MapSide, PlotError, RegionMap, Tone};
use crate::process::field::Field;
use serde_json::{Map, Value, json};

/// A map with everything that is said about it.
#[derive(Debug, Clone)]
pub struct MapReport {
    /// `verdict`, `basin` or `trigger`.
    kind: &'static str,
    /// The map, in the units of its sides.
    map: RegionMap,
    sides: [Side; 2],
    /// How it was made: names and numbers.
    made: Vec<(&'static str, usize)>,
    /// What a reader must know.
    pub warnings: Vec<String>,
}

/// The paint of a verdict.
fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Stable => Tone::Good,
        Verdict::Vulnerable => Tone::Vulnerable,
        Verdict::Metastable => Tone::Metastable,
        Verdict::Overloaded => Tone::Bad,
        Verdict::Inconclusive => Tone::Unknown,
    }
}

fn word(verdict: Verdict) -> String {
    format!("{verdict:?}").to_lowercase()
}

impl MapReport {
    /// A map of verdicts.
    #[must_use]
    pub fn of_verdicts(study: &Study, sides: [&Side; 2], found: &VerdictMap) -> Self {
        let regions = ALL.map(|verdict| MapRegion { name: word(verdict), tone: tone(verdict) });
        let label = |verdict: &Option<Verdict>| {
            let known = verdict.unwrap_or(Verdict::Inconclusive);
            ALL.iter().position(|v| *v == known).map_or(u8::MAX, |i| i as u8)
        };
        let in_units = |points: &[(f64, f64)]| points.iter().map(|&at| shown(sides, at)).collect::<Vec<_>>();
        let mut curves: Vec<(Divide, Vec<(f64, f64)>)> =
            found.folds.iter().map(|curve| (Divide::Fold, in_units(&curve.points))).collect();
        for (kind, points) in &found.marks {
            let fold = *kind == crate::map::lines::Turn::Fold;
            curves.push((if fold { Divide::Fold } else { Divide::Limit }, in_units(points)));
        }
        let today = [0, 1].map(|i| study.model.quantity(&sides[i].axis.path).map(|q| q.value));
        let mut places = Vec::new();
        if let [Some(x), Some(y)] = today
            && is_inside(sides, (x, y))
        {
            places.push(("today".to_owned(), shown(sides, (x, y)), true));
        }
        let mut warnings = study.remarks();
        if let Some(message) = &found.failed {
            let cells = found.cells.iter().filter(|c| c.is_none()).count();
            warnings.push(format!("{cells} cells have no verdict: {message}"));
        }
        let lined = found.lines > 0;
        let made = if lined {
            vec![("lines", found.lines), ("analyses", found.analyses)]
        } else {
            vec![("analyses", found.analyses)]
        };
        let map = RegionMap {
            title: format!("{}: verdict", title(study)),
            subtitle: Some(fixed(study, sides)),
            x: side(sides[0]),
            y: side(sides[1]),
            regions: regions.to_vec(),
            cells: found.cells.iter().map(label).collect(),
            cusps: distinct(found.folds.iter().flat_map(|curve| in_units(&curve.cusps)).collect()),
            curves,
            places,
        };
        Self { kind: "verdict", map, sides: sides.map(Clone::clone), made, warnings }
    }

    /// A map of where runs end.
    #[must_use]
    pub fn of_basins(study: &Study, sides: [&Side; 2], found: BasinMap) -> Self {
        let mut others = 0..;
        let rests = found.ends.iter().any(|name| name == "collapsed");
        let regions = found.ends.iter().map(|name| {
            let (words, tone) = match name.as_str() {
                "good" => ("heals".to_owned(), Tone::Good),
                "collapsed" => ("collapses".to_owned(), Tone::Bad),
                "escape" => ("grows without bound".to_owned(), if rests { Tone::Metastable } else { Tone::Bad }),
                "undecided" => ("undecided".to_owned(), Tone::Unknown),
                other => (format!("ends {other}"), Tone::Other(others.next().unwrap_or_default())),
            };
            MapRegion { name: words, tone }
        });
        let places = found
            .states
            .iter()
            .filter(|(_, x, y)| is_inside(sides, (*x, *y)))
            .map(|(name, x, y)| (name.clone(), shown(sides, (*x, *y)), !name.starts_with("saddle")));
        let map = RegionMap {
            title: format!("{}: where runs end", title(study)),
            subtitle: Some(fixed(study, sides)),
            x: side(sides[0]),
            y: side(sides[1]),
            regions: regions.collect(),
            curves: found
                .boundary
                .iter()
                .map(|points| (Divide::Separatrix, points.iter().map(|&at| shown(sides, at)).collect()))
                .collect(),
            places: places.collect(),
            cells: found.cells,
            cusps: Vec::new(),
        };
        let mut warnings = study.remarks();
        let undecided = map.cells.iter().filter(|c| usize::from(**c) + 1 == map.regions.len()).count();
        if undecided > 0 {
            warnings.push(format!("the runs from {undecided} cells were not decided"));
        }
        if study.fluid.states().len() > 2 {
            warnings.push("the model has more than two states: all others start as the model says, and equilibria are shown where they project to".to_owned());
        }
        let made = vec![("runs", found.runs), ("boundary_runs", found.boundary_runs)];
        Self { kind: "basin", map, sides: sides.map(Clone::clone), made, warnings }
    }

    /// A map of the share of runs that a trigger tips.
    #[must_use]
    pub fn of_trigger(study: &Study, sides: [&Side; 2], plan: &Plan, found: &TriggerMap) -> Self {
        let last = (BANDS.len() - 1) as f64;
        let bands = BANDS.iter().enumerate();
        let mut regions: Vec<MapRegion> = bands
            .map(|(i, (_, name))| MapRegion { name: (*name).to_owned(), tone: Tone::Share(i as f64 / last) })
            .collect();
        regions.push(MapRegion { name: "unknown".to_owned(), tone: Tone::Unknown });
        let label = |share: &Option<f64>| share.map_or(BANDS.len(), band) as u8;
        let stated = (plan.duration.unwrap_or(0.0), plan.scale.origin + plan.scale.span);
        let mut places = Vec::new();
        if is_inside(sides, stated) {
            places.push((plan.name.clone(), shown(sides, stated), true));
        }
        let unknown = found.unknown.map(|(count, why)| format!("at {count} durations the spread is not known: {why}"));
        let mut y = side(sides[1]);
        y.label = plan.scale.label.clone();
        let map = RegionMap {
            title: format!("{}: how likely {} tips it", title(study), plan.name),
            subtitle: Some(fixed(study, sides)),
            x: side(sides[0]),
            y,
            regions,
            cells: found.cells.iter().map(label).collect(),
            curves: vec![(Divide::Half, found.half.iter().map(|&at| shown(sides, at)).collect())],
            cusps: Vec::new(),
            places,
        };
        let warnings = study.remarks().into_iter().chain(unknown).collect();
        let made = vec![("durations", sides[0].cells())];
        Self { kind: "trigger", map, sides: sides.map(Clone::clone), made, warnings }
    }

    /// Draws the map.
    ///
    /// # Errors
    /// Only by a defect of the drawing library.
    pub fn draw(&self) -> Result<Figure, PlotError> {
        self.map.draw()
    }

    /// The contract `tipping.map/1`.
    #[must_use]
    pub fn json(&self, study: &Study, sha256: &str) -> Value {
        let map = &self.map;
        let side = |side: &Side| {
            json!({
                "path": side.axis.path, "unit": side.axis.unit, "low": side.axis.low, "high": side.axis.high,
                "cells": side.axis.points, "whole": side.whole, "logarithmic": is_logarithmic(side),
                "values": (0..side.cells()).map(|cell| side.value(cell)).collect::<Vec<f64>>(),
            })
        };
        let letters = letters(&map.regions);
        let shares = map.shares();
        let regions: Vec<Value> = map
            .regions
            .iter()
            .zip(&letters)
            .zip(&shares)
            .map(|((region, letter), share)| json!({"letter": letter.to_string(), "name": region.name, "share": share}))
            .collect();
        let letter = |cell: &u8| letters.get(usize::from(*cell)).copied().unwrap_or('?');
        let rows: Vec<String> =
            map.cells.chunks(map.x.cells.max(1)).map(|row| row.iter().map(letter).collect()).collect();
        let curves: Vec<Value> = map
            .curves
            .iter()
            .map(|(kind, points)| json!({"kind": format!("{kind:?}").to_lowercase(), "points": points}))
            .collect();
        let places: Vec<Value> = map.places.iter().map(|(name, at, _)| json!({"name": name, "at": at})).collect();
        let made: Map<String, Value> = self.made.iter().map(|(k, v)| ((*k).to_owned(), Value::from(*v))).collect();
        json!({
            "schema": "tipping.map/1",
            "tool": {"version": env!("CARGO_PKG_VERSION")},
            "model": {"name": study.model.meta.name, "sha256": sha256},
            "kind": self.kind,
            "x": side(&self.sides[0]),
            "y": side(&self.sides[1]),
            "regions": regions,
            "rows": rows,
            "curves": curves,
            "cusps": map.cusps,
            "places": places,
            "made": made,
            "warnings": self.warnings,
        })
    }

    /// The map in words.
    #[must_use]
    pub fn document(&self) -> Vec<Block> {
        let map = &self.map;
        let mut blocks = vec![Block::Verdict(vec![map.title.clone().into()])];
        let range = |side: &Side| {
            let (low, high) = (given(side.axis.low, ""), given(side.axis.high, &side.axis.unit));
            format!("{} = {low} to {high} ({} cells)", side.axis.path, side.axis.points)
        };
        blocks.push(Block::Paragraph(format!(
            "Across: {}. Upwards: {}.",
            range(&self.sides[0]),
            range(&self.sides[1])
        )));
        let rows = map.regions.iter().zip(map.shares()).filter(|(_, share)| *share > 0.0).map(|(region, share)| {
            let weight = match region.tone {
                Tone::Good => Weight::Good,
                Tone::Vulnerable => Weight::Warn,
                Tone::Bad | Tone::Metastable => Weight::Bad,
                _ => Weight::Plain,
            };
            vec![Cell::new(region.name.clone(), weight), Cell::from(format!("{:.1} %", 100.0 * share))]
        });
        let columns = vec![Column::left("region"), Column::right("share of the map")];
        blocks.push(Block::Table(Table { columns, rows: rows.collect() }));
        let at = |x: f64, y: f64| {
            format!("{}, {}", measured(x, &self.sides[0].axis.unit), measured(y, &self.sides[1].axis.unit))
        };
        let cusps = map.cusps.iter().map(|&(x, y)| format!("cusp at {}", at(x, y)));
        let places = map.places.iter().map(|(name, (x, y), _)| format!("{name} at {}", at(*x, *y)));
        let list: Vec<String> = cusps.chain(places).collect();
        if !list.is_empty() {
            blocks.push(Block::List(list));
        }
        let cells = map.cells.len();
        let made: Vec<String> =
            self.made.iter().map(|(name, count)| format!("{count} {}", name.replace('_', " "))).collect();
        blocks.push(Block::Paragraph(format!("{cells} cells from {}.", made.join(", "))));
        blocks
    }
}

/// Places without those that are there already: two curves may lead to one cusp.
fn distinct(mut places: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-4 * b.abs();
    places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    places.dedup_by(|a, b| near(a.0, b.0) && near(a.1, b.1));
    places
}

/// A letter for each region: the first of its name that is free.
fn letters(regions: &[MapRegion]) -> Vec<char> {
    let mut used: Vec<char> = Vec::new();
    for region in regions {
        let all = region.name.chars().filter(char::is_ascii_alphabetic).chain('a'..='z').chain('A'..='Z');
        let free = all.clone().find(|c| !used.contains(c));
        used.push(free.unwrap_or('?'));
    }
    used
}

fn title(study: &Study) -> String {
    study.model.meta.name.clone()
}

/// What the map does not vary and a reader wants to know: the load.
fn fixed(study: &Study, sides: [&Side; 2]) -> String {
    let load = &study.load;
    let varied = sides.iter().any(|side| side.axis.path == load.path);
    let about = study.model.meta.title.clone();
    if varied { about } else { format!("{about}, {} = {}", load.path, given(load.value / load.factor, &load.unit)) }
}

fn side(side: &Side) -> MapSide {
    MapSide {
        label: side.axis.path.clone(),
        unit: side.axis.unit.clone(),
        ends: side.ends(),
        logarithmic: is_logarithmic(side),
        whole: side.whole,
        cells: side.cells(),
    }
}

/// A place in base units, in those of the sides.
fn shown(sides: [&Side; 2], (x, y): (f64, f64)) -> (f64, f64) {
    (x / sides[0].axis.factor, y / sides[1].axis.factor)
}

fn is_inside(sides: [&Side; 2], (x, y): (f64, f64)) -> bool {
    let inside = |side: &Side, value: f64| {
        let position = side.position(value);
        (0.0..=side.cells() as f64).contains(&position)
    };
    inside(sides[0], x) && inside(sides[1], y)
}
