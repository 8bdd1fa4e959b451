//! A document as Markdown, for design documents.

use super::document::{Block, Cell, Table, Tone};

/// The document as Markdown that ends in a newline.
#[must_use]
pub fn render(blocks: &[Block]) -> String {
    blocks.iter().map(print).collect::<Vec<_>>().join("\n")
}

fn print(block: &Block) -> String {
    match block {
        Block::Verdict(cells) => {
            let words: Vec<String> = cells.iter().map(cell).collect();
            format!("{}\n", words.concat())
        }
        Block::Heading(text) => format!("## {}\n", escaped(text)),
        Block::Paragraph(text) => format!("{}\n", escaped(text)),
        Block::Table(rows) => table(rows),
        Block::List(items) => items.iter().map(|item| format!("- {}\n", escaped(item))).collect(),
        Block::Hint { about, command } => format!("Next: {}\n\n```sh\n{command}\n```\n", escaped(about)),
        Block::Figure { about, file } => format!("![{}]({file})\n", escaped(about)),
    }
}

fn cell(cell: &Cell) -> String {
    let text = escaped(&cell.text);
    match cell.tone {
        Tone::Plain | Tone::Dim => text,
        Tone::Good | Tone::Warn | Tone::Bad => format!("**{text}**"),
    }
}

fn table(table: &Table) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = line(table.columns.iter().map(|c| escaped(&c.title)).collect());
    out.push_str(&line(table.columns.iter().map(|c| if c.right { "--:" } else { "---" }.to_owned()).collect()));
    for row in &table.rows {
        out.push_str(&line(row.iter().map(cell).collect()));
    }
    out
}

/// Text in which nothing is taken for markup.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '|' | '*' | '_' | '<' | '[' | ']' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
