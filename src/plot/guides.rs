//! Labels of vertical lines, in a strip above the panels: no data there, and no two labels on each other.
//!
//! A label stands over its line, or like a flag to one side of it. Its line comes up to it from below, so a
//! label may reach over another's line only if it stands in a higher row. Of all such arrangements the flattest is taken.

use super::font;
use super::sheet::Guide;

/// Size of the labels.
pub(super) const SIZE: f64 = 12.5;
/// Height of a row of labels.
pub(super) const ROW: f64 = 17.0;

/// Room between labels in a row.
const BETWEEN: f64 = 12.0;
/// How far a label reaches beyond its line when it ends or starts there.
const OVERHANG: f64 = 5.0;
/// How far a label stands off its line when it is wholly to one side.
const ASIDE: f64 = 4.0;
/// With more labels than this all arrangements are too many to try.
const MOST: usize = 6;

/// Where a label went.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    /// The guide's place in the list.
    pub(super) index: usize,
    /// Where its line is.
    pub(super) line: f64,
    /// The left end of its text.
    pub(super) left: f64,
    /// The right end of its text.
    pub(super) right: f64,
    /// Its text, cut if the page is too narrow.
    pub(super) text: String,
    /// Counted from the lowest row.
    pub(super) row: usize,
}

/// Puts the labels of `guides`, whose lines are at `lines`, between `left` and `right`.
pub(super) fn place(guides: &[&Guide], lines: &[f64], left: f64, right: f64) -> Vec<Placed> {
    let mut labels: Vec<Placed> = guides
        .iter()
        .zip(lines)
        .enumerate()
        .map(|(index, (guide, &line))| {
            let text = font::shorten(&guide.label, SIZE, guide.bold, right - left);
            let width = font::width(&text, SIZE, guide.bold);
            Placed { index, line, left: 0.0, right: width, text, row: 0 }
        })
        .collect();
    labels.sort_by(|a, b| a.line.total_cmp(&b.line));
    let mut best: Option<(f64, Vec<Placed>)> = None;
    if labels.len() <= MOST {
        search(&labels, &mut Vec::new(), 0.0, (left, right), &mut best);
    }
    best.map_or_else(|| staircase(labels, left, right), |(_, placed)| placed)
}

/// Tries all arrangements of the labels not placed yet.
fn search(
    labels: &[Placed],
    placed: &mut Vec<Placed>,
    cost: f64,
    page: (f64, f64),
    best: &mut Option<(f64, Vec<Placed>)>,
) {
    if best.as_ref().is_some_and(|(least, _)| *least <= cost) {
        return;
    }
    let Some(next) = labels.get(placed.len()) else {
        *best = Some((cost, placed.clone()));
        return;
    };
    let width = next.right - next.left;
    let starts = [
        (next.line - width / 2.0, 0.0),
        (next.line - width + OVERHANG, 1.0),
        (next.line - OVERHANG, 1.0),
        (next.line - width - ASIDE, 1.5),
        (next.line + ASIDE, 1.5),
    ];
    for row in 0..labels.len() {
        for (start, effort) in starts {
            let start = start.min(page.1 - width).max(page.0);
            let candidate = Placed { left: start, right: start + width, row, ..next.clone() };
            if placed.iter().all(|other| agree(&candidate, other) && agree(other, &candidate)) {
                placed.push(candidate);
                search(labels, placed, cost + effort + 4.0 * row as f64, page, best);
                placed.pop();
            }
        }
    }
}

/// Whether `a` leaves `b` its room and its line.
fn agree(a: &Placed, b: &Placed) -> bool {
    let apart = a.right + BETWEEN <= b.left || b.right + BETWEEN <= a.left;
    let off_line = b.line < a.left - 2.0 || a.right + 2.0 < b.line;
    (a.row != b.row || apart) && (a.row > b.row || off_line)
}

/// One label in each row, the leftmost on top.
fn staircase(mut labels: Vec<Placed>, left: f64, right: f64) -> Vec<Placed> {
    let count = labels.len();
    for (i, label) in labels.iter_mut().enumerate() {
        let width = label.right - label.left;
        label.left = (label.line - OVERHANG).min(right - width).max(left);
        label.right = label.left + width;
        label.row = count - 1 - i;
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::super::ink::TEXT;
    use super::super::stroke::{Dash, Stroke};
    use super::*;

    #[test]
    fn no_label_lies_on_another_or_on_its_line() {
        let labels = ["recovery 810 req/s", "today 900 req/s", "tip-over 940 req/s", "noise 935 req/s"];
        let guides: Vec<Guide> = labels
            .iter()
            .map(|label| Guide {
                x: 0.0,
                label: (*label).to_owned(),
                stroke: Stroke::new(TEXT, 1.0, Dash::Solid),
                bold: false,
            })
            .collect();
        let marks: Vec<&Guide> = guides.iter().collect();
        for lines in [
            [680.0, 684.0, 690.0, 695.0],
            [400.0, 420.0, 440.0, 441.0],
            [50.0, 300.0, 500.0, 690.0],
            [60.0; 4],
            [690.0; 4],
        ] {
            let placed = place(&marks, &lines, 16.0, 704.0);
            assert_eq!(placed.len(), 4);
            for (i, a) in placed.iter().enumerate() {
                assert!(a.left >= 15.9 && a.right <= 704.1);
                for b in &placed[i + 1..] {
                    assert!(a.row != b.row || a.right <= b.left || b.right <= a.left, "{a:?} {b:?}");
                    let (upper, lower) = if a.row > b.row { (a, b) } else { (b, a) };
                    assert!(upper.line < lower.left || lower.right < upper.line, "{upper:?} through {lower:?}");
                }
            }
        }
    }
}
