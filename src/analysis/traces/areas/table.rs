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
    ($($id:ident: $name:literal, $meaning:literal,
        sign: $sign:literal, palette: $palette:literal,
        hatch: $hatch:ident, light: $light:literal, dark: $dark:literal;)+) => {
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

// The shades among the signs are kept for the areas that are often large. `benches/palette.rs` has
// found the colours of pages, `tests/areas.rs` has their rules.
#[rustfmt::skip]
areas! {
    SendLag: "send lag",
        "the client was late: planned moment to sending",
        sign: '.', palette: 203, hatch: None, light: "#da7b1c", dark: "#c55f01";
    Queue: "queue",
        "closed loop: waiting for a stream or connection; not part of service time",
        sign: ':', palette: 209, hatch: None, light: "#b57a45", dark: "#f4ab6a";
    Retries: "retries",
        "pauses between repeated calls within Milvus",
        sign: '!', palette: 196, hatch: None, light: "#481b1c", dark: "#b0414a";
    Gap: "gap",
        "between the client's call and the Milvus handler, in both directions",
        sign: '░', palette: 244, hatch: Rising, light: "#3f464e", dark: "#837f7c";
    Mesh: "mesh",
        "spans of a gateway or mesh before Milvus",
        sign: '~', palette: 250, hatch: Crossed, light: "#848485", dark: "#dcecfc";
    ProxyQueue: "proxy queue",
        "the proxy's task queue, and waking up afterwards",
        sign: '-', palette: 141, hatch: None, light: "#2b2af5", dark: "#6c52c3";
    Timestamp: "timestamp",
        "timestamps and ids from the root coordinator",
        sign: '+', palette: 180, hatch: None, light: "#7a6186", dark: "#7d5a7a";
    Planning: "planning",
        "schema, filter, plan, checks",
        sign: '=', palette: 75, hatch: None, light: "#8692b8", dark: "#9c88ab";
    ConsistencyWait: "consistency wait",
        "until the shard has consumed the writes that the request must see",
        sign: '▒', palette: 214, hatch: None, light: "#9e9270", dark: "#fffc3c";
    NodeQueue: "node queue",
        "waiting for a place on the query node",
        sign: '▓', palette: 220, hatch: None, light: "#9c5a00", dark: "#e69f02";
    Engine: "engine",
        "search or retrieval within a segment",
        sign: '█', palette: 70, hatch: None, light: "#187255", dark: "#92e99a";
    Reduce: "reduce",
        "merging results",
        sign: '▚', palette: 37, hatch: None, light: "#007cff", dark: "#67c5fc";
    NodeToNode: "node to node",
        "calls between roles",
        sign: '>', palette: 133, hatch: None, light: "#073e84", dark: "#548bff";
    LogAppend: "log append",
        "writing to the log",
        sign: '#', palette: 172, hatch: None, light: "#722c01", dark: "#ad9571";
    Metadata: "metadata",
        "coordinators and their catalog",
        sign: '%', palette: 139, hatch: None, light: "#02054b", dark: "#84c2b2";
    Other: "other",
        "everything else; unknown span names are listed",
        sign: '?', palette: 246, hatch: Level, light: "#000114", dark: "#fefff0";
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

    /// Whether a latency breakdown can have it: what a closed loop waits before sending is no part
    /// of a latency.
    #[must_use]
    pub fn is_in_account(self) -> bool {
        self != Area::Queue
    }

    /// Whether two areas can stand side by side in a bar. A bar has the areas of a latency
    /// breakdown in their order, and each may be absent: so any two can.
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
