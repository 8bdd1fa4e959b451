//! The analysis as a document: what reports print and JSON carries.

use crate::answers::checks::Finding;
use crate::answers::limits::LimitKind;
use serde::Serialize;
use serde_json::{Map, Value};

/// The verdict about a model at today's load (states after Bronson et al., HotOS 2021).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Below the recovery load, or no collapsed state: every trigger heals.
    Stable,
    /// Works today, but a collapsed state also exists.
    Vulnerable,
    /// The model is in the collapsed state.
    Metastable,
    /// No good state exists.
    Overloaded,
    /// Could not be decided; the warnings say why.
    Inconclusive,
}

/// A number with its unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadNow {
    /// Dotted path of the load.
    pub path: String,
    /// Its value.
    pub value: f64,
    /// Unit as in the model file.
    pub unit: String,
}

/// Tip-over or recovery load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LimitLoad {
    /// The load, in `unit`.
    pub value: f64,
    /// Unit as in the model file.
    pub unit: String,
    /// What happens there.
    pub kind: LimitKind,
    /// 95 % interval, for fitted models.
    pub interval: Option<[f64; 2]>,
    /// Load at which noise alone tips the system within the horizon (tip-over only).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub with_noise: Option<Option<f64>>,
}

/// Distances to the limits as shares of today's load.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Headroom {
    /// Tip-over load / load - 1.
    pub to_tip_over: Option<f64>,
    /// Recovery load / load - 1: negative when a collapse would not heal by itself.
    pub to_recovery: Option<f64>,
}

/// One state of the system.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StateReport {
    /// `good`, `collapsed`, `saddle`, ... with a number if there are several.
    pub name: String,
    /// Whether it holds against small disturbances.
    pub stable: bool,
    /// Requests answered in time per second.
    pub goodput: Option<f64>,
    /// Attempts per request.
    pub amplification: Option<f64>,
    /// Goodput / load.
    #[serde(rename = "yield")]
    pub yield_: Option<f64>,
    /// Values of the states, in base units.
    pub state: Map<String, Value>,
    /// Rightmost characteristic roots, real and imaginary part, 1/s.
    pub eigenvalues: Vec<[f64; 2]>,
    /// Time in which a small disturbance shrinks (or grows) by e.
    pub time_constant: Option<String>,
}

/// p10, p50 and p90 of a critical size or duration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Percentiles {
    /// One run in ten tips.
    pub p10: Option<f64>,
    /// Half of the runs tip.
    pub p50: Option<f64>,
    /// Nine runs in ten tip.
    pub p90: Option<f64>,
    /// Unit.
    pub unit: String,
}

/// What a trigger does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriggerReport {
    /// Its name.
    pub name: String,
    /// Its stated size, in the unit of `critical_size`.
    pub size: f64,
    /// Its stated duration in seconds; null for a kick.
    pub duration: Option<f64>,
    /// How long it must last at its stated size; null if no duration tips the system, or for a kick.
    pub critical_duration: Option<Percentiles>,
    /// How large it must be at its stated duration; null if no size tips the system.
    pub critical_size: Option<Percentiles>,
    /// Share of runs that tip under the trigger as stated.
    pub probability: Option<f64>,
    /// `tips`, `heals` or `undecided`, for the middle run under the trigger as stated.
    pub outcome: &'static str,
}

/// Bounds from published theorems.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bounds {
    /// Capacity of the service in units of the load.
    pub capacity: f64,
    /// Largest number of attempts per request.
    pub attempts: Option<f64>,
    /// OSDI 2022, theorem 2: no trigger can leave a collapse behind at a load below this.
    pub osdi22_stable_capacity: f64,
}

/// Everything the analysis says, in the order in which it is printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// `tipping.analyze/1`.
    pub schema: &'static str,
    /// Version of the tool.
    pub tool: Map<String, Value>,
    /// Name and SHA-256 of the model.
    pub model: Map<String, Value>,
    /// The verdict.
    pub verdict: Verdict,
    /// Today's load.
    pub load: LoadNow,
    /// Where the good state ends.
    pub tip_over_load: Option<LimitLoad>,
    /// Where the collapsed state ends.
    pub recovery_load: Option<LimitLoad>,
    /// Distances to both.
    pub headroom: Headroom,
    /// All states at today's load.
    pub states: Vec<StateReport>,
    /// `certified` or how far the proof went.
    pub completeness: String,
    /// Published bounds, where they apply.
    pub bounds: Option<Bounds>,
    /// Triggers of the model.
    pub triggers: Vec<TriggerReport>,
    /// Ways back (not computed by this version).
    pub recovery: Vec<Value>,
    /// Characteristic metric (not computed by this version).
    pub characteristic_metric: Option<Value>,
    /// Mean time to collapse at today's load; see [`crate::answers::collapse`].
    pub mean_time_to_collapse: Option<crate::answers::collapse::CollapseTime>,
    /// Advice (not computed by this version).
    pub advice: Vec<Value>,
    /// What the checks found; `tipping explain ID` says more about each.
    pub findings: Vec<Finding>,
    /// What a reader must know.
    pub warnings: Vec<String>,
    /// The answers held to request-level simulation, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referee: Option<crate::answers::against::Against>,
}
