//! The table of areas: what each means and how it looks. The enum, every report, the page and the
//! documentation's table are made from its rows.

use std::fmt;

/// What a stretch of a request's time was spent on, and how every report shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AreaRow {
    /// The area.
    pub id: Area,
    /// Name in reports and thresholds.
    pub name: &'static str,
    /// Whose time it is.
    pub meaning: &'static str,
    /// Tells it apart in a terminal without colours; one column wide.
    pub sign: char,
    /// Its colour in a terminal, a number of the 256-colour palette.
    pub palette: u8,
    /// Tells it apart on a page in grey print and where its colour is grey.
    pub hatch: Hatch,
    /// Its colour on a light page, `#rrggbb`.
    pub light: &'static str,
    /// Its colour on a dark page, `#rrggbb`.
    pub dark: &'static str,
}

/// Lines over the colour of an area on a page, in the colour of its ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hatch {
    /// No lines.
    None,
    /// From the lower left to the upper right.
    Rising,
    /// Rising and falling.
    Crossed,
    /// Level ones.
    Level,
}

impl Hatch {
    /// The lines in a tile of 8 by 8, as the path of an SVG; None without lines.
    #[must_use]
    pub fn path(self) -> Option<&'static str> {
        match self {
            Hatch::None => None,
            // The ends beyond the tile close the corners.
            Hatch::Rising => Some("M-1 1L1 -1M0 8L8 0M7 9L9 7"),
            Hatch::Crossed => Some("M-1 1L1 -1M0 8L8 0M7 9L9 7M-1 7L1 9M0 0L8 8M7 -1L9 1"),
            Hatch::Level => Some("M0 2H8M0 6H8"),
        }
    }
}

/// Makes the enum and its table of the rows: neither can lack one that the other has.
macro_rules! areas {
    ($($id:ident: $name:literal, $meaning:literal, $sign:literal, $palette:literal,
        $hatch:ident, $light:literal, $dark:literal;)+) => {
        /// What a stretch of a request's time was spent on, comparable between versions and ways
        /// of running Milvus.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Area {
            $(#[doc = $meaning] $id,)+
        }

        impl Area {
            /// Every area, in the order of reports.
            pub const ALL: [Area; [$($name),+].len()] = [$(Area::$id),+];
        }

        /// Every area, in the order of a request's way: that of reports, and of the pieces of a
        /// bar.
        pub static AREAS: [AreaRow; Area::ALL.len()] = [$(AreaRow {
            id: Area::$id,
            name: $name,
            meaning: $meaning,
            sign: $sign,
            palette: $palette,
            hatch: Hatch::$hatch,
            light: $light,
            dark: $dark,
        },)+];
    };
}

// The shades among the signs are kept for the areas that are often large.
#[rustfmt::skip]
areas! {
    SendLag: "send lag",
        "the client was late: planned moment to sending",
        '.', 203, None, "#d55e00", "#d55e00";
    Queue: "queue",
        "closed loop: waiting for a stream or connection; no part of service time",
        ':', 209, None, "#f2a65a", "#f2a65a";
    Retries: "retries",
        "pauses between repeated calls within Milvus",
        '!', 196, None, "#a6192e", "#a6192e";
    Gap: "gap",
        "between the client's call and Milvus' handler, both ways",
        '░', 244, Rising, "#8b95a1", "#8b95a1";
    Mesh: "mesh",
        "spans of a gateway or mesh before Milvus",
        '~', 250, Crossed, "#c3cad2", "#c3cad2";
    ProxyQueue: "proxy queue",
        "the proxy's task queue, and waking up afterwards",
        '-', 141, None, "#6f4fa0", "#6f4fa0";
    Timestamp: "timestamp",
        "timestamps and ids from the root coordinator",
        '+', 180, None, "#d98cb3", "#d98cb3";
    Planning: "planning",
        "schema, filter, plan, checks",
        '=', 75, None, "#b9a3dc", "#b9a3dc";
    ConsistencyWait: "consistency wait",
        "until the shard has consumed the writes that must be visible",
        '▒', 214, None, "#e8c900", "#e8c900";
    NodeQueue: "node queue",
        "waiting for a place on the query node",
        '▓', 220, None, "#e69f00", "#e69f00";
    Engine: "engine",
        "search or retrieval within a segment",
        '█', 70, None, "#009e73", "#009e73";
    Reduce: "reduce",
        "merging results",
        '▚', 37, None, "#56b4e9", "#56b4e9";
    NodeToNode: "node to node",
        "calls between roles",
        '>', 133, None, "#0072b2", "#0072b2";
    LogAppend: "log append",
        "writing to the log",
        '#', 172, None, "#8a5a2b", "#8a5a2b";
    Metadata: "metadata",
        "coordinators and their catalog",
        '%', 139, None, "#cc6677", "#cc6677";
    Other: "other",
        "everything else; unknown span names are listed",
        '?', 246, Level, "#d5d5cf", "#d5d5cf";
}

impl Area {
    /// Its row of the table.
    #[must_use]
    pub fn row(self) -> &'static AreaRow {
        &AREAS[self as usize]
    }

    /// Name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether an account can have it: what a closed loop waits before sending is no part of a
    /// latency.
    #[must_use]
    pub fn is_in_account(self) -> bool {
        self != Area::Queue
    }

    /// Whether two areas can stand side by side in a bar. A bar has the areas of an account in
    /// their order, and each may be absent: so any two can.
    #[must_use]
    pub fn may_touch(self, other: Area) -> bool {
        self != other && self.is_in_account() && other.is_in_account()
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
