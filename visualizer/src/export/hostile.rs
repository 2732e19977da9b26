//! Traces whose every text somebody chose on purpose: whatever it is, each format stays what it is.

use proptest::prelude::*;
use serde_json::Value;

use super::tests::{check_mermaid, check_page, parsed_itf, parsed_log};
use super::{Format, export};
use crate::{Model, TraceFile, sample};

/// A trace in which the names of nodes and all texts that are free are others.
fn renamed(names: &[String], texts: &[String]) -> Option<TraceFile> {
    let mut json = serde_json::to_value(sample::crashed()).unwrap();
    json["notes"] = serde_json::json!([{"step": 1, "text": "n", "by": "b"}]);
    json["marks"] = serde_json::json!([{"step": 2, "name": "m"}]);
    json["steps"][4]["fault"] = Value::from("f");
    json["steps"][4]["log"] = serde_json::json!(["l"]);
    let mut next = texts.iter().cycle();
    replace(&mut json, "", names, &mut next);
    TraceFile::parse("t".as_ref(), json.to_string().as_bytes()).ok()
}

fn replace<'a>(value: &mut Value, key: &str, names: &[String], texts: &mut impl Iterator<Item = &'a String>) {
    match value {
        Value::Array(items) => {
            // In a pool, the first word says what kind of value it is.
            let kind = items.first().and_then(Value::as_str).map(str::to_owned);
            let skip =
                usize::from(kind.is_some_and(|kind| ["text", "record", "address"].contains(&kind.as_str())));
            for item in items.iter_mut().skip(skip) {
                replace(item, key, names, texts);
            }
        }
        Value::Object(fields) => {
            for (key, field) in fields {
                // An event has a `kind` that is a word of the format; that of a message is free.
                let kept = ["format", "pool"].contains(&key.as_str());
                if !kept {
                    replace(field, key, names, texts);
                } else if key == "pool" {
                    for entry in field.as_array_mut().into_iter().flatten() {
                        if entry[0] == "text" {
                            entry[1] = Value::from(texts.next().unwrap().as_str());
                        }
                    }
                }
            }
        }
        Value::String(text) => {
            let place = ["server1", "client1", "client2"].iter().position(|name| name == text);
            match place {
                Some(place) => text.clone_from(&names[place]),
                None if key == "kind" && is_kind(text) => {}
                None => text.clone_from(texts.next().unwrap()),
            }
        }
        _ => {}
    }
}

fn is_kind(text: &str) -> bool {
    ["deliver", "timer", "crash", "restart", "invariant", "goal", "prune", "step-invariant", "violated"]
        .contains(&text)
}

fn texts() -> impl Strategy<Value = String> {
    let nasty = [
        "</script><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "]]>",
        "<!--",
        "-->",
        "&amp;",
        "{{7*7}}",
        "${x}",
        "`",
        "\\",
        "\"",
        "'",
        "end",
        "END",
        "%%{init}%%",
        "\u{1b}[2J\u{1b}]52;c;eA==\u{7}",
        "\u{202e}desrever",
        "a\nb\r\nc",
        "\u{0}",
        "\u{2028}\u{2029}",
        "\u{feff}",
        "#35;",
        ";",
        "#",
        "participant x",
        "rect rgb(0,0,0)",
        "*/",
        "//",
        "\"#",
        "r#\"",
        "漢字",
        "\u{1f4a9}",
        "e\u{301}",
        "javascript:alert(1)",
        "on\u{a0}click",
        " ",
        "",
        "(?<x>",
        "{\"a\":1}",
        "#bigint",
        "\u{ffff}",
    ];
    prop_oneof![
        3 => proptest::sample::select(nasty.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => Just("x".repeat(5_000)),
    ]
}

pub(super) fn traces() -> impl Strategy<Value = TraceFile> {
    let names = proptest::collection::vec(texts(), 3);
    let texts = proptest::collection::vec(texts(), 1..30);
    (names, texts).prop_filter_map("two nodes have one name", |(names, texts)| {
        let different = names.iter().collect::<std::collections::BTreeSet<_>>().len() == 3;
        if different { renamed(&names, &texts) } else { None }
    })
}

/// What a terminal or a reader would act on.
fn is_tame(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || (!c.is_control() && !('\u{202a}'..='\u{202e}').contains(&c)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_format_stays_what_it_is(file in traces()) {
        let model = Model::new(file);
        for (name, format, _) in Format::ALL {
            let text = match export(&model, "</title>\u{1b}.json", format) {
                Ok(text) => text,
                // The sample is of no lab that there is.
                Err(error) => {
                    prop_assert_eq!(format, Format::RustTest, "{}", error);
                    continue;
                }
            };
            match format {
                Format::Svg => {
                    let xml = roxmltree::Document::parse(&text).unwrap();
                    let strange = xml.descendants().find(|n| {
                        n.is_element()
                            && !["svg", "title", "style", "rect", "text", "g", "path", "circle"].contains(&n.tag_name().name())
                    });
                    prop_assert!(strange.is_none(), "{strange:?}");
                    prop_assert!(is_tame(&text));
                }
                Format::Mermaid => {
                    prop_assert_eq!(check_mermaid(&text)["participant"], 3);
                }
                Format::ShiViz => {
                    prop_assert_eq!(parsed_log(&text).len(), model.len());
                    prop_assert!(is_tame(&text));
                }
                Format::Itf => {
                    prop_assert_eq!(parsed_itf(&text).states.len(), model.len() + 1);
                }
                Format::Json => {
                    let back = TraceFile::parse("t".as_ref(), text.as_bytes()).unwrap();
                    prop_assert_eq!(&back, model.file());
                }
                Format::Text => prop_assert!(is_tame(&text), "{name}"),
                Format::Html => {
                    prop_assert!(is_tame(&text));
                    check_page(&text, model.len());
                }
                Format::RustTest => prop_assert!(is_tame(&text)),
            }
        }
    }
}
