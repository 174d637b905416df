//! What is kept of a run: samples, histograms, the run folder with its format version, warnings.
//!
//! Everything that is reported later comes from here and from the spans; nothing else links
//! measuring and reporting.

mod clock;
mod collection;
pub mod environment;
mod folder;
mod histogram;
mod hlog;
mod info;
mod interval;
mod line;
mod machine;
mod own_file;
mod part;
mod recorder;
mod reply;
mod reply_rows;
mod sample;
mod switch;
mod warning;
mod writer;

pub use clock::{ClockAnchor, RunClock};
pub use collection::{CollectionState, is_brute_force};
pub use folder::{FolderError, RequestReader, RunFolder, RunReader};
pub use hlog::{
    FigureHistograms, HistogramKey, SecondCounts, SocketInterval, read_histograms, read_sockets,
};
pub use info::*;
pub use interval::Interval;
pub use machine::{LocalServer, MachineUse};
pub use own_file::{open_regular, own_file, read_regular};
pub use part::Part;
pub use recorder::Recorder;
pub use reply::{Reply, ReplyIds};
pub use sample::{Figure, Outcome, RequestLine, Sample, SocketFigure, StreamId, TRUTH_WRONG};
pub use switch::TracingSwitch;
pub use warning::Warning;
pub use writer::{OnInterval, QueryNumbers, RunWriter, WriterCounters};
