//! The few values that answers of S3 and STS are asked for.

/// The text of the first `<name>` element, entities resolved.
pub(super) fn text_of(xml: &str, name: &str) -> Option<String> {
    let open = format!("<{name}>");
    let start = xml.find(&open)? + open.len();
    let end = start + xml[start..].find(&format!("</{name}>"))?;
    let text = xml[start..end].trim();
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#34;", "\""), ("&#39;", "'"), ("&amp;", "&")]
        .into_iter()
        .fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain));
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_unescaped() {
        let xml = "<?xml version=\"1.0\"?><R><UploadId> a&amp;lt;b </UploadId><E>&quot;x&quot;</E></R>";
        assert_eq!(text_of(xml, "UploadId").as_deref(), Some("a&lt;b"));
        assert_eq!(text_of(xml, "E").as_deref(), Some("\"x\""));
        assert_eq!(text_of(xml, "Missing"), None);
        assert_eq!(text_of("<UploadId>cut", "UploadId"), None);
    }
}
