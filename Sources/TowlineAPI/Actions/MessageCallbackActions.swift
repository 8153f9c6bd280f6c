import TowlineCore
import TowlineStore

/// Replaces the callback configuration of an application as a whole (vod-api.md 4.1).
enum SetMessageCallback: VODAction {
    static let name = "SetMessageCallback"
    static let isMutating = true
    static let parameters: Set<String> = [
        "CallbackType", "CallbackURL", "EventTypeList", "AuthSwitch", "AuthKey", "MnsEndpoint", "MnsQueueName", "AppId",
    ]

    static func run(_ parameters: ActionParameters, caller: Caller, service: VODService) async throws -> VODAnswer {
        let app = try parameters.appID().map { AppID($0) } ?? .standard
        var configuration = CallbackConfiguration(account: caller.account, app: app)
        configuration.callbackType = try parameters.required("CallbackType")
        switch configuration.callbackType.uppercased() {
        case "HTTP": try await setAddress(of: &configuration, from: parameters, service: service)
        case "MNS": try await setQueue(of: &configuration, from: parameters, service: service)
        default: throw VODError.invalidParameter("CallbackType", "It is HTTP or MNS.")
        }
        try await service.store.setCallback(configuration, nonce: caller.nonce)
        return VODAnswer()
    }

    private static func setAddress(
        of configuration: inout CallbackConfiguration, from parameters: ActionParameters, service: VODService
    ) async throws {
        configuration.callbackURL = try parameters.required("CallbackURL")
        if let problem = await CallbackAddress.problem(of: configuration.callbackURL, judge: service.callbacks) {
            throw VODError.invalidParameter("CallbackURL", problem)
        }
        configuration.eventTypeList = try eventTypeList(parameters)
        try setSigning(of: &configuration, from: parameters)
    }

    /// Takes over what belongs to a queue; `CallbackURL`, `AuthSwitch` and `AuthKey` are for HTTP only and left out.
    private static func setQueue(
        of configuration: inout CallbackConfiguration, from parameters: ActionParameters, service: VODService
    ) async throws {
        guard let queues = service.queues else {
            throw VODError.invalidParameter("CallbackType", "It is HTTP; this server has no queues.")
        }
        configuration.mnsEndpoint = try parameters.required(QueueTargets.endpointParameter)
        configuration.mnsQueueName = try parameters.required(QueueTargets.nameParameter)
        do {
            let target = try await queues.target(
                endpoint: configuration.mnsEndpoint, name: configuration.mnsQueueName, callbacks: service.callbacks)
            configuration.eventTypeList = try eventTypeList(parameters)
            if case .queue = target { configuration.isOwnQueue = true }
            try await queues.ensure(target, account: configuration.account)
        } catch let problem as QueueTargets.Problem {
            throw VODError.invalidParameter(problem.parameter, problem.detail)
        }
    }

    private static func eventTypeList(_ parameters: ActionParameters) throws(VODError) -> String {
        guard let list = parameters["EventTypeList"] else { return "" }
        let names = list.split(separator: ",", omittingEmptySubsequences: false).map { $0.filter { $0 != " " } }
        if let unknown = names.first(where: { !knownEventTypes.contains($0.lowercased()) }) {
            throw .invalidParameter(
                "EventTypeList", "It is ALL or event types joined by commas; '\(unknown.prefix(64))' is not one.")
        }
        return list
    }

    /// The vendor's event types and the names that only configurations use (vod-api.md 6.8), in lower case.
    private static let knownEventTypes: Set<String> = Set(
        """
        all aicomplete fileuploadcomplete imageuploadcomplete streamtranscodecomplete transcodecomplete \
        snapshotcomplete dynamicimagecomplete addliverecordvideocomplete liverecordvideocomposestart \
        uploadbyurlcomplete createauditcomplete aimediaauditcomplete videoanalysiscomplete aimediadnacomplete \
        aivideotagcomplete attachedmediauploadcomplete producemediacomplete deletemediacomplete \
        mediabasechangecomplete
        """.split(separator: " ").map(String.init))

    private static func setSigning(
        of configuration: inout CallbackConfiguration, from parameters: ActionParameters
    ) throws(VODError) {
        configuration.authSwitch = parameters["AuthSwitch"] ?? "off"
        guard ["on", "off"].contains(configuration.authSwitch.lowercased()) else {
            throw .invalidParameter("AuthSwitch", "It is on or off.")
        }
        guard let key = parameters["AuthKey"] else {
            if configuration.authSwitch.lowercased() == "on" { throw .missingParameter("AuthKey") }
            return
        }
        let isComplete =
            key.utf8.contains { (0x41...0x5A).contains($0) } && key.utf8.contains { (0x61...0x7A).contains($0) }
            && key.utf8.contains { (0x30...0x39).contains($0) }
        guard key.utf8.count <= 32, isComplete else {
            throw .invalidParameter(
                "AuthKey", "It has at most 32 characters, with an upper-case letter, a lower-case letter and a digit.")
        }
        configuration.authKey = key
    }
}

/// Gives back the configuration as it was set (vod-api.md 4.2).
enum GetMessageCallback: VODAction {
    static let name = "GetMessageCallback"
    static let isMutating = false
    static let parameters: Set<String> = ["AppId"]

    static func run(_ parameters: ActionParameters, caller: Caller, service: VODService) async throws -> VODAnswer {
        let app = try parameters.appID().map { AppID($0) } ?? .standard
        guard let configuration = try await service.store.callback(account: caller.account, app: app) else {
            return VODAnswer(["MessageCallback": .members(["AppId": .string(app.description)])])
        }
        // What belongs to the other type is left out, as the documentation has it.
        let isQueue = configuration.callbackType.uppercased() == "MNS"
        func onlyHTTP(_ text: String) -> JSONValue? { isQueue ? nil : .string(text) }
        func onlyQueue(_ text: String) -> JSONValue? { isQueue ? .string(text) : nil }
        return VODAnswer([
            "MessageCallback": .members([
                "AppId": .string(app.description),
                "CallbackType": .string(configuration.callbackType),
                "CallbackURL": onlyHTTP(configuration.callbackURL),
                "EventTypeList": .string(configuration.eventTypeList),
                "AuthSwitch": onlyHTTP(configuration.authSwitch),
                "AuthKey": onlyHTTP(configuration.authKey),
                "MnsEndpoint": onlyQueue(configuration.mnsEndpoint),
                "MnsQueueName": onlyQueue(configuration.mnsQueueName),
            ])
        ])
    }
}

/// Removes the configuration (vod-api.md 4.3).
enum DeleteMessageCallback: VODAction {
    static let name = "DeleteMessageCallback"
    static let isMutating = true
    static let parameters: Set<String> = ["AppId"]

    static func run(_ parameters: ActionParameters, caller: Caller, service: VODService) async throws -> VODAnswer {
        let app = try parameters.appID().map { AppID($0) } ?? .standard
        try await service.store.deleteCallback(account: caller.account, app: app, nonce: caller.nonce)
        return VODAnswer()
    }
}
