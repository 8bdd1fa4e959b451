//! Puts notes where they cover least.
//!
//! Every note has candidates, tried in order of preference; each costs what it would cover (other words, curves,
//! markers) and how far it strays. The cheapest wins. Notes placed earlier are obstacles to later ones.

use super::geometry::{Point, Rect, at, inside};

/// What may not be covered, so far.
#[derive(Debug)]
pub(super) struct Labels {
    frame: Rect,
    boxes: Vec<Rect>,
    segments: Vec<(Point, Point)>,
    /// Edges of areas: better not crossed, but no curves.
    edges: Vec<(Point, Point)>,
}

/// Where a note goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spotted {
    pub(super) rect: Rect,
    /// Whether it lies on a curve: nothing better was found.
    pub(super) covers: bool,
}

/// A candidate's place and its cost.
type Choice = (Rect, f64);

/// Above this a note covers a curve.
const COVERS: f64 = 4.0;

/// How many places beside a point there are.
const SIDES: i32 = 12;

/// Room between a note and its curve or point.
const CLEARANCE: f64 = 5.5;

impl Labels {
    /// Nothing placed yet in the panel `frame`.
    pub(super) fn new(frame: Rect) -> Labels {
        Labels { frame, boxes: Vec::new(), segments: Vec::new(), edges: Vec::new() }
    }

    /// A curve to keep clear of.
    pub(super) fn avoid_curve(&mut self, points: &[Point]) {
        self.segments.extend(segments(points));
    }

    /// The outline of an area, rather not crossed.
    pub(super) fn avoid_edge(&mut self, outline: &[Point]) {
        self.edges.extend(segments(outline));
    }

    /// A box to keep clear of.
    pub(super) fn avoid_box(&mut self, rect: Rect) {
        self.boxes.push(rect);
    }

    /// A place for a note of the given size next to a curve, given as its pieces.
    pub(super) fn along(&mut self, pieces: &[Vec<Point>], size: (f64, f64), optional: bool) -> Option<Spotted> {
        let own: Vec<(Point, Point)> = pieces.iter().flat_map(|piece| segments(piece)).collect();
        let mut others = self.segments.clone();
        for segment in &own {
            // Once: another curve may take the same way.
            if let Some(i) = others.iter().position(|other| other == segment) {
                others.swap_remove(i);
            }
        }
        let mut visible: Vec<Point> = pieces.concat();
        visible.retain(|p| self.frame.grown(0.5).holds(dot(*p)));
        let (first, last) = (visible.first()?, visible.last()?);
        let reach = (last.x - first.x).abs().max(1.0);
        let mut best: Option<Choice> = None;
        for i in 0..=36 {
            // From two thirds of the way outwards: there a curve has mostly found its level.
            let share = 0.68 + if i % 2 == 0 { 0.7 } else { -0.7 } * f64::from(i + 1) / 36.0;
            if !(0.0..=1.0).contains(&share) {
                continue;
            }
            let Some(p) = nearest(&visible, first.x + share * (last.x - first.x), reach) else { continue };
            for side in 0..SIDES {
                let rect = beside(p, size, side, CLEARANCE);
                let stray = f64::from(i) * 0.05 + f64::from(side / 2) * 0.4;
                let cost = self.cost(rect) + stray + confusion(rect, &own, &others);
                best = cheaper(best, (rect, cost));
            }
        }
        self.take(best, optional)
    }

    /// A place for a note of the given size next to a point.
    pub(super) fn beside(&mut self, p: Point, size: (f64, f64), optional: bool) -> Option<Spotted> {
        let mut best = None;
        for ring in 0..4 {
            for side in 0..SIDES {
                let rect = beside(p, size, side, CLEARANCE + 3.0 + 9.0 * f64::from(ring));
                let cost = self.cost(rect) + f64::from(ring) * 1.2 + f64::from(side) * 0.1;
                best = cheaper(best, (rect, cost));
            }
        }
        self.take(best, optional)
    }

    /// A place for a note of the given size inside all of the areas (each a list of polygons), or at least inside the
    /// first; far from curves.
    pub(super) fn within(&mut self, areas: &[Vec<Vec<Point>>], size: (f64, f64), optional: bool) -> Option<Spotted> {
        let best = self.roomiest(areas, size).or_else(|| self.roomiest(areas.get(..1)?, size));
        self.take(best, optional)
    }

    fn roomiest(&self, areas: &[Vec<Vec<Point>>], size: (f64, f64)) -> Option<Choice> {
        let mut best = None;
        for (row, column) in (0..24).flat_map(|row| (0..32).map(move |column| (row, column))) {
            let x = self.frame.left + (f64::from(column) + 0.5) / 32.0 * self.frame.width();
            let y = self.frame.top + (f64::from(row) + 0.5) / 24.0 * self.frame.height();
            let rect = around(at(x, y), size);
            let holds = |polygon: &Vec<Point>| rect.corners().iter().all(|&corner| inside(polygon, corner));
            if !areas.iter().all(|area| area.iter().any(holds)) {
                continue;
            }
            let gap = |&(a, b): &(Point, Point)| {
                rect.corners().map(|corner| corner.distance_to_segment(a, b)).into_iter().fold(60.0, f64::min)
            };
            let room = self.segments.iter().map(gap).fold(60.0, f64::min);
            let crowd = self.boxes.iter().filter(|b| b.overlaps(rect.grown(24.0))).count() as f64 * 3.0;
            let middle = self.frame.centre();
            let stray = ((x - middle.x) / self.frame.width()).hypot((y - middle.y) / self.frame.height());
            best = cheaper(best, (rect, self.cost(rect) - room * 0.1 + crowd + stray * 6.0));
        }
        best
    }

    fn take(&mut self, best: Option<Choice>, optional: bool) -> Option<Spotted> {
        let (rect, cost) = best?;
        if cost >= 1e6 || (optional && cost >= COVERS) {
            return None;
        }
        self.boxes.push(rect.grown(2.0));
        Some(Spotted { rect, covers: self.covered(rect) > 0.0 })
    }

    /// How much of the curves is inside.
    fn covered(&self, rect: Rect) -> f64 {
        self.segments.iter().filter_map(|&(a, b)| rect.clip(a, b)).map(|(a, b)| 0.2 + a.distance(b) / 6.0).sum()
    }

    fn cost(&self, rect: Rect) -> f64 {
        if !self.frame.grown(-1.0).holds(rect) {
            return 1e6;
        }
        let boxes = self.boxes.iter().filter(|b| b.overlaps(rect)).count() as f64 * 100.0;
        let covered = self.covered(rect.grown(3.0));
        let crossed = self.edges.iter().any(|&(a, b)| rect.clip(a, b).is_some());
        boxes + if covered > 0.0 { COVERS + covered } else { 0.0 } + if crossed { 2.0 } else { 0.0 }
    }
}

/// How much nearer to another curve than to its own a note would be.
fn confusion(rect: Rect, own: &[(Point, Point)], others: &[(Point, Point)]) -> f64 {
    let gap = |all: &[(Point, Point)]| {
        let near = |&(a, b): &(Point, Point)| rect.centre().distance_to_segment(a, b);
        all.iter().map(near).fold(f64::INFINITY, f64::min)
    };
    match gap(others) - gap(own) {
        lead if lead < 2.0 => COVERS + 1.0,
        lead if lead < 18.0 => (18.0 - lead) * 0.2,
        _ => 0.0,
    }
}

/// The segments of a curve; of a very long one, every few points.
fn segments(points: &[Point]) -> Vec<(Point, Point)> {
    let stride = points.len() / 1500 + 1;
    let sparse: Vec<Point> = points.iter().copied().step_by(stride).chain(points.last().copied()).collect();
    sparse.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

fn cheaper(best: Option<Choice>, next: Choice) -> Option<Choice> {
    match best {
        Some(old) if old.1 <= next.1 => Some(old),
        _ => Some(next),
    }
}

/// The point whose x is nearest, if it is near at all.
fn nearest(points: &[Point], x: f64, reach: f64) -> Option<Point> {
    let p = points.iter().min_by(|a, b| (a.x - x).abs().total_cmp(&(b.x - x).abs()))?;
    ((p.x - x).abs() <= reach).then_some(*p)
}

fn dot(p: Point) -> Rect {
    Rect { left: p.x, top: p.y, right: p.x, bottom: p.y }
}

fn around(centre: Point, (width, height): (f64, f64)) -> Rect {
    Rect {
        left: centre.x - width / 2.0,
        top: centre.y - height / 2.0,
        right: centre.x + width / 2.0,
        bottom: centre.y + height / 2.0,
    }
}

/// A box beside `p`: above, below, a little to the side of these, right, left, a little above and below these.
fn beside(p: Point, size: (f64, f64), side: i32, gap: f64) -> Rect {
    let (dx, dy) = (size.0 / 2.0 + gap, size.1 / 2.0 + gap);
    let (slant, shift) = (0.6, size.0 / 2.0 + 1.0);
    let (x, y) = match side {
        0 => (0.0, -dy),
        1 => (0.0, dy),
        2 => (shift, -dy),
        3 => (-shift, -dy),
        4 => (shift, dy),
        5 => (-shift, dy),
        6 => (dx, 0.0),
        7 => (-dx, 0.0),
        8 => (dx, -dy * slant),
        9 => (-dx, -dy * slant),
        10 => (dx, dy * slant),
        _ => (-dx, dy * slant),
    };
    around(at(p.x + x, p.y + y), size)
}
