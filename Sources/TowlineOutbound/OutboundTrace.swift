import NIOCore
package import TowlineCore

/// What is known about how one request went over the network, for the record of a job.
///
/// A call that follows redirects has one for each hop: the last in the response or the error, the others in
/// ``OutboundHop``. Times are monotonic. It holds no secret and no part of a URL.
package struct OutboundTrace: Hashable, Sendable {
    /// One address that could not be used.
    package struct FailedAddress: Hashable, Sendable {
        /// The address.
        package var address: IPAddress
        /// The kind of failure.
        package var code: OutboundError.Code
        /// What happened, as one sentence without secrets.
        package var message: String
        /// How long it took.
        package var time: Duration

        /// Makes a record of one failed try.
        package init(address: IPAddress, code: OutboundError.Code, message: String, time: Duration) {
            self.address = address
            self.code = code
            self.message = message
            self.time = time
        }
    }

    /// Every address that the host had, in the order of the answers; empty when it was not looked up, or had none.
    package var resolvedAddresses: [IPAddress] = []
    /// The address of the host that the request went to, also through a proxy; `nil` when none was connected.
    package var address: IPAddress?
    /// Every address that was tried before in vain, in order.
    package var failedAddresses: [FailedAddress] = []
    /// What is known about the connection; `nil` when there was none.
    package var connection: OutboundResponse.ConnectionInfo?
    /// How long the look-up took; near zero for an address, `nil` when it did not end.
    package var lookUpTime: Duration?
    /// How long the address that was connected took, TLS included; `nil` on a connection that was open already.
    package var connectTime: Duration?
    /// How much of that was TLS; `nil` without TLS and on a connection that was open already.
    package var tlsTime: Duration?
    /// How long the first byte of a response took from the moment the request was handed to its connection.
    package var firstByteTime: Duration?

    /// Makes a trace of nothing.
    package init() {}
}

extension OutboundTrace {
    /// Takes down the address that failed.
    mutating func note(_ failure: OutboundError, at address: IPAddress, since start: NIODeadline) {
        failedAddresses.append(
            FailedAddress(
                address: address, code: failure.code, message: failure.message, time: Duration(.now() - start)))
    }

    /// Takes down the connection that carries the request.
    mutating func note(_ connection: HTTP1Connection, isReused: Bool) {
        let facts = connection.facts
        address = connection.key.address
        self.connection = OutboundResponse.ConnectionInfo(
            tlsVersion: facts.tlsVersion, applicationProtocol: facts.applicationProtocol, isReused: isReused,
            isThroughProxy: connection.key.isThroughProxy)
        connectTime = isReused ? nil : Duration(facts.connectTime)
        tlsTime = isReused ? nil : facts.tlsTime.map(Duration.init)
        firstByteTime = nil
    }
}
