import NIOCore
import NIOPosix
import Testing
import TowlineCore
import TowlineOutbound
import TowlineStore
import TowlineTesting

@testable import TowlineDelivery

/// What one attempt is expected to lead to.
enum ExpectedVerdict: Sendable {
    case delivered
    /// Tried again by the schedule; the cause contains the text.
    case failure(String)
    /// The endpoint is asked for less; what the receiver asked for.
    case slowDown(String, pause: Duration?)
    /// The endpoint is disabled and the delivery held.
    case gone(String)
    /// Dead at once.
    case unusable(String)
}

/// One behaviour of a receiver and its outcome under both policies.
struct ReceiverCase: Sendable, CustomTestStringConvertible {
    typealias Step = ScriptedReceiver.Step

    let name: String
    /// The steps of a connection by its number.
    var steps: @Sendable (Int) -> [Step]
    /// What each event in turn leads to under `exact` and `durable`.
    var exact: [ExpectedVerdict]
    var durable: [ExpectedVerdict]
    /// Requests that arrive in all.
    var requests: ClosedRange<Int>
    /// The connections on which they arrive, where that matters.
    var connections: [Int]?
    /// Most bytes of the answer that may be kept.
    var keptBytes = 16 << 10
    /// Most bytes that the system may take from the receiver: what is kept, and what the two sockets hold.
    var sentBytes: Int?
    /// Whether the client must be the one who ends the connection.
    var isClosedByClient = false
    /// A time for the whole attempt where the behaviour is to run into it.
    var timeout = Duration.seconds(30)
    var url: @Sendable (Int) -> String = { "http://127.0.0.1:\($0)/vod/events?token=abc" }
    var leaf: TestLeaf?

    var testDescription: String { name }

    /// A behaviour of every connection that answers one event.
    init(
        _ name: String, _ steps: [Step], exact: ExpectedVerdict, durable: ExpectedVerdict,
        requests: ClosedRange<Int> = 1...1, _ change: (inout ReceiverCase) -> Void = { _ in }
    ) {
        self.init(name, exact: [exact], durable: [durable], requests: requests, steps: { _ in steps }, change)
    }

    /// A behaviour with the same outcome for one event under both policies, but for what follows from it.
    init(
        _ name: String, _ steps: [Step], _ both: ExpectedVerdict, requests: ClosedRange<Int> = 1...1,
        _ change: (inout ReceiverCase) -> Void = { _ in }
    ) {
        self.init(name, steps, exact: both, durable: both, requests: requests, change)
    }

    /// A behaviour over several events.
    init(
        _ name: String, exact: [ExpectedVerdict], durable: [ExpectedVerdict], requests: ClosedRange<Int>,
        steps: @escaping @Sendable (Int) -> [Step], _ change: (inout ReceiverCase) -> Void = { _ in }
    ) {
        self.name = name
        self.steps = steps
        self.exact = exact
        self.durable = durable
        self.requests = requests
        change(&self)
    }
}

/// Deliveries of tests.
enum TestDelivery {
    /// The wall clock of tests: 2026-01-02T03:04:05Z.
    static let now = Timestamp(milliseconds: 1_767_323_045_000)

    static func event(_ number: Int = 1, body: [UInt8]? = nil) -> Event {
        let standard = #"{"EventTime":"2026-01-02T03:04:05Z","EventType":"UploadByURLComplete","Status":"success"}"#
        return Event(
            id: EventID(rawValue: UInt128(number)), type: .uploadByURLComplete, account: .standard, app: .standard,
            job: JobID(rawValue: 7), run: 1, body: body ?? Array(standard.utf8), createdAt: now)
    }

    static func claim(
        _ url: String, _ number: Int = 1, attempt: Int = 1, policy: DeliveryPolicy.Name = .durable,
        origin: DeliveryOrigin = .event, signing: DeliverySigning = DeliverySigning()
    ) -> ClaimedDelivery {
        claim(
            to: .http(url: url), event(number), attempt: attempt, policy: policy, origin: origin, signing: signing)
    }

    static func claim(
        to target: CallbackTarget, _ event: Event = event(), attempt: Int = 1, policy: DeliveryPolicy.Name = .durable,
        origin: DeliveryOrigin = .event, signing: DeliverySigning = DeliverySigning()
    ) -> ClaimedDelivery {
        ClaimedDelivery(
            id: DeliveryID(rawValue: event.id.rawValue), lease: LeaseToken(rawValue: event.id.rawValue),
            attempt: attempt, event: event, endpoint: EndpointID(rawValue: 1), target: target, origin: origin,
            policy: policy, signing: signing)
    }

    /// A client like that of callbacks, which may go to 127.0.0.1 to 127.0.0.3 and to what is public.
    static func client(
        resolver: any HostResolver = SystemResolver(), caFile: String? = nil,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) -> OutboundClient {
        var configuration = OutboundConfiguration()
        configuration.expectsSmallResponses = true
        configuration.extraCAFile = caFile
        configuration.connectTimeout = .seconds(60)
        configuration.firstByteTimeout = .seconds(60)
        configuration.idleConnectionLifetime = .seconds(60)
        let loopback = (1...3).map { CIDR(IPAddress(v4: 0x7f00_0000 + $0), prefixLength: 32) }
        return OutboundClient(
            configuration: configuration, policy: AddressPolicy(allow: loopback), resolver: resolver, logger: .silent,
            eventLoopGroup: group)
    }

    static func runner(
        _ sender: any EventSender, queues: any QueueSender = NoQueueSender(),
        remoteQueues: any QueueSender = NoQueueSender(), timeout: Duration = .seconds(30), random: Double = 0
    ) -> DeliveryAttemptRunner {
        var configuration = DeliveryConfiguration(node: NodeID("test"))
        configuration.timeout = timeout
        configuration.responseBodyTimeout = .milliseconds(200)
        return DeliveryAttemptRunner(
            senders: EventSenders(http: sender, queues: queues, remoteQueues: remoteQueues),
            configuration: configuration, clock: SystemMonotonicClock(), wallClock: { now }, random: { random })
    }
}
