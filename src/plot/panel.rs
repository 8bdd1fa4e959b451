//! One set of axes on the page: grid, ticks, layers, notes.

use super::canvas::{Align, Canvas, Letters};
use super::geometry::{Point, Rect, at, straighten, thin};
use super::ink::{AXIS, GRID, Ink, MUTED, PAPER};
use super::labels::{Labels, Spotted};
use super::scale::Mapping;
use super::sheet::{Layer, Note, Panel, Place, Spot};
use super::stroke::{Dash, Stroke};
use super::svg::CRISP;
use super::ticks::Tick;
use super::{PlotError, font, region};

/// Size of tick labels.
pub(super) const TICK: f64 = 12.0;
/// Size of notes.
const NOTE: f64 = 12.5;
/// Curves are drawn with points at least this far apart.
const DETAIL: f64 = 0.3;

/// A panel that knows where it is.
pub(super) struct Frame<'a> {
    pub(super) panel: &'a Panel,
    pub(super) rect: Rect,
    pub(super) x: Mapping,
    pub(super) y: Mapping,
    pub(super) x_ticks: &'a [Tick],
    pub(super) y_ticks: Vec<Tick>,
}

impl Frame<'_> {
    /// Draws everything inside the axes and the labels of the vertical one. `guides` are vertical lines.
    pub(super) fn draw(&self, canvas: &Canvas<'_>, guides: &[(f64, Stroke)]) -> Result<(), PlotError> {
        let mut labels = Labels::new(self.rect);
        self.fills(canvas, &mut labels)?;
        self.grid(canvas)?;
        for &(x, stroke) in guides {
            let line = [at(x, self.rect.top), at(x, self.rect.bottom)];
            canvas.line(&line, &stroke)?;
            labels.avoid_curve(&line);
        }
        self.lines(canvas, &mut labels)?;
        self.axes(canvas)?;
        self.dots(canvas, &mut labels)?;
        if !self.has_data() {
            let letters = Letters { size: NOTE, bold: false, ink: MUTED };
            canvas.text("no data", self.rect.centre(), Align::Middle, letters)?;
        }
        self.panel.notes.iter().try_for_each(|note| self.note(canvas, note, &mut labels))
    }

    fn page(&self, (x, y): Place) -> Option<Point> {
        let (x, y) = (self.x.share(x)?, self.y.share(y)?);
        Some(at(self.rect.left + x * self.rect.width(), self.rect.bottom - y * self.rect.height()))
    }

    /// As [`Frame::page`], at the upper or lower edge for values beyond the axis.
    fn page_or_edge(&self, (x, y): Place) -> Option<Point> {
        let x = self.rect.left + self.x.share(x)? * self.rect.width();
        Some(at(x, region::height(y, &self.y, self.rect)))
    }

    /// A curve on the page: its stretches without a gap.
    fn pieces(&self, points: &[Place]) -> Vec<Vec<Point>> {
        let page: Vec<Option<Point>> = points.iter().map(|&p| self.page(p)).collect();
        page.split(Option::is_none)
            .map(|piece| thin(&piece.iter().copied().flatten().collect::<Vec<_>>(), DETAIL))
            .filter(|piece| !piece.is_empty())
            .collect()
    }

    fn has_data(&self) -> bool {
        self.panel.layers.iter().any(|layer| match layer {
            Layer::Line { points, .. } => points.iter().any(|&p| self.page(p).is_some()),
            Layer::Dot { at, .. } => self.page(*at).is_some(),
            Layer::Cells { cells, .. } => !cells.is_empty(),
            _ => false,
        })
    }

    fn fills(&self, canvas: &Canvas<'_>, labels: &mut Labels) -> Result<(), PlotError> {
        for layer in &self.panel.layers {
            match layer {
                Layer::Cells { columns, cells, inks, x, y, .. } => {
                    self.cells(canvas, (*columns, cells), inks, (*x, *y))?;
                }
                Layer::Column { from, to, ink, alpha } => {
                    let edge = |v: &f64| self.x.share(*v).map(|s| s.clamp(0.0, 1.0));
                    let (Some(from), Some(to)) = (edge(from), edge(to)) else { continue };
                    let left = self.rect.left + from.min(to) * self.rect.width();
                    let right = self.rect.left + from.max(to) * self.rect.width();
                    // A short stretch on a long axis must still be seen.
                    canvas.rect(Rect { left, right: right.max(left + 1.5), ..self.rect }, *ink, *alpha)?;
                }
                Layer::Band { points, ink, alpha } => {
                    for polygon in region::polygons(points, &self.x, &self.y, self.rect) {
                        canvas.polygon(&polygon, *ink, *alpha)?;
                        labels.avoid_edge(&polygon);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Runs of one ink, each painted on to the right edge and a cell beyond its own rows: what comes after lies on top, so that
    /// no paper shows between neighbours. Edges are not blended, which would leave a trace of what was painted over.
    fn cells(
        &self,
        canvas: &Canvas<'_>,
        (columns, cells): (usize, &[u8]),
        inks: &[Ink],
        (x, y): (Place, Place),
    ) -> Result<(), PlotError> {
        let (Some(low), Some(high)) = (self.page((x.0, y.0)), self.page((x.1, y.1))) else { return Ok(()) };
        let rows = cells.len() / columns.max(1);
        let row = |i: usize| &cells[i * columns..(i + 1) * columns];
        let left = |i: usize| low.x + (high.x - low.x) * i as f64 / columns as f64;
        let bottom = |i: usize| low.y + (high.y - low.y) * i as f64 / rows as f64;
        // From the top, strips of equal rows.
        let mut top = rows;
        while top > 0 {
            let below = (0..top).rev().take_while(|&i| row(i) == row(top - 1)).last().unwrap_or(top - 1);
            let edges = (bottom(top), bottom(below.saturating_sub(1)));
            let starts = (0..columns).filter(|&i| i == 0 || row(top - 1)[i] != row(top - 1)[i - 1]);
            for start in starts {
                let Some(ink) = inks.get(usize::from(row(top - 1)[start])) else { continue };
                canvas.rect(Rect { left: left(start), right: high.x, top: edges.0, bottom: edges.1 }, *ink, CRISP)?;
            }
            top = below;
        }
        Ok(())
    }

    fn grid(&self, canvas: &Canvas<'_>) -> Result<(), PlotError> {
        if self.panel.layers.iter().any(|layer| matches!(layer, Layer::Cells { .. })) {
            return Ok(());
        }
        let stroke = Stroke::new(GRID, 0.8, Dash::Solid);
        for tick in self.y_ticks.iter().filter(|tick| tick.label.is_some()) {
            if let Some(share) = self.y.share(tick.value) {
                let y = self.rect.bottom - share * self.rect.height();
                canvas.line(&[at(self.rect.left, y), at(self.rect.right, y)], &stroke)?;
            }
        }
        Ok(())
    }

    fn lines(&self, canvas: &Canvas<'_>, labels: &mut Labels) -> Result<(), PlotError> {
        for layer in &self.panel.layers {
            match layer {
                Layer::Line { points, stroke } | Layer::Aside { points, stroke } => {
                    for piece in self.pieces(points) {
                        if let [alone] = piece[..] {
                            canvas.marker(alone, super::stroke::Marker::Disc, stroke.ink, 2.5)?;
                        }
                        for part in self.rect.grown(0.5).clip_polyline(&piece) {
                            canvas.line(&straighten(&part), stroke)?;
                        }
                        if matches!(layer, Layer::Line { .. }) {
                            labels.avoid_curve(&piece);
                        }
                    }
                }
                Layer::Jump { from, to, ink } => self.jump(canvas, *from, *to, *ink, labels)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn jump(&self, canvas: &Canvas<'_>, from: Place, to: f64, ink: Ink, labels: &mut Labels) -> Result<(), PlotError> {
        let Some(start) = self.page(from) else { return Ok(()) };
        let Some(end) = self.page_or_edge((from.0, to)) else { return Ok(()) };
        let down = if end.y > start.y { 1.0 } else { -1.0 };
        if start.distance(end) < 16.0 {
            return Ok(());
        }
        let (tail, tip) = (at(start.x, start.y + 5.0 * down), at(end.x, end.y - 3.0 * down));
        canvas.line(&[tail, at(tip.x, tip.y - 6.0 * down)], &Stroke::new(ink, 1.6, Dash::Solid))?;
        canvas.polygon(&[tip, at(tip.x - 4.5, tip.y - 10.0 * down), at(tip.x + 4.5, tip.y - 10.0 * down)], ink, 1.0)?;
        let (top, bottom) = (start.y.min(end.y), start.y.max(end.y));
        labels.avoid_box(Rect { left: start.x - 5.0, top, right: start.x + 5.0, bottom });
        Ok(())
    }

    fn dots(&self, canvas: &Canvas<'_>, labels: &mut Labels) -> Result<(), PlotError> {
        for layer in &self.panel.layers {
            let Layer::Dot { at: place, marker, ink } = layer else { continue };
            let Some(p) = self.page(*place) else { continue };
            canvas.marker(p, *marker, *ink, 4.0)?;
            labels.avoid_box(Rect { left: p.x - 5.5, top: p.y - 5.5, right: p.x + 5.5, bottom: p.y + 5.5 });
        }
        Ok(())
    }

    fn note(&self, canvas: &Canvas<'_>, note: &Note, labels: &mut Labels) -> Result<(), PlotError> {
        let text = font::shorten(&note.text, NOTE, note.bold, self.rect.width() * 0.9);
        let size = (font::width(&text, NOTE, note.bold), NOTE);
        if text.is_empty() {
            return Ok(());
        }
        let found = match &note.spot {
            Spot::Along(points) => labels.along(&self.pieces(points), size, note.optional),
            Spot::Beside(place) => self.page_or_edge(*place).and_then(|p| labels.beside(p, size, note.optional)),
            Spot::Within(bands) => {
                let area = |band: &Vec<_>| region::polygons(band, &self.x, &self.y, self.rect);
                labels.within(&bands.iter().map(area).collect::<Vec<_>>(), size, note.optional)
            }
        };
        let Some(Spotted { rect, covers }) = found else { return Ok(()) };
        let on_cells = self.panel.layers.iter().any(|layer| matches!(layer, Layer::Cells { .. }));
        if covers || on_cells {
            canvas.rect(rect.grown(1.0), PAPER, 0.8)?;
        }
        if let Spot::Beside(place) = note.spot {
            self.leader(canvas, place, rect)?;
        }
        let baseline = at(rect.left, rect.bottom - 0.15 * NOTE);
        canvas.text(&text, baseline, Align::Start, Letters { size: NOTE, bold: note.bold, ink: note.ink.for_text() })
    }

    /// A thin line from a point to its note, if they are not next to each other.
    fn leader(&self, canvas: &Canvas<'_>, place: Place, note: Rect) -> Result<(), PlotError> {
        let Some(p) = self.page_or_edge(place) else { return Ok(()) };
        let near = note.grown(1.5);
        let end = at(p.x.clamp(near.left, near.right), p.y.clamp(near.top, near.bottom));
        let length = p.distance(end);
        if length < 14.0 {
            return Ok(());
        }
        canvas.line(&[p.towards(end, 6.0 / length), end], &Stroke::new(MUTED, 0.8, Dash::Solid))
    }

    fn axes(&self, canvas: &Canvas<'_>) -> Result<(), PlotError> {
        let Rect { left, top, right, bottom } = self.rect;
        let stroke = Stroke::new(AXIS, 1.0, Dash::Solid);
        canvas.line(&[at(left, top), at(left, bottom), at(right, bottom)], &stroke)?;
        for tick in self.x_ticks {
            if let Some(share) = self.x.share(tick.value) {
                let x = left + share * self.rect.width();
                canvas.line(&[at(x, bottom), at(x, bottom + length(tick))], &stroke)?;
            }
        }
        for tick in &self.y_ticks {
            let Some(share) = self.y.share(tick.value) else { continue };
            let y = bottom - share * self.rect.height();
            canvas.line(&[at(left - length(tick), y), at(left, y)], &stroke)?;
            if let Some(label) = &tick.label {
                let letters = Letters { size: TICK, bold: false, ink: MUTED };
                canvas.text(label, at(left - 8.0, y + 0.36 * TICK), Align::End, letters)?;
            }
        }
        Ok(())
    }
}

/// Labelled ticks are longer.
fn length(tick: &Tick) -> f64 {
    if tick.label.is_some() { 5.0 } else { 3.0 }
}
