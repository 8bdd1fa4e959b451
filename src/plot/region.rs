//! Areas between two curves, on the page.

use super::geometry::{Point, Rect, at, straighten, thin};
use super::scale::Mapping;

/// The polygons of a band `(x, low, high)`: one for each stretch without a gap. Infinite bounds, and values that have no
/// place on the axis because they are too small, are cut at the edge of the panel.
pub(super) fn polygons(points: &[(f64, f64, f64)], x: &Mapping, y: &Mapping, frame: Rect) -> Vec<Vec<Point>> {
    let mut polygons = Vec::new();
    let (mut lower, mut upper): (Vec<Point>, Vec<Point>) = (Vec::new(), Vec::new());
    let mut close = |lower: &mut Vec<Point>, upper: &mut Vec<Point>| {
        if upper.len() > 1 {
            let mut polygon = straighten(&thin(upper, 0.3));
            polygon.extend(straighten(&thin(lower, 0.3)).into_iter().rev());
            polygons.push(polygon);
        }
        lower.clear();
        upper.clear();
    };
    for &(px, low, high) in points {
        let Some(share) = x.share(px).filter(|_| !low.is_nan() && !high.is_nan()) else {
            close(&mut lower, &mut upper);
            continue;
        };
        let page_x = frame.left + share * frame.width();
        lower.push(at(page_x.clamp(frame.left, frame.right), height(low, y, frame)));
        upper.push(at(page_x.clamp(frame.left, frame.right), height(high, y, frame)));
    }
    close(&mut lower, &mut upper);
    polygons
}

/// The height of a value on the page, at the edge if it has no place inside.
pub(super) fn height(v: f64, y: &Mapping, frame: Rect) -> f64 {
    let share = y.share(v).unwrap_or(if v > 0.0 { 1.0 } else { 0.0 });
    (frame.bottom - share * frame.height()).clamp(frame.top, frame.bottom)
}
