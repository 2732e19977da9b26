//! Escapes texts for XML and HTML, and JSON for a place within a page.

use std::fmt::{self, Display, Formatter, Write};

use crate::model::line::harmless;

/// A text for an element or an attribute of XML or HTML. Control characters, and those that reverse the direction of
/// writing, are shown as Rust writes them: XML has no place for them, and a reader would be misled.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in harmless(self.0).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Not characters of XML 1.0.
                '\u{fffe}' | '\u{ffff}' => f.write_str("\u{fffd}")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// JSON that may stand inside a `<script>`: there is nothing in it that ends the element or begins a comment.
pub(super) fn json_in_script(json: &str) -> String {
    let mut safe = String::with_capacity(json.len() + json.len() / 8);
    for c in json.chars() {
        match c {
            // These stand within strings only, where JSON has another way to write them.
            '<' => safe.push_str("\\u003c"),
            '>' => safe.push_str("\\u003e"),
            '&' => safe.push_str("\\u0026"),
            '\u{2028}' => safe.push_str("\\u2028"),
            '\u{2029}' => safe.push_str("\\u2029"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_markup() {
        let text = "</script><b title='\"x\"'>&\u{1b}[2J\u{202e}\u{ffff}";
        assert_eq!(
            Escaped(text).to_string(),
            "&lt;/script&gt;&lt;b title=&#39;&quot;x&quot;&#39;&gt;&amp;\\u{1b}[2J\\u{202e}\u{fffd}"
        );
    }

    proptest! {
        #[test]
        fn json_says_the_same_and_has_no_markup(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let safe = json_in_script(&json);
            let markup = safe.contains(['<', '>', '&', '\u{2028}', '\u{2029}']);
            prop_assert!(!markup);
            prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }

        #[test]
        fn escaped_text_is_read_back_by_an_xml_parser(text in any::<String>()) {
            let xml = format!("<a b=\"{0}\">{0}</a>", Escaped(&text));
            let read = roxmltree::Document::parse(&xml).unwrap();
            let expected = harmless(&text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
            prop_assert_eq!(read.root_element().attribute("b").unwrap(), &expected);
            prop_assert_eq!(read.root_element().text().unwrap_or_default(), &expected);
        }
    }
}
