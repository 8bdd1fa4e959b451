//! How often a service dies by itself: what `noise` shows of a Markov chain.

mod print;

use crate::chance::chain::survey::{PassageFindings, Survey};
use crate::process::population::Process;

/// What a chain was asked, with the names that it was asked by.
#[derive(Debug)]
pub struct Noise<'a> {
    /// The model's name.
    pub model: &'a str,
    /// SHA-256 of its file.
    pub sha256: &'a str,
    /// The process behind the chain: units of states and outputs.
    pub process: &'a Process,
    /// The answers.
    pub survey: &'a Survey,
    /// Names of the good and the collapsed set, if they are known.
    pub ends: Option<(&'a str, &'a str)>,
}

impl Noise<'_> {
    /// From the good set to the collapsed one.
    fn collapse(&self) -> Option<&PassageFindings> {
        self.ends.and_then(|(good, collapsed)| self.survey.passage(good, collapsed))
    }

    /// And back.
    fn recovery(&self) -> Option<&PassageFindings> {
        self.ends.and_then(|(good, collapsed)| self.survey.passage(collapsed, good))
    }
}
