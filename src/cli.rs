//! The command line: what was typed, and one file per verb that does it. Parsing and printing only.
//!
//! [`run`] parses, gives the verb a `Session`, and turns what comes back into an `Exit`. A verb reads its
//! input first, computes, then writes files, then prints: nothing is written when the input is bad.

mod analyze;
mod branches;
mod compare;
mod equations;
mod exit;
mod explain;
mod failure;
mod files;
mod fit;
mod input;
mod inspect;
mod interrupt;
mod map;
mod merge;
mod metrics;
mod models;
mod noise;
mod parquet;
mod presets;
mod progress;
mod quantity;
mod referee;
mod rules;
mod shipped;
mod simulate;
mod summarize;
mod sweep;
mod terminal;
mod triggers;
mod watch;

pub use exit::Exit;
pub use failure::Failure;
pub use terminal::{Colour, Terminal};

use crate::model::Override;
use clap::builder::styling::{AnsiColor, Styles};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::num::NonZeroUsize;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::BrightCyan.on_default().bold())
    .usage(AnsiColor::BrightCyan.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// How far is this service from congestive collapse, what would push it over, and how does it come back?
#[derive(Debug, Parser)]
#[command(name = "tipping", version, styles = STYLES, arg_required_else_help = true, max_term_width = 100)]
#[command(after_help = "\
Examples:
  tipping analyze retry-storm                            verdict, tip-over and recovery load, triggers
  tipping analyze my.toml --set client.web.load=80req/s  the same with another load
  tipping analyze my.toml --out report                   with figures, as files
  tipping analyze my.toml --fail-on 'headroom<20%'       a gate for CI
  tipping simulate retry-storm --plot storm.svg          what happens over time

Exit codes: 0 fine; 1 a gate failed; 2 bad usage or input; 3 inconclusive; 70 a defect of tipping;
130 interrupted.")]
struct Typed {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    common: Common,
}

/// Options of every verb.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Common options")]
struct Common {
    /// Change a number of the model, such as client.web.load="80 req/s" or service.api.servers=x2; repeatable.
    #[arg(long, global = true, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Seed of everything random.
    #[arg(long, global = true, value_name = "N", default_value_t = 0, hide_default_value = true)]
    seed: u64,
    /// Number of threads; all cores by default. Results do not depend on it.
    #[arg(long, global = true, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// When to use colour.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    color: Colour,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Analyze(analyze::Arguments),
    Simulate(simulate::Arguments),
    Branches(branches::Arguments),
    Compare(compare::Arguments),
    Sweep(sweep::Arguments),
    Map(map::Arguments),
    Merge(merge::Arguments),
    Summarize(summarize::Arguments),
    Triggers(triggers::Arguments),
    Referee(referee::Arguments),
    Noise(noise::Arguments),
    Inspect(inspect::Arguments),
    Fit(fit::Arguments),
    Watch(watch::Arguments),
    Rules(rules::Arguments),
    Equations(equations::Arguments),
    Models(models::Arguments),
    Explain(explain::Arguments),
    Presets(presets::Arguments),
}

/// What the common options mean, for a verb to run in.
#[derive(Debug, Clone)]
struct Session {
    terminal: Terminal,
    overrides: Vec<Override>,
    seed: u64,
    threads: NonZeroUsize,
}

impl From<Common> for Session {
    fn from(typed: Common) -> Self {
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            terminal: Terminal::new(typed.color),
            overrides: typed.set.into_iter().map(Override::new).collect(),
            seed: typed.seed,
            threads: typed.threads.unwrap_or_else(cores),
        }
    }
}

/// Runs the command with its arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let typed = match Typed::try_parse_from(&arguments) {
        Ok(typed) => typed,
        Err(error) => return show(&error, Terminal::new(colour_typed(&arguments))),
    };
    let session = Session::from(typed.common);
    let done = match &typed.verb {
        Verb::Analyze(arguments) => analyze::run(arguments, &session),
        Verb::Simulate(arguments) => simulate::run(arguments, &session),
        Verb::Branches(arguments) => branches::run(arguments, &session),
        Verb::Compare(arguments) => compare::run(arguments, &session),
        Verb::Sweep(arguments) => sweep::run(arguments, &session),
        Verb::Map(arguments) => map::run(arguments, &session),
        Verb::Merge(arguments) => merge::run(arguments),
        Verb::Summarize(arguments) => summarize::run(arguments, &session),
        Verb::Triggers(arguments) => triggers::run(arguments, &session),
        Verb::Referee(arguments) => referee::run(arguments, &session),
        Verb::Noise(arguments) => noise::run(arguments, &session),
        Verb::Inspect(arguments) => inspect::run(arguments, &session),
        Verb::Fit(arguments) => fit::run(arguments, &session),
        Verb::Watch(arguments) => watch::run(arguments, &session),
        Verb::Rules(arguments) => rules::run(arguments, &session),
        Verb::Equations(arguments) => equations::run(arguments, &session),
        Verb::Models(arguments) => models::run(arguments, &session),
        Verb::Explain(arguments) => explain::run(arguments, &session),
        Verb::Presets(arguments) => presets::run(arguments, &session),
    };
    done.unwrap_or_else(|failure| {
        failure.tell(&session.terminal);
        failure.exit()
    })
}

/// Help and version, which were asked for, or what is wrong with the command line.
fn show(error: &clap::Error, terminal: Terminal) -> Exit {
    let text = error.render().ansi().to_string();
    if error.use_stderr() {
        terminal.aside(&text);
        return Exit::BadInput;
    }
    match terminal.result(&text) {
        Ok(()) => Exit::Fine,
        Err(failure) => failure.exit(),
    }
}

/// `--color` of a command line that could not be parsed.
fn colour_typed(arguments: &[OsString]) -> Colour {
    let words: Vec<&str> = arguments.iter().filter_map(|a| a.to_str()).collect();
    let pairs = words.windows(2).filter(|pair| pair[0] == "--color").map(|pair| pair[1]);
    match pairs.chain(words.iter().filter_map(|word| word.strip_prefix("--color="))).last() {
        Some("always") => Colour::Always,
        Some("never") => Colour::Never,
        _ => Colour::Auto,
    }
}

/// Says that the program is at fault, on stderr.
pub fn report_defect(what: &str) {
    let version = env!("CARGO_PKG_VERSION");
    Terminal::new(Colour::Auto).error(
        &format!("this is a defect of tipping {version}, not of your model: {what}"),
        Some("please report it with this message and, if you can, the model file and the command line"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Typed::command().debug_assert();
    }

    #[test]
    fn every_verb_says_what_it_answers() {
        for verb in Typed::command().get_subcommands() {
            assert!(verb.get_about().is_some(), "{}", verb.get_name());
            assert!(verb.get_after_help().is_some_and(|h| h.to_string().contains("Examples")), "{}", verb.get_name());
        }
    }

    #[test]
    fn colour_is_known_even_when_the_rest_is_not() {
        let typed = |words: &[&str]| colour_typed(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(typed(&["tipping", "--color", "never", "x"]), Colour::Never);
        assert_eq!(typed(&["tipping", "--color=always"]), Colour::Always);
        assert_eq!(typed(&["tipping"]), Colour::Auto);
    }
}
