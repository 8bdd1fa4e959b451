//! What all answers stand on: the landscape of a model and that of its middle run, with limits and names of states.

use super::document::Verdict;
use super::states::{names, verdict};
use crate::answers::checks::{Facts, Finding, checks};
use crate::answers::landscape::{Landscape, LandscapeError, landscape};
use crate::answers::limits::{Limit, Limits, limits};
use crate::answers::study::Study;

/// A landscape with its limits.
pub(super) struct Surveyed {
    pub(super) landscape: Landscape,
    pub(super) limits: Limits,
}

/// The landscape of the middle run.
enum Middle {
    /// Nobody asked for it, or it was not found.
    None,
    /// It is the landscape of the model.
    Same,
    /// It is another one; with the index of its good state.
    Own(Box<Surveyed>, Option<usize>),
}

/// See the module documentation.
pub(super) struct Ground {
    pub(super) landscape: Landscape,
    pub(super) limits: Limits,
    pub(super) names: Vec<String>,
    pub(super) verdict: Verdict,
    pub(super) findings: Vec<Finding>,
    pub(super) warnings: Vec<String>,
    good: Option<usize>,
    middle: Middle,
    triggers: bool,
}

impl Ground {
    /// Surveys a model, and its middle run if that is asked for.
    pub(super) fn survey(study: &Study, middle: bool) -> Result<Self, LandscapeError> {
        let (one, other) = (study.clone(), study.clone());
        let survey = |fluid: &crate::process::fluid::Fluid, load: usize| {
            let landscape = landscape(fluid, load)?;
            Ok::<_, LandscapeError>(Surveyed { limits: limits(fluid, load, &landscape), landscape })
        };
        let same = study.is_fluid();
        let (own, median) = rayon::join(
            move || survey(&one.fluid, one.load_index(&one.fluid)),
            move || (middle && !same).then(|| survey(&other.median, other.load_index(&other.median))),
        );
        let Surveyed { landscape, limits } = own?;
        let fluid = &study.fluid;
        let names = names(fluid, &landscape, &limits);
        let good = names.iter().position(|n| n == "good");
        let mut warnings = landscape.warnings.clone();
        warnings.extend(limits.warnings.iter().cloned());
        warnings.extend(study.remarks());
        let values = good.map(|i| fluid.outputs_at_rest(&landscape.states[i].x, &landscape.parameters));
        let at = |limit: &Option<Limit>| limit.as_ref().map(|l| l.load);
        let (recovery, tip_over) = (at(&limits.recovery), at(&limits.tip_over));
        let findings = checks(study, &Facts { fluid, good: values.as_deref(), recovery, tip_over });
        let verdict = verdict(&landscape, &limits, good, &mut warnings);
        let triggers = !study.model.triggers.is_empty();
        let wanted = good.is_some() && triggers;
        let middle = match median {
            _ if same => Middle::Same,
            None => Middle::None,
            Some(Ok(found)) => {
                let good = self::names(&study.median, &found.landscape, &found.limits).iter().position(|n| n == "good");
                if wanted && good.is_none() {
                    warnings.push("triggers: the fluid equations have no good state at today's load".to_owned());
                }
                Middle::Own(Box::new(found), good)
            }
            Some(Err(error)) => {
                if wanted {
                    warnings.push(format!("triggers: {error}"));
                }
                Middle::None
            }
        };
        Ok(Self { landscape, limits, names, verdict, findings, warnings, good, middle, triggers })
    }

    /// Landscape and limits of the middle run where these are not those of the model.
    pub(super) fn median(&self) -> Option<&Surveyed> {
        match &self.middle {
            Middle::Own(found, _) => Some(found),
            Middle::None | Middle::Same => None,
        }
    }

    /// Landscape and good state of the middle run, for a model with triggers and a good state.
    pub(super) fn good_median(&self) -> Option<(&Landscape, usize)> {
        let good = self.good.filter(|_| self.triggers)?;
        match &self.middle {
            Middle::None => None,
            Middle::Same => Some((&self.landscape, good)),
            Middle::Own(found, good) => Some((&found.landscape, (*good)?)),
        }
    }
}
