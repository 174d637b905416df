//! Which file needs which, and files that need each other.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use crate::{
    paths::{Tests, named},
    source,
};

/// For each node the nodes that it needs.
pub(crate) type Graph = BTreeMap<String, BTreeSet<String>>;

/// The files of `src/` but for those of tests, named by their modules.
///
/// A path leads to the file of the longest part of it that is a module. The crate's root holds
/// nothing but modules, so it is no node.
pub(crate) fn files() -> Graph {
    let files: BTreeMap<Vec<String>, PathBuf> = source::rust_files("src")
        .into_iter()
        .filter_map(|file| Some((source::module(&file)?, file)))
        .collect();
    let found: BTreeMap<_, _> = files
        .iter()
        .map(|(module, file)| (module, named(&source::read(file), module, Tests::LeftOut)))
        .collect();
    let of_tests: Vec<&Vec<String>> = found
        .values()
        .flat_map(|found| &found.test_modules)
        .collect();
    let file_of = |path: &[String]| {
        let parts = (1..=path.len()).rev().map(|end| &path[..end]);
        parts
            .into_iter()
            .find(|part| files.contains_key(*part))
            .map(|part| part.join("/"))
    };
    let is_test = |module: &[String]| of_tests.iter().any(|test| module.starts_with(test));
    found
        .iter()
        .filter(|(module, _)| !module.is_empty() && !is_test(module))
        .map(|(module, found)| {
            let node = module.join("/");
            let mut needs: BTreeSet<String> = found
                .paths
                .iter()
                .filter_map(|path| file_of(path))
                .collect();
            needs.remove(&node);
            (node, needs)
        })
        .collect()
}

/// Strongly connected components of more than one node: each node of one is reached from each other
/// of it. Every component and the list are in order of names.
///
/// Two nodes are of one component if each reaches the other. Some hundred files make that simple
/// rule fast enough, and it needs no explanation.
pub(crate) fn components(graph: &Graph) -> Vec<Vec<String>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> = graph
        .keys()
        .map(|node| (node.as_str(), reached(graph, node)))
        .collect();
    let mut found = Vec::new();
    for (node, far) in &reached {
        let back = |other: &&&str| reached.get(**other).is_some_and(|far| far.contains(node));
        let component: Vec<String> = far
            .iter()
            .filter(back)
            .map(|other| (*other).to_owned())
            .collect();
        // Told once, at the first of its nodes.
        if component.len() > 1 && component[0] == *node {
            found.push(component);
        }
    }
    found
}

/// Nodes that `node` needs, and those that they need, and so on.
fn reached<'a>(graph: &'a Graph, node: &str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![node];
    while let Some(node) = waiting.pop() {
        for next in graph.get(node).into_iter().flatten() {
            if found.insert(next.as_str()) {
                waiting.push(next);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Graph, components};

    /// Components of the graph that `edges` writes as "a b c": a needs b and c.
    fn check(edges: &[&str], expected: &[&str]) {
        let nodes = edges.iter().map(|line| {
            let mut names = line.split(' ').map(str::to_owned);
            (names.next().expect("a node"), names.collect())
        });
        let graph: Graph = nodes.collect();
        let found: Vec<String> = components(&graph)
            .iter()
            .map(|names| names.join(" "))
            .collect();
        assert_eq!(found, expected, "{edges:?}");
    }

    #[test]
    fn files_that_need_each_other_are_one_component() {
        check(&["a b", "b a", "c a"], &["a b"]);
        check(&["a b", "b c", "c d", "d b"], &["b c d"]);
        check(&["a b", "b a c", "c d", "d c"], &["a b", "c d"]);
        check(&["a b c", "b a", "c a"], &["a b c"]);
    }

    #[test]
    fn files_in_one_direction_are_none() {
        check(&["a b c", "b c", "c"], &[]);
        check(&["a a"], &[]);
    }
}
