//! Points and rectangles on the page, and clipping. Units of the figure; y grows downwards.

/// A place on the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A place on the page, shortly.
pub(super) fn at(x: f64, y: f64) -> Point {
    Point { x, y }
}

impl Point {
    pub(super) fn distance(self, other: Point) -> f64 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The point the share `t` of the way to `other`.
    pub(super) fn towards(self, other: Point, t: f64) -> Point {
        at(self.x + (other.x - self.x) * t, self.y + (other.y - self.y) * t)
    }

    /// Distance to the segment from `a` to `b`.
    pub(super) fn distance_to_segment(self, a: Point, b: Point) -> f64 {
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let length2 = dx * dx + dy * dy;
        if length2 <= 0.0 {
            return self.distance(a);
        }
        let t = ((self.x - a.x) * dx + (self.y - a.y) * dy) / length2;
        self.distance(a.towards(b, t.clamp(0.0, 1.0)))
    }
}

/// An upright rectangle on the page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Rect {
    pub(super) fn width(self) -> f64 {
        self.right - self.left
    }

    pub(super) fn height(self) -> f64 {
        self.bottom - self.top
    }

    pub(super) fn centre(self) -> Point {
        at((self.left + self.right) / 2.0, (self.top + self.bottom) / 2.0)
    }

    /// The rectangle, larger by `by` on every side (smaller if negative).
    pub(super) fn grown(self, by: f64) -> Rect {
        Rect { left: self.left - by, top: self.top - by, right: self.right + by, bottom: self.bottom + by }
    }

    pub(super) fn overlaps(self, other: Rect) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    pub(super) fn holds(self, other: Rect) -> bool {
        self.left <= other.left && other.right <= self.right && self.top <= other.top && other.bottom <= self.bottom
    }

    pub(super) fn corners(self) -> [Point; 4] {
        [at(self.left, self.top), at(self.right, self.top), at(self.right, self.bottom), at(self.left, self.bottom)]
    }

    /// The part of the segment inside (Liang and Barsky 1984).
    pub(super) fn clip(self, a: Point, b: Point) -> Option<(Point, Point)> {
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let edges = [(-dx, a.x - self.left), (dx, self.right - a.x), (-dy, a.y - self.top), (dy, self.bottom - a.y)];
        let (mut enter, mut leave) = (0.0_f64, 1.0_f64);
        for (slope, room) in edges {
            if slope == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if slope < 0.0 {
                enter = enter.max(room / slope);
            } else {
                leave = leave.min(room / slope);
            }
        }
        (enter <= leave).then(|| (a.towards(b, enter), a.towards(b, leave)))
    }

    /// The pieces of a polyline inside.
    pub(super) fn clip_polyline(self, points: &[Point]) -> Vec<Vec<Point>> {
        let mut pieces: Vec<Vec<Point>> = Vec::new();
        for pair in points.windows(2) {
            let Some((a, b)) = self.clip(pair[0], pair[1]) else { continue };
            match pieces.last_mut() {
                Some(piece) if piece.last() == Some(&a) => piece.push(b),
                _ => pieces.push(vec![a, b]),
            }
        }
        pieces
    }
}

/// Whether `p` is inside the polygon (even-odd rule).
pub(super) fn inside(polygon: &[Point], p: Point) -> bool {
    let mut odd = false;
    for (i, a) in polygon.iter().enumerate() {
        let b = polygon[(i + 1) % polygon.len()];
        if (a.y > p.y) != (b.y > p.y) && p.x < a.x + (p.y - a.y) / (b.y - a.y) * (b.x - a.x) {
            odd = !odd;
        }
    }
    odd
}

/// Drops points closer than `gap` to the one kept before, never the last: a curve needs no more points than pixels.
pub(super) fn thin(points: &[Point], gap: f64) -> Vec<Point> {
    let mut kept: Vec<Point> = Vec::with_capacity(points.len().min(4096));
    for (i, &p) in points.iter().enumerate() {
        let far = kept.last().is_none_or(|last| last.distance(p) >= gap);
        if far || i + 1 == points.len() {
            kept.push(p);
        }
    }
    kept
}

/// How far a drawn curve may stray from its points.
const TOLERANCE: f64 = 0.06;

/// Leaves out points within a hair of the line through the others (Ramer 1972, Douglas and Peucker 1973), block by block
/// so that the effort stays in proportion to the length.
pub(super) fn straighten(points: &[Point]) -> Vec<Point> {
    const BLOCK: usize = 512;
    let mut keep = vec![false; points.len()];
    for start in (0..points.len()).step_by(BLOCK) {
        let end = (start + BLOCK).min(points.len() - 1);
        (keep[start], keep[end]) = (true, true);
        let mut open = vec![(start, end)];
        while let Some((first, last)) = open.pop() {
            let stray = |i: &usize| points[*i].distance_to_segment(points[first], points[last]);
            let farthest = (first + 1..last).max_by(|a, b| stray(a).total_cmp(&stray(b)));
            if let Some(middle) = farthest.filter(|i| stray(i) > TOLERANCE) {
                keep[middle] = true;
                open.extend([(first, middle), (middle, last)]);
            }
        }
    }
    points.iter().zip(keep).filter_map(|(&p, keep)| keep.then_some(p)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straightened_curve_stays_on_its_points() {
        let wave: Vec<Point> = (0..5000).map(|i| at(f64::from(i) * 0.1, 40.0 * (f64::from(i) * 0.004).sin())).collect();
        let kept = straighten(&wave);
        assert!(kept.len() < 300, "{}", kept.len());
        assert_eq!((kept.first(), kept.last()), (wave.first(), wave.last()));
        for p in wave {
            let gap = kept.windows(2).map(|pair| p.distance_to_segment(pair[0], pair[1])).fold(f64::INFINITY, f64::min);
            assert!(gap <= TOLERANCE);
        }
        assert_eq!(straighten(&[]), []);
        assert_eq!(straighten(&[at(1.0, 2.0)]), [at(1.0, 2.0)]);
    }

    #[test]
    fn a_curve_is_cut_at_the_edge_and_taken_up_again() {
        let rect = Rect { left: 0.0, top: 0.0, right: 10.0, bottom: 10.0 };
        let pieces = rect.clip_polyline(&[at(-5.0, 5.0), at(5.0, 5.0), at(5.0, 20.0), at(8.0, 20.0), at(8.0, 5.0)]);
        assert_eq!(pieces, [vec![at(0.0, 5.0), at(5.0, 5.0), at(5.0, 10.0)], vec![at(8.0, 10.0), at(8.0, 5.0)]]);
    }
}
