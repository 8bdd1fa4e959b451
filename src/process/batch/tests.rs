//! Tests of batched evaluation: the same bits from every kernel, and agreement with evaluation one by one.

use super::{Batch, Kernel};
use crate::model::{expand, load};
use crate::process::field::Field;
use crate::process::fluid::Fluid;
use crate::process::lanes::Lanes;
use crate::process::number::Number;

const MODELS: [(&str, &str); 4] = [
    ("m1", include_str!("../../../models/m1.toml")),
    ("retry-storm", include_str!("../../../models/retry-storm.toml")),
    ("usl-contention", include_str!("../../../models/usl-contention.toml")),
    ("stale-throttle", include_str!("../../../models/stale-throttle.toml")),
];

fn fluid(name: &str, text: &str) -> Fluid {
    let model = load(text, name, &[]).unwrap().model;
    let closure = model.meta.closure;
    Fluid::new(expand::process(&model, closure).unwrap())
}

/// Points spread over several decades, without a random generator.
fn lanes<const W: usize>(seed: usize, scale: f64) -> Lanes<W> {
    Lanes(std::array::from_fn(|i| {
        let share = ((i + 1) as f64 * 0.618_033_988_749_894_9 + seed as f64 * 0.324_717_957_244_746).fract();
        scale * (10.0 * share - 4.0).exp2()
    }))
}

fn evaluate<const W: usize>(fluid: &Fluid, kernel: Kernel) -> Vec<Lanes<W>> {
    let (_, layout) = fluid.tape();
    let mut batch = Batch::<W>::with_kernel(fluid, kernel);
    let p = fluid.parameters();
    let own: Vec<Lanes<W>> =
        p.iter().enumerate().map(|(k, &v)| if k == 0 { lanes::<W>(77, v) } else { Lanes::constant(v) }).collect();
    let scale = |i: usize| fluid.states()[i % layout.states].scale;
    let x: Vec<Lanes<W>> = (0..layout.states).map(|i| lanes(i, scale(i))).collect();
    let past: Vec<Lanes<W>> = (0..layout.states * layout.lags).map(|i| lanes(i + 31, scale(i))).collect();
    let mut dx = vec![Lanes::constant(f64::NAN); layout.states];
    batch.set_parameters(&own);
    batch.rhs(Lanes::constant(2.0), &x, &past, &mut dx);
    dx
}

fn bits<const W: usize>(values: &[Lanes<W>]) -> Vec<u64> {
    values.iter().flat_map(|v| v.0).map(f64::to_bits).collect()
}

#[test]
fn every_kernel_gives_the_same_bits() {
    for (name, text) in MODELS {
        let fluid = fluid(name, text);
        let reference = bits(&evaluate::<16>(&fluid, Kernel::Portable));
        for kernel in Kernel::ALL {
            assert_eq!(bits(&evaluate::<16>(&fluid, kernel)), reference, "{name} {kernel:?}");
        }
    }
}

#[test]
fn width_does_not_matter() {
    let fluid = fluid(MODELS[0].0, MODELS[0].1);
    let (narrow, wide) = (evaluate::<8>(&fluid, Kernel::best()), evaluate::<32>(&fluid, Kernel::best()));
    for (a, b) in narrow.iter().zip(&wide) {
        assert_eq!(a.0[..], b.0[..8]);
    }
}

#[test]
fn lanes_agree_with_points_one_by_one() {
    // Both equations of m1 are differences: compare with the size of their terms.
    let fluid = fluid(MODELS[0].0, MODELS[0].1);
    let mut batch = Batch::<16>::new(&fluid);
    let p = fluid.parameters();
    let x = [lanes::<16>(1, 500.0), lanes::<16>(2, 100.0)];
    let mut dx = [Lanes::constant(0.0); 2];
    batch.share_parameters(&p);
    batch.rhs(Lanes::constant(0.0), &x, &[], &mut dx);
    for i in 0..16 {
        let (mut one, point) = ([0.0; 2], [x[0].0[i], x[1].0[i]]);
        fluid.rhs(0.0, &point, &[], &p, &mut one);
        let size = 1000.0f64.max(2.0 * point[1]);
        for k in 0..2 {
            assert!((dx[k].0[i] - one[k]).abs() <= 2.0 * f64::EPSILON * size, "{i} {k}: {} {}", dx[k].0[i], one[k]);
        }
    }
}

#[test]
fn parameters_are_those_of_the_lane() {
    for (name, text) in [MODELS[0], MODELS[2]] {
        let fluid = fluid(name, text);
        let (_, layout) = fluid.tape();
        let dx = evaluate::<8>(&fluid, Kernel::best());
        for i in 0..8 {
            let mut p = fluid.parameters();
            p[0] = lanes::<8>(77, p[0]).0[i];
            let scale = |i: usize| fluid.states()[i % layout.states].scale;
            let x: Vec<f64> = (0..layout.states).map(|s| lanes::<8>(s, scale(s)).0[i]).collect();
            let past: Vec<f64> = (0..layout.states * layout.lags).map(|s| lanes::<8>(s + 31, scale(s)).0[i]).collect();
            let mut one = vec![0.0; layout.states];
            // The lags of these models are declared in ascending order.
            fluid.rhs(2.0, &x, &past, &p, &mut one);
            for (k, value) in one.iter().enumerate() {
                let found = dx[k].0[i];
                assert!((found - value).abs() <= 1e-12 * (1.0 + value.abs()), "{name} {i} {k}: {found} {value}");
            }
        }
    }
}

#[test]
fn missing_instruction_sets_fall_back() {
    let fluid = fluid(MODELS[0].0, MODELS[0].1);
    for kernel in Kernel::ALL {
        let chosen = Batch::<8>::with_kernel(&fluid, kernel).kernel();
        assert!(chosen == kernel || chosen == Kernel::Portable && !kernel.is_available());
    }
}
