import TowlineCore

/// Follows a replay until it has made its deliveries or is cancelled.
struct ReplayFollower<Time: Clock>: Sendable where Time.Duration == Duration {
    private let id: String
    private let admin: AdminClient
    private let console: Console
    private let clock: Time
    private var area = LiveArea()
    private var told: String?

    /// Waits between two questions; the last one stays.
    private static var waits: [Duration] { [.milliseconds(50), .milliseconds(200), .milliseconds(500), .seconds(1)] }
    /// How long the server may be out of reach.
    private static var outage: Duration { .seconds(30) }

    init(_ id: String, admin: AdminClient, console: Console, clock: Time) {
        self.id = id
        self.admin = admin
        self.console = console
        self.clock = clock
    }

    /// Follows to the end.
    ///
    /// - Returns: The replay as the admin API shows it; as last known when the task was cancelled, nil when nothing is.
    /// - Throws: ``CommandFailure`` when the server was out of reach for too long; what it refuses at once.
    mutating func follow() async throws -> JSONValue? {
        var latest: JSONValue?
        var lostSince: Time.Instant?
        for step in 0... {
            do {
                let detail = try await admin.replay(id)
                latest = detail
                lostSince = nil
                let replay = AdminReplay(detail)
                show(replay)
                if replay.hasEnded { break }
            } catch let error as AdminClientError where error.isOutage {
                let since = lostSince ?? clock.now
                if lostSince == nil { note("waiting: \(error.message)") }
                lostSince = since
                guard since.duration(to: clock.now) < Self.outage else {
                    throw CommandFailure(.unreachable, "\(error.message); the replay goes on when the server does")
                }
            } catch is CancellationError {
                break
            }
            do {
                try await clock.sleep(for: Self.waits[min(step, Self.waits.count - 1)])
            } catch {
                break
            }
        }
        return latest
    }

    /// On a terminal a line that is drawn in place, elsewhere a line for each tenth.
    private mutating func show(_ replay: AdminReplay) {
        let share = Measure.percent(replay.eventsSeen, of: replay.eventsInRange)
        guard console.error.isTerminal else {
            let tenth = "\(replay.state) \(share.count > 2 ? String(share.dropLast(2)) : "0")"
            if tenth != told { console.note("\(replay.id) \(replay.state) \(share): \(replay.progress)") }
            told = tenth
            return
        }
        let plain = Style(isOn: false)
        let bar = Measure.bar(replay.eventsSeen, of: replay.eventsInRange, columns: 10, style: plain)
        draw("\(replay.state)  \(bar) \(share)  \(replay.progress)")
    }

    private mutating func note(_ text: String) {
        guard console.error.isTerminal else { return console.note(text) }
        draw(text)
    }

    private mutating func draw(_ text: String) {
        let columns = console.error.size().columns - 1
        console.error.write(area.frame([TerminalText.fit(TerminalText.clean(text), columns)]))
    }
}

/// Follows a replay for a command: Ctrl-C ends the command, not the replay.
struct ReplayWatch<Time: Clock>: Sendable where Time.Duration == Duration {
    let id: String
    let isJSON: Bool
    let admin: AdminClient
    let console: Console
    let clock: Time

    /// Follows to the end and prints the result.
    ///
    /// - Throws: ``CommandFailure`` when the replay was cancelled, the server is out of reach, or a signal came.
    func run() async throws {
        let (latest, isInterrupted) = try await Signals.cancelling { try await follow() }
        if isInterrupted || latest.map({ !AdminReplay($0).hasEnded }) ?? true {
            console.endEcho()
            throw CommandFailure(.interrupted, Self.farewell(id))
        }
        guard let latest else { return }
        let replay = AdminReplay(latest)
        isJSON ? console.print(latest) : console.print(replay.line)
        guard !replay.isCancelled else { throw CommandFailure(.failed, "the replay was cancelled") }
        if replay.open > 0 {
            console.note("'towline deliveries list --replay \(replay.id)' shows those that are open")
        }
    }

    /// What a person should know who ends the command before the replay.
    static func farewell(_ id: String) -> String {
        "interrupted; the replay goes on, 'towline replays watch \(id)' follows it and 'towline replays cancel \(id)' "
            + "ends it"
    }

    private func follow() async throws -> JSONValue? {
        var follower = ReplayFollower(id, admin: admin, console: console, clock: clock)
        return try await follower.follow()
    }
}
