//! The words of the page: what the template fills in.

use askama::Template;

use super::{
    SCRIPT, STYLE, UPLOT,
    answer::{self, AnswerWords},
    side_by_side::{PhasesWords, Sweep, phases},
    verdict::{VerdictWords, verdict},
    workload::{WorkloadWords, used_columns, words},
};
use crate::{
    analysis::{Analysis, ConnectionFigures, PhaseMachine, WorkloadAnalysis},
    report::{
        classes::HEADINGS,
        clean,
        text::{
            closing::{collections, step_us, warmup},
            connections,
            head::{source, status_note},
        },
        units::{count, counted, duration, number},
    },
};

/// The whole page. Everything in it is text, escaped by the template, but for `data` (see
/// [`super::data`]) and the three files of this crate.
#[derive(Debug, Template)]
#[template(path = "report.html")]
pub(super) struct Page {
    policy: String,
    name: String,
    description: String,
    verdict: VerdictWords,
    status_note: String,
    /// Headings of the table of workloads.
    overview: Vec<&'static str>,
    workloads: Vec<WorkloadWords>,
    /// Headings of the tables of classes.
    class_headings: [&'static str; HEADINGS.len()],
    answers: Vec<AnswerWords>,
    sweeps: Vec<Sweep>,
    /// Whether these are the question, and not several phases.
    is_sweep: bool,
    comparisons: Vec<PhasesWords>,
    warnings: Vec<String>,
    errors: Vec<ErrorWords>,
    environment: Vec<(String, String)>,
    /// Phases whose machine is drawn.
    machines: Vec<MachineWords>,
    preparation: Vec<(String, String)>,
    plan: Vec<(String, String)>,
    footer: String,
    data: String,
    style: &'static str,
    uplot: &'static str,
    script: &'static str,
}

#[derive(Debug)]
struct ErrorWords {
    at: String,
    outcome: String,
    text: String,
}

/// What ran on the client's machine during a phase.
#[derive(Debug)]
struct MachineWords {
    /// Place among all phases.
    index: usize,
    phase: String,
    cores: String,
    /// Milvus and Jaeger, and how they were found.
    servers: String,
}

impl Page {
    /// The page of `analysis`.
    pub(super) fn new(
        analysis: &Analysis,
        sweeps: Vec<Sweep>,
        data: String,
        policy: String,
    ) -> Self {
        let measured: Vec<(usize, &WorkloadAnalysis)> = analysis
            .workloads
            .iter()
            .enumerate()
            .filter(|(_, workload)| !workload.is_preparation())
            .collect();
        let mut workloads: Vec<WorkloadWords> = measured
            .iter()
            .map(|(index, workload)| words(*index, workload))
            .collect();
        let overview = used_columns(&mut workloads);
        let places: Vec<Vec<usize>> = sweeps.iter().map(Sweep::places).collect();
        let cleaned = |rows: &[(String, String)]| {
            rows.iter()
                .map(|(key, value)| (clean(key), clean(value)))
                .collect()
        };
        let error = |error: &crate::analysis::ErrorText| ErrorWords {
            at: clean(&error.at),
            outcome: clean(&error.outcome),
            text: clean(&error.text),
        };
        Self {
            policy,
            name: clean(&analysis.name),
            description: clean(analysis.description.trim()),
            verdict: verdict(analysis),
            status_note: clean(&status_note(analysis).unwrap_or_default()),
            answers: answer::words(analysis, &places),
            is_sweep: sweeps.iter().any(|sweep| !sweep.keys.is_empty()),
            sweeps,
            comparisons: phases(&measured),
            overview,
            workloads,
            class_headings: HEADINGS,
            warnings: analysis
                .warnings
                .iter()
                .map(|warning| clean(warning))
                .collect(),
            errors: analysis.errors.iter().map(error).collect(),
            environment: environment(analysis),
            machines: analysis
                .machine
                .iter()
                .enumerate()
                .map(|(index, machine)| machine_words(index, machine))
                .collect(),
            preparation: preparation(analysis),
            plan: cleaned(&analysis.plan),
            footer: format!(
                "Report of {}, made from its folder alone. Charts by uPlot 1.6.32 (MIT licence).",
                clean(&analysis.run)
            ),
            data,
            style: STYLE,
            uplot: UPLOT,
            script: SCRIPT,
        }
    }
}

fn environment(analysis: &Analysis) -> Vec<(String, String)> {
    let mut rows = vec![
        ("run".to_owned(), clean(&analysis.run)),
        ("status".to_owned(), clean(&analysis.status)),
    ];
    rows.extend(
        collections(&analysis.collections)
            .into_iter()
            .map(|text| ("collection".to_owned(), clean(&text))),
    );
    rows.extend(
        analysis
            .environment
            .iter()
            .map(|(key, value)| (clean(key), clean(value))),
    );
    let own = |figures: &ConnectionFigures| {
        (
            format!("client's part of the gap, {}", clean(&figures.phase)),
            format!(
                "{}; ms, p50/p99/max",
                connections::figures(figures).join(", ")
            ),
        )
    };
    rows.extend(analysis.connections.iter().map(own));
    rows.push((
        "spans".to_owned(),
        analysis
            .spans
            .as_ref()
            .map_or("none were read".to_owned(), |spans| clean(&source(spans))),
    ));
    rows
}

fn machine_words(index: usize, machine: &PhaseMachine) -> MachineWords {
    let servers = machine.use_of.servers.iter().map(|server| {
        let pids: Vec<String> = server.pids.iter().map(ToString::to_string).collect();
        format!(
            "{} (pid {}): {}",
            clean(&server.name),
            pids.join(", "),
            clean(&server.how)
        )
    });
    let servers: Vec<String> = servers.collect();
    let servers = if servers.is_empty() {
        "no Milvus and no Jaeger was found on it".to_owned()
    } else {
        servers.join("; ")
    };
    MachineWords {
        index,
        phase: clean(&machine.phase),
        cores: counted(u64::from(machine.use_of.cores), "core"),
        servers,
    }
}

fn preparation(analysis: &Analysis) -> Vec<(String, String)> {
    let steps = analysis
        .workloads
        .iter()
        .filter(|workload| workload.is_preparation() && workload.requests.due > 0);
    let row = |step: &WorkloadAnalysis| {
        let rows = step
            .rows_per_s
            .map(|rows| format!(", {} rows/s", number(rows)))
            .unwrap_or_default();
        let failed = if step.requests.failed > 0 {
            format!(", {} failed", count(step.requests.failed))
        } else {
            String::new()
        };
        (
            clean(&step.workload),
            format!("{}{rows}{failed}", duration(step_us(step))),
        )
    };
    steps
        .map(row)
        .chain(warmup(analysis).map(|words| ("not counted".to_owned(), words)))
        .collect()
}
