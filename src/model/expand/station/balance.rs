//! The balance of a station: what comes in, what goes out, how the variance moves, and what is shown of it.

use crate::model::expand::Builder;
use crate::model::types::Service;
use crate::process::dimension::Dimension;
use crate::process::event::Event;
use crate::process::graph::Node;
use crate::process::katz;
use crate::process::lower::Type;

impl Builder<'_> {
    /// Balance of a station once all its arrival streams are known.
    pub(in crate::model::expand) fn balance(&mut self, service: &Service) {
        let name = service.name.value.clone();
        let Some(station) = self.stations.get(&name).cloned() else { return };
        let offered = self.process.graph.sum(&station.attempt_rates());
        let accepted = if station.drops() {
            let entering: Vec<Node> = station.arrivals.iter().map(|a| a.entering).collect();
            self.process.graph.sum(&entering)
        } else {
            let accepted_share = self.not(station.blocked);
            self.mul(offered, accepted_share)
        };
        if !self.class_balance(&name, &station, station.variability) {
            self.process.transition(format!("{name}: arrival accepted"), accepted, vec![(station.mean, 1.0)], None);
            // Attempts bring their own arrivals: see `stream`.
            let joint = self.joins_events();
            self.join_last(joint);
            self.process.transition(format!("{name}: departure"), station.departures, vec![(station.mean, -1.0)], None);
            if joint && station.servers.is_some() {
                self.join_last(true);
                self.process.events.push(Event {
                    name: format!("{name}: departure"),
                    rate: Some(station.departures),
                    dispersion: Some(station.variability),
                    jumps: vec![(station.mean, -1.0)],
                    outcomes: Vec::new(),
                });
            }
        }
        self.follow_rate(service, &station, offered);
        self.pace_balance(service, &station, accepted);
        self.stage_balance(&station, accepted);
        self.work_balance(service, &station);
        self.gate_balance(service, &station, offered);
        let m = self.inside_of(&station);
        if let Some(index) = station.variance {
            let v = self.process.graph.state(index);
            let (noise, restoring) = match station.servers {
                None => (station.departures, v),
                Some(c) => {
                    let (c, mean, variance) = match station.apart {
                        None => (c, m, v),
                        Some(apart) => (apart.slots, self.div(m, apart.number), self.div(v, apart.number)),
                    };
                    let one = self.process.graph.station(mean, variance, c, katz::BUSY_COVARIANCE);
                    let covariance = station.apart.map_or(one, |apart| self.mul(apart.number, one));
                    let g = &mut self.process.graph;
                    let noise = if service.variability.value == 1.0 {
                        station.departures
                    } else {
                        let all_busy = g.station(mean, variance, c, katz::ALL_BUSY);
                        let one = g.constant(1.0);
                        let excess = g.sub(station.variability, one);
                        let extra = g.mul(excess, all_busy);
                        let factor = g.add(one, extra);
                        g.mul(factor, station.departures)
                    };
                    (noise, covariance)
                }
            };
            let pull = self.div(restoring, station.hold);
            let pull = self.restoring(service, &station, m, pull);
            let two = self.c(2.0);
            let double = self.mul(two, pull);
            let mut grows = self.add(accepted, noise);
            let batches: Vec<Node> = station.arrivals.iter().filter_map(|a| a.together).collect();
            if !batches.is_empty() {
                let together = self.process.graph.sum(&batches);
                let room = self.not(station.blocked);
                let extra = self.mul(room, together);
                grows = self.add(grows, extra);
            }
            let mut flow = self.sub(grows, double);
            let levelled = station.apart.and_then(|apart| self.levelled(apart, v, accepted));
            if let Some(less) = levelled {
                flow = self.sub(flow, less);
            }
            if service.queue.limit.value.is_finite() {
                let limit = self.number(&service.queue.limit);
                let covariance = match station.apart.and_then(|a| Some((a.number, a.limit?))) {
                    None => self.blocking(m, v, limit).1,
                    // Σ over the replicas of λ Cov(n, 1(n >= K)), with λ = A/R.
                    Some((number, limit)) => {
                        let (mean, variance) = (self.div(m, number), self.div(v, number));
                        self.blocking(mean, variance, limit).1
                    }
                };
                let lost = self.mul(offered, covariance);
                let double = self.mul(two, lost);
                flow = self.sub(flow, double);
            }
            self.process.flows.push((index, flow));
        }
        let plain = Type::Quantity(Dimension::NONE);
        let rate = Type::Quantity(Dimension::REQUEST_RATE);
        let requests = Type::Quantity(Dimension::REQUEST);
        let inside = self.with_doomed(m, &station.doomed);
        self.output(format!("{name}.inside"), inside, requests, "req", "mean number waiting and in service");
        self.output(format!("{name}.offered"), offered, rate, "req/s", "attempts arriving");
        self.output(format!("{name}.throughput"), station.departures, rate, "req/s", "attempts served, wanted or not");
        if let Some(c) = station.servers {
            let utilisation = self.div(station.busy, c);
            self.output(format!("{name}.utilisation"), utilisation, plain, "", "share of slots busy");
        }
        let time = Type::Quantity(Dimension::TIME);
        self.output(format!("{name}.wait"), station.wait, time, "s", "mean time in the system of an arrival");
        self.output(format!("{name}.blocked"), station.blocked, plain, "", "share of attempts refused, queue full");
    }
}
