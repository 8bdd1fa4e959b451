//! How the command ends.

use std::process::ExitCode;

/// Exit codes; part of the contract with scripts and CI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Fine,
    /// A condition of `--fail-on` holds.
    GateFailed,
    /// The command line or the input cannot be used, or the output cannot be written.
    BadInput,
    /// There is no answer that can be relied on.
    Inconclusive,
    /// A defect of this program.
    Defect,
    /// The user ended it.
    Interrupted,
}

impl Exit {
    /// The number the process returns.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::GateFailed => 1,
            Self::BadInput => 2,
            Self::Inconclusive => 3,
            Self::Defect => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

#[cfg(test)]
mod tests {
    use super::Exit;

    #[test]
    fn codes_are_a_contract() {
        let all = [Exit::Fine, Exit::GateFailed, Exit::BadInput, Exit::Inconclusive, Exit::Defect, Exit::Interrupted];
        assert_eq!(all.map(Exit::code), [0, 1, 2, 3, 70, 130]);
    }
}
