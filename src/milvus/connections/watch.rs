//! Who watches the sockets.

use std::time::Duration;

/// Who is told what happens between `sent` and `done` on this side of the socket. Called on the
/// load thread; must be cheap.
pub trait Watch {
    /// A request of connection `connection` waited so long from its hand-off until the socket had
    /// taken all of it, not held up by the window.
    fn write_delay(&self, connection: usize, waited: Duration);
    /// The newest bytes of a read had waited so long in the kernel.
    fn read_delay(&self, connection: usize, waited: Duration);
    /// A request that the server's flow-control window held up waited so long from its hand-off
    /// until the socket had taken all of it.
    fn flow_control_wait(&self, connection: usize, waited: Duration);
}
