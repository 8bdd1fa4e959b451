//! Equations as LaTeX.

use super::sheet::{Sheet, remark};
use super::text::number as plain_number;
use super::view::{Condition, Term, View};
use crate::model::unit::in_unit;
use crate::process::graph::Node;

/// How strongly the outermost operator of an expression binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Sum,
    Product,
    Power,
    Primary,
}

/// The whole fragment.
pub(super) fn document(sheet: &mut Sheet<'_>) -> String {
    let mut out = String::from("% Needs \\usepackage{amsmath, amssymb}. Numbers are in base units: s, req, B.\n");
    table(&mut out, "Parameters", "ll", &parameters(sheet));
    table(&mut out, "States", "llll", &states(sheet));
    let quantities: Vec<String> = sheet
        .quantities
        .clone()
        .into_iter()
        .map(|q| {
            let body = if q.alias { expression(sheet, q.node) } else { definition(sheet, q.node) };
            aligned(&symbol(&q.name), &body)
        })
        .collect();
    align(&mut out, "Quantities", &quantities);
    let drift = sheet.drift.clone();
    let equations: Vec<String> = sheet
        .process
        .states
        .iter()
        .zip(drift)
        .map(|(state, node)| {
            let body = expression(sheet, node);
            aligned(&format!("\\frac{{d}}{{dt}} {}", symbol(&state.info.name)), &body)
        })
        .collect();
    align(&mut out, "Equations", &equations);
    let lags: Vec<String> = sheet
        .lags
        .clone()
        .into_iter()
        .enumerate()
        .map(|(i, lag)| aligned(&format!("\\tau_{{{}}}", i + 1), &expression(sheet, lag)))
        .collect();
    align(&mut out, "Lags", &lags);
    let transitions = transitions(sheet);
    table(&mut out, "Transitions", "llll", &transitions);
    let sets: Vec<String> = sheet
        .process
        .sets
        .iter()
        .map(|(name, node)| {
            let condition = sheet.condition(*node);
            aligned(&symbol(name), &[condition_at(sheet, &condition, false)])
        })
        .collect();
    align(&mut out, "Sets", &sets);
    out
}

fn align(out: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        out.push_str(&format!("\n\\paragraph{{{title}}}\n\\allowdisplaybreaks\n\\begin{{align*}}\n"));
        out.push_str(&lines.join(" \\\\\n"));
        out.push_str("\n\\end{align*}\n");
    }
}

fn table(out: &mut String, title: &str, columns: &str, rows: &[String]) {
    if !rows.is_empty() {
        out.push_str(&format!("\n\\paragraph{{{title}}}\n\\begin{{center}}\n\\begin{{tabular}}{{{columns}}}\n"));
        out.push_str(&rows.join(" \\\\\n"));
        out.push_str("\n\\end{tabular}\n\\end{center}\n");
    }
}

/// Terms per line of a sum.
const TERMS: usize = 3;

/// `left &= right`, a long sum broken into lines.
fn aligned(left: &str, right: &[String]) -> String {
    let lines: Vec<String> = right.chunks(TERMS).map(|c| c.join(" ")).collect();
    format!("{left} &= {}", lines.join(" \\\\\n  &\\quad "))
}

fn parameters(sheet: &Sheet<'_>) -> Vec<String> {
    let shown = |p: &crate::process::population::Parameter| escaped(&in_unit(p.value, &p.unit, p.factor));
    sheet.process.parameters.iter().map(|p| format!("${}$ & {}", symbol(&p.path), shown(p))).collect()
}

fn states(sheet: &Sheet<'_>) -> Vec<String> {
    let bound = |value: f64| if value.is_finite() { number(value) } else { infinite(value).to_owned() };
    let row = |s: &crate::process::population::State| {
        let (name, start) = (symbol(&s.info.name), number(s.info.start));
        let range = format!("[{}, {}]", bound(s.info.lower), bound(s.info.upper));
        format!("${name}$ & starts at ${start}$ & ${range}$ & {}", escaped(&remark(&s.unit, &s.about)))
    };
    sheet.process.states.iter().map(row).collect()
}

fn transitions(sheet: &mut Sheet<'_>) -> Vec<String> {
    let process = sheet.process;
    let mut rows = Vec::new();
    for transition in &process.transitions {
        let rate = expression(sheet, transition.rate).join(" ");
        let jump = |&(state, size): &(usize, f64)| {
            let sign = if size < 0.0 { '-' } else { '+' };
            format!("${} \\mathrel{{{sign}{{=}}}} {}$", symbol(&process.states[state].info.name), number(size.abs()))
        };
        let jumps: Vec<String> = transition.jumps.iter().map(jump).collect();
        let delay = match transition.delay {
            Some(delay) => format!("after ${}$", at(sheet, delay, Level::Sum)),
            None => String::new(),
        };
        rows.push(format!("{} & ${rate}$ & {} & {delay}", escaped(&transition.name), jumps.join(", ")));
    }
    rows
}

/// Text with the characters that LaTeX reserves made harmless.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '_' | '%' | '&' | '#' | '$' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out.push_str("\\textbackslash{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            _ => out.push(c),
        }
    }
    out
}

/// A name in a formula.
fn symbol(name: &str) -> String {
    format!("\\mathsf{{{}}}", escaped(name))
}

fn infinite(value: f64) -> &'static str {
    if value > 0.0 { "\\infty" } else { "-\\infty" }
}

fn number(value: f64) -> String {
    if value.is_nan() {
        return "\\mathrm{undefined}".to_owned();
    }
    if value.is_infinite() {
        return infinite(value).to_owned();
    }
    let text = plain_number(value);
    match text.split_once('e') {
        Some(("1", exponent)) => format!("10^{{{exponent}}}"),
        Some((mantissa, exponent)) => format!("{mantissa} \\cdot 10^{{{exponent}}}"),
        None => text,
    }
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

fn sum(sheet: &mut Sheet<'_>, terms: &[Term]) -> Vec<String> {
    let mut pieces = Vec::new();
    for (i, term) in terms.iter().enumerate() {
        let text = at(sheet, term.node, Level::Product);
        pieces.push(match (i, term.negative) {
            (0, false) => text,
            (_, true) => format!("- {text}"),
            (_, false) => format!("+ {text}"),
        });
    }
    pieces
}

fn at(sheet: &mut Sheet<'_>, node: Node, least: Level) -> String {
    if let Some(name) = sheet.name(node) {
        return symbol(name);
    }
    let view = sheet.view(node);
    let (text, level) = written(sheet, &view);
    if level < least { format!("\\left({text}\\right)") } else { text }
}

fn written(sheet: &mut Sheet<'_>, view: &View) -> (String, Level) {
    match view {
        View::Number(value) => {
            let simple = *value >= 0.0 && !plain_number(*value).contains('e');
            (number(*value), if simple { Level::Primary } else { Level::Product })
        }
        View::Parameter(i) => (symbol(&sheet.process.parameters[*i].path), Level::Primary),
        View::State(i) => (symbol(&sheet.process.states[*i].info.name), Level::Primary),
        View::Time => ("t".to_owned(), Level::Primary),
        View::Sum(terms) => (sum(sheet, terms).join(" "), Level::Sum),
        View::Negative(x) => (format!("-{}", at(sheet, *x, Level::Product)), Level::Sum),
        View::Product(x, y) => {
            (format!("{} \\cdot {}", at(sheet, *x, Level::Product), at(sheet, *y, Level::Product)), Level::Product)
        }
        View::Quotient(x, y) => {
            (format!("\\frac{{{}}}{{{}}}", at(sheet, *x, Level::Sum), at(sheet, *y, Level::Sum)), Level::Product)
        }
        View::Ratio(x, y) => {
            let over = at(sheet, *x, Level::Sum);
            (format!("\\frac{{{over}}}{{{over} + {}}}", at(sheet, *y, Level::Product)), Level::Product)
        }
        View::Power(x, e) => (format!("{}^{{{}}}", at(sheet, *x, Level::Primary), number(*e)), Level::Power),
        View::VariablePower(x, y) => {
            (format!("{}^{{{}}}", at(sheet, *x, Level::Primary), at(sheet, *y, Level::Sum)), Level::Power)
        }
        View::Call(name, arguments) => call(sheet, name, arguments),
        View::If(c, x, y) => {
            let c = condition_at(sheet, c, false);
            let (x, y) = (at(sheet, *x, Level::Sum), at(sheet, *y, Level::Sum));
            let cases =
                format!("\\begin{{cases}} {x} & \\text{{if }} {c} \\\\ {y} & \\text{{otherwise}} \\end{{cases}}");
            (cases, Level::Product)
        }
        View::Indicator(c) => {
            (format!("\\mathbf{{1}}\\left[{}\\right]", condition_at(sheet, c, false)), Level::Primary)
        }
        View::Delay(x, lag) => delayed(sheet, *x, *lag),
    }
}

/// `x(t - τ)` for what has a name, `[...]` with the time as index for what has none.
fn delayed(sheet: &mut Sheet<'_>, x: Node, lag: Node) -> (String, Level) {
    let tau = match sheet.lags.iter().position(|l| *l == lag) {
        Some(i) => format!("\\tau_{{{}}}", i + 1),
        None => at(sheet, lag, Level::Product),
    };
    let text = at(sheet, x, Level::Sum);
    if sheet.name(x).is_some() || sheet.is_leaf(x) {
        (format!("{text}(t - {tau})"), Level::Primary)
    } else {
        (format!("\\left[{text}\\right]_{{t - {tau}}}"), Level::Primary)
    }
}

fn call(sheet: &mut Sheet<'_>, name: &str, arguments: &[Node]) -> (String, Level) {
    let list: Vec<String> = arguments.iter().map(|a| at(sheet, *a, Level::Sum)).collect();
    let joined = list.join(", ");
    let text = match (name, list.as_slice()) {
        ("busy", [m, v, c]) => format!("\\mathbb{{E}}_{{{m},\\,{v}}}\\left[\\min(n, {c})\\right]"),
        ("busy_covariance", [m, v, c]) => {
            format!("\\operatorname{{Cov}}_{{{m},\\,{v}}}\\left[n, \\min(n, {c})\\right]")
        }
        ("ahead", [m, v, c]) => format!("\\mathbb{{E}}_{{{m},\\,{v}}}\\left[(n - {c} + 1)^{{+}}\\right]"),
        ("ahead_variance", [m, v, c]) => {
            format!("\\operatorname{{Var}}_{{{m},\\,{v}}}\\left[(n - {c} + 1)^{{+}}\\right]")
        }
        ("all_busy", [m, v, c]) => format!("\\mathbb{{P}}_{{{m},\\,{v}}}\\left[n \\ge {c}\\right]"),
        ("exp", [x]) => return (format!("e^{{{x}}}"), Level::Power),
        ("sqrt", [x]) => format!("\\sqrt{{{x}}}"),
        ("abs", [x]) => format!("\\left|{x}\\right|"),
        ("floor", [x]) => format!("\\left\\lfloor {x} \\right\\rfloor"),
        ("normal_cdf", _) => format!("\\Phi\\left({joined}\\right)"),
        ("normal_pdf", _) => format!("\\varphi\\left({joined}\\right)"),
        ("gamma_q", _) => format!("Q\\left({joined}\\right)"),
        ("gamma_p", _) => format!("P\\left({joined}\\right)"),
        ("ln" | "min" | "max", _) => format!("\\{name}\\left({joined}\\right)"),
        _ => format!("\\operatorname{{{}}}\\left({joined}\\right)", escaped(name)),
    };
    (text, Level::Primary)
}

fn condition_at(sheet: &mut Sheet<'_>, condition: &Condition, inner: bool) -> String {
    let mut compare =
        |x: Node, sign: &str, y: Node| format!("{} {sign} {}", at(sheet, x, Level::Sum), at(sheet, y, Level::Sum));
    match condition {
        Condition::Less(x, y) => compare(*x, "<", *y),
        Condition::LessEqual(x, y) => compare(*x, "\\le", *y),
        Condition::Equal(x, y) => compare(*x, "=", *y),
        Condition::NotZero(x) => format!("{} \\ne 0", at(sheet, *x, Level::Sum)),
        Condition::And(x, y) => format!("{} \\wedge {}", condition_at(sheet, x, true), condition_at(sheet, y, true)),
        Condition::Or(x, y) => {
            let text = format!("{} \\vee {}", condition_at(sheet, x, false), condition_at(sheet, y, false));
            if inner { format!("\\left({text}\\right)") } else { text }
        }
        Condition::Not(inside) => match &**inside {
            Condition::Equal(x, y) => compare(*x, "\\ne", *y),
            other => format!("\\neg\\left({}\\right)", condition_at(sheet, other, false)),
        },
    }
}
