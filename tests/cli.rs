//! The program as its users meet it: exit codes, streams, formats, files.

#[path = "cli/analyze.rs"]
mod analyze;
#[path = "cli/bad_input.rs"]
mod bad_input;
#[path = "cli/branches.rs"]
mod branches;
#[path = "cli/compare.rs"]
mod compare;
#[path = "cli/equations.rs"]
mod equations;
#[path = "cli/explain.rs"]
mod explain;
#[path = "cli/fit.rs"]
mod fit;
#[path = "cli/general.rs"]
mod general;
#[path = "cli/inspect.rs"]
mod inspect;
#[path = "cli/models.rs"]
mod models;
#[path = "cli/noise.rs"]
mod noise;
#[path = "cli/presets.rs"]
mod presets;
#[path = "cli/referee.rs"]
mod referee;
#[path = "cli/rules.rs"]
mod rules;
#[path = "cli/schema.rs"]
mod schema;
#[path = "cli/simulate.rs"]
mod simulate;
#[path = "cli/triggers.rs"]
mod triggers;
#[path = "cli/watch.rs"]
mod watch;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A finished run of the program.
struct Done {
    code: i32,
    out: String,
    err: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tipping"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE");
    command
}

fn tipping(arguments: &[&str]) -> Done {
    let Output { status, stdout, stderr } = command(arguments).output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Done { code: status.code().expect("no signal"), out: text(stdout), err: text(stderr) }
}

/// A fresh directory for a test.
fn scratch(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a directory");
    folder
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}
