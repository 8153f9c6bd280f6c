/// Where events go: the address part of a configuration or of a request's `UserData.MessageCallback`.
package enum CallbackTarget: Sendable, Hashable {
    /// An HTTP callback, the URL byte for byte as configured.
    case http(url: String)
    /// A built-in queue of the event's account.
    case queue(name: String)
    /// A queue of another MNS: scheme, host and port of its endpoint, and the name.
    case remoteQueue(endpoint: String, name: String)

    /// As one text, for stores and for people: the URL; `queue:NAME`; `mns+ENDPOINT/queues/NAME`.
    ///
    /// A callback's URL begins with `http`, so that the three cannot be taken for each other.
    package var text: String {
        switch self {
        case .http(let url): url
        case .queue(let name): Self.queuePrefix + name
        case .remoteQueue(let endpoint, let name): Self.remotePrefix + endpoint + Self.remotePath + name
        }
    }

    /// Reads what ``text`` wrote; anything else is a callback's URL.
    package init(text: String) {
        if text.hasPrefix(Self.queuePrefix) {
            self = .queue(name: String(text.dropFirst(Self.queuePrefix.count)))
        } else if text.hasPrefix(Self.remotePrefix), let path = text.ranges(of: Self.remotePath).last {
            let endpoint = text[..<path.lowerBound].dropFirst(Self.remotePrefix.count)
            self = .remoteQueue(endpoint: String(endpoint), name: String(text[path.upperBound...]))
        } else {
            self = .http(url: text)
        }
    }

    private static let queuePrefix = "queue:"
    private static let remotePrefix = "mns+"
    private static let remotePath = "/queues/"
}

/// What `SetMessageCallback` stored for one account and application (vod-api.md section 4).
package struct CallbackConfiguration: Sendable, Hashable {
    package var account: AccountID
    package var app: AppID
    /// As submitted; only its upper-cased form is judged.
    package var callbackType: String
    /// As submitted, byte for byte: the signature covers it.
    package var callbackURL: String
    /// As submitted: `MnsEndpoint`, empty for a callback over HTTP.
    package var mnsEndpoint: String
    /// As submitted: `MnsQueueName`, empty for a callback over HTTP.
    package var mnsQueueName: String
    /// Whether ``mnsEndpoint`` is this service's own address, judged when it was set.
    package var isOwnQueue: Bool
    /// As submitted: `ALL`, names joined by commas, or empty for none.
    package var eventTypeList: String
    /// As submitted: `on` or `off`.
    package var authSwitch: String
    /// In clear; stores keep it sealed.
    package var authKey: String

    /// A configuration with every text empty but the type.
    package init(account: AccountID, app: AppID) {
        self.account = account
        self.app = app
        callbackType = "HTTP"
        callbackURL = ""
        mnsEndpoint = ""
        mnsQueueName = ""
        isOwnQueue = false
        eventTypeList = ""
        authSwitch = "off"
        authKey = ""
    }

    /// Whether the filter lets an event type through.
    ///
    /// `ALL` lets everything through, empty nothing.
    package func includes(_ type: EventType) -> Bool {
        let wanted = ["all", type.rawValue.lowercased()]
        return eventTypeList.split(separator: ",").contains { wanted.contains($0.filter { $0 != " " }.lowercased()) }
    }

    /// The address, nil while none is set.
    package var target: CallbackTarget? {
        guard callbackType.uppercased() == "MNS" else { return callbackURL.isEmpty ? nil : .http(url: callbackURL) }
        guard !mnsQueueName.isEmpty else { return nil }
        guard !isOwnQueue else { return .queue(name: mnsQueueName) }
        // Endpoints are written with a slash at their end and without: the same queue is one target.
        var endpoint = mnsEndpoint[...]
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        return .remoteQueue(endpoint: String(endpoint), name: mnsQueueName)
    }

    /// The key that signs callbacks now, nil while signing is off.
    package var signingKey: String? {
        authSwitch.lowercased() == "on" && !authKey.isEmpty ? authKey : nil
    }
}
