//! Lines: colour, width, dash pattern; and markers.

use super::geometry::Point;
use super::ink::Ink;

/// The pattern of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dash {
    Solid,
    Dashed,
    Dotted,
    Alternating,
    Long,
    Short,
}

impl Dash {
    /// Drawn and skipped lengths by turns; empty for a solid line.
    fn lengths(self) -> &'static [f64] {
        match self {
            Dash::Solid => &[],
            Dash::Dashed => &[6.0, 3.5],
            Dash::Dotted => &[1.6, 2.8],
            Dash::Alternating => &[8.0, 3.0, 1.8, 3.0],
            Dash::Long => &[12.0, 3.5],
            Dash::Short => &[3.2, 2.4],
        }
    }
}

/// Patterns of series that have no meaning of their own, in the order of their colours.
pub(super) const SERIES_DASHES: [Dash; 6] =
    [Dash::Solid, Dash::Dashed, Dash::Alternating, Dash::Long, Dash::Dotted, Dash::Short];

/// How a line is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stroke {
    pub(super) ink: Ink,
    pub(super) width: f64,
    pub(super) dash: Dash,
}

impl Stroke {
    pub(super) fn new(ink: Ink, width: f64, dash: Dash) -> Stroke {
        Stroke { ink, width, dash }
    }
}

/// The shape at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Disc,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Ring,
}

/// Markers of series, in the order of their colours.
pub(super) const SERIES_MARKERS: [Marker; 6] =
    [Marker::Disc, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::TriangleDown, Marker::Ring];

/// Cuts a polyline into the pieces its pattern shows.
pub(super) fn dashes(points: &[Point], dash: Dash) -> Vec<Vec<Point>> {
    let lengths = dash.lengths();
    if lengths.is_empty() || points.len() < 2 {
        return vec![points.to_vec()];
    }
    let (mut pieces, mut piece) = (Vec::new(), vec![points[0]]);
    let (mut slot, mut left) = (0, lengths[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut rest = from.distance(to);
        while rest > left {
            from = from.towards(to, left / rest);
            rest -= left;
            if slot % 2 == 0 {
                piece.push(from);
                pieces.push(std::mem::take(&mut piece));
            }
            slot = (slot + 1) % lengths.len();
            left = lengths[slot];
            if slot % 2 == 0 {
                piece = vec![from];
            }
        }
        left -= rest;
        if slot % 2 == 0 {
            piece.push(to);
        }
    }
    if piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}
