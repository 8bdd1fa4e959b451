//! A metastability analyzer for distributed systems: how far a service is from congestive collapse, what would push it
//! over, and how it comes back.
//!
//! In dependency order:
//!
//! 1. [`process`]: population processes (states, transitions, flows, outputs), their expressions and their equations.
//! 2. [`model`]: the model file, from text to a checked model, and its expansion to a process.
//! 3. [`dynamics`]: integration, equilibria, stability and continuation of any such process.
//! 4. [`chance`]: noise, odds, Markov chains and stochastic paths of any such process.
//! 5. [`referee`]: request-level simulation of the system layer, the judge of all the rest.
//! 6. [`fit`]: metric files, estimation, early warning.
//! 7. [`answers`]: what users ask: verdict, tip-over and recovery load, headroom, critical triggers, fits.
//! 8. [`sweep`] and [`map`]: answers over ranges of numbers.
//! 9. [`plot`]: charts from plain numbers.
//! 10. [`report`]: the answers as text, Markdown, JSON and figures.
//! 11. [`cli`]: the command line, one file per verb.
//!
//! ```
//! use tipping::answers::{analysis::{Verdict, analyze}, study::Study};
//!
//! let text = r#"
//!     [model]
//!     name = "smallest"
//!
//!     [client.web]
//!     calls = "api"
//!     load = "4 req/s"
//!     timeout = "500 ms"
//!     retry = { attempts = 4, backoff = "1 s", jitter = "exponential" }
//!
//!     [service.api]
//!     servers = 1
//!     service_time = "100 ms"
//! "#;
//! let loaded = tipping::model::load(text, "smallest.toml", &[])?;
//! let study = Study::new(loaded.model)?;
//! let analysis = analyze(&study, &loaded.sha256)?.analysis;
//! assert_eq!(analysis.verdict, Verdict::Vulnerable);
//!
//! // One server with unlimited queue has a closed form for the load at which it falls over by itself.
//! let tip_over = analysis.tip_over_load.map_or(f64::NAN, |limit| limit.value);
//! println!("{:?}, tips over at {tip_over:.2} req/s", analysis.verdict);
//! assert!((tip_over - 5.452).abs() < 0.01);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod answers;
pub mod chance;
pub mod cli;
pub mod dynamics;
pub mod fit;
pub mod map;
pub mod model;
pub mod plot;
pub mod process;
pub mod random;
pub mod referee;
pub mod report;
pub mod sweep;
