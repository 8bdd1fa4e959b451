//! From the document to the [`Model`]: each table read once, every mistake reported. What several tables must agree on
//! is checked afterwards, in `check`.

mod equations;
mod system;
mod trigger;

pub(crate) use trigger::{unknown_path, unknown_state};

use super::name;
use super::reader::{Reader, Sink};
use super::spec;
use super::tree::Table;
use super::types::{Closure, Meta, Model};

/// Reads a whole document.
pub(crate) fn interpret(root: &Table, sink: &Sink) -> Model {
    let file = Reader::of(root, &spec::ROOT, String::new(), &(0..0), sink);
    let mut model = Model {
        meta: file.table("model").map(|m| meta(&m)).unwrap_or_default(),
        clients: system::clients(&file),
        services: system::services(&file),
        params: equations::params(&file),
        states: equations::states(&file),
        transitions: equations::transitions(&file),
        flows: equations::expressions(&file, "flow"),
        outputs: equations::expressions(&file, "output"),
        sets: equations::expressions(&file, "set"),
        triggers: Vec::new(),
    };
    model.triggers = trigger::triggers(&file, &model);
    model
}

fn meta(table: &Reader<'_>) -> Meta {
    let name = table.name("name");
    name::check_label(&name, "model", table.sink());
    Meta {
        name: name.value,
        title: table.words("title"),
        about: table.words("about"),
        source: table.words("source"),
        horizon: table.quantity("horizon"),
        load: table.text("load"),
        closure: if table.choice("closure") == "fluid" { Closure::Fluid } else { Closure::Moments },
        goodput: table.expression("goodput"),
    }
}
