//! JSON for programs.

use serde::Serialize;

/// Indented, fields in the order of the contract, with a newline at the end. Numbers that are not finite become null.
#[must_use]
pub fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}
