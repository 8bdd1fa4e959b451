//! What can go wrong while drawing.

use std::error::Error;

use plotters::drawing::DrawingAreaErrorKind;
use resvg::usvg;

/// Why a figure could not be drawn or turned into pixels. Numbers never cause any of these; a defect or a lack of memory
/// would.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The drawing library refused a shape.
    #[error("cannot draw the figure")]
    Draw(#[from] DrawingAreaErrorKind<std::io::Error>),
    /// The embedded font cannot be used.
    #[error("cannot use the embedded font {0}")]
    Font(&'static str),
    /// The SVG document cannot be read back.
    #[error("cannot read the figure's SVG")]
    Svg(#[from] usvg::Error),
    /// There is no room for the pixels.
    #[error("cannot make an image of {width} x {height} pixels")]
    Size {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The pixels cannot be written as PNG.
    #[error("cannot encode the figure as PNG")]
    Encode(#[source] Box<dyn Error + Send + Sync>),
}
