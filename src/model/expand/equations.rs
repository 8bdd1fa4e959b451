//! The equation layer: states, transitions, flows, outputs and sets written by hand.

use super::{Builder, Problem};
use crate::model::types::Text;
use crate::process::dimension::Dimension;
use crate::process::expr::{self, Expr, ExprError};
use crate::process::field::StateInfo;
use crate::process::graph::Node;
use crate::process::lower::{Type, lower, names_in};
use crate::process::population::{Output, State};
use crate::process::suggest;

impl Builder<'_> {
    /// Lowers the whole equation layer.
    pub(super) fn equation_layer(&mut self) {
        let model = self.model;
        for state in &model.states {
            let scale = state.scale.as_ref().map_or_else(|| default_scale(state), |s| s.value);
            let (_, node) = self.process.state(State {
                info: StateInfo {
                    name: state.name.value.clone(),
                    start: state.start.value,
                    lower: state.min.value,
                    upper: state.max.value,
                    scale,
                },
                unit: state.unit.clone(),
                about: state.about.clone(),
            });
            self.scope.define(state.name.value.clone(), node, Type::Quantity(state.dimension));
        }
        let time = self.process.graph.time();
        self.scope.define("t", time, Type::Quantity(Dimension::TIME));
        self.definitions();
        for transition in &model.transitions {
            let Some((rate, kind)) = self.lower(&transition.rate) else { continue };
            let events = kind.fits(Dimension::RATE) || kind.fits(Dimension::REQUEST_RATE);
            if !events {
                let message = format!("a rate must be events or requests per time, this is {}", kind.words());
                self.problem(&transition.rate.span, message, "divide by a time, or multiply with a rate");
            }
            let delay = transition.delay.as_ref().and_then(|d| self.delay(d));
            let mut jumps = Vec::new();
            for (state, size) in &transition.jump {
                jumps.extend(self.state_named(state).map(|index| (index, size.value)));
            }
            self.process.transition(transition.name.value.clone(), rate, jumps, delay);
        }
        for (state, text) in &model.flows {
            let Some((node, kind)) = self.lower(text) else { continue };
            let Some(index) = self.state_named(state) else { continue };
            let declared = self.scope.get(&state.value).and_then(|v| v.1.dimension()).unwrap_or_default();
            let wanted = declared / Dimension::TIME;
            if !kind.fits(wanted) {
                let message = format!("the flow of `{}` must be `{wanted}`, this is {}", state.value, kind.words());
                let hint = match kind {
                    Type::Quantity(d) if (d * Dimension::TIME).is_count() => {
                        format!(
                            "give the state a unit: {} = {{ unit = \"{}\", ... }}",
                            state.value,
                            d * Dimension::TIME
                        )
                    }
                    _ => "check the units of the parameters in it".to_owned(),
                };
                self.problem(&text.span, message, hint);
            }
            self.process.flows.push((index, node));
        }
        for (name, text) in &model.sets {
            let Some((node, kind)) = self.lower(text) else { continue };
            if kind != Type::Condition {
                self.problem(&text.span, "a set needs a condition", "for example `queue > 100`");
            }
            self.process.sets.push((name.value.clone(), node));
        }
        for trigger in &model.triggers {
            for (state, _) in &trigger.kick {
                self.state_named(state);
            }
        }
        if let Some(text) = &model.meta.goodput
            && let Some((node, kind)) = self.lower(text)
        {
            self.output("goodput", node, kind, "req/s", "useful output");
            self.load_and_yield(node);
        }
    }

    /// Index of a state, or a problem.
    fn state_named(&mut self, name: &Text) -> Option<usize> {
        let index = self.process.state_index(&name.value);
        if index.is_none() {
            let names = self.process.states.iter().map(|s| s.info.name.as_str());
            let hint = suggest::did_you_mean(&name.value, names).unwrap_or_else(|| {
                "states are those of [state], NAME.queue of every service, and back-offs".to_owned()
            });
            self.problem(&name.span, format!("unknown state `{}`", name.value), hint);
        }
        index
    }

    /// Outputs `load` and `yield` of a model that names its load and its goodput.
    fn load_and_yield(&mut self, goodput: Node) {
        let Some((load, kind)) = self.model.load_path().and_then(|path| self.scope.get(path)) else { return };
        if self.process.output_index("load").is_none() {
            self.process.outputs.push(Output {
                name: "load".to_owned(),
                node: load,
                unit: kind.dimension().map_or(String::new(), |d| d.to_string()),
                about: "requests, first attempts only".to_owned(),
            });
        }
        if self.process.output_index("yield").is_none() {
            let node = self.div(goodput, load);
            let about = "goodput / load".to_owned();
            self.process.outputs.push(Output { name: "yield".to_owned(), node, unit: String::new(), about });
        }
    }

    /// Lowers `[output]` entries, which may use each other in any order.
    fn definitions(&mut self) {
        let mut left: Vec<(&Text, &Text, Expr)> = Vec::new();
        let model = self.model;
        for (name, text) in &model.outputs {
            match expr::parse(&text.value) {
                Ok(tree) => left.push((name, text, tree)),
                Err(error) => self.problems.push(shift(error, text)),
            }
        }
        while !left.is_empty() {
            let waits_for = |tree: &Expr, left: &[(&Text, &Text, Expr)]| {
                let mut names = Vec::new();
                names_in(tree, &mut names);
                names.into_iter().find(|(n, _)| left.iter().any(|l| l.0.value == *n))
            };
            let Some(next) = (0..left.len()).find(|&i| waits_for(&left[i].2, &left).is_none()) else {
                let (name, text, tree) = &left[0];
                let other = waits_for(tree, &left).map_or(String::new(), |w| w.0);
                let message = format!("output `{}` depends on itself, through `{other}`", name.value);
                self.problem(&text.span.clone(), message, "make one of them a state, or write the equation out");
                return;
            };
            let (name, text, tree) = left.remove(next);
            match lower(&tree, &self.scope, &mut self.process.graph) {
                Ok((node, kind)) => {
                    if kind == Type::Condition {
                        let hint = "write `if(condition, 1, 0)`, or put it under [set]";
                        self.problem(&text.span, "an output needs a number, this is a condition", hint);
                    }
                    let unit = kind.dimension().filter(|d| !d.is_none()).map_or(String::new(), |d| d.to_string());
                    self.output(name.value.clone(), node, kind, &unit, "");
                    self.process.definitions.push((name.value.clone(), node));
                }
                Err(errors) => {
                    self.problems.extend(errors.into_iter().map(|e| shift(e, text)));
                    // Keep going: later mistakes are reported too, without complaints about this name.
                    let zero = self.process.graph.constant(0.0);
                    self.scope.define(name.value.clone(), zero, Type::Zero);
                }
            }
        }
    }

    fn lower(&mut self, text: &Text) -> Option<(Node, Type)> {
        let tree = match expr::parse(&text.value) {
            Ok(tree) => tree,
            Err(error) => {
                self.problems.push(shift(error, text));
                return None;
            }
        };
        match lower(&tree, &self.scope, &mut self.process.graph) {
            Ok(value) => Some(value),
            Err(errors) => {
                self.problems.extend(errors.into_iter().map(|e| shift(e, text)));
                None
            }
        }
    }

    /// The delay of a transition: an expression of parameters, a time.
    fn delay(&mut self, text: &Text) -> Option<Node> {
        let (node, kind) = self.lower(text)?;
        if !kind.fits(Dimension::TIME) {
            self.problem(&text.span, "a delay must be a time", "write it with a unit, for example \"1 s\"");
            return None;
        }
        if !self.process.graph.is_constant_in_time(node) {
            self.problem(&text.span, "a delay must not change with time", "use parameters and numbers only");
            return None;
        }
        match self.process.graph.value(node) {
            Some(v) if v < 0.0 => {
                self.problem(&text.span, "a delay must not be negative", "turn the sign round");
                None
            }
            Some(0.0) => None,
            _ => Some(node),
        }
    }
}

/// Typical size of a state that names none: its range if that is finite, else its start, else one.
fn default_scale(state: &crate::model::types::State) -> f64 {
    let range = state.max.value - state.min.value;
    if range.is_finite() && range > 0.0 {
        range / 2.0
    } else if state.start.value != 0.0 {
        state.start.value.abs()
    } else {
        1.0
    }
}

/// Moves an error from offsets in the expression to offsets in the file.
fn shift(error: ExprError, text: &Text) -> Problem {
    ExprError { span: text.locate(&error.span), ..error }
}
