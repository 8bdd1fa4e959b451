//! An autoscaler: R nodes serve, P are starting, and both follow a signal u with target u*.
//!
//! ```text
//! s' = (u - s)/window                                   the signal as it is known
//! x  = s/u* - 1,  y = x (ε + x²/(x² + tolerance²))      deviations within the tolerance hardly count
//! D  = N (1 + y), at least `min`, at most `max` and (R + P) step      N = R, or R + P if `counts = "all"`
//! P' = σ - P_3 a · 3/start_up,   σ = (D - R - P)⁺/sync                three stages P_1, P_2, P_3 of start_up/3
//! R' = P_3 a · 3/start_up - (1 - g) (R - min)/killed_after
//!                                                       g = share of good answers; a = 1, or g
//! and of all nodes, starting or not, (R + P - D)⁺/cool_down are taken away
//! slots c = node · R - start_up_cost · P
//! ```
//!
//! D = N s/u* is the rule of the Kubernetes horizontal pod autoscaler (sync 15 s, tolerance 0.1, scale-down window 5 min
//! by default). Signals: utilisation E min(n, c)/c, requests waiting or inside per node, attempts or timely answers per
//! second and node. A utilisation cannot exceed 1: one decision multiplies the nodes by 1/u* at most, however large the
//! queue. A signal of answers is blind to what is not answered: with goodput down, nodes are taken away.
//!
//! With `start_up_needs = "answer"` a node is ready only once the service itself has answered it: while nothing is answered
//! in time none gets ready, and those that wait go on taking their slots. That state sustains itself.
//!
//! Two regularisations keep equilibria isolated, of which a dead band has a continuum: ε = [`INSIDE`] lets R drift inside
//! the tolerance, 50 times slower than outside; corners of (..)⁺ are rounded off over [`CORNER`] of a node.

use super::Builder;
use crate::model::types::{Autoscaler, Counts, Needs, Service, Signal};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::{Binary, Node};
use crate::process::lower::Type;
use crate::process::population::State;

/// Weight of deviations inside the tolerance.
const INSIDE: f64 = 0.02;
/// Nodes over which corners are rounded off.
const CORNER: f64 = 0.002;
/// Stages of a start.
const STAGES: usize = 3;

/// States of one autoscaler.
#[derive(Debug, Clone)]
pub(super) struct Scaler {
    ready: usize,
    starting: Vec<usize>,
    signal: usize,
}

impl Builder<'_> {
    /// Creates the states of an autoscaler; returns the slots.
    pub(super) fn scaled_slots(&mut self, service: &Service, scaler: &Autoscaler) -> Node {
        let name = &scaler.name.value;
        let nodes = service.servers.value / scaler.node.value;
        let most = if scaler.max.value.is_finite() { scaler.max.value * 1.01 + 1.0 } else { 1e9 };
        let state = |b: &mut Self, suffix: &str, (start, upper, scale): (f64, f64, f64), unit: &str, about: &str| {
            let info = StateInfo { name: format!("{name}.{suffix}"), start, lower: 0.0, upper, scale };
            b.process.state(State { info, unit: unit.to_owned(), about: about.to_owned() })
        };
        let (ready, r) = state(self, "nodes", (nodes, most.max(nodes), nodes.max(1.0)), "", "nodes that serve");
        let mut starting = Vec::new();
        let mut waiting = Vec::new();
        if scaler.start_up.value > 0.0 {
            for stage in 1..=STAGES {
                let about = "nodes that are starting";
                let (index, p) = state(self, &format!("starting_{stage}"), (0.0, most, nodes.max(1.0)), "", about);
                starting.push(index);
                waiting.push(p);
            }
        }
        let target = scaler.target.value;
        let about = "the signal as the autoscaler knows it";
        let (signal, _) = state(self, "signal", (target, f64::MAX, target), "", about);
        let plain = Type::Quantity(Dimension::NONE);
        self.output(format!("{name}.ready"), r, plain, "", "nodes that serve");
        let node = self.number(&scaler.node);
        let mut slots = self.mul(node, r);
        if !waiting.is_empty() {
            let pending = self.process.graph.sum(&waiting);
            self.output(format!("{name}.pending"), pending, plain, "", "nodes that are starting");
            if scaler.start_up_cost.value > 0.0 {
                let cost = self.number(&scaler.start_up_cost);
                let taken = self.mul(cost, pending);
                slots = self.sub(slots, taken);
            }
        }
        self.scalers.insert(name.clone(), Scaler { ready, starting, signal });
        slots
    }

    /// Flows of all autoscalers, once all streams are known.
    pub(super) fn scaler_balances(&mut self) {
        let model = self.model;
        for scaler in &model.autoscalers {
            let service = model.services.iter().find(|s| s.name.value == scaler.of.value);
            if let (Some(states), Some(service)) = (self.scalers.get(&scaler.name.value).cloned(), service) {
                self.scaler_balance(scaler, &states, service);
            }
        }
    }

    fn scaler_balance(&mut self, scaler: &Autoscaler, states: &Scaler, service: &Service) {
        let Some(signal) = self.signal(scaler, states, service) else { return };
        let known = self.process.graph.state(states.signal);
        let window = self.number(&scaler.window);
        let change = self.sub(signal, known);
        let flow = self.div(change, window);
        self.process.flows.push((states.signal, flow));
        let ready = self.process.graph.state(states.ready);
        let starting: Vec<Node> = states.starting.iter().map(|&i| self.process.graph.state(i)).collect();
        let pending = self.process.graph.sum(&starting);
        let all = self.add(ready, pending);
        let desired = self.desired(scaler, known, ready, all);
        let missing = self.sub(desired, all);
        let surplus = self.process.graph.neg(missing);
        let missing = self.ramp(missing, CORNER);
        let surplus = self.ramp(surplus, CORNER);
        let cool_down = self.number(&scaler.cool_down);
        let removed = self.div(surplus, cool_down);
        let least = self.c(1e-3);
        let some = self.add(all, least);
        let removed = self.div(removed, some);
        let sync = self.number(&scaler.sync);
        let mut inflow = self.div(missing, sync);
        if !starting.is_empty() {
            let needs = scaler.start_up_needs.value == Needs::Answer;
            let wrong = if needs { self.wrong_answers(service) } else { None };
            let time = self.number(&scaler.start_up);
            let stages = self.c(STAGES as f64);
            let stage = self.div(time, stages);
            for (&index, &node) in states.starting.iter().zip(&starting) {
                let mut leaving = self.div(node, stage);
                let last = states.starting.last() == Some(&index);
                if let Some(wrong) = wrong.filter(|_| last) {
                    let well = self.not(wrong);
                    leaving = self.mul(leaving, well);
                }
                let flow = self.sub(inflow, leaving);
                let cancelled = self.mul(node, removed);
                let flow = self.sub(flow, cancelled);
                self.process.flows.push((index, flow));
                inflow = leaving;
            }
        }
        let removed = self.mul(ready, removed);
        let mut flow = self.sub(inflow, removed);
        if scaler.killed_after.value.is_finite()
            && let Some(wrong) = self.wrong_answers(service)
        {
            let (after, min) = (self.number(&scaler.killed_after), self.number(&scaler.min));
            let beyond = self.sub(ready, min);
            let killed = self.mul(beyond, wrong);
            let lost = self.div(killed, after);
            flow = self.sub(flow, lost);
        }
        self.process.flows.push((states.ready, flow));
    }

    /// Nodes wanted: D.
    fn desired(&mut self, scaler: &Autoscaler, known: Node, ready: Node, all: Node) -> Node {
        let target = self.number(&scaler.target);
        let ratio = self.div(known, target);
        let one = self.c(1.0);
        let x = self.sub(ratio, one);
        let growth = if scaler.tolerance.value > 0.0 {
            let tolerance = self.number(&scaler.tolerance);
            let (square, width) = (self.process.graph.power(x, 2.0), self.process.graph.power(tolerance, 2.0));
            let total = self.add(square, width);
            let outside = self.div(square, total);
            let inside = self.c(INSIDE);
            let weight = self.add(inside, outside);
            self.mul(x, weight)
        } else {
            x
        };
        let factor = self.add(one, growth);
        let counted = if scaler.counts.value == Counts::All { all } else { ready };
        let mut desired = self.mul(counted, factor);
        if scaler.step.value.is_finite() {
            let step = self.number(&scaler.step);
            let most = self.mul(all, step);
            desired = self.process.graph.binary(Binary::Min, desired, most);
        }
        let min = self.number(&scaler.min);
        desired = self.process.graph.binary(Binary::Max, min, desired);
        if scaler.max.value.is_finite() {
            let max = self.number(&scaler.max);
            desired = self.process.graph.binary(Binary::Min, max, desired);
        }
        desired
    }

    /// The signal now: u.
    fn signal(&mut self, scaler: &Autoscaler, states: &Scaler, service: &Service) -> Option<Node> {
        let station = self.stations.get(&service.name.value).cloned()?;
        let ready = self.process.graph.state(states.ready);
        let inside = self.process.graph.state(station.queue());
        let total = match scaler.signal.value {
            Signal::Utilisation => {
                let slots = station.servers()?;
                return Some(self.div(station.busy(), slots));
            }
            Signal::Queue => self.sub(inside, station.busy()),
            Signal::Concurrency => inside,
            Signal::Rate => self.process.graph.sum(&station.attempt_rates()),
            Signal::Goodput => {
                let wrong = self.wrong_answers(service)?;
                let well = self.not(wrong);
                self.mul(station.departures, well)
            }
        };
        let least = self.c(1e-3);
        let nodes = self.add(ready, least);
        Some(self.div(total, nodes))
    }
}
