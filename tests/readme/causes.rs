//! Every cause that `doctor` names stands on the page for troubleshooting, so that a search for its
//! words finds it.

use std::{collections::BTreeMap, fmt::Write as _};

use milvus_bench::spans::{Remedy, SPAN_SOURCES};
use proc_macro2::{Literal, TokenStream, TokenTree};

use crate::documents::{check_generated, read};

/// The files of the links, in the order of `doctor`, each with the link's name.
const LINKS: [(&str, &str); 7] = [
    ("src/doctor/milvus_link.rs", "Milvus"),
    ("src/tls/cause.rs", "TLS"),
    ("src/doctor/otlp_link.rs", "OTLP endpoint"),
    ("src/doctor/source_link.rs", "span source"),
    ("src/doctor/own_span.rs", "own span"),
    ("src/doctor/server_spans.rs", "server spans"),
    ("src/doctor/background.rs", "sampling"),
];

/// Tokens of `file` up to its tests.
fn tokens(file: &str) -> Vec<TokenTree> {
    let text = read(file);
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let tokens: TokenStream = code
        .parse()
        .unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut flat = Vec::new();
    flatten(tokens, &mut flat);
    flat
}

/// All tokens in their order, groups followed by what is in them.
fn flatten(tokens: TokenStream, flat: &mut Vec<TokenTree>) {
    for token in tokens {
        flat.push(token.clone());
        if let TokenTree::Group(group) = token {
            flatten(group.stream(), flat);
        }
    }
}

/// The text of a string literal, what braces stand for as `…`.
fn text(literal: &Literal) -> Option<String> {
    let source = literal.to_string();
    let inner = source.strip_prefix('"')?.strip_suffix('"')?;
    let mut shown = String::new();
    let mut rest = inner.replace("\\\n", "\n");
    rest = rest.replace("\\\"", "\"").replace("\\n", " ");
    let mut depth = 0_u32;
    for c in rest
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
    {
        match c {
            '{' => {
                depth += 1;
                shown.push('…');
            }
            '}' => depth = depth.saturating_sub(1),
            c if depth == 0 => shown.push(c),
            _ => {}
        }
    }
    Some(shown)
}

/// The first string of `tokens` after `at`, if it comes before another call begins.
fn string_after(tokens: &[TokenTree], at: usize) -> Option<String> {
    match &tokens.get(at)? {
        TokenTree::Literal(literal) => text(literal),
        // `format!("...")`
        TokenTree::Ident(name) if name == "format" => match tokens.get(at + 3)? {
            TokenTree::Literal(literal) => text(literal),
            _ => None,
        },
        _ => None,
    }
}

/// Strings that `let name = "..."` gives a name in `tokens`.
fn named(tokens: &[TokenTree]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (at, token) in tokens.iter().enumerate() {
        let (TokenTree::Ident(word), Some(TokenTree::Ident(name))) = (token, tokens.get(at + 1))
        else {
            continue;
        };
        let is_value =
            matches!(tokens.get(at + 2), Some(TokenTree::Punct(p)) if p.as_char() == '=');
        if word == "let"
            && is_value
            && let Some(text) = string_after(tokens, at + 3)
        {
            found.insert(name.to_string(), text);
        }
    }
    found
}

/// First arguments of `Cause::new(...)` in `tokens` that are texts of this file.
fn causes(tokens: &[TokenTree]) -> Vec<String> {
    let named = named(tokens);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let is_call = matches!(token, TokenTree::Ident(name) if name == "Cause")
            && matches!(tokens.get(at + 3), Some(TokenTree::Ident(name)) if name == "new");
        // `Cause`, `:`, `:`, `new`, the group, and then what is in it.
        if is_call {
            let what = string_after(tokens, at + 5).or_else(|| match tokens.get(at + 5)? {
                TokenTree::Ident(name) => named.get(&name.to_string()).cloned(),
                _ => None,
            });
            found.extend(what);
        }
    }
    found
}

/// The causes of a failed TLS connection: rows of a cause, what is wrong, and what to change.
fn causes_of_tls(tokens: &[TokenTree]) -> Vec<String> {
    let rows = tokens.windows(6).filter_map(|row| match row {
        [
            TokenTree::Ident(name),
            TokenTree::Punct(_),
            TokenTree::Punct(_),
            TokenTree::Ident(_),
            TokenTree::Punct(comma),
            TokenTree::Literal(what),
        ] if name == "TlsCause" && comma.as_char() == ',' => text(what),
        _ => None,
    });
    rows.collect()
}

/// What span sources say of themselves.
fn causes_of_sources() -> Vec<String> {
    let shown = |remedy: &Remedy| remedy.what.replace("{place}", "…").replace("{spans}", "…");
    let lists = SPAN_SOURCES.iter().flat_map(|entry| {
        let troubles = &entry.troubles;
        [
            troubles.not_there,
            troubles.web_port,
            troubles.other_server,
            troubles.web_page,
            troubles.refused,
            troubles.no_services,
            troubles.dropped,
            troubles.own_work,
            troubles.moved_times,
            troubles.other_back_end,
        ]
    });
    lists.flatten().map(shown).collect()
}

#[test]
fn every_cause_of_the_doctor_can_be_found() {
    let mut list = String::new();
    for (file, link) in LINKS {
        let tokens = tokens(file);
        let mut found = causes(&tokens);
        found.extend(causes_of_tls(&tokens));
        if link == "span source" {
            found.extend(causes_of_sources());
        }
        assert!(!found.is_empty(), "no causes in {file}");
        let mut seen: Vec<&String> = Vec::new();
        writeln!(list, "**{link}**\n").expect("a String takes any text");
        for cause in &found {
            if !seen.contains(&cause) {
                writeln!(list, "- {}", cause.replace('<', "&lt;"))
                    .expect("a String takes any text");
                seen.push(cause);
            }
        }
        list.push('\n');
    }
    let list = format!("{}\n", list.trim_end());
    check_generated("docs/troubleshooting.md", "causes", &list, "readme");
}
