//! From a checked model to a population process: the system layer becomes stations (`station`) and streams of attempts
//! (`stream`), the equation layer is lowered as written (`equations`). Both end in one [`Process`].

mod autoscaler;
mod balancer;
mod cache;
mod capacity;
mod closure;
mod equations;
mod error_path;
mod patience;
mod replicas;
mod station;
mod stream;
mod unsupported;

pub use closure::available;

use super::types::{Closure, Model, Quantity, Span};
use crate::process::expr::ExprError;
use crate::process::graph::Node;
use crate::process::lower::{Scope, Type};
use crate::process::population::{Output, Parameter, Process};
use std::collections::BTreeMap;

/// A mistake found while the equations were built, with its place in the model file.
pub type Problem = ExprError;

/// Builds the population process of a model, under the closure asked for or the one that is [`available`].
///
/// # Errors
/// All mistakes in expressions, with byte ranges in the model file.
/// Also what is right but has no equations yet, which only the referee can follow.
pub fn process(model: &Model, closure: Closure) -> Result<Process, Vec<Problem>> {
    let mut builder = Builder::of(model, closure);
    builder.unsupported_features();
    builder.build();
    builder.problems.append(&mut builder.unsupported);
    if builder.problems.is_empty() { Ok(builder.process) } else { Err(builder.problems) }
}

/// Looks for mistakes; what has no equations yet is none.
///
/// # Errors
/// All mistakes in expressions, with byte ranges in the model file.
pub fn check(model: &Model, closure: Closure) -> Result<(), Vec<Problem>> {
    let mut builder = Builder::of(model, closure);
    builder.build();
    if builder.problems.is_empty() { Ok(()) } else { Err(builder.problems) }
}

struct Builder<'a> {
    model: &'a Model,
    closure: Closure,
    process: Process,
    scope: Scope,
    stations: BTreeMap<String, station::Station>,
    fronts: BTreeMap<String, cache::Front>,
    scalers: BTreeMap<String, autoscaler::Scaler>,
    spreads: BTreeMap<String, balancer::Spread>,
    /// States of error paths, by service.
    failing: BTreeMap<String, usize>,
    refusing: BTreeMap<String, usize>,
    /// Time left to calls that pass a deadline on, by the path of their policy.
    lefts: BTreeMap<String, usize>,
    /// What holds nested calls back, by stream.
    nested: BTreeMap<String, stream::Nested>,
    /// What such deadlines let through, by stream.
    passed: BTreeMap<String, station::Passed>,
    /// What reaches each service.
    inflows: BTreeMap<String, Vec<capacity::Inflow>>,
    problems: Vec<Problem>,
    /// What is no mistake but has no equations yet.
    unsupported: Vec<Problem>,
}

impl<'a> Builder<'a> {
    fn of(model: &'a Model, closure: Closure) -> Self {
        Self {
            model,
            closure: available(model, closure).0,
            process: Process::default(),
            scope: Scope::default(),
            stations: BTreeMap::new(),
            fronts: BTreeMap::new(),
            scalers: BTreeMap::new(),
            spreads: BTreeMap::new(),
            failing: BTreeMap::new(),
            refusing: BTreeMap::new(),
            lefts: BTreeMap::new(),
            nested: BTreeMap::new(),
            passed: BTreeMap::new(),
            inflows: BTreeMap::new(),
            problems: Vec::new(),
            unsupported: Vec::new(),
        }
    }

    fn build(&mut self) {
        self.parameters();
        self.system();
        self.equation_layer();
    }
}

impl Builder<'_> {
    fn problem(&mut self, span: &Span, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.push(Problem::new(span.clone(), message).hint(hint));
    }

    /// Something that has no equations yet.
    fn without_equations(&mut self, span: &Span, message: impl Into<String>, hint: impl Into<String>) {
        self.unsupported.push(Problem::new(span.clone(), message).hint(hint));
    }

    /// Registers every finite number of the model that is not structural, so that expressions, `--vary` and triggers can
    /// name it.
    fn parameters(&mut self) {
        let mut all: Vec<Quantity> = Vec::new();
        for client in &self.model.clients {
            match &client.arrivals {
                super::types::Arrivals::Open { load } => all.push(load.clone()),
                super::types::Arrivals::Closed { users, think } => all.extend([users.clone(), think.clone()]),
            }
            policy_numbers(&client.policy, &mut all);
            all.extend(Some(&client.network).filter(|q| q.value > 0.0).cloned());
        }
        for service in &self.model.services {
            let numbers = [&service.servers, &service.service_time, &service.variability, &service.error_share];
            all.extend(numbers.into_iter().cloned());
            all.push(service.queue.limit.clone());
            if let Some(codel) = &service.queue.codel {
                all.extend([codel.target.clone(), codel.interval.clone()]);
            }
            if let Some(shed) = &service.admission.shed {
                all.extend([Some(shed.share.clone()), shed.inside.clone(), shed.wait.clone()].into_iter().flatten());
            }
            if let Some(limit) = &service.admission.rate_limit {
                all.extend([limit.rate.clone(), limit.burst.clone()]);
            }
            if let Some(law) = &service.admission.concurrency {
                all.extend(law.numbers().into_iter().cloned());
            }
            all.extend(Some(&service.queue.pickup).filter(|q| q.value > 0.0).cloned());
            let slowing = [&service.slowdown, &service.contention, &service.coherence];
            all.extend(slowing.into_iter().filter(|q| q.value > 0.0).cloned());
            all.extend([service.error_time.clone(), service.reject_time.clone()]);
            for call in &service.calls {
                all.push(call.count.clone());
                policy_numbers(&call.policy, &mut all);
            }
        }
        for cache in &self.model.caches {
            let numbers =
                [&cache.entries, &cache.ttl, &cache.stale, &cache.hit_time, &cache.invalidate, &cache.fetch_limit];
            all.extend(numbers.into_iter().cloned());
        }
        for a in &self.model.autoscalers {
            let numbers = [&a.node, &a.target, &a.window, &a.sync, &a.tolerance, &a.start_up, &a.start_up_cost];
            all.extend(numbers.into_iter().chain([&a.min, &a.max, &a.step, &a.cool_down, &a.killed_after]).cloned());
        }
        for b in &self.model.balancers {
            let numbers = [&b.replicas, &b.choices, &b.failures, &b.eject_for, &b.most_ejected, &b.panic, &b.broken];
            all.extend(numbers.into_iter().cloned());
            all.extend(b.check.iter().flat_map(|c| c.quantities()).cloned());
        }
        all.extend(self.model.params.iter().map(|p| p.value.clone()));
        for quantity in &all {
            if quantity.value.is_finite() {
                self.number(quantity);
            }
        }
    }

    /// The node of a number of the model file.
    fn number(&mut self, q: &Quantity) -> Node {
        let node = self.process.parameter(Parameter {
            path: q.path.clone(),
            value: q.value,
            dimension: q.dimension,
            unit: q.unit.clone(),
            factor: q.factor,
        });
        self.scope.define(q.path.clone(), node, Type::Quantity(q.dimension));
        node
    }

    fn c(&mut self, value: f64) -> Node {
        self.process.graph.constant(value)
    }
    fn add(&mut self, x: Node, y: Node) -> Node {
        self.process.graph.add(x, y)
    }
    fn sub(&mut self, x: Node, y: Node) -> Node {
        self.process.graph.sub(x, y)
    }
    fn mul(&mut self, x: Node, y: Node) -> Node {
        self.process.graph.mul(x, y)
    }
    fn div(&mut self, x: Node, y: Node) -> Node {
        self.process.graph.div(x, y)
    }
    /// `1 - x`
    fn not(&mut self, x: Node) -> Node {
        self.process.graph.complement(x)
    }

    /// Names an intermediate quantity: for printing, and for use in expressions.
    fn name(&mut self, name: impl Into<String>, node: Node, kind: Type) {
        let name = name.into();
        self.process.definitions.push((name.clone(), node));
        self.scope.define(name, node, kind);
    }

    /// Adds an output that expressions can use as well.
    fn output(&mut self, name: impl Into<String>, node: Node, kind: Type, unit: &str, about: &str) {
        let name = name.into();
        self.process.outputs.push(Output { name: name.clone(), node, unit: unit.to_owned(), about: about.to_owned() });
        self.scope.define(name, node, kind);
    }
}

/// Numbers of a call policy that are not structural.
fn policy_numbers(policy: &super::types::CallPolicy, out: &mut Vec<Quantity>) {
    out.extend(policy.timeout.clone());
    out.extend(policy.guards().into_iter().cloned());
    if policy.processes.value != 1.0 {
        out.push(policy.processes.clone());
    }
    if let Some(retry) = &policy.retry {
        out.extend([retry.backoff.clone(), retry.growth.clone(), retry.cap.clone()]);
        out.extend(retry.budget.iter().flat_map(|b| b.quantities()).cloned());
        out.extend(Some(&retry.probability).filter(|p| p.value != 1.0).cloned());
    }
}
