//! Sweeps: measures of a model over a design of points in its numbers, to a file that can be resumed, split and joined.
//!
//! In the order of use: [`design`] says which points there are ([`sobol`] and [`latin`] spread them, [`distribution`] bends them, [`saltelli`] pairs them for [`indices`]), [`measure`] (with [`triggers`]) says what is
//! worked out at one, [`record`] writes rows, [`store`] keeps them in a file that survives being killed, [`merge`] joins
//! the files of several machines, and [`summary`] says what they mean for numbers that are uncertain.
//!
//! Everything is a pure function of the model, the design and the number of the row. That is what makes a shard, a resumed
//! file and a file made in one go agree byte for byte.

pub mod design;
pub mod distribution;
pub mod indices;
pub mod latin;
pub mod measure;
pub mod merge;
#[cfg(feature = "parquet")]
pub mod parquet;
pub mod record;
pub mod saltelli;
pub mod sobol;
pub mod store;
pub mod summary;
pub mod triggers;
