//! The fluid equations at many points at once: one pass over the tape serves `W` points side by side.
//!
//! Points are laid out as a structure of arrays: [`Lanes`] of state 0, then of state 1, and so on. Parameters are shared
//! by all lanes or differ from lane to lane, as in a sweep; what depends on them alone is computed once, when they are
//! set. The same generic code is compiled for several instruction sets, of which [`Kernel::best`] is chosen at run time.
//! None of them contracts a product and a sum into one rounding, so that all give the same bits, on every machine.

use super::fluid::Fluid;
use super::lanes::Lanes;
use super::number::Number;
use super::tape::{Layout, Tape};

/// The instruction set an evaluation is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// What every machine has.
    Portable,
    /// Vectors of four.
    Avx2,
    /// Vectors of eight.
    Avx512,
}

impl Kernel {
    /// All kernels, the simplest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// Whether this machine has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => std::arch::is_x86_feature_detected!("avx2"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("avx512dq")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The fastest one this machine has.
    #[must_use]
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|k| k.is_available()).unwrap_or(Self::Portable)
    }
}

/// An evaluator of the fluid equations over `W` points.
///
/// Delayed states and lags are in the order of the lags in the process, whatever their lengths: lanes whose parameters
/// differ may have them in different orders of length.
#[derive(Debug, Clone)]
pub struct Batch<const W: usize> {
    drift: Tape,
    lag_tape: Tape,
    layout: Layout,
    kernel: Kernel,
    /// Whether time occurs in the equations.
    timed: bool,
    lags: Vec<Lanes<W>>,
    inputs: Vec<Lanes<W>>,
    registers: Vec<Lanes<W>>,
}

impl<const W: usize> Batch<W> {
    /// An evaluator of `fluid`, with the parameters of its model file.
    #[must_use]
    pub fn new(fluid: &Fluid) -> Self {
        Self::with_kernel(fluid, Kernel::best())
    }

    /// The same on a certain kernel; the portable one if this machine does not have it.
    #[must_use]
    pub fn with_kernel(fluid: &Fluid, kernel: Kernel) -> Self {
        let (drift, layout) = fluid.tape();
        let zero = Lanes::constant(0.0);
        let mut batch = Self {
            drift: drift.clone(),
            lag_tape: fluid.lag_tape().clone(),
            layout,
            kernel: if kernel.is_available() { kernel } else { Kernel::Portable },
            timed: (0..=layout.lags).any(|j| drift.reads(layout.time(j))),
            lags: vec![zero; layout.lags],
            inputs: vec![zero; layout.len()],
            registers: vec![zero; drift.registers()],
        };
        batch.share_parameters(&fluid.parameters());
        batch
    }

    /// The kernel in use.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The lags of every lane, in the order of the process.
    #[must_use]
    pub fn lags(&self) -> &[Lanes<W>] {
        &self.lags
    }

    /// Gives all lanes the same parameters, now and in the past. Missing ones keep their values.
    pub fn share_parameters(&mut self, p: &[f64]) {
        (0..=self.layout.lags).for_each(|lag| self.fill_parameters(lag, p.iter().map(|&v| Lanes::constant(v))));
        self.parameters_changed();
    }

    /// Gives every lane its own parameters, now and in the past. Missing ones keep their values.
    pub fn set_parameters(&mut self, p: &[Lanes<W>]) {
        (0..=self.layout.lags).for_each(|lag| self.fill_parameters(lag, p.iter().copied()));
        self.parameters_changed();
    }

    /// Gives every lane its own parameters of the past: those at the lag with this number, counted from one.
    pub fn set_past_parameters(&mut self, lag: usize, p: &[Lanes<W>]) {
        if (1..=self.layout.lags).contains(&lag) {
            self.fill_parameters(lag, p.iter().copied());
            self.parameters_changed();
        }
    }

    fn fill_parameters(&mut self, lag: usize, values: impl Iterator<Item = Lanes<W>>) {
        let from = self.layout.parameter(0, lag);
        for (slot, value) in self.inputs[from..from + self.layout.parameters].iter_mut().zip(values) {
            *slot = value;
        }
    }

    /// Brings up to date what depends on parameters alone; those of the past are those of today.
    fn parameters_changed(&mut self) {
        for j in 1..=self.layout.lags {
            let to = self.layout.parameter(0, j);
            self.inputs.copy_within(..self.layout.parameters, to);
        }
        self.lags = self.lag_tape.evaluate(&self.inputs);
        self.drift.run_prologue(&self.inputs, &mut self.registers);
    }

    /// Writes the right-hand side at the times `t`, the states `x` and the delayed states `past` (lag by lag) into `dx`.
    /// Entries that are missing in `x` or `past` keep the values of the last call; `dx` is filled as far as it goes.
    pub fn rhs(&mut self, t: Lanes<W>, x: &[Lanes<W>], past: &[Lanes<W>], dx: &mut [Lanes<W>]) {
        match self.kernel {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "the call of a function compiled for an instruction set found at run time")]
            // SAFETY: a batch gets this kernel only where `Kernel::is_available` has found the instruction set.
            Kernel::Avx2 => unsafe { rhs_avx2(self, t, x, past, dx) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "the call of a function compiled for an instruction set found at run time")]
            // SAFETY: as above.
            Kernel::Avx512 => unsafe { rhs_avx512(self, t, x, past, dx) },
            _ => rhs(self, t, x, past, dx),
        }
    }
}

#[inline(always)]
fn rhs<const W: usize>(b: &mut Batch<W>, t: Lanes<W>, x: &[Lanes<W>], past: &[Lanes<W>], dx: &mut [Lanes<W>]) {
    let Layout { parameters, states, lags } = b.layout;
    let (present, delayed) = b.inputs[parameters..parameters + states * (lags + 1)].split_at_mut(states);
    for (slot, value) in present.iter_mut().zip(x).chain(delayed.iter_mut().zip(past)) {
        *slot = *value;
    }
    if b.timed {
        b.inputs[b.layout.time(0)] = t;
        for (j, &lag) in b.lags.iter().enumerate() {
            b.inputs[b.layout.time(j + 1)] = t - lag;
        }
    }
    b.drift.run_body(&b.inputs, &mut b.registers);
    for (k, slot) in dx.iter_mut().enumerate().take(states) {
        *slot = b.drift.output(&b.registers, k);
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn rhs_avx2<const W: usize>(b: &mut Batch<W>, t: Lanes<W>, x: &[Lanes<W>], past: &[Lanes<W>], dx: &mut [Lanes<W>]) {
    rhs(b, t, x, past, dx);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn rhs_avx512<const W: usize>(b: &mut Batch<W>, t: Lanes<W>, x: &[Lanes<W>], past: &[Lanes<W>], dx: &mut [Lanes<W>]) {
    rhs(b, t, x, past, dx);
}

#[cfg(test)]
mod tests;
