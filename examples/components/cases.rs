//! What is measured: one system of slots of 100 ms, limit 30 and load 6 per second for each slot, timeout 1 s, 4 attempts,
//! exponential back-off of 0.5 s, and on it one component at a time.

use super::measure::Case;
use super::{fleet, layers};

/// Keys of the parts of the model file.
#[derive(Default, Clone, Copy)]
pub(crate) struct Parts<'a> {
    /// Lines of the client.
    pub(crate) client: &'a str,
    /// Keys inside of `retry`.
    pub(crate) retry: &'a str,
    /// Lines of the service.
    pub(crate) service: &'a str,
    /// Keys inside of `queue`.
    pub(crate) queue: &'a str,
    /// Load per slot, where not 6.
    pub(crate) load: Option<f64>,
    /// Jitter, where not exponential.
    pub(crate) jitter: Option<&'a str>,
    /// Expiry of the windows of what holds callers back, to be waited for: capacity is lost for so long.
    pub(crate) loss: Option<f64>,
    /// Places per slot, where not 30.
    pub(crate) limit: Option<f64>,
}

/// The system with something changed.
pub(crate) fn storm(component: &'static str, label: &str, slots: u32, parts: Parts<'_>) -> Case {
    let n = f64::from(slots);
    let load = parts.load.unwrap_or(6.0) * n;
    let comma = |keys: &str| if keys.is_empty() { String::new() } else { format!(", {keys}") };
    let text = format!(
        "[model]\nname = \"storm\"\n[client.web]\ncalls = \"api\"\nload = \"{load} req/s\"\ntimeout = \"1 s\"\n{}\n\
         retry = {{ attempts = 4, backoff = \"500 ms\", jitter = \"{}\"{} }}\n\
         [service.api]\nservers = {slots}\nservice_time = \"100 ms\"\nqueue = {{ limit = {}{} }}\n{}\n\
         [[trigger]]\nname = \"spike\"\nset = {{ \"client.web.load\" = \"{} req/s\" }}\nat = \"30 s\"\nfor = \"1.2 s\"\n",
        parts.client,
        parts.jitter.unwrap_or("exponential"),
        comma(parts.retry),
        parts.limit.unwrap_or(30.0) * n,
        comma(parts.queue),
        parts.service,
        20.0 * n
    );
    let flood = match parts.loss {
        Some(lasting) => (vec![("service.api.servers".to_owned(), 0.2 * n)], lasting),
        None => (vec![("client.web.load".to_owned(), 40.0 * n)], 5.0),
    };
    Case {
        component,
        label: if label.is_empty() { format!("{slots} slots") } else { format!("{label}, {slots} slots") },
        text,
        overrides: Vec::new(),
        overload: Some(15.0 * n),
        flood,
        after: 200.0,
        trigger: Some(("spike", 6.0)),
        recovery: true,
        replications: 60,
    }
}

/// Every case, in the order of the table.
pub(crate) fn all() -> Vec<Case> {
    let mut all = queues();
    all.extend(admission());
    all.extend(callers());
    all.extend(budgets());
    all.extend(guards());
    all.extend(fleet::all());
    all.extend(layers::all());
    all
}

fn queues() -> Vec<Case> {
    let service = |service| Parts { service, ..Parts::default() };
    let queue = |queue| Parts { queue, ..Parts::default() };
    let fixed = "expired = \"cancel\"\nvariability = 0";
    let once = |case: Case, overload| Case {
        text: case.text.replacen("attempts = 4", "attempts = 1", 1),
        overload: Some(overload),
        trigger: None,
        recovery: false,
        ..case
    };
    vec![
        storm("fifo", "nothing added", 20, Parts::default()),
        storm("fifo", "nothing added", 50, Parts::default()),
        storm("drop", "", 10, service("expired = \"drop\"")),
        storm("drop", "", 30, service("expired = \"drop\"")),
        storm("cancel", "", 20, service("expired = \"cancel\"")),
        storm("cancel-fixed", "", 10, service(fixed)),
        storm("cancel-fixed", "", 30, service(fixed)),
        once(storm("cancel-fixed", "one attempt, overload 1.2", 10, service(fixed)), 120.0),
        once(storm("cancel-fixed", "one attempt, overload 1.5", 10, service(fixed)), 150.0),
        once(storm("cancel-fixed", "one attempt, overload 2", 10, service(fixed)), 200.0),
        once(storm("drop", "one attempt, overload 1.5", 10, service("expired = \"drop\"")), 150.0),
        storm("lifo", "", 20, queue("order = \"lifo\"")),
        storm("adaptive-lifo", "", 20, queue("order = \"adaptive-lifo\"")),
        storm("codel", "", 20, queue("codel = { target = \"5 ms\" }")),
        priority(),
        storm("pickup", "0.3 ms", 20, queue("pickup = \"0.3 ms\"")),
        storm("contention", "universal scalability law", 20, service("contention = 0.0005\ncoherence = 0.0000005")),
    ]
}

fn priority() -> Case {
    let text = "[model]\nname = \"classes\"\nload = \"client.bulk.load\"\n\
        [client.urgent]\ncalls = \"api\"\nload = \"80 req/s\"\ntimeout = \"1 s\"\npriority = 0\n\
        [client.bulk]\ncalls = \"api\"\nload = \"60 req/s\"\ntimeout = \"1 s\"\npriority = 1\n\
        retry = { attempts = 3, backoff = \"500 ms\", jitter = \"exponential\" }\n\
        [service.api]\nservers = 20\nservice_time = \"100 ms\"\nqueue = { limit = 600, order = \"priority\" }\n\
        [[trigger]]\nname = \"spike\"\nset = { \"client.bulk.load\" = \"500 req/s\" }\nat = \"30 s\"\nfor = \"1 s\"\n";
    let like = storm("priority", "urgent without, bulk with retries", 20, Parts::default());
    Case {
        text: text.to_owned(),
        overload: Some(300.0),
        flood: (vec![("client.bulk.load".to_owned(), 800.0)], 5.0),
        ..like
    }
}

fn admission() -> Vec<Case> {
    let service = |service| Parts { service, ..Parts::default() };
    vec![
        storm("shed", "by the number inside", 20, service("shed = { inside = 120 }")),
        storm("shed", "by the wait", 20, service("shed = { wait = \"300 ms\" }")),
        storm("rate-limit", "", 20, service("rate_limit = { rate = \"180 req/s\", burst = 10 }")),
        storm("limit", "fixed, 80 places", 20, Parts { limit: Some(4.0), ..Parts::default() }),
        storm("aimd", "", 20, service("concurrency = { kind = \"aimd\", timeout = \"400 ms\" }")),
        storm("vegas", "variability 0.05", 20, service("variability = 0.05\nconcurrency = { kind = \"vegas\" }")),
        storm("vegas", "variability 1", 20, service("concurrency = { kind = \"vegas\" }")),
        storm("gradient", "variability 0.05", 20, service("variability = 0.05\nconcurrency = { kind = \"gradient\" }")),
        storm("gradient", "variability 1", 20, service("concurrency = { kind = \"gradient\" }")),
    ]
}

fn callers() -> Vec<Case> {
    let client = |client| Parts { client, ..Parts::default() };
    let jitter = |jitter| Parts { jitter: Some(jitter), ..Parts::default() };
    let closed = |mut case: Case| {
        case.text = case.text.replacen("load = \"120 req/s\"", "users = 840\nthink = \"7 s\"", 1);
        case.text = case.text.replace("\"client.web.load\" = \"400 req/s\"", "\"service.api.servers\" = 4");
        case.flood = (vec![("client.web.think".to_owned(), 0.2)], 10.0);
        case.overload = Some(2100.0);
        case
    };
    vec![
        storm("jitter-none", "", 20, jitter("none")),
        storm("jitter-full", "", 20, jitter("full")),
        storm("jitter-equal", "", 20, jitter("equal")),
        storm("jitter-decorrelated", "", 20, jitter("decorrelated")),
        storm("network", "50 ms", 20, client("network = \"50 ms\"")),
        storm("timeout-jitter", "exponential", 20, client("timeout_jitter = \"exponential\"")),
        storm("gives-up", "at the answer", 20, client("gives_up = \"at-answer\"")),
        storm("probability", "0.5", 20, Parts { retry: "probability = 0.5", ..Parts::default() }),
        storm("deadline", "4 s over all attempts", 20, client("deadline = \"4 s\"")),
        closed(storm("closed-loop", "840 users", 20, Parts::default())),
    ]
}

fn budgets() -> Vec<Case> {
    let budget =
        |client, retry, load, loss| Parts { client, retry, load: Some(load), loss: Some(loss), ..Parts::default() };
    let ratio = "budget = { kind = \"ratio\", share = 0.5, floor = \"4 req/s\", window = \"1 s\" }";
    let ratio_10 = "budget = { kind = \"ratio\", share = 0.5, floor = \"4 req/s\", window = \"10 s\" }";
    let rate = "budget = { kind = \"rate\", rate = \"60 req/s\", window = \"1 s\" }";
    let rate_10 = "budget = { kind = \"rate\", rate = \"60 req/s\", window = \"10 s\" }";
    let token = "budget = { kind = \"token-bucket\", fill = 1, size = 100 }";
    let outstanding = "budget = { kind = \"concurrency\", share = 0.5, minimum = 3 }";
    let throttle = "budget = { kind = \"throttle\", size = 10, fill = 0.1 }";
    let cost = "budget = { kind = \"cost-bucket\", size = 1000, cost = 5, timeout_cost = 10 }";
    let five = "processes = 5";
    vec![
        storm("token-bucket", "fill 1", 20, budget("", token, 6.0, 30.0)),
        storm("concurrency-budget", "share 0.5", 20, budget("", outstanding, 7.5, 30.0)),
        storm("ratio", "window 1 s", 20, budget(five, ratio, 7.2, 30.0)),
        storm("ratio-long-window", "window 10 s", 20, budget(five, ratio_10, 7.2, 30.0)),
        storm("rate", "window 1 s", 20, budget("", rate, 8.0, 30.0)),
        storm("rate-long-window", "window 10 s", 20, budget("", rate_10, 8.0, 30.0)),
        storm("throttle-budget", "10 tokens", 20, budget(five, throttle, 6.0, 30.0)),
        storm("throttle-budget", "10 tokens", 100, budget(five, throttle, 6.0, 30.0)),
        storm("cost-bucket", "1000 tokens", 20, budget("", cost, 6.0, 30.0)),
        storm("cost-bucket", "1000 tokens", 100, budget("", cost, 6.0, 30.0)),
    ]
}

/// Guards are for overload with a queue that drains in time.
fn guards() -> Vec<Case> {
    let guard = |client| Parts { client, limit: Some(8.0), loss: Some(30.0), ..Parts::default() };
    let calls = "processes = 20\nbreaker = { threshold = 0.5, window = \"10 s\", minimum = 20, open = \"5 s\" }";
    let retries = "processes = 20\nbreaker = { threshold = 0.2, window = \"5 s\", stops = \"retries\" }";
    vec![
        storm("breaker", "on calls", 20, guard(calls)),
        storm("breaker", "on retries", 20, guard(retries)),
        storm("client-rate-limit", "", 20, guard("processes = 20\nrate_limit = { rate = \"8 req/s\", burst = 2 }")),
        storm("client-throttle", "accepts", 20, guard("throttle = { kind = \"accepts\", window = \"10 s\" }")),
        storm(
            "client-throttle",
            "success rate",
            20,
            guard("throttle = { kind = \"success-rate\", window = \"10 s\" }"),
        ),
    ]
}
