//! The `tipping` command.

use std::panic;
use std::process::ExitCode;
use tipping::cli::{self, Exit};

fn main() -> ExitCode {
    panic::set_hook(Box::new(|defect| cli::report_defect(&defect.to_string())));
    panic::catch_unwind(|| cli::run(std::env::args_os())).unwrap_or(Exit::Defect).into()
}
