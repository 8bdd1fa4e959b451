//! One step of Rodas5P, a stiffly accurate, L-stable Rosenbrock method of order 5 with an embedded method of order 4
//! and a dense output of order 4.
//!
//! ```text
//! (I/(γh) - J) k_i = f(t + c_i h, x + Σ_{j<i} a_ij k_j) + h d_i f_t + (1/h) Σ_{j<i} C_ij k_j,      i = 1..8
//! x(t + h) = x + Σ_{j<=5} a_6j k_j + k_6 + k_7 + k_8,        local error ≈ k_8
//! x(t + θh) = (1-θ) x(t) + θ (x(t+h) + (1-θ)(K_1 + θ (K_2 + θ K_3))),      K_m = Σ_j H_mj k_j
//! ```
//!
//! With constant lags and `h` no larger than the smallest of them the delayed states are known functions of time, so
//! the system is an ordinary one whose total time derivative is `f_t = ∂f/∂t + Σ_j ∂f/∂x(t-L_j) x'(t-L_j)`; leaving
//! out the second term would cost the method its order.
//!
//! G. Steinebach, *Construction of Rosenbrock-Wanner method Rodas5P and numerical benchmarks within the Julia
//! Differential Equations package*, BIT Numer. Math. 63, 27 (2023). General theory: Hairer & Wanner, *Solving Ordinary
//! Differential Equations II*, section IV.7.

use crate::dynamics::linear::Lu;
use crate::process::field::{Field, Jacobian};

const STAGES: usize = 8;
const GAMMA: f64 = 0.211_937_563_194_290_14;

/// Abscissae of the stages; the last three sit at the end of the step.
pub(super) const NODES: [f64; STAGES] = [
    0.0,
    0.635_812_689_582_870_4,
    0.409_579_839_339_753_5,
    0.976_930_672_506_071_6,
    0.428_840_360_955_866_4,
    1.0,
    1.0,
    1.0,
];

/// Weights of the time derivative.
const TIME: [f64; STAGES] = [
    GAMMA,
    -0.423_875_126_388_580_27,
    -0.338_462_712_623_592_4,
    1.804_645_287_288_273_4,
    2.325_825_639_765_069,
    0.0,
    0.0,
    0.0,
];

/// Strictly lower triangle of `a`, rows 2 to 6. Rows 7 and 8 repeat row 6 with further ones.
const A: [&[f64]; 6] = [
    &[],
    &[3.0],
    &[2.849_394_379_747_939, 0.458_422_422_044_639_23],
    &[-6.954_028_509_809_101, 2.489_845_061_869_568, -10.358_996_098_473_584],
    &[2.802_998_627_562_896_4, 0.507_246_473_622_820_6, -0.398_831_254_177_052_4, -0.047_211_872_304_046_41],
    &[
        -7.502_846_399_306_121,
        2.561_846_144_803_919,
        -11.627_539_656_261_098,
        -0.182_687_676_599_422_56,
        0.030_198_172_008_377_946,
    ],
];

/// Strictly lower triangle of `C`.
const C: [&[f64]; STAGES] = [
    &[],
    &[-14.155_112_264_123_755],
    &[-17.972_960_358_859_52, -2.859_693_295_451_294],
    &[147.121_502_757_117_16, -1.412_214_027_182_13, 71.689_402_513_023_58],
    &[165.435_170_248_716_76, -0.459_282_345_649_112_6, 42.909_383_369_586_03, -5.961_986_721_573_306],
    &[
        24.854_864_614_690_072,
        -3.000_922_700_283_218_6,
        47.493_111_002_076_8,
        5.581_419_782_155_812_5,
        -0.661_069_182_524_947_1,
    ],
    &[
        30.912_732_140_285_99,
        -3.120_824_334_993_797_4,
        77.799_546_460_708_92,
        34.286_460_282_947_83,
        -19.097_331_116_725_623,
        -28.087_943_162_872_662,
    ],
    &[
        37.802_771_233_905_63,
        -3.257_196_902_907_227_6,
        112.269_188_494_963_27,
        66.934_723_124_404_7,
        -40.066_189_370_910_02,
        -54.667_802_628_779_68,
        -9.488_616_523_096_27,
    ],
];

/// Dense output.
const H: [[f64; STAGES]; 3] = [
    [
        25.948_786_856_663_858,
        -2.557_972_484_584_623_5,
        10.433_815_404_888_879,
        -2.367_925_102_268_520_4,
        0.524_948_541_321_073,
        1.124_108_831_045_040_4,
        0.427_287_619_443_187_4,
        -0.172_022_210_701_554_93,
    ],
    [
        -9.915_688_506_951_71,
        -0.968_994_459_411_515_4,
        3.043_803_724_297_845_3,
        -24.495_224_566_215_796,
        20.176_138_334_709_044,
        15.980_663_614_246_51,
        -6.789_040_303_419_874,
        -6.710_236_069_923_372,
    ],
    [
        11.419_903_575_922_262,
        2.887_964_514_613_699_4,
        72.921_379_959_960_29,
        80.125_118_346_226_43,
        -52.072_871_366_152_654,
        -59.789_936_252_667_29,
        -0.155_826_842_827_519_13,
        4.883_087_185_713_722,
    ],
];

/// Why a step produced no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breakdown {
    /// The right-hand side was not finite at some stage.
    NotFinite,
    /// The matrix `I/(γh) - J` was singular.
    Singular,
}

/// Supplies delayed states inside the current step.
pub(super) trait Past {
    /// Writes `x(t - L_j)` for every lag, row by row; `opening` is true at the left end of a step, where the limit from
    /// the right is meant.
    fn states(&self, t: f64, opening: bool, out: &mut [f64]);
    /// Writes `x'(t - L_j)`, the limit from the right, for every lag.
    fn slopes(&self, t: f64, out: &mut [f64]);
}

/// Workspace of the method for one system.
pub(super) struct Rodas5p {
    dim: usize,
    k: Vec<f64>,
    stage: Vec<f64>,
    clamped: Vec<f64>,
    past: Vec<f64>,
    slope: Vec<f64>,
    time: Vec<f64>,
    defect: Vec<f64>,
    jacobian: Jacobian,
    lu: Lu,
    /// State at the end of the step.
    pub(super) next: Vec<f64>,
    /// Right-hand side at the start of the step, filled by [`Rodas5p::open`].
    pub(super) drift: Vec<f64>,
}

impl Rodas5p {
    pub(super) fn new(dim: usize, lags: usize) -> Self {
        Self {
            dim,
            k: vec![0.0; STAGES * dim],
            stage: vec![0.0; dim],
            clamped: vec![0.0; dim],
            past: vec![0.0; lags * dim],
            slope: vec![0.0; lags * dim],
            time: vec![0.0; dim],
            defect: vec![0.0; dim],
            jacobian: Jacobian::zeros(dim, lags),
            lu: Lu::new(dim),
            next: vec![0.0; dim],
            drift: vec![0.0; dim],
        }
    }

    /// Evaluates everything that depends on the start of the step only: once per accepted step, whatever is rejected.
    pub(super) fn open<F: Field + ?Sized>(
        &mut self,
        field: &F,
        p: &[f64],
        t: f64,
        x: &[f64],
        past: &dyn Past,
    ) -> Result<(), Breakdown> {
        let dim = self.dim;
        if !self.past.is_empty() {
            past.states(t, true, &mut self.past);
            past.slopes(t, &mut self.slope);
        }
        field.rhs(t, x, &self.past, p, &mut self.drift);
        field.jacobian(t, x, &self.past, p, &mut self.jacobian);
        self.time.copy_from_slice(&self.jacobian.time);
        for (j, block) in self.jacobian.blocks.iter().skip(1).enumerate() {
            for i in 0..dim {
                for c in 0..dim {
                    let entry = block[(i, c)];
                    if entry != 0.0 {
                        self.time[i] += entry * self.slope[j * dim + c];
                    }
                }
            }
        }
        // A derivative that is infinite at the edge of the domain (a square root at zero) is left out: the method then
        // has a lower order there, which its error estimate sees.
        for v in &mut self.time {
            if !v.is_finite() {
                *v = 0.0;
            }
        }
        for v in self.jacobian.blocks[0].iter_mut() {
            if !v.is_finite() {
                *v = 0.0;
            }
        }
        if self.drift.iter().all(|v| v.is_finite()) { Ok(()) } else { Err(Breakdown::NotFinite) }
    }

    /// Attempts a step of length `h` from the point given to [`Rodas5p::open`]; fills `next`.
    pub(super) fn attempt<F: Field + ?Sized>(
        &mut self,
        field: &F,
        p: &[f64],
        t: f64,
        x: &[f64],
        h: f64,
        past: &dyn Past,
    ) -> Result<(), Breakdown> {
        let dim = self.dim;
        let diagonal = 1.0 / (GAMMA * h);
        let block = &self.jacobian.blocks[0];
        let w = self.lu.matrix_mut();
        for i in 0..dim {
            for j in 0..dim {
                w[i * dim + j] = -block[(i, j)];
            }
            w[i * dim + i] += diagonal;
        }
        if !self.lu.factor() {
            return Err(Breakdown::Singular);
        }
        let inverse = 1.0 / h;
        for s in 0..STAGES {
            let (done, rest) = self.k.split_at_mut(s * dim);
            let k = &mut rest[..dim];
            if s == 0 {
                k.copy_from_slice(&self.drift);
            } else {
                if s < A.len() {
                    self.stage.copy_from_slice(x);
                    for (a, earlier) in A[s].iter().zip(done.chunks_exact(dim)) {
                        for (u, e) in self.stage.iter_mut().zip(earlier) {
                            *u += a * e;
                        }
                    }
                } else {
                    for (u, e) in self.stage.iter_mut().zip(&done[(s - 1) * dim..]) {
                        *u += e;
                    }
                }
                if !self.past.is_empty() && s < A.len() {
                    past.states(t + NODES[s] * h, false, &mut self.past);
                }
                field.rhs(t + NODES[s] * h, &self.stage, &self.past, p, k);
                if !k.iter().all(|v| v.is_finite()) {
                    // A stage may fall outside the domain although both ends of the step lie in it.
                    for ((c, u), info) in self.clamped.iter_mut().zip(&self.stage).zip(field.states()) {
                        *c = u.max(info.lower).min(info.upper);
                    }
                    field.rhs(t + NODES[s] * h, &self.clamped, &self.past, p, k);
                    if !k.iter().all(|v| v.is_finite()) {
                        return Err(Breakdown::NotFinite);
                    }
                }
            }
            for (c, earlier) in C[s].iter().zip(done.chunks_exact(dim)) {
                let factor = c * inverse;
                for (r, e) in k.iter_mut().zip(earlier) {
                    *r += factor * e;
                }
            }
            if TIME[s] != 0.0 {
                for (r, d) in k.iter_mut().zip(&self.time) {
                    *r += h * TIME[s] * d;
                }
            }
            self.lu.solve(k);
        }
        for i in 0..dim {
            self.next[i] = self.stage[i] + self.k[(STAGES - 1) * dim + i];
        }
        if self.next.iter().all(|v| v.is_finite()) { Ok(()) } else { Err(Breakdown::NotFinite) }
    }

    /// Estimate of the local error of the last attempt.
    pub(super) fn error(&self) -> &[f64] {
        &self.k[(STAGES - 1) * self.dim..]
    }

    /// How far the dense output of the last attempt is from satisfying the equation at the fraction `theta` of the
    /// step: `(I/(γh) - J)⁻¹ (x' - f)`, which has the size of an error of `x` whether the equation is stiff or not.
    /// Step ends and stages can all miss a pulse that this sees.
    pub(super) fn defect<F: Field + ?Sized>(
        &mut self,
        field: &F,
        p: &[f64],
        step: (f64, &[f64], f64),
        theta: f64,
        past: &dyn Past,
    ) -> &[f64] {
        let ((t, x, h), dim) = (step, self.dim);
        let at = t + theta * h;
        let rest = 1.0 - theta;
        let (point, slope) = (&mut self.stage, &mut self.clamped);
        for i in 0..dim {
            let row = |m: usize| -> f64 { H[m].iter().enumerate().map(|(s, w)| w * self.k[s * dim + i]).sum() };
            let (k1, k2, k3) = (row(0), row(1), row(2));
            point[i] = rest * x[i] + theta * (self.next[i] + rest * (k1 + theta * (k2 + theta * k3)));
            let linear = self.next[i] - x[i] + k1;
            slope[i] = (linear + theta * (2.0 * (k2 - k1) + theta * (3.0 * (k3 - k2) - 4.0 * theta * k3))) / h;
        }
        for (v, info) in point.iter_mut().zip(field.states()) {
            // The interpolant may undershoot a bound by less than the tolerance.
            *v = v.max(info.lower).min(info.upper);
        }
        if !self.past.is_empty() {
            past.states(at, false, &mut self.past);
        }
        field.rhs(at, point, &self.past, p, &mut self.defect);
        for (r, s) in self.defect.iter_mut().zip(slope.iter()) {
            *r = s - *r;
        }
        self.lu.solve(&mut self.defect);
        &self.defect
    }

    /// Appends the coefficients `K_1, K_2, K_3` of the dense output of the last attempt to `out`.
    pub(super) fn dense(&self, out: &mut Vec<f64>) {
        for row in &H {
            for i in 0..self.dim {
                out.push(row.iter().enumerate().map(|(s, h)| h * self.k[s * self.dim + i]).sum());
            }
        }
    }
}
