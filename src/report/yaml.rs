//! The little of YAML 1.2 that files for Prometheus need: block mappings and sequences, comments, and quoted text.
//!
//! Text is always quoted, so that nothing in it can be taken for a number, a date, a boolean or a sign of YAML: in single
//! quotes (in which only the quote itself is special), or in double quotes with escapes where it holds what is not
//! printable.

/// A YAML file on its way.
#[derive(Debug, Clone, Default)]
pub struct Yaml {
    text: String,
    depth: usize,
    /// The next line begins an element of a sequence.
    dash: bool,
}

impl Yaml {
    /// A line of comment.
    pub fn comment(&mut self, words: &str) {
        let words: String = words.chars().map(|c| if is_printable(c) { c } else { ' ' }).collect();
        let line = format!("# {words}");
        self.line(line.trim_end());
    }

    /// An empty line.
    pub fn space(&mut self) {
        self.text.push('\n');
    }

    /// A key with a text.
    pub fn text(&mut self, key: &str, value: &str) {
        self.line(&format!("{key}: {}", quoted(value)));
    }

    /// A key with something that needs no quotes: a number, a duration, a flow sequence.
    pub fn plain(&mut self, key: &str, value: &str) {
        self.line(&format!("{key}: {value}"));
    }

    /// A key with a mapping or sequence below it.
    pub fn nest(&mut self, key: &str, write: impl FnOnce(&mut Self)) {
        self.line(&format!("{key}:"));
        self.depth += 1;
        write(self);
        self.depth -= 1;
    }

    /// An element of a sequence that is a mapping.
    pub fn item(&mut self, write: impl FnOnce(&mut Self)) {
        self.dash = true;
        self.depth += 1;
        write(self);
        self.depth -= 1;
        self.dash = false;
    }

    /// An element of a sequence that is a text.
    pub fn element(&mut self, value: &str) {
        self.line(&format!("- {}", quoted(value)));
    }

    /// The file.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }

    fn line(&mut self, words: &str) {
        // A comment before the first key of an element stands above its dash.
        let is_comment = words.starts_with('#');
        let indent = "  ".repeat(if self.dash { self.depth - 1 } else { self.depth });
        let dash = if self.dash && !is_comment { "- " } else { "" };
        self.dash = self.dash && is_comment;
        self.text.push_str(&format!("{indent}{dash}{words}\n"));
    }
}

/// Whether a character may stand in a YAML file as it is, within one line.
fn is_printable(c: char) -> bool {
    let separates = matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    !c.is_control() && !separates && !matches!(c, '\u{fffe}' | '\u{ffff}')
}

/// A text as a quoted scalar.
#[must_use]
pub fn quoted(text: &str) -> String {
    if text.chars().all(is_printable) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) <= 0xff => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::{Yaml, quoted};
    use proptest::prelude::*;
    use yaml_rust2::YamlLoader;

    fn read(text: &str) -> yaml_rust2::Yaml {
        YamlLoader::load_from_str(text).unwrap_or_else(|e| panic!("{e}\n{text}")).remove(0)
    }

    proptest! {
        /// A parser of its own reads back what was written, whatever it is.
        #[test]
        fn any_text_is_read_back(text in any::<String>()) {
            let read = read(&format!("a: {}\n", quoted(&text)));
            prop_assert_eq!(read["a"].as_str(), Some(text.as_str()));
        }

        #[test]
        fn comments_end_with_their_line(text in any::<String>()) {
            let mut yaml = Yaml::default();
            yaml.comment(&text);
            yaml.text("a", "b");
            let read = read(&yaml.finish());
            prop_assert_eq!(read["a"].as_str(), Some("b"));
        }
    }

    #[test]
    fn awkward_texts() {
        for text in [
            "no",
            "1e3",
            "",
            "it's",
            "a: b # c",
            "{{ $value }}",
            "\\",
            "x{a=\"b\"}",
            "a\nb",
            "2024-01-01",
            "\u{85}",
            "- a",
        ] {
            assert_eq!(read(&format!("a: {}\n", quoted(text)))["a"].as_str(), Some(text), "{text:?}");
        }
    }

    #[test]
    fn mappings_within_sequences_within_mappings() {
        let mut yaml = Yaml::default();
        yaml.comment("first");
        yaml.nest("groups", |y| {
            y.item(|y| {
                y.text("name", "a");
                y.nest("rules", |y| {
                    y.item(|y| {
                        y.comment("of one");
                        y.text("expr", "x > 1");
                        y.nest("labels", |y| y.text("l", "v"));
                    });
                    y.item(|y| y.plain("for", "5m"));
                    y.element("plain");
                });
            });
        });
        let text = yaml.finish();
        let expected = "# first\ngroups:\n  - name: 'a'\n    rules:\n      # of one\n      - expr: 'x > 1'\n        labels:\n          l: 'v'\n      - for: 5m\n      - 'plain'\n";
        assert_eq!(text, expected);
        let found = read(&text);
        assert_eq!(found["groups"][0]["rules"][0]["labels"]["l"].as_str(), Some("v"));
        assert_eq!(found["groups"][0]["rules"][2].as_str(), Some("plain"));
    }
}
