/// What a receiver asks for.
package struct ReceiveRequest: Sendable, Hashable {
    /// Most messages to return, 1 to 16.
    package var count: Int
    /// How long to wait for the first one, 0 to 30 s; nil for the queue's attribute.
    package var wait: Duration?
    /// How long the messages stay hidden, 1 to 43,200 s; nil for the queue's attribute, which is all that the wire knows.
    package var visibility: Duration?

    /// Joins the parts of a request.
    package init(count: Int = 1, wait: Duration? = nil, visibility: Duration? = nil) {
        self.count = count
        self.wait = wait
        self.visibility = visibility
    }

    /// Refuses values out of their ranges.
    ///
    /// - Throws: ``QueueError`` with code `argumentInvalid` that names the value and its range.
    package func validate() throws(QueueError) {
        try QueueLimit.receiveCount.check(count)
        if let wait { try QueueLimit.wait.check(wait) }
        if let visibility { try QueueLimit.visibility.check(visibility) }
    }
}
