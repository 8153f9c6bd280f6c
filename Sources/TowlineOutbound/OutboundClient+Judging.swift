import Logging
import NIOCore
package import TowlineCore

/// What the policy of a client says about one URL.
package struct OutboundVerdict: Hashable, Sendable {
    /// Whether a connection may be made now.
    package let allowed: Bool
    /// The rule that decided: of the refused address, else of the first one; `unresolved` or `dns-timeout` when the
    /// name has no address.
    package let rule: String
    /// The verdict about each address of the host, in the order of the answers.
    package let addresses: [AddressVerdict]
}

extension OutboundClient {
    /// Looks a URL's host up and says which rule lets it pass or blocks it.
    ///
    /// The answer holds for now only: a call judges anew.
    package func explain(_ url: HTTPURL) async -> OutboundVerdict {
        do throws(OutboundError) {
            let verdicts = try await addresses(of: url, deadline: nil).map(policy.judge)
            let decisive = verdicts.first { !$0.allowed } ?? verdicts.first
            return OutboundVerdict(
                allowed: decisive?.allowed ?? false,
                rule: decisive?.rule ?? OutboundError.Code.unresolved.description,
                addresses: verdicts
            )
        } catch {
            return OutboundVerdict(allowed: false, rule: error.shortDescription, addresses: [])
        }
    }

    /// Looks a URL's host up and refuses it by the rules that a call would refuse it by.
    ///
    /// For settings that are saved now and called later.
    ///
    /// - Throws: ``OutboundError`` with code `addressForbidden`, `unresolved`, `dnsTimeout` or `cancelled`.
    package func judge(_ url: HTTPURL) async throws(OutboundError) {
        var trace = OutboundTrace()
        _ = try await approvedAddresses(of: url, deadline: nil, trace: &trace)
    }

    /// Every address of the host, all of them approved.
    func approvedAddresses(
        of url: HTTPURL, deadline: NIODeadline?, trace: inout OutboundTrace
    ) async throws(OutboundError) -> [IPAddress] {
        let start = NIODeadline.now()
        let addresses = try await addresses(of: url, deadline: deadline)
        trace.lookUpTime = Duration(.now() - start)
        trace.resolvedAddresses = addresses
        guard let refusal = policy.judge(all: addresses), !refusal.allowed else { return addresses }
        logger.debug("address refused", metadata: ["url": "\(url.origin)", "rule": "\(refusal.rule)"])
        throw OutboundError(
            .addressForbidden,
            retryable: false,
            "The address of the host '\(url.hostName)' is not allowed (\(refusal.rule)).",
            host: url.hostName,
            address: refusal.address,
            rule: refusal.rule
        )
    }

    /// Every address of the host, in order and each once.
    private func addresses(of url: HTTPURL, deadline: NIODeadline?) async throws(OutboundError) -> [IPAddress] {
        guard case .name(let name) = url.host else {
            guard case .address(let address) = url.host else { return [] }
            return [address]
        }
        let limit = try remaining(until: deadline, atMost: configuration.dnsTimeout)
        do {
            let answers = try await resolver.resolve(name, within: .nanoseconds(limit.nanoseconds))
            guard !answers.isEmpty else { throw ResolverError.notFound }
            var seen = Set<IPAddress>()
            return answers.filter { seen.insert($0.unmapped).inserted }
        } catch {
            throw failure(of: name, error, deadline: deadline)
        }
    }

    private func failure(of name: String, _ error: any Error, deadline: NIODeadline?) -> OutboundError {
        switch error {
        case is CancellationError: .cancelled()
        case ResolverError.timedOut:
            if let deadline, deadline <= .now() {
                OutboundFailure.timeout(.total)
            } else {
                OutboundError(
                    .dnsTimeout,
                    retryable: true,
                    "The name '\(name)' was not resolved within the time allowed."
                )
            }
        case ResolverError.notFound:
            OutboundError(.unresolved, retryable: false, "The name '\(name)' has no address.")
        case ResolverError.failed(let reason):
            OutboundError(.unresolved, retryable: true, "The name '\(name)' cannot be resolved: \(reason).")
        default: OutboundError(.unresolved, retryable: true, "The name '\(name)' cannot be resolved.")
        }
    }
}
