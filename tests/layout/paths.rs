//! Paths within the crate that Rust code names: in `use` trees and wherever else a path can stand.
//!
//! Code is read as tokens, so comments and texts in quotes are none of it, and bodies of macros
//! are. Paths that begin with `crate`, `super` or `self` are seen, no others: those of a child that
//! its parent names bare go with the `mod` line beside them.

use std::iter::Peekable;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree, token_stream::IntoIter};

/// Whether code that only tests are built with counts.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Tests {
    Counted,
    LeftOut,
}

/// What a file says of other modules.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Named {
    /// Paths, each from the root of the crate.
    pub(crate) paths: Vec<Vec<String>>,
    /// Modules in files of their own that only tests are built with.
    pub(crate) test_modules: Vec<Vec<String>>,
}

/// Paths in `text`, which is the module `module`.
pub(crate) fn named(text: &str, module: &[String], tests: Tests) -> Named {
    let tokens: TokenStream = text
        .parse()
        .unwrap_or_else(|error| panic!("{}: {error}", module.join("::")));
    let mut found = Named::default();
    walk(tokens, module, tests, &mut found);
    found
}

type Tokens = Peekable<IntoIter>;

fn walk(tokens: TokenStream, module: &[String], tests: Tests, found: &mut Named) {
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                if let Some(attribute) = group(&mut tokens, Delimiter::Bracket) {
                    if is_cfg_test(&attribute) && tests == Tests::LeftOut {
                        skip_item(&mut tokens, module, found);
                    } else {
                        walk(attribute.stream(), module, tests, found);
                    }
                }
            }
            TokenTree::Group(group) => walk(group.stream(), module, tests, found),
            TokenTree::Ident(word) => match word.to_string().as_str() {
                // `pub(in crate::a)` says who may look in, which is no import.
                "pub" => drop(group(&mut tokens, Delimiter::Parenthesis)),
                "mod" => {
                    let name = ident(&mut tokens);
                    if let (Some(name), Some(body)) = (name, group(&mut tokens, Delimiter::Brace)) {
                        let inner = [module, &[name]].concat();
                        walk(body.stream(), &inner, tests, found);
                    }
                }
                "use" => tree(&mut tokens, &mut Vec::new(), module, &mut found.paths),
                first @ ("crate" | "super" | "self") => {
                    let mut path = vec![first.to_owned()];
                    while colons(&mut tokens) {
                        match ident(&mut tokens) {
                            Some(name) => path.push(name),
                            None => break,
                        }
                    }
                    // One word alone is a value, or a visibility.
                    if path.len() > 1 {
                        keep(path, module, &mut found.paths);
                    }
                }
                _ => {}
            },
            _ => {}
        }
    }
}

/// Reads one branch of a `use` tree, which begins with `path`, up to its comma, semicolon or end.
fn tree(
    tokens: &mut Tokens,
    path: &mut Vec<String>,
    module: &[String],
    found: &mut Vec<Vec<String>>,
) {
    let depth = path.len();
    loop {
        if let Some(list) = group(tokens, Delimiter::Brace) {
            let mut branches = list.stream().into_iter().peekable();
            while branches.peek().is_some() {
                tree(&mut branches, path, module, found);
            }
        } else if let Some(name) = ident(tokens) {
            path.push(name);
            if colons(tokens) {
                continue;
            }
            keep(path.clone(), module, found);
        } else if tokens.next_if(|token| is_mark(token, '*')).is_some() {
            keep(path.clone(), module, found);
        }
        break;
    }
    path.truncate(depth);
    // What is left of the branch: its other name, and the mark at its end.
    for token in tokens.by_ref() {
        if is_mark(&token, ',') || is_mark(&token, ';') {
            break;
        }
    }
}

/// Adds `path`, as `module` names it, if it is one of the crate.
fn keep(path: Vec<String>, module: &[String], found: &mut Vec<Vec<String>>) {
    let mut from = module.to_vec();
    let mut rest = path.as_slice();
    match rest.first().map(String::as_str) {
        Some("crate") => {
            from.clear();
            rest = &rest[1..];
        }
        Some("super" | "self") => {
            while let Some(step @ ("super" | "self")) = rest.first().map(String::as_str) {
                if step == "super" {
                    from.pop();
                }
                rest = &rest[1..];
            }
        }
        _ => return,
    }
    from.extend(rest.iter().filter(|name| *name != "self").cloned());
    found.push(from);
}

/// Skips what a `#[cfg(test)]` stands before; a module in a file of its own is noted.
fn skip_item(tokens: &mut Tokens, module: &[String], found: &mut Named) {
    const ITEMS: [&str; 13] = [
        "mod",
        "use",
        "fn",
        "struct",
        "enum",
        "impl",
        "trait",
        "const",
        "static",
        "type",
        "async",
        "let",
        "macro_rules",
    ];
    while tokens.next_if(|token| is_mark(token, '#')).is_some() {
        group(tokens, Delimiter::Bracket);
    }
    let first = loop {
        match ident(tokens) {
            Some(word) if word == "pub" => drop(group(tokens, Delimiter::Parenthesis)),
            word => break word.unwrap_or_default(),
        }
    };
    if first == "mod"
        && let Some(name) = ident(tokens)
        && tokens.peek().is_some_and(|token| is_mark(token, ';'))
    {
        found.test_modules.push([module, &[name]].concat());
    }
    let is_item = ITEMS.contains(&first.as_str());
    for token in tokens.by_ref() {
        let ends = match &token {
            TokenTree::Punct(mark) if mark.as_char() == ';' => true,
            // A field, or an arm of a match.
            TokenTree::Punct(mark) if mark.as_char() == ',' => !is_item,
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => first != "use",
            _ => false,
        };
        if ends {
            break;
        }
    }
}

/// Whether `attribute` is `cfg(test)`, alone.
fn is_cfg_test(attribute: &Group) -> bool {
    let text = attribute.stream().to_string();
    text.split_whitespace().collect::<String>() == "cfg(test)"
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// The next token, if it is a word.
fn ident(tokens: &mut Tokens) -> Option<String> {
    match tokens.next_if(|token| matches!(token, TokenTree::Ident(_)))? {
        TokenTree::Ident(word) => Some(word.to_string()),
        _ => None,
    }
}

/// The next token, if it is a group in such marks.
fn group(tokens: &mut Tokens, delimiter: Delimiter) -> Option<Group> {
    let fits = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == delimiter,
        _ => false,
    };
    match tokens.next_if(fits)? {
        TokenTree::Group(group) => Some(group),
        _ => None,
    }
}

/// Reads `::`, if that comes next.
fn colons(tokens: &mut Tokens) -> bool {
    tokens.next_if(|token| is_mark(token, ':')).is_some()
        && tokens.next_if(|token| is_mark(token, ':')).is_some()
}

/// Attributes of `text` by which a function may have any length, or an exception lacks its reason.
///
/// Modules of the name `generated` are excused.
pub(crate) fn hidden_lengths(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut waiting: Vec<TokenStream> = vec![text.parse().expect("Rust")];
    while let Some(tokens) = waiting.pop() {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            let TokenTree::Group(group) = token else {
                continue;
            };
            let before = at.checked_sub(1).map(|before| tokens[before].to_string());
            if matches!(before.as_deref(), Some("allow" | "expect"))
                && hides(&before.unwrap_or_default(), &group.stream().to_string())
            {
                wrong.push(group.stream().to_string());
            }
            let is_attribute = group.delimiter() == Delimiter::Bracket;
            if !(is_attribute && is_of_generated(&tokens[at + 1..])) {
                waiting.push(group.stream());
            }
        }
    }
    wrong
}

/// Whether the lint of lengths is off under `allow(lints)` or `expect(lints)`.
fn hides(level: &str, lints: &str) -> bool {
    let mut words = lints.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let named = words.clone().any(|word| word == "clippy")
        && words.any(|word| matches!(word, "too_many_lines" | "pedantic" | "all"));
    named && !(level == "expect" && lints.contains("reason"))
}

/// Whether `rest`, which follows an attribute, comes to `mod generated` after further ones.
fn is_of_generated(rest: &[TokenTree]) -> bool {
    let mut words = rest.iter().map(ToString::to_string);
    let mut words = words
        .by_ref()
        .skip_while(|word| word.starts_with(['#', '[', '(']) || word == "pub");
    words.next().as_deref() == Some("mod") && words.next().as_deref() == Some("generated")
}

#[cfg(test)]
mod tests {
    use super::{Tests, hidden_lengths, named};

    fn names(text: &str) -> Vec<String> {
        text.split("::").map(str::to_owned).collect()
    }

    fn paths(module: &str, code: &str, tests: Tests) -> Vec<String> {
        let found = named(code, &names(module), tests);
        found.paths.iter().map(|path| path.join("::")).collect()
    }

    /// Paths of `code`, which stands in `src/load/prepare/steps.rs`.
    fn check(code: &str, expected: &[&str]) {
        assert_eq!(
            paths("load::prepare::steps", code, Tests::LeftOut),
            expected,
            "{code}"
        );
    }

    #[test]
    fn a_braced_list_is_a_path_for_each_branch() {
        check(
            "use crate::{\n    load::{a, b::C as D},\n    plan::*,\n};\nuse crate::mask;",
            &["load::a", "load::b::C", "plan", "mask"],
        );
        check("use crate::plan::{self, Phase};", &["plan", "plan::Phase"]);
        check("use crate::{plan};", &["plan"]);
    }

    #[test]
    fn a_path_from_above_is_one_from_the_root() {
        check(
            "use super::{patience, super::phase};",
            &["load::prepare::patience", "load::phase"],
        );
        check(
            "fn f() { super::super::super::stack::up() }",
            &["stack::up"],
        );
        check("use self::inner::A;", &["load::prepare::steps::inner::A"]);
        check("use super::*;", &["load::prepare"]);
    }

    #[test]
    fn a_path_from_above_a_module_in_the_file_begins_in_the_file() {
        check(
            "mod inner { use super::A; fn f() { super::super::g() } }",
            &["load::prepare::steps::A", "load::prepare::g"],
        );
    }

    #[test]
    fn a_path_within_code_is_seen_and_one_in_words_is_not() {
        check(
            "// crate::load\n/// [crate::plan]\n\
             fn f() { g(\"crate::report\", crate::stack::up()) }",
            &["stack::up"],
        );
        check("select! { one = crate::a::b() => {} }", &["a::b"]);
        check("fn f(&self) -> usize { self.a::<u8>() }", &[]);
        check("pub(in crate::analysis) struct A;", &[]);
        check("use std::fs; use serde::{Deserialize, de::Error};", &[]);
    }

    #[test]
    fn code_of_tests_is_left_out_on_request() {
        let code = "#[cfg(test)]\nmod tests { use crate::a; }\n#[cfg(test)] use crate::{b};\n\
                    struct S { #[cfg(test)] c: crate::c::C, d: crate::d::D }\n\
                    #[cfg(test)]\n#[derive(Debug)]\npub(crate) fn f<A, B>() { crate::e::f() }\n\
                    use crate::g;";
        assert_eq!(paths("m", code, Tests::LeftOut), ["d::D", "g"]);
        assert_eq!(
            paths("m", code, Tests::Counted),
            ["a", "b", "c::C", "d::D", "e::f", "g"]
        );
    }

    #[test]
    fn a_file_of_tests_is_told_by_its_parent() {
        let code = "#[cfg(test)]\nmod tests;\nmod other;\n#[cfg(test)]\npub(crate) mod sample;";
        let found = named(code, &names("load"), Tests::LeftOut);
        assert_eq!(
            found.test_modules,
            [names("load::tests"), names("load::sample")]
        );
    }

    #[test]
    fn a_long_function_needs_a_reason() {
        let check =
            |code: &str, wrong: usize| assert_eq!(hidden_lengths(code).len(), wrong, "{code}");
        check("#[allow(clippy::too_many_lines)] fn f() {}", 1);
        check("#![allow(clippy::too_many_lines, reason = \"a table\")]", 1);
        check("#[cfg_attr(test, allow(clippy::pedantic))] fn f() {}", 1);
        check("mod a { #[expect(clippy::too_many_lines)] fn f() {} }", 1);
        check(
            "#[expect(clippy::too_many_lines, reason = \"a table\")] fn f() {}",
            0,
        );
        check("#[allow(clippy::all)] #[rustfmt::skip] mod generated;", 0);
        check("#[allow(clippy::all)] pub(crate) mod generated;", 0);
        check("#[allow(clippy::all)] #[rustfmt::skip] mod other;", 1);
        check(
            "#[allow(clippy::unwrap_used)] fn f() { /* clippy::too_many_lines */ }",
            0,
        );
    }
}
