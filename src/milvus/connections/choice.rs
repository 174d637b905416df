//! Which connection a request takes, and which address a connection.

/// Which connection a request takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pick {
    /// One after the other; one that is down or has no stream left is passed over.
    #[default]
    RoundRobin,
    /// Always the same for one caller (closed loop) or request number (open loop), and waited for
    /// when it is down.
    Pinned,
    /// The one with the fewest requests in flight.
    LeastInFlight,
}

/// Which address of a name is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resolve {
    /// The first one that answers.
    #[default]
    First,
    /// All of them: connection n takes address n modulo their number.
    EveryAddress,
}
