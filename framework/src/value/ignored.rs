//! Finds the fields that serde skips, and so are not part of a state's identity.

use super::Value;

/// The paths of the fields that a pretty `Debug` text shows and the serialized tree does not have: those under
/// `#[serde(skip)]`. A state's identity does not contain them, and a copy of the node loses them.
///
/// Works on derived `Debug`; a hand-written one that hides a field hides it here, too.
pub fn ignored_fields(value: &Value, pretty_debug: &str) -> Vec<String> {
    let mut lines = pretty_debug.lines().peekable();
    let Some(first) = lines.next() else { return Vec::new() };
    let mut ignored = Vec::new();
    if first.trim_end().ends_with('{') {
        walk(value, "", 1, &mut lines, &mut ignored);
    }
    ignored
}

type Lines<'a> = std::iter::Peekable<std::str::Lines<'a>>;

/// Reads the lines of one record at `depth` (four blanks each) up to its closing brace.
fn walk(value: &Value, path: &str, depth: usize, lines: &mut Lines<'_>, ignored: &mut Vec<String>) {
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        if indent < depth * 4 {
            return;
        }
        if indent > depth * 4 {
            continue;
        }
        let Some((name, rest)) = line.trim_start().split_once(": ") else { continue };
        if !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Value::Record { fields, .. } = value else { continue };
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match fields.iter().find(|(field, _)| field == name) {
            None => ignored.push(path),
            Some((_, inner @ Value::Record { .. })) if rest.ends_with('{') => {
                walk(inner, &path, depth + 1, lines, ignored);
            }
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Debug, Serialize)]
    struct Server {
        term: u64,
        #[serde(skip)]
        cache: Vec<u32>,
        role: Role,
        text: String,
        list: Vec<Inner>,
    }

    #[derive(Debug, Serialize)]
    struct Inner {
        a: u8,
    }

    #[derive(Debug, Serialize)]
    enum Role {
        Leader {
            acks: u32,
            #[serde(skip)]
            scratch: Inner,
        },
    }

    #[test]
    fn finds_skipped_fields_also_in_nested_records() {
        let server = Server {
            term: 1,
            cache: vec![1],
            role: Role::Leader { acks: 1, scratch: Inner { a: 1 } },
            text: "a: {\n    b: 1".into(),
            list: vec![Inner { a: 2 }],
        };
        assert_eq!(server.cache.len() + usize::from(server.list[0].a), 3);
        let ignored = ignored_fields(&Value::of(&server), &format!("{server:#?}"));
        assert_eq!(ignored, ["cache", "role.scratch"]);
    }
}
