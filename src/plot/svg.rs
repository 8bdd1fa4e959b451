//! From what plotters wrote to the document users get: title and description, size, font fallbacks, fewer elements.

use std::fmt::Write;

/// Families tried where the embedded one is not installed; all of about its width.
const FAMILIES: &str = "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/// plotters has no way to say that edges are not to be blended with what lies beneath: an opacity that nothing else has stands for
/// it on the way here.
pub(super) const CRISP: f64 = 0.999;

/// The finished document from the one plotters wrote on a canvas `fineness` times `width` by `height`.
pub(super) fn tidy(raw: &str, title: &str, about: &str, width: u32, height: u32, fineness: u32) -> String {
    let mut out = String::with_capacity(raw.len());
    let (w, h) = (width * fineness, height * fineness);
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {w} {h}\" font-family=\"{FAMILIES}\" stroke-linejoin=\"round\">"
    );
    let _ = writeln!(out, "<title>{}</title>\n<desc>{}</desc>", escaped(title), escaped(about));
    let mut lines = raw.lines().skip(1).peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("<text ") {
            let text = lines.next().unwrap_or_default();
            let end = lines.next().unwrap_or_default();
            let _ = writeln!(out, "{}{text}{end}", text_tag(line));
        } else if let Some((style, points)) = polyline(line) {
            // Dashes and grid lines come as many polylines of one style: one path says the same.
            let mut path = String::new();
            push_piece(&mut path, points);
            while let Some((next, points)) = lines.peek().and_then(|next| polyline(next)) {
                if next != style {
                    break;
                }
                push_piece(&mut path, points);
                lines.next();
            }
            let style = style.replace(" opacity=\"1\"", "");
            let _ = writeln!(out, "<path{style} d=\"{path}\"/>");
        } else {
            let line = line.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "");
            out.push_str(&line.replace(" opacity=\"0.999\"", " shape-rendering=\"crispEdges\""));
            out.push('\n');
        }
    }
    out
}

/// Style and points of a polyline element.
fn polyline(line: &str) -> Option<(&str, &str)> {
    let (style, points) = line.strip_prefix("<polyline")?.split_once(" points=\"")?;
    Some((style, points.strip_suffix("\"/>")?.trim_end()))
}

fn push_piece(path: &mut String, points: &str) {
    path.push('M');
    path.push_str(points);
}

/// A text element without what the root says already, and with a round font size.
fn text_tag(tag: &str) -> String {
    let tag = tag.replace(" opacity=\"1\"", "").replace(" font-family=\"Inter\"", "");
    let tag = tag.replace(" text-anchor=\"start\"", "").replace("\"bold\"", "\"600\"");
    let Some((before, rest)) = tag.split_once("font-size=\"") else { return tag };
    let Some((size, after)) = rest.split_once('"') else { return tag };
    let size = size.parse::<f64>().map_or_else(|_| size.to_owned(), |s| format!("{}", (s * 10.0).round() / 10.0));
    format!("{before}font-size=\"{size}\"{after}")
}

/// A text that can stand in any XML document: markup escaped, control characters turned into spaces.
fn escaped(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A text on one line, without characters XML forbids.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c }).collect()
}
