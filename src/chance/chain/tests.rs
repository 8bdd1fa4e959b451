//! Chains with known answers, and the same answers by other ways.

use super::*;
use super::lattice::Axis;

const ROOM: u64 = 1 << 32;

fn lattice(sizes: &[usize]) -> Lattice {
    let axis = |&size: &usize| Axis { name: "x".to_owned(), low: 0.0, step: 1.0, size };
    Lattice::new(sizes.iter().map(axis).collect()).expect("small")
}

fn line(n: usize, up: impl Fn(usize) -> f64, down: impl Fn(usize) -> f64) -> Chain {
    let ups = (0..n - 1).map(|i| (i, i + 1, up(i)));
    let downs = (1..n).map(|i| (i, i - 1, down(i)));
    Chain::new(lattice(&[n]), Generator::from_triples(n, ups.chain(downs)))
}

fn only(n: usize, state: usize) -> Vec<bool> {
    (0..n).map(|i| i == state).collect()
}

fn close(found: f64, wanted: f64, tolerance: f64) {
    assert!((found / wanted - 1.0).abs() <= tolerance, "{found:e} instead of {wanted:e}: {:e}", found / wanted - 1.0);
}

#[test]
fn a_single_server_has_a_geometric_queue_and_a_known_gap() {
    let (load, service, k) = (0.8_f64, 1.0_f64, 200);
    let chain = line(k + 1, |_| load, |_| service);
    let stationary = chain.stationary(ROOM).expect("solved");
    let total: f64 = (0..=k).map(|n| load.powi(n as i32)).sum();
    (0..=k).for_each(|n| close(stationary[n], load.powi(n as i32) / total, 1e-13));
    let modes = chain.modes(&stationary, 2, ROOM).expect("found");
    // Takacs: λ + μ - 2 √(λμ) cos(π j/(K + 1)), j = 1..K
    let mode = |j: f64| load + service - 2.0 * (load * service).sqrt() * (std::f64::consts::PI * j / (k as f64 + 1.0)).cos();
    close(modes.values[0].re, mode(1.0), 1e-9);
    close(modes.values[1].re, mode(2.0), 1e-9);
    assert!(modes.values.iter().all(|v| v.im == 0.0));
}

#[test]
fn several_servers_and_no_room_to_wait() {
    // M/M/c/K and Erlang B: π_n ∝ Π λ/(min(n, c) μ)
    for (c, k) in [(4_usize, 30_usize), (25, 25)] {
        let (load, service) = (3.2, 0.9);
        let chain = line(k + 1, |_| load, |n| n.min(c) as f64 * service);
        let stationary = chain.stationary(ROOM).expect("solved");
        let mut weights = vec![1.0];
        for n in 1..=k {
            weights.push(weights[n - 1] * load / (n.min(c) as f64 * service));
        }
        let total: f64 = weights.iter().sum();
        (0..=k).for_each(|n| close(stationary[n], weights[n] / total, 1e-13));
        if c == k {
            let offered = load / service;
            let erlang = (1..=c).fold(1.0, |b, n| offered * b / (n as f64 + offered * b));
            close(stationary[k], erlang, 1e-13);
        }
    }
}

#[test]
fn passages_of_a_birth_death_chain_at_all_scales() {
    // T(i → i+1) = 1/λ_i + μ_i/λ_i T(i-1 → i), all terms positive
    for (load, n) in [(0.9_f64, 50_usize), (0.5, 60), (0.2, 100), (0.05, 120)] {
        let chain = line(n + 1, |_| load, |_| 1.0);
        let passage = chain.passage(&only(n + 1, n), ROOM).expect("solved");
        let (mut step, mut total) = (0.0, 0.0);
        for i in 0..n {
            step = 1.0 / load + if i > 0 { step / load } else { 0.0 };
            total += step;
        }
        close(passage.mean[0], total, 1e-12);
        // So rare an event comes at an exponential time.
        if total > 1e15 {
            close(chain.deviation(&passage)[0], total, 1e-6);
        }
    }
}

#[test]
fn urns_exchange_balls() {
    // Ehrenfest: binomial, modes j·(a + b), and the decay of the quasi-stationary law
    let (n, a, b) = (60_usize, 0.3, 0.7);
    let chain = line(n + 1, |i| a * (n - i) as f64, |i| b * i as f64);
    let stationary = chain.stationary(ROOM).expect("solved");
    let mut binomial = (b / (a + b)).powi(n as i32);
    for i in 0..=n {
        close(stationary[i], binomial, 1e-12);
        binomial *= a / b * (n - i) as f64 / (i + 1) as f64;
    }
    let modes = chain.modes(&stationary, 3, ROOM).expect("found");
    (0..3).for_each(|j| close(modes.values[j].re, (j + 1) as f64 * (a + b), 1e-9));
    let passage = chain.passage(&only(n + 1, n), ROOM).expect("solved");
    let (mut step, mut total) = (0.0, 0.0);
    for i in 0..n {
        step = (1.0 + b * i as f64 * step) / (a * (n - i) as f64);
        total += step;
    }
    close(passage.mean[0], total, 1e-12);
    let quasi = chain.quasi_stationary(&passage.factors).expect("found");
    close(quasi.distribution.iter().sum(), 1.0, 1e-12);
    // Flow out of the quasi-stationary law is its decay rate.
    close(quasi.distribution[n - 1] * a, 1.0 / quasi.stay, 1e-9);
}

/// Two independent single servers.
fn two_queues(k: usize) -> Chain {
    let (lattice, loads) = (lattice(&[k + 1, k + 1]), [0.7, 0.9]);
    let mut triples = Vec::new();
    for i in 0..lattice.len() {
        for axis in 0..2 {
            let place = lattice.coordinate(i, axis);
            if place < k {
                triples.push((i, i + lattice.stride(axis), loads[axis]));
            }
            if place > 0 {
                triples.push((i, i - lattice.stride(axis), 1.0));
            }
        }
    }
    let generator = Generator::from_triples(lattice.len(), triples);
    Chain::new(lattice, generator)
}

#[test]
fn independent_queues_have_a_product_form() {
    let k = 40;
    let chain = two_queues(k);
    let stationary = chain.stationary(ROOM).expect("solved");
    let total = |load: f64| (0..=k).map(|n| load.powi(n as i32)).sum::<f64>();
    for i in 0..chain.len() {
        let (a, b) = (chain.lattice().coordinate(i, 0), chain.lattice().coordinate(i, 1));
        close(stationary[i], 0.7_f64.powi(a as i32) * 0.9_f64.powi(b as i32) / (total(0.7) * total(0.9)), 1e-12);
    }
    let modes = chain.modes(&stationary, 1, ROOM).expect("found");
    let slowest = 1.9 - 2.0 * 0.9_f64.sqrt() * (std::f64::consts::PI / (k as f64 + 1.0)).cos();
    close(modes.gap(), slowest, 1e-9);
}

#[test]
fn the_spread_of_a_sum_of_steps_is_known() {
    // A pure birth process: the passage is a sum of exponential times.
    let n = 40;
    let chain = line(n + 1, |i| (i + 1) as f64, |_| 0.0);
    let passage = chain.passage(&only(n + 1, n), ROOM).expect("solved");
    let variance: f64 = (1..=n).map(|i| (i as f64).powi(-2)).sum();
    close(chain.deviation(&passage)[0], variance.sqrt(), 1e-13);
}
