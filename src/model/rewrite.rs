//! A model file with other numbers in it, otherwise as it was: comments, order and spelling stay.

use super::types::Quantity;
use super::unit::number;
use std::ops::Range;

/// Significant digits of a number that is written into a file.
const DIGITS: usize = 7;

/// A value in base units as it is written in the unit of the number it replaces, without quotes.
#[must_use]
pub fn literal(like: &Quantity, value: f64) -> String {
    let written = if like.factor < 1.0 { value * (1.0 / like.factor) } else { value / like.factor };
    let number = number(written, DIGITS);
    if like.unit.is_empty() { number } else { format!("{number} {}", like.unit) }
}

/// Puts new literals into the places of old ones and says in `[model]` where they are from.
#[must_use]
pub fn replace(text: &str, mut new: Vec<(Range<usize>, String)>, source: &str) -> String {
    new.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (range, literal) in new {
        if range.start < from {
            continue;
        }
        out.push_str(&text[from..range.start]);
        let old = &text[range.clone()];
        let inside = text[..range.start].ends_with(['"', '\'']);
        let quoted = old.starts_with(['"', '\'']);
        // A bare number stays one; a text keeps its quotes.
        if quoted || (!inside && literal.contains(' ')) {
            out.push('"');
            out.push_str(&literal);
            out.push('"');
        } else {
            out.push_str(&literal);
        }
        from = range.end;
    }
    out.push_str(&text[from..]);
    with_source(&out, source)
}

/// The file with another `source` in `[model]`.
fn with_source(text: &str, source: &str) -> String {
    let quoted = format!("source = \"{}\"", source.replace('\\', "\\\\").replace('"', "\\\""));
    let mut lines: Vec<&str> = Vec::new();
    let (mut inside, mut done) = (false, false);
    let mut header = None;
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with('[') {
            inside = bare.starts_with("[model]");
        }
        let key = bare.split('=').next().map(str::trim);
        if inside && key == Some("source") && !done {
            lines.push(&quoted);
            done = true;
            continue;
        }
        lines.push(line);
        if inside && header.is_none() {
            header = Some(lines.len());
        }
    }
    if let (false, Some(at)) = (done, header) {
        lines.insert(at, &quoted);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::load::load;
    use super::{literal, replace};

    const MODEL: &str = "# a comment\n[model]\nname = \"m\"\nsource = \"assumed\"\n[client.web]\ncalls = \"api\"\nload = \"60 req/s\" # today\n\
                         timeout = \"1 s\"\n[service.api]\nservers = 10\nservice_time = \"100 ms\"\n";

    #[test]
    fn only_the_numbers_and_the_source_change() {
        let model = load(MODEL, "m.toml", &[]).expect("a model").model;
        let change = |path: &str, value: f64| {
            let quantity = model.quantity(path).expect(path);
            (quantity.span.clone(), literal(quantity, value))
        };
        let new = vec![change("service.api.service_time", 0.0987), change("service.api.servers", 11.5)];
        let text = replace(MODEL, new, "fitted: a.csv");
        let expected =
            MODEL.replace("100 ms", "98.7 ms").replace("= 10\n", "= 11.5\n").replace("assumed", "fitted: a.csv");
        assert_eq!(text, expected);
        assert_eq!(
            load(&text, "m.toml", &[]).expect("a model").model.quantity("service.api.service_time").expect("it").value,
            0.0987
        );
    }

    #[test]
    fn a_source_is_added_where_there_is_none() {
        let text = replace("[model]\nname = \"m\"\n[param]\nx = 1\n", Vec::new(), "fitted: b");
        assert_eq!(text, "[model]\nsource = \"fitted: b\"\nname = \"m\"\n[param]\nx = 1\n");
    }
}
