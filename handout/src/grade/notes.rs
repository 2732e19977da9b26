//! What in a student's source a person should look at: what a node has no use for. It is a note and no verdict; what counts
//! is what the tests find.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ItemExternCrate, ItemMod, ItemStatic, ItemUse, Macro, Meta, UseTree};

/// Modules and items of the standard library, with what is below them.
const PATHS: [&str; 11] = [
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::panic",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::time::UNIX_EPOCH",
];

/// Types that several nodes can share, or that remember something beside a node's state, wherever they come from.
const TYPES: [&str; 14] = [
    "Arc",
    "Cell",
    "LazyCell",
    "LazyLock",
    "Mutex",
    "OnceCell",
    "OnceLock",
    "Rc",
    "RefCell",
    "RwLock",
    "SyncUnsafeCell",
    "UnsafeCell",
    "Condvar",
    "Barrier",
];

/// Macros that read something at compile time, or make something that lives longer than a node.
const MACROS: [&str; 7] =
    ["cfg", "env", "include", "include_bytes", "include_str", "option_env", "thread_local"];

/// A longer file, or one with more brackets in each other, is not read: only a person can tell why it is so.
const MOST_BYTES: usize = 256 << 10;
const MOST_NESTED: usize = 256;

/// The stack for reading a file: enough for whatever the limits allow.
const STACK: usize = 512 << 20;

/// The notes on a file, each with its line.
pub(super) fn notes(path: &str, text: &str) -> Vec<String> {
    if text.len() > MOST_BYTES || nested(text) > MOST_NESTED {
        return vec![format!(
            "look at {path}: it is too long or too deep to be searched for what nodes do not need"
        )];
    }
    // Places of tokens are known in the thread only that read them.
    let read = || match syn::parse_file(text) {
        Ok(file) => {
            let mut found = Found::default();
            found.visit_file(&file);
            Ok(found.0)
        }
        Err(error) => Err((error.span().start().line, error.to_string())),
    };
    let found = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, read);
        thread.ok()?.join().ok()
    });
    match found {
        Some(Ok(found)) => {
            let mut notes: Vec<(usize, String)> =
                found.into_iter().map(|(word, line)| (line, word)).collect();
            notes.sort();
            notes.into_iter().map(|(line, word)| format!("look at {path}:{line}: `{word}`")).collect()
        }
        Some(Err((line, error))) => {
            vec![format!("look at {path}:{line}: it is no Rust, so it was not searched ({error})")]
        }
        None => vec![format!("look at {path}: it could not be searched for what nodes do not need")],
    }
}

/// How many brackets are open at most at the same time. Those in texts count as well.
fn nested(text: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' | b'<' => now += 1,
            b')' | b']' | b'}' | b'>' => now = now.saturating_sub(1),
            _ => continue,
        }
        most = most.max(now);
    }
    most
}

/// What was found, with the first line of each.
#[derive(Debug, Default)]
struct Found(BTreeMap<String, usize>);

impl Found {
    fn add(&mut self, word: impl Into<String>, span: Span) {
        let line = span.start().line;
        let first = self.0.entry(word.into()).or_insert(line);
        *first = line.min(*first);
    }

    /// Looks at the names of a path.
    fn path(&mut self, names: &[String], span: Span) {
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Some(first) = names.first_mut().filter(|first| matches!(**first, "core" | "alloc")) {
            *first = "std";
        }
        let whole = names.join("::");
        let below = |path: &&&str| {
            whole.strip_prefix(**path).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        if let Some(path) = PATHS.iter().find(below) {
            self.add(*path, span);
        }
        for name in names {
            if TYPES.contains(&name) || name.starts_with("Atomic") {
                self.add(name, span);
            }
        }
    }

    fn tree(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &with(path.ident.to_string())),
            UseTree::Name(name) if name.ident == "self" => self.path(before, name.ident.span()),
            UseTree::Name(name) => self.path(&with(name.ident.to_string()), name.ident.span()),
            UseTree::Rename(rename) => {
                let name = rename.ident.to_string();
                let names = if name == "self" { before.to_vec() } else { with(name) };
                self.path(&names, rename.ident.span());
                if let [root] = names.as_slice()
                    && matches!(root.as_str(), "std" | "core" | "alloc")
                {
                    self.add(format!("{root} as {}", rename.rename), rename.ident.span());
                }
            }
            UseTree::Glob(glob) => {
                self.path(before, glob.star_token.spans[0]);
                if let [root] = before
                    && root == "std"
                {
                    self.add("std::*", glob.star_token.spans[0]);
                }
            }
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, before)),
        }
    }

    /// Looks at what stands in a macro, which may become anything.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut names: Vec<String> = Vec::new();
        let mut after_name = false;
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Ident(ident) => {
                    // A name after another one begins anew.
                    if after_name {
                        names.clear();
                    }
                    let next = tokens.get(at + 1);
                    if matches!(next, Some(TokenTree::Punct(mark)) if mark.as_char() == '!')
                        && MACROS.contains(&&*ident.to_string())
                    {
                        self.add(format!("{ident}!"), ident.span());
                    }
                    if ident == "static" {
                        let lifetime = at > 0
                            && matches!(&tokens[at - 1], TokenTree::Punct(mark) if mark.as_char() == '\'');
                        if !lifetime {
                            self.add("static", ident.span());
                        }
                    }
                    names.push(ident.to_string());
                    after_name = true;
                    self.path(&names, ident.span());
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' => after_name = false,
                TokenTree::Group(group) => {
                    // `std::{fs, env}` in a `use`: the names before hold for all.
                    for word in names_in(group.stream()) {
                        self.path(&[names.clone(), vec![word]].concat(), group.span_open());
                    }
                    self.tokens(group.stream());
                    names.clear();
                    after_name = false;
                }
                _ => {
                    names.clear();
                    after_name = false;
                }
            }
        }
    }
}

/// The names directly in some tokens.
fn names_in(tokens: TokenStream) -> Vec<String> {
    let name = |token: TokenTree| match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    };
    tokens.into_iter().filter_map(name).collect()
}

/// Unit tests of a student are not in what is graded.
fn is_unit_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    })
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_unit_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.tree(&item.tree, &[]);
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
    }

    fn visit_item_extern_crate(&mut self, item: &'ast ItemExternCrate) {
        self.add(format!("extern crate {}", item.ident), item.ident.span());
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        self.add("static", item.static_token.span);
        visit::visit_item_static(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let Some(first) = path.segments.first() {
            self.path(&names, first.ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        if let Some(last) = item.path.segments.last()
            && MACROS.contains(&&*last.ident.to_string())
        {
            self.add(format!("{}!", last.ident), last.ident.span());
        }
        self.tokens(item.tokens.clone());
        visit::visit_macro(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let path = attribute.path();
        if path.is_ident("path") || path.is_ident("cfg_attr") || path.is_ident("cfg") {
            let name = path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
            if !is_unit_test(std::slice::from_ref(attribute)) {
                self.add(format!("#[{name}]"), attribute.pound_token.span);
            }
        }
        visit::visit_attribute(self, attribute);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> String {
        notes("a.rs", text)
            .iter()
            .map(|note| note.replacen("look at a.rs", "", 1))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn whatever_it_is_called_it_is_found() {
        insta::assert_snapshot!(found("use std::{fs, env, process};\nuse std::{thread::{self, spawn}, time as t};\nuse core::{panic as p};\nuse std::time::*;"), @"
        :1: `std::env`
        :1: `std::fs`
        :1: `std::process`
        :2: `std::thread`
        :3: `std::panic`
        ");
        insta::assert_snapshot!(found("use std as s;\nextern crate std as other;\nuse ::std::*;\n"), @"
        :1: `std as s`
        :2: `extern crate std`
        :3: `std::*`
        ");
        insta::assert_snapshot!(found("static COUNT: std::sync::atomic::AtomicU64 = X;\nthread_local! { static SEEN: RefCell<u8> = X; }\nfn f() {\n    static ONCE: OnceLock<u8> = OnceLock::new();\n}\nstruct S { log: Vec<std::rc::Rc<Cell<u8>>> }"), @"
        :1: `AtomicU64`
        :1: `static`
        :2: `RefCell`
        :2: `thread_local!`
        :4: `OnceLock`
        :6: `Cell`
        :6: `Rc`
        ");
        insta::assert_snapshot!(found("fn f() {\n    println!(\"{:?}\", std::env::var(\"A\"));\n    let a = include_str!(\"/etc/passwd\");\n    assert!(std::thread::sleep(X));\n}\nmacro_rules! m { () => { use std::{fs}; static A: u8 = 1; cfg!(test) } }"), @"
        :2: `std::env`
        :3: `include_str!`
        :4: `std::thread`
        :6: `cfg!`
        :6: `static`
        :6: `std::fs`
        ");
        insta::assert_snapshot!(found("#[cfg(feature = \"x\")]\nfn f() {}\n#[path = \"../a.rs\"]\nmod a;\n#[cfg_attr(test, derive(Debug))]\nstruct S;"), @"
        :1: `#[cfg]`
        :3: `#[path]`
        :5: `#[cfg_attr]`
        ");
    }

    #[test]
    fn what_nodes_do_is_not_noted() {
        let text = "//! std::fs\nuse std::collections::BTreeMap;\nuse std::time::Duration;\n/// Rc, static, OnceLock\nfn f(text: &'static str) -> &'static str { vec![\"std::env\"]; text }\n\
                    #[cfg(test)]\nmod tests {\n    use std::fs;\n    static A: u8 = 1;\n}";
        assert_eq!(found(text), "");
    }

    #[test]
    fn what_is_no_rust_says_so() {
        insta::assert_snapshot!(found("fn f() {\n    let = 3;\n}"), @":2: it is no Rust, so it was not searched (expected one of: identifier, `::`, `<`, `_`, literal, `const`, `ref`, `mut`, `&`, parentheses, square brackets, `..`, `const`)");
    }

    #[test]
    fn nothing_takes_the_grader_down() {
        let deep = |open: &str, close: &str, count: usize| {
            format!("fn f() {{ {}1{} }}", open.repeat(count), close.repeat(count))
        };
        for text in [
            deep("(", ")", 100_000),
            deep("(", ")", 200),
            deep("!", "", 200_000),
            deep("&", "", 200_000),
            deep("-", "", 200_000),
            deep("", "+1", 100_000),
            deep("", ".f()", 50_000),
            deep("if a { b } else ", "", 10_000),
            deep("|| ", "", 60_000),
            "x".repeat(1 << 20),
            format!("{}fn f() {{}}", "#![a]".repeat(40_000)),
        ] {
            assert!(notes("a.rs", &text).len() <= 1, "{text:.40}");
        }
    }
}
