//! Outcome probabilities of an event, remembered by the values of the one or two states they read.

use crate::process::tape::{Layout, Tape};

/// Values kept per event; a power of two.
const SLOTS: usize = 1024;

/// What the outcome probabilities of an event depend on.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) tape: Tape,
    /// Inputs they read, if these are one or two present states and nothing else that changes by itself.
    key: Option<[usize; 2]>,
}

impl Table {
    pub(super) fn new(tape: Tape, layout: Layout) -> Self {
        let reads: Vec<usize> = (layout.state(0, 0)..layout.len()).filter(|&i| tape.reads(i)).collect();
        let present = reads.iter().all(|&i| i < layout.state(0, 1));
        let key = match reads.as_slice() {
            [a] if present => Some([*a, *a]),
            [a, b] if present => Some([*a, *b]),
            _ => None,
        };
        Self { tape, key }
    }
}

/// Registers and memory of a [`Table`] at fixed parameters.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    registers: Vec<f64>,
    keys: Vec<[u64; 2]>,
    /// Cumulative probabilities, `outcomes` for each slot, one more slot for what is not remembered.
    sums: Vec<f64>,
}

/// Bits of a NaN: no state has them.
const EMPTY: [u64; 2] = [u64::MAX; 2];

impl Memory {
    pub(super) fn new(table: &Table) -> Self {
        let slots = if table.key.is_some() { SLOTS } else { 0 };
        Self {
            registers: vec![0.0; table.tape.registers()],
            keys: vec![EMPTY; slots],
            sums: vec![0.0; (slots + 1) * table.tape.outputs()],
        }
    }

    /// Forgets everything: parameters have changed.
    pub(super) fn reset(&mut self, table: &Table, inputs: &[f64]) {
        table.tape.run_prologue(inputs, &mut self.registers);
        self.keys.fill(EMPTY);
    }

    /// Cumulative probabilities of the outcomes.
    #[inline]
    pub(super) fn look(&mut self, table: &Table, inputs: &[f64]) -> &[f64] {
        let count = table.tape.outputs();
        let slot = match table.key {
            None => 0,
            Some([a, b]) => {
                let key = [inputs[a].to_bits(), inputs[b].to_bits()];
                let mixed = (key[0] ^ key[1].rotate_left(23)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let slot = (mixed >> 54) as usize;
                if self.keys[slot] == key {
                    return &self.sums[slot * count..(slot + 1) * count];
                }
                self.keys[slot] = key;
                slot
            }
        };
        table.tape.run_body(inputs, &mut self.registers);
        let sums = &mut self.sums[slot * count..(slot + 1) * count];
        let mut total = 0.0;
        for (k, sum) in sums.iter_mut().enumerate() {
            // Differences of shares may fall below zero by a rounding error.
            total += table.tape.output(&self.registers, k).max(0.0);
            *sum = total;
        }
        sums
    }
}
