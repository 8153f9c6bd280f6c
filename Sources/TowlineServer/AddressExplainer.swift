import Logging
import NIOPosix
import TowlineCore
import TowlineOutbound

/// Says which rule lets a URL pass or blocks it, by the same client that would connect.
package struct AddressExplainer: Sendable {
    /// What a URL is judged as.
    package enum Purpose: String, Sendable, CaseIterable {
        case source
        case callback
    }

    /// The answer for one URL.
    package struct Explanation: Sendable, Hashable {
        /// The URL as given.
        package let url: String
        package let allowed: Bool
        /// The rule that decided; `unresolved` when the name has no address, `invalid-url` when it is not a URL.
        package let rule: String
        /// Each address with its own rule.
        package let addresses: [Address]
        /// Why it is not a URL.
        package let reason: String?

        /// One address of the host.
        package struct Address: Sendable, Hashable {
            package let address: String
            package let allowed: Bool
            package let rule: String
        }
    }

    private let client: OutboundClient

    /// An explainer with the policy that the settings give for a purpose.
    package init(settings: Settings, purpose: Purpose) {
        let allow = purpose == .source ? settings.net.sourceAllow : settings.net.callbackAllow
        var configuration = OutboundConfiguration()
        configuration.dnsTimeout = settings.pull.dnsTimeout
        client = OutboundClient(
            configuration: configuration, policy: AddressPolicy(allow: allow, deny: settings.net.deny),
            resolver: NameResolution.resolver(settings.net, group: MultiThreadedEventLoopGroup.singleton),
            logger: Logger(label: "towline", factory: { _ in SwiftLogNoOpLogHandler() }),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
    }

    /// Judges one URL as it stands now.
    package func explain(_ text: String) async -> Explanation {
        let url: HTTPURL
        do {
            url = try HTTPURL(parsing: text)
        } catch {
            return Explanation(
                url: text, allowed: false, rule: "invalid-url", addresses: [], reason: error.reason)
        }
        let verdict = await client.explain(url)
        let addresses = verdict.addresses.map {
            Explanation.Address(address: $0.address.description, allowed: $0.allowed, rule: $0.rule)
        }
        return Explanation(
            url: text, allowed: verdict.allowed, rule: addresses.isEmpty ? "unresolved" : verdict.rule,
            addresses: addresses, reason: nil)
    }

    /// Closes what was opened.
    package func close() async { await client.shutdown() }
}
