import NIOCore

/// What carries exchanges over one channel, one after the other; confined to the channel's event loop.
protocol ExchangeCarrier: AnyObject {
    /// Sends a request; the exchange is told what comes back.
    func start(_ exchange: HTTP1Exchange, call: HTTP1Call)
    /// Reads on after the reader took what was there.
    func resumeReading(_ exchange: HTTP1Exchange)
    /// Moves the end of the time for that exchange forward.
    func limit(_ exchange: HTTP1Exchange, to deadline: NIODeadline)
    /// Closes the connection if it still carries that exchange.
    func abort(_ exchange: HTTP1Exchange)
    /// Closes the connection whatever it does; an open exchange fails.
    func closeNow()
}
