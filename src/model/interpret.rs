//! From the document to the [`Model`]: each table read once, every mistake reported. What several tables must agree on
//! is checked afterwards, in `check`.

mod admission;
mod equations;
mod fleet;
mod policy;
mod samples;
mod system;
mod trigger;
mod variant;

pub(crate) use trigger::{unknown_path, unknown_state};
pub(crate) use variant::variants;

use super::diagnostic::Diagnostic;
use super::name;
use super::reader::{Reader, Sink};
use super::spec;
use super::tree::Table;
use super::types::{Closure, Meta, Model, Text};
use std::path::Path;

/// Reads a whole document; files that it names are looked for in the folder `base`.
pub(crate) fn interpret(root: &Table, base: Option<&Path>, sink: &Sink) -> Model {
    let file = Reader::of(root, &spec::ROOT, String::new(), &(0..0), sink);
    let mut model = Model {
        meta: file.table("model").map(|m| meta(&m)).unwrap_or_default(),
        clients: system::clients(&file),
        services: system::services(&file, base),
        caches: fleet::caches(&file),
        autoscalers: fleet::autoscalers(&file),
        balancers: fleet::balancers(&file),
        params: equations::params(&file),
        states: equations::states(&file),
        transitions: equations::transitions(&file),
        flows: equations::expressions(&file, "flow"),
        outputs: equations::expressions(&file, "output"),
        sets: equations::expressions(&file, "set"),
        triggers: Vec::new(),
        free: file.table("fit").map(|fit| fit.texts("free")).unwrap_or_default(),
    };
    // What is written but wrong has been reported as such.
    if file.entries("client").is_empty() && file.entries("state").is_empty() && !wrong_type(root) {
        let message = "the model has neither a client nor a state: there is nothing to analyse";
        let place = model.services.first().map_or(0..0, |s| s.name.span.clone());
        let hint = "add a [client.NAME] that calls a service, or states in [state]";
        sink.push(Diagnostic::error("nothing-to-analyse", message).at(place, "").hint(hint));
    }
    fleet::resolve(&mut model, sink);
    fleet::check(&model, sink);
    model.triggers = trigger::triggers(&file, &model);
    for text in &model.free {
        let path = text.value.split_once('=').map_or(text.value.as_str(), |(path, _)| path).trim();
        if model.quantity(path).is_none() {
            sink.push(unknown_path(&Text { value: path.to_owned(), span: text.span.clone() }, &model));
        }
    }
    model
}

/// Whether `client` or `state` is something else than a table.
fn wrong_type(root: &Table) -> bool {
    ["client", "state"].iter().any(|key| root.get(key).is_some_and(|node| node.table().is_none()))
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
        growth: table.quantity("growth"),
        load: table.text("load"),
        closure: if table.choice("closure") == "fluid" { Closure::Fluid } else { Closure::Moments },
        goodput: table.expression("goodput"),
        apdex: table.quantity("apdex"),
    }
}
