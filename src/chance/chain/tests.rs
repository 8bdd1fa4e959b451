//! Chains with known answers, and the same answers by other ways.

use super::lattice::Axis;
use super::*;

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
    let mode =
        |j: f64| load + service - 2.0 * (load * service).sqrt() * (std::f64::consts::PI * j / (k as f64 + 1.0)).cos();
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
    for (i, &share) in stationary.iter().enumerate() {
        close(share, binomial, 1e-12);
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
        for (axis, &load) in loads.iter().enumerate() {
            let place = lattice.coordinate(i, axis);
            if place < k {
                triples.push((i, i + lattice.stride(axis), load));
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
    for (i, &share) in stationary.iter().enumerate() {
        let (a, b) = (chain.lattice().coordinate(i, 0), chain.lattice().coordinate(i, 1));
        close(share, 0.7_f64.powi(a as i32) * 0.9_f64.powi(b as i32) / (total(0.7) * total(0.9)), 1e-12);
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

/// A number with about 31 digits (Dekker 1971): high part and low part.
#[derive(Clone, Copy)]
struct Long(f64, f64);

impl Long {
    fn of(high: f64, low: f64) -> Self {
        let sum = high + low;
        Self(sum, low - (sum - high))
    }
    fn add(self, o: Self) -> Self {
        let sum = self.0 + o.0;
        let part = sum - self.0;
        let error = (self.0 - (sum - part)) + (o.0 - part);
        Self::of(sum, error + self.1 + o.1)
    }
    fn mul(self, o: Self) -> Self {
        let product = self.0 * o.0;
        Self::of(product, self.0.mul_add(o.0, -product) + self.0 * o.1 + self.1 * o.0)
    }
    fn neg(self) -> Self {
        Self(-self.0, -self.1)
    }
    fn div(self, o: Self) -> Self {
        let first = self.0 / o.0;
        let rest = self.add(o.mul(Self(first, 0.0)).neg());
        let second = rest.0 / o.0;
        let rest = rest.add(o.mul(Self(second, 0.0)).neg());
        Self::of(first, second).add(Self(rest.0 / o.0, 0.0))
    }
}

/// Solves (-Q restricted to `inside`) x = b by ordinary elimination, subtractions and all, in long numbers.
fn ordinary(q: &Generator, inside: &[usize], b: &[f64]) -> Vec<f64> {
    let n = inside.len();
    let zero = Long(0.0, 0.0);
    let mut a = vec![vec![zero; n + 1]; n];
    for (r, &i) in inside.iter().enumerate() {
        for (j, rate) in q.row(i) {
            a[r][r] = a[r][r].add(Long(rate, 0.0));
            if let Some(c) = inside.iter().position(|&s| s == j) {
                a[r][c] = a[r][c].add(Long(-rate, 0.0));
            }
        }
        a[r][n] = Long(b[i], 0.0);
    }
    for k in 0..n {
        for r in k + 1..n {
            let factor = a[r][k].div(a[k][k]);
            let (above, below) = a.split_at_mut(r);
            for (to, from) in below[0].iter_mut().zip(&above[k]).skip(k) {
                *to = to.add(factor.mul(*from).neg());
            }
        }
    }
    let mut x = vec![zero; n];
    for k in (0..n).rev() {
        let sum = (k + 1..n).fold(a[k][n], |sum, c| sum.add(a[k][c].mul(x[c]).neg()));
        x[k] = sum.div(a[k][k]);
    }
    x.into_iter().map(|v| v.0).collect()
}

/// Random numbers in 0..1.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// A chain with rates over eight decades between random states, every state with a way to the next.
fn random(n: usize, seed: u64) -> Generator {
    let mut next = uniform(seed);
    let mut triples = Vec::new();
    for i in 0..n {
        triples.push((i, (i + 1) % n, 10.0_f64.powf(-8.0 * next())));
        for _ in 0..3 {
            triples.push((i, (next() * n as f64) as usize, 10.0_f64.powf(-8.0 * next())));
        }
    }
    Generator::from_triples(n, triples)
}

#[test]
fn random_chains_agree_with_elimination_in_31_digits() {
    for seed in 1..=30 {
        let n = 6 + seed as usize;
        let q = random(n, seed);
        let chain = Chain::new(lattice(&[n]), q.clone());
        let target = only(n, 2);
        let inside: Vec<usize> = (0..n).filter(|&i| i != 2).collect();
        let passage = chain.passage(&target, ROOM).expect("solved");
        let exact = ordinary(&q, &inside, &vec![1.0; n]);
        inside.iter().zip(&exact).for_each(|(&i, &m)| close(passage.mean[i], m, 1e-13));
        let second = ordinary(&q, &inside, &passage.mean.iter().map(|m| 2.0 * m).collect::<Vec<_>>());
        let deviation = chain.deviation(&passage);
        for ((&i, s), m) in inside.iter().zip(&second).zip(&exact) {
            if s / (m * m) > 1.5 {
                close(deviation[i], (s - m * m).sqrt(), 1e-12);
            }
        }
        let between: Vec<usize> = (0..n).filter(|&i| i != 2 && i != 5).collect();
        let into: Vec<f64> = (0..n).map(|i| q.row(i).filter(|r| r.0 == 5).map(|r| r.1).sum()).collect();
        let committor = chain.committor(&target, &only(n, 5), ROOM).expect("solved");
        let exact = ordinary(&q, &between, &into);
        between.iter().zip(&exact).for_each(|(&i, &h)| assert!((committor[i] - h).abs() <= 1e-13 * h.abs()));
        assert_eq!((committor[2], committor[5]), (0.0, 1.0));
        // Cycle formula: the share of time in a state is its stay over the time between visits.
        let stationary = chain.stationary(ROOM).expect("solved");
        let rate: f64 = q.row(2).map(|r| r.1).sum();
        let back: f64 = q.row(2).map(|(j, r)| r / rate * passage.mean[j]).sum();
        close(stationary[2], 1.0 / rate / (1.0 / rate + back), 1e-13);
    }
}

#[test]
fn the_order_does_not_matter() {
    let chain = two_queues(12);
    let n = chain.len();
    let target: Vec<bool> = (0..n).map(|i| i >= n - 3).collect();
    let (stationary, passage) =
        (chain.stationary(ROOM).expect("solved"), chain.passage(&target, ROOM).expect("solved"));
    let forwards: Vec<u32> = (0..n as u32).collect();
    let backwards: Vec<u32> = forwards.iter().rev().copied().collect();
    let mut shuffled = forwards.clone();
    let mut next = uniform(5);
    (1..n).for_each(|i| shuffled.swap(i, (next() * (i + 1) as f64) as usize));
    for order in [forwards, backwards, shuffled] {
        let other = Chain::with_order(chain.lattice().clone(), chain.generator().clone(), Dissection::whole(order));
        let again = other.stationary(ROOM).expect("solved");
        let times = other.passage(&target, ROOM).expect("solved").mean;
        for i in 0..n {
            close(again[i], stationary[i], 1e-13);
            assert!(target[i] || (times[i] / passage.mean[i] - 1.0).abs() < 1e-13);
        }
    }
}

#[test]
fn a_cycle_has_complex_modes() {
    let chain = Chain::new(lattice(&[3]), Generator::from_triples(3, (0..3).map(|i| (i, (i + 1) % 3, 1.0))));
    let modes = chain.modes(&chain.stationary(ROOM).expect("solved"), 1, ROOM).expect("found");
    assert_eq!(modes.values.len(), 2, "a pair");
    close(modes.gap(), 1.5, 1e-12);
    close(modes.values[0].im.abs(), 0.75_f64.sqrt(), 1e-12);
}

#[test]
fn a_gap_of_ten_to_the_minus_fourteen_has_all_its_digits() {
    // Two clusters; every state of one goes to the other at the same total rate, so that the slow mode is that of two
    // states with these rates.
    let (k, there, back) = (20, 1e-14, 3e-15);
    let mut triples = Vec::new();
    for i in 0..k {
        for j in 0..k {
            triples.push((i, j, 0.5));
            triples.push((k + i, k + j, 2.0));
            triples.push((i, k + j, there / k as f64));
            triples.push((k + i, j, back / k as f64));
        }
    }
    let chain = Chain::new(lattice(&[2 * k]), Generator::from_triples(2 * k, triples));
    let stationary = chain.stationary(ROOM).expect("solved");
    close(stationary[..k].iter().sum(), back / (there + back), 1e-12);
    close(chain.modes(&stationary, 1, ROOM).expect("found").gap(), there + back, 1e-10);
}

#[test]
fn what_is_known_in_advance_is_what_is_needed() {
    let chain = two_queues(30);
    let plan = chain.plan(|_| true);
    assert_eq!(plan.len(), 961);
    let needed = plan.bytes();
    assert_eq!(chain.stationary(needed - 1), Err(ChainError::Memory { needed, allowed: needed - 1 }));
    assert!(chain.stationary(needed).is_ok());
}

#[test]
fn a_chain_with_two_ends_says_so() {
    // 0 ← 1 ⇄ 2 → 3: from 1 the end 0 is reached with probability 2/3.
    let q = Generator::from_triples(4, [(1, 0, 1.0), (1, 2, 1.0), (2, 1, 1.0), (2, 3, 1.0)]);
    let chain = Chain::new(lattice(&[4]), q);
    assert_eq!(chain.stationary(ROOM), Err(ChainError::SeveralClasses(2)));
    let passage = chain.passage(&only(4, 0), ROOM).expect("solved");
    assert!(passage.mean[0] == 0.0 && passage.mean[1..].iter().all(|m| *m == f64::INFINITY));
    let committor = chain.committor(&only(4, 3), &only(4, 0), ROOM).expect("solved");
    close(committor[1], 2.0 / 3.0, 1e-15);
    close(committor[2], 1.0 / 3.0, 1e-15);
}
