import ArgumentParser
import TowlineCore

/// Which events: the same options for a list and for a replay.
struct EventFilterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Only events of this type: \(Choice.names(of: EventType.self)).", valueName: "type"))
    var type: String?

    @Option(
        name: [.customLong("state"), .customLong("status")],
        help: ArgumentHelp(
            "Only events with a delivery that stands so: \(Choice.names(of: DeliveryState.self)).",
            valueName: "state"))
    var state: String?

    @Option(help: ArgumentHelp("Only events with a delivery to this endpoint.", valueName: "endpoint"))
    var endpoint: String?

    @Option(help: ArgumentHelp("Only events of this job.", valueName: "job"))
    var job: String?

    @Option(help: ArgumentHelp("Only events of this account.", valueName: "account"))
    var account: String?

    @Option(help: ArgumentHelp("Only events of this application.", valueName: "app"))
    var app: String?

    @Option(help: ArgumentHelp("Only events made since then: \(PointInTime.shape).", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Only events made before then: a time or an age, as for --since.", valueName: "time"))
    var until: String?

    func validate() throws { _ = try query(now: PointInTime.now()) }

    /// The filter that the options describe.
    ///
    /// - Parameter now: What ages are counted back from.
    /// - Returns: The filter, its times in UTC.
    /// - Throws: `ValidationError` naming the option and what is allowed.
    func query(now: Timestamp) throws -> EventQuery {
        var query = EventQuery()
        query.type = try type.map { try Choice.value($0, "--type") }
        query.state = try state.map { try Choice.value($0, "--state") }
        if let endpoint {
            try Choice.checkID(endpoint, "--endpoint", of: EndpointID.self, listedBy: "endpoints list")
        }
        for (name, value) in [("--job", job), ("--account", account), ("--app", app)] where value?.isEmpty == true {
            throw ValidationError("\(name) must not be empty.")
        }
        query.endpoint = endpoint
        query.job = job
        query.account = account
        query.app = app
        query.since = try since.map { try PointInTime.parse($0, "--since", now: now) }
        query.until = try until.map { try PointInTime.parse($0, "--until", now: now) }
        if let since = query.since, let until = query.until, since >= until {
            throw ValidationError("--since must be before --until.")
        }
        return query
    }
}
