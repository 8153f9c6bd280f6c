import TowlineCore

@testable import TowlineClient
@testable import TowlineCommands

/// Makes runs of `towline listen` whose clock moves only when they wait, and keeps what they write.
struct ListenHarness {
    let captured = Captured()
    let clock = StepClock()

    func run(
        _ plan: ListenPlan, _ server: String, timeout: Duration = .seconds(5), loss: OutputLoss? = nil
    ) throws -> ListenRun<StepClock> {
        ListenRun(
            plan: plan, admin: AdminClient(endpoint: try Endpoint(server), token: "t"),
            handler: .connectingAnew(timeout: timeout), console: captured.console(loss: loss), clock: clock)
    }

    func plan(
        once limit: Int? = nil, forward: String? = nil, signAs: String? = nil, attempts: Int = 3, stops: Bool = false
    ) throws -> ListenPlan {
        var plan = ListenPlan(name: "here")
        plan.limit = limit
        plan.forwarding = try forward.map { url in
            ListenPlan.Forwarding(
                url: try HTTPURL(parsing: url), signAs: signAs, typedURL: url, attempts: attempts,
                isStoppingOnFailure: stops)
        }
        return plan
    }

    /// What was printed of the handler's answers.
    var attemptLines: [String] { captured.lines.filter { $0.hasPrefix(" ") } }
}
