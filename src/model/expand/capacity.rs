//! Slots that are not simply those of the file: an autoscaler adds and removes nodes, a balancer takes replicas out,
//! refusals take slots from the work.
//!
//! ```text
//! slots c = node · R - start_up_cost · P        R nodes serve, P are starting       (autoscaler)
//!         = servers · ρ · (1 - broken/replicas) ρ share of the replicas in use      (balancer)
//!         = servers                                                                 (neither)
//!       less z, the slots at work on refusals                                       (error path)
//! ```
//!
//! and never less than a thousandth of the slots of the file.

use super::Builder;
use super::station::Station;
use crate::model::types::{CallPolicy, Expired, Service};
use crate::process::graph::{Binary, Node};

/// What reaches a service from one caller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inflow {
    /// Attempts per second.
    pub arriving: Node,
    /// Share of its answers now that come too late: what entered a timeout ago and is late, for by then it leaves.
    pub late: Node,
}

impl Builder<'_> {
    /// The slots of a service with finitely many.
    pub(super) fn slots(&mut self, service: &Service) -> Node {
        let model = self.model;
        let name = &service.name.value;
        let written = self.number(&service.servers);
        let scaler = model.autoscalers.iter().find(|a| a.of.value == *name);
        let balancer = model.balancers.iter().find(|b| b.of.value == *name);
        let slots = match (scaler, balancer) {
            (Some(scaler), _) => self.scaled_slots(service, scaler),
            (None, Some(balancer)) => self.balanced_slots(service, balancer),
            (None, None) => written,
        };
        let slots = self.without_refusals(service, slots);
        if slots == written {
            return written;
        }
        let least = self.c(1e-3 * service.servers.value);
        self.process.graph.binary(Binary::Max, least, slots)
    }

    /// Whether slots or the time in them depend on states.
    pub(super) fn has_moving_capacity(&self, service: &Service) -> bool {
        let name = &service.name.value;
        service.error_time.value > 0.0
            || service.reject_time.value > 0.0
            || self.model.autoscalers.iter().any(|a| a.of.value == *name)
            || self.model.balancers.iter().any(|b| b.of.value == *name)
    }

    /// Share of the attempts of a caller that are refused: by the limit on fetches, by a broken replica, or by the queue.
    pub(super) fn turned_away(&mut self, policy: &CallPolicy, station: &Station) -> Node {
        let gates: Vec<Node> = self.passing(policy).into_iter().chain(station.sound).collect();
        if gates.is_empty() {
            return station.blocked;
        }
        let mut accepted = self.not(station.blocked);
        for gate in gates {
            accepted = self.mul(accepted, gate);
        }
        self.not(accepted)
    }

    /// Notes what a caller sends to a service, and returns what of it reaches the queue.
    pub(super) fn let_through(&mut self, target: &str, policy: &CallPolicy, attempts: Node, late: Node) -> Node {
        let well = self.not(late);
        if let Some(front) = policy.through.as_ref().and_then(|t| self.fronts.get_mut(&t.value)) {
            front.attempts.push((attempts, well));
        }
        let sound = self.stations.get(target).and_then(|s| s.sound);
        let gates: Vec<Node> = self.passing(policy).into_iter().chain(sound).collect();
        let arriving = gates.into_iter().fold(attempts, |rate, gate| self.mul(rate, gate));
        let late = self.late_on_leaving(target, policy, late);
        self.inflows.entry(target.to_owned()).or_default().push(Inflow { arriving, late });
        arriving
    }

    /// Share of the answers of a service to a caller that leave now too late: of what entered a timeout ago.
    fn late_on_leaving(&mut self, target: &str, policy: &CallPolicy, late: Node) -> Node {
        let Some(timeout) = &policy.timeout else { return late };
        // Only where somebody asks: each lag costs steps.
        let model = self.model;
        let asks = model.services.iter().any(|s| s.name.value == target && self.has_moving_capacity(s));
        if !asks {
            return late;
        }
        let delay = self.number(timeout);
        self.process.graph.delayed(late, delay)
    }

    /// Share of the answers of a service that go wrong: errors, and what comes too late.
    pub(super) fn wrong_answers(&mut self, service: &Service) -> Option<Node> {
        let station = self.stations.get(&service.name.value).cloned()?;
        let inflows = self.inflows.get(&service.name.value).cloned().unwrap_or_default();
        let well = self.not(station.error_share);
        if service.expired.value != Expired::Serve || inflows.is_empty() {
            return Some(station.error_share);
        }
        let in_time = if let [one] = inflows.as_slice() {
            self.not(one.late)
        } else {
            let (mut all, mut late) = (Vec::new(), Vec::new());
            for inflow in &inflows {
                all.push(inflow.arriving);
                late.push(self.mul(inflow.arriving, inflow.late));
            }
            let tiny = self.c(1e-12);
            all.push(tiny);
            let (all, late) = (self.process.graph.sum(&all), self.process.graph.sum(&late));
            let share = self.div(late, all);
            self.not(share)
        };
        let good = self.mul(well, in_time);
        Some(self.not(good))
    }

    /// max(0, x), its corner rounded off over `width`: (x + √(x² + width²))/2.
    pub(super) fn ramp(&mut self, x: Node, width: f64) -> Node {
        let square = self.process.graph.power(x, 2.0);
        let width = self.c(width * width);
        let sum = self.add(square, width);
        let root = self.process.graph.unary(crate::process::graph::Unary::Sqrt, sum);
        let both = self.add(x, root);
        let half = self.c(0.5);
        self.mul(half, both)
    }
}
