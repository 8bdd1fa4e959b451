//! Policies of callers by name. Each is dated, because defaults change, and says where its numbers are from and what of the
//! original it leaves out. Attempts count the first try, whatever the library's own word counts.
//!
//! A preset has parts: `retry`, `breaker`, `throttle` and, for services, `concurrency`, which a model file can take by name
//! (`retry = "finagle"`), and what
//! stands beside them in the original (`client`: timeouts; `service`: pools), which is shown but taken over by hand.

mod cloud;
mod library;
mod limits;
mod mesh;

use super::diagnostic::Diagnostic;
use super::render::quoted;
use super::tree::{Node, Table, Value};
use super::types::Text;
use crate::process::suggest;

/// A named policy.
#[derive(Debug)]
pub struct Preset {
    /// What is written in the file.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What of the original it leaves out; empty if nothing.
    pub leaves_out: &'static str,
    /// Version or date for which the numbers hold.
    pub version: &'static str,
    /// Where the numbers are from.
    pub source: &'static str,
    /// Its parts.
    pub parts: &'static [Part],
}

/// A part of a preset.
#[derive(Debug)]
pub struct Part {
    /// Key of the model file: `retry`, `breaker`, `throttle`, `concurrency`; `client` and `service` are shown only.
    pub key: &'static str,
    /// Keys and values as they would be written, those of inner tables with a dot.
    pub values: &'static [(&'static str, &'static str)],
}

impl Preset {
    /// The values of a part.
    #[must_use]
    pub fn part(&self, key: &str) -> Option<&'static [(&'static str, &'static str)]> {
        self.parts.iter().find(|p| p.key == key).map(|p| p.values)
    }
}

/// All presets, by name.
pub static PRESETS: &[&Preset] = &[
    &cloud::AWS_2026,
    &cloud::AWS_STANDARD_2025,
    &mesh::ENVOY,
    &mesh::ENVOY_ADMISSION,
    &mesh::ENVOY_RETRY,
    &mesh::ENVOY_RETRY_BUDGET,
    &library::FINAGLE,
    &mesh::GATEWAY_API,
    &library::GO_NETHTTP,
    &library::GRPC,
    &library::GRPC_EXAMPLE,
    &library::GRPC_THROTTLED,
    &library::GRPC_XDS,
    &library::HIKARI,
    &library::HYSTRIX,
    &mesh::ISTIO,
    &mesh::LINKERD_SERVICEPROFILE,
    &limits::NETFLIX_AIMD,
    &limits::NETFLIX_GRADIENT2,
    &limits::NETFLIX_VEGAS,
    &library::PGBOUNCER,
    &library::POLLY_V8,
    &library::REQUESTS,
    &library::RESILIENCE4J,
    &cloud::SQUARE_2017,
    &cloud::SRE_ADAPTIVE_THROTTLE,
    &cloud::SRE_RETRY_BUDGET,
    &library::TENACITY,
    &library::URLLIB3,
];

/// Policies that are known but need something that is not built yet.
const PLANNED: &[(&str, &str)] =
    &[("aws-adaptive", "a rate limit that follows what the service admits and blocks the caller")];

/// The preset of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().copied().find(|p| p.name == name)
}

/// Names of the presets that have a part.
pub fn with_part(key: &str) -> impl Iterator<Item = &'static str> {
    PRESETS.iter().filter(move |p| p.part(key).is_some()).map(|p| p.name)
}

/// The table that a preset stands for in the place of a key; all its places are that of the preset's name.
pub(crate) fn expand(text: &Text, key: &str) -> Option<Table> {
    let place = |value: &str| Text { value: value.to_owned(), span: text.span.clone() };
    let node = |value| Node { span: text.span.clone(), value };
    let mut table = Table::default();
    for &(path, written) in find(&text.value)?.part(key)? {
        let value = match written.parse::<f64>() {
            Ok(value) => Value::Number { value, raw: written.to_owned() },
            Err(_) if path == "on" => Value::Array(written.split(',').map(|w| node(Value::Text(place(w)))).collect()),
            Err(_) => Value::Text(place(written)),
        };
        match path.split_once('.') {
            None => table.entries.push((place(path), node(value))),
            Some((outer, inner)) => {
                if table.get(outer).is_none() {
                    table.entries.push((place(outer), node(Value::Table(Table::default()))));
                }
                if let Some(Node { value: Value::Table(nested), .. }) = table.get_mut(outer) {
                    nested.entries.push((place(inner), node(value)));
                }
            }
        }
    }
    Some(table)
}

/// What to say about a name that is no preset with such a part.
pub(crate) fn unknown(text: &Text, key: &str) -> Diagnostic {
    let all = || format!("presets: {}", with_part(key).collect::<Vec<_>>().join(", "));
    if let Some((name, need)) = PLANNED.iter().find(|p| p.0 == text.value) {
        let message = format!("the {key} preset `{name}` is not supported yet");
        return Diagnostic::error("not-supported", message).at(text.span.clone(), format!("needs {need}")).hint(all());
    }
    let message = format!("unknown {key} preset {}", quoted(&text.value));
    let planned = PLANNED.iter().map(|p| p.0).filter(|_| key == "retry");
    let known = with_part(key).chain(planned);
    Diagnostic::error("unknown-preset", message)
        .at(text.span.clone(), "")
        .hint(suggest::did_you_mean(&text.value, known).unwrap_or_else(all))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model;

    #[test]
    fn they_are_in_order_and_say_what_they_are() {
        assert!(PRESETS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for preset in PRESETS {
            let said = [preset.about, preset.version, preset.source];
            assert!(said.iter().all(|text| !text.is_empty()) && !preset.parts.is_empty(), "{}", preset.name);
        }
    }

    #[test]
    fn every_part_can_stand_in_a_model_file() {
        for preset in PRESETS {
            for part in preset.parts {
                let value = |written: &str| match written.parse::<f64>() {
                    Ok(_) => written.to_owned(),
                    Err(_) => format!("\"{written}\""),
                };
                let mut text = "[model]\nname = \"m\"\n[service.api]\ncalls = []\n".to_owned();
                let own: Vec<String> = part.values.iter().map(|(k, v)| format!("{k} = {}\n", value(v))).collect();
                if ["service", "concurrency"].contains(&part.key) {
                    text += &match part.key {
                        "service" => own.concat(),
                        key => format!("servers = 1\n{key} = \"{}\"\n", preset.name),
                    };
                    text += "service_time = \"1 ms\"\n[client.web]\ncalls = \"api\"\nload = \"1 req/s\"\n";
                } else {
                    text += "servers = 1\nservice_time = \"1 ms\"\n[client.web]\ncalls = \"api\"\nload = \"1 req/s\"\n";
                    text += &match part.key {
                        "client" => own.concat(),
                        key => format!("{key} = \"{}\"\n", preset.name),
                    };
                }
                let loaded = model::load(&text, "m.toml", &[]);
                assert!(loaded.is_ok(), "{}: {}", preset.name, loaded.err().map_or(String::new(), |d| d.to_string()));
            }
        }
    }
}
