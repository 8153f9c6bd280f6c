import TowlineClient
import TowlineCore

/// A callback configuration, for a person or a script to read.
struct CallbackReport: Sendable {
    private let callback: MessageCallback?
    let appID: String

    init(_ callback: MessageCallback?, appID: String?) {
        self.callback = callback
        self.appID = callback?.appID ?? appID ?? AppID.standard.description
    }

    /// One object without what is not set; the key in clear.
    var json: JSONValue {
        .members([
            "appId": .string(appID),
            "callbackType": callback.map { .string($0.callbackType) },
            "callbackUrl": callback?.callbackURL.json,
            "eventTypeList": callback.map { .string($0.eventTypeList) },
            "authSwitch": callback.flatMap { $0.queueName == nil ? .string($0.isSigned ? "on" : "off") : nil },
            "authKey": callback?.authKey.json,
            "mnsEndpoint": callback?.queueEndpoint.json,
            "mnsQueueName": callback?.queueName.json,
        ])
    }

    /// The lines; none when nothing is set.
    var lines: [String] {
        guard let callback else { return [] }
        let events = callback.eventTypeList.isEmpty ? "none" : callback.eventTypeList
        let facts: KeyValuePairs<String, String?> = [
            "Application": appID,
            "Type": callback.callbackType,
            "URL": callback.callbackURL,
            "Queue": callback.queueName,
            "Endpoint": callback.queueEndpoint,
            "Events": events,
            "Signed": callback.queueName == nil ? (callback.isSigned ? "yes, the key is set" : "no") : nil,
        ]
        return facts.compactMap { name, value in
            value.map { TerminalText.pad(name, 13) + TerminalText.clean($0) }
        }
    }

    func print(asJSON: Bool, to console: Console) {
        guard !asJSON else { return console.print(json) }
        guard callback != nil else { return console.note("no callback is set for \(appID)") }
        for line in lines { console.print(line) }
    }
}
