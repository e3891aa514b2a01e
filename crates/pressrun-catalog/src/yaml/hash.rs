//! The version of a file: a hash of what it says.

use sha2::{Digest, Sha256};

use super::tree::{Node, Value};

/// SHA-256 (hex) of the tree. Every part is preceded by its kind and length, so different trees never feed equal bytes.
pub(super) fn version(node: &Node) -> String {
    let mut hasher = Sha256::new();
    feed(node, &mut hasher);
    hex::encode(hasher.finalize())
}

fn feed(node: &Node, hasher: &mut Sha256) {
    match &node.value {
        Value::Scalar { text, plain } => {
            hasher.update(if *plain { b"p" } else { b"q" });
            feed_text(text, hasher);
        }
        Value::List(items) => {
            hasher.update(b"l");
            hasher.update((items.len() as u64).to_be_bytes());
            for item in items {
                feed(item, hasher);
            }
        }
        Value::Map(entries) => {
            hasher.update(b"m");
            hasher.update((entries.len() as u64).to_be_bytes());
            for (key, value) in entries {
                feed_text(&key.text, hasher);
                feed(value, hasher);
            }
        }
    }
}

fn feed_text(text: &str, hasher: &mut Sha256) {
    hasher.update((text.len() as u64).to_be_bytes());
    hasher.update(text.as_bytes());
}
