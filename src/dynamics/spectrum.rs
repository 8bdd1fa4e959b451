//! Linear stability of an equilibrium: eigenvalues, or with lags the rightmost characteristic roots.
//!
//! ```text
//! det(λ I - A_0 - Σ_j A_j e^{-λ L_j}) = 0,     A_j = ∂f/∂x(t - L_j)
//! ```
//!
//! Without lags these are the eigenvalues of the Jacobian (`dense`). With lags there are infinitely many, of which
//! finitely many lie to the right of any vertical line; they are approximated by collocation (`collocation`) and each
//! is then corrected by Newton's method on the characteristic equation itself (`characteristic`) and kept only if it
//! satisfies it. The number of collocation points grows until corrections are small: until then a root might be
//! missing.

pub(crate) mod characteristic;
mod collocation;
mod dense;
pub(in crate::dynamics) mod gain;
mod qr;

use nalgebra::{Complex, DMatrix};

use crate::dynamics::newton::Equations;
use crate::process::field::Field;

/// How many roots to look for, and how hard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpectrumOptions {
    /// Number of rightmost roots wanted; an equation without lags gives all its eigenvalues regardless.
    pub wanted: usize,
    /// Largest order of a discretised generator.
    pub largest: usize,
}

impl Default for SpectrumOptions {
    fn default() -> Self {
        Self { wanted: 8, largest: 400 }
    }
}

/// One characteristic root.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mode {
    /// The root, in 1/s; its imaginary part is an angular frequency.
    pub value: Complex<f64>,
    /// Whether it satisfies the characteristic equation to rounding. If not, it is an approximation only.
    pub corrected: bool,
}

/// The rightmost roots.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum {
    /// Sorted by real part, largest first.
    pub modes: Vec<Mode>,
    /// Number of roots with positive real part.
    pub unstable: usize,
    /// Number of roots on the imaginary axis, to rounding.
    pub neutral: usize,
    /// Whether all roots lie to the left of the imaginary axis.
    pub stable: bool,
    /// Whether the collocation resolved all roots that decide on stability.
    pub settled: bool,
    /// Collocation points over the longest lag; zero without lags.
    pub nodes: usize,
}

/// Why there is no spectrum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpectrumError {
    /// The Jacobian is not finite.
    #[error("the Jacobian is not finite")]
    NotFinite,
    /// The QR algorithm did not converge.
    #[error("the eigenvalue iteration did not converge")]
    NoConvergence,
}

/// Collocation points tried, in this order.
const NODES: [usize; 6] = [12, 18, 27, 40, 60, 90];

/// The spectrum of `field` linearised at the equilibrium `x` for parameters `p`.
///
/// # Errors
///
/// [`SpectrumError`] if the Jacobian is not finite or its eigenvalues cannot be found.
pub fn spectrum<F: Field + ?Sized>(
    field: &F,
    p: &[f64],
    x: &[f64],
    options: &SpectrumOptions,
) -> Result<Spectrum, SpectrumError> {
    let mut equations = Equations::new(field, p);
    linear_spectrum(&equations.blocks(x).blocks, &field.lags(p), options)
}

/// The spectrum of `x'(t) = blocks[0] x(t) + Σ_j blocks[j] x(t - lags[j-1])`.
///
/// # Errors
///
/// As [`spectrum`].
pub fn linear_spectrum(
    blocks: &[DMatrix<f64>],
    lags: &[f64],
    options: &SpectrumOptions,
) -> Result<Spectrum, SpectrumError> {
    if blocks.iter().any(|b| b.iter().any(|v| !v.is_finite())) {
        return Err(SpectrumError::NotFinite);
    }
    // Lags that coincide are one lag: a mesh between them would have no width. Lags through which nothing is felt (such as
    // those at which only parameters are read) need no mesh.
    let (mut own, mut distinct) = (vec![blocks[0].clone()], Vec::<f64>::new());
    for (&lag, block) in lags.iter().zip(&blocks[1..]).filter(|(_, block)| block.iter().any(|v| *v != 0.0)) {
        match distinct.iter().position(|known| (known - lag).abs() <= 1e-9 * lag) {
            Some(same) => own[same + 1] += block,
            None => {
                distinct.push(lag);
                own.push(block.clone());
            }
        }
    }
    let (blocks, lags) = (own.as_slice(), distinct.as_slice());
    if lags.is_empty() {
        let values = dense::eigenvalues(&blocks[0]).ok_or(SpectrumError::NoConvergence)?;
        let modes = values.into_iter().map(|value| Mode { value, corrected: true }).collect();
        return Ok(finish(modes, blocks[0].norm(), true, 0));
    }
    let total = blocks.iter().fold(DMatrix::zeros(blocks[0].nrows(), blocks[0].ncols()), |sum, b| sum + b.abs());
    let d = dense::balance(&total);
    let blocks: Vec<DMatrix<f64>> = blocks.iter().map(|b| dense::scaled(b, &d)).collect();
    delayed_spectrum(&blocks, lags, options)
}

fn delayed_spectrum(
    blocks: &[DMatrix<f64>],
    lags: &[f64],
    options: &SpectrumOptions,
) -> Result<Spectrum, SpectrumError> {
    let signals: Vec<_> = blocks[1..].iter().zip(lags).filter_map(|(b, lag)| collocation::signals(b, *lag)).collect();
    let size: f64 = blocks.iter().map(DMatrix::norm).sum();
    let longest = lags.iter().copied().fold(0.0, f64::max);
    let mut last = Err(SpectrumError::NoConvergence);
    for (round, &nodes) in NODES.iter().enumerate() {
        if round > 0 && collocation::order(blocks[0].nrows(), &signals, nodes) > options.largest {
            break;
        }
        let generator = collocation::generator(&blocks[0], &signals, nodes);
        let Some(mut raw) = dense::eigenvalues(&generator) else { continue };
        raw.retain(|z| z.im >= 0.0);
        raw.sort_by(|a, b| b.re.total_cmp(&a.re).then(a.im.total_cmp(&b.im)));
        let (modes, settled) = correct_all(blocks, lags, &raw, longest, options.wanted);
        last = Ok(finish(modes, size, settled, nodes));
        if settled {
            break;
        }
    }
    last
}

/// Corrects the rightmost approximations; says whether those that decide on stability moved little, each to its own
/// root.
fn correct_all(
    blocks: &[DMatrix<f64>],
    lags: &[f64],
    raw: &[Complex<f64>],
    longest: f64,
    wanted: usize,
) -> (Vec<Mode>, bool) {
    let rightmost = raw.first().map_or(0.0, |z| z.re);
    let (mut modes, mut settled): (Vec<Mode>, bool) = (Vec::new(), true);
    for &z in raw {
        // Roots may line up along a vertical line without end: to the left of the axis only so many are looked at.
        let near_axis = z.re >= -0.1 / longest;
        if modes.len() >= wanted && !near_axis {
            break;
        }
        let decisive = near_axis || z.re >= rightmost - 2.0 / longest;
        let unit = z.norm() + 1.0 / longest;
        let root = characteristic::correct(blocks, lags, z).filter(|c| (c.value - z).norm() < 0.1 * unit);
        match root {
            Some(c) => {
                let mut value = c.value;
                if value.im.abs() < 1e-13 * unit {
                    value.im = 0.0;
                }
                value.im = value.im.abs();
                let known = modes.iter().any(|m| m.corrected && (m.value - value).norm() < 1e-9 * unit);
                settled &= !decisive || !known && (value - z).norm() < 1e-3 * unit;
                if !known {
                    modes.push(Mode { value, corrected: true });
                }
            }
            None if decisive => {
                settled = false;
                modes.push(Mode { value: z, corrected: false });
            }
            None => {}
        }
    }
    let conjugates: Vec<Mode> =
        modes.iter().filter(|m| m.value.im > 0.0).map(|m| Mode { value: m.value.conj(), ..*m }).collect();
    modes.extend(conjugates);
    (modes, settled)
}

fn finish(mut modes: Vec<Mode>, size: f64, settled: bool, nodes: usize) -> Spectrum {
    modes.sort_by(|a, b| b.value.re.total_cmp(&a.value.re).then(b.value.im.total_cmp(&a.value.im)));
    let rounding = 32.0 * f64::EPSILON * size;
    let unstable = modes.iter().filter(|m| m.value.re > rounding).count();
    let neutral = modes.iter().filter(|m| m.value.re.abs() <= rounding).count();
    Spectrum { unstable, neutral, stable: unstable == 0 && neutral == 0, settled, nodes, modes }
}

#[cfg(test)]
mod tests {
    use super::{Spectrum, SpectrumOptions, linear_spectrum, spectrum};
    use crate::dynamics::testing::{hutchinson, m1};
    use nalgebra::DMatrix;
    use std::f64::consts::{FRAC_PI_2, PI};

    fn scalar(a: f64, b: f64, lag: f64) -> Spectrum {
        let blocks = [DMatrix::from_element(1, 1, a), DMatrix::from_element(1, 1, b)];
        linear_spectrum(&blocks, &[lag], &SpectrumOptions::default()).unwrap()
    }

    #[test]
    fn hutchinson_at_its_hopf_point_has_roots_on_the_imaginary_axis() {
        let found = spectrum(&hutchinson(), &[FRAC_PI_2, 1.0], &[1.0], &SpectrumOptions::default()).unwrap();
        assert!(found.settled && found.neutral == 2 && found.unstable == 0, "{found:?}");
        assert!(found.modes[0].value.re.abs() < 1e-14 && (found.modes[0].value.im - FRAC_PI_2).abs() < 1e-14);
    }

    #[test]
    fn scalar_roots_are_values_of_the_lambert_function() {
        // x' = -x(t-1): λ = W_0(-1) = -0.3181315052047642 ± 1.3372357014306895 i, and W_1(-1).
        let found = scalar(0.0, -1.0, 1.0);
        let w0 = (-0.318_131_505_204_764_2, 1.337_235_701_430_689_5);
        let w1 = (-2.062_277_729_598_284, 7.588_631_178_472_513);
        for (mode, w) in [(found.modes[0], w0), (found.modes[2], w1)] {
            assert!((mode.value.re - w.0).abs() < 1e-13 && (mode.value.im - w.1).abs() < 1e-13, "{mode:?}");
        }
        // x' = x/2 + x(t - 2)/4: λ = a + W(b L e^{-a L})/L, with one real positive root.
        let found = scalar(0.5, 0.25, 2.0);
        let z = found.modes[0].value;
        let (w, argument) = (2.0 * (z.re - 0.5), 0.25 * 2.0 * (-1.0f64).exp());
        assert!(z.im == 0.0 && (w * w.exp() - argument).abs() < 1e-14 && found.unstable == 1, "{found:?}");
    }

    #[test]
    fn fast_node_beside_a_slow_delay_root_disturbs_nothing() {
        let mut a = DMatrix::zeros(2, 2);
        a[(0, 0)] = -800.0;
        a[(0, 1)] = 3.0;
        let mut b = DMatrix::zeros(2, 2);
        b[(1, 1)] = -FRAC_PI_2;
        let found = linear_spectrum(&[a, b], &[1.0], &SpectrumOptions::default()).unwrap();
        assert!(found.settled && found.neutral == 2 && found.unstable == 0, "{found:?}");
        assert!((found.modes[0].value.im - FRAC_PI_2).abs() < 1e-12);
    }

    #[test]
    fn fast_delayed_node_is_stable() {
        // x' = -800 x + 400 x(t - 1): |b| < -a, so all roots lie to the left; near ln(1/2) + 2πik.
        let found = scalar(-800.0, 400.0, 1.0);
        assert!(found.stable && found.settled, "{found:?}");
        let z = found.modes[0].value.re;
        assert!((z + 800.0 - 400.0 * (-z).exp()).abs() < 1e-10);
    }

    #[test]
    fn two_lags_of_different_size_are_both_seen() {
        // x' = -a (x(t-1) + x(t-L)): with λ = iω, ω = π/(1+L), a = ω / (2 cos(ω(L-1)/2)) is a Hopf point.
        let lag = 7.5;
        let omega = PI / (1.0 + lag);
        let a = omega / (2.0 * (0.5 * omega * (lag - 1.0)).cos());
        let block = DMatrix::from_element(1, 1, -a);
        let blocks = [DMatrix::zeros(1, 1), block.clone(), block];
        let found = linear_spectrum(&blocks, &[1.0, lag], &SpectrumOptions::default()).unwrap();
        assert!(found.settled && found.unstable == 0, "{found:?}");
        assert!(found.modes[0].value.re.abs() < 1e-13 && (found.modes[0].value.im - omega).abs() < 1e-13);
    }

    #[test]
    fn lags_that_coincide_add_up() {
        // x' = -x(t-1)/2 - x(t-1)/2 is x' = -x(t-1)
        let half = DMatrix::from_element(1, 1, -0.5);
        let blocks = [DMatrix::zeros(1, 1), half.clone(), half];
        let found = linear_spectrum(&blocks, &[1.0, 1.0], &SpectrumOptions::default()).unwrap();
        assert!(found.settled, "{found:?}");
        assert!((found.modes[0].value.re + 0.318_131_505_204_764_2).abs() < 1e-13, "{found:?}");
    }

    #[test]
    fn many_unstable_roots_are_all_counted() {
        // x' = -b x(t-1) gains a pair each time b passes π/2 + 2πk.
        for pairs in 1..=4u32 {
            let b = FRAC_PI_2 + 2.0 * PI * (f64::from(pairs) - 0.5);
            assert_eq!(scalar(0.0, -b, 1.0).unstable, 2 * pairs as usize);
        }
    }

    #[test]
    fn no_feedback_through_the_delay_leaves_the_instantaneous_eigenvalues() {
        let mut a = DMatrix::zeros(2, 2);
        a[(0, 0)] = -1.0;
        a[(1, 1)] = -2.0;
        let mut b = DMatrix::zeros(2, 2);
        b[(1, 0)] = 5.0;
        let found = linear_spectrum(&[a, b], &[3.0], &SpectrumOptions::default()).unwrap();
        assert!(found.stable && (found.modes[0].value.re + 1.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn states_of_m1_have_the_published_stability() {
        let field = m1();
        for (n, unstable) in [(0.333_259_629, 0), (1_913.818_825, 1), (4_999.0, 0)] {
            let x = [n, 0.5 * (1000.0 * n / (n + 1.0) - 249.95)];
            let found = spectrum(&field, &[249.95, 0.75], &x, &SpectrumOptions::default()).unwrap();
            assert_eq!(found.unstable, unstable, "{n}: {found:?}");
        }
    }
}
