//! The icon of a page's tab: its result in one mark, told apart by shape as well as by colour. It
//! stands in the page, as everything else.

/// What a page says in one mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Icon {
    Good,
    /// More than good: an improvement.
    Better,
    Doubtful,
    Bad,
    /// Neither good nor bad was shown.
    Unknown,
}

impl Icon {
    /// Class of the box of a verdict, which has its colours.
    pub(in crate::report) fn class(self) -> &'static str {
        match self {
            Self::Good => "valid",
            Self::Better => "better",
            Self::Doubtful => "reservations",
            Self::Bad => "invalid",
            Self::Unknown => "unknown",
        }
    }

    /// The mark as a letter.
    pub(in crate::report) fn mark(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Better => "+",
            Self::Doubtful => "!",
            Self::Bad => "✕",
            Self::Unknown => "?",
        }
    }

    /// A `data:` address of the icon.
    pub(in crate::report) fn address(self) -> String {
        // As in report.css, on light paper; `#` would end the address.
        let (color, mark) = match self {
            Self::Good => ("1f7a4d", "M4 8.5l3 3 5-6.5"),
            Self::Better => ("2456a6", "M8 4v8M4 8h8"),
            Self::Doubtful => ("9a6200", "M8 3.5v5.5M8 11v1.5"),
            Self::Bad => ("b3261e", "M5 5l6 6M11 5l-6 6"),
            Self::Unknown => ("5a606a", "M4 6.5h8M4 10h8"),
        };
        format!(
            "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 \
             16'%3E%3Ccircle cx='8' cy='8' r='8' fill='%23{color}'/%3E%3Cpath d='{mark}' \
             fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E"
        )
    }
}
