//! A diagram as a figure: solid where stable, marked where it changes.

use super::Diagram;
use crate::dynamics::continuation::{Branch, Point};
use crate::plot::{ChartPanel, Figure, LineChart, PlotError, Reference, Scale, Series};
use crate::report::measures::{self, Measure};
use crate::report::words::{capitalised, measured};

impl Diagram<'_> {
    /// Draws goodput and number inside along the parameter.
    ///
    /// # Errors
    /// Only by a defect of the drawing library.
    pub fn draw(&self) -> Result<Figure, PlotError> {
        let fluid = &self.study.fluid;
        let parameter = self.parameter();
        let shown: Vec<Measure> =
            measures::goodput(self.study, fluid).into_iter().chain([measures::inside(fluid)]).collect();
        let cap = shown.last().map_or(f64::INFINITY, |inside| self.cap(inside));
        let panels = shown
            .iter()
            .map(|measure| ChartPanel {
                label: capitalised(&measure.name),
                unit: measure.unit.clone(),
                scale: if measure.name == "goodput" { Scale::Linear } else { Scale::Auto },
                series: vec![self.series(measure, true, cap), self.series(measure, false, cap)],
                height: 0,
            })
            .collect();
        let mut references =
            vec![Reference { x: self.shown(self.today.parameters[self.index]), label: "today".to_owned() }];
        for branch in &self.branches {
            references.extend(
                self.specials(branch)
                    .filter(|(after, s)| s.kind == "fold" || gains_or_loses_stability(branch, *after))
                    .map(|(_, s)| Reference {
                        x: self.shown(s.parameter),
                        label: format!("{} {}", s.kind.replace("hopf", "Hopf"), measured(self.shown(s.parameter), "")),
                    }),
            );
        }
        let meta = &self.study.model.meta;
        let chart = LineChart {
            title: format!("{}: states along {}", meta.name, parameter.path),
            subtitle: Some(meta.title.clone()).filter(|t| !t.is_empty()),
            x_label: parameter.path.clone(),
            x_unit: parameter.unit.clone(),
            x_scale: Scale::Linear,
            panels,
            references,
        };
        chart.draw()
    }

    /// The stable or the unstable stretches of all branches, with gaps between them.
    fn series(&self, measure: &Measure, stable: bool, cap: f64) -> Series {
        let mut points = Vec::new();
        for branch in &self.branches {
            for pair in branch.points.windows(2) {
                let ends = [&pair[0], &pair[1]];
                // A stretch is as stable as its second point: the change lies at its begin, within a short step.
                if (pair[1].stable() == Some(true)) != stable || ends.iter().any(|p| !self.inside(p.parameter)) {
                    points.push((f64::NAN, f64::NAN));
                    continue;
                }
                for point in ends {
                    let mut p = self.today.parameters.clone();
                    p[self.index] = point.parameter;
                    let outputs = self.outputs(point.parameter, &point.x);
                    let value = measure.value(&point.x, &outputs, &p);
                    points.push((self.shown(point.parameter), if value > cap { f64::NAN } else { value }));
                }
            }
            points.push((f64::NAN, f64::NAN));
        }
        let name = if stable { "stable" } else { "unstable" };
        Series { name: name.to_owned(), points, band: Vec::new(), markers: false }
    }

    /// Largest value drawn: a branch that leaves for infinity would push all else to the bottom.
    fn cap(&self, inside: &Measure) -> f64 {
        const HIGHEST: f64 = 30.0;
        let p = &self.today.parameters;
        let values = |x: &[f64], at: f64| inside.value(x, &self.outputs(at, x), p);
        let states = self.today.states.iter().map(|s| values(&s.x, p[self.index]));
        let specials = self.branches.iter().flat_map(|b| self.specials(b));
        let folds = specials.filter_map(|(_, s)| Some(values(s.x?, s.parameter)));
        let largest = states.chain(folds).fold(0.0, f64::max);
        if largest > 0.0 { HIGHEST * largest } else { f64::INFINITY }
    }
}

/// Whether one side of a step is stable and the other is not: other Hopf points are of no consequence.
fn gains_or_loses_stability(branch: &Branch, after: usize) -> bool {
    let stable = |index: usize| branch.points.get(index).and_then(Point::stable);
    stable(after) != stable(after + 1)
}
