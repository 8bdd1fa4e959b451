//! A document for a terminal. Styles are written as ANSI sequences; whoever prints it strips them where they are not
//! wanted.

use super::document::{Block, Cell, Table, Tone};
use anstyle::{AnsiColor, Style};

/// Columns after which words are wrapped.
const WIDTH: usize = 100;

/// The document as text that ends in a newline.
#[must_use]
pub fn render(blocks: &[Block]) -> String {
    let mut out = String::new();
    let mut previous: Option<&Block> = None;
    for block in blocks {
        if previous.is_some_and(|p| !matches!(p, Block::Heading(_))) {
            out.push('\n');
        }
        print(block, &mut out);
        previous = Some(block);
    }
    out
}

fn print(block: &Block, out: &mut String) {
    let bold = Style::new().bold();
    match block {
        Block::Verdict(cells) => {
            for cell in cells {
                let style = style(cell.tone);
                let style = if cell.tone == Tone::Plain { style } else { style.bold() };
                out.push_str(&paint(style, &printable(&cell.text)));
            }
            out.push('\n');
        }
        Block::Heading(text) => out.push_str(&format!("{}\n", paint(bold, &printable(text)))),
        Block::Paragraph(text) => wrap(text, "", "", out),
        Block::Table(rows) => table(rows, out),
        Block::List(items) => items.iter().for_each(|item| wrap(item, "  - ", "    ", out)),
        Block::Hint { about, command } => {
            out.push_str(&format!("{}: {}\n  {}\n", paint(bold, "next"), printable(about), printable(command)));
        }
        Block::Figure { about, file } => out.push_str(&format!("{}: {}\n", printable(file), printable(about))),
    }
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Warn => AnsiColor::Yellow.on_default(),
        Tone::Bad => AnsiColor::Red.on_default(),
        Tone::Dim => Style::new().dimmed(),
    }
}

fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

fn table(table: &Table, out: &mut String) {
    let head: Vec<Cell> = table.columns.iter().map(|c| Cell::new(c.title.clone(), Tone::Dim)).collect();
    let titled = head.iter().any(|cell| !cell.text.is_empty());
    let rows: Vec<&Vec<Cell>> = titled.then_some(&head).into_iter().chain(&table.rows).collect();
    let wide = |column: usize| rows.iter().filter_map(|r| r.get(column)).map(|c| width(&c.text)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.columns.len()).map(wide).collect();
    for row in rows {
        let mut line = String::new();
        // Spaces are held back until something follows them, so that no line ends in any.
        let mut gap = 2;
        for ((cell, column), room) in row.iter().zip(&table.columns).zip(&widths) {
            let rest = room - width(&cell.text);
            if cell.text.is_empty() {
                gap += room + 2;
                continue;
            }
            line.push_str(&" ".repeat(if column.right { gap + rest } else { gap }));
            line.push_str(&paint(style(cell.tone), &printable(&cell.text)));
            gap = if column.right { 2 } else { rest + 2 };
        }
        out.push_str(&line);
        out.push('\n');
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn wrap(text: &str, first: &str, other: &str, out: &mut String) {
    let text = printable(text);
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && width(&line) + 1 + width(word) > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = other.to_owned();
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

/// Text without anything that could confuse a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::document::Column;
    use super::*;

    #[test]
    fn numbers_end_at_the_same_place_and_no_line_ends_in_spaces() {
        let columns = vec![Column::left("a"), Column::right("b"), Column::left("")];
        let rows = vec![vec!["x".into(), "1".into(), "".into()], vec!["yy".into(), "100".into(), "z".into()]];
        let text = render(&[Block::Table(Table { columns, rows })]);
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert_eq!(plain, "  a     b\n  x     1\n  yy  100  z\n");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert!(!render(&[Block::Paragraph("a\u{1b}[31mb".to_owned())]).contains('\u{1b}'));
    }
}
