//! Equations as text, in the expression language of model files.

use super::sheet::{Sheet, remark};
use super::view::{Condition, Term, View};
use crate::model::unit::in_unit;
use crate::process::graph::Node;

/// How strongly the outermost operator of an expression binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Sum,
    Product,
    Unary,
    Power,
    Primary,
}

/// Longest line of an equation before it is continued on the next one.
const WIDTH: usize = 100;

/// The whole document.
pub(super) fn document(sheet: &mut Sheet<'_>) -> String {
    let mut out = String::from("# Numbers inside expressions are in base units: s, req, B.\n");
    parameters(sheet, &mut out);
    states(sheet, &mut out);
    heading(&mut out, "Quantities");
    for quantity in sheet.quantities.clone() {
        let body = if quantity.alias { expression(sheet, quantity.node) } else { definition(sheet, quantity.node) };
        line(&mut out, &quantity.name, &body, &quantity.remark);
    }
    heading(&mut out, "Equations");
    for (state, node) in sheet.process.states.iter().zip(sheet.drift.clone()) {
        let body = expression(sheet, node);
        line(&mut out, &format!("d/dt {}", state.info.name), &body, "");
    }
    transitions(sheet, &mut out);
    flows(sheet, &mut out);
    lags_and_sets(sheet, &mut out);
    out
}

fn heading(out: &mut String, title: &str) {
    out.push_str(&format!("\n# {title}\n"));
}

/// `name = body  # remark`, with lines broken before the signs of its sum.
fn line(out: &mut String, name: &str, body: &[String], remark: &str) {
    let mut current = format!("{name} =");
    for piece in body {
        if current.chars().count() + piece.chars().count() >= WIDTH && !current.ends_with('=') {
            out.push_str(&current);
            out.push('\n');
            current = "   ".to_owned();
        }
        current.push(' ');
        current.push_str(piece);
    }
    out.push_str(&current);
    if !remark.is_empty() {
        out.push_str("  # ");
        out.push_str(remark);
    }
    out.push('\n');
}

fn parameters(sheet: &Sheet<'_>, out: &mut String) {
    let parameters = &sheet.process.parameters;
    if parameters.is_empty() {
        return;
    }
    heading(out, "Parameters");
    let width = parameters.iter().map(|p| p.path.len()).max().unwrap_or(0);
    for p in parameters {
        let written = in_unit(p.value, &p.unit, p.factor);
        let base = if p.factor == 1.0 { String::new() } else { format!("  # {} in base units", number(p.value)) };
        out.push_str(&format!("{:width$} = {written}{base}\n", p.path));
    }
}

fn states(sheet: &Sheet<'_>, out: &mut String) {
    heading(out, "States: start, bounds, meaning");
    let width = sheet.process.states.iter().map(|s| s.info.name.len()).max().unwrap_or(0);
    for state in &sheet.process.states {
        let info = &state.info;
        let bounds = match (info.lower.is_finite(), info.upper.is_finite()) {
            (true, true) => format!(", {} to {}", number(info.lower), number(info.upper)),
            (true, false) => format!(", at least {}", number(info.lower)),
            (false, true) => format!(", at most {}", number(info.upper)),
            (false, false) => String::new(),
        };
        let remark = remark(&state.unit, &state.about);
        let remark = if remark.is_empty() { remark } else { format!("  # {remark}") };
        out.push_str(&format!("{:width$} : starts at {}{bounds}{remark}\n", info.name, number(info.start)));
    }
}

fn transitions(sheet: &mut Sheet<'_>, out: &mut String) {
    let process = sheet.process;
    if process.transitions.is_empty() {
        return;
    }
    heading(out, "Transitions: rate, change per event, delay of the change");
    for transition in &process.transitions {
        let rate = expression(sheet, transition.rate).join(" ");
        let jumps: Vec<String> = transition
            .jumps
            .iter()
            .map(|&(state, jump)| {
                let sign = if jump < 0.0 { "-" } else { "+" };
                format!("{} {sign}{}", process.states[state].info.name, number(jump.abs()))
            })
            .collect();
        let delay = transition.delay.map_or(String::new(), |d| format!(" | after {}", at(sheet, d, Level::Sum)));
        out.push_str(&format!("{} | {rate} | {}{delay}\n", transition.name, jumps.join(", ")));
    }
}

fn flows(sheet: &mut Sheet<'_>, out: &mut String) {
    let process = sheet.process;
    if process.flows.is_empty() {
        return;
    }
    heading(out, "Flows: drift beside the transitions");
    for &(state, node) in &process.flows {
        let body = expression(sheet, node).join(" ");
        out.push_str(&format!("{} | {body}\n", process.states[state].info.name));
    }
}

fn lags_and_sets(sheet: &mut Sheet<'_>, out: &mut String) {
    if !sheet.lags.is_empty() {
        heading(out, "Lags, in seconds");
        for lag in sheet.lags.clone() {
            out.push_str(&at(sheet, lag, Level::Sum));
            out.push('\n');
        }
    }
    if !sheet.process.sets.is_empty() {
        heading(out, "Sets");
        for (name, node) in &sheet.process.sets {
            let condition = sheet.condition(*node);
            let text = condition_at(sheet, &condition, 0);
            line(out, name, &[text], "");
        }
    }
}

/// A number that the parser reads as the same number.
pub(super) fn number(value: f64) -> String {
    if value.is_nan() {
        return "0 / 0".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "1 / 0" } else { "-1 / 0" }.to_owned();
    }
    let size = value.abs();
    if size == 0.0 || (1e-4..1e15).contains(&size) { format!("{value}") } else { format!("{value:e}") }
}

/// A node where nothing binds it, in pieces at which a line may be broken.
fn expression(sheet: &mut Sheet<'_>, node: Node) -> Vec<String> {
    if sheet.name(node).is_some() { vec![at(sheet, node, Level::Sum)] } else { definition(sheet, node) }
}

/// A node written out even if it has a name.
fn definition(sheet: &mut Sheet<'_>, node: Node) -> Vec<String> {
    match sheet.view(node) {
        View::Sum(terms) => sum(sheet, &terms),
        view => vec![written(sheet, &view).0],
    }
}

/// The terms of a sum with their signs.
fn sum(sheet: &mut Sheet<'_>, terms: &[Term]) -> Vec<String> {
    let mut pieces = Vec::new();
    for (i, term) in terms.iter().enumerate() {
        let text = at(sheet, term.node, Level::Product);
        pieces.push(match (i, term.negative) {
            (0, false) => text,
            (0, true) => format!("-{text}"),
            (_, false) => format!("+ {text}"),
            (_, true) => format!("- {text}"),
        });
    }
    pieces
}

/// A node where something binds it with this strength.
fn at(sheet: &mut Sheet<'_>, node: Node, least: Level) -> String {
    if let Some(name) = sheet.name(node) {
        return name.to_owned();
    }
    let view = sheet.view(node);
    let (text, level) = written(sheet, &view);
    if level < least { format!("({text})") } else { text }
}

fn written(sheet: &mut Sheet<'_>, view: &View) -> (String, Level) {
    match view {
        View::Number(value) => {
            let level = match value {
                v if !v.is_finite() => Level::Product,
                v if v.is_sign_negative() => Level::Unary,
                _ => Level::Primary,
            };
            (number(*value), level)
        }
        View::Parameter(i) => (sheet.process.parameters[*i].path.clone(), Level::Primary),
        View::State(i) => (sheet.process.states[*i].info.name.clone(), Level::Primary),
        View::Time => ("t".to_owned(), Level::Primary),
        View::Sum(terms) => (sum(sheet, terms).join(" "), Level::Sum),
        View::Negative(x) => (format!("-{}", at(sheet, *x, Level::Product)), Level::Product),
        View::Product(x, y) => {
            (format!("{} * {}", at(sheet, *x, Level::Product), at(sheet, *y, Level::Product)), Level::Product)
        }
        View::Quotient(x, y) => {
            (format!("{} / {}", at(sheet, *x, Level::Product), at(sheet, *y, Level::Unary)), Level::Product)
        }
        View::Ratio(x, y) => {
            let (over, under) = (at(sheet, *x, Level::Product), at(sheet, *x, Level::Sum));
            (format!("{over} / ({under} + {})", at(sheet, *y, Level::Product)), Level::Product)
        }
        View::Power(x, e) => (format!("{} ^ {}", at(sheet, *x, Level::Primary), number(*e)), Level::Power),
        View::VariablePower(x, y) => {
            (format!("{} ^ {}", at(sheet, *x, Level::Primary), at(sheet, *y, Level::Power)), Level::Power)
        }
        View::Call(name, arguments) => {
            let arguments: Vec<String> = arguments.iter().map(|a| at(sheet, *a, Level::Sum)).collect();
            (format!("{name}({})", arguments.join(", ")), Level::Primary)
        }
        View::If(c, x, y) => {
            let c = condition_at(sheet, c, 0);
            (format!("if({c}, {}, {})", at(sheet, *x, Level::Sum), at(sheet, *y, Level::Sum)), Level::Primary)
        }
        View::Indicator(c) => (format!("if({}, 1, 0)", condition_at(sheet, c, 0)), Level::Primary),
        View::Delay(x, lag) => {
            (format!("delay({}, {})", at(sheet, *x, Level::Sum), at(sheet, *lag, Level::Sum)), Level::Primary)
        }
    }
}

/// A condition; `least` is 0 for anything, 1 inside `&&`.
fn condition_at(sheet: &mut Sheet<'_>, condition: &Condition, least: u8) -> String {
    let mut compare =
        |x: Node, sign: &str, y: Node| format!("{} {sign} {}", at(sheet, x, Level::Sum), at(sheet, y, Level::Sum));
    match condition {
        Condition::Less(x, y) => compare(*x, "<", *y),
        Condition::LessEqual(x, y) => compare(*x, "<=", *y),
        Condition::Equal(x, y) => compare(*x, "==", *y),
        Condition::NotZero(x) => format!("{} != 0", at(sheet, *x, Level::Sum)),
        Condition::And(x, y) => format!("{} && {}", condition_at(sheet, x, 1), condition_at(sheet, y, 1)),
        Condition::Or(x, y) => {
            let text = format!("{} || {}", condition_at(sheet, x, 0), condition_at(sheet, y, 0));
            if least > 0 { format!("({text})") } else { text }
        }
        Condition::Not(inside) => match &**inside {
            Condition::Equal(x, y) => compare(*x, "!=", *y),
            other => format!("!({})", condition_at(sheet, other, 0)),
        },
    }
}
