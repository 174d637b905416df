//! `report.svg`: the critical paths of the slowest requests as a flame graph, coloured by what sets
//! them apart from the faster half. Widths are mean times in the tail; red frames are longer there
//! than in the faster half, blue ones shorter.

use std::{fmt::Write as _, io::Cursor};

use base64::Engine as _;
use inferno::flamegraph::{self, Options};

use super::{ReportEntry, ReportError, RunReport, clean, escaped};
use crate::analysis::{Analysis, Stacks, WorkloadAnalysis};

/// The row of the table.
pub(super) const ENTRY: ReportEntry = ReportEntry {
    name: "flamegraph",
    file: "report.svg",
    text: true,
    joined: Some(joined),
    summary: "critical path of the tail against that of the faster half, as a searchable picture",
    render,
};

fn render(analysis: &Analysis) -> Result<Vec<u8>, ReportError> {
    let lines: Vec<String> = analysis
        .workloads
        .iter()
        .filter(|workload| !workload.is_preparation())
        .flat_map(lines)
        .collect();
    if lines.is_empty() {
        let why = "it needs a workload with enough matched successes for a tail; the report gives \
                   their number";
        return Err(ReportError(format!("the run has no flame graph: {why}")));
    }
    let mut options = Options::default();
    options.title = format!("{}: critical path of the tail", clean(&analysis.name));
    options.subtitle = Some(
        "width: mean time of a request in the tail; red: more time of its own than in the faster \
         half, blue: less"
            .to_owned(),
    );
    "ns a request".clone_into(&mut options.count_name);
    // The same folder gives the same bytes.
    options.deterministic = true;
    let mut out = Vec::new();
    let fail = |error: &dyn std::fmt::Display| {
        ReportError(format!("the flame graph can't be drawn: {error}"))
    };
    flamegraph::from_lines(
        &mut options,
        lines.iter().map(String::as_str),
        Cursor::new(&mut out),
    )
    .map_err(|error| fail(&error))?;
    Ok(out)
}

/// Width of a picture, and height of the line with its run.
const WIDTH: f64 = 1200.0;
const HEADING: f64 = 24.0;

/// The pictures below one another, as images: what one finds by its ids, such as its search, can't
/// be twice in a document.
fn joined(reports: &[RunReport]) -> Result<Vec<u8>, ReportError> {
    let mut pictures = String::new();
    let mut y = 0.0;
    for report in reports {
        let text = String::from_utf8_lossy(&report.bytes);
        let height = attribute(&text, "height").unwrap_or(WIDTH);
        let data = base64::engine::general_purpose::STANDARD.encode(&report.bytes);
        // Writing to a String can't fail.
        let _ = writeln!(
            pictures,
            "<text x=\"10\" y=\"{}\" font-family=\"monospace\" font-size=\"14\">{}</text>",
            y + HEADING - 8.0,
            escaped(&report.run)
        );
        let _ = writeln!(
            pictures,
            "<image y=\"{}\" width=\"{WIDTH}\" height=\"{height}\" \
             href=\"data:image/svg+xml;base64,{data}\"/>",
            y + HEADING
        );
        y += HEADING + height;
    }
    let head = format!(
        "<?xml version=\"1.0\" standalone=\"no\"?>\n<svg version=\"1.1\" \
         xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" viewBox=\"0 0 \
         {WIDTH} {y}\">"
    );
    Ok(format!("{head}\n{pictures}</svg>\n").into_bytes())
}

/// A number of the outermost element.
fn attribute(picture: &str, name: &str) -> Option<f64> {
    let (_, element) = picture.split_once("<svg ")?;
    let (element, _) = element.split_once('>')?;
    let (_, value) = element.split_once(&format!(" {name}=\""))?;
    value.split('"').next()?.parse().ok()
}

/// `phase/workload;frame;frame BODY TAIL`, nanoseconds of a request: folded stacks of two profiles.
fn lines(workload: &WorkloadAnalysis) -> Vec<String> {
    let Some(stacks) = &workload.stacks else {
        return Vec::new();
    };
    let place = frame(&format!("{} above {}", workload.place(), stacks.above));
    let ns = |us: f64| (us * 1_000.0).round().max(0.0);
    let line = |(at, own): (usize, &crate::analysis::StackFrame)| {
        let (body, tail) = (ns(own.body_us), ns(own.tail_us));
        (body + tail > 0.0).then(|| {
            format!(
                "{place};{} {body:.0} {tail:.0}",
                chain(stacks, at).join(";")
            )
        })
    };
    stacks.frames.iter().enumerate().filter_map(line).collect()
}

/// Names of the frames from the outermost to number `at`.
fn chain(stacks: &Stacks, at: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut next = Some(at);
    // Parents have smaller numbers; a damaged report can't go in circles.
    while let Some(number) = next {
        let Some(found) = stacks.frames.get(number) else {
            break;
        };
        let service = found
            .service
            .as_ref()
            .map(|service| format!("{service}: "))
            .unwrap_or_default();
        names.push(frame(&format!("{service}{}", found.label)));
        next = found
            .parent
            .map(|parent| parent as usize)
            .filter(|parent| *parent < number);
    }
    names.reverse();
    names
}

/// A name without what separates frames. inferno escapes what means something to XML.
fn frame(name: &str) -> String {
    clean(name).replace(';', ",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{analysis::StackFrame, report::sample};

    fn stacks(frames: &[(Option<u32>, &str, f64, f64)]) -> WorkloadAnalysis {
        let frame =
            |(parent, label, body_us, tail_us): &(Option<u32>, &str, f64, f64)| StackFrame {
                parent: *parent,
                label: (*label).to_owned(),
                body_us: *body_us,
                tail_us: *tail_us,
                ..StackFrame::default()
            };
        let stacks = Stacks {
            above: "p99".to_owned(),
            frames: frames.iter().map(frame).collect(),
            ..Stacks::default()
        };
        WorkloadAnalysis {
            phase: "alone".to_owned(),
            workload: "search".to_owned(),
            stacks: Some(stacks),
            ..WorkloadAnalysis::default()
        }
    }

    #[test]
    fn each_chain_is_a_line_with_its_own_time_on_both_sides() {
        let found = lines(&stacks(&[
            (None, "gap", 1.0, 2.0),
            (None, "Search", 0.25, 0.5),
            (Some(1), "wait; more", 0.0, 7.0),
            (None, "none", 0.0, 0.0),
        ]));
        let expected = [
            "alone/search above p99;gap 1000 2000",
            "alone/search above p99;Search 250 500",
            "alone/search above p99;Search;wait, more 0 7000",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn names_from_outside_stay_text() {
        let mut workload = stacks(&[(None, "<script>alert(1)</script>\u{202e}", 1.0, 2.0)]);
        workload.workload = "</text><script>".to_owned();
        let analysis = Analysis {
            name: "<script>".to_owned(),
            workloads: vec![workload],
            ..Analysis::default()
        };
        let picture = String::from_utf8(render(&analysis).expect("a picture")).expect("UTF-8");
        // The one script is the picture's own.
        assert_eq!(picture.matches("<script").count(), 1, "{picture}");
        assert!(
            picture.contains("&lt;script&gt;alert(1)&lt;/script&gt;")
                && !picture.contains('\u{202e}'),
            "{picture}"
        );
    }

    #[test]
    fn a_picture_is_the_same_each_time() {
        let picture = || render(&sample::analysis()).expect("a picture");
        assert_eq!(picture(), picture());
    }

    #[test]
    fn nothing_to_draw_is_said() {
        let error = render(&Analysis::default()).expect_err("no stacks");
        assert!(
            error.0.contains("no flame graph") && error.0.contains("matched"),
            "{error}"
        );
    }
}
