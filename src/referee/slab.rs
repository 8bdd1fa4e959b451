//! Attempts in one array, their places used again; a generation counter tells events of an earlier user of the place.

/// No attempt.
pub(super) const NONE: u32 = u32::MAX;

/// Where an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its place is free.
    Free,
    /// Its caller waits before sending it.
    BackingOff,
    /// On its way to the service.
    Outbound,
    /// In the queue.
    Waiting,
    /// In a slot, being worked on.
    Working,
    /// In a slot, waiting for a nested call.
    Calling,
    /// Its answer is on the way back.
    Inbound,
}

/// How an attempt ended, as its caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Well,
    Timeout,
    Reject,
    Error,
}

/// One attempt of a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    /// When it was sent.
    pub(super) sent: f64,
    /// When the first attempt of its request was sent.
    pub(super) first: f64,
    /// When its deadline passes, if that travels with it; infinite otherwise.
    pub(super) expires: f64,
    /// When it reached the service.
    pub(super) entered: f64,
    /// Longest wait that controlled delay lets it have.
    pub(super) longest: f64,
    /// Work, in units of the service time.
    pub(super) work: f64,
    /// Key it asks a cache for, from 1; 0 for none.
    pub(super) key: u64,
    /// The back-off before it.
    pub(super) pause: f64,
    pub(super) generation: u32,
    /// Client process that sends it.
    pub(super) process: u32,
    /// Another attempt beside it, in a ring; [`NONE`] without.
    pub(super) twin: u32,
    /// Which attempt of its request this is, from 1.
    pub(super) index: u32,
    /// Place of the attempt that makes this nested call; [`NONE`] for a client's.
    pub(super) parent: u32,
    /// Place of the nested call under way; [`NONE`] without.
    pub(super) child: u32,
    /// Of many calls made at once: those not decided yet, and good answers still needed.
    pub(super) pending: u32,
    pub(super) needed: u32,
    /// Nested calls left to make of the present kind.
    pub(super) left: u32,
    /// Kind of nested call under way.
    pub(super) call: u16,
    pub(super) stream: u16,
    /// Class of its priority, 0 first.
    pub(super) class: u16,
    pub(super) phase: Phase,
    /// What the service says.
    pub(super) answer: Answer,
    /// Replica that serves it, from 1; 0 for none.
    pub(super) replica: u16,
    /// Whether it is known how it ends, and the time that takes is spent.
    pub(super) failing: bool,
    /// Whether it waits for many calls made at once.
    pub(super) fan: bool,
    /// Whether its caller has stopped waiting.
    pub(super) abandoned: bool,
    /// Whether it was sent beside another.
    pub(super) hedge: bool,
    /// Whether it decides about closing a breaker.
    pub(super) probe: bool,
    /// Attempts sent beside the first of its index so far.
    pub(super) hedges: u16,
    /// What it cost its budget.
    pub(super) cost: f32,
}

const EMPTY: Attempt = Attempt {
    sent: 0.0,
    first: 0.0,
    expires: f64::INFINITY,
    entered: 0.0,
    longest: f64::INFINITY,
    work: 1.0,
    key: 0,
    pause: 0.0,
    generation: 0,
    process: 0,
    twin: NONE,
    index: 1,
    parent: NONE,
    child: NONE,
    pending: 0,
    needed: 0,
    left: 0,
    call: 0,
    stream: 0,
    class: 0,
    phase: Phase::Free,
    answer: Answer::Well,
    replica: 0,
    failing: false,
    fan: false,
    abandoned: false,
    hedge: false,
    probe: false,
    hedges: 0,
    cost: 0.0,
};

#[derive(Debug, Default)]
pub(super) struct Slab {
    attempts: Vec<Attempt>,
    free: Vec<u32>,
}

impl Slab {
    /// Takes a place for an attempt of a stream.
    #[inline]
    pub(super) fn take(&mut self, stream: u16, class: u16, index: u32, first: f64, parent: u32) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.attempts.push(EMPTY);
            self.attempts.len() as u32 - 1
        });
        let place = &mut self.attempts[slot as usize];
        let generation = place.generation;
        *place = Attempt { generation, stream, class, index, first, parent, phase: Phase::Outbound, ..EMPTY };
        slot
    }

    /// Gives a place back; whatever was still to happen to its attempt no longer does.
    #[inline]
    pub(super) fn release(&mut self, slot: u32) {
        let place = &mut self.attempts[slot as usize];
        place.generation = place.generation.wrapping_add(1);
        place.phase = Phase::Free;
        self.free.push(slot);
    }

    /// Attempts that exist.
    pub(super) fn len(&self) -> usize {
        self.attempts.len() - self.free.len()
    }
}

impl std::ops::Index<u32> for Slab {
    type Output = Attempt;
    #[inline]
    fn index(&self, slot: u32) -> &Attempt {
        &self.attempts[slot as usize]
    }
}

impl std::ops::IndexMut<u32> for Slab {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Attempt {
        &mut self.attempts[slot as usize]
    }
}
