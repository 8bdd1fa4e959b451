//! Models of known systems and of published incidents. Each is held to a closed form of its equilibria, written in its
//! `about` and worked out here independently: load as a function of one state, whose first maximum is the tip-over load and whose lowest later
//! minimum is the recovery load. Beside it: which way each cure moves these limits, what the triggers do, and the figures
//! that the published descriptions give.

mod common;
#[path = "systems/cures.rs"]
mod cures;
#[path = "systems/curve.rs"]
mod curve;

#[path = "systems/backpressure.rs"]
mod backpressure;
#[path = "systems/canva_2024.rs"]
mod canva_2024;
#[path = "systems/connection_storm.rs"]
mod connection_storm;
#[path = "systems/controller_failover.rs"]
mod controller_failover;
#[path = "systems/discord_2017.rs"]
mod discord_2017;
#[path = "systems/dynamodb_2015.rs"]
mod dynamodb_2015;
#[path = "systems/ec2_dwfm_2025.rs"]
mod ec2_dwfm_2025;
#[path = "systems/facebook_2010.rs"]
mod facebook_2010;
#[path = "systems/fan_out.rs"]
mod fan_out;
#[path = "systems/kinesis_2020.rs"]
mod kinesis_2020;
#[path = "systems/poison_pill.rs"]
mod poison_pill;
#[path = "systems/recovery_work.rs"]
mod recovery_work;
#[path = "systems/replica_set.rs"]
mod replica_set;
#[path = "systems/replication_catch_up.rs"]
mod replication_catch_up;
#[path = "systems/rolling_deploy.rs"]
mod rolling_deploy;
#[path = "systems/search_harvest.rs"]
mod search_harvest;
#[path = "systems/shard_hotspot.rs"]
mod shard_hotspot;
#[path = "systems/slack_2022.rs"]
mod slack_2022;
#[path = "systems/square_2017.rs"]
mod square_2017;
#[path = "systems/sre_crash_loop.rs"]
mod sre_crash_loop;
#[path = "systems/stale_placement.rs"]
mod stale_placement;
#[path = "systems/thread_pool.rs"]
mod thread_pool;
