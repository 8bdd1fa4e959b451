//! Attempts beside one that takes long. Those of one request that are under way together form a ring; the first good
//! answer ends all of them, a failure only its own, and the last to fail is followed by a retry.

use super::super::slab::{NONE, Phase};
use super::Engine;

impl Engine<'_> {
    /// An attempt has taken long: another is sent beside it, unless its client process holds it back.
    pub(super) fn hedge(&mut self, slot: u32) {
        let attempt = self.slab[slot];
        let stream = usize::from(attempt.stream);
        let policy = &self.settings.policies[stream];
        if attempt.abandoned || attempt.phase == Phase::BackingOff {
            return;
        }
        let caller = &mut self.callers[stream];
        let process = &mut caller.processes[attempt.process as usize];
        let Some(probe) = process.pass(policy, self.now, &mut caller.throttle) else { return };
        let other = self.slab.take(attempt.stream, attempt.class, attempt.index, attempt.first, attempt.parent);
        let place = &mut self.slab[other];
        place.process = attempt.process;
        place.pause = attempt.pause;
        place.hedge = true;
        place.probe = probe;
        place.hedges = attempt.hedges + 1;
        place.twin = if attempt.twin == NONE { slot } else { attempt.twin };
        self.slab[slot].twin = other;
        if let Some(client) = self.client_of(other) {
            self.clients[client].count.hedges += 1;
        }
        self.send(other);
    }

    /// Takes an attempt out of its ring; whether it was alone.
    pub(super) fn leave_twins(&mut self, slot: u32) -> bool {
        let next = self.slab[slot].twin;
        if next == NONE {
            return true;
        }
        self.slab[slot].twin = NONE;
        let mut before = next;
        while self.slab[before].twin != slot {
            before = self.slab[before].twin;
        }
        self.slab[before].twin = if before == next { NONE } else { next };
        let parent = self.slab[slot].parent;
        if parent != NONE {
            self.replace_child(parent, slot, next);
        }
        false
    }

    /// Nobody waits any more for the others of its ring.
    pub(super) fn abandon_twins(&mut self, slot: u32) {
        loop {
            let other = self.slab[slot].twin;
            if other == NONE {
                return;
            }
            self.leave_twins(other);
            self.abandon(other);
        }
    }
}
