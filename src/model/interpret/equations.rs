//! The equation layer: parameters, states, transitions, and tables of expressions.

use crate::model::diagnostic::Diagnostic;
use crate::model::name;
use crate::model::quantity::{self, compatible};
use crate::model::reader::{Reader, expression, join};
use crate::model::spec::{self, Number, Range, Want};
use crate::model::types::{Param, Quantity, State, Text, Transition};
use crate::model::unit;

pub(super) fn params(file: &Reader<'_>) -> Vec<Param> {
    let mut all = Vec::new();
    for (name, node) in file.entries("param") {
        name::check_identifier(name, "parameter", file.sink());
        let path = join("param", &name.value);
        if let Some(table) = Reader::open(node, &spec::PARAM, path, &name.span, file.sink()) {
            let mut value = table.quantity_or_nan("value");
            // In expressions, triggers and `--set` a parameter is known by its name alone.
            value.path.clone_from(&name.value);
            all.push(Param { name: name.clone(), value, about: table.words("about") });
        }
    }
    all
}

pub(super) fn states(file: &Reader<'_>) -> Vec<State> {
    let mut all = Vec::new();
    for (name, node) in file.entries("state") {
        name::check_identifier(name, "state", file.sink());
        let path = join("state", &name.value);
        if node.table().is_none() {
            let message = format!("[state] `{}` must be a table, not {}", name.value, node.kind());
            let hint = format!("write {} = {{ start = ..., min = 0, about = \"...\" }}", name.value);
            file.sink().push(Diagnostic::error("wrong-type", message).at(node.span.clone(), "").hint(hint));
            // Keep the name, so that a flow of it is not called unknown as well.
            all.push(unreadable(name));
        } else if let Some(table) = Reader::open(node, &spec::STATE, path, &name.span, file.sink()) {
            all.push(state(name, &table));
        }
    }
    all
}

fn unreadable(name: &Text) -> State {
    let quantity = || quantity::unknown(&join("state", &name.value));
    State {
        name: name.clone(),
        start: quantity(),
        min: quantity(),
        max: quantity(),
        scale: None,
        dimension: quantity().dimension,
        unit: String::new(),
        about: String::new(),
    }
}

fn state(name: &Text, table: &Reader<'_>) -> State {
    let unit = table.text("unit").and_then(|text| match unit::parse_unit(&text.value) {
        Ok((dimension, factor)) => Some((text.value, dimension, factor)),
        Err(error) => {
            let at = text.locate(&error.range);
            let message = format!("`unit`: {}", error.kind);
            let diagnostic = Diagnostic::error(error.kind.id(), message).at(at, "").maybe_hint(error.kind.hint());
            table.sink().push(diagnostic);
            None
        }
    });
    let mut start = table.quantity_or_nan("start");
    let mut min = table.quantity_or_nan("min");
    let mut max = table.quantity_or_nan("max");
    let mut scale = table.quantity("scale");
    if let Some((unit, dimension, factor)) = &unit {
        // Numbers without a unit are in the state's unit.
        for quantity in [Some(&mut start), Some(&mut min), Some(&mut max), scale.as_mut()].into_iter().flatten() {
            if quantity.dimension.is_none() && quantity.unit.is_empty() {
                quantity.value *= factor;
                quantity.dimension = *dimension;
                quantity.unit.clone_from(unit);
                quantity.factor = *factor;
            }
        }
    }
    let dimension = match &unit {
        Some((_, dimension, _)) => *dimension,
        None => [Some(&start), Some(&min), Some(&max), scale.as_ref()]
            .into_iter()
            .flatten()
            .map(|q| q.dimension)
            .find(|d| !d.is_none())
            .unwrap_or_default(),
    };
    let wrong = |quantity: &Quantity| {
        let stated = !quantity.span.is_empty() && quantity.value.is_finite();
        stated && !compatible(quantity.dimension, dimension)
    };
    for quantity in [Some(&start), Some(&min), Some(&max), scale.as_ref()].into_iter().flatten().filter(|q| wrong(q)) {
        let key = quantity.path.rsplit('.').next().unwrap_or_default();
        let found = unit::describe(quantity.dimension);
        let message =
            format!("`{key}` of state `{}` is {found}, but the state is {}", name.value, unit::describe(dimension));
        let diagnostic = Diagnostic::error("wrong-dimension", message).at(quantity.span.clone(), "");
        let hint = if quantity.dimension.is_none() && quantity.unit.is_empty() {
            quantity::with_unit(&unit::number(quantity.value, 17), dimension)
        } else {
            "give start, min, max and scale in units of the same kind".to_owned()
        };
        table.sink().push(diagnostic.hint(hint));
    }
    for quantity in [Some(&mut start), Some(&mut min), Some(&mut max), scale.as_mut()].into_iter().flatten() {
        quantity.dimension = dimension;
    }
    check_bounds(name, &start, &min, &max, table);
    if let Some(scale) = &scale
        && scale.value <= 0.0
    {
        let message = format!("`scale` must be more than zero, but is {}", unit::number(scale.value, 6));
        table.sink().push(Diagnostic::error("out-of-range", message).at(scale.span.clone(), ""));
    }
    let unit = unit.map(|u| u.0).unwrap_or_else(|| start.unit.clone());
    State { name: name.clone(), start, min, max, scale, dimension, unit, about: table.words("about") }
}

fn check_bounds(name: &Text, start: &Quantity, min: &Quantity, max: &Quantity, table: &Reader<'_>) {
    let shown = |q: &Quantity| unit::in_unit(q.value, &q.unit, q.factor);
    let place = |q: &Quantity| if q.span.is_empty() { name.span.clone() } else { q.span.clone() };
    if min.value >= max.value {
        let message = format!("`min` of state `{}` is not below its `max`", name.value);
        let diagnostic = Diagnostic::error("empty-range", message);
        table.sink().push(diagnostic.at(place(min), "").also(place(max), ""));
    } else if start.value < min.value || start.value > max.value {
        let (bound, side) = if start.value < min.value { (min, "below `min`") } else { (max, "above `max`") };
        let message = format!("state `{}` starts at {}, {side} = {}", name.value, shown(start), shown(bound));
        let diagnostic = Diagnostic::error("start-out-of-bounds", message).at(place(start), "");
        table.sink().push(diagnostic.also(place(bound), ""));
    }
}

pub(super) fn transitions(file: &Reader<'_>) -> Vec<Transition> {
    let mut all: Vec<Transition> = Vec::new();
    for (index, node) in file.list("transition").iter().enumerate() {
        let path = join("transition", &label(node, index));
        let Some(table) = Reader::open(node, &spec::TRANSITION, path, &header(node), file.sink()) else { continue };
        let name = table.name("name");
        name::check_label(&name, "transition", file.sink());
        let rule = Number { want: Want::Any, range: Range::Any, unlimited: false, whole: false };
        let mut jump = Vec::new();
        for (state, node) in table.entries("jump") {
            let path = join(&table.path_of("jump"), &state.value);
            if let Some(quantity) = quantity::read(node, &rule, &path, file.sink()) {
                jump.push((state.clone(), quantity));
            }
        }
        if table.node("jump").is_some_and(|n| n.table().is_some_and(|t| t.entries.is_empty())) {
            let message = format!("transition `{}` changes no state", name.value);
            let hint = "write jump = { STATE = 1 }";
            file.sink().push(Diagnostic::error("no-jump", message).at(table.key_span("jump"), "").hint(hint));
        }
        let rate = table.expression("rate").unwrap_or(Text { value: String::new(), span: 0..0 });
        all.push(Transition { name, rate, jump, delay: table.expression("delay") });
    }
    all
}

/// `[flow]`, `[output]` and `[set]`.
pub(super) fn expressions(file: &Reader<'_>, key: &str) -> Vec<(Text, Text)> {
    let what = if key == "flow" { "state" } else { key };
    let mut all = Vec::new();
    for (name, node) in file.entries(key) {
        name::check_identifier(name, what, file.sink());
        if let Some(text) = expression(node, &join(key, &name.value), file.sink()) {
            all.push((name.clone(), text));
        }
    }
    all
}

/// The name of an entry of a `[[list]]` in paths: its own, or its number.
pub(super) fn label(node: &crate::model::tree::Node, index: usize) -> String {
    use crate::model::tree::Value;
    match node.table().and_then(|t| t.get("name")).map(|n| &n.value) {
        Some(Value::Text(text)) if !text.value.is_empty() => text.value.clone(),
        _ => (index + 1).to_string(),
    }
}

/// The place of the `[[header]]` of an entry.
pub(super) fn header(node: &crate::model::tree::Node) -> crate::model::types::Span {
    node.span.clone()
}
