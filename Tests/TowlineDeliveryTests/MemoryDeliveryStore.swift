import TowlineCore
import TowlineDelivery
import TowlineStore

/// Deliveries without a database: what waits is claimed in order, and what is recorded is kept for the test.
final class MemoryDeliveryStore: DeliveryStore {
    struct State: Sendable {
        var waiting: [ClaimedDelivery] = []
        /// The limits that were claimed with.
        var limits: [Int] = []
        /// Every group that was recorded.
        var groups: [[DeliveryReport]] = []
        /// Record calls that fail before one works.
        var failures = 0
        var trims: [(age: Duration, limit: Int)] = []
        /// What trimming finds, call by call.
        var trimmed: [Int] = []

        var reports: [DeliveryReport] { groups.flatMap { $0 } }
    }

    let state: Observed<State>

    init(_ waiting: [ClaimedDelivery] = []) { state = Observed(State(waiting: waiting)) }

    func claimDeliveries(_ request: DeliveryClaimRequest) async throws -> Claims<ClaimedDelivery> {
        state.update { state in
            state.limits.append(request.limit)
            let items = Array(state.waiting.prefix(request.limit))
            state.waiting.removeFirst(items.count)
            return Claims(items: items, nextDue: state.waiting.isEmpty ? nil : .zero)
        }
    }

    func recordDeliveries(_ reports: [DeliveryReport]) async throws -> [LeaseVerdict] {
        let fails = state.update { state in
            if state.failures > 0 {
                state.failures -= 1
                return true
            }
            state.groups.append(reports)
            return false
        }
        if fails { throw StoreError(.unavailable, "the disk is full") }
        return reports.map { _ in .recorded }
    }

    func trimDeliveryLog(olderThan age: Duration, limit: Int) async throws -> Int {
        state.update { state in
            state.trims.append((age, limit))
            return state.trimmed.isEmpty ? 0 : state.trimmed.removeFirst()
        }
    }

    func delivery(_ id: DeliveryID) async throws -> DeliveryDetail? { nil }

    func deliveries(matching filter: DeliveryFilter, limit: Int) async throws -> Page<Delivery> {
        throw StoreError(.unavailable, "not part of these tests")
    }

    func deliveryCounts() async throws -> [DeliveryState: Int] { [:] }
}

/// Answers each attempt when the test says so.
final class HeldSender: EventSender {
    /// Ids of events that are under way, in the order of their arrival.
    let arrived = Observed<[String]>([])
    private let released = Observed<Set<String>>([])

    /// Lets attempts end well.
    func release(_ events: some Sequence<String>) { released.update { $0.formUnion(events) } }

    func send(_ request: EventRequest) async -> EventExchange {
        let id = request.header("webhook-id") ?? ""
        arrived.update { $0.append(id) }
        await released.wait { $0.contains(id) }
        return EventExchange(.answered(EventAnswer(status: 200)))
    }
}
