//! Labels of vertical lines, in a strip above the panels: no data there, and no two labels on each other.

use super::font;
use super::sheet::Guide;

/// Size of the labels.
pub(super) const SIZE: f64 = 12.5;
/// Height of a row of labels.
pub(super) const ROW: f64 = 17.0;

const BETWEEN: f64 = 14.0;

/// Where a label went.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    /// The guide's place in the list.
    pub(super) index: usize,
    /// Where its line is.
    pub(super) line: f64,
    /// The middle of its text.
    pub(super) centre: f64,
    /// Its text, cut if the page is too narrow.
    pub(super) text: String,
    /// Counted from the lowest row.
    pub(super) row: usize,
}

/// Puts the labels of `guides`, whose lines are at `lines`, between `left` and `right`: each centred over its line if
/// possible, else moved sideways, and into a further row if the sum of them is too wide for one.
pub(super) fn place(guides: &[&Guide], lines: &[f64], left: f64, right: f64) -> Vec<Placed> {
    let mut order: Vec<usize> = (0..guides.len().min(lines.len())).collect();
    order.sort_by(|&a, &b| lines[a].total_cmp(&lines[b]));
    let room = right - left;
    let text = |i: usize| font::shorten(&guides[i].label, SIZE, guides[i].bold, room);
    let width = |i: usize| font::width(&text(i), SIZE, guides[i].bold);
    let total: f64 = order.iter().map(|&i| width(i) + BETWEEN).sum();
    let rows = (total / room).ceil().max(1.0) as usize;
    let mut placed = Vec::new();
    for row in 0..rows {
        let members: Vec<usize> = order.iter().copied().skip(row).step_by(rows).collect();
        let widths: Vec<f64> = members.iter().map(|&i| width(i)).collect();
        let wanted: Vec<f64> = members.iter().map(|&i| lines[i]).collect();
        for (k, centre) in spread(&wanted, &widths, left, right).into_iter().enumerate() {
            let index = members[k];
            placed.push(Placed { index, line: lines[index], centre, text: text(index), row });
        }
    }
    placed
}

/// Centres for labels of the given widths, in order, near the wanted ones, without overlap.
fn spread(wanted: &[f64], widths: &[f64], left: f64, right: f64) -> Vec<f64> {
    let mut centres: Vec<f64> =
        wanted.iter().zip(widths).map(|(c, w)| c.min(right - w / 2.0).max(left + w / 2.0)).collect();
    for _ in 0..60 {
        for i in 1..centres.len() {
            let least = (widths[i - 1] + widths[i]) / 2.0 + BETWEEN;
            let lack = least - (centres[i] - centres[i - 1]);
            if lack > 0.0 {
                centres[i - 1] -= lack / 2.0;
                centres[i] += lack / 2.0;
            }
        }
        for (c, w) in centres.iter_mut().zip(widths) {
            *c = c.min(right - w / 2.0).max(left + w / 2.0);
        }
    }
    centres
}
