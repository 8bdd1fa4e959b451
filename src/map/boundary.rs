//! The lines between regions of a map, through points between the middles of neighbouring cells (marching squares; W. Lorensen
//! and H. Cline 1987 in two dimensions).

use std::collections::BTreeMap;

/// Two neighbouring cells with different labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// The cell to the left or below.
    cell: (usize, usize),
    /// Whether its neighbour is above it, and not to the right.
    upwards: bool,
    /// Its label.
    label: u8,
    /// Shares of the way to the neighbour: up to the first the label is its own, from the second on it is another.
    within: (f64, f64),
}

impl Crossing {
    /// The middle of what is left, in cells from the lower left corner of the map.
    #[must_use]
    pub fn place(&self) -> (f64, f64) {
        let (x, y) = (self.cell.0 as f64 + 0.5, self.cell.1 as f64 + 0.5);
        let share = f64::midpoint(self.within.0, self.within.1);
        if self.upwards { (x, y + share) } else { (x + share, y) }
    }

    /// Takes note of the label in the middle.
    pub fn narrow(&mut self, label: u8) {
        let middle = f64::midpoint(self.within.0, self.within.1);
        if label == self.label { self.within.0 = middle } else { self.within.1 = middle }
    }
}

/// All pairs of neighbouring cells whose labels differ.
#[must_use]
pub fn crossings((columns, rows): (usize, usize), cells: &[u8]) -> Vec<Crossing> {
    let mut found = Vec::new();
    for y in 0..rows {
        for x in 0..columns {
            let label = cells[y * columns + x];
            let mut add = |upwards: bool, other: usize| {
                if cells[other] != label {
                    found.push(Crossing { cell: (x, y), upwards, label, within: (0.0, 1.0) });
                }
            };
            if x + 1 < columns {
                add(false, y * columns + x + 1);
            }
            if y + 1 < rows {
                add(true, (y + 1) * columns + x);
            }
        }
    }
    found
}

/// The places of crossings joined to curves: two crossings on the rim of the square between four middles are neighbours; three or
/// four meet in the middle of their places.
#[must_use]
pub fn joined((columns, rows): (usize, usize), crossings: &[Crossing], places: &[(f64, f64)]) -> Vec<Vec<(f64, f64)>> {
    let index: BTreeMap<(usize, usize, bool), usize> =
        crossings.iter().enumerate().map(|(i, c)| ((c.cell.0, c.cell.1, c.upwards), i)).collect();
    let mut nodes = places.to_vec();
    let mut next: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for y in 0..rows.saturating_sub(1) {
        for x in 0..columns.saturating_sub(1) {
            let rim = [(x, y, false), (x, y, true), (x, y + 1, false), (x + 1, y, true)];
            let met: Vec<usize> = rim.iter().filter_map(|at| index.get(at).copied()).collect();
            let mut join = |a: usize, b: usize| {
                next[a].push(b);
                next[b].push(a);
            };
            match met[..] {
                [] | [_] => {}
                [a, b] => join(a, b),
                _ => {
                    let count = met.len() as f64;
                    let sum = met.iter().fold((0.0, 0.0), |s, &i| (s.0 + nodes[i].0, s.1 + nodes[i].1));
                    nodes.push((sum.0 / count, sum.1 / count));
                    next.push(Vec::new());
                    let middle = nodes.len() - 1;
                    for &i in &met {
                        next[i].push(middle);
                        next[middle].push(i);
                    }
                }
            }
        }
    }
    let mut curves = Vec::new();
    let degree: Vec<usize> = next.iter().map(Vec::len).collect();
    // Ends and meeting points first, so that what is left are closed curves.
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by_key(|&i| degree[i] == 2);
    for begin in order {
        while let Some(mut at) = next[begin].pop() {
            next[at].retain(|&i| i != begin);
            let mut curve = vec![nodes[begin], nodes[at]];
            while degree[at] == 2 {
                let Some(to) = next[at].pop() else { break };
                next[to].retain(|&i| i != at);
                curve.push(nodes[to]);
                at = to;
            }
            curves.push(curve);
        }
    }
    curves
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A circle, bisected: one closed curve whose points lie on it.
    #[test]
    fn a_circle_is_one_closed_curve() {
        let inside = |x: f64, y: f64| u8::from((x - 10.0).hypot(y - 11.0) < 6.3);
        let size = (20, 24);
        let cells: Vec<u8> =
            (0..size.1).flat_map(|y| (0..size.0).map(move |x| inside(x as f64 + 0.5, y as f64 + 0.5))).collect();
        let mut found = crossings(size, &cells);
        for _ in 0..20 {
            for crossing in &mut found {
                let (x, y) = crossing.place();
                crossing.narrow(inside(x, y));
            }
        }
        let places: Vec<(f64, f64)> = found.iter().map(Crossing::place).collect();
        let curves = joined(size, &found, &places);
        assert_eq!(curves.len(), 1);
        assert_eq!((curves[0].len(), curves[0].first()), (places.len() + 1, curves[0].last()));
        for (x, y) in &curves[0] {
            assert!(((x - 10.0).hypot(y - 11.0) - 6.3).abs() < 1e-5);
        }
    }

    #[test]
    fn three_regions_meet_in_a_point() {
        let cells = [0, 1, 2, 2];
        let found = crossings((2, 2), &cells);
        let places: Vec<(f64, f64)> = found.iter().map(Crossing::place).collect();
        let curves = joined((2, 2), &found, &places);
        assert_eq!(curves.len(), 3);
        let ends: Vec<_> = curves.iter().flat_map(|c| [c[0], c[c.len() - 1]]).collect();
        let middle = ends.iter().filter(|e| ends.iter().filter(|o| o == e).count() == 3);
        assert_eq!(middle.count(), 3);
    }
}
