//! Diagnostics as text in the style of rustc: message, place, source line, carets, hints.
//!
//! Written here rather than with a library for control over what a terminal gets to see: tabs become four spaces,
//! control characters a replacement sign, wide characters count twice, and a long line is cropped around its caret.

use super::diagnostic::{Diagnostic, Diagnostics, Label, Severity, Sources};
use anstyle::{AnsiColor, Style};
use std::fmt::Write as _;

/// Widest part of a source line that is shown, in columns.
const WINDOW: usize = 110;
/// Columns shown before the caret when a line is cropped.
const LEAD: usize = 40;
/// Findings shown before the rest is only counted.
const SHOWN: usize = 100;

/// Everything as one text that ends in a newline (empty if there is nothing to say).
pub(super) fn render(diagnostics: &Diagnostics, colour: bool) -> String {
    let pages: Vec<Page<'_>> = diagnostics.sources.list().iter().map(|s| Page::new(&s.text)).collect();
    let renderer = Renderer { sources: &diagnostics.sources, pages, colour };
    let mut out = String::new();
    for (index, diagnostic) in diagnostics.list.iter().take(SHOWN).enumerate() {
        if index > 0 {
            out.push('\n');
        }
        renderer.diagnostic(&mut out, diagnostic);
    }
    if diagnostics.list.len() > SHOWN {
        let _ = writeln!(out, "\n... and {} more", diagnostics.list.len() - SHOWN);
    }
    out
}

/// A text with the offsets at which its lines start.
struct Page<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Page<'a> {
    fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, starts }
    }

    /// Index of the line that contains an offset, and the offset within it.
    fn line_of(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|&s| s <= offset).saturating_sub(1);
        (line, offset - self.starts[line])
    }

    fn line(&self, index: usize) -> &'a str {
        let start = self.starts[index];
        let end = self.starts.get(index + 1).map_or(self.text.len(), |next| next - 1);
        self.text[start..end].trim_end_matches('\r')
    }
}

/// A label, resolved to its line and the columns (from 0) it covers there.
struct Mark<'a> {
    source: usize,
    line: usize,
    bytes: (usize, usize),
    label: &'a Label,
}

struct Renderer<'a> {
    sources: &'a Sources,
    pages: Vec<Page<'a>>,
    colour: bool,
}

impl Renderer<'_> {
    fn diagnostic(&self, out: &mut String, diagnostic: &Diagnostic) {
        let (word, colour) = match diagnostic.severity {
            Severity::Error => ("error", AnsiColor::BrightRed),
            Severity::Warning => ("warning", AnsiColor::BrightYellow),
        };
        let strong = colour.on_default().bold();
        let blue = AnsiColor::BrightBlue.on_default().bold();
        let message = self.paint(Style::new().bold(), &format!(": {}", diagnostic.message));
        let _ = writeln!(out, "{}{message}", self.paint(strong, word));

        let mut marks: Vec<Mark<'_>> = diagnostic.labels.iter().filter_map(|l| self.mark(l)).collect();
        let shown = marks.iter().map(|m| m.line + 1).max().unwrap_or(1);
        let gutter = shown.to_string().len();
        let pad = " ".repeat(gutter);
        let bar = self.paint(blue, "|");
        let arrow = |sign: &str| format!("{pad}{} ", self.paint(blue, sign));
        let Some(main) = marks.iter().position(|m| m.label.primary).or((!marks.is_empty()).then_some(0)) else {
            if let Some(source) = self.sources.list().first() {
                let _ = writeln!(out, "{}{}", arrow("-->"), printable(&source.name));
            }
            self.hints(out, diagnostic, &pad, blue);
            return;
        };
        let home = marks[main].source;
        let _ = writeln!(out, "{}{}", arrow("-->"), self.place(&marks[main]));
        // The source of the mistake first, then its lines from top to bottom; on a line, from left to right.
        marks.sort_by_key(|m| (m.source != home, m.source, m.line, m.bytes.0, !m.label.primary));
        let _ = writeln!(out, "{pad} {bar}");
        let mut previous: Option<(usize, usize)> = None;
        for (index, mark) in marks.iter().enumerate() {
            match previous {
                Some((source, _)) if source != mark.source => {
                    let _ = writeln!(out, "{}{}", arrow(":::"), self.place(mark));
                    let _ = writeln!(out, "{pad} {bar}");
                }
                Some((_, line)) if mark.line > line + 1 => {
                    let _ = writeln!(out, "{}", self.paint(blue, "..."));
                }
                _ => {}
            }
            let line = self.pages[mark.source].line(mark.line);
            // All marks of a line share one window, chosen around the most important of them.
            let same: Vec<&Mark<'_>> =
                marks.iter().filter(|m| (m.source, m.line) == (mark.source, mark.line)).collect();
            let focus = same.iter().find(|m| m.label.primary).map_or(mark.bytes.0, |m| m.bytes.0);
            let strip = Strip::new(line, focus);
            if previous != Some((mark.source, mark.line)) {
                let number = self.paint(blue, &format!("{:>gutter$}", mark.line + 1));
                let _ = writeln!(out, "{}", format!("{number} {bar} {}", strip.text).trim_end());
            }
            let (from, to) = (strip.column(mark.bytes.0), strip.column(mark.bytes.1));
            let sign = if mark.label.primary { "^" } else { "-" };
            let style = if mark.label.primary { strong } else { blue };
            let carets = sign.repeat(to.saturating_sub(from).max(1));
            let said = if mark.label.text.is_empty() { carets } else { format!("{carets} {}", mark.label.text) };
            let _ = writeln!(out, "{pad} {bar} {}{}", " ".repeat(from), self.paint(style, &said));
            previous = Some((mark.source, mark.line));
            if index + 1 == marks.len() && !diagnostic.hints.is_empty() {
                let _ = writeln!(out, "{pad} {bar}");
            }
        }
        self.hints(out, diagnostic, &pad, blue);
    }

    fn hints(&self, out: &mut String, diagnostic: &Diagnostic, pad: &str, blue: Style) {
        for hint in &diagnostic.hints {
            let head = self.paint(AnsiColor::BrightCyan.on_default().bold(), "hint");
            let _ = writeln!(out, "{pad} {} {head}: {hint}", self.paint(blue, "="));
        }
    }

    fn mark<'l>(&self, label: &'l Label) -> Option<Mark<'l>> {
        let (source, owner) = self.sources.locate(label.span.start)?;
        let page = &self.pages[source];
        let start = floor(page.text, (label.span.start - owner.start).min(page.text.len()));
        let end = floor(page.text, label.span.end.saturating_sub(owner.start).min(page.text.len())).max(start);
        let (line, from) = page.line_of(start);
        let to = (from + (end - start)).min(page.line(line).len()).max(from);
        Some(Mark { source, line, bytes: (from, to), label })
    }

    /// `file:line:column`, the column in characters from 1.
    fn place(&self, mark: &Mark<'_>) -> String {
        let line = self.pages[mark.source].line(mark.line);
        let column = line[..floor(line, mark.bytes.0)].chars().count() + 1;
        format!("{}:{}:{column}", printable(&self.sources.list()[mark.source].name), mark.line + 1)
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// The largest character boundary not above an offset.
fn floor(text: &str, offset: usize) -> usize {
    (0..=offset.min(text.len())).rev().find(|&o| text.is_char_boundary(o)).unwrap_or(0)
}

/// The visible part of a line.
struct Strip {
    text: String,
    /// Byte offset and column of each character shown, then of the end.
    columns: Vec<(usize, usize)>,
}

impl Strip {
    fn new(line: &str, focus: usize) -> Self {
        // Walk back at most LEAD columns from the focus; a line that fits is shown from its start.
        let focus = floor(line, focus);
        let fits = line.len() <= 4 * WINDOW && line.chars().map(|c| shown(c).1).sum::<usize>() <= WINDOW;
        let mut start = 0;
        if !fits {
            let (mut width, mut any) = (0, focus);
            for (at, c) in line[..focus].char_indices().rev() {
                width += shown(c).1;
                if width > LEAD {
                    break;
                }
                any = at;
            }
            start = any;
        }
        let mut text = String::new();
        let mut columns = Vec::new();
        let mut column = 0;
        if start > 0 {
            text.push('…');
            column = 1;
        }
        let mut end = line.len();
        for (at, c) in line[start..].char_indices() {
            let (sign, width) = shown(c);
            if !fits && column + width > WINDOW {
                text.push('…');
                end = start + at;
                break;
            }
            columns.push((start + at, column));
            if sign == '\t' {
                text.push_str("    ");
            } else {
                text.push(sign);
            }
            column += width;
        }
        columns.push((end, column));
        Self { text, columns }
    }

    /// Column of a byte offset; offsets beyond either end of the strip map to that end.
    fn column(&self, byte: usize) -> usize {
        let index = self.columns.partition_point(|c| c.0 < byte);
        self.columns.get(index).or(self.columns.last()).map_or(0, |c| c.1)
    }
}

/// What is printed for a character, and how many columns it takes.
fn shown(c: char) -> (char, usize) {
    match c {
        '\t' => ('\t', 4),
        c if c.is_control() => ('\u{fffd}', 1),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => ('\u{fffd}', 1),
        '\u{300}'..='\u{36f}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' => (c, 0),
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' => (c, 2),
        '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' => (c, 2),
        '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}' => (c, 2),
        c => (c, 1),
    }
}

/// Text without anything that could confuse a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| shown(c).0).map(|c| if c == '\t' { ' ' } else { c }).collect()
}

/// A name from the input in backquotes, cropped and made printable, for use in messages.
pub(crate) fn quoted(name: &str) -> String {
    const LONGEST: usize = 60;
    let cropped: String = name.chars().take(LONGEST).collect();
    let dots = if cropped.len() < name.len() { "…" } else { "" };
    format!("`{}{dots}`", printable(&cropped))
}
