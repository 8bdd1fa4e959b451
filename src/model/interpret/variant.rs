//! Variants: other designs, as changes to the one in the file.

use super::trigger::flattened;
use crate::model::name;
use crate::model::reader::{Reader, Sink};
use crate::model::spec;
use crate::model::tree::{Node, Table};
use crate::model::types::Text;

/// A variant as written.
pub(crate) struct Written {
    /// Its NAME.
    pub(crate) name: Text,
    /// `about`.
    pub(crate) about: String,
    /// Paths and their new values.
    pub(crate) set: Vec<(Text, Node)>,
}

/// Reads all variants of a document, with what is wrong in their form.
pub(crate) fn variants(root: &Table, sink: &Sink) -> Vec<Written> {
    // Unknown tables and keys have been reported when the rest of the document was read.
    let reported = Sink::default();
    let outside = Reader::of(root, &spec::ROOT, String::new(), &(0..0), &reported);
    let file = outside.with_sink(sink);
    let mut all = Vec::new();
    for (name, node) in file.entries("variant") {
        name::check_label(name, "variant", sink);
        let path = format!("variant.{}", name.value);
        let Some(table) = Reader::open(node, &spec::VARIANT, path, &name.span, sink) else { continue };
        let set = flattened(&table, "set").into_iter().map(|(path, node)| (path, node.clone())).collect();
        all.push(Written { name: name.clone(), about: table.words("about"), set });
    }
    all
}
