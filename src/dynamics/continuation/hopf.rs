//! Hopf points: where a pair of complex characteristic roots crosses the imaginary axis.
//!
//! Between two points of a branch with `m` and more than `m` unstable roots, the real part of the root that is number
//! `m + 1` from the right is a continuous function along the branch with a change of sign. It is located by the
//! Illinois variant of regula falsi with bisection as safeguard. Each root is corrected on the characteristic
//! equation, so that the crossing is found to rounding; its imaginary part is the angular frequency of the
//! oscillation that starts there. Y. Kuznetsov, *Elements of Applied Bifurcation Theory*, sections 3.4 and 10.2; for
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
    let unrefined =
        |system: &mut System<'_, F>, l: &[f64], r: &[f64]| Some(Location::Unrefined(Bracket::of(system, l, r)));
    let at = |system: &mut System<'_, F>, theta: f64| -> Option<(Vec<f64>, Complex<f64>)> {
        let y = if theta == 0.0 {
            a.to_vec()
        } else if theta == 1.0 {
            b.to_vec()
        } else {
            system.between(a, b, theta)?
        };
        let root = root(system, &y, fewer, options)?;
        Some((y, root))
    };
    let (Some((mut ya, za)), Some((mut yb, zb))) = (at(system, 0.0), at(system, 1.0)) else {
        return unrefined(system, a, b);
    };
    let (mut low, mut high, mut fl, mut fh) = (0.0, 1.0, za.re, zb.re);
    if (fl < 0.0) == (fh < 0.0) {
        return unrefined(system, a, b);
    }
    let falling = fl > 0.0;
    let mut best = if fl.abs() < fh.abs() { (ya.clone(), za) } else { (yb.clone(), zb) };
    let mut last = 0;
    for round in 0..ROUNDS {
        let secant = high - fh * (high - low) / (fh - fl);
        let theta = if round % 4 != 3 && low < secant && secant < high { secant } else { 0.5 * (low + high) };
        if !(low < theta && theta < high) || best.1.re.abs() <= 4.0 * f64::EPSILON * best.1.im.abs() {
            break;
        }
        let Some((y, z)) = at(system, theta) else { break };
        if z.re.abs() < best.1.re.abs() {
            best = (y.clone(), z);
        }
        if (z.re > 0.0) == falling {
            (low, fl, ya) = (theta, z.re, y);
            if last == -1 {
                fh *= 0.5;
            }
            last = -1;
        } else {
            (high, fh, yb) = (theta, z.re, y);
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
