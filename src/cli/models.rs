//! `tipping models`: the models that come with the program.

use super::failure::Failure;
use super::shipped::{SHIPPED, Shipped};
use super::{Exit, Session};
use crate::model;
use crate::report::document::{Block, Column, Table};
use crate::report::text;
use serde_json::json;

/// Which models come with tipping, to start from and to learn from?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping models                          list them
  tipping models retry-storm > my.toml    start from one of them")]
pub(super) struct Arguments {
    /// Print the file of this model.
    name: Option<String>,
    /// How the list is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let text = match (&arguments.name, arguments.format) {
        (Some(name), format) => {
            let shipped = Shipped::find(name).ok_or_else(|| {
                let names: Vec<&str> = SHIPPED.iter().map(|s| s.name).collect();
                Failure::usage(format!("no model `{name}` is shipped"), format!("there are {}", names.join(", ")))
            })?;
            match format {
                Format::Text => shipped.text.to_owned(),
                Format::Json => pretty(&json!({ "schema": "tipping.models/1", "models": [entry(shipped, true)] })),
            }
        }
        (None, Format::Json) => {
            let models: Vec<_> = SHIPPED.iter().map(|s| entry(*s, false)).collect();
            pretty(&json!({ "schema": "tipping.models/1", "models": models }))
        }
        (None, Format::Text) => {
            let rows = SHIPPED.iter().map(|s| vec![s.name.into(), title(*s).into()]).collect();
            let columns = vec![Column::left("model"), Column::left("title")];
            text::render(&[Block::Table(Table { columns, rows })])
        }
    };
    session.terminal.result(&text)?;
    Ok(Exit::Fine)
}

fn entry(shipped: Shipped, with_text: bool) -> serde_json::Value {
    let mut entry = json!({ "name": shipped.name, "title": title(shipped), "file": shipped.file() });
    if with_text {
        entry["text"] = shipped.text.into();
    }
    entry
}

fn title(shipped: Shipped) -> String {
    model::load(shipped.text, shipped.name, &[]).map(|loaded| loaded.model.meta.title).unwrap_or_default()
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
