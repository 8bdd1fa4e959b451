//! The finished drawing: an SVG document, and its pixels on request.

use resvg::{tiny_skia, usvg};

use super::{PlotError, font};

/// How many pixels of the PNG make one unit of the SVG: 720 units become 1728 pixels.
const PIXELS_PER_UNIT: f32 = 2.4;

/// A finished chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    pub(super) svg: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Figure {
    /// The SVG document. Text is text (family Inter with fallbacks); it has a title, a description and `role="img"`.
    #[must_use]
    pub fn svg(&self) -> String {
        self.svg.clone()
    }

    /// Width and height at which the letters have their intended size, in CSS pixels.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    /// The same drawing as a PNG, 1728 pixels wide, rendered from the SVG with the embedded font only.
    ///
    /// # Errors
    /// If the SVG cannot be read back, or the image does not fit in memory.
    pub fn png(&self) -> Result<Vec<u8>, PlotError> {
        let options = usvg::Options {
            fontdb: font::database(),
            font_family: font::FAMILY.to_owned(),
            ..usvg::Options::default()
        };
        let tree = usvg::Tree::from_str(&self.svg, &options)?;
        let size = tree.size();
        let width = (size.width() * PIXELS_PER_UNIT).round() as u32;
        let height = (size.height() * PIXELS_PER_UNIT).round() as u32;
        let mut pixels = tiny_skia::Pixmap::new(width, height).ok_or(PlotError::Size { width, height })?;
        pixels.fill(tiny_skia::Color::WHITE);
        let enlarge = tiny_skia::Transform::from_scale(PIXELS_PER_UNIT, PIXELS_PER_UNIT);
        resvg::render(&tree, enlarge, &mut pixels.as_mut());
        pixels.encode_png().map_err(|e| PlotError::Encode(Box::new(e)))
    }
}
