//! The embedded font: registration with both libraries, and the width of a text.

use std::sync::{Arc, LazyLock};

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};
use resvg::usvg::fontdb;

use super::PlotError;

static REGULAR: &[u8] = include_bytes!("../../assets/Inter-Regular.ttf");
static SEMI_BOLD: &[u8] = include_bytes!("../../assets/Inter-SemiBold.ttf");

/// The family of the embedded font.
pub(super) const FAMILY: &str = "Inter";

/// Ascent plus descent of the font in em: plotters measures text at that height instead of at its em size.
const LINE_HEIGHT: f64 = 2478.0 / 2048.0;

/// Size at which text is measured: plotters gives whole units, so a large one.
const MEASURED_AT: f64 = 4096.0;

/// Makes the font known to plotters, once.
pub(super) fn register() -> Result<(), PlotError> {
    static REGISTERED: LazyLock<bool> = LazyLock::new(|| {
        register_font(FAMILY, FontStyle::Normal, REGULAR).is_ok()
            && register_font(FAMILY, FontStyle::Bold, SEMI_BOLD).is_ok()
    });
    if *REGISTERED { Ok(()) } else { Err(PlotError::Font(FAMILY)) }
}

/// The fonts PNGs are rendered with: the embedded ones and no other.
pub(super) fn database() -> Arc<fontdb::Database> {
    static DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(REGULAR.to_vec());
        fonts.load_font_data(SEMI_BOLD.to_vec());
        fonts.set_sans_serif_family(FAMILY);
        Arc::new(fonts)
    });
    Arc::clone(&DATABASE)
}

/// Width of `text` at `size`; a rough one by letter count should the font be missing.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    let rough = 0.6 * text.chars().count() as f64 * size;
    if register().is_err() {
        return rough;
    }
    let font = FontDesc::new(FontFamily::Name(FAMILY), MEASURED_AT, style);
    match font.layout_box(text) {
        Ok((_, (width, _))) => f64::from(width) * LINE_HEIGHT * size / MEASURED_AT,
        Err(_) => rough,
    }
}

/// Breaks `text` into at most `lines` lines no wider than `room`; the last one ends in an ellipsis if more was left.
pub(super) fn wrap(text: &str, size: f64, bold: bool, room: f64, lines: usize) -> Vec<String> {
    let mut done: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.peek() {
        let longer = if line.is_empty() { (*word).to_owned() } else { format!("{line} {word}") };
        if width(&longer, size, bold) <= room {
            line = longer;
            words.next();
        } else if line.is_empty() {
            line = shorten(word, size, bold, room);
            words.next();
        } else if done.len() + 1 < lines {
            done.push(std::mem::take(&mut line));
        } else {
            done.push(shorten(&longer, size, bold, room));
            return done;
        }
    }
    if !line.is_empty() {
        done.push(line);
    }
    done
}

/// `text`, cut with an ellipsis if it is wider than `room`.
pub(super) fn shorten(text: &str, size: f64, bold: bool, room: f64) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let cut = format!("{}\u{2026}", kept.iter().collect::<String>().trim_end());
        if width(&cut, size, bold) <= room {
            return cut;
        }
    }
    String::new()
}
