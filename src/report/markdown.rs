//! `report.md`: what a pull request's comment holds. Text from outside is escaped where it would be
//! markup, a link or a mention, and nowhere else: the source is read as well.

use std::fmt::Write as _;

use super::{
    ReportEntry, ReportError, RunReport,
    answer::first_answers,
    classes::{ClassTable, HEADINGS},
    clean, thresholds,
    units::{count, duration, number, recall, share},
};
use crate::analysis::{
    Analysis, Estimate, Quantiles, ThresholdState, VerdictState, WorkloadAnalysis,
};

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "markdown",
    file: "report.md",
    text: true,
    joined: Some(joined),
    summary: "verdict, latency and where the time went, for the comment of a pull request",
    render: |analysis| Ok(render(analysis).into_bytes()),
};

/// Areas that are shown of a workload.
const AREAS: usize = 5;

fn render(analysis: &Analysis) -> String {
    let mut out = String::new();
    let state = match analysis.verdict.state {
        VerdictState::Valid => "valid",
        VerdictState::Reservations => "valid with caveats",
        VerdictState::Invalid => "**INVALID**",
    };
    let bound = if analysis.verdict.client_bound {
        ", client-bound"
    } else {
        ""
    };
    // Writing to a String can't fail, here and below.
    let _ = writeln!(
        out,
        "### {}: {}, {state}{bound}\n",
        escape(&analysis.name),
        escape(&analysis.status)
    );
    write_answers(&mut out, analysis);
    for reason in &analysis.verdict.reasons {
        let at = if reason.at.is_empty() {
            String::new()
        } else {
            format!(" at {}", escape(&reason.at))
        };
        let _ = writeln!(
            out,
            "- {}{at}: {}",
            escape(&reason.code.replace('_', " ")),
            escape(&reason.advice)
        );
    }
    write_thresholds(&mut out, analysis);
    let measured: Vec<&WorkloadAnalysis> = analysis
        .workloads
        .iter()
        .filter(|workload| !workload.is_preparation())
        .collect();
    write_latency(&mut out, &measured);
    write_classes(&mut out, &measured);
    write_areas(&mut out, &measured);
    write_sentences(&mut out, &measured);
    let _ = writeln!(out, "\n<details><summary>Run and environment</summary>\n");
    let _ = writeln!(out, "- run {}", escape(&analysis.run));
    for (key, value) in &analysis.environment {
        let _ = writeln!(out, "- {} {}", escape(key), escape(value));
    }
    out.push_str("\n</details>\n");
    out
}

/// What the run answers, each answer a list below its first line.
fn write_answers(out: &mut String, analysis: &Analysis) {
    let (answers, more) = first_answers(analysis);
    for answer in &answers {
        let (subject, what) = (escape(&answer.subject), escape(&answer.what));
        let _ = writeln!(out, "**Answer** {subject}: {what}\n");
        let suggestion = answer.suggestion.iter().map(|text| format!("→ {text}"));
        let lines = answer.why.iter().cloned().chain(suggestion);
        let lines: String = lines.map(|line| format!("- {}\n", escape(&line))).collect();
        if !lines.is_empty() {
            let _ = writeln!(out, "{lines}");
        }
    }
    if let Some(more) = more {
        let _ = writeln!(out, "{}\n", escape(&more));
    }
}

/// One after the other; without an empty line between, a heading would belong to the details before
/// it.
fn joined(reports: &[RunReport]) -> Result<Vec<u8>, ReportError> {
    let reports: Vec<&[u8]> = reports
        .iter()
        .map(|report| report.bytes.as_slice())
        .collect();
    Ok(reports.join(b"\n".as_slice()))
}

fn write_thresholds(out: &mut String, analysis: &Analysis) {
    if analysis.thresholds.is_empty() {
        return;
    }
    out.push_str("\n| threshold | at | result | found |\n| --- | --- | --- | --- |\n");
    for result in &analysis.thresholds {
        let state = match result.state {
            ThresholdState::Passed => "passed",
            ThresholdState::Undecided => "undecided",
            ThresholdState::Failed => "**failed**",
        };
        let _ = writeln!(
            out,
            "| {} | {} | {state} | {} |",
            escape(&result.require),
            escape(&result.at),
            escape(&result.sentence)
        );
    }
    if let Some(counts) = thresholds::counts(analysis) {
        let _ = writeln!(out, "\n{counts}");
    }
}

/// Heading and cell of a column that only some workloads have.
type More = (&'static str, fn(&WorkloadAnalysis) -> Option<String>);

const MORE: [More; 7] = [
    ("due /s", |workload| {
        let rate = &workload.rate;
        rate.scheduled.or(rate.target).map(number)
    }),
    ("send lag p99", |workload| {
        let lag = workload.send_lag_us.as_ref()?.get("p99")?;
        Some(duration(lag.value))
    }),
    ("vectors /s", |workload| workload.vectors_per_s.map(number)),
    ("rows /s", |workload| workload.rows_per_s.map(number)),
    ("rows a reply", |workload| {
        workload.rows.as_ref().map(|rows| number(rows.mean))
    }),
    ("empty", |workload| {
        workload.rows.as_ref().map(|rows| share(rows.empty))
    }),
    ("recall", |workload| {
        workload.recall.as_ref().map(|of| recall(of.mean))
    }),
];

fn write_latency(out: &mut String, measured: &[&WorkloadAnalysis]) {
    if measured.is_empty() {
        return;
    }
    // What no workload has takes no column.
    let more: Vec<&More> = MORE
        .iter()
        .filter(|(_, cell)| measured.iter().any(|workload| cell(workload).is_some()))
        .collect();
    let headings: String = more
        .iter()
        .map(|(heading, _)| format!(" {heading} |"))
        .collect();
    let _ = writeln!(
        out,
        "\n| workload | ok | failed | not sent | /s | p50 | p95 | p99 | p99.9 | max |{headings}"
    );
    let _ = writeln!(
        out,
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |{}",
        " --: |".repeat(more.len())
    );
    for workload in measured {
        write_row(out, workload, &more);
    }
    for workload in measured {
        if let Some(why) = &workload.no_recall {
            let _ = writeln!(
                out,
                "\nno recall of {}: {}",
                escape(&workload.place()),
                escape(why)
            );
        }
    }
    if measured
        .iter()
        .any(|workload| workload.loop_kind == "closed")
    {
        out.push_str("\n† closed loop: service time, and stalls are under-counted\n");
    }
}

fn write_row(out: &mut String, workload: &WorkloadAnalysis, more: &[&More]) {
    let counts = &workload.requests;
    let closed = if workload.loop_kind == "closed" {
        " †"
    } else {
        ""
    };
    let cells = [
        count(counts.ok),
        count(counts.failed),
        count(counts.not_sent),
        number(workload.rate.achieved),
    ];
    // Counts that can't be read are not 0.
    let cells = if workload.figures_lost {
        cells.map(|_| "-".to_owned())
    } else {
        cells
    };
    let _ = write!(
        out,
        "| {}{closed} | {} |",
        escape(&workload.place()),
        cells.join(" | ")
    );
    for key in ["p50", "p95", "p99", "p99.9", "max"] {
        let _ = write!(
            out,
            " {} |",
            latency(workload)
                .and_then(|quantiles| quantiles.get(key))
                .map_or("-".to_owned(), estimate)
        );
    }
    for (_, cell) in more {
        let _ = write!(
            out,
            " {} |",
            cell(workload).unwrap_or_else(|| "-".to_owned())
        );
    }
    out.push('\n');
}

fn latency(workload: &WorkloadAnalysis) -> Option<&Quantiles> {
    workload
        .response_time_us
        .as_ref()
        .or(workload.service_time_us.as_ref())
}

/// `3.95 ms [3.78, 4.22]`: the ends are in the unit of the value.
fn estimate(found: &Estimate) -> String {
    let at_least = if found.at_least { "≥ " } else { "" };
    let ends = found
        .low
        .zip(found.high)
        .map_or(String::new(), |(low, high)| {
            format!(" [{}, {}]", duration(low), duration(high))
        });
    format!("{at_least}{}{ends}", duration(found.value))
}

/// A table for each workload whose requests are told apart by a value.
fn write_classes(out: &mut String, measured: &[&WorkloadAnalysis]) {
    for workload in measured {
        let Some(of) = ClassTable::of(workload) else {
            continue;
        };
        let _ = writeln!(
            out,
            "\n| {} by {} | {} |\n| --- |{} --- |",
            escape(&workload.place()),
            escape(&of.by),
            HEADINGS.join(" | "),
            " --: |".repeat(HEADINGS.len() - 1)
        );
        for row in &of.rows {
            let cells: Vec<String> = row.cells.iter().map(|cell| escape(cell)).collect();
            let _ = writeln!(out, "| {} | {} |", escape(&row.class), cells.join(" | "));
        }
        if !of.sentence.is_empty() {
            let _ = writeln!(out, "\n{}", escape(&of.sentence));
        }
    }
}

fn write_areas(out: &mut String, measured: &[&WorkloadAnalysis]) {
    let rows = measured
        .iter()
        .filter_map(|workload| Some((workload, workload.account.first()?)));
    let lines: Vec<String> = rows
        .map(|(workload, all)| {
            let mut areas: Vec<(&str, f64)> = Vec::new();
            for part in &all.parts {
                match areas.iter_mut().find(|(area, _)| *area == part.area) {
                    Some((_, sum)) => *sum += part.mean_us,
                    None => areas.push((&part.area, part.mean_us)),
                }
            }
            areas.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
            let words = areas
                .iter()
                .take(AREAS)
                .map(|(area, us)| format!("{} {}", escape(area), share(us / all.mean_us)));
            format!(
                "| {} | {} | {} |",
                escape(&workload.place()),
                duration(all.mean_us),
                words.collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    if !lines.is_empty() {
        let _ = writeln!(
            out,
            "\n| where the time went | mean | largest areas |\n| --- | --: | --- |\n{}",
            lines.join("\n")
        );
    }
}

fn write_sentences(out: &mut String, measured: &[&WorkloadAnalysis]) {
    let mut lines = String::new();
    for workload in measured {
        let tail = workload
            .tail
            .as_ref()
            .and_then(|tail| tail.sentence.as_deref());
        let told = workload
            .contrasts
            .iter()
            .filter_map(|contrast| contrast.sentence.as_deref());
        let advice = workload
            .advice
            .iter()
            .map(|advice| advice.sentence.as_str());
        for sentence in tail.into_iter().chain(told).chain(advice) {
            let _ = writeln!(
                lines,
                "- {}: {}",
                escape(&workload.place()),
                escape(sentence)
            );
        }
    }
    if !lines.is_empty() {
        let _ = write!(out, "\n{lines}");
    }
}

/// Text that stays text, also where it stands in a table or begins a line or an entry of a list.
/// What stands between backticks is code.
pub(super) fn escape(text: &str) -> String {
    let text = clean(text);
    let parts: Vec<&str> = text.split('`').collect();
    let is_code = |(index, part): (usize, &&str)| {
        index.is_multiple_of(2) || (!part.trim().is_empty() && !part.contains(['\\', '|']))
    };
    if parts.len().is_multiple_of(2) || !parts.iter().enumerate().all(is_code) {
        return escape_all(&text, true);
    }
    let parts = parts.iter().enumerate().map(|(index, part)| {
        if index % 2 == 1 {
            format!("`{part}`")
        } else {
            escape_all(part, index == 0)
        }
    });
    parts.collect()
}

/// The same where backticks are text; `begins` says that it may begin a line.
fn escape_all(text: &str, begins: bool) -> String {
    // Brackets alone are no link.
    let is_link = text.contains("](") || text.contains("][") || !begins;
    let signs: Vec<char> = text.chars().collect();
    let mut out = String::new();
    for (index, &sign) in signs.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| signs[index]);
        let after = signs.get(index + 1).copied();
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let is_loose = |c: Option<char>| c.is_none_or(char::is_whitespace);
        let is_first = begins && index == 0;
        match sign {
            // What GitHub makes of names, numbers and addresses it makes of the text, after the
            // backslashes have gone.
            '@' if is_word(after) => out.push_str("&#64;"),
            '#' if is_word(after) => out.push_str("&#35;"),
            ':' if after == Some('/') || is_word(after) && !is_word(before) => {
                out.push_str("&#58;");
            }
            '<' if after.is_some_and(|c| c.is_alphabetic() || "/!?".contains(c)) => {
                out.push_str("&lt;");
            }
            _ if is_markup(sign, is_first, is_link)
                || (sign == '_' && !(is_word(before) && is_word(after)))
                || (sign == '*' && !(is_loose(before) && is_loose(after)))
                || (sign == '&' && (is_word(after) || after == Some('#')))
                || (sign == '\\' && after.is_some_and(|c| c.is_ascii_punctuation()))
                || (matches!(sign, '.' | ')')
                    && begins
                    && is_loose(after)
                    && is_number(&signs[..index])) =>
            {
                out.push('\\');
                out.push(sign);
            }
            _ => out.push(sign),
        }
    }
    out
}

/// Whether the sign is markup whatever stands beside it.
fn is_markup(sign: char, is_first: bool, is_link: bool) -> bool {
    match sign {
        '`' | '~' | '|' | '$' => true,
        '[' | ']' => is_link || is_first,
        '-' | '+' | '*' | '#' | '>' | '=' => is_first,
        _ => false,
    }
}

/// Digits from the beginning: with a dot they would be an entry of a list.
fn is_number(before: &[char]) -> bool {
    !before.is_empty() && before.len() < 10 && before.iter().all(char::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser};

    use super::*;
    use crate::report::sample;

    /// What a reader sees, and the markup as a list of what begins and ends.
    fn rendered(markdown: &str) -> (String, Vec<String>) {
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        let (mut text, mut markup) = (String::new(), Vec::new());
        for event in Parser::new_ext(markdown, options) {
            match event {
                Event::Text(piece) => text.push_str(&piece),
                Event::Code(piece) => {
                    text.push_str(&piece);
                    markup.push("code".to_owned());
                }
                Event::SoftBreak | Event::HardBreak => text.push('\n'),
                other => {
                    if matches!(other, Event::End(_)) {
                        text.push('\n');
                    }
                    markup.push(format!("{other:?}"));
                }
            }
        }
        (text, markup)
    }

    fn check(hostile: &str) {
        let mut analysis = sample::analysis();
        let mut harmless = sample::analysis();
        for (analysis, name) in [(&mut analysis, hostile), (&mut harmless, "x")] {
            analysis.name = name.to_owned();
            analysis.thresholds[0].require = name.to_owned();
            analysis.workloads.iter_mut().for_each(|workload| {
                workload.workload = name.to_owned();
                workload
                    .advice
                    .iter_mut()
                    .for_each(|advice| advice.sentence = name.to_owned());
            });
        }
        let (found, markup) = rendered(&render(&analysis));
        // Code is text that can do nothing.
        let structure = |markup: Vec<String>| -> Vec<String> {
            markup.into_iter().filter(|of| of != "code").collect()
        };
        let expected = structure(rendered(&render(&harmless)).1);
        assert_eq!(structure(markup), expected, "{hostile:?}");
        let [shown, found] = [clean(hostile), found].map(|text| text.replace('`', ""));
        assert!(found.contains(shown.trim()), "{shown:?} is not in\n{found}");
    }

    #[test]
    fn names_add_no_markup_and_are_read_as_they_are() {
        check("a|b");
        check("`code` **bold** _it_ __it__ *it* ~~no~~ $x$");
        check("<script>alert(1)</script> &amp; &#64; <!-- x");
        check("[x](http://e.example) ![y](z) [a][b] @someone #12 :tada:");
        check("two\nlines\r\n# heading");
        check("1. one");
        check("- one");
        check("> one");
        check("# one");
        check("[one]: http://e.example");
        check("a\\*b \\\\ c\\_d");
    }

    #[test]
    fn mentions_and_addresses_are_no_links() {
        let text = escape("@someone #12 http://e.example a@b :tada:");
        for sign in ["@", "#12", "://", ":t"] {
            assert!(!text.contains(sign), "{sign} in {text}");
        }
    }

    #[test]
    fn usual_words_have_no_escapes() {
        for text in [
            "response_time.p99 < 50ms at alone/search",
            "set [tracing.spans] source = \"none\", e.g. 3.95 ms (of 4.2 ms), 50 % + 1",
            "2.00 %, limit 1.00 %",
            "52 % of that is `SegCoreSearch` (40 requests)",
        ] {
            assert_eq!(escape(text), text);
        }
        let (text, _) = rendered(&render(&sample::analysis()));
        for sign in ["&#", "\\"] {
            assert!(!text.contains(sign), "{sign} in\n{text}");
        }
    }

    #[test]
    fn the_answer_stands_below_the_verdict() {
        let (text, _) = rendered(&render(&sample::analysis()));
        let place = |words: &str| {
            text.find(words)
                .unwrap_or_else(|| panic!("{words}: {text}"))
        };
        let answer = place(" search: p99 3.95 ms [3.78, 4.22] alone -> at least 48.3 ms");
        assert!(
            place("valid with caveats") < answer && answer < place("send lag"),
            "{text}"
        );
        let why = place("on average under-ingest is 2.98 ms [2.51, 3.44] slower than alone: 81 %");
        assert!(answer < why && why < place("→ 41 % of the engine's time is brute force"));
    }

    #[test]
    fn the_table_carries_the_figures() {
        let analysis = sample::analysis();
        let (text, markup) = rendered(&render(&analysis));
        assert!(markup.iter().any(|of| of.contains("Table")), "{markup:?}");
        for workload in analysis.workloads.iter().filter(|of| !of.is_preparation()) {
            let found = latency(workload).and_then(|quantiles| quantiles.get("p99"));
            let words = [
                workload.place(),
                number(workload.rate.achieved),
                found.map_or("-".to_owned(), |found| duration(found.value)),
            ];
            for word in words {
                assert!(text.contains(&word), "{word} is not in\n{text}");
            }
        }
    }
}
