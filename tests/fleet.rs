//! What stands around services: caches, autoscalers, balancers, the cost of errors. Reference values are closed forms,
//! published simulations and measurements, and the request-level simulation.

#![expect(clippy::print_stdout, reason = "the figures measured are part of what these tests are for")]

mod common;

use common::{analysis, close, study};
use tipping::answers::analysis::{Analysis, Verdict};
use tipping::answers::landscape::landscape;
use tipping::answers::study::Study;
use tipping::answers::triggers::{Fate, Plan as Trigger, Range};
use tipping::answers::{closed_forms, limits};
use tipping::dynamics::integrate::{History, Options, Segment, integrate};
use tipping::model::types::Model;
use tipping::referee::{Plan, Run, System, TriggerRun};

/// Numbers changed until a time.
type Phase<'a> = (f64, &'a [(&'a str, f64)]);

/// An output of the middle run from the start values, at times.
fn followed(study: &Study, output: &str, phases: &[Phase<'_>], times: &[f64]) -> Vec<f64> {
    let fluid = &study.median;
    let with = |sets: &[(&str, f64)]| {
        let mut p = fluid.parameters();
        for (path, value) in sets {
            p[fluid.process().parameter_index(path).expect("a parameter")] = *value;
        }
        p
    };
    let segments: Vec<Segment> = phases.iter().map(|(until, sets)| Segment::new(*until, &with(sets))).collect();
    let options = Options { max_steps: 200_000, ..Options::default() };
    let path =
        integrate(fluid, 0.0, &History::Constant(fluid.start()), &segments, &options).expect("it can be followed");
    let index = fluid.process().output_index(output).expect("an output");
    let one = |&t: &f64| {
        let sets = phases.iter().find(|phase| t <= phase.0).expect("a phase").1;
        fluid.outputs_at_rest(&path.at(t).expect("within the run"), &with(sets))[index]
    };
    times.iter().map(one).collect()
}

/// From when to when, and which numbers are then what.
type Change<'a> = (f64, f64, &'a [(&'a str, f64)]);

/// The runs of a model under changes that last from a time to a time.
fn runs(model: &Model, changes: &[Change<'_>], horizon: f64, replications: u64) -> Vec<Run> {
    let change = |&(at, until, sets): &(f64, f64, &[(&str, f64)])| TriggerRun {
        sets: sets.iter().map(|(path, value)| ((*path).to_owned(), *value)).collect(),
        at,
        duration: until - at,
    };
    let triggers = changes.iter().map(change).collect();
    let sample_every = horizon / 40.0;
    let plan = Plan { seed: 7, replications, horizon, sample_every, triggers, latencies: false };
    System::new(model).expect("a system layer").replicate(&plan).expect("it can be simulated")
}

/// Share of the requests that were answered in the last tenth of a run.
fn answered_at_end(run: &Run) -> f64 {
    let (last, before) = (&run.samples[run.samples.len() - 1], &run.samples[run.samples.len() - 5]);
    let answered: u64 = last.clients.iter().zip(&before.clients).map(|(l, b)| l.answered - b.answered).sum();
    let requests: u64 = last.clients.iter().zip(&before.clients).map(|(l, b)| l.requests - b.requests).sum();
    answered as f64 / requests as f64
}

/// Share of the runs that answer less than nine requests in ten long after a trigger of this duration.
fn tipped(study: &Study, trigger: &str, duration: f64, (horizon, number): (f64, u64)) -> f64 {
    let model = &study.model;
    let found = model.triggers.iter().find(|t| t.name.value == trigger).expect("a trigger");
    let mut run = TriggerRun::of(model, found);
    run.duration = duration;
    let sets: Vec<(&str, f64)> = run.sets.iter().map(|(path, value)| (path.as_str(), *value)).collect();
    let all = runs(model, &[(run.at, run.at + duration, &sets)], horizon, number);
    all.iter().filter(|run| answered_at_end(run) < 0.9).count() as f64 / number as f64
}

fn critical_duration(analysis: &Analysis, trigger: &str) -> f64 {
    let found = analysis.triggers.iter().find(|t| t.name == trigger).expect("a trigger");
    found.critical_duration.as_ref().and_then(|c| c.p50).expect("a critical duration")
}

fn recovery(analysis: &Analysis) -> f64 {
    analysis.recovery_load.as_ref().expect("a recovery load").value
}

fn tip_over(analysis: &Analysis) -> f64 {
    analysis.tip_over_load.as_ref().expect("a tip-over load").value
}

/// Half of the simulated runs tip within 8 % of the critical duration that the equations give.
#[track_caller]
fn half_tip_near(study: &Study, trigger: &str, critical: f64, horizon: f64, number: u64) {
    let share = |duration: f64| tipped(study, trigger, duration, (horizon, number));
    let (short, long) = (share(0.92 * critical), share(1.08 * critical));
    assert!(short < 0.5 && long > 0.5, "{short} tip below and {long} above {critical} s");
}

// Caches

#[test]
fn a_cache_hides_nine_tenths_of_the_load() {
    let a = analysis("lookaside-cache", &[]);
    assert_eq!(a.verdict, Verdict::Vulnerable);
    let (advertised, hidden, amplification) = closed_forms::lookaside_cache(300.0, 0.9);
    // Advertised: what the database carries divided by the misses; noise and timeouts take a little of it.
    close(tip_over(&a), advertised, 0.06);
    close(recovery(&a), hidden, 0.02);
    close(tip_over(&a) / recovery(&a), amplification, 0.06);
}

#[test]
fn a_flushed_cache_tips_in_the_simulation_where_the_equations_say() {
    let study = study("lookaside-cache", &[]);
    let critical = critical_duration(&common::findings(&study).analysis, "flush");
    half_tip_near(&study, "flush", critical, 60.0, 24);
}

#[test]
fn a_lost_cache_fills_again_only_below_the_hidden_capacity() {
    let study = study("lookaside-cache", &[]);
    let lost: &[(&str, f64)] = &[("cache.cache.invalidate", 10.0)];
    let share = |load: f64| {
        let later: &[(&str, f64)] = &[("client.web.load", load)];
        let all = runs(&study.model, &[(1.0, 2.0, lost), (30.0, f64::INFINITY, later)], 900.0, 4);
        all.iter().map(answered_at_end).sum::<f64>() / 4.0
    };
    let (below, above) = (share(0.95 * 300.0), share(1.05 * 300.0));
    assert!(below > 0.95 && above < 0.05, "{below} answered below 300 req/s, {above} above");
}

#[test]
fn what_cures_a_lookaside_cache() {
    let plain = analysis("lookaside-cache", &[]);
    // An answer that fills although its client has gone: the cache comes back by itself.
    let late = analysis("lookaside-cache", &["cache.cache.late_answer=fills"]);
    assert_eq!(late.verdict, Verdict::Stable);
    // A limit on fetches keeps the database able to answer those it takes: nothing stays collapsed.
    let limited = analysis("lookaside-cache", &["cache.cache.fetch_limit=270 req/s"]);
    assert_eq!(limited.verdict, Verdict::Stable);
    // A queue that is worth waiting in does the same.
    let short = analysis("lookaside-cache", &["service.db.queue.limit=200"]);
    assert_eq!(short.verdict, Verdict::Stable);
    assert!(recovery(&plain) < 1200.0);
}

#[test]
fn a_cold_cache_warms_up_as_published() {
    // M. Brooker's simulation, read off its plot: back end limit, hit ratio at 10 s and at 40 s, flushed at 4 s.
    for (limit, at_10, at_40) in [(5, 0.56, 0.75), (10, 0.67, 0.79), (20, 0.70, 0.83), (100, 0.82, 0.86)] {
        let study = study("cold-cache", &[&format!("cache.front.fetch_limit={limit} req/s")]);
        let flush: &[(&str, f64)] = &[("cache.front.invalidate", 1000.0)];
        let phases: &[Phase<'_>] = &[(4.0, &[]), (4.01, flush), (41.0, &[])];
        let hits = followed(&study, "front.hit_ratio", phases, &[3.5, 4.005, 9.5, 39.5]);
        assert!((hits[0] - 0.86).abs() < 0.03, "before: {}", hits[0]);
        assert!(hits[1] < 0.05, "just flushed: {}", hits[1]);
        assert!((hits[2] - at_10).abs() < 0.03, "{limit} req/s at 10 s: {}", hits[2]);
        assert!((hits[3] - at_40).abs() < 0.03, "{limit} req/s at 40 s: {}", hits[3]);
        // Request by request, over a second each.
        let all = runs(&study.model, &[(4.0, 4.01, flush)], 40.0, 8);
        let ratio = |from: usize, to: usize| {
            let count = |run: &Run, at: usize| (run.samples[at].caches[0].hits, run.samples[at].caches[0].asked);
            let (hits, asked) = all.iter().fold((0, 0), |(h, a), run| {
                let ((h0, a0), (h1, a1)) = (count(run, from), count(run, to));
                (h + h1 - h0, a + a1 - a0)
            });
            hits as f64 / asked as f64
        };
        assert!((ratio(9, 10) - at_10).abs() < 0.04, "{limit} req/s at 10 s: {} simulated", ratio(9, 10));
        assert!((ratio(39, 40) - at_40).abs() < 0.03, "{limit} req/s at 40 s: {} simulated", ratio(39, 40));
    }
}

// Errors that cost more than successes

#[test]
fn slow_errors_collapse_without_any_retry() {
    let a = analysis("slow-error-path", &[]);
    assert_eq!(a.verdict, Verdict::Vulnerable);
    let capacity = 100.0;
    let degraded = closed_forms::stable_capacity(capacity, 1.0, 3.0);
    close(recovery(&a), degraded, 0.02);
    assert_eq!(a.bounds.as_ref().expect("one client, one service").osdi22_stable_capacity, degraded);
    assert!(a.states.iter().all(|s| s.amplification.is_some_and(|x| (x - 1.0).abs() < 1e-9)));
    let cheap = analysis("slow-error-path", &["service.api.error_time=20 ms"]);
    close(recovery(&cheap), 100.0 / 1.2, 0.02);
    close(tip_over(&cheap), tip_over(&a), 0.03);
    let file = include_str!("../models/slow-error-path.toml");
    let retry = "timeout = \"1 s\"\nretry = { attempts = 2, backoff = \"500 ms\", jitter = \"exponential\" }";
    let retried = common::study_of(&file.replacen("timeout = \"1 s\"", retry, 1), &[]);
    close(recovery(&common::findings(&retried).analysis), degraded / 2.0, 0.02);
}

#[test]
fn slow_errors_in_the_simulation() {
    let study = study("slow-error-path", &[]);
    let critical = critical_duration(&common::findings(&study).analysis, "load-spike");
    half_tip_near(&study, "load-spike", critical, 120.0, 200);
    let spike: &[(&str, f64)] = &[("client.web.load", 300.0)];
    let share = |load: f64| {
        let later: &[(&str, f64)] = &[("client.web.load", load)];
        let all = runs(&study.model, &[(1.0, 11.0, spike), (11.0, f64::INFINITY, later)], 2000.0, 4);
        all.iter().map(answered_at_end).sum::<f64>() / 4.0
    };
    let (below, above) = (share(0.95 * 33.6), share(1.05 * 33.6));
    assert!(below > 0.95 && above < 0.05, "{below} answered below the recovery load, {above} above");
}

#[test]
fn refusals_that_cost_slots_bring_the_loss_back() {
    // z = A B r: with 200 req/s offered, 20 ms for each refusal and c = 10 slots of S = 0.1 s,
    // d S = c - (200 - d) r, so d = (10 - 4)/(0.1 - 0.02) = 75 req/s.
    let overrides = ["service.api.queue.limit=60", "service.api.reject_time=20 ms", "service.api.error_time=0 s"];
    let study = study("slow-error-path", &overrides);
    let offered: &[(&str, f64)] = &[("client.web.load", 200.0)];
    let throughput = followed(&study, "api.throughput", &[(60.0, offered)], &[60.0])[0];
    close(throughput, 75.0, 0.02);
    let all = runs(&study.model, &[(0.0, f64::INFINITY, offered)], 400.0, 4);
    let served = |run: &Run| (run.samples[40].stations[0].served - run.samples[4].stations[0].served) as f64 / 360.0;
    close(all.iter().map(served).sum::<f64>() / 4.0, 75.0, 0.02);
}

// Autoscaler

#[test]
fn too_overloaded_to_scale_up() {
    let a = analysis("autoscaler", &[]);
    assert_eq!(a.verdict, Verdict::Vulnerable);
    let collapsed = a.states.iter().find(|s| s.name == "collapsed").expect("a collapsed state");
    assert!(collapsed.goodput.expect("a goodput") < 1.0);
    // Five nodes are left, and starting ones take 5 slots each: what is asked for, 1/0.7 of five, less the five.
    let slots = 10.0 * 5.0 - 5.0 * (5.0 / 0.7 - 5.0);
    close(recovery(&a), slots / 0.1 / 3.0, 0.02);
    let image = [
        "autoscaler.hpa.start_up_cost=0",
        "autoscaler.hpa.start_up_needs=nothing",
        "autoscaler.hpa.killed_after=unlimited",
    ];
    assert_eq!(analysis("autoscaler", &image).verdict, Verdict::Stable);
}

#[test]
fn too_overloaded_to_scale_up_in_the_simulation() {
    let study = study("autoscaler", &[]);
    let critical = critical_duration(&common::findings(&study).analysis, "load-spike");
    half_tip_near(&study, "load-spike", critical, 120.0, 24);
}

/// Of 8 systems collapsed for a while under a load, how many answer again long after the load fell to another.
fn healed(study: &Study, overload: (f64, f64), load: f64, horizon: f64) -> usize {
    let (burst, until) = overload;
    let high: &[(&str, f64)] = &[("client.web.load", burst)];
    let later: &[(&str, f64)] = &[("client.web.load", load)];
    let all = runs(&study.model, &[(0.0, until, high), (until, f64::INFINITY, later)], horizon, 8);
    all.iter().filter(|run| answered_at_end(run) > 0.9).count()
}

/// The recovery load of the equations lies 5 % or more on the safe side: all collapsed systems heal below it.
#[track_caller]
fn heals_below(study: &Study, overload: (f64, f64), horizon: f64) {
    let found = recovery(&common::findings(study).analysis);
    let below = healed(study, overload, 0.95 * found, horizon);
    assert!(below == 8, "recovery load {found}: {below} of 8 healed 5 % below it");
}

/// Equations 132 req/s. Collapsed systems heal within the hour at half of that, one in four 5 % below it, one in eight 5 % above.
#[test]
fn a_collapsed_autoscaler_heals_later_than_the_equations_say() {
    let study = study("autoscaler", &[]);
    let found = recovery(&common::findings(&study).analysis);
    let [half, above] = [0.5, 1.05].map(|share| healed(&study, (3000.0, 120.0), share * found, 3600.0));
    assert!(half == 8 && above < 4, "recovery load {found}: {half} of 8 healed at half of it, {above} 5 % above");
}

#[test]
fn a_balancer_in_panic_heals_where_the_equations_say() {
    heals_below(&study("load-balancer", &["balancer.lb.panic=0.5"]), (4000.0, 30.0), 600.0);
}

#[test]
fn a_balancer_that_ejects_few_heals_where_the_equations_say() {
    heals_below(&study("load-balancer", &["balancer.lb.most_ejected=0.1"]), (4000.0, 30.0), 600.0);
}

#[test]
fn an_autoscaler_follows_its_load() {
    // Far from overload: 70 % of the slots busy, one request being worked on for each busy slot.
    let image = [
        "autoscaler.hpa.start_up_cost=0",
        "autoscaler.hpa.start_up_needs=nothing",
        "autoscaler.hpa.killed_after=unlimited",
    ];
    let study = study("autoscaler", &image);
    let higher: &[(&str, f64)] = &[("client.web.load", 900.0)];
    let nodes = followed(&study, "hpa.ready", &[(7200.0, higher)], &[7200.0])[0];
    close(nodes, 900.0 * 0.1 / 0.7 / 10.0, 0.05);
}

// Balancer

#[test]
fn overloaded_replicas_are_taken_out_one_after_the_other() {
    let a = analysis("load-balancer", &[]);
    assert_eq!(a.verdict, Verdict::Vulnerable);
    assert!(recovery(&a) < 0.05 * 2000.0, "{}", recovery(&a));
    // Panic below half, at most a tenth out, or no ejection at all: today's load holds.
    for cure in ["balancer.lb.panic=0.5", "balancer.lb.most_ejected=0.1", "balancer.lb.failures=unlimited"] {
        let cured = analysis("load-balancer", &[cure]);
        assert_eq!(cured.verdict, Verdict::Stable, "{cure}");
        assert!(cured.recovery_load.as_ref().is_none_or(|r| r.value > 10.0 * recovery(&a)), "{cure}");
        close(tip_over(&cured), tip_over(&a), 0.02);
    }
}

#[test]
fn cascading_ejection_in_the_simulation() {
    let study = study("load-balancer", &[]);
    let critical = critical_duration(&common::findings(&study).analysis, "load-spike");
    half_tip_near(&study, "load-spike", critical, 80.0, 24);
}

#[test]
fn least_requests_send_most_to_the_replica_that_fails_fastest() {
    // Without ejection. Of the free slots of 200 ten are the broken replica's: β = 10/(200 - L (1 - β) S); round robin: 1/20.
    let least = |load: f64| {
        let (a, b) = (load * 0.1, 200.0 - load * 0.1);
        (-b + (b * b + 40.0 * a).sqrt()) / (2.0 * a)
    };
    for (load, policy, share) in [
        (1200.0, "least-requests", least(1200.0)),
        (1850.0, "least-requests", least(1850.0)),
        (1200.0, "round-robin", 0.05),
    ] {
        let policy = format!("balancer.lb.policy={policy}");
        let study = study("load-balancer", &["balancer.lb.failures=unlimited", &policy]);
        let sets: &[(&str, f64)] = &[("balancer.lb.broken", 1.0), ("client.web.load", load)];
        let goodput = followed(&study, "goodput", &[(60.0, sets)], &[60.0])[0];
        close(1.0 - goodput / load, share, 0.03);
        let all = runs(&study.model, &[(0.0, f64::INFINITY, sets)], 60.0, 4);
        let lost = all.iter().map(|run| 1.0 - answered_at_end(run)).sum::<f64>() / 4.0;
        close(lost, share, 0.06);
    }
    // Taken out after five failures in a row it costs next to nothing.
    let ejecting = study("load-balancer", &[]);
    let sets: &[(&str, f64)] = &[("balancer.lb.broken", 1.0)];
    let goodput = followed(&ejecting, "goodput", &[(60.0, sets)], &[60.0])[0];
    assert!(goodput > 0.995 * 1200.0, "{goodput}");
}

// Replicas with queues of their own

/// Ten replicas of four slots behind a balancer.
fn replicas(load: u32, balancer: &str) -> String {
    format!(
        "[model]\nname = \"replicas\"\n[client.web]\ncalls = \"api\"\nload = \"{load} req/s\"\ntimeout = \"1 s\"\n\
         retry = {{ attempts = 3, backoff = \"500 ms\", jitter = \"exponential\" }}\n\
         [service.api]\nservers = 40\nservice_time = \"100 ms\"\nqueue = {{ limit = 1000 }}\n\
         [balancer.lb]\nof = \"api\"\nreplicas = 10\n{balancer}\n\
         [[trigger]]\nname = \"spike\"\nset = {{ \"client.web.load\" = \"800 req/s\" }}\nat = \"30 s\"\nfor = \"1.2 s\"\n"
    )
}

const QUEUES: [(&str, &str); 5] = [
    ("shared", ""),
    ("random", "queues = \"per-replica\"\npolicy = \"random\""),
    ("in turn", "queues = \"per-replica\"\npolicy = \"round-robin\""),
    ("least of two", "queues = \"per-replica\"\npolicy = \"least-requests\"\nchoices = 2"),
    ("least of all", "queues = \"per-replica\"\npolicy = \"least-requests\""),
];

/// Mean number inside, at three loads, within 6 %. Served in turn, replicas are short by more from 300 req/s on: -6.8 % there and -8.4 % at
/// 340 (docs/theory/fleet.md).
#[test]
fn queues_of_replicas_have_the_length_of_the_simulation() {
    for (name, balancer) in QUEUES {
        // Noise tips random replicas within minutes above.
        let most = match name {
            "random" => 300,
            "in turn" => 200,
            _ => 340,
        };
        for load in [200, 300, 340].into_iter().filter(|&load| load <= most) {
            let text = replicas(load, balancer);
            let found = common::findings(&common::study_of(&text, &[])).analysis;
            let good = found.states.iter().find(|s| s.name == "good").expect("a good state");
            let inside = good.state["api.queue"].as_f64().expect("a number");
            let (plan, runs) = common::held::good_runs(&common::held::system(&text, &[]), 400.0, 6);
            let simulated = tipping::referee::Summary::after(&common::held::system(&text, &[]), &plan, &runs, 40.0);
            let expected = simulated.stations[0].inside.mean;
            println!(
                "{name} at {load}: {inside:.3}, simulated {expected:.3} ({:+.1} %)",
                100.0 * (inside / expected - 1.0)
            );
            close(inside, expected, 0.06);
        }
    }
}

#[track_caller]
fn replicas_hold(which: usize) {
    let (name, balancer) = QUEUES[which];
    let text = replicas(240, balancer);
    let loss = ("service.api.servers", 10.0, 30.0, 300.0);
    // Queues that are apart empty one by one: random ones heal above the recovery load of the equations, too.
    let safe = name == "random";
    common::held::holds(&common::held::Held { name, text: &text, loss, trigger: Some(("spike", 5.0)), safe });
}

#[test]
fn a_shared_queue_against_the_referee() {
    replicas_hold(0);
}

#[test]
fn random_replicas_against_the_referee() {
    replicas_hold(1);
}

#[test]
fn replicas_in_turn_against_the_referee() {
    replicas_hold(2);
}

#[test]
fn the_least_of_two_against_the_referee() {
    replicas_hold(3);
}

#[test]
fn the_least_of_all_against_the_referee() {
    replicas_hold(4);
}

/// Probes that fail in an overload take replicas out, which a panic threshold bounds.
#[test]
fn health_checks_against_the_referee() {
    let check = "check = { interval = \"1 s\", timeout = \"500 ms\", unhealthy = 2, healthy = 2 }\npanic = 0.5";
    let text = replicas(240, &format!("queues = \"per-replica\"\npolicy = \"random\"\n{check}"));
    let loss = ("service.api.servers", 10.0, 30.0, 300.0);
    common::held::holds(&common::held::Held {
        name: "checks",
        text: &text,
        loss,
        // The equations tip too early, 0.571 s for 1.061 ± 0.015 s simulated: see docs/theory/fleet.md.
        trigger: None,
        safe: true,
    });
}

/// Of ten replicas one is broken: a tenth of the requests is refused until two probes have failed, 1.5 intervals after.
#[test]
#[ignore = "a known defect: the equations lose 0.71 of a second's requests where probes lose 0.60"]
fn health_checks_find_a_broken_replica() {
    let check = "check = { interval = \"4 s\", unhealthy = 2, healthy = 2 }";
    let text = replicas(200, &format!("queues = \"per-replica\"\npolicy = \"random\"\n{check}"))
        .replace("retry = { attempts = 3, backoff = \"500 ms\", jitter = \"exponential\" }\n", "");
    let study = common::study_of(&text, &[]);
    let broken: &[(&str, f64)] = &[("balancer.lb.broken", 1.0)];
    // The time integral of the share lost is a tenth of the mean time until it is found.
    let times: Vec<f64> = (0..160).map(|k| 0.125 + 0.25 * f64::from(k)).collect();
    let goodput = followed(&study, "goodput", &[(40.0, broken)], &times);
    let lost: f64 = goodput.iter().map(|g| 0.25 * (1.0 - g / 200.0)).sum();
    close(lost, 0.1 * 6.0, 0.03);
    let all = runs(&study.model, &[(0.0, f64::INFINITY, broken)], 40.0, 200);
    let refused = |run: &Run| run.samples.last().expect("a sample").clients[0].failed as f64 / 200.0;
    close(all.iter().map(refused).sum::<f64>() / 200.0, lost, 0.1);
}

// Worked example

#[test]
fn the_resizer_needs_32_machines_and_40_with_headroom() {
    let per_machine = 32.0 / 0.1;
    let machines = (10_000.0_f64 / per_machine).ceil();
    assert_eq!((machines, (machines / 0.8).ceil()), (32.0, 40.0));
    let study = study("image-resizer", &[]);
    let service = study.model.services.iter().find(|s| s.name.value == "resizers").expect("resizers");
    assert_eq!(service.servers.value, 32.0 * 40.0);
    close(service.service_time.value, 0.1, 1e-12);
}

#[test]
fn load_multiples_at_which_the_resizer_collapses() {
    // It tips at its capacity, 12,800 req/s, whatever the attempts; it heals at capacity/attempts.
    let multiples = |overrides: &[&str]| {
        let study = study("image-resizer", overrides);
        let load = study.load_index(&study.fluid);
        let found = limits::limits(&study.fluid, load, &landscape(&study.fluid, load).expect("the branch begins"));
        (found.tip_over.expect("a tip-over load").load / 10_000.0, found.recovery.map(|r| r.load / 10_000.0))
    };
    for attempts in [2, 3, 4] {
        let (tips, heals) = multiples(&[&format!("client.web.retry.attempts={attempts}")]);
        close(tips, 1.28, 0.01);
        close(heals.expect("a recovery load"), 1.28 / f64::from(attempts), 0.01);
    }
    let (tips, heals) = multiples(&["client.web.retry.attempts=1"]);
    close(tips, 1.28, 0.01);
    assert!(heals.is_none_or(|h| h > 0.99 * 1.28), "{heals:?}");
    // One rack of ten lost: 36 machines.
    let (tips, heals) = multiples(&["service.resizers.servers=1152"]);
    close(tips, 1.152, 0.01);
    close(heals.expect("a recovery load"), 1.152 / 3.0, 0.01);
}

#[test]
fn a_flush_of_the_authorisations_tips_the_resizer_from_three_fifths_of_the_plan() {
    // 500 ms of it forget a share 1 - e^(-1/2) = 39 % of them. Misses exceed the 2,000 checks a second from a load of
    // 2,000/(0.01 + 0.99 · 0.39) = 5,000 req/s on; the cache fills again meanwhile, so that it takes somewhat more.
    let bound = 2_000.0 / (0.01 + 0.99 * (1.0 - (-0.5_f64).exp())) / 10_000.0;
    close(bound, 0.5, 0.01);
    let fate = |multiple: f64| {
        let study = study("image-resizer", &[&format!("client.web.load={} req/s", 1e4 * multiple)]);
        let landscape = landscape(&study.median, study.load_index(&study.median)).expect("the branch begins");
        let good = landscape.states.iter().position(|s| s.stable() == Some(true)).expect("a good state");
        let range = Range::new(&study.median, &landscape, good).expect("it is stable");
        let flush = study.model.triggers.iter().find(|t| t.name.value == "auth-flush").expect("the trigger");
        let plan = Trigger::new(&study.median, flush).expect("it can be run");
        range.run(&plan, 1.0, 0.5).expect("solved")
    };
    assert_eq!(fate(0.55), Fate::Heals);
    assert_eq!(fate(0.62), Fate::Tips);
    // With none of them left the checks are the capacity: a fifth of the plan.
    let study = study("image-resizer", &["cache.auth_cache.entries=1"]);
    let load = study.load_index(&study.fluid);
    let found = limits::limits(&study.fluid, load, &landscape(&study.fluid, load).expect("the branch begins"));
    close(found.tip_over.expect("a tip-over load").load, 2_000.0, 0.01);
}

#[test]
fn a_resizer_without_retries_serves_again_within_minutes_of_its_triggers() {
    // Its cache takes a day to forget the flush, which nobody notices.
    let study = study("image-resizer", &["client.web.retry.attempts=1"]);
    let landscape = landscape(&study.median, study.load_index(&study.median)).expect("the branch begins");
    let good = landscape.states.iter().position(|s| s.stable() == Some(true)).expect("a good state");
    let range = Range::new(&study.median, &landscape, good).expect("it is stable");
    for trigger in &study.model.triggers {
        let plan = Trigger::new(&study.median, trigger).expect("it can be run");
        let healed = range.healing_time(&plan, 1.0, plan.duration.unwrap_or(0.0)).expect("solved").expect("it heals");
        assert!(healed < 600.0, "{}: {healed}", plan.name);
    }
}

#[test]
fn a_broken_replica_has_an_answer() {
    let analysis = analysis("load-balancer", &[]);
    let found = analysis.triggers.iter().find(|t| t.name == "broken-replica");
    assert!(found.is_some_and(|t| t.outcome != "undecided"), "{:?}", analysis.warnings);
    assert!(!analysis.warnings.iter().any(|w| w.contains("step size")), "{:?}", analysis.warnings);
}

// Garbage collection

#[test]
fn a_full_heap_never_recovers() {
    let study = study("java-heap", &[]);
    let step = |load: f64| [("load", load)];
    let (first, high, low, last) = (step(220.0), step(260.0), step(180.0), step(140.0));
    let phases: &[Phase<'_>] = &[(240.0, &first), (480.0, &high), (720.0, &first), (960.0, &low), (1200.0, &last)];
    let queue_at = [470.0, 710.0, 945.0];
    let busy = followed(&study, "gc_share", phases, &[200.0, 700.0, 1190.0]);
    assert!((0.56..=0.61).contains(&busy[0]), "before: {}", busy[0]);
    assert!(busy[1..].iter().all(|share| (0.87..=0.91).contains(share)), "after: {busy:?}");
    close(followed(&study, "served", phases, &[700.0])[0], 147.0, 0.05);
    // Arrivals less what was served, from the served rate every second.
    let seconds: Vec<f64> = (0..1200).map(|t| f64::from(t) + 0.5).collect();
    let served = followed(&study, "served", phases, &seconds);
    let load = |t: f64| phases.iter().find(|phase| t <= phase.0).expect("a phase").1[0].1;
    let queue = |until: f64| -> f64 {
        let so_far = seconds.iter().zip(&served).take_while(|(t, _)| **t < until);
        so_far.map(|(&t, served)| load(t) - served).sum()
    };
    for (at, read_off) in queue_at.into_iter().zip([27e3, 47e3, 57e3]) {
        close(queue(at), read_off, 0.05);
    }
}
