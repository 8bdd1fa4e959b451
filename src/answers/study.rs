//! A model made ready for questions: its equations compiled, its load named.

use crate::model::expand::{self, Problem};
use crate::model::types::{Closure, Model, Quantity};
use crate::process::fluid::Fluid;

/// A compiled model.
///
/// A model of the system layer has two sets of equations. The moment closure carries mean and variance of every queue and
/// answers for equilibria and folds. The fluid closure follows the mean alone: it is the path of the middle run, and
/// answers for triggers. (In the moment closure the variance between runs that a burst builds up would count as variance
/// within each run, which makes half of them tip too early; see the chapter on triggers in `docs/`.)
#[derive(Debug, Clone)]
pub struct Study {
    /// The model.
    pub model: Model,
    /// Its equations under the closure it asks for.
    pub fluid: Fluid,
    /// The equations of the middle run.
    pub median: Fluid,
    /// The number that is the load.
    pub load: Quantity,
    /// What the moment closure does not cover, where the model asked for it and got the fluid equations instead.
    pub without_moments: Option<String>,
}

/// Why a model cannot be studied.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StudyError {
    /// Mistakes in the equations, with byte ranges in the model file.
    #[error("the equations have {} mistakes", .0.len())]
    Equations(Vec<Problem>),
    /// The model does not say which of its numbers is the load.
    #[error("the model does not say which of its numbers is the load")]
    NoLoad,
}

impl Study {
    /// Compiles a model.
    ///
    /// # Errors
    /// [`StudyError`] if its equations are wrong or it names no load.
    pub fn new(model: Model) -> Result<Self, StudyError> {
        let fluid = Fluid::new(expand::process(&model, model.meta.closure).map_err(StudyError::Equations)?);
        let has_stations = !model.services.is_empty();
        let (closure, without_moments) = expand::available(&model, model.meta.closure);
        let median = if has_stations && closure == Closure::Moments {
            Fluid::new(expand::process(&model, Closure::Fluid).map_err(StudyError::Equations)?)
        } else {
            fluid.clone()
        };
        let path = model.load_path().ok_or(StudyError::NoLoad)?;
        let load = model.quantity(path).cloned().ok_or(StudyError::NoLoad)?;
        if fluid.process().parameter_index(&load.path).is_none() {
            return Err(StudyError::NoLoad);
        }
        Ok(Self { model, fluid, median, load, without_moments })
    }

    /// Whether the equations are those of the middle run.
    #[must_use]
    pub fn is_fluid(&self) -> bool {
        let (closure, _) = expand::available(&self.model, self.model.meta.closure);
        self.model.services.is_empty() || closure == Closure::Fluid
    }

    /// What a reader must know about the equations of this model.
    #[must_use]
    pub fn remarks(&self) -> Vec<String> {
        let mut found = Vec::new();
        if let Some(what) = &self.without_moments {
            found.push(format!(
                "{what} has equations of the middle run only: noise within a state is left out, and the true tip-over load is lower"
            ));
        }
        found.extend(super::closures::warnings(&self.model));
        found
    }

    /// Index of the load among the parameters of `fluid`.
    #[must_use]
    pub fn load_index(&self, fluid: &Fluid) -> usize {
        fluid.process().parameter_index(&self.load.path).unwrap_or(0)
    }
}
