//! Calls to many at once: a request that holds a slot makes n calls and goes on when k of them have been answered well, or when
//! so many have failed for good that k never will. Whoever is left then is left to itself.

use super::super::calendar::Kind;
use super::super::slab::{Answer, NONE};
use super::Engine;

impl Engine<'_> {
    /// Makes the calls of a stream that go to many at once.
    pub(super) fn begin_fan(&mut self, stream: usize, parent: u32, (number, wanted): (u32, u32)) {
        let place = &mut self.slab[parent];
        place.fan = true;
        (place.pending, place.needed) = (number, wanted);
        let class = place.class;
        if self.fans.len() <= parent as usize {
            self.fans.resize_with(parent as usize + 1, Vec::new);
        }
        self.fans[parent as usize].clear();
        let generation = self.slab[parent].generation;
        for _ in 0..number {
            // Refusals may have decided it while the calls are being made.
            if self.slab[parent].generation != generation || !self.slab[parent].fan {
                return;
            }
            self.begin_call(stream, parent, class);
        }
    }

    /// A nested call goes on under another place, or is over.
    pub(super) fn replace_child(&mut self, parent: u32, old: u32, new: u32) {
        if !self.slab[parent].fan {
            if self.slab[parent].child == old || new == NONE {
                self.slab[parent].child = new;
            }
            return;
        }
        let all = &mut self.fans[parent as usize];
        let Some(place) = all.iter().position(|&slot| slot == old) else { return };
        if new == NONE {
            all.swap_remove(place);
        } else {
            all[place] = new;
        }
    }

    /// A nested call has begun.
    pub(super) fn add_child(&mut self, parent: u32, slot: u32) {
        if self.slab[parent].fan {
            self.fans[parent as usize].push(slot);
        } else {
            self.slab[parent].child = slot;
        }
    }

    /// One of many calls has been answered well, or has failed for good.
    pub(super) fn one_of_many(&mut self, parent: u32, well: bool) {
        let place = &mut self.slab[parent];
        if !place.fan {
            return;
        }
        place.pending -= 1;
        if well {
            place.needed -= 1;
        }
        let (enough, hopeless) = (place.needed == 0, place.pending < place.needed);
        if hopeless {
            place.answer = Answer::Error;
        }
        if enough || hopeless {
            self.end_fan(parent);
            self.schedule(0.0, Kind::Resume, parent);
        }
    }

    /// Leaves all calls of a request that are still under way to themselves.
    pub(super) fn end_fan(&mut self, parent: u32) {
        self.slab[parent].fan = false;
        let Some(left) = self.fans.get_mut(parent as usize).map(std::mem::take) else { return };
        for slot in left {
            self.abandon(slot);
        }
    }
}
