//! One round: an attempt at one step of Rodas5P in every lane. The method is written out at
//! [`integrate`](mod@crate::dynamics::integrate), with G. Steinebach's paper; time does not occur in the equations.
//!
//! Everything is a loop over lanes without branches, in the generic code that is compiled once for every machine and once
//! for each instruction set chosen at run time. A lane reads its own entries only.

use super::engine::{Engine, Refusal, WATCHED};
use super::equations::Equations;
use crate::dynamics::integrate::tableau::{A, C, GAMMA, STAGES};
use crate::process::batch::Kernel;
use crate::process::lanes::{Lanes, exp};

/// Safety factor, smallest and largest change of the step size, largest after a refusal.
const SAFETY: f64 = 0.9;
const SHRINK: f64 = 0.2;
const GROW: f64 = 8.0;
const AGAIN: f64 = 0.9;
/// Exponent of the error, which is of order 5. (The memory of the error before, which the scalar integrator has, costs an eighth
/// more steps here and saves no refusals.)
const EXPONENT: f64 = 1.0 / 5.0;
/// A pivot `1/(γh) - J_ii` below this share of its terms is lost to cancellation.
const CANCELLED: f64 = 1e-7;
/// A refused step shorter than this share of the time left is looked at.
const SHORT: f64 = 1e-13;

impl Equations {
    /// The right-hand side of state `i` in one lane, after the tape of slopes was run.
    pub(super) fn drift_at<const W: usize>(&self, slopes: &[Lanes<W>], i: usize, lane: usize) -> f64 {
        self.slopes.output(slopes, i).0[lane]
    }
}

impl<const W: usize> Engine<'_, W> {
    /// Attempts a step in every lane.
    pub(super) fn round(&mut self, kernel: Kernel) {
        match kernel {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "the call of a function compiled for an instruction set found at run time")]
            // SAFETY: an ensemble gets this kernel only where `Kernel::is_available` has found the instruction set.
            Kernel::Avx2 => unsafe { round_avx2(self) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "the call of a function compiled for an instruction set found at run time")]
            // SAFETY: as above.
            Kernel::Avx512 => unsafe { round_avx512(self) },
            _ => round(self),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn round_avx2<const W: usize>(e: &mut Engine<'_, W>) {
    round(e);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq")]
fn round_avx512<const W: usize>(e: &mut Engine<'_, W>) {
    round(e);
}

/// Lengths of the steps to try, and 1 where a step ends at the end of its segment.
struct Tried<const W: usize> {
    h: Lanes<W>,
    lands: Lanes<W>,
}

#[inline(always)]
fn round<const W: usize>(e: &mut Engine<'_, W>) {
    let equations = e.equations;
    let (first, n) = (equations.layout.state(0, 0), equations.layout.states);
    e.inputs[first..first + n].copy_from_slice(&e.x);
    equations.slopes.run_body(&e.inputs, &mut e.slopes);
    if any(&e.h, |h| h <= 0.0) {
        begin(e);
    }
    let tried = lengths(e);
    factor(e, &tried.h);
    let mut inverse = Lanes([0.0; W]);
    for l in 0..W {
        inverse.0[l] = 1.0 / tried.h.0[l];
    }
    for i in 0..n {
        e.right[i] = equations.slopes.output(&e.slopes, i);
    }
    solve(e);
    for i in 0..n {
        e.k[i * STAGES] = e.right[i];
    }
    let careful = any(&e.careful, |c| c != 0.0);
    for s in 1..STAGES {
        for i in 0..n {
            let k = &e.k[i * STAGES..(i + 1) * STAGES];
            let point = if s < A.len() { combine(e.x[i], A[s], k) } else { combine(e.stage[i], &[1.0], &k[s - 1..]) };
            e.stage[i] = point;
            e.inputs[first + i] = point;
        }
        if careful {
            clamp_stages(e);
        }
        equations.drift.run_body(&e.inputs, &mut e.drift);
        for i in 0..n {
            let sum = combine(Lanes([0.0; W]), C[s], &e.k[i * STAGES..(i + 1) * STAGES]);
            let drift = equations.drift.output(&e.drift, i);
            let right = &mut e.right[i];
            for l in 0..W {
                right.0[l] = drift.0[l] + inverse.0[l] * sum.0[l];
            }
        }
        solve(e);
        for i in 0..n {
            e.k[i * STAGES + s] = e.right[i];
        }
    }
    conclude(e, &tried);
}

/// `base + Σ_j weight_j k_j`, for as many stages as there are weights.
#[inline(always)]
fn combine<const W: usize>(base: Lanes<W>, weights: &[f64], k: &[Lanes<W>]) -> Lanes<W> {
    let mut sum = base;
    for (&weight, k) in weights.iter().zip(k) {
        for l in 0..W {
            sum.0[l] += weight * k.0[l];
        }
    }
    sum
}

#[inline(always)]
fn any<const W: usize>(x: &Lanes<W>, test: impl Fn(f64) -> bool) -> bool {
    let mut found = false;
    for l in 0..W {
        found |= test(x.0[l]);
    }
    found
}

/// First steps of lanes that have just begun.
#[inline(never)]
fn begin<const W: usize>(e: &mut Engine<'_, W>) {
    for l in 0..W {
        if e.h.0[l] <= 0.0 {
            e.h.0[l] = if e.is_busy(l) { e.first_step(l) } else { 1.0 };
        }
    }
}

#[inline(always)]
fn lengths<const W: usize>(e: &Engine<'_, W>) -> Tried<W> {
    let (mut h, mut lands) = (Lanes([0.0; W]), Lanes([0.0; W]));
    let longest = e.options.max_step;
    for l in 0..W {
        let room = e.until.0[l] - e.t.0[l];
        let wish = if e.h.0[l] < longest { e.h.0[l] } else { longest };
        let fits = room <= 1.01 * wish;
        let half = if room < 2.0 * wish { 0.5 * room } else { wish };
        h.0[l] = if fits { room } else { half };
        lands.0[l] = if fits { 1.0 } else { 0.0 };
    }
    Tried { h, lands }
}

/// Fills and factors `I/(γh) - J`.
#[inline(always)]
fn factor<const W: usize>(e: &mut Engine<'_, W>, h: &Lanes<W>) {
    let (equations, n) = (e.equations, e.equations.layout.states);
    let mut diagonal = Lanes([0.0; W]);
    for l in 0..W {
        diagonal.0[l] = 1.0 / (GAMMA * h.0[l]);
    }
    e.matrix.fill(Lanes([0.0; W]));
    for i in 0..n {
        e.matrix[i * n + i] = diagonal;
    }
    let mut lost = Lanes([0.0; W]);
    for (number, &(row, column)) in equations.entries.iter().enumerate() {
        let slope = equations.slopes.output(&e.slopes, n + number);
        let entry = &mut e.matrix[row * n + column];
        for l in 0..W {
            // A derivative that is infinite at the edge of the domain (a square root at zero) is left out.
            let slope = if f64::abs(slope.0[l]) <= f64::MAX { slope.0[l] } else { 0.0 };
            entry.0[l] -= slope;
            let bound = CANCELLED * diagonal.0[l];
            lost.0[l] = if row == column && f64::abs(entry.0[l]) < bound { 1.0 } else { lost.0[l] };
        }
    }
    equations.elimination.factor(&mut e.matrix, &mut lost);
    e.pivoted.clear();
    if any(&lost, |v| v != 0.0) {
        pivot(e, &lost, &diagonal);
    }
}

/// Factors with pivoting where pivots were lost.
#[inline(never)]
fn pivot<const W: usize>(e: &mut Engine<'_, W>, lost: &Lanes<W>, diagonal: &Lanes<W>) {
    let (equations, n) = (e.equations, e.equations.layout.states);
    let mut dense = vec![0.0; n * n];
    for lane in 0..W {
        if lost.0[lane] == 0.0 || !e.is_busy(lane) {
            continue;
        }
        dense.fill(0.0);
        (0..n).for_each(|i| dense[i * n + i] = diagonal.0[lane]);
        for (number, &(row, column)) in equations.entries.iter().enumerate() {
            let slope = equations.slopes.output(&e.slopes, n + number).0[lane];
            dense[row * n + column] -= if slope.is_finite() { slope } else { 0.0 };
        }
        if !e.pivoted.factor(lane, n, |entry| dense[entry]) {
            // Makes the attempt fail, and with it this lane alone.
            e.matrix[0].0[lane] = f64::NAN;
        }
    }
}

#[inline(always)]
fn solve<const W: usize>(e: &mut Engine<'_, W>) {
    if e.pivoted.is_empty() {
        e.equations.elimination.solve(&e.matrix, &mut e.right);
    } else {
        e.given.copy_from_slice(&e.right);
        e.equations.elimination.solve(&e.matrix, &mut e.right);
        e.pivoted.solve(&e.given, &mut e.right);
    }
}

/// Moves stages into the domain, in lanes whose last attempt met a right-hand side that was not finite.
#[inline(never)]
fn clamp_stages<const W: usize>(e: &mut Engine<'_, W>) {
    let first = e.equations.layout.state(0, 0);
    for (i, info) in e.equations.states.iter().enumerate() {
        let point = &mut e.inputs[first + i];
        for l in 0..W {
            if e.careful.0[l] != 0.0 {
                point.0[l] = point.0[l].max(info.lower).min(info.upper);
            }
        }
    }
}

/// Accepts or refuses the attempts and chooses the next steps.
#[inline(always)]
fn conclude<const W: usize>(e: &mut Engine<'_, W>, tried: &Tried<W>) {
    let (equations, n) = (e.equations, e.equations.layout.states);
    let zero = Lanes([0.0; W]);
    let (mut worst, mut poison, mut outside) = (zero, zero, zero);
    for i in 0..n {
        let (error, info, atol) = (&e.k[i * STAGES + STAGES - 1], &equations.states[i], e.atol[i]);
        let (lower, upper) = (info.lower - atol, info.upper + atol);
        let (x, rtol) = (&e.x[i], e.options.rtol);
        let next = &mut e.stage[i];
        for l in 0..W {
            let value = next.0[l] + error.0[l];
            let (old, new) = (f64::abs(x.0[l]), f64::abs(value));
            let size = if new > old { new } else { old };
            let share = f64::abs(error.0[l]) / (atol + rtol * size);
            worst.0[l] = if share > worst.0[l] { share } else { worst.0[l] };
            // Zero, or NaN if anything is not finite.
            poison.0[l] += 0.0 * value + 0.0 * error.0[l];
            outside.0[l] = if value < lower || value > upper { 1.0 } else { outside.0[l] };
            let value = if value < info.lower { info.lower } else { value };
            next.0[l] = if value > info.upper { info.upper } else { value };
        }
    }
    let (mut error, mut ok, mut broken) = (zero, zero, zero);
    for l in 0..W {
        error.0[l] = worst.0[l] + poison.0[l];
        let inside = if outside.0[l] == 0.0 { 1.0 } else { 0.0 };
        ok.0[l] = if error.0[l] <= 1.0 { inside } else { 0.0 };
        // Not finite, or out of the domain.
        broken.0[l] = if error.0[l] <= f64::MAX { outside.0[l] } else { 1.0 };
    }
    let mut log = zero;
    for l in 0..W {
        let size = if error.0[l] > 1e-10 { error.0[l] } else { 1e-10 };
        log.0[l] = ln_roughly(size);
    }
    let mut change = zero;
    for l in 0..W {
        change.0[l] = SAFETY * exp(-EXPONENT * log.0[l]);
    }
    for l in 0..W {
        let grow = if e.failed.0[l] != 0.0 { 1.0 } else { GROW };
        let limit = if ok.0[l] != 0.0 { grow } else { AGAIN };
        let least = if change.0[l] > SHRINK { change.0[l] } else { SHRINK };
        let within = if least < limit { least } else { limit };
        change.0[l] = if broken.0[l] != 0.0 { 0.5 } else { within };
    }
    for l in 0..W {
        let (h, wish) = (tried.h.0[l], e.h.0[l]);
        let suggestion = h * change.0[l];
        // A step cut short by the end of a segment says little about the one after it.
        let larger = if suggestion > wish { suggestion } else { wish };
        let cut = if h < 0.99 * wish { larger } else { suggestion };
        let cut = if e.failed.0[l] != 0.0 { suggestion } else { cut };
        e.h.0[l] = if ok.0[l] != 0.0 { cut } else { suggestion };
        e.failed.0[l] = 1.0 - ok.0[l];
    }
    for l in 0..W {
        let careful = if poison.0[l] == 0.0 { e.careful.0[l] } else { 1.0 };
        e.careful.0[l] = if ok.0[l] != 0.0 { 0.0 } else { careful };
    }
    let most = e.options.max_steps as f64;
    for l in 0..W {
        let end = if tried.lands.0[l] != 0.0 { e.until.0[l] } else { e.t.0[l] + tried.h.0[l] };
        e.began.0[l] = e.t.0[l];
        e.t.0[l] = if ok.0[l] != 0.0 { end } else { e.t.0[l] };
        e.steps.0[l] += ok.0[l];
        let over = if e.t.0[l] >= e.until.0[l] { 1.0 } else { e.watched.0[l] };
        let over = if e.steps.0[l] >= most { 1.0 } else { over };
        let stuck = if e.h.0[l] > SHORT * e.until.0[l] { broken.0[l] } else { 1.0 };
        e.remark.0[l] = if ok.0[l] != 0.0 { over } else { stuck };
    }
    for i in 0..n {
        e.before[i] = e.x[i];
        let (x, next) = (&mut e.x[i], &e.stage[i]);
        for l in 0..W {
            x.0[l] = if ok.0[l] != 0.0 { next.0[l] } else { x.0[l] };
        }
    }
    e.accepted = ok;
    if e.judging {
        watch(e);
    }
    if any(&e.remark, |r| r != 0.0) {
        note_refusals(e, &outside, &poison);
    }
}

/// Marks lanes that are in a ball of their judge, or beyond a threshold.
#[inline(always)]
fn watch<const W: usize>(e: &mut Engine<'_, W>) {
    let n = e.equations.layout.states;
    for attractor in 0..WATCHED {
        let mut inside = Lanes([1.0; W]);
        for i in 0..n {
            let ((centre, reach), x) = (&e.balls[attractor * n + i], &e.x[i]);
            for l in 0..W {
                inside.0[l] = if f64::abs(x.0[l] - centre.0[l]) <= reach.0[l] { inside.0[l] } else { 0.0 };
            }
        }
        for l in 0..W {
            e.remark.0[l] = if inside.0[l] * e.accepted.0[l] != 0.0 { 1.0 } else { e.remark.0[l] };
        }
    }
    for i in 0..n {
        for l in 0..W {
            let beyond = e.x[i].0[l] > e.thresholds[i].0[l] && e.accepted.0[l] != 0.0;
            e.remark.0[l] = if beyond { 1.0 } else { e.remark.0[l] };
        }
    }
}

/// Why attempts were refused, for lanes that will be looked at.
#[inline(never)]
fn note_refusals<const W: usize>(e: &mut Engine<'_, W>, outside: &Lanes<W>, poison: &Lanes<W>) {
    for l in 0..W {
        if e.remark.0[l] == 0.0 || e.accepted.0[l] != 0.0 {
            continue;
        }
        e.refusals[l] = if poison.0[l] != 0.0 {
            if e.matrix[0].0[l].is_nan() { Refusal::Singular } else { Refusal::NotFinite }
        } else if outside.0[l] != 0.0 {
            // The attempt was moved on to the bound it missed.
            let at_bound = |i: usize| {
                let (v, info) = (e.stage[i].0[l], &e.equations.states[i]);
                v <= info.lower || v >= info.upper
            };
            (0..e.x.len()).find(|&i| at_bound(i)).map_or(Refusal::Error, Refusal::Domain)
        } else {
            Refusal::Error
        };
    }
}

/// ln x to within 10⁻⁵ for positive normal numbers: the exponent, and 2 artanh((m-1)/(m+1)) of the mantissa by its series.
/// Step sizes need no more.
#[inline(always)]
fn ln_roughly(x: f64) -> f64 {
    const INTEGER: u64 = 0x4330_0000_0000_0000; // 2^52: integers below it, read as its last bits, are that much above it
    let bits = x.to_bits();
    let exponent = f64::from_bits((bits >> 52) | INTEGER) - (4_503_599_627_370_496.0 + 1023.0);
    let mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let q = s * s;
    let series = 2.0 * s * (1.0 + q * (1.0 / 3.0 + q * (1.0 / 5.0 + q * (1.0 / 7.0 + q * (1.0 / 9.0)))));
    exponent * std::f64::consts::LN_2 + series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rough_logarithms_are_right_to_five_digits() {
        for i in 0..2000 {
            let x = (-300.0 + 0.3 * f64::from(i)).exp();
            assert!((ln_roughly(x) - x.ln()).abs() < 1e-5, "{x}");
        }
    }
}
