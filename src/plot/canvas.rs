//! The page, drawn on through plotters.
//!
//! plotters rounds every coordinate to whole units, in SVG too, so the canvas has ten units for each of the figure's;
//! the document's width and height are set back afterwards ([`super::svg`]).

use plotters::coord::Shift;
use plotters::prelude::{
    Circle, Color, DrawingArea, IntoDrawingArea, PathElement, Polygon, RGBColor, Rectangle, SVGBackend, ShapeStyle,
    Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle};

use super::geometry::{Point, Rect, at};
use super::ink::Ink;
use super::stroke::{Marker, Stroke, dashes};
use super::{PlotError, font, svg};

/// Units of the canvas in one unit of the figure.
pub(super) const FINENESS: f64 = 10.0;

/// plotters writes text at its size divided by this, and 0.76 of that size below the place given.
const TEXT_SHRINK: f64 = 1.24;
const TEXT_DROP: f64 = 0.76;

/// Where a text lies relative to its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Letters {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) ink: Ink,
}

/// A page being drawn.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

impl<'a> Canvas<'a> {
    /// An empty page whose SVG goes to `document`.
    pub(super) fn new(document: &'a mut String, width: f64, height: f64) -> Result<Canvas<'a>, PlotError> {
        let size = ((width * FINENESS) as u32, (height * FINENESS) as u32);
        let area = SVGBackend::with_string(document, size).into_drawing_area();
        area.fill(&RGBColor(255, 255, 255))?;
        Ok(Canvas { area })
    }

    /// Ends the document.
    pub(super) fn finish(self) -> Result<(), PlotError> {
        Ok(self.area.present()?)
    }

    /// A line through `points`, in the pattern of its stroke.
    pub(super) fn line(&self, points: &[Point], stroke: &Stroke) -> Result<(), PlotError> {
        let style = filled(stroke.ink, 1.0).stroke_width((stroke.width * FINENESS).round() as u32);
        for piece in dashes(points, stroke.dash) {
            if piece.len() > 1 {
                self.area.draw(&PathElement::new(places(&piece), style))?;
            }
        }
        Ok(())
    }

    /// A filled polygon.
    pub(super) fn polygon(&self, points: &[Point], ink: Ink, alpha: f64) -> Result<(), PlotError> {
        if points.len() > 2 {
            self.area.draw(&Polygon::new(places(points), filled(ink, alpha)))?;
        }
        Ok(())
    }

    /// A filled rectangle.
    pub(super) fn rect(&self, rect: Rect, ink: Ink, alpha: f64) -> Result<(), PlotError> {
        let corners = [place(at(rect.left, rect.top)), place(at(rect.right, rect.bottom))];
        Ok(self.area.draw(&Rectangle::new(corners, filled(ink, alpha)))?)
    }

    /// A marker with a white rim, so that it stands out from the lines under it.
    pub(super) fn marker(&self, centre: Point, shape: Marker, ink: Ink, radius: f64) -> Result<(), PlotError> {
        let disc =
            |r: f64, ink: Ink| self.area.draw(&Circle::new(place(centre), (r * FINENESS) as u32, filled(ink, 1.0)));
        let outline = |r: f64| -> Vec<Point> {
            let turn = |dx: f64, dy: f64| at(centre.x + dx * r, centre.y + dy * r);
            match shape {
                Marker::Square => vec![turn(-0.9, -0.9), turn(0.9, -0.9), turn(0.9, 0.9), turn(-0.9, 0.9)],
                Marker::Triangle => vec![turn(0.0, -1.2), turn(1.1, 0.8), turn(-1.1, 0.8)],
                Marker::TriangleDown => vec![turn(0.0, 1.2), turn(1.1, -0.8), turn(-1.1, -0.8)],
                Marker::Diamond => vec![turn(0.0, -1.3), turn(1.3, 0.0), turn(0.0, 1.3), turn(-1.3, 0.0)],
                Marker::Disc | Marker::Ring => Vec::new(),
            }
        };
        match shape {
            Marker::Disc | Marker::Ring => {
                disc(radius + 1.2, super::ink::PAPER)?;
                disc(radius, ink)?;
                if shape == Marker::Ring {
                    disc(radius - 1.5, super::ink::PAPER)?;
                }
            }
            _ => {
                self.polygon(&outline(radius + 1.5), super::ink::PAPER, 1.0)?;
                self.polygon(&outline(radius), ink, 1.0)?;
            }
        }
        Ok(())
    }

    /// A text whose baseline starts, is centred or ends at `baseline`.
    pub(super) fn text(&self, text: &str, baseline: Point, align: Align, letters: Letters) -> Result<(), PlotError> {
        let h_pos = match align {
            Align::Start => HPos::Left,
            Align::Middle => HPos::Center,
            Align::End => HPos::Right,
        };
        let style = if letters.bold { FontStyle::Bold } else { FontStyle::Normal };
        let face = FontDesc::new(FontFamily::Name(font::FAMILY), letters.size * FINENESS * TEXT_SHRINK, style);
        let Ink(r, g, b) = letters.ink;
        let colour = RGBColor(r, g, b);
        let style = TextStyle::from(face).color(&colour).pos(Pos::new(h_pos, VPos::Top));
        let top = at(baseline.x, baseline.y - TEXT_DROP * letters.size);
        Ok(self.area.draw(&Text::new(svg::plain(text), place(top), style))?)
    }
}

fn filled(ink: Ink, alpha: f64) -> ShapeStyle {
    let Ink(r, g, b) = ink;
    RGBColor(r, g, b).mix(alpha).filled()
}

fn place(p: Point) -> (i32, i32) {
    ((p.x * FINENESS).round() as i32, (p.y * FINENESS).round() as i32)
}

fn places(points: &[Point]) -> Vec<(i32, i32)> {
    let mut all: Vec<(i32, i32)> = points.iter().map(|&p| place(p)).collect();
    all.dedup();
    all
}
