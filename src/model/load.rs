//! From text to a checked model, in one call.

use super::check::check;
use super::diagnostic::{Diagnostic, Diagnostics, Severity, Sources};
use super::expand;
use super::interpret::{interpret, variants};
use super::overrides::{self, Override};
use super::read::{File, read, sha256};
use super::reader::Sink;
use super::tree;
use super::types::Model;
use std::path::Path;

/// A model with what there is to know about its file.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The model, with all overrides applied.
    pub model: Model,
    /// SHA-256 of the file as it is on disk, in hexadecimal.
    pub sha256: String,
    /// Warnings, with the sources that spans in the model point into; errors found later can be added.
    pub diagnostics: Diagnostics,
    /// Other designs that the file names, in its order.
    pub variants: Vec<Variant>,
}

/// Another design: the model with the changes of `[variant.NAME]`.
#[derive(Debug, Clone)]
pub struct Variant {
    /// The NAME.
    pub name: String,
    /// `about`.
    pub about: String,
    /// The changes: `path = value`.
    pub changes: Vec<String>,
    /// The model with the changes made, or why they do not go with what else was set.
    pub model: Result<Model, Diagnostics>,
}

/// Reads a file and loads the model in it.
///
/// # Errors
/// Everything that is wrong with the file or with the overrides.
pub fn open(path: &Path, overrides: &[Override]) -> Result<Loaded, Diagnostics> {
    let file: File = read(path)?;
    let loaded = load_beside(&file.text, &file.name, path.parent(), overrides)?;
    Ok(Loaded { sha256: file.sha256, ..loaded })
}

/// Loads the model in a text; `name` is how messages call it.
///
/// # Errors
/// Everything that is wrong with the text or with the overrides.
pub fn load(text: &str, name: &str, overrides: &[Override]) -> Result<Loaded, Diagnostics> {
    load_beside(text, name, None, overrides)
}

/// The same, where files that the model names are looked for in a folder.
fn load_beside(text: &str, name: &str, base: Option<&Path>, overrides: &[Override]) -> Result<Loaded, Diagnostics> {
    let mut diagnostics = Diagnostics::new(Sources::of(name, text));
    let mut root = match tree::parse(text) {
        Ok(root) => root,
        Err(diagnostic) => {
            diagnostics.push(*diagnostic);
            return Err(diagnostics);
        }
    };
    if root.entries.is_empty() {
        let message = if text.trim().is_empty() { "the model file is empty" } else { "the model file says nothing" };
        let hint = "begin with [model] and a name, then a [client.NAME] and a [service.NAME]";
        diagnostics.push(Diagnostic::error("empty-model", message).hint(hint));
        return Err(diagnostics);
    }
    let sink = Sink::default();
    overrides::apply(&mut root, overrides, &mut diagnostics.sources, &sink);
    let model = interpret(&root, base, &sink);
    check(&model, &sink);
    diagnostics.list = sink.into_list();
    check_equations(&model, &mut diagnostics);
    diagnostics.sort();
    if diagnostics.has_errors() {
        // Warnings about half of a model would only mislead.
        diagnostics.list.retain(|d| d.severity == Severity::Error);
        return Err(diagnostics);
    }
    let sink = Sink::default();
    let variants = changed(&root, base, !overrides.is_empty(), &sink, &mut diagnostics);
    diagnostics.list.extend(sink.into_list());
    diagnostics.sort();
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    Ok(Loaded { model, sha256: sha256(text.as_bytes()), diagnostics, variants })
}

/// The variants of a document, each checked like a model of its own. One that is wrong in the file as written is a mistake
/// of the file; one that does not go with what was set is refused when it is asked for.
fn changed(
    root: &tree::Table,
    base: Option<&Path>,
    overridden: bool,
    sink: &Sink,
    diagnostics: &mut Diagnostics,
) -> Vec<Variant> {
    let mut all = Vec::new();
    for written in variants(root, sink) {
        let mut document = root.clone();
        let own = Sink::default();
        overrides::apply_changes(&mut document, &written.set, &own);
        let model = interpret(&document, base, &own);
        check(&model, &own);
        let mut found = Diagnostics::new(diagnostics.sources.clone());
        found.list = own.into_list();
        check_equations(&model, &mut found);
        let known: Vec<&String> = diagnostics.list.iter().map(|d| &d.message).collect();
        found.list.retain(|d| !known.contains(&&d.message));
        for diagnostic in &mut found.list {
            diagnostic.message = format!("variant `{}`: {}", written.name.value, diagnostic.message);
        }
        found.sort();
        let wrong = found.has_errors();
        if !overridden {
            diagnostics.list.extend(found.list.iter().cloned());
        }
        let changes = written.set.iter().map(|(path, node)| format!("{} = {}", path.value, node.shown())).collect();
        let model = if wrong { Err(found) } else { Ok(model) };
        all.push(Variant { name: written.name.value, about: written.about, changes, model });
    }
    all
}

/// Adds the mistakes inside expressions. They are looked for even when others were found before, so that all are
/// reported together; but a place is complained about once, and a name that is unknown only because its own entry was
/// wrong is no second mistake.
fn check_equations(model: &Model, diagnostics: &mut Diagnostics) {
    let Err(problems) = expand::check(model, model.meta.closure) else { return };
    let broken = diagnostics.has_errors();
    for problem in problems {
        let known = diagnostics.list.iter().any(|d| d.labels.iter().any(|l| l.span == problem.span));
        if known || (broken && problem.message.starts_with("unknown name")) {
            continue;
        }
        let diagnostic = Diagnostic::error("expression", problem.message).at(problem.span, "");
        diagnostics.push(diagnostic.maybe_hint(problem.hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::types::{Arrivals, Change, Jitter};
    use crate::process::dimension::Dimension;

    const STORM: &str = include_str!("../../models/retry-storm.toml");

    const WARM: &str = r#"
[model]
name = "warm"
load = "load"
[param]
load = "100 req/s"
fill = { value = "120 s", about = "time to warm the cache" }
[state]
warm = { start = 0.9, min = 0, max = 1, about = "share" }
db_queue = { start = "5 req", max = 300, unit = "req" }
[[transition]]
name = "miss"
rate = "load * (1 - warm)"
jump = { db_queue = 1 }
delay = "1 s"
[flow]
warm = """
(1 - warm) / fill
  - warm / fill"""
[output]
db_load = "load * (1 - warm)"
[set]
cold = 'warm < 0.2 && db_queue > 50'
[[trigger]]
name = "lost-entries"
kick = { warm = -0.5, db_queue = 5 }
at = "10 s"
[[trigger]]
name = "slow"
set = { fill = "x2", load = "+50 %" }
for = "1 min"
"#;

    fn with(text: &str, overrides: &[&str]) -> Loaded {
        let overrides: Vec<Override> = overrides.iter().map(|&o| Override::new(o)).collect();
        load(text, "test.toml", &overrides).unwrap_or_else(|d| panic!("{d}"))
    }

    fn value(loaded: &Loaded, path: &str) -> f64 {
        loaded.model.quantity(path).unwrap_or_else(|| panic!("no {path}")).value
    }

    #[test]
    fn the_shipped_model_is_read() {
        let loaded = with(STORM, &[]);
        assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics);
        let web = &loaded.model.clients[0];
        let Arrivals::Open { load } = &web.arrivals else { panic!("open loop") };
        assert_eq!((load.value, load.unit.as_str(), load.dimension), (60.0, "req/s", Dimension::REQUEST_RATE));
        assert_eq!(&STORM[load.span.clone()], "60 req/s");
        let retry = web.policy.retry.as_ref().expect("retries");
        assert_eq!((retry.attempts.value, retry.backoff.value, retry.cap.value), (4.0, 0.5, f64::INFINITY));
        assert!(retry.jitter == Jitter::Exponential && retry.on.timeout && retry.on.reject && !retry.on.error);
        assert_eq!(value(&loaded, "service.api.queue.limit"), 300.0);
        assert_eq!(value(&loaded, "service.api.error_share"), 0.0);
        assert_eq!(value(&loaded, "trigger.load-spike.for"), 1.2);
        assert_eq!(loaded.model.load_path(), Some("client.web.load"));
        assert!(STORM[loaded.model.triggers[0].span.clone()].contains("[[trigger]]"));
        assert_eq!(loaded.sha256.len(), 64);
    }

    #[test]
    fn every_path_leads_to_its_number() {
        for text in [STORM, WARM] {
            let mut loaded = with(text, &[]);
            let paths: Vec<String> = loaded.model.quantities().iter().map(|q| q.path.clone()).collect();
            for path in &paths {
                assert_eq!(&loaded.model.quantity(path).expect("found").path, path);
                assert_eq!(&loaded.model.quantity_mut(path).expect("found").path, path);
            }
            let mut sorted = paths.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), paths.len(), "two numbers share a path: {paths:?}");
        }
    }

    #[test]
    fn the_equation_layer_is_read() {
        let model = with(WARM, &[]).model;
        assert_eq!(model.params[1].value.path, "fill");
        assert_eq!(model.params[1].value.value, 120.0);
        assert_eq!(model.states[1].dimension, Dimension::REQUEST);
        assert_eq!(model.states[1].max.value, 300.0);
        assert_eq!(model.states[1].min.value, f64::NEG_INFINITY);
        for (name, text) in model.flows.iter().chain(&model.outputs).chain(&model.sets) {
            assert_eq!(&WARM[text.span.clone()], text.value, "{}", name.value);
        }
        assert_eq!(&WARM[model.transitions[0].rate.span.clone()], "load * (1 - warm)");
        assert_eq!(model.transitions[0].delay.as_ref().map(|d| d.value.as_str()), Some("1 s"));
        assert_eq!(model.triggers[0].kick[0].1.value, -0.5);
        assert_eq!(model.triggers[1].set[0].1, Change::Times(2.0));
        assert_eq!(model.triggers[1].set[1].1, Change::Percent(0.5));
        assert_eq!(model.load_path(), Some("load"));
    }

    #[test]
    fn overrides_change_what_is_written_and_what_is_not() {
        let loaded = with(
            STORM,
            &[
                "client.web.load=80 req/s",
                "client.web.load=x1.5",
                "client.web.timeout=+50 %",
                "client.web.retry.attempts=2",
                "client.web.retry.growth=2",
                "client.web.retry.cap=10 s",
                "client.web.retry.jitter=full",
                "client.web.retry.on=timeout, error",
                "service.api.variability=0.5",
                "service.api.error_share=1 %",
                "service.api.queue.limit=\"unlimited\"",
                "trigger.load-spike.for=2 s",
                "trigger.load-spike.set.client.web.load=x3",
                "model.closure=fluid",
            ],
        );
        assert_eq!(value(&loaded, "client.web.load"), 120.0);
        assert_eq!(value(&loaded, "client.web.timeout"), 1.5);
        assert_eq!(value(&loaded, "client.web.retry.attempts"), 2.0);
        assert_eq!(value(&loaded, "client.web.retry.growth"), 2.0);
        assert_eq!(value(&loaded, "client.web.retry.cap"), 10.0);
        assert_eq!(value(&loaded, "service.api.variability"), 0.5);
        assert_eq!(value(&loaded, "service.api.error_share"), 0.01);
        assert_eq!(value(&loaded, "service.api.queue.limit"), f64::INFINITY);
        assert_eq!(value(&loaded, "trigger.load-spike.for"), 2.0);
        let retry = loaded.model.clients[0].policy.retry.as_ref().expect("retries");
        assert!(retry.jitter == Jitter::Full && retry.on.error && !retry.on.reject);
        assert_eq!(loaded.model.triggers[0].set[0].1, Change::Times(3.0));
    }

    #[test]
    fn parameters_are_set_by_their_name() {
        for argument in ["fill=60 s", "param.fill=60 s", "param.fill.value=x0.5", "fill=-50 %"] {
            assert_eq!(value(&with(WARM, &[argument]), "fill"), 60.0, "{argument}");
        }
        assert_eq!(value(&with(WARM, &["state.warm.start=0.1"]), "state.warm.start"), 0.1);
    }

    #[test]
    fn presets_expand_and_can_be_overridden() {
        for name in crate::model::preset::with_part("retry") {
            let loaded = with(STORM, &[&format!("client.web.retry={name}")]);
            assert!(value(&loaded, "client.web.retry.attempts") >= 1.0, "{name}");
        }
        let loaded = with(STORM, &["client.web.retry=envoy-retry", "client.web.retry.attempts=5"]);
        assert_eq!(value(&loaded, "client.web.retry.attempts"), 5.0);
        assert_eq!(value(&loaded, "client.web.retry.backoff"), 0.025);
    }

    #[test]
    fn calls_between_services_have_paths() {
        let text = "[model]\nname = \"m\"\n[client.web]\ncalls = \"api\"\nusers = 500\nthink = \"7 s\"\n\
                    [service.api]\nservers = 10\nservice_time = \"1 ms\"\ncalls = \"db\"\n\
                    [service.db]\nservers = \"4 req\"\nservice_time = \"1 ms\"\n";
        let loaded = with(text, &["service.api.calls.db.timeout=200 ms", "service.api.calls.db.retry.attempts=3"]);
        assert_eq!(value(&loaded, "service.api.calls.db.timeout"), 0.2);
        assert_eq!(value(&loaded, "service.api.calls.db.count"), 1.0);
        assert_eq!(value(&loaded, "service.api.calls.db.retry.attempts"), 3.0);
        assert_eq!(loaded.model.load_path(), Some("client.web.users"));
    }

    #[test]
    fn warnings_come_with_the_model() {
        let text =
            STORM.replace("growth = 1", "cap = \"1 ms\"") + "[service.idle]\nservers = 1\nservice_time = \"1 s\"\n";
        let text = text + "[state]\nx = { start = 1 }\n";
        let ids: Vec<&str> = with(&text, &[]).diagnostics.list.iter().map(|d| d.id).collect();
        assert_eq!(ids, ["cap-below-backoff", "uncalled-service", "constant-state"]);
    }

    #[test]
    fn colour_changes_nothing_but_colour() {
        let wrong = load(&STORM.replace("60 req/s", "60 rqe/s"), "test.toml", &[]).expect_err("wrong unit");
        let coloured = wrong.render(true);
        assert!(coloured.contains("\u{1b}["));
        let plain: String = coloured
            .split('\u{1b}')
            .map(|p| p.split_once('m').filter(|_| p.starts_with('[')).map_or(p, |x| x.1))
            .collect();
        assert_eq!(plain, wrong.render(false));
    }

    #[test]
    fn changes_in_code_are_checked() {
        let model = with(STORM, &[]).model;
        let changed = model.with("client.web.load", &Change::Times(2.0)).expect("possible");
        assert_eq!(changed.quantity("client.web.load").map(|q| q.value), Some(120.0));
        assert_eq!(model.quantity("client.web.load").map(|q| q.value), Some(60.0));
        assert!(model.with("client.web.laod", &Change::Times(2.0)).is_err());
        assert!(model.with("service.api.servers", &Change::Times(0.0)).is_err());
        assert!(model.with("service.api.servers", &Change::Times(40.0)).is_err());
        assert!(model.with("client.web.load", &Change::Times(f64::NAN)).is_err());
        let load = model.quantity("client.web.load").expect("there").clone();
        assert!(model.with("client.web.timeout", &Change::To(load)).is_err());
    }
}
