//! One request in the terminal: its spans on one time axis, what was critical, and the account of
//! it.

use super::{
    areas::{paint_of, part_name, row_of},
    layout::{Cell, Line, Page, Paint, Table, TextStyle},
    units::{NONE, counted, duration, ms, number, ratio, share},
};
use crate::analysis::{ASIDE, Area, Waterfall, WaterfallRow};

/// Most spans that are drawn.
const MAX_ROWS: usize = 200;

/// Deepest indent that is drawn, in levels.
const MAX_DEPTH: u32 = 12;

/// Columns from which on there is room for deep indents and long bars.
const ROOMY: usize = 100;

/// Columns that names of spans have before figures give way to them.
const NAME: usize = 34;

/// Columns between what is told of a span and its bar.
const GAP: usize = 2;

/// One request as a waterfall.
#[must_use]
pub fn render_waterfall(waterfall: &Waterfall, style: TextStyle) -> String {
    let mut page = Page::new(style);
    header(&mut page, waterfall);
    page.gap();
    if waterfall.rows.is_empty() {
        page.push(Line::new(
            "no spans of this request were found",
            Paint::Doubtful,
        ));
    } else {
        let lines = spans(waterfall, page.columns());
        page.extend(lines);
        let more = waterfall.rows.len().saturating_sub(MAX_ROWS) as u64;
        if more > 0 {
            page.push(Line::new(
                &format!("… {} more", counted(more, "span")),
                Paint::Dim,
            ));
        }
        page.push(Line::default());
        page.push(Line::new(
            "█ on the critical path (▌ for less than half of the column)   ─ running, not \
             critical   → goes on",
            Paint::Dim,
        ));
    }
    page.gap();
    account(&mut page, waterfall);
    page.finish()
}

fn header(page: &mut Page, waterfall: &Waterfall) {
    let outcome = if waterfall.outcome == "ok" {
        Paint::Good
    } else {
        Paint::Bad
    };
    let title = Line::new(
        &format!(
            "{} {} #{}",
            waterfall.operation, waterfall.at, waterfall.seq
        ),
        Paint::Bold,
    );
    page.push(
        title
            .push("  ", Paint::Plain)
            .push(&waterfall.outcome, outcome)
            .push(&format!(", {}", waterfall.state), Paint::Plain),
    );
    page.push(Line::new("trace ", Paint::Dim).push(&waterfall.trace_id, Paint::Plain));
    if let Some(link) = &waterfall.link {
        page.push(Line::new(link, Paint::Plain));
    }
    page.paragraph(Line::default(), &split(waterfall), Paint::Plain);
}

/// `response time 21.3 ms = send lag 412 us + service time 20.9 ms (gap 650 us + server 20.2 ms)`.
fn split(waterfall: &Waterfall) -> String {
    let service = format!("service time {}", duration(waterfall.service_time_us));
    let service = match waterfall.gap_us {
        Some(gap) => format!(
            "{service} (gap {} + server {})",
            duration(gap),
            duration(waterfall.service_time_us - gap)
        ),
        None => format!("{service} (no server root)"),
    };
    match (waterfall.response_time_us, waterfall.send_lag_us) {
        (Some(response), Some(lag)) => format!(
            "response time {} = send lag {} + {service}",
            duration(response),
            duration(lag)
        ),
        _ => service,
    }
}

/// The time that the bars show, microseconds relative to `sent`.
#[derive(Clone, Copy, Debug)]
struct Axis {
    from: f64,
    to: f64,
    cells: usize,
}

impl Axis {
    /// From the planned moment to the end of what took part: a span left running must not squeeze
    /// the others.
    fn of(waterfall: &Waterfall, cells: usize) -> Self {
        let took_part = waterfall
            .rows
            .iter()
            .filter(|row| !ASIDE.contains(&row.area.as_str()));
        let (mut from, mut to) = (
            -finite(waterfall.send_lag_us.unwrap_or(0.0)).max(0.0),
            finite(waterfall.service_time_us),
        );
        for row in took_part {
            from = from.min(finite(row.start_us));
            to = to.max(finite(row.start_us) + finite(row.duration_us));
        }
        Self {
            from,
            to: to.max(from + 1e-3),
            cells,
        }
    }

    /// Start of column `cell`.
    fn at(self, cell: usize) -> f64 {
        self.from + (self.to - self.from) * cell as f64 / self.cells as f64
    }

    /// `running` from start to end, and over it the critical stretches.
    fn bar(self, start: f64, end: f64, critical: &[(f64, f64)]) -> String {
        let mut bar = String::new();
        for cell in 0..self.cells {
            let (from, to) = (self.at(cell), self.at(cell + 1));
            let covered: f64 = critical
                .iter()
                .map(|(start, end)| (finite(*end).min(to) - finite(*start).max(from)).max(0.0))
                .sum();
            let running = start < to && end > from || start == end && start >= from && start < to;
            bar.push(match covered / (to - from) {
                share if share >= 0.5 => '█',
                share if share > 0.0 => '▌',
                _ if running && end > self.to && cell + 1 == self.cells => '→',
                _ if running => '─',
                _ => ' ',
            });
        }
        if start >= self.to && end > start {
            bar.pop();
            bar.push('→');
        }
        bar
    }

    /// Both ends of the axis, and its middle where there is room for it.
    fn scale(self) -> String {
        let (left, middle, right) = (
            ms(self.from),
            ms((self.from + self.to) / 2.0),
            format!("{} ms", ms(self.to)),
        );
        let half = self.cells / 2;
        let start = format!("{left:<half$}{middle}");
        let start = if start.len() + 1 + right.len() > self.cells {
            left
        } else {
            start
        };
        format!(
            "{start}{right:>rest$}",
            rest = self.cells.saturating_sub(start.chars().count())
        )
    }
}

fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

fn spans(waterfall: &Waterfall, columns: usize) -> Vec<Line> {
    let (indent, least) = if columns < ROOMY {
        (" ", 22)
    } else {
        ("  ", 32)
    };
    let mut table = Table::new(2).least(NAME).droppable(&[2]);
    table.heading(&["span", "area", "self ms"]);
    if let Some(lag) = waterfall.send_lag_us.filter(|lag| *lag > 0.0) {
        table.row(vec![
            Cell::plain("(before sending)"),
            Cell::plain(Area::SendLag.name()),
            Cell::plain(&ms(lag)),
        ]);
    }
    let rows = &waterfall.rows[..waterfall.rows.len().min(MAX_ROWS)];
    let mut above: Vec<(u32, &str)> = Vec::new();
    for row in rows {
        above.retain(|(depth, _)| *depth < row.depth);
        let place = above.last().map_or("", |(_, service)| *service);
        table.row(cells(row, row.service != place && row.depth > 0, indent));
        above.push((row.depth, &row.service));
    }
    let blocks = table.blocks(columns.saturating_sub(GAP + least));
    let figures = blocks.iter().filter_map(|block| block.last());
    let taken = figures.map(Line::width).max().unwrap_or(0) + GAP;
    let axis = Axis::of(waterfall, columns.saturating_sub(taken).max(10));
    let mut lines = Vec::new();
    for (mut block, bar) in blocks.into_iter().zip(bars(waterfall, rows, axis)) {
        let last = block.pop().unwrap_or_default();
        lines.extend(block);
        lines.push(last.padded(taken).join(bar));
    }
    lines
}

/// The axis, then the bar of each row.
fn bars(waterfall: &Waterfall, rows: &[WaterfallRow], axis: Axis) -> Vec<Line> {
    let mut bars = vec![Line::new(&axis.scale(), Paint::Dim)];
    if let Some(lag) = waterfall.send_lag_us.filter(|lag| *lag > 0.0) {
        bars.push(Line::new(
            &axis.bar(-lag, 0.0, &[(-lag, 0.0)]),
            paint_of(Area::SendLag.row()),
        ));
    }
    bars.extend(rows.iter().map(|row| {
        let start = finite(row.start_us);
        Line::new(
            &axis.bar(start, start + finite(row.duration_us), &row.critical),
            paint_of(row_of(&row.area)),
        )
    }));
    bars
}

/// Name, area and self time; the service stands before the name where it changes.
fn cells(row: &WaterfallRow, names_service: bool, indent: &str) -> Vec<Cell> {
    let aside = ASIDE.contains(&row.area.as_str());
    let instance = if row.instance.is_empty() {
        String::new()
    } else {
        format!(" {}", row.instance)
    };
    let place = if names_service && !row.service.is_empty() {
        format!("{}{instance}: ", row.service)
    } else {
        String::new()
    };
    let indent = indent.repeat(row.depth.min(MAX_DEPTH) as usize);
    let name = format!("{place}{}", part_name(&row.label));
    let paint = if aside { Paint::Dim } else { Paint::Plain };
    let own = if aside {
        NONE.to_owned()
    } else {
        ms(row.self_us)
    };
    vec![
        Cell::new(&format!("{indent}{name}"), paint),
        Cell::new(&row.area, paint_of(row_of(&row.area))),
        Cell::new(&own, paint),
    ]
}

/// The parts of this request, which add up to its latency.
fn account(page: &mut Page, waterfall: &Waterfall) {
    if waterfall.parts.is_empty() {
        return;
    }
    let latency = waterfall
        .response_time_us
        .unwrap_or(waterfall.service_time_us);
    let mut table = Table::new(4).flexible(2).droppable(&[3]);
    table.heading(&["", "area", "part", "service", "ms", "share"]);
    let mut parts: Vec<_> = waterfall.parts.iter().collect();
    parts.sort_by(|a, b| {
        b.mean_us
            .total_cmp(&a.mean_us)
            .then((&a.area, &a.part).cmp(&(&b.area, &b.part)))
    });
    for part in parts {
        let look = row_of(&part.area);
        table.row(vec![
            Cell::new(&look.sign.to_string(), paint_of(look)),
            Cell::plain(&part.area),
            Cell::plain(&part_name(&part.part)),
            Cell::new(part.service.as_deref().unwrap_or("client"), Paint::Dim),
            Cell::plain(&ms(part.mean_us)),
            Cell::plain(&share(ratio(part.mean_us, latency))),
        ]);
    }
    let sum: f64 = waterfall.parts.iter().map(|part| part.mean_us).sum();
    let name = if waterfall.response_time_us.is_some() {
        "response time"
    } else {
        "service time"
    };
    table.row(vec![
        Cell::default(),
        Cell::new(name, Paint::Bold),
        Cell::default(),
        Cell::default(),
        Cell::new(&number(sum / 1e3), Paint::Bold),
        Cell::plain("100 %"),
    ]);
    let lines = table.lines(page.columns());
    page.extend(lines);
}
