//! Limits of concurrency that adapt themselves.

use super::{Part, Preset};

const SOURCE: &str =
    "Netflix concurrency-limits, AIMDLimit.java, VegasLimit.java, Gradient2Limit.java, WindowedLimit.java";
const VERSION: &str = "concurrency-limits at 78a74b9";

pub(super) static NETFLIX_AIMD: Preset = Preset {
    name: "netflix-aimd",
    about: "Netflix' limit by additive increase and multiplicative decrease: 20 to 200, a tenth less above 5 s",
    leaves_out: "a window needs 10 samples as well as its second; what is dropped counts as too slow",
    version: VERSION,
    source: SOURCE,
    parts: &[Part {
        key: "concurrency",
        values: &[
            ("kind", "aimd"),
            ("initial", "20"),
            ("min", "20"),
            ("max", "200"),
            ("backoff", "0.9"),
            ("timeout", "5 s"),
            ("window", "1 s"),
        ],
    }],
};

pub(super) static NETFLIX_GRADIENT2: Preset = Preset {
    name: "netflix-gradient2",
    about: "Netflix' limit by the ratio of the long-term mean time to the present one: 20 to 200, room for a queue of 4",
    leaves_out: "samples are gathered in windows of a second",
    version: VERSION,
    source: SOURCE,
    parts: &[Part {
        key: "concurrency",
        values: &[
            ("kind", "gradient"),
            ("initial", "20"),
            ("min", "20"),
            ("max", "200"),
            ("smoothing", "0.2"),
            ("queue", "4"),
            ("long_window", "600"),
            ("tolerance", "1.5"),
        ],
    }],
};

pub(super) static NETFLIX_VEGAS: Preset = Preset {
    name: "netflix-vegas",
    about: "Netflix' limit by the queue estimated from the shortest time: from 20 up to 1000, between 3 and 6 log10 of the limit",
    leaves_out: "what is dropped counts as a queue; alpha and beta are functions of the limit and cannot be set",
    version: VERSION,
    source: SOURCE,
    parts: &[Part {
        key: "concurrency",
        values: &[
            ("kind", "vegas"),
            ("initial", "20"),
            ("min", "1"),
            ("max", "1000"),
            ("smoothing", "1"),
            ("probe", "30"),
        ],
    }],
};
