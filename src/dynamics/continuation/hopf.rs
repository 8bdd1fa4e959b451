//! Hopf points: where a pair of complex characteristic roots crosses the imaginary axis.
//!
//! Between two points of a branch with `m` and more than `m` unstable roots, the real part of the root that is number
//! `m + 1` from the right is a continuous function along the branch with a change of sign. It is located by the
//! Illinois variant of regula falsi with bisection as safeguard. Each root is corrected on the characteristic
//! equation, so that the crossing is found to rounding; its imaginary part is the angular frequency of the
//! oscillation that starts there. Between the ends of the bracket the root is first followed by Newton's method from its
//! neighbours, which costs no spectrum; what does not end on the axis that way is located again from full spectra. Y. Kuznetsov, *Elements of Applied Bifurcation Theory*, sections 3.4 and 10.2; for
//! delays K. Engelborghs & D. Roose, SIAM J. Numer. Anal. 40 (2002) 629-650.

use nalgebra::Complex;

use super::curve::Curve;
use super::system::System;
use super::{Bracket, HopfPoint, Location};
use crate::dynamics::spectrum::{SpectrumOptions, characteristic, linear_spectrum};
use crate::process::field::Field;

const ROUNDS: usize = 80;
/// Largest real part of a refined pair, relative to its frequency.
const ACCEPTED: f64 = 1e-10;

/// Locates the crossing between the points `a` and `b`, the one with fewer unstable roots having `fewer` of them.
/// `None` if the roots that cross are real: a fold or branch point, found by other means.
pub(super) fn locate<F: Field + ?Sized>(
    system: &mut System<'_, F>,
    a: &[f64],
    b: &[f64],
    fewer: usize,
    options: &SpectrumOptions,
) -> Option<Location<HopfPoint>> {
    // The root that crosses must be among those that are listed.
    let options = SpectrumOptions { wanted: options.wanted.max(fewer + 2), ..*options };
    let (Some(za), Some(zb)) = (root(system, a, fewer, &options), root(system, b, fewer, &options)) else {
        return Some(Location::Unrefined(Bracket::of(system, a, b)));
    };
    let ends = (End { y: a, root: za }, End { y: b, root: zb });
    let follow = &mut |system: &mut System<'_, F>, y: &[f64], guess: Complex<f64>| {
        let reach = 0.5 * (za - zb).norm();
        tracked(system, y, guess).filter(|z| (z - guess).norm() <= reach).or_else(|| root(system, y, fewer, &options))
    };
    match bisect(system, &ends, follow) {
        Some(Location::Refined(point)) => Some(Location::Refined(point)),
        _ => bisect(system, &ends, &mut |system, y, _| root(system, y, fewer, &options)),
    }
}

/// One end of the bracket.
struct End<'a> {
    y: &'a [f64],
    root: Complex<f64>,
}

/// Gives the root to watch at a point, from a guess.
type Watch<'a, 'f, F> = &'a mut dyn FnMut(&mut System<'f, F>, &[f64], Complex<f64>) -> Option<Complex<f64>>;

fn bisect<'f, F: Field + ?Sized>(
    system: &mut System<'f, F>,
    ends: &(End<'_>, End<'_>),
    watch: Watch<'_, 'f, F>,
) -> Option<Location<HopfPoint>> {
    let (a, b) = (ends.0.y, ends.1.y);
    let (za, zb) = (ends.0.root, ends.1.root);
    let (mut ya, mut yb) = (a.to_vec(), b.to_vec());
    let unrefined =
        |system: &mut System<'_, F>, l: &[f64], r: &[f64]| Some(Location::Unrefined(Bracket::of(system, l, r)));
    let (mut low, mut high, mut fl, mut fh) = (0.0, 1.0, za.re, zb.re);
    if (fl < 0.0) == (fh < 0.0) {
        return unrefined(system, a, b);
    }
    let (mut zl, mut zh) = (za, zb);
    let falling = fl > 0.0;
    let mut best = if fl.abs() < fh.abs() { (ya.clone(), za) } else { (yb.clone(), zb) };
    let mut last = 0;
    for round in 0..ROUNDS {
        let secant = high - fh * (high - low) / (fh - fl);
        let theta = if round % 4 != 3 && low < secant && secant < high { secant } else { 0.5 * (low + high) };
        if !(low < theta && theta < high) || best.1.re.abs() <= 4.0 * f64::EPSILON * best.1.im.abs() {
            break;
        }
        let Some(y) = system.between(a, b, theta) else { break };
        let guess = zl + (zh - zl) * ((theta - low) / (high - low));
        let Some(z) = watch(system, &y, guess) else { break };
        if z.re.abs() < best.1.re.abs() {
            best = (y.clone(), z);
        }
        if (z.re > 0.0) == falling {
            (low, fl, ya, zl) = (theta, z.re, y, z);
            if last == -1 {
                fh *= 0.5;
            }
            last = -1;
        } else {
            (high, fh, yb, zh) = (theta, z.re, y, z);
            if last == 1 {
                fl *= 0.5;
            }
            last = 1;
        }
    }
    let (y, z) = best;
    if z.im.abs() <= 1e-6 * z.norm() || z.im == 0.0 {
        return None;
    }
    if z.re.abs() > ACCEPTED * z.im.abs() {
        return unrefined(system, &ya, &yb);
    }
    let x = system.states(&y);
    Some(Location::Refined(HopfPoint { x, parameter: system.unit * y[system.dim], omega: z.im.abs(), real_part: z.re }))
}

/// The root at `y` that Newton's method finds from `guess`.
fn tracked<F: Field + ?Sized>(system: &mut System<'_, F>, y: &[f64], guess: Complex<f64>) -> Option<Complex<f64>> {
    system.go(y);
    let lags = system.equations.field.lags(&system.equations.p);
    let x = system.x.clone();
    let z = characteristic::correct(&system.equations.blocks(&x).blocks, &lags, guess)?.value;
    Some(Complex::new(z.re, z.im.abs()))
}

/// Root number `index` from the right at `y`, corrected.
fn root<F: Field + ?Sized>(
    system: &mut System<'_, F>,
    y: &[f64],
    index: usize,
    options: &SpectrumOptions,
) -> Option<Complex<f64>> {
    system.go(y);
    let lags = system.equations.field.lags(&system.equations.p);
    let x = system.x.clone();
    let blocks = &system.equations.blocks(&x).blocks;
    let mode = *linear_spectrum(blocks, &lags, options).ok()?.modes.get(index)?;
    let corrected = characteristic::correct(blocks, &lags, mode.value).map(|c| c.value);
    Some(corrected.filter(|z| (z - mode.value).norm() < 1e-6 * mode.value.norm()).unwrap_or(mode.value))
}
