//! Legends: entries in rows, wrapped to the room there is.

use super::canvas::{Align, Canvas, Letters};
use super::geometry::{Rect, at};
use super::ink::{AXIS, TEXT};
use super::sheet::{Key, Swatch};
use super::stroke::{Dash, Stroke};
use super::{PlotError, font};

/// Height of a row.
pub(super) const ROW: f64 = 18.0;

const SIZE: f64 = 12.0;
const SAMPLE: f64 = 26.0;
const GAP: f64 = 6.0;
const BETWEEN: f64 = 18.0;

/// The entries of each row, if rows are `room` wide.
pub(super) fn rows(keys: &[Key], room: f64) -> Vec<Vec<Key>> {
    let mut rows: Vec<Vec<Key>> = Vec::new();
    let mut used = f64::INFINITY;
    for key in keys {
        let label = font::shorten(&key.label, SIZE, false, room - SAMPLE - GAP);
        let width = entry_width(&label);
        let key = Key { label, swatch: key.swatch };
        match rows.last_mut() {
            Some(row) if used + BETWEEN + width <= room => {
                row.push(key);
                used += BETWEEN + width;
            }
            _ => {
                rows.push(vec![key]);
                used = width;
            }
        }
    }
    rows
}

/// How wide a row is.
pub(super) fn row_width(row: &[Key]) -> f64 {
    let entries: f64 = row.iter().map(|key| entry_width(&key.label)).sum();
    entries + BETWEEN * row.len().saturating_sub(1) as f64
}

fn entry_width(label: &str) -> f64 {
    SAMPLE + GAP + font::width(label, SIZE, false)
}

/// Draws a row from `left`, with the text's baseline at `baseline`.
pub(super) fn draw(canvas: &Canvas<'_>, row: &[Key], left: f64, baseline: f64) -> Result<(), PlotError> {
    let mut x = left;
    let y = baseline - 0.36 * SIZE;
    for key in row {
        match key.swatch {
            Swatch::Line(stroke, marker) => {
                canvas.line(&[at(x, y), at(x + SAMPLE, y)], &stroke)?;
                if let Some(marker) = marker {
                    canvas.marker(at(x + SAMPLE / 2.0, y), marker, stroke.ink, 3.2)?;
                }
            }
            Swatch::Fill(ink, alpha) => {
                let patch = Rect { left: x, top: y - 5.5, right: x + SAMPLE, bottom: y + 5.5 };
                canvas.rect(patch, ink, alpha)?;
                let mut rim = patch.corners().to_vec();
                rim.push(rim[0]);
                canvas.line(&rim, &Stroke::new(AXIS, 0.6, Dash::Solid))?;
            }
            Swatch::Dot(marker, ink) => canvas.marker(at(x + SAMPLE / 2.0, y), marker, ink, 4.0)?,
        }
        let letters = Letters { size: SIZE, bold: false, ink: TEXT };
        canvas.text(&key.label, at(x + SAMPLE + GAP, baseline), Align::Start, letters)?;
        x += entry_width(&key.label) + BETWEEN;
    }
    Ok(())
}
