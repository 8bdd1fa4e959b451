//! Lays a sheet out and draws it.

use super::canvas::{Align, Canvas, FINENESS, Letters};
use super::geometry::{Rect, at};
use super::ink::{MUTED, TEXT};
use super::panel::{Frame, TICK};
use super::scale::{Mapping, Margin};
use super::sheet::{Guide, Key, Layer, Panel, Sheet};
use super::stroke::{Dash, Stroke};
use super::ticks::{Tick, ticks};
use super::{Figure, PlotError, font, guides, keys, svg};

const WIDTH: f64 = 720.0;
/// Room at the edges of the page.
const EDGE: f64 = 16.0;
const RIGHT: f64 = 22.0;

const TITLE: f64 = 17.0;
const TITLE_ROW: f64 = 22.0;
const SUBTITLE: f64 = 12.5;
const SUBTITLE_ROW: f64 = 17.0;
const HEADING: f64 = 13.0;
const HEADING_ROW: f64 = 32.0;
/// From the heading's baseline to the axes.
const HEADING_DROP: f64 = 11.0;
const BETWEEN_PANELS: f64 = 12.0;
/// Under the last panel: tick labels and the axis' heading.
const FOOT: f64 = 52.0;

/// Where the parts of a sheet go.
struct Layout {
    title: Vec<String>,
    subtitle: Vec<String>,
    keys: Vec<Vec<Key>>,
    /// Rows of keys of each panel; a single one shares the row of the heading.
    panel_keys: Vec<Vec<Vec<Key>>>,
    frames: Vec<Rect>,
    height: f64,
}

/// Draws a sheet.
pub(super) fn render(sheet: &Sheet) -> Result<Figure, PlotError> {
    font::register()?;
    let x = Mapping::fit(sheet.x.scale, x_values(sheet), sheet.x.margin);
    // A map fills its panel.
    let margin = |p: &Panel| {
        let filled = p.layers.iter().any(|layer| matches!(layer, Layer::Cells { .. }));
        if filled { Margin::Tight } else { Margin::Loose }
    };
    let y: Vec<Mapping> = sheet.panels.iter().map(|p| Mapping::fit(p.scale, y_values(p), margin(p))).collect();
    let y_ticks: Vec<Vec<Tick>> =
        sheet.panels.iter().zip(&y).map(|(p, y)| whole(ticks(y, (p.height / 36.0).max(2.0)), are_whole(p).1)).collect();
    let widest = y_ticks.iter().flatten().filter_map(|tick| tick.label.as_deref()).map(tick_width).fold(20.0, f64::max);
    let left = EDGE + widest + 8.0;
    let across = Rect { left, right: WIDTH - RIGHT, top: 0.0, bottom: 0.0 };
    let on_page = |v: f64| x.share(v).map(|share| across.left + share * across.width());

    let shown: Vec<(&Guide, f64)> = sheet.guides.iter().filter_map(|g| Some((g, on_page(g.x)?))).collect();
    let (marks, lines): (Vec<&Guide>, Vec<f64>) = shown.iter().copied().unzip();
    let strip = guides::place(&marks, &lines, EDGE, WIDTH - EDGE);
    let strip_rows = strip.iter().map(|label| label.row + 1).max().unwrap_or(0);
    let layout = lay_out(sheet, across, strip_rows);
    let x_ticks = whole(horizontal_ticks(&x, across), sheet.panels.iter().any(|p| are_whole(p).0));

    let mut raw = String::new();
    let canvas = Canvas::new(&mut raw, WIDTH, layout.height)?;
    head(&canvas, &layout)?;
    let strokes: Vec<(f64, Stroke)> = shown.iter().map(|&(guide, line)| (line, guide.stroke)).collect();
    for (i, panel) in sheet.panels.iter().enumerate() {
        let rect = layout.frames[i];
        let bar = if i == 0 { strip_rows as f64 * guides::ROW } else { 0.0 };
        panel_head(&canvas, panel, &layout.panel_keys[i], rect.top - bar)?;
        Frame { panel, rect, x, y: y[i], x_ticks: &x_ticks, y_ticks: y_ticks[i].clone() }.draw(&canvas, &strokes)?;
    }
    if let (Some(first), Some(last)) = (layout.frames.first(), layout.frames.last()) {
        draw_strip(&canvas, &strip, &marks, first.top)?;
        foot(&canvas, sheet, &x, &x_ticks, *last)?;
    }
    canvas.finish()?;

    let (width, height) = (WIDTH as u32, layout.height as u32);
    let svg = svg::tidy(&raw, &sheet.title, &sheet.about, width, height, FINENESS as u32);
    Ok(Figure { svg, width, height })
}

fn lay_out(sheet: &Sheet, across: Rect, strip_rows: usize) -> Layout {
    let room = WIDTH - 2.0 * EDGE;
    let title = font::wrap(&sheet.title, TITLE, true, room, 2);
    let subtitle = font::wrap(sheet.subtitle.as_deref().unwrap_or(""), SUBTITLE, false, room, 3);
    let rows = keys::rows(&sheet.keys, room);
    let mut y = 10.0 + TITLE_ROW * title.len() as f64 + SUBTITLE_ROW * subtitle.len() as f64;
    if !rows.is_empty() {
        y += 8.0 + keys::ROW * rows.len() as f64;
    }
    let (mut frames, mut panel_keys) = (Vec::new(), Vec::new());
    for (i, panel) in sheet.panels.iter().enumerate() {
        let heading = font::width(&panel.heading, HEADING, true);
        let mut rows = keys::rows(&panel.keys, room - heading - 24.0);
        let mut head = HEADING_ROW;
        if rows.len() > 1 {
            rows = keys::rows(&panel.keys, room);
            head += keys::ROW * rows.len() as f64;
        }
        panel_keys.push(rows);
        let bar = if i == 0 { strip_rows as f64 * guides::ROW } else { 0.0 };
        let top = (y + head + bar).round();
        frames.push(Rect { top, bottom: top + panel.height, ..across });
        y = top + panel.height + BETWEEN_PANELS;
    }
    let height = (y - BETWEEN_PANELS + FOOT).ceil();
    Layout { title, subtitle, keys: rows, panel_keys, frames, height }
}

fn head(canvas: &Canvas<'_>, layout: &Layout) -> Result<(), PlotError> {
    let mut y = 10.0;
    for line in &layout.title {
        y += TITLE_ROW;
        canvas.text(line, at(EDGE, y - 4.0), Align::Start, Letters { size: TITLE, bold: true, ink: TEXT })?;
    }
    for line in &layout.subtitle {
        y += SUBTITLE_ROW;
        canvas.text(line, at(EDGE, y - 3.0), Align::Start, Letters { size: SUBTITLE, bold: false, ink: MUTED })?;
    }
    y += 8.0;
    for row in &layout.keys {
        y += keys::ROW;
        keys::draw(canvas, row, EDGE, y - 4.0)?;
    }
    Ok(())
}

/// The heading of a panel and its keys, above `bottom`.
fn panel_head(canvas: &Canvas<'_>, panel: &Panel, rows: &[Vec<Key>], bottom: f64) -> Result<(), PlotError> {
    let letters = Letters { size: HEADING, bold: true, ink: TEXT };
    let heading = font::shorten(&panel.heading, HEADING, true, WIDTH - 2.0 * EDGE);
    if let [row] = rows {
        canvas.text(&heading, at(EDGE, bottom - HEADING_DROP), Align::Start, letters)?;
        return keys::draw(canvas, row, WIDTH - RIGHT - keys::row_width(row), bottom - HEADING_DROP);
    }
    let top = bottom - keys::ROW * rows.len() as f64;
    canvas.text(&heading, at(EDGE, top - HEADING_DROP), Align::Start, letters)?;
    for (i, row) in rows.iter().enumerate() {
        keys::draw(canvas, row, EDGE, top + keys::ROW * (i + 1) as f64 - HEADING_DROP)?;
    }
    Ok(())
}

/// The labels of the vertical lines and what ties them to their lines.
fn draw_strip(canvas: &Canvas<'_>, strip: &[guides::Placed], marks: &[&Guide], bottom: f64) -> Result<(), PlotError> {
    for label in strip {
        let guide = marks[label.index];
        let baseline = bottom - 7.0 - label.row as f64 * guides::ROW;
        let tie = Stroke::new(guide.stroke.ink, 1.0, Dash::Solid);
        let flag = label.line < label.left || label.right < label.line;
        let top = if flag { baseline - 9.0 } else { baseline + 3.5 };
        canvas.line(&[at(label.line, top), at(label.line, bottom)], &tie)?;
        let letters = Letters { size: guides::SIZE, bold: guide.bold, ink: guide.stroke.ink.for_text() };
        canvas.text(&label.text, at((label.left + label.right) / 2.0, baseline), Align::Middle, letters)?;
    }
    Ok(())
}

fn foot(canvas: &Canvas<'_>, sheet: &Sheet, x: &Mapping, marks: &[Tick], frame: Rect) -> Result<(), PlotError> {
    for tick in marks {
        if let (Some(share), Some(label)) = (x.share(tick.value), &tick.label) {
            let place = at(frame.left + share * frame.width(), frame.bottom + 19.0);
            canvas.text(label, place, Align::Middle, Letters { size: TICK, bold: false, ink: MUTED })?;
        }
    }
    let heading = font::shorten(&sheet.x.heading, HEADING, true, WIDTH - 2.0 * EDGE);
    let place = at(frame.centre().x, frame.bottom + 40.0);
    canvas.text(&heading, place, Align::Middle, Letters { size: HEADING, bold: true, ink: TEXT })
}

/// As many ticks as fit without their labels touching.
fn horizontal_ticks(x: &Mapping, across: Rect) -> Vec<Tick> {
    let mut room = across.width() / 70.0;
    loop {
        let marks = ticks(x, room);
        let mut ends = f64::NEG_INFINITY;
        let mut touching = false;
        for tick in &marks {
            if let (Some(share), Some(label)) = (x.share(tick.value), &tick.label) {
                let (centre, half) = (share * across.width(), tick_width(label) / 2.0);
                touching |= centre - half < ends + 10.0;
                ends = centre + half;
            }
        }
        if !touching || room < 2.0 {
            return marks;
        }
        room *= 0.8;
    }
}

/// Which axes of a panel have whole numbers only.
fn are_whole(panel: &Panel) -> (bool, bool) {
    let cells = panel.layers.iter().find_map(|layer| match layer {
        Layer::Cells { whole, .. } => Some(*whole),
        _ => None,
    });
    cells.unwrap_or_default()
}

/// Of these ticks the ones at whole numbers, if that is wanted.
fn whole(ticks: Vec<Tick>, wanted: bool) -> Vec<Tick> {
    if !wanted {
        return ticks;
    }
    let kept = ticks.into_iter().filter(|tick| (tick.value - tick.value.round()).abs() < 1e-6);
    kept.map(|tick| Tick { label: tick.label.map(|_| format!("{}", tick.value.round())), ..tick }).collect()
}

fn tick_width(label: &str) -> f64 {
    font::width(label, TICK, false)
}

fn x_values(sheet: &Sheet) -> impl Iterator<Item = f64> {
    let layers = sheet.panels.iter().flat_map(|panel| &panel.layers).flat_map(|layer| match layer {
        Layer::Cells { x, .. } => vec![x.0, x.1],
        Layer::Column { from, to, .. } => vec![*from, *to],
        Layer::Band { points, .. } => points.iter().map(|p| p.0).collect(),
        Layer::Line { points, .. } => points.iter().filter(|p| p.1.is_finite()).map(|p| p.0).collect(),
        Layer::Dot { at, .. } => vec![at.0],
        Layer::Aside { .. } | Layer::Jump { .. } => Vec::new(),
    });
    layers.chain(sheet.guides.iter().map(|guide| guide.x))
}

fn y_values(panel: &Panel) -> impl Iterator<Item = f64> {
    panel.layers.iter().flat_map(|layer| match layer {
        Layer::Cells { y, .. } => vec![y.0, y.1],
        Layer::Band { points, .. } => points.iter().flat_map(|p| [p.1, p.2]).collect(),
        Layer::Line { points, .. } => points.iter().filter(|p| p.0.is_finite()).map(|p| p.1).collect(),
        Layer::Dot { at, .. } => vec![at.1],
        Layer::Column { .. } | Layer::Aside { .. } | Layer::Jump { .. } => Vec::new(),
    })
}
