package import ArgumentParser

/// `towline pull`: submits URLs and follows their jobs.
package struct PullCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "pull",
        abstract: "Submits URLs and follows their jobs.",
        discussion: """
            Submits the URLs by the signed VOD API, in calls of up to 20, and waits until every job has ended. Progress \
            goes to stderr: a bar for each job on a terminal, a line for each change elsewhere. Bytes come from the admin \
            API; without it, progress shows states only.

            Results go to stdout in the order of the URLs, one line each: the job, its status, the URL, and the size or \
            the error. With --json each line is an object with id, mediaId, source (the URL), status, bytesTotal, \
            errorCode and errorMessage, named as in 'towline jobs list --json', null where there is nothing. The status \
            REFUSED marks a URL that the server did not take.

            A job is done with the status SUCCESS. One that is stored while its callback is open (UPLOAD_SUCCESS) is \
            waited for another 30 seconds and counts as done then. Ctrl-C ends the command, not the jobs.

            Exit code: 0 if all succeeded, 1 if one failed or was refused, 2 for wrong usage, 3 if the server is out of \
            reach, 130 after Ctrl-C.

            Examples:
              towline pull https://media.example.com/lesson-01.mp4
              towline pull --title "Lesson 1" https://media.example.com/lesson-01.mp4
              towline pull --callback https://hook.example.com https://example.com/a.mp4
              towline pull --mirror https://b.example/a.mp4 https://a.example/a.mp4
              towline pull --header "X-Token: abc" --priority 1 https://a.example/a.mp4
              towline pull --no-wait --json http://a.example/1.mp4 http://a.example/2.mp4
            """
    )

    @Argument(help: ArgumentHelp("http and https URLs, not encoded beyond what a URL needs.", valueName: "url"))
    var urls: [String]

    @Option(help: ArgumentHelp("The title of the media; the file name unless given.", valueName: "text"))
    var title: String?

    @Option(
        help: ArgumentHelp(
            "Where the events of these jobs go in place of the set callback; without a set one it has no effect.",
            valueName: "url"))
    var callback: String?

    @Flag(inversion: .prefixedNo, help: "Wait until the jobs have ended.")
    var wait = true

    @Option(help: ArgumentHelp("A text that the events hand back as Extend.", valueName: "text"))
    var extend: String?

    @Option(help: ArgumentHelp("Such as mp4, for URLs whose path has no extension.", valueName: "extension"))
    var fileExtension: String?

    @Option(
        name: .customLong("mirror"),
        help: ArgumentHelp(
            "A further URL of the same file, tried when those before it fail; up to eight, with one URL.",
            valueName: "url"))
    var mirrors: [String] = []

    @Option(
        name: .customLong("header"),
        help: ArgumentHelp(
            "A header field for the URL's own origin, as 'Name: value'; stored encrypted. May stand several times.",
            valueName: "field"))
    var headers: [String] = []

    @Option(
        help: ArgumentHelp("What the file's SHA-256 must be, with one URL; another file is refused.", valueName: "hex"))
    var sha256: String?

    @Option(help: ArgumentHelp("1, the most urgent, to 16. (default: 8)", valueName: "number"))
    var priority: Int?

    @Option(
        help: ArgumentHelp(
            "How long the jobs may wait for their turn; 0 for ever. (default: the server's setting)",
            valueName: "seconds"))
    var expireSeconds: Int?

    @Option(help: ArgumentHelp("The application. (default: app-1000000)", valueName: "id"))
    var appID: String?

    @Option(help: ArgumentHelp("Refuse to submit twice with the same mark within ten minutes.", valueName: "mark"))
    var sessionID: String?

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @OptionGroup(title: "Server")
    var server: ServerOptions

    package init() {}

    package func run() async throws {
        var plan = PullPlan(
            urls: urls, title: title, callback: callback, extend: extend, fileExtension: fileExtension, appID: appID,
            sessionID: sessionID)
        plan.mirrors = mirrors
        plan.headers = headers
        plan.sha256 = sha256
        plan.priority = priority
        plan.expireSeconds = expireSeconds
        let run = PullRun(
            plan: plan, isWaiting: wait, isJSON: json, client: try server.vodClient(),
            admin: try server.adminClient(), console: .standard)
        try await run.run()
    }
}
