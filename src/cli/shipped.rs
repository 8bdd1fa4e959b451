//! The models that come with the program.

/// A model that comes with the program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shipped {
    /// Its name, which is that of its file.
    pub(super) name: &'static str,
    /// The file.
    pub(super) text: &'static str,
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(Shipped { name: $name, text: include_str!(concat!("../../models/", $name, ".toml")) }),*]
    };
}

/// All of them, by name.
pub(super) const SHIPPED: &[Shipped] = shipped![
    "api-gateway",
    "autoscaler",
    "backpressure",
    "batch-workers",
    "canva-2024",
    "checkout-fleet",
    "cold-cache",
    "concurrency-latency",
    "connection-storm",
    "controller-failover",
    "discord-2017",
    "dynamodb-2015",
    "ec2-dwfm-2025",
    "facebook-2010",
    "fan-out",
    "fifo-lifo",
    "image-resizer",
    "java-heap",
    "kinesis-2020",
    "load-balancer",
    "lookaside-cache",
    "m1",
    "m1-bounded",
    "mm1-retry",
    "poison-pill",
    "queue-orbit",
    "queue-timeout",
    "recovery-work",
    "replica-set",
    "replication-catch-up",
    "retrial",
    "retry-storm",
    "retry-strategies",
    "rolling-deploy",
    "search-harvest",
    "shard-hotspot",
    "slack-2022",
    "slow-error-path",
    "small-pool",
    "square-2017",
    "sre-crash-loop",
    "stale-placement",
    "stale-throttle",
    "testbed",
    "testbed-cache",
    "thread-pool",
    "usl-contention",
];

impl Shipped {
    /// The model of this name, with or without folder and ending.
    #[must_use]
    pub(super) fn find(name: &str) -> Option<Self> {
        let name = name.strip_prefix("models/").unwrap_or(name);
        let name = name.strip_suffix(".toml").unwrap_or(name);
        SHIPPED.iter().copied().find(|s| s.name == name)
    }

    /// Its file in the repository.
    #[must_use]
    pub(super) fn file(self) -> String {
        format!("models/{}.toml", self.name)
    }
}

/// The text of a model file, or of a shipped model.
pub(super) fn text_of(path: &std::path::Path) -> Option<String> {
    match path.to_str().and_then(Shipped::find) {
        Some(shipped) if !path.exists() => Some(shipped.text.to_owned()),
        _ => std::fs::read_to_string(path).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::{SHIPPED, Shipped};
    use crate::model;

    #[test]
    fn every_file_is_listed() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("models")
            .filter_map(|e| e.ok()?.file_name().into_string().ok())
            .filter_map(|name| Some(name.strip_suffix(".toml")?.to_owned()))
            .collect();
        files.sort();
        assert_eq!(files, SHIPPED.iter().map(|s| s.name).collect::<Vec<_>>());
    }

    #[test]
    fn every_model_has_the_name_of_its_file() {
        for shipped in SHIPPED {
            let loaded = model::load(shipped.text, shipped.name, &[]).expect("it loads");
            assert_eq!(loaded.model.meta.name, shipped.name);
        }
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        assert!(Shipped::find("models/m1.toml").is_some_and(|s| s.name == "m1"));
        assert!(Shipped::find("m1").is_some() && Shipped::find("m2").is_none());
    }
}
