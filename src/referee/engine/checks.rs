//! Active health checks: every replica is probed at fixed distances, and is out of use from so many failed probes in a row on
//! until so many good ones in a row. A probe waits like an attempt that arrives, at the replica or in the queue that
//! all share, and takes its time, but no slot.

use super::super::calendar::{Entry, Kind};
use super::Engine;

impl Engine<'_> {
    /// The first probes, spread over an interval.
    pub(super) fn begin_checks(&mut self) {
        for place in 0..self.stations.len() {
            let Some(check) = self.settings.services[place].balancer.and_then(|b| b.check) else { continue };
            let number = self.fleets[place].replicas.len();
            for r in 0..number {
                let first = self.now + check.interval * (r + 1) as f64 / number as f64;
                self.calendar.push(Entry::new(first, Kind::Check, place as u32, r as u32));
            }
        }
    }

    /// A replica is probed.
    pub(super) fn check(&mut self, place: usize, r: usize) {
        let service = &self.settings.services[place];
        let Some(balancer) = service.balancer else { return };
        let Some(check) = balancer.check else { return };
        self.calendar.push(Entry::new(self.now + check.interval, Kind::Check, place as u32, r as u32));
        let own = self.has_own_queues(place);
        let fleet = &mut self.fleets[place];
        let slots = if own { f64::from(fleet.slots(r, service.servers)) } else { service.servers };
        let Some(replica) = fleet.replicas.get_mut(r) else { return };
        let here = f64::from(if own { replica.inside } else { self.stations[place].inside });
        let luck = &mut self.routes[place];
        // Each of those ahead leaves after an exponential time.
        let ahead = (here - slots + 1.0).max(0.0) as u32;
        let wait = (0..ahead).map(|_| luck.exponential()).sum::<f64>() * service.time / slots.max(1.0);
        let time = wait + service.time * service.law.draw(luck);
        let well = time <= check.timeout && r as f64 >= balancer.broken;
        if well == replica.failing {
            replica.probes += 1;
            let needed = if well { check.healthy } else { check.unhealthy };
            if f64::from(replica.probes) >= needed {
                replica.failing = !well;
                replica.probes = 0;
                if well {
                    self.fill_slots(place);
                }
            }
        } else {
            replica.probes = 0;
        }
    }
}
