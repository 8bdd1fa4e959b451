//! What stands around one service: nodes that come and go, replicas in and out of rotation, time owed to refusals.

/// One replica behind a balancer.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Replica {
    pub(super) busy: u32,
    /// In its slots and in its own queue.
    pub(super) inside: u32,
    /// Failures in a row.
    pub(super) failures: u32,
    /// When it is back in rotation.
    pub(super) back: f64,
    /// Whether its probes have failed, and how many in a row since say otherwise.
    pub(super) failing: bool,
    pub(super) probes: u32,
}

/// The nodes of an autoscaled service, and the signal as its autoscaler knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nodes {
    pub(super) ready: f64,
    pub(super) starting: f64,
    /// Of those whose start is still in the calendar, so many have been taken away.
    pub(super) cancelled: f64,
    pub(super) signal: f64,
    /// Counters at the last decision.
    pub(super) before: Reading,
}

/// Counters of a service that signals are made of.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reading {
    pub(super) time: f64,
    pub(super) busy: f64,
    pub(super) inside: f64,
    pub(super) offered: f64,
    pub(super) well: f64,
    pub(super) served: f64,
}

/// All of it, of one service.
#[derive(Debug, Clone, Default)]
pub(super) struct Fleet {
    /// Time of slots that refusals have taken and no attempt has paid for yet.
    pub(super) debt: f64,
    pub(super) replicas: Vec<Replica>,
    pub(super) nodes: Option<Nodes>,
    /// Whose turn it was last, among those in use.
    pub(super) turn: usize,
    /// Answered well, in time.
    pub(super) well: u64,
    /// Whether the last answer was late or wrong.
    pub(super) failed: bool,
}

impl Fleet {
    /// Replicas `broken..` with free slots, or all broken ones, that are in use: those in rotation, all in panic.
    pub(super) fn in_use(&self, now: f64, panic: f64) -> impl Iterator<Item = usize> + '_ {
        let sound = move |r: &Replica| r.back <= now && !r.failing;
        let within = self.replicas.iter().filter(|r| sound(r)).count() as f64;
        let everyone = within < panic * self.replicas.len() as f64;
        (0..self.replicas.len()).filter(move |&r| everyone || sound(&self.replicas[r]))
    }

    /// Slots of a replica when `servers` are shared out.
    pub(super) fn slots(&self, replica: usize, servers: f64) -> u32 {
        let share = |r: usize| (servers * r as f64 / self.replicas.len() as f64).floor();
        (share(replica + 1) - share(replica)).max(0.0) as u32
    }
}
