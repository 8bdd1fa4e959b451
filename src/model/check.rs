//! What several parts of a model must agree on: references, cycles, limits, names.

use super::diagnostic::Diagnostic;
use super::interpret::{unknown_path, unknown_state};
use super::name::RESERVED;
use super::quantity::compatible;
use super::reader::Sink;
use super::render::quoted;
use super::types::{GivesUp, Model, Text};
use super::unit;
use crate::process::dimension::Dimension;
use crate::process::suggest;
use std::collections::{BTreeMap, BTreeSet};

/// Checks a model that has been read.
pub(crate) fn check(model: &Model, sink: &Sink) {
    calls(model, sink);
    cycles(model, sink);
    limits(model, sink);
    deadlines(model, sink);
    names(model, sink);
    states(model, sink);
    if let Some(path) = &model.meta.load
        && model.quantity(&path.value).is_none()
    {
        sink.push(unknown_path(path, model));
    }
}

fn calls(model: &Model, sink: &Sink) {
    let services: BTreeSet<&str> = model.services.iter().map(|s| s.name.value.as_str()).collect();
    let from_services = model.services.iter().flat_map(|s| s.calls.iter().map(|c| &c.target));
    let around = model.caches.iter().map(|c| &c.of).chain(model.autoscalers.iter().map(|a| &a.of));
    let around = around.chain(model.balancers.iter().map(|b| &b.of));
    let targets: Vec<&Text> = model.clients.iter().map(|c| &c.calls).chain(from_services).chain(around).collect();
    for target in targets.iter().filter(|t| !t.value.is_empty() && !services.contains(t.value.as_str())) {
        let message = format!("there is no service {}", quoted(&target.value));
        let hint = suggest::did_you_mean(&target.value, services.iter().copied()).unwrap_or_else(|| {
            if services.is_empty() {
                "add it with [service.NAME], `servers` and `service_time`".to_owned()
            } else {
                format!("services: {}", services.iter().take(12).copied().collect::<Vec<_>>().join(", "))
            }
        });
        sink.push(Diagnostic::error("unknown-service", message).at(target.span.clone(), "").hint(hint));
    }
    let called: BTreeSet<&str> = targets.iter().map(|t| t.value.as_str()).collect();
    for service in &model.services {
        let name = &service.name;
        if !called.contains(name.value.as_str()) {
            let message = format!("nobody calls service `{}`", name.value);
            let hint = format!("add calls = \"{}\" to a client or a service, or remove the service", name.value);
            sink.push(Diagnostic::warning("uncalled-service", message).at(name.span.clone(), "").hint(hint));
        }
    }
}

/// Reports each cycle of calls once, at the call that closes it.
fn cycles(model: &Model, sink: &Sink) {
    let index: BTreeMap<&str, usize> =
        model.services.iter().enumerate().map(|(i, s)| (s.name.value.as_str(), i)).collect();
    let mut done = vec![false; model.services.len()];
    let mut open = vec![false; model.services.len()];
    for start in 0..model.services.len() {
        // Depth first without recursion: the path of services, and the next call of each to follow.
        let mut path: Vec<(usize, usize)> = if done[start] { Vec::new() } else { vec![(start, 0)] };
        open[start] = !done[start];
        while let Some(&(service, next)) = path.last() {
            let Some(call) = model.services[service].calls.get(next) else {
                done[service] = true;
                open[service] = false;
                path.pop();
                continue;
            };
            if let Some(top) = path.last_mut() {
                top.1 += 1;
            }
            let Some(&target) = index.get(call.target.value.as_str()) else { continue };
            if open[target]
                && let Some(first) = path.iter().position(|p| p.0 == target)
            {
                sink.push(cycle(model, &path[first..], target));
            } else if !done[target] {
                open[target] = true;
                path.push((target, 0));
            }
        }
    }
}

fn cycle(model: &Model, path: &[(usize, usize)], target: usize) -> Diagnostic {
    let name = |service: usize| model.services[service].name.value.as_str();
    let mut shown: Vec<&str> = path.iter().map(|p| name(p.0)).collect();
    shown.push(name(target));
    let mut diagnostic =
        Diagnostic::error("cyclic-calls", format!("services call each other in a circle: {}", shown.join(" -> ")));
    for (position, &(service, next)) in path.iter().enumerate().rev() {
        let Some(call) = model.services[service].calls.get(next - 1) else { continue };
        let text = format!("`{}` calls `{}`", name(service), call.target.value);
        let span = call.target.span.clone();
        diagnostic = if position + 1 == path.len() { diagnostic.at(span, text) } else { diagnostic.also(span, text) };
    }
    diagnostic.hint("a request that comes back to a service it came from is not supported: remove one of the calls")
}

fn limits(model: &Model, sink: &Sink) {
    for service in &model.services {
        let (limit, servers) = (&service.queue.limit, &service.servers);
        if limit.value < servers.value {
            let shown = |q: &super::types::Quantity| unit::in_unit(q.value, &q.unit, q.factor);
            let message = format!(
                "the queue limit of service `{}` is {}, below its {} servers",
                service.name.value,
                shown(limit),
                shown(servers)
            );
            let diagnostic = Diagnostic::error("limit-below-servers", message)
                .at(limit.span.clone(), "counts waiting and in service")
                .also(servers.span.clone(), "")
                .hint(format!("write {} for no waiting room at all, or more", shown(servers)));
            sink.push(diagnostic);
        }
    }
}

/// A deadline that travels must exist, and be one that is kept.
fn deadlines(model: &Model, sink: &Sink) {
    let clients = model.clients.iter().map(|c| (&c.policy, true));
    let calls = model.services.iter().flat_map(|s| &s.calls).map(|c| (&c.policy, false));
    for (policy, begins) in clients.chain(calls).filter(|(policy, _)| policy.propagate.value) {
        let place = policy.propagate.span.clone();
        if begins && policy.timeout.is_none() && policy.deadline.is_none() {
            let message = "`propagate` of a client that waits for ever: no deadline travels with its requests";
            let hint = "give it deadline = \"2 s\", or a timeout";
            sink.push(Diagnostic::error("missing-key", message).at(place.clone(), "").hint(hint));
        }
        if policy.gives_up.value == GivesUp::AtAnswer {
            let message = "`propagate` needs a caller that stops waiting at its timeout, not at the answer";
            let diagnostic = Diagnostic::error("out-of-range", message).at(place, "");
            sink.push(diagnostic.also(policy.gives_up.span.clone(), "").hint("write gives_up = \"at-timeout\""));
        }
    }
}

/// Names that share the expressions must differ from each other and from its words; triggers must differ among
/// themselves, and so must transitions.
fn names(model: &Model, sink: &Sink) {
    let params = model.params.iter().map(|p| (&p.name, "parameter"));
    let states = model.states.iter().map(|s| (&s.name, "state"));
    let outputs = model.outputs.iter().map(|o| (&o.0, "output"));
    let sets = model.sets.iter().map(|s| (&s.0, "set"));
    let all: Vec<(&Text, &str)> = params.chain(states).chain(outputs).chain(sets).collect();
    for (name, what) in &all {
        if RESERVED.contains(&name.value.as_str()) {
            let message = format!("`{}` is a word of the expression language and cannot name a {what}", name.value);
            let hint = format!("write `{}_`, or another name", name.value);
            sink.push(Diagnostic::error("reserved-name", message).at(name.span.clone(), "").hint(hint));
        }
    }
    duplicates(all, sink);
    duplicates(model.triggers.iter().map(|t| (&t.name, "trigger")), sink);
    duplicates(model.transitions.iter().map(|t| (&t.name, "transition")), sink);
}

fn duplicates<'a>(names: impl IntoIterator<Item = (&'a Text, &'a str)>, sink: &Sink) {
    let mut seen: BTreeMap<&str, (&Text, &str)> = BTreeMap::new();
    for (name, what) in names.into_iter().filter(|n| !n.0.value.is_empty()) {
        let Some((first, other)) = seen.get(name.value.as_str()) else {
            seen.insert(&name.value, (name, what));
            continue;
        };
        let message = if *other == what {
            format!("two {what}s are called `{}`", name.value)
        } else {
            format!("`{}` names both a {other} and a {what}", name.value)
        };
        let diagnostic = Diagnostic::error("duplicate-name", message)
            .at(name.span.clone(), "")
            .also(first.span.clone(), "first used here")
            .hint("rename one of them");
        sink.push(diagnostic);
    }
}

fn states(model: &Model, sink: &Sink) {
    let names: Vec<&str> = model.states.iter().map(|s| s.name.value.as_str()).collect();
    let all: BTreeSet<&str> = names.iter().copied().collect();
    let known = |name: &Text| all.contains(name.value.as_str());
    for (name, _) in model.flows.iter().filter(|f| !known(&f.0)) {
        sink.push(unknown_state(name, &names, "flow"));
    }
    let jumps = || model.transitions.iter().flat_map(|t| t.jump.iter());
    // States of the system layer (`api.queue`) are known only once it is expanded.
    for (name, _) in jumps().filter(|j| !known(&j.0) && !j.0.value.contains('.')) {
        sink.push(unknown_state(name, &names, "jump"));
    }
    let dimensions: BTreeMap<&str, Dimension> =
        model.states.iter().map(|s| (s.name.value.as_str(), s.dimension)).collect();
    for (name, jump) in jumps() {
        let Some(&dimension) = dimensions.get(name.value.as_str()) else { continue };
        if !compatible(jump.dimension, dimension) {
            let (wanted, found) = (unit::describe(dimension), unit::describe(jump.dimension));
            let message = format!("a jump of state `{}` must be {wanted}, but this is {found}", name.value);
            let hint = "a state counts in the unit of its `start`, or of its `unit`";
            sink.push(Diagnostic::error("wrong-dimension", message).at(jump.span.clone(), "").hint(hint));
        }
    }
    let changed = model.flows.iter().map(|f| &f.0).chain(jumps().map(|j| &j.0));
    let moved: BTreeSet<&str> = changed.map(|n| n.value.as_str()).collect();
    for state in &model.states {
        let name = &state.name;
        if !moved.contains(name.value.as_str()) {
            let message = format!("state `{}` never changes", name.value);
            let hint = "give it a line in [flow] or a jump in a [[transition]], or make it a [param]";
            sink.push(Diagnostic::warning("constant-state", message).at(name.span.clone(), "").hint(hint));
        }
    }
}
